"""NGCF: propagation with weights, a product term, a nonlinearity, and concatenated layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from recbook.checks import check_count, check_kind, check_seed, check_share, check_tensor
from recbook.graph import edge_norm, is_adjacency, propagate
from recbook.models.base import EmbeddingModel

__all__ = ["NGCF", "NGCFConv"]


class NGCFConv(MessagePassing):
    r"""One layer of NGCF.

    .. math:: e_i^{(k+1)} = \mathrm{LeakyReLU}\Big( W_1 e_i^{(k)} + \sum_{j \in \mathcal{N}_i}
              \frac{1}{\sqrt{d_i d_j}} \big( W_1 e_j^{(k)} + W_2 (e_j^{(k)} \odot e_i^{(k)}) \big)
              \Big)

    Takes the graph in either form, with results equal to 1e-5. An ``edge_index`` goes edge by edge
    through ``message``, PyG's ``aggregate`` adds up, and there is no ``update``: the node's own
    term and LeakyReLU stand in ``forward``. The message is linear in the neighbour, so that the sum
    can move inside,

    .. math:: \sum_j \frac{1}{\sqrt{d_i d_j}} \big( W_1 e_j + W_2 (e_j \odot e_i) \big)
              = W_1 a_i + W_2 (a_i \odot e_i), \qquad a = \tilde{A} e,

    and a sparse adjacency needs one product, and both linear maps once a node instead of once an
    edge (``message_and_aggregate``). It has the degrees in it. There :math:`W_1` maps the node and
    the sum together, :math:`W_1 (e_i + a_i)`; with ``fuse = False``, PyG's switch for its hooks,
    the layer goes through ``propagate`` whatever the graph.

    Args:
        in_channels: dimensions of the incoming embeddings.
        out_channels: dimensions of the outgoing ones.
        dropout: message dropout, the probability that an element of the summed messages is set to
            zero while training. LeakyReLU keeps zeros and positive factors, so that it makes no
            difference whether dropout stands before it, as here, or behind, as in the authors'
            code.
        bias: whether both linear maps have a bias. The paper has none; the authors' code and the
            post that the book reproduces have them. They add the row sums of the adjacency times
            the biases.

    Reference: Wang et al., Neural Graph Collaborative Filtering, SIGIR 2019, equations 3 to 8.
    The paper leaves LeakyReLU's slope open; it is 0.01, as in the post (0.2 in the authors' code).
    """

    def __init__(
        self, in_channels: int, out_channels: int, dropout: float = 0.1, bias: bool = False
    ) -> None:
        super().__init__(aggr="add")
        check_count("in_channels", in_channels)
        check_count("out_channels", out_channels)
        check_share("dropout", dropout, zero=True)
        check_kind("bias", bias, bool)
        self.lin_1 = nn.Linear(in_channels, out_channels, bias=bias)
        self.lin_2 = nn.Linear(in_channels, out_channels, bias=bias)
        self.dropout = dropout

    def forward(self, x: Tensor, graph: Tensor, norm: Tensor | None = None) -> Tensor:
        """Propagate once.

        Args:
            x: node embeddings, shape ``(num_nodes, in_channels)``.
            graph: ``edge_index`` of shape ``(2, num_edges)`` with both directions, or the sparse
                matrix of :func:`recbook.graph.normalized_adjacency`.
            norm: :func:`recbook.graph.edge_norm` of an ``edge_index``, so that degrees are counted
                once for all layers; None computes it. A sparse matrix has it already.

        Returns:
            Shape ``(num_nodes, out_channels)``.

        Raises:
            TypeError: on an ``x`` or ``norm`` that is no tensor of floats.
            ValueError: on one of another shape, and where ``graph`` is neither of the two, or of
                another number of nodes.
        """
        check_tensor("x", x, "num_nodes", self.lin_1.in_features)
        sparse = is_adjacency(graph, len(x))
        if norm is None:
            norm = graph.values() if sparse else edge_norm(graph, len(x))
        check_tensor("norm", norm, len(graph.values()) if sparse else graph.shape[1])
        if sparse and self.fuse:  # W_1 maps a node and its neighbours' sum together
            neighbours = propagate(graph, x)
            out = self._map(graph, x + neighbours, neighbours * x)
            if self.lin_1.bias is not None:
                out = out + self.lin_1.bias
        else:
            out = self.lin_1(x) + self.propagate(graph, x=x, norm=norm)
        return F.leaky_relu(_dropout(out, self.dropout) if self.training else out)

    def message(self, x_j: Tensor, x_i: Tensor, norm: Tensor) -> Tensor:
        """What neighbour ``j`` sends to ``i`` along each edge, ``(num_edges, out_channels)``."""
        return norm.view(-1, 1) * (self.lin_1(x_j) + self.lin_2(x_j * x_i))

    def message_and_aggregate(self, adj: Tensor, x: Tensor) -> Tensor:
        """All messages summed at their targets, shape ``(num_nodes, out_channels)``."""
        neighbours = propagate(adj, x)
        return self._map(adj, neighbours, neighbours * x)

    def _map(self, adj: Tensor, to_lin_1: Tensor, to_lin_2: Tensor) -> Tensor:
        """Both linear maps, each message's biases with them."""
        out = to_lin_1 @ self.lin_1.weight.T + to_lin_2 @ self.lin_2.weight.T
        if self.lin_1.bias is None:
            return out
        row_sum = (adj @ out.new_ones(len(adj)))[:, None]  # each message carries both biases
        return out + row_sum * (self.lin_1.bias + self.lin_2.bias)


