"""NGCF with parts left out."""

from __future__ import annotations

from collections.abc import Collection

import torch.nn.functional as F
from torch import Tensor, nn

from recbook.graph import propagate
from recbook.models import NGCF

__all__ = ["PARTS", "NGCFOfParts"]

# What NGCF has and LightGCN has not, but for the concatenation of layers, which stays.
PARTS = ("weights", "product", "own", "nonlinearity", "dropout")


class Layer(nn.Module):
    r"""NGCF's layer on a sparse adjacency, made of those of its parts that are named.

    .. math:: E' = \mathrm{dropout}(\sigma(W_1 (\tilde{A} E + E) + W_2 (\tilde{A} E \odot E)))

    Without ``weights`` :math:`W_1` and :math:`W_2` are the identity, without ``product`` the last
    term is missing, without ``own`` the :math:`E` beside :math:`\tilde{A} E`.
    """

    def __init__(self, embedding_dim: int, parts: Collection[str], dropout: float) -> None:
        super().__init__()
        self.parts, self.dropout = frozenset(parts), dropout if "dropout" in parts else 0.0
        if "weights" in parts:
            self.lin_1 = nn.Linear(embedding_dim, embedding_dim)
            if "product" in parts:
                self.lin_2 = nn.Linear(embedding_dim, embedding_dim)

    def forward(self, x: Tensor, adj: Tensor, norm: Tensor | None = None) -> Tensor:
        """Propagate once; ``norm`` is in the adjacency already."""
        heard, weighs = propagate(adj, x), "weights" in self.parts
        out = heard + x if "own" in self.parts else heard
        out = out @ self.lin_1.weight.T if weighs else out
        if "product" in self.parts:
            product = heard * x
            out = out + (product @ self.lin_2.weight.T if weighs else product)
        if weighs:  # each message carries the biases
            row_sum = (adj @ out.new_ones(len(x)))[:, None]
            out = out + row_sum * sum(p for name, p in self.named_parameters() if "bias" in name)
            out = out + self.lin_1.bias if "own" in self.parts else out
        if "nonlinearity" in self.parts:
            out = F.leaky_relu(out)
        return F.dropout(out, self.dropout, self.training)


class NGCFOfParts(NGCF):
    """NGCF, as the post has it, of some of its parts; with all of them it is NGCF.

    Args:
        num_users: number of users.
        num_items: number of items.
        parts: some of ``PARTS``.
        embedding_dim: length of an embedding.
        num_layers: the number of propagations.
        dropout: the share that is dropped, where ``dropout`` is among the parts.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        parts: Collection[str] = PARTS,
        embedding_dim: int = 64,
        num_layers: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(num_users, num_items, embedding_dim, num_layers, dropout, bias=True)
        self.parts = sorted(parts)  # a checkpoint tells models apart by it
        self.convs = nn.ModuleList(Layer(embedding_dim, parts, dropout) for _ in range(num_layers))
        self.reset_parameters()
