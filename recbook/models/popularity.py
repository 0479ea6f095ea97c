"""The same list for everybody: the bar that every model has to clear."""

from __future__ import annotations

from torch import Tensor

from recbook.data import Interactions, check_part
from recbook.models.base import BaseRecommender

__all__ = ["Popularity"]


class Popularity(BaseRecommender):
    r"""Scores an item by its number of train users, :math:`\hat{y}_{ui} = |\mathcal{N}_i|`.

    >>> train = Interactions.from_pairs([0, 1, 2], [1, 1, 0])
    >>> Popularity().fit(train).recommend([0, 2], k=1, exclude=train).tolist()
    [[0], [1]]
    """

    def fit(self, train: Interactions) -> Popularity:
        """Count the users of each item."""
        check_part("train", train)
        self._count = train.item_degree.float()
        self.remember(train)
        self.known_users = None  # the same list for everybody
        return self

    def score(self, users: Tensor) -> Tensor:
        """The counts, once for each user, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return self._count.expand(len(users), -1)
