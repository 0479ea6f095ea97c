"""SLIM: each item predicted from few others, by coordinate descent for all items at once."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recbook.checks import check_number
from recbook.data import Interactions, check_part
from recbook.memory import check_memory
from recbook.models.base import BaseRecommender
from recbook.progress import progress

__all__ = ["SLIM"]

_BLOCK = 64  # items whose weights are looked at together
_SWEEPS = 6  # before the first _settle, which drops weights one by one: few are left to drop
_STILL = 1e-7  # a weight that moves by less has arrived


class SLIM(BaseRecommender):
    r"""Each item's column predicted from few others, by weights of 0 or more.

    .. math:: \min_{W \ge 0} \tfrac12 \|X - XW\|^2 + \mathrm{l1} \sum_{i, j} W_{ij}
              + \tfrac12 \, \mathrm{l2} \cdot \|W\|^2
              \quad\text{with}\quad W_{ii} = 0, \qquad \hat{y}_{ui} = (XW)_{ui}

    With :math:`A = X^\top X + \mathrm{l2} \cdot I` each weight in turn takes its best value,

    .. math:: W_{ij} \leftarrow \max\bigl(0, \; W_{ij} + (A_{ij} - \mathrm{l1} - (AW)_{ij})
              / A_{ii}\bigr)

    for all :math:`j` at once, whose problems have nothing to do with each other. After six such
    sweeps, and each one more, the weights of an item that are above 0 move to their common best
    (Lawson and Hanson, 1974, chapter 23); an item is done when a sweep no longer moves it.

    Args:
        l1: weight of the penalty that makes weights 0, 0 or more. Two items with no more than
            ``l1`` users in common have nothing to say about each other.
        l2: weight of the quadratic penalty, above 0: without it items with the same users could
            share a weight in any way.

    Raises:
        ValueError: on numbers out of range; by ``fit``, on an ``l2`` too small for doubles.

    Reference: Ning and Karypis, SLIM: Sparse Linear Methods for Top-N Recommender Systems, ICDM
    2011, equation 3 (there: lambda and beta).

    Items 0 and 1 share one user, and item 1 has two: (1 - l1) / (2 + l2) from 1 to 0.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 3])
    >>> SLIM(l1=0.5, l2=0.5).fit(train).score(torch.tensor([2]))[0, :2].tolist()
    [0.0, 0.2]
    """

    def __init__(self, l1: float = 2, l2: float = 60) -> None:
        hint = "items with the same users could share a weight in any way; try 100"
        self.l1 = check_number("l1", l1, least=0)
        self.l2 = check_number("l2", l2, above=0, hint=hint)

    def fit(self, train: Interactions) -> SLIM:
        """Find all weights, exactly but for rounding."""
        check_part("train", train)
        self.matrix = train.matrix
        n = train.num_items
        check_memory(
            {"the item-item matrix, the weights and two copies": (n, n, 4, 8)},
            "leave out rare items, or take a model with embeddings, e.g. LightGCN",
        )
        gram = torch.from_numpy((self.matrix.T @ self.matrix).toarray())
        least = 1e-8 * len(train)  # its largest eigenvalue is at most len(train) + l2
        if self.l2 < least:
            raise ValueError(
                f"got l2={self.l2}, with which the item-item matrix is singular in doubles, "
                f"expected {least:.1e} or more, e.g. 100"
            )
        gram.diagonal().add_(self.l2)
        weight = torch.zeros_like(gram)  # a row: the weights to the item, one column of W
        moving, sweeps = torch.arange(n), 0
        with progress(what="item", total=n, delay=2) as done:
            while len(moving):
                rows = weight[moving]
                change = _sweep(gram, self.l1, moving, rows)
                weight[moving] = rows
                moving, sweeps = moving[change > _STILL], sweeps + 1
                for item in moving.tolist() if sweeps >= _SWEEPS else ():
                    _settle(gram.numpy(), gram[item].numpy() - self.l1, weight[item].numpy())
                done.update(n - len(moving) - done.n)
        self.weight = csr_array(weight.T.numpy())
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Sums of the weights of the users' items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return torch.from_numpy((self.matrix[users.numpy()] @ self.weight).toarray())


def _sweep(gram: Tensor, l1: float, items: Tensor, weight: Tensor) -> Tensor:
    """Take each weight to its best value once, in place.

    Args:
        gram: :math:`A`, shape ``(num_items, num_items)``.
        l1: weight of the penalty.
        items: whose weights are sought, shape ``(n,)``.
        weight: the weights to each of them, shape ``(n, num_items)``.

    Returns:
        How far the weights to each item have moved at most, shape ``(n,)``.
    """
    change = torch.zeros(len(items), dtype=weight.dtype)
    for start in range(0, len(gram), _BLOCK):
        block = slice(start, start + _BLOCK)
        before = weight[:, block].T
        now = before.clone(memory_format=torch.contiguous_format)
        pull = gram[block][:, items] - l1 - gram[block] @ weight.T  # down the slope
        for place in range(len(now)):
            other = start + place
            new = (now[place] + pull[place] / gram[other, other]).clamp_(min=0)
            new[items == other] = 0  # no item predicts itself
            pull.addr_(gram[block, other], new - now[place], alpha=-1)
            now[place] = new
        change = torch.maximum(change, (now - before).abs().amax(0))
        weight[:, block] = now.T
    return change


def _settle(gram: np.ndarray, target: np.ndarray, weight: np.ndarray) -> None:
    """Move the weights above 0 to their common best, in place; who would pass 0 stays there.

    Args:
        gram: :math:`A`, shape ``(num_items, num_items)``.
        target: what :math:`A` times the weights is to be, shape ``(num_items,)``.
        weight: the weights to one item, shape ``(num_items,)``.
    """
    while len(used := np.flatnonzero(weight)):
        here = weight[used]
        best = np.linalg.solve(gram[np.ix_(used, used)], target[used])
        falls = best <= 0
        if not falls.any():
            weight[used] = best
            return
        way = np.full(len(used), np.inf)  # which part of the way to the best leads to 0
        way[falls] = here[falls] / (here[falls] - best[falls])
        weight[used] = np.where(way == way.min(), 0, here + way.min() * (best - here)).clip(min=0)