def _dropout(x: Tensor, share: float) -> Tensor:
    """Dropout with 16 random bits an element; PyTorch's own draws 64 on a processor, one by one.

    What is dropped then is a whole number of 65,536ths, and the rest is divided by just what is
    left.
    """
    if x.device.type != "cpu":
        return F.dropout(x, share)
    drop = min(round(share * 2**16), 2**16 - 1)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.long).random_(-(2**63), None)
    keep = words.view(torch.int16)[: x.numel()].view(x.shape) >= drop - 2**15
    return x * (keep * (2**16 / (2**16 - drop)))


class NGCF(EmbeddingModel):
    r"""NGCF: the final embedding is the concatenation of all layers.

    .. math:: e_v = e_v^{(0)} \,\|\, e_v^{(1)} \,\|\, \dots \,\|\, e_v^{(K)},
              \qquad \hat{y}_{ui} = e_u^\top e_i

    Args:
        num_users: number of users.
        num_items: number of items.
        embedding_dim: number of dimensions of an embedding, the same in all layers.
        num_layers: :math:`K`, the number of propagations, 0 or more.
        dropout: message dropout of each layer, from 0 to below 1.
        bias: whether the linear maps of the layers have biases; the paper has none, the post has.

    Raises:
        ValueError: on a size below 1, a negative number of layers, a dropout out of range.

    Reference: Wang et al., SIGIR 2019, equation 9. Embeddings and weights start uniform by Xavier's
    rule. The authors' code divides each layer by its norm before the concatenation; the paper has
    no such step, and neither has this class. Node dropout is left out, too.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        embedding_dim: int = 64,
        num_layers: int = 3,
        dropout: float = 0.1,
        bias: bool = False,
    ) -> None:
        super().__init__(num_users, num_items, embedding_dim)
        check_count("num_layers", num_layers, least=0)
        check_share("dropout", dropout, zero=True)
        check_kind("bias", bias, bool)
        self.num_layers, self.dropout, self.bias = num_layers, dropout, bias
        self.convs = nn.ModuleList(
            NGCFConv(embedding_dim, embedding_dim, dropout, bias) for _ in range(num_layers)
        )
        self.reset_parameters()

    def reset_parameters(self, seed: int = 0) -> None:
        """Draw embeddings and weights anew by Xavier's rule, biases as ``nn.Linear`` does."""
        generator = torch.Generator().manual_seed(check_seed(seed))
        for parameter in self.parameters():
            drawn = torch.empty(parameter.shape, device="cpu")  # where the generator is
            if parameter.ndim == 2:
                nn.init.xavier_uniform_(drawn, generator=generator)
            else:
                bound = len(parameter) ** -0.5
                nn.init.uniform_(drawn, -bound, bound, generator=generator)
            with torch.no_grad():
                parameter.copy_(drawn)

    def forward(self, graph: Tensor) -> tuple[Tensor, Tensor]:
        """Final embeddings of all users and items.

        Args:
            graph: sparse adjacency (fast) or ``edge_index`` (the same numbers, slowly).

        Returns:
            ``user_emb`` of shape ``(num_users, (num_layers + 1) * embedding_dim)`` and ``item_emb``
            with ``num_items`` rows.
        """
        layers = [self.embedding.weight]
        sparse = is_adjacency(graph, len(layers[0]))
        norm = None if sparse else edge_norm(graph, len(layers[0]))  # once for all layers
        for conv in self.convs:
            layers.append(conv(layers[-1], graph, norm))
        return self.split_nodes(torch.cat(layers, dim=1))
