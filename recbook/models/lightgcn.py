"""LightGCN: propagate, average the layers, take dot products; nothing else is learned."""

from __future__ import annotations

from types import NoneType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn import MessagePassing

from recbook.checks import check_count, check_kind, check_tensor
from recbook.graph import edge_norm, is_adjacency, layer_mean, layer_mean_at, propagate
from recbook.models.base import EmbeddingModel

__all__ = ["LightGCN", "LightGCNConv"]


class LightGCNConv(MessagePassing):
    r"""One layer of LightGCN: the normalised sum over the neighbours.

    .. math:: e_i^{(k+1)} = \sum_{j \in \mathcal{N}_i} \frac{1}{\sqrt{d_i d_j}} \, e_j^{(k)}

    No weights, no nonlinearity, no self-loop (equation 3 of the paper): PyG's ``LGConv``. Takes the
    graph in either form, with results equal to 1e-6: an ``edge_index`` goes edge by edge through
    ``message``, and PyG's ``aggregate`` adds up; there is no ``update``. A sparse adjacency goes in
    one product through ``message_and_aggregate``, without the messages ever being stored. It has
    the degrees in it.

    Reference: He et al., LightGCN: Simplifying and Powering Graph Convolution Network for
    Recommendation, SIGIR 2020.
    """

    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, x: Tensor, graph: Tensor, norm: Tensor | None = None) -> Tensor:
        """Propagate once.

        Args:
            x: node embeddings, shape ``(num_nodes, embedding_dim)``.
            graph: ``edge_index`` of shape ``(2, num_edges)`` with both directions, or the sparse
                matrix of :func:`recbook.graph.normalized_adjacency`.
            norm: :func:`recbook.graph.edge_norm` of an ``edge_index``, so that degrees are counted
                once for all layers; None computes it. A sparse matrix has it already.

        Returns:
            Shape ``(num_nodes, embedding_dim)``.

        Raises:
            TypeError: on an ``x`` or ``norm`` that is no tensor of floats.
            ValueError: on one of another shape, and where ``graph`` is neither of the two, or of
                another number of nodes.
        """
        check_tensor("x", x, "num_nodes", "embedding_dim")
        sparse = is_adjacency(graph, len(x))
        if norm is None:
            norm = graph.values() if sparse else edge_norm(graph, len(x))
        check_tensor("norm", norm, len(graph.values()) if sparse else graph.shape[1])
        return self.propagate(graph, x=x, norm=norm)

    def message(self, x_j: Tensor, norm: Tensor) -> Tensor:
        """What neighbour ``j`` sends along each edge, shape ``(num_edges, embedding_dim)``."""
        return norm.view(-1, 1) * x_j

    def message_and_aggregate(self, adj: Tensor, x: Tensor) -> Tensor:
        """All messages summed at their targets, shape ``(num_nodes, embedding_dim)``."""
        return propagate(adj, x)


class LightGCN(EmbeddingModel):
    r"""LightGCN with uniform layer weights.

    .. math:: e_v = \sum_{k=0}^{K} \alpha_k e_v^{(k)}, \quad \alpha_k = \frac{1}{K+1},
              \qquad \hat{y}_{ui} = e_u^\top e_i

    The layer-0 embeddings are the only parameters; :math:`K = 0` is matrix factorisation. With
    ``cosine`` the final embeddings are divided by their length, so that :math:`\hat{y}_{ui}` is the
    cosine of the angle between them.

    Args:
        num_users: number of users.
        num_items: number of items.
        embedding_dim: number of dimensions of an embedding.
        num_layers: :math:`K`, the number of propagations, 0 or more.
        std: standard deviation of the initial embeddings.
        cosine: score with cosines; None leaves it to the loss that the model is trained with: BPR
            wants dot products, as the paper, the softmax wants cosines.

    Raises:
        ValueError: on a size below 1, or a negative number of layers.

    Reference: He et al., SIGIR 2020, equations 3 to 6. The paper initialises with Xavier; the post
    that the book reproduces draws normal(0, 0.1), which is the default here.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        embedding_dim: int = 64,
        num_layers: int = 3,
        std: float = 0.1,
        cosine: bool | None = None,
    ) -> None:
        super().__init__(num_users, num_items, embedding_dim, std)
        check_count("num_layers", num_layers, least=0)
        check_kind("cosine", cosine, (bool, NoneType))
        self.num_layers, self.cosine = num_layers, cosine
        self.conv = LightGCNConv()
        self.reset_parameters()

    def forward(self, graph: Tensor) -> tuple[Tensor, Tensor]:
        """Final embeddings of all users and items.

        Args:
            graph: sparse adjacency (fast) or ``edge_index`` (the same numbers, slowly).

        Returns:
            ``user_emb`` of shape ``(num_users, embedding_dim)`` and ``item_emb`` of shape
            ``(num_items, embedding_dim)``.
        """
        weight = self.embedding.weight
        sparse = is_adjacency(graph, len(weight))
        norm = None if sparse else edge_norm(graph, len(weight))  # once for all layers
        mean = layer_mean(weight, self.num_layers, lambda x: self.propagate(x, graph, norm))
        return self.split_nodes(F.normalize(mean) if self.cosine else mean)

    def propagate(self, x: Tensor, graph: Tensor, norm: Tensor | None = None) -> Tensor:
        """From one layer to the next, shape ``(num_nodes, embedding_dim)``."""
        return self.conv(x, graph, norm)

    def embed(self, graph: Tensor, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Final embeddings of some users and items; in a large graph without the whole last layer.

        The numbers are those of ``forward``, but for rounding. A subclass that has its own
        ``forward`` or ``propagate`` gets what they say.
        """
        self._check_nodes(users, items)
        plain = all(
            getattr(type(self), x) is getattr(LightGCN, x) for x in ("forward", "propagate")
        )
        if not (plain and self.num_layers and graph.layout == torch.sparse_csr):
            return super().embed(graph, users, items)
        weight, rows = self.embedding.weight, torch.cat([users, items + self.num_users])
        # With fewer than eight nodes for each of the batch, choosing rows costs what it saves.
        if 8 * len(rows) < len(weight):
            nodes, rows = rows.unique(return_inverse=True)
            mean = layer_mean_at(graph, weight, nodes, self.num_layers)
        else:
            mean = _SymmetricMean.apply(graph, weight, self.num_layers)
        vec = (F.normalize(mean) if self.cosine else mean).index_select(0, rows)
        user_vec, item_vec = vec.split([len(users), len(items)])
        return user_vec, item_vec


class _SymmetricMean(torch.autograd.Function):
    """The mean of the layers by Horner's rule; it is symmetric, and so its own gradient."""

    @staticmethod
    def forward(ctx: Any, adj: Tensor, x: Tensor, num_layers: int) -> Tensor:
        ctx.args = adj, num_layers
        total = x
        for _ in range(num_layers):
            total = propagate(adj, total).add_(x)
        return total.div_(num_layers + 1)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, Tensor, None]:
        adj, num_layers = ctx.args
        return None, _SymmetricMean.apply(adj, grad[0], num_layers), None
