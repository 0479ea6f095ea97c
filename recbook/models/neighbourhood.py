r"""Neighbours: what the same people like is alike, and so are people who like the same.

Each item, or user, keeps those that are nearest to it, in a sparse matrix that is made a block of
rows at a time.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor

from recbook.checks import check_count, check_number
from recbook.data import Interactions, check_part
from recbook.memory import check_memory
from recbook.models.base import BaseRecommender
from recbook.sparse import inv_sqrt

__all__ = ["ItemKNN", "RP3beta", "UserKNN"]

_BLOCK = 256  # rows that are dense at a time


def _nearest(
    left: csr_array,
    right: csr_array,
    row: np.ndarray,
    column: np.ndarray,
    number: int,
    newcomers: bool = False,
) -> csr_array:
    r"""The largest entries of each row of :math:`\mathrm{diag}(row) L R \,\mathrm{diag}(column)`.

    Args:
        left: shape ``(n, m)``.
        right: shape ``(m, k)``.
        row: a factor for each row, shape ``(n,)``.
        column: a factor for each column, shape ``(k,)``.
        number: how many are kept of a row; what equals the last of them but for rounding is kept
            as well, so that the order of the columns decides nothing.
        newcomers: whether no row is a column, so that the diagonal is like the rest.

    Returns:
        Sparse, shape ``(n, k)``; zeros are not in it, nor the diagonal, but for newcomers.
    """
    n, others = len(row), len(column)
    number, block = min(number, others), min(_BLOCK, n)
    check_memory(
        {
            "a block of similarities and three copies": (block, others, 4, 8),
            "the neighbours and a copy": (n, number, 2, 16),
        },
        "keep fewer neighbours, or take a model with embeddings, e.g. LightGCN",
    )
    kept = []
    for start in range(0, n, block):
        part = slice(start, start + block)
        dense = row[part, None] * (left[part] @ right).toarray() * column
        if not newcomers:
            np.fill_diagonal(dense[:, start:], 0)
        lowest = torch.from_numpy(dense).topk(number, dim=1).values[:, -1:].numpy()
        kept.append(csr_array(np.where(dense > lowest * (1 - 1e-12), dense, 0)))
    return vstack(kept, format="csr")


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
        scale = inv_sqrt(train.item_degree)
        users_of = csr_array(self.matrix.T)
        kept = _nearest(users_of, self.matrix, scale, scale, self.num_neighbors)
        self.similarity = csr_array(kept.T)  # a column: the neighbours of the item it scores
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Sums of the similarities to the users' items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return torch.from_numpy((self.matrix[users.numpy()] @ self.similarity).toarray())


class UserKNN(BaseRecommender):
    r"""Sums the cosine similarities between a user and the item's users.

    .. math:: s_{uv} = \frac{|\mathcal{N}_u \cap \mathcal{N}_v|}{\sqrt{d_u d_v}}, \qquad
              \hat{y}_{ui} = \sum_{v \in \mathcal{N}_i} s_{uv}
              \;[v \text{ is among the } n \text{ most similar to } u]

    with :math:`n` = ``num_neighbors`` and :math:`\mathcal{N}_u` the train items of user :math:`u`.
    A user without items is similar to nobody, and scores 0 everywhere.

    Args:
        num_neighbors: how many similar users each user keeps, as :class:`ItemKNN` keeps items. On
            MovieLens-100K validation chooses 40.

    Raises:
        ValueError: on fewer than one neighbour.

    Reference: Sarwar et al., Analysis of Recommendation Algorithms for E-Commerce, EC 2000,
    section 3. There each neighbour counts alike; here by similarity, as in Herlocker et al., SIGIR
    1999, equation 1.

    User 0 shares item 1 with user 1, who has item 2 besides: 1/sqrt(2 * 2).

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 3])
    >>> UserKNN().fit(train).score(torch.tensor([0]))
    tensor([[0.0000, 0.5000, 0.5000, 0.0000]], dtype=torch.float64)
    """

    def __init__(self, num_neighbors: int = 40) -> None:
        self.num_neighbors = check_count("num_neighbors", num_neighbors)

    def fit(self, train: Interactions) -> UserKNN:
        """Compare all pairs of users, and keep each user's nearest."""
        check_part("train", train)
        self.matrix = train.matrix
        scale = inv_sqrt(train.user_degree)
        users_of = csr_array(self.matrix.T)
        self.similarity = _nearest(self.matrix, users_of, scale, scale, self.num_neighbors)
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Sums of the similarities to the items' users, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return torch.from_numpy((self.similarity[users.numpy()] @ self.matrix).toarray())

    def score_rows(self, rows: csr_array) -> Tensor:
        """The scores of newcomers, whose rows have ones, by the users nearest to them.

        They are what a fit with one of them in train besides would give that one.
        """
        row, column = (inv_sqrt(torch.from_numpy(m.sum(axis=1))) for m in (rows, self.matrix))
        users_of = csr_array(self.matrix.T)
        near = _nearest(rows, users_of, row, column, self.num_neighbors, newcomers=True)
        return torch.from_numpy((near @ self.matrix).toarray())


