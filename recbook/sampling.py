"""Drawing (user, item, neg_item) triplets for pairwise losses."""

from __future__ import annotations

import torch
from torch import Tensor

from recbook.checks import check_count, check_kind, check_tensor
from recbook.data import Interactions, check_part

__all__ = ["TripletSampler"]


class TripletSampler:
    r"""Draws triplets: a user, an item of theirs, and an item that is not theirs.

    The user is uniform over the users with at least one item, drawn with replacement; ``item`` is
    uniform over the user's items :math:`\mathcal{N}_u`, ``neg_item`` over all others. Nothing is
    drawn twice and rejected. Among the items that user :math:`u` lacks, the one of rank :math:`r`
    (from 0) is :math:`r` plus the number of the user's items below it; with the user's items
    ascending, :math:`p_0 < p_1 < \dots`, that number is :math:`|\{j : p_j - j \le r\}|`, which one
    binary search finds.

    Args:
        train: the interactions that count as positive.

    Raises:
        TypeError: on anything but Interactions.
        ValueError: where a user has every item, so that no negative exists.

    >>> toy = Interactions.from_pairs([0, 1], [0, 1])
    >>> sorted(TripletSampler(toy).sample(100).unique(dim=1).T.tolist())
    [[0, 0, 1], [1, 1, 0]]
    """

    def __init__(self, train: Interactions) -> None:
        check_part("train", train, empty=True)  # as that of a process without a pair is
        self.num_items = train.num_items
        self.indptr, self.items = train.by_user
        self.degree = train.user_degree
        self.users = torch.nonzero(self.degree).flatten()
        if (self.degree == self.num_items).any():
            user = torch.nonzero(self.degree == self.num_items)[0].item()
            raise ValueError(
                f"got a train part where user {user} has all {self.num_items} items, expected one "
                "left to draw as a negative; leave such users out, or pass the true num_items"
            )
        owner = torch.repeat_interleave(self.degree)  # the user of each entry of items
        rank = torch.arange(len(self.items)) - self.indptr[owner]
        self.keys = owner * self.num_items + self.items - rank  # p_j - j, one range a user

    def sample(
        self, num: int, generator: torch.Generator | None = None, num_negatives: int = 1
    ) -> Tensor:
        """Draw ``num`` triplets, or more than one negative for each pair.

        Args:
            num: how many.
            generator: what draws, on the CPU; None is PyTorch's own.
            num_negatives: how many for each pair of a user and an item.

        Returns:
            ``LongTensor`` of shape ``(2 + num_negatives, num)`` with rows ``user``, ``item`` and
            ``neg_item``, as often as there are negatives.

        Raises:
            TypeError: on what is no whole number or no generator.
            ValueError: on fewer than one, a generator of another device, or no interaction to draw.
        """
        if len(self.users) == 0:
            raise ValueError("train: got no interaction, expected at least one to draw from")
        check_count("num", num)
        check_count("num_negatives", num_negatives)
        check_kind("generator", generator, (torch.Generator, type(None)))
        if generator is not None and generator.device.type != "cpu":
            raise ValueError(
                f"got a generator on {generator.device}, expected one on the CPU, where triplets "
                "are drawn: torch.Generator(); move the triplets afterwards"
            )
        uniform = torch.rand(2 + num_negatives, num, generator=generator, dtype=torch.float64)
        return self.triplets((uniform[0] * len(self.users)).long(), uniform[1:])

    def triplets(self, index: Tensor, uniform: Tensor) -> Tensor:
        """The triplets that numbers drawn from 0 to 1 stand for.

        Args:
            index: which of the users with an item, shape ``(num,)``.
            uniform: for the item and each ``neg_item``, shape ``(1 + num_negatives, num)``.

        Returns:
            As :meth:`sample`.

        Raises:
            TypeError: on an ``index`` that is no tensor of positions, or other numbers.
            ValueError: on a position that is not there, or numbers not from 0 to below 1.
        """
        check_tensor("index", index, "num", of="positions", number=len(self.users))
        check_tensor("uniform", uniform, "1 + num_negatives", len(index))
        if not ((uniform >= 0) & (uniform < 1)).all():  # NaN is neither
            raise ValueError("uniform: got a number that is not, expected all from 0 to below 1")
        index = index.long()
        # floor(uniform * n) in doubles: an integer below n for each element's own n.
        user = self.users[index]
        degree = self.degree[user]
        item = self.items[self.indptr[user] + (uniform[0] * degree).long()]
        rank = (uniform[1:] * (self.num_items - degree)).long()
        below = torch.searchsorted(self.keys, user * self.num_items + rank, right=True)
        return torch.cat([torch.stack([user, item]), rank + below - self.indptr[user]])
