"""EASE where there are many more items than users."""

from __future__ import annotations

import torch
from torch import Tensor

from recbook.data import Interactions
from recbook.models import BaseRecommender
from recbook.sparse import sparse_product, sparse_rows

__all__ = ["EASEOfUsers"]


class EASEOfUsers(BaseRecommender):
    r"""The scores of :class:`recbook.models.EASE`, by an inverse with a row for each user.

    With :math:`A = (XX^\top + \mathrm{reg} \cdot I)^{-1}`

    .. math:: P = (X^\top X + \mathrm{reg} \cdot I)^{-1} = (I - X^\top A X) / \mathrm{reg},
              \qquad XP = AX, \qquad XW = X - AX \cdot \mathrm{diag}(P)^{-1}

    (Woodbury), so that a number for each two items is never made. All of it is in floats.

    Args:
        reg: weight of the penalty, above 0.
        device: where the inverse is computed; it is kept on the processor. None is the processor.
    """

    def __init__(self, reg: float = 400, device: str | None = None) -> None:
        self.reg, self.device = reg, device

    def fit(self, train: Interactions) -> EASEOfUsers:
        """Invert the user-user matrix."""
        gram = torch.from_numpy((train.matrix @ train.matrix.T).astype("f4").toarray())
        gram.diagonal().add_(self.reg)
        self.inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram.to(self.device))).cpu()
        entries = train.matrix.T.tocsr().tocoo()
        item, user = (torch.from_numpy(numbers) for numbers in entries.coords)
        self.items = sparse_rows(item, user, torch.ones(len(train)), entries.shape)
        self.users = train
        quadratic = torch.zeros(train.num_items)
        for users in torch.arange(train.num_users).split(1024):
            row, item = train.pairs_of(users)
            quadratic.index_add_(0, item, self._smoothed(users)[row, item])
        self.diagonal = (1 - quadratic) / self.reg
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Shape ``(len(users), num_items)``."""
        users = self.positions(users)
        row, item = self.users.pairs_of(users)
        scores = -self._smoothed(users) / self.diagonal
        scores[row, item] += 1
        return scores

    def _smoothed(self, users: Tensor) -> Tensor:
        """Rows of :math:`AX`."""
        return sparse_product(self.items, self.inverse[:, users]).T
