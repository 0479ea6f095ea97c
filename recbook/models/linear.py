"""Linear recommenders in closed form: no sampling, no epochs, one call of linear algebra.

All work on the user-item matrix :math:`X`, with :math:`x_{ui} = 1` for the train interactions and 0
elsewhere.
"""

from __future__ import annotations

import torch
from scipy.sparse import csr_array
from torch import Tensor

from recbook.checks import check_count, check_number, check_share
from recbook.data import Interactions, check_part
from recbook.graph import normalized_matrix
from recbook.memory import check_memory
from recbook.models.base import BaseRecommender
from recbook.sparse import inv_sqrt, largest_singular

__all__ = ["EASE", "EDLAE", "GFCF", "PureSVD"]

_FEWER = "leave out rare items, or take a model with embeddings, e.g. LightGCN"


def _check_vectors(name: str, number: int, train: Interactions) -> None:
    """Refuse more singular vectors than can be found, or than there is memory for."""
    check_part("train", train)
    rows, columns = train.num_users, train.num_items
    none = f"a matrix of {rows} rows and {columns} columns has no more singular vectors"
    check_count(name, number, 1, min(rows, columns) - 1, none)
    check_memory({"the singular vectors": (rows + columns, number, 2, 8)}, _FEWER)


class PureSVD(BaseRecommender):
    r"""The embeddings that reproduce the user-item matrix best, found without training.

    .. math:: \min_{e} \sum_{u, i} (x_{ui} - e_u^\top e_i)^2

    over all cells. The first ``embedding_dim`` singular triplets of the matrix solve it exactly
    (Eckart and Young, 1936).

    Args:
        embedding_dim: dimensions of an embedding, below the numbers of users and of items. The
            paper shows 50 and 150; twelve is what validation chooses in chapter 3.

    Raises:
        ValueError: on a number below 1; by ``fit``, on one that the matrix does not have.

    Reference: Cremonesi, Koren and Turrin, Performance of Recommender Algorithms on Top-N
    Recommendation Tasks, RecSys 2010, section 3.2. There the cells hold stars; here they hold ones.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 2])
    >>> PureSVD(embedding_dim=1).fit(train).score(torch.tensor([0])).round().tolist()
    [[1.0, 1.0, 0.0]]
    """

    def __init__(self, embedding_dim: int = 12) -> None:
        self.embedding_dim = check_count("embedding_dim", embedding_dim)

    def fit(self, train: Interactions) -> PureSVD:
        """Factorise the matrix of the train interactions."""
        _check_vectors("embedding_dim", self.embedding_dim, train)
        left, size, right = largest_singular(train.matrix, self.embedding_dim)
        self.user_emb = torch.from_numpy(left * size)
        self.item_emb = torch.from_numpy(right)
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Dot products with all items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return self.user_emb[users] @ self.item_emb.T


def _regress_on_others(train: Interactions, reg: float, share: float = 0) -> Tensor:
    """Ridge regressions of each item's column on all others, with ``reg + share * degree``."""
    check_part("train", train)
    n = train.num_items
    check_memory({"the item-item matrix, its inverse and two copies": (n, n, 4, 8)}, _FEWER)
    gram = torch.from_numpy((train.matrix.T @ train.matrix).toarray())
    gram.diagonal().mul_(1 + share).add_(reg)
    lower, fault = torch.linalg.cholesky_ex(gram)
    if fault or lower.diagonal().min() < 1e-6 * lower.diagonal().max():
        raise ValueError(
            f"got reg={reg}, with which the item-item matrix is singular in doubles, "
            "expected a larger one, e.g. 100"
        )
    inverse = torch.cholesky_inverse(lower)
    weight = -inverse / inverse.diagonal()
    return weight.fill_diagonal_(0)


class EASE(BaseRecommender):
    r"""Each item's column predicted from all the others, by ridge regression.

    .. math:: \min_W \|X - XW\|^2 + \mathrm{reg} \cdot \|W\|^2
              \quad\text{with}\quad W_{ii} = 0, \qquad \hat{y}_{ui} = (XW)_{ui}

    With :math:`P = (X^\top X + \mathrm{reg} \cdot I)^{-1}` the answer is
    :math:`W_{ij} = -P_{ij}/P_{jj}` for :math:`i \ne j`. Memory and time are those of an inverse:
    :math:`8 \cdot n^2` bytes and about :math:`n^3` multiplications for :math:`n` items.

    Args:
        reg: weight of the penalty, above 0: without it the matrix is singular as soon as two items
            have the same users.

    Raises:
        ValueError: on ``reg`` of 0 or less.

    Reference: Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019, equation 8.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 0])
    >>> EASE(reg=1).fit(train).recommend([2], k=1, exclude=train).tolist()
    [[1]]
    """

    def __init__(self, reg: float = 400) -> None:
        hint = "two items with the same users would make the matrix singular; try 100"
        self.reg = check_number("reg", reg, above=0, hint=hint)

    def fit(self, train: Interactions) -> EASE:
        """Invert the item-item matrix."""
        self.weight = _regress_on_others(train, self.reg)
        self.matrix = train.matrix
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Sums of the weights of the users' items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return torch.from_numpy(self.matrix[users.numpy()] @ self.weight.numpy())


