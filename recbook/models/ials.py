"""iALS, by the library ``implicit``."""

from __future__ import annotations

from typing import Any

import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from recbook.checks import check_count, check_number
from recbook.data import Interactions, check_part
from recbook.memory import check_memory
from recbook.models.base import BaseRecommender

__all__ = ["ImplicitALS"]


class ImplicitALS(BaseRecommender):
    r"""iALS by the library ``implicit``: weighted squared error, alternating least squares.

    .. math:: \min_e \sum_{u, i} c_{ui} (x_{ui} - e_u^\top e_i)^2
              + \mathrm{regularization} \Bigl(\sum_u \|e_u\|^2 + \sum_i \|e_i\|^2\Bigr)

    over all cells, with :math:`c_{ui}` = ``alpha`` for the train interactions and 1 elsewhere (the
    paper: 1 + alpha). A user without items has the embedding 0, and so has an item without users.

    Args:
        factors: length of an embedding.
        alpha: how many times as much a one weighs as a zero.
        regularization: weight of the penalty.

    Raises:
        ValueError: on numbers out of range.

    Reference: Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets, ICDM
    2008; https://github.com/benfred/implicit.
    """

    def __init__(self, factors: int = 32, alpha: float = 5, regularization: float = 1) -> None:
        check_count("factors", factors)
        check_number("alpha", alpha, above=0)
        check_number("regularization", regularization, least=0)
        self.settings: dict[str, Any] = {
            "factors": factors, "alpha": alpha, "regularization": regularization,
        }  # fmt: skip

    def fit(self, train: Interactions) -> ImplicitALS:
        """Fifteen sweeps, each solving for all users, then for all items.

        Raises:
            ImportError: where ``implicit`` is not installed; it is in the extra ``book``.
        """
        try:
            from implicit.als import AlternatingLeastSquares
            from implicit.recommender_base import ModelFitError
            from threadpoolctl import threadpool_limits
        except ImportError as error:
            raise ImportError(
                "iALS needs two more packages: pip install implicit threadpoolctl"
            ) from error

        check_part("train", train)
        vectors = train.num_users + train.num_items, self.settings["factors"]
        check_memory({"embeddings": (*vectors, 2, 4)}, "use fewer factors")
        with threadpool_limits(1, "blas"):  # it warns of more: its own threads do the work
            model = AlternatingLeastSquares(**self.settings, iterations=15, random_state=0)
            try:
                model.fit(csr_matrix(train.matrix), show_progress=False)
            except ModelFitError as error:
                raise ValueError(
                    f"got {self.settings}, with which there is no solution in floats ({error}), "
                    "expected an alpha and a regularization nearer to 1"
                ) from error
        self.user_emb = torch.as_tensor(model.user_factors)
        self.item_emb = torch.as_tensor(model.item_factors)
        self.remember(train)
        return self

    def score(self, users: Tensor) -> Tensor:
        """Dot products with all items, shape ``(len(users), num_items)``."""
        users = self.positions(users)
        return self.user_emb[users] @ self.item_emb.T
