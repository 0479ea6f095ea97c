"""BSPM: the graph filter of GF-CF, then sharpened along the same graph."""

from __future__ import annotations

import torch
from torch import Tensor

from recbook.data import Interactions
from recbook.models import GFCF
from recbook.sparse import sparse_product, sparse_rows

__all__ = ["BSPM"]


class BSPM(GFCF):
    r"""Blur, then sharpen: GF-CF's scores, and a polynomial of the item-item product.

    With :math:`P = \tilde{R}^\top \tilde{R}`, the paper's two blurring processes, each one step of
    Euler's method, are the two filters of :class:`recbook.models.GFCF`, and :math:`\alpha` is its
    :math:`\beta`. Sharpening takes a part of :math:`P` off again: it solves :math:`y' = -yP` from
    GF-CF's scores :math:`y(0)` to time :math:`T` in :math:`K` steps of length :math:`h = T/K`.
    Because the equation is linear, a step of Euler's method (order 1) or of any of the fourth order
    with four stages (Runge-Kutta) is the Taylor polynomial

    .. math:: y \leftarrow y \sum_{n=0}^{\mathrm{order}} \frac{(-hP)^n}{n!}

    :math:`P` itself, with a number for each two items, is never made: a product with it is two
    sparse ones, for a block of users at a time.

    Args:
        num_frequencies: how many of the smoothest signals the low-pass filter lets through.
        alpha: weight of the low-pass filter, the paper's :math:`\beta`.
        time: :math:`T`, 0 or more; at 0 this is GF-CF.
        num_steps: :math:`K`.
        order: 1 or 4.

    Reference: Choi et al., Blurring-Sharpening Process Models for Collaborative Filtering, SIGIR
    2023, section 3; the defaults are those of the authors' code for Gowalla. This is its "early
    merge": the low-pass part is sharpened too. Their "late merge" sharpens the two-hop part alone,
    and for Yelp2018 they average the blurred and the sharpened scores; neither is here.
    """

    def __init__(
        self,
        num_frequencies: int = 448,
        alpha: float = 0.2,
        time: float = 2.5,
        num_steps: int = 1,
        order: int = 4,
    ) -> None:
        super().__init__(num_frequencies, alpha)
        self.time, self.num_steps, self.order = time, num_steps, order

    def fit(self, train: Interactions) -> BSPM:
        """Normalise the matrix, find its smoothest signals, and keep the matrix both ways."""
        super().fit(train)
        self.to_users, self.to_items = (
            sparse_rows(
                *(torch.from_numpy(x) for x in (*entries.coords, entries.data)), entries.shape
            ).float()
            for entries in (self.normalized.tocsr().tocoo(), self.normalized.T.tocsr().tocoo())
        )
        return self

    def score(self, users: Tensor) -> Tensor:
        """The sharpened rows of the users, shape ``(len(users), num_items)``."""
        signal = super().score(users).float().T.contiguous()  # a column a user
        step = self.time / self.num_steps
        for _ in range(self.num_steps):
            term = signal
            for n in range(1, self.order + 1):
                product = sparse_product(self.to_items, sparse_product(self.to_users, term))
                term = product.mul_(-step / n)
                signal += term
        return signal.T
