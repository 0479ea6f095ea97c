"""PureSVD: the user-item matrix of ones and zeros, cut down to its largest singular values."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from torch import Tensor

from recbook.data import Interactions
from recbook.models.base import BaseRecommender

__all__ = ["PureSVD"]


class PureSVD(BaseRecommender):
    r"""The embeddings that reproduce the user-item matrix best, found without training.

    With :math:`x_{ui} = 1` for the train interactions and 0 elsewhere,

    .. math:: \min_{e} \sum_{u, i} (x_{ui} - e_u^\top e_i)^2

    over all cells. The first ``embedding_dim`` singular triplets of the matrix solve it exactly
    (Eckart and Young, 1936).

    Args:
        embedding_dim: length of an embedding, below the numbers of users and of items.

    Raises:
        ValueError: on a length below 1; by ``fit``, on one that the matrix does not have.

    Reference: Cremonesi, Koren and Turrin, Performance of Recommender Algorithms on Top-N
    Recommendation Tasks, RecSys 2010, section 3.2. There the cells hold stars; here they hold ones.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 2])
    >>> PureSVD(embedding_dim=1).fit(train).score(torch.tensor([0])).round().tolist()
    [[1.0, 1.0, 0.0]]
    """

    def __init__(self, embedding_dim: int = 12) -> None:
        if embedding_dim < 1:
            raise ValueError(f"got embedding_dim={embedding_dim}, expected 1 or more")
        self.embedding_dim = embedding_dim

    def fit(self, train: Interactions) -> PureSVD:
        """Factorise the matrix of the train interactions."""
        self.num_users, self.num_items = shape = train.num_users, train.num_items
        if self.embedding_dim >= min(shape):
            raise ValueError(
                f"got embedding_dim={self.embedding_dim} for {shape[0]} users and {shape[1]} items,"
                f" expected at most {min(shape) - 1}"
            )
        ones = np.ones(len(train))
        matrix = csr_array((ones, (train.user.numpy(), train.item.numpy())), shape=shape)
        start = np.ones(min(shape))  # where the iteration begins: the same on every run
        left, size, right = svds(matrix, k=self.embedding_dim, v0=start)
        self.user_emb = torch.from_numpy(left * size)
        self.item_emb = torch.from_numpy(right.T.copy())
        return self

    def score(self, users: Tensor) -> Tensor:
        """Dot products with all items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        if not hasattr(self, "user_emb"):
            raise RuntimeError("PureSVD has no embeddings yet: call fit(train) first")
        return self.user_emb[users] @ self.item_emb.T
