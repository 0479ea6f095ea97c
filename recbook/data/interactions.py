"""Interactions by position, a split of them, and a digest of either."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recbook.checks import check_kind
from recbook.sparse import row_entries

__all__ = ["Interactions", "Split", "check_part", "pairs_digest"]


@dataclass(frozen=True, eq=False)
class Interactions:
    r"""The edges of a user-item graph: user ``user[n]`` interacted with item ``item[n]``.

    Args:
        user: user positions, ``LongTensor`` of shape ``(n,)``, each in ``0 .. num_users-1``.
        item: item positions, ``LongTensor`` of shape ``(n,)``, each in ``0 .. num_items-1``.
        num_users: number of users, those without an interaction included.
        num_items: number of items, those without an interaction included.
    """

    user: Tensor
    item: Tensor
    num_users: int
    num_items: int

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
            user: user positions, any sequence of ``n`` integers.
            item: item positions, any sequence of ``n`` integers.
            num_users: defaults to the largest user position plus one.
            num_items: defaults to the largest item position plus one.

        Raises:
            ValueError: on no pairs, different lengths, a position that is not a whole number, is
                negative or too large, or a pair that occurs twice.

        >>> train = Interactions.from_pairs(user=[0, 0, 1], item=[0, 1, 1], num_items=3)
        >>> len(train), train.num_users, train.num_items, train.item_degree.tolist()
        (3, 2, 3, [1, 2, 0])
        """
        users, num_users = _check_positions("user", user, num_users)
        items, num_items = _check_positions("item", item, num_items)
        if len(users) != len(items):
            raise ValueError(
                f"got {len(users)} users and {len(items)} items; each pair needs one of both"
            )
        unique, count = torch.unique(users * num_items + items, return_counts=True)
        if len(unique) < len(users):
            first = unique[count > 1][0].item()
            raise ValueError(
                f"{len(users) - len(unique)} duplicate pairs, the first is user "
                f"{first // num_items} with item {first % num_items}; drop the duplicates first"
            )
        return cls(users, items, num_users, num_items)

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
        """The same pairs sorted by user: ``(indptr, items)``.

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

    @property
    def matrix(self) -> csr_array:
        """Ones at the pairs, in doubles, shape ``(num_users, num_items)``."""
        pairs = (self.user.numpy(), self.item.numpy())
        return csr_array((np.ones(len(self)), pairs), shape=(self.num_users, self.num_items))

    def dense_rows(self, users: Tensor) -> Tensor:
        """Rows of the interaction matrix, ``bool`` of shape ``(len(users), num_items)``."""
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
    """
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
    """A digest of the pairs of each part, in 16 letters; their order within a part does not matter.

    >>> one, two = (Interactions.from_pairs([0, n], [0, 1], 2, 2) for n in (0, 1))
    >>> pairs_digest(one, None) == pairs_digest(two, None), pairs_digest(one) == pairs_digest(one)
    (False, True)
    """
    digest = hashlib.sha256()
    for part in parts:
        if part is not None:
            pairs = (part.user * part.num_items + part.item).sort().values
            digest.update(pairs.numpy().astype("<i8").tobytes())
        digest.update(b"|")
    return digest.hexdigest()[:16]


def _check_positions(name: str, values: Any, number: int | None) -> tuple[Tensor, int]:
    array = np.asarray(values)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(
            f"{name}: got an array of shape {array.shape}, expected at least one position in one "
            "dimension; is the data empty?"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"{name}: got values of type {array.dtype}, expected whole numbers 0, 1, 2, ...; "
            "encode raw ids with random_split, and drop rows that have none (NaN)"
        )
    if array.min() < 0:
        raise ValueError(f"{name}: got the negative position {array.min()}, expected 0 or more")
    number = int(array.max()) + 1 if number is None else number
    if array.max() >= number:
        raise ValueError(
            f"{name}: got position {array.max()} with num_{name}s={number}; the largest allowed is "
            f"{number - 1}"
        )
    return torch.from_numpy(array.astype(np.int64)), number


@dataclass(frozen=True, eq=False)
class Split:
    """Interactions to train on, to choose with, and to report on.

    Args:
        train: what models are fitted on.
        test: what is reported at the very end, once.
        val: what epochs and settings are chosen on, or None.
        user_ids: raw user ids by position; ``None`` means that positions are the ids.
        item_ids: raw item ids by position; ``None`` means that positions are the ids.
        num_dropped: test rows left out, their user or item being in no other part.
    """

    train: Interactions
    test: Interactions
    val: Interactions | None = None
    user_ids: np.ndarray | None = None
    item_ids: np.ndarray | None = None
    num_dropped: int = 0

    def __post_init__(self) -> None:
        for part in (self.test, self.val):
            if part is not None and (part.num_users, part.num_items) != (
                self.train.num_users,
                self.train.num_items,
            ):
                raise ValueError(
                    f"train has {self.train.num_users} users and {self.train.num_items} items, "
                    f"another part {part.num_users} and {part.num_items}; pass the same num_users "
                    "and num_items to each Interactions.from_pairs"
                )
