"""Matrix factorisation: one embedding a user, one an item, and their dot product."""

from __future__ import annotations

from types import NoneType

import torch.nn.functional as F
from torch import Tensor

from recbook.checks import check_kind
from recbook.models.base import EmbeddingModel

__all__ = ["MatrixFactorization"]


class MatrixFactorization(EmbeddingModel):
    r"""Scores are dot products of embeddings that nothing propagates.

    .. math:: \hat{y}_{ui} = e_u^\top e_i

    Trained with BPR it is BPR-MF; it equals :class:`recbook.models.LightGCN` with no layers.

    Args:
        num_users: number of users.
        num_items: number of items.
        embedding_dim: number of dimensions of an embedding.
        std: standard deviation of the initial embeddings, which are normal with mean 0.
        cosine: score with cosines; None leaves it to the loss that the model is trained with: BPR
            wants dot products, the softmax wants cosines.

    Raises:
        ValueError: on a size below 1.

    Reference: Koren, Bell and Volinsky, Matrix Factorization Techniques for Recommender Systems,
    Computer 42(8), 2009. There are no user and item biases here, as in LightGCN's comparison.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        embedding_dim: int = 64,
        std: float = 0.1,
        cosine: bool | None = None,
    ) -> None:
        super().__init__(num_users, num_items, embedding_dim, std)
        check_kind("cosine", cosine, (bool, NoneType))
        self.cosine = cosine
        self.reset_parameters()

    def forward(self, graph: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The embeddings as they are, with ``cosine`` divided by their length.

        Args:
            graph: not looked at; here so that every model is called alike.

        Returns:
            ``user_emb`` of shape ``(num_users, embedding_dim)`` and ``item_emb`` of shape
            ``(num_items, embedding_dim)``.
        """
        weight = self.embedding.weight
        return self.split_nodes(F.normalize(weight) if self.cosine else weight)