class EDLAE(EASE):
    r"""EASE that learns from what dropout leaves of a user: popular items are penalised more.

    Each one in the input is dropped with probability :math:`p` = ``dropout``, and what is left is
    divided by :math:`1 - p`; that is :math:`Z`. An item may not predict itself. In the mean over
    all :math:`Z`

    .. math:: \mathbb{E} \, \|X - ZW\|^2 + \mathrm{reg} \cdot \|W\|^2
              = \|X - XW\|^2 + \sum_i \Bigl(\mathrm{reg} + \frac{p}{1 - p} d_i\Bigr) \|W_i\|^2
              \quad\text{with}\quad W_{ii} = 0

    with :math:`W_i` the weights from item :math:`i`, which has :math:`d_i` users: nothing is drawn.
    The answer is that of :class:`EASE`, with a penalty for each item.

    Args:
        reg: weight of the penalty that all items have, above 0, for those without users.
        dropout: share of the input that is dropped, from 0, which gives EASE, to below 1.

    Raises:
        ValueError: on numbers out of range.

    Reference: Steck, Autoencoders that Don't Overfit Towards the Identity, NeurIPS 2020, equations
    8 and 9, with all emphasis on what is dropped (there: b = 0), of full rank.

    Items 0 and 1 share two users, and item 1 has one more: 2 / (2 + 2 + 1) and 2 / (3 + 3 + 1).

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 1])
    >>> EDLAE(reg=1, dropout=0.5).fit(train).weight
    tensor([[0.0000, 0.4000],
            [0.2857, 0.0000]], dtype=torch.float64)
    """

    def __init__(self, reg: float = 200, dropout: float = 0.8) -> None:
        hint = "an item without users would make the matrix singular; try 100"
        self.reg = check_number("reg", reg, above=0, hint=hint)
        self.dropout = check_share("dropout", dropout, zero=True)

    def fit(self, train: Interactions) -> EDLAE:
        """Invert the item-item matrix."""
        share = self.dropout / (1 - self.dropout)
        self.weight = _regress_on_others(train, self.reg, share)
        self.matrix = train.matrix
        self.remember(train)
        return self


class GFCF(BaseRecommender):
    r"""Graph filter: the two-hop neighbourhood, plus an ideal low-pass filter.

    With :math:`\tilde{R} = D_U^{-1/2} X D_I^{-1/2}` and :math:`V` the ``num_frequencies`` right
    singular vectors of :math:`\tilde{R}` with the largest singular values (the smoothest signals on
    the item-item graph),

    .. math:: \hat{Y} = X \bigl(\tilde{R}^\top \tilde{R}
              + \alpha \, D_I^{-1/2} V V^\top D_I^{1/2}\bigr)

    Args:
        num_frequencies: how many of the smoothest signals the low-pass filter lets through, below
            the numbers of users and of items.
        alpha: weight of the low-pass filter, 0 or more; at 0 the two-hop neighbourhood is left.

    Raises:
        ValueError: on numbers out of range; by ``fit``, on more frequencies than the matrix has.

    Reference: Shen et al., How Powerful is Graph Convolution for Recommendation?, CIKM 2021,
    equation 14; the defaults are its settings for Gowalla. A smaller matrix wants fewer: on
    MovieLens-100K validation chooses 32 (chapter 16).

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])
    >>> GFCF(num_frequencies=1).fit(train).recommend([2], k=1, exclude=train).tolist()
    [[0]]
    """

    def __init__(self, num_frequencies: int = 256, alpha: float = 0.3) -> None:
        self.num_frequencies = check_count("num_frequencies", num_frequencies)
        self.alpha = check_number("alpha", alpha, least=0)

    def fit(self, train: Interactions) -> GFCF:
        """Normalise the matrix and find its smoothest signals."""
        _check_vectors("num_frequencies", self.num_frequencies, train)
        self.matrix = train.matrix
        self.normalized = normalized_matrix(train)
        _, _, self.signals = largest_singular(self.normalized, self.num_frequencies)
        self.inv_sqrt_degree = inv_sqrt(train.item_degree)
        self.sqrt_degree = train.item_degree.double().sqrt().numpy()
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """The filtered rows of the users, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return self.score_rows(self.matrix[users.numpy()])

    def score_rows(self, rows: csr_array) -> Tensor:
        """The rows of any users, which have ones, filtered."""
        two_hops = ((rows @ self.normalized.T) @ self.normalized).toarray()
        low_pass = (rows @ (self.inv_sqrt_degree[:, None] * self.signals)) @ self.signals.T
        return torch.from_numpy(two_hops + self.alpha * low_pass * self.sqrt_degree)
