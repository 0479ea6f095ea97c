"""Interactions by position, and a digest of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recbook.checks import (
    check_count,
    check_default_device,
    check_kind,
    check_positions,
    check_tensor,
)
from recbook.memory import check_memory
from recbook.sparse import row_entries

__all__ = ["Interactions", "check_part", "pairs_digest"]


_MANY = 10**7  # below, nobody asks what memory is free, which takes a millisecond


_ENCODE = (
    "raw ids are encoded by random_split and given_split, and looked up by split.position; drop "
    "rows that have none (NaN)"
)


@dataclass(frozen=True, eq=False)
class Interactions:
    r"""The edges of a user-item graph: user ``user[n]`` interacted with item ``item[n]``.

    Args:
        user: user positions, ``LongTensor`` of shape ``(n,)``, each in ``0 .. num_users-1``.
        item: item positions, ``LongTensor`` of shape ``(n,)``, each in ``0 .. num_items-1``.
        num_users: number of users, those without an interaction included.
        num_items: number of items, those without an interaction included.

    Raises:
        TypeError: on what are no positions, or no counts.
        ValueError: on different lengths, or a position that is out of range. That no pair comes
            twice is looked at by :meth:`from_pairs` alone.
        MemoryError: on so many users and items that a number for each does not fit.
    """

    user: Tensor
    item: Tensor
    num_users: int
    num_items: int

    def __post_init__(self) -> None:
        for name in ("user", "item"):
            number = check_count(f"num_{name}s", getattr(self, f"num_{name}s"))
            if number > _MANY:
                check_memory({f"a number for each {name}": (number, 8)}, _ENCODE)
            value = check_tensor(name, getattr(self, name), "n", of="positions", number=number)
            object.__setattr__(self, name, value.long())
        if len(self.user) != len(self.item):
            raise ValueError(
                f"got {len(self.user)} users and {len(self.item)} items, expected pairs: as many "
                "of one as of the other"
            )

    @classmethod
    def from_pairs(
        cls,
        user: Any,
        item: Any,
        num_users: int | None = None,
        num_items: int | None = None,
    ) -> Interactions:
        """Check positions and wrap them.

        Args:
            user: user positions, a list, array, tensor or Series of ``n`` whole numbers; a Series'
                index is not looked at.
            item: item positions, likewise.
            num_users: defaults to the largest user position plus one.
            num_items: defaults to the largest item position plus one.

        Raises:
            TypeError: on text, floats, a mask: anything but whole numbers.
            ValueError: on no pairs, different lengths, a position that is negative or too large,
                raw ids in place of positions, or a pair that occurs twice.

        >>> train = Interactions.from_pairs(user=[0, 0, 1], item=[0, 1, 1], num_items=3)
        >>> len(train), train.num_users, train.num_items, train.item_degree.tolist()
        (3, 2, 3, [1, 2, 0])
        """
        users, num_users = _positions("user", user, num_users)
        items, num_items = _positions("item", item, num_items)
        pairs = cls(users, items, num_users, num_items)
        unique, count = torch.unique(users * num_items + items, return_counts=True)
        if len(unique) < len(users):
            first = unique[count > 1][0].item()
            raise ValueError(
                f"got {len(users) - len(unique)} duplicate pairs, the first is user "
                f"{first // num_items} with item {first % num_items}, expected each pair once; "
                "drop the duplicates first"
            )
        return pairs

    def __repr__(self) -> str:
        return (
            f"Interactions({len(self):,} of {self.num_users:,} users with {self.num_items:,} items)"
        )

    def __len__(self) -> int:
        return len(self.user)

    @property
    def user_degree(self) -> Tensor:
        """How many items each user has, ``LongTensor`` of shape ``(num_users,)``."""
        return torch.bincount(self.user, minlength=self.num_users)

    @property
    def item_degree(self) -> Tensor:
        """How many users each item has, ``LongTensor`` of shape ``(num_items,)``."""
        return torch.bincount(self.item, minlength=self.num_items)

    @cached_property
    def by_user(self) -> tuple[Tensor, Tensor]:
        """The same pairs sorted by user, as ``(indptr, items)``.

        User ``u`` has ``items[indptr[u]:indptr[u + 1]]``, ascending; ``indptr`` has shape
        ``(num_users + 1,)``, ``items`` has shape ``(n,)``.
        """
        order = torch.argsort(self.user * self.num_items + self.item)
        indptr = torch.zeros(self.num_users + 1, dtype=torch.long)
        torch.cumsum(self.user_degree, dim=0, out=indptr[1:])
        return indptr, self.item[order]

    def pairs_of(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """The pairs of some users: ``(row, item)``, ``row`` counting along ``users``, ascending."""
        indptr, items = self.by_user
        row, entry = row_entries(indptr, users)
        return row, items[entry]

    def is_in(self, *parts: Interactions) -> Tensor:
        """For each pair whether one of these parts has it, ``bool`` of shape ``(n,)``.

        Raises:
            TypeError, ValueError: on what are no parts of the same size.

        >>> all_three = Interactions.from_pairs([0, 0, 1], [0, 1, 1])
        >>> all_three.is_in(Interactions.from_pairs([0, 1], [1, 1]))
        tensor([False,  True,  True])
        """
        for part in parts:
            check_part("parts", part, self.num_users, self.num_items, empty=True)
        mine, *theirs = (part.user * part.num_items + part.item for part in (self, *parts))
        return torch.isin(mine, torch.cat([mine[:0], *theirs]))

    @property
    def matrix(self) -> csr_array:
        """Ones at the pairs, in doubles, sparse, shape ``(num_users, num_items)``."""
        pairs = (self.user.numpy(), self.item.numpy())
        return csr_array((np.ones(len(self)), pairs), shape=(self.num_users, self.num_items))

    def dense_rows(self, users: Tensor) -> Tensor:
        """Rows of the interaction matrix, ``bool`` of shape ``(len(users), num_items)``.

        Raises:
            TypeError, ValueError: on what are no positions of users.
            MemoryError: where they do not fit.
        """
        users = check_positions("users", users, self.num_users)
        if len(users) * self.num_items > _MANY:
            check_memory({"rows": (len(users), self.num_items)}, "ask for fewer users at a time")
        rows = torch.zeros(len(users), self.num_items, dtype=torch.bool)
        rows[self.pairs_of(users)] = True
        return rows


def check_part(
    name: str,
    part: Any,
    num_users: int | None = None,
    num_items: int | None = None,
    empty: bool = False,
) -> None:
    """Refuse what are no Interactions, of another size, or none at all.

    Args:
        name: what they are, for the message.
        part: the interactions.
        num_users: how many users it is to have; None for any number.
        num_items: how many items; None for any number.
        empty: whether it may be without a pair.

    Raises:
        TypeError: on anything but :class:`Interactions`.
        ValueError: on another number of users or items, or where there is no pair.
        RuntimeError: where tensors are made elsewhere than on the CPU unless one says so.
    """
    check_default_device()
    check_kind(
        name, part, Interactions, hint="see Interactions.from_pairs, or the parts of a Split"
    )
    size = part.num_users, part.num_items
    expected = tuple(
        there if asked is None else asked
        for asked, there in zip((num_users, num_items), size, strict=True)
    )
    if size != expected:
        raise ValueError(
            f"{name}: got {size[0]} users and {size[1]} items, expected {expected[0]} and "
            f"{expected[1]}; take all parts from one Split, or pass the same num_users and "
            "num_items to each Interactions.from_pairs"
        )
    if not (empty or len(part)):
        raise ValueError(f"{name}: got no interaction, expected at least one; is the data empty?")


def pairs_digest(*parts: Interactions | None) -> str:
    """A digest of the size and the pairs of each part, in 16 letters, whatever the pairs' order.

    >>> one, two = (Interactions.from_pairs([0, n], [0, 1], 2, 2) for n in (0, 1))
    >>> pairs_digest(one, None) == pairs_digest(two, None), pairs_digest(one) == pairs_digest(one)
    (False, True)
    """
    digest = hashlib.sha256()
    for part in parts:
        if part is not None:
            check_part("part", part, empty=True)
            digest.update(f"{part.num_users} x {part.num_items}:".encode())
            pairs = (part.user * part.num_items + part.item).sort().values
            digest.update(pairs.numpy().astype("<i8").tobytes())
        digest.update(b"|")
    return digest.hexdigest()[:16]


def _positions(name: str, values: Any, number: int | None) -> tuple[Tensor, int]:
    positions = check_positions(name, values, hint=_ENCODE)
    if len(positions) == 0:
        raise ValueError(f"{name}: got no position, expected at least one; is the data empty?")
    largest = int(positions.max())
    if number is None:
        number = largest + 1
        if number > 10 * len(positions) + 10**6:
            raise ValueError(
                f"{name}: got position {largest} among {len(positions)} pairs, expected positions "
                f"0, 1, 2, ...; {_ENCODE}; where it is a position, pass num_{name}s={number}"
            )
    elif largest >= check_count(f"num_{name}s", number):
        raise ValueError(
            f"{name}: got position {largest} with num_{name}s={number}, expected 0 to {number - 1}"
        )
    return positions, number
