"""ItemKNN: films that the same people like are alike."""

from __future__ import annotations

import torch
from torch import Tensor

from recbook.checks import check_count
from recbook.data import Interactions, check_part
from recbook.memory import check_memory
from recbook.models.base import BaseRecommender
from recbook.sparse import inv_sqrt

__all__ = ["ItemKNN"]


class ItemKNN(BaseRecommender):
    r"""Sums the cosine similarities between an item and the user's items.

    .. math:: s_{ij} = \frac{|\mathcal{N}_i \cap \mathcal{N}_j|}{\sqrt{d_i d_j}}, \qquad
              \hat{y}_{ui} = \sum_{j \in \mathcal{N}_u} s_{ij}
              \;[j \text{ is among the } n \text{ most similar to } i]

    with :math:`n` = ``num_neighbors`` and :math:`\mathcal{N}_i` the train users of item :math:`i`.
    An item without users is similar to nothing; a user without items scores 0 everywhere.

    Args:
        num_neighbors: how many similar items each item keeps; all, where there are fewer. What is
            as similar as the last of them is kept as well: the order of the items decides nothing.

    Raises:
        ValueError: on fewer than one neighbour.

    Reference: Sarwar et al., Item-Based Collaborative Filtering Recommendation Algorithms, WWW
    2001, section 3; Deshpande and Karypis, TOIS 22(1), 2004.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])
    >>> ItemKNN(num_neighbors=1).fit(train).recommend([1], k=1, exclude=train).tolist()
    [[1]]
    """

    def __init__(self, num_neighbors: int = 100) -> None:
        self.num_neighbors = check_count("num_neighbors", num_neighbors)

    def fit(self, train: Interactions) -> ItemKNN:
        """Compare all pairs of items, and keep each item's nearest."""
        check_part("train", train)
        self.matrix = train.matrix
        n = train.num_items
        check_memory(
            {"the item-item matrix and three copies": (n, n, 4, 8)},
            "leave out rare items, or take a model with embeddings, e.g. LightGCN",
        )
        both = torch.from_numpy((self.matrix.T @ self.matrix).toarray())
        scale = torch.from_numpy(inv_sqrt(train.item_degree))
        similarity = scale[:, None] * both * scale
        similarity.fill_diagonal_(0)
        number = min(self.num_neighbors, len(similarity))
        lowest = similarity.topk(number, dim=1).values[:, -1:]
        kept = similarity.where(similarity > lowest * (1 - 1e-12), 0)  # equal but for rounding
        self.similarity = kept.T  # a column holds the neighbours of the item it scores
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Sums of the similarities to the users' items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return torch.from_numpy(self.matrix[users.numpy()] @ self.similarity.numpy())
