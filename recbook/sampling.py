"""Drawing (user, item, neg_item) triplets for pairwise losses."""

from __future__ import annotations

import torch
from torch import Tensor

from recbook.data import Interactions

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
        ValueError: where a user has every item, so that no negative exists.
    """

    def __init__(self, train: Interactions) -> None:
        self.num_items = train.num_items
        self.indptr, self.items = train.by_user
        self.degree = train.user_degree
        self.users = torch.nonzero(self.degree).flatten()
        if (self.degree == self.num_items).any():
            user = torch.nonzero(self.degree == self.num_items)[0].item()
            raise ValueError(
                f"user {user} has all {self.num_items} items, so that no negative is left to draw; "
                "leave such users out of train, or pass the true num_items"
            )
        owner = torch.repeat_interleave(self.degree)  # the user of each entry of items
        rank = torch.arange(len(self.items)) - self.indptr[owner]
        self.keys = owner * self.num_items + self.items - rank  # p_j - j, one range a user

    def sample(
        self, num: int, generator: torch.Generator | None = None, num_negatives: int = 1
    ) -> Tensor:
        """Draw ``num`` triplets, or more than one negative for each pair.

        Returns:
            ``LongTensor`` of shape ``(2 + num_negatives, num)`` with rows ``user``, ``item`` and
            ``neg_item``, as often as there are negatives.
        """
        uniform = torch.rand(2 + num_negatives, num, generator=generator, dtype=torch.float64)
        return self.triplets((uniform[0] * len(self.users)).long(), uniform[1:])

    def triplets(self, index: Tensor, uniform: Tensor) -> Tensor:
        """The triplets that numbers drawn from 0 to 1 stand for.

        Args:
            index: which of the users with an item, shape ``(num,)``.
            uniform: for the item and each ``neg_item``, shape ``(1 + num_negatives, num)``.

        Returns:
            As :meth:`sample`.
        """
        # floor(uniform * n) in doubles: an integer below n for each element's own n.
        user = self.users[index]
        degree = self.degree[user]
        item = self.items[self.indptr[user] + (uniform[0] * degree).long()]
        rank = (uniform[1:] * (self.num_items - degree)).long()
        below = torch.searchsorted(self.keys, user * self.num_items + rank, right=True)
        return torch.cat([torch.stack([user, item]), rank + below - self.indptr[user]])