class RP3beta(BaseRecommender):
    r"""Where a random walk of three steps ends, popular items marked down.

    From user :math:`u` the walk takes one of the user's items, one of its users, and one of that
    user's items, each by chance alone. With :math:`p_{ui}` the probability that it ends at
    :math:`i`,

    .. math:: p_{ui} = \sum_{j \in \mathcal{N}_u} \frac{1}{d_u} \, w_{ji}, \quad
              w_{ji} = \sum_{v \in \mathcal{N}_j \cap \mathcal{N}_i} \frac{1}{d_j} \frac{1}{d_v},
              \qquad \hat{y}_{ui} = p_{ui} / d_i^\beta

    where item :math:`j` keeps only the ``num_neighbors`` items with the largest
    :math:`w_{ji} / d_i^\beta`, and no walk back to itself, which could end only at what is seen.

    Args:
        beta: how much popularity counts against an item, 0 or more; at 0 the probability is left.
        num_neighbors: how many items each item keeps; what equals the last of them is kept as well.
            The paper keeps all.

    Raises:
        ValueError: on numbers out of range.

    Reference: Paudel et al., Updatable, Accurate, Diverse, and Scalable Recommendations for
    Interactive Applications, TiiS 7(1), 2017, section 3; the neighbours as in Ferrari Dacrema et
    al., TOIS 39(2), 2021.

    From user 0 the walk goes to item 1, to its other user, and to that user's item 2, which has two
    users: 1/2 * 1/2 * 1/2 = 1/8, over 2.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 3])
    >>> RP3beta(beta=1).fit(train).score(torch.tensor([0]))[0, 2:].tolist()
    [0.0625, 0.0]
    """

    def __init__(self, beta: float = 0.5, num_neighbors: int = 400) -> None:
        self.beta = check_number("beta", beta, least=0)
        self.num_neighbors = check_count("num_neighbors", num_neighbors)

    def fit(self, train: Interactions) -> RP3beta:
        """Find the chances of the two steps from item to item, and keep each item's largest."""
        check_part("train", train)
        user_degree, item_degree = (
            degree.double().clamp(min=1).numpy()
            for degree in (train.user_degree, train.item_degree)
        )
        self.first_step = csr_array(train.matrix.multiply(1 / user_degree[:, None]))
        users_of = csr_array(train.matrix.T)
        mark_down = item_degree**-self.beta
        self.weight = _nearest(
            users_of, self.first_step, 1 / item_degree, mark_down, self.num_neighbors
        )
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Probabilities over the items' degrees to the beta, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return torch.from_numpy((self.first_step[users.numpy()] @ self.weight).toarray())
