r"""The user-item graph: edges in both directions, symmetric normalisation, propagation.

Nodes are numbered with the users first: user ``u`` is node ``u``, item ``i`` is node
``num_users + i``. With :math:`d_v` the degree of node :math:`v`, every edge weighs
:math:`1/\sqrt{d_u d_i}`, and one propagation is :math:`X' = \tilde{A} X` with
:math:`\tilde{A} = D^{-1/2} A D^{-1/2}`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array
from torch import Tensor
from torch.autograd.function import once_differentiable

from recbook.checks import check_count, check_kind, check_number, check_tensor
from recbook.data import Interactions, check_part
from recbook.sparse import (
    check_csr,
    inv_sqrt,
    largest_singular,
    row_entries,
    sparse_product,
    sparse_rows,
    transpose,
)

__all__ = [
    "bipartite_edge_index",
    "edge_norm",
    "is_adjacency",
    "layer_mean",
    "layer_mean_at",
    "normalized_adjacency",
    "normalized_matrix",
    "propagate",
    "smooth_start",
    "train_adjacency",
]


_ONE_WAY = (
    "got an edge without its opposite, expected both directions of each: build edge_index with "
    "bipartite_edge_index"
)


def bipartite_edge_index(user: Tensor, item: Tensor, num_users: int) -> Tensor:
    """Edges of the user-item graph, each in both directions.

    Args:
        user: user positions, shape ``(E,)``.
        item: item positions, shape ``(E,)``; item ``i`` becomes node ``num_users + i``.
        num_users: number of users.

    Returns:
        ``LongTensor`` of shape ``(2, 2E)``, first all user-to-item edges, then all item-to-user.

    Raises:
        TypeError: on what are no positions, such as a mask or text.
        ValueError: where the lengths differ, a position is negative, or a user position is
            ``num_users`` or more.

    >>> bipartite_edge_index(torch.tensor([0, 1]), torch.tensor([0, 0]), num_users=2)
    tensor([[0, 1, 2, 2],
            [2, 2, 0, 1]])
    """
    check_count("num_users", num_users)
    hint = "users and items would collide: pass the number of all users"
    check_tensor("user", user, "E", of="positions", number=num_users, hint=hint)
    check_tensor("item", item, len(user), of="positions", hint="one for each user")
    user, node = user.long(), item.long() + num_users
    return torch.stack([torch.cat([user, node]), torch.cat([node, user])])


def edge_norm(edge_index: Tensor, num_nodes: int) -> Tensor:
    r"""The weight :math:`1/\sqrt{d_i d_j}` of every edge.

    Args:
        edge_index: shape ``(2, num_edges)``, every edge in both directions.
        num_nodes: number of users plus number of items.

    Returns:
        Shape ``(num_edges,)``.

    Raises:
        TypeError: on what are no positions.
        ValueError: where an edge names a node that is not in ``0 .. num_nodes-1``, or a node has
            more edges in one direction than in the other.

    >>> edge_norm(torch.tensor([[0, 1, 2, 2], [2, 2, 0, 1]]), num_nodes=3)  # 1 / sqrt(1 * 2)
    tensor([0.7071, 0.7071, 0.7071, 0.7071])
    """
    check_count("num_nodes", num_nodes)
    hint = "is num_nodes = num_users + num_items?"
    check_tensor("edge_index", edge_index, 2, "E", of="positions", number=num_nodes, hint=hint)
    source, target = edge_index.long()
    degree = torch.bincount(target, minlength=num_nodes)
    if not torch.equal(degree, torch.bincount(source, minlength=num_nodes)):
        raise ValueError(_ONE_WAY)
    inv_sqrt = degree.float().pow(-0.5)
    return inv_sqrt[source] * inv_sqrt[target]


def normalized_adjacency(edge_index: Tensor, num_nodes: int) -> Tensor:
    r"""The symmetric sparse matrix :math:`\tilde{A} = D^{-1/2} A D^{-1/2}`.

    A node without edges has an empty row. There are no self-loops (LightGCN, section 3.1.1).

    Args:
        edge_index: shape ``(2, num_edges)``, every edge in both directions.
        num_nodes: number of users plus number of items.

    Returns:
        Sparse CSR tensor of shape ``(num_nodes, num_nodes)``.

    Raises:
        TypeError: on what are no positions.
        ValueError: where an edge is missing one of its directions, occurs twice, or names a node
            that does not exist.

    >>> edges = bipartite_edge_index(torch.tensor([0, 1]), torch.tensor([0, 0]), num_users=2)
    >>> normalized_adjacency(edges, num_nodes=3).to_dense()[2]
    tensor([0.7071, 0.7071, 0.0000])
    """
    norm = edge_norm(edge_index, num_nodes)
    source, target = edge_index.long()
    forth, order = torch.sort(target * num_nodes + source)
    if not torch.equal(forth, torch.sort(source * num_nodes + target).values):
        raise ValueError(_ONE_WAY)
    if (forth[1:] == forth[:-1]).any():
        raise ValueError("got the same edge twice, expected each once; drop duplicate pairs first")
    adj = sparse_rows(target[order], source[order], norm[order], (num_nodes, num_nodes))
    _mark_symmetric(adj)
    return adj


def is_adjacency(graph: Tensor, num_nodes: int) -> bool:
    """True for a sparse adjacency of ``num_nodes`` nodes, False for an ``edge_index``.

    Raises:
        TypeError: where ``graph`` is no tensor.
        ValueError: where it is neither.

    >>> is_adjacency(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    False
    """
    check_kind("graph", graph, Tensor)
    check_count("num_nodes", num_nodes)
    if graph.layout == torch.sparse_csr and graph.shape == (num_nodes, num_nodes):
        return True
    if graph.layout == torch.strided and graph.dtype == torch.long and graph.shape[:-1] == (2,):
        return False
    raise ValueError(
        f"got a graph of shape {tuple(graph.shape)}, {graph.dtype}, {graph.layout}; expected the "
        f"sparse matrix of normalized_adjacency, here {num_nodes} x {num_nodes}, or an edge_index "
        "of shape (2, num_edges)"
    )


def _mark_symmetric(adj: Tensor) -> None:
    """Note on the matrix that it equals its transpose, as long as its values are not changed."""
    if not adj.is_inference():  # such a tensor does not count changes
        adj.symmetric_at = adj.values()._version  # type: ignore[attr-defined]


def _check_symmetric(adj: Tensor) -> None:
    """Raise a ValueError unless a matrix equals its transpose; it is looked at once."""
    check_csr("adj", adj)
    if not adj.is_inference() and getattr(adj, "symmetric_at", None) == adj.values()._version:
        return
    if adj.shape[0] == adj.shape[1]:
        turned = transpose(adj)
        again = transpose(turned)  # adj itself, columns in order
        close = 16 * torch.finfo(adj.dtype).eps  # d_i w d_j and d_j w d_i may round differently
        if (
            torch.equal(turned.crow_indices(), again.crow_indices())
            and torch.equal(turned.col_indices(), again.col_indices())
            and torch.allclose(turned.values(), again.values(), rtol=close, atol=0)
        ):
            _mark_symmetric(adj)
            return
    raise ValueError(
        f"got a matrix of shape {tuple(adj.shape)} that differs from its transpose, expected a "
        "symmetric one, or gradients would be wrong; build it with normalized_adjacency, or "
        "multiply by adj @ x"
    )


class _SymmetricProduct(torch.autograd.Function):
    """``adj @ x`` whose gradient is ``adj @ grad``: true because ``adj`` equals its transpose.

    PyTorch does not know of the symmetry, and would transpose the matrix at every backward.
    """

    @staticmethod
    def forward(ctx: Any, adj: Tensor, x: Tensor) -> Tensor:
        ctx.adj = adj
        return sparse_product(adj, x.detach())  # detached, it prepares no gradient of its own

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, Tensor]:
        return None, propagate(ctx.adj, grad[0])


def propagate(adj: Tensor, x: Tensor) -> Tensor:
    r"""One propagation :math:`X' = \tilde{A} X`; its gradient is :math:`\tilde{A} G`.

    Args:
        adj: **symmetric** sparse matrix, shape ``(num_nodes, num_nodes)``; see
            :func:`normalized_adjacency`. It is treated as a constant. One from elsewhere is
            compared with its transpose when it is first used.
        x: node embeddings, shape ``(num_nodes, embedding_dim)``.

    Returns:
        Shape ``(num_nodes, embedding_dim)``.

    Raises:
        TypeError: on a matrix that is not sparse CSR, or an ``x`` of other floats.
        ValueError: on a matrix that is not symmetric, or an ``x`` of another number of nodes.

    >>> adj = normalized_adjacency(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    >>> propagate(adj, torch.tensor([[1.0], [2.0]]))
    tensor([[2.],
            [1.]])
    """
    _check_symmetric(adj)
    check_tensor("x", x, len(adj), "embedding_dim", hint="one row a node")
    return _SymmetricProduct.apply(adj, x)


def layer_mean(x: Tensor, num_layers: int, step: Callable[[Tensor], Tensor]) -> Tensor:
    r"""The mean of a node's layers, :math:`\frac{1}{K+1} \sum_{k=0}^{K} x^{(k)}`.

    Args:
        x: layer 0, shape ``(num_nodes, embedding_dim)``.
        num_layers: :math:`K`, 0 or more.
        step: from a layer to the next one, mostly a propagation.

    Returns:
        Shape ``(num_nodes, embedding_dim)``.

    Raises:
        TypeError: on an ``x`` that is no tensor of floats, or a ``step`` that is no function.
        ValueError: on a negative number of layers, or an ``x`` that is no table.

    >>> layer_mean(torch.ones(1, 2), num_layers=2, step=lambda x: 2 * x)  # (1 + 2 + 4) / 3
    tensor([[2.3333, 2.3333]])
    """
    check_tensor("x", x, "num_nodes", "embedding_dim")
    check_count("num_layers", num_layers, least=0)
    if not callable(step):
        raise TypeError(f"got step={step!r}, expected a function from a layer to the next")
    total = x
    for _ in range(num_layers):
        x = step(x)
        total = total + x
    return total / (num_layers + 1)


def layer_mean_at(adj: Tensor, x: Tensor, nodes: Tensor, num_layers: int) -> Tensor:
    r""":func:`layer_mean` of some nodes, :math:`\frac{1}{K+1} \sum_{k=0}^{K} (\tilde{A}^k X)_v`.

    Fewer nodes make it cheaper: the last layer is computed at them alone, and so is
    the first product of the gradient. The whole operator is symmetric, as ``adj`` is, and its
    gradient therefore the same sum again, taken by Horner's rule:
    :math:`G + \tilde{A}(G + \tilde{A}(G + \dots))`, with no table kept from the way there.

    Args:
        adj: symmetric sparse matrix; see :func:`normalized_adjacency`.
        x: layer 0, shape ``(num_nodes, embedding_dim)``.
        nodes: which nodes, shape ``(n,)``.
        num_layers: :math:`K`, 1 or more.

    Returns:
        Shape ``(n, embedding_dim)``.

    Raises:
        TypeError: on a matrix that is not sparse CSR, or nodes that are no positions.
        ValueError: on a matrix that is not symmetric, a node that is not there, an ``x`` of another
            number of nodes, or fewer than one layer, where there is no last one to cut.

    >>> adj = normalized_adjacency(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    >>> layer_mean_at(adj, torch.tensor([[1.0], [2.0]]), torch.tensor([1]), num_layers=1)
    tensor([[1.5000]])
    """
    check_count("num_layers", num_layers, hint="without layers take x")
    _check_symmetric(adj)
    check_tensor("x", x, len(adj), "embedding_dim", hint="one row a node")
    check_tensor("nodes", nodes, "n", of="positions", number=len(adj))
    return _LayerMeanAt.apply(adj, x, nodes, num_layers)


class _LayerMeanAt(torch.autograd.Function):
    """See :func:`layer_mean_at`."""

    @staticmethod
    def forward(ctx: Any, adj: Tensor, x: Tensor, nodes: Tensor, num_layers: int) -> Tensor:
        row, entry = row_entries(adj.crow_indices(), nodes)
        column, value = adj.col_indices()[entry], adj.values()[entry]
        last = sparse_rows(row, column, value, (len(nodes), len(adj)))
        x = x.detach()
        ctx.args = adj, last, nodes, num_layers
        total = x.index_select(0, nodes)
        for _ in range(num_layers - 1):
            x = sparse_product(adj, x)
            total += x.index_select(0, nodes)
        return (total + sparse_product(last, x)) / (num_layers + 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, Tensor, None, None]:
        adj, last, nodes, num_layers = ctx.args
        share = grad[0] / (num_layers + 1)
        x = sparse_product(transpose(last), share).index_add_(0, nodes, share)
        for _ in range(num_layers - 1):
            x = sparse_product(adj, x).index_add_(0, nodes, share)
        return None, x, None, None


def train_adjacency(train: Interactions) -> Tensor:
    """The normalised adjacency of the train graph, users first.

    Args:
        train: the interactions.

    Returns:
        Sparse CSR tensor of shape ``(num_users + num_items, num_users + num_items)``.

    Raises:
        TypeError: on anything but Interactions.
        ValueError: where there is none.

    >>> train_adjacency(Interactions.from_pairs([0], [1])).to_dense().tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    check_part("train", train)
    edge_index = bipartite_edge_index(train.user, train.item, train.num_users)
    return normalized_adjacency(edge_index, train.num_users + train.num_items)


def normalized_matrix(train: Interactions) -> csr_array:
    r"""The block :math:`\tilde{R} = D_U^{-1/2} X D_I^{-1/2}` of the normalised adjacency.

    Args:
        train: the interactions.

    Returns:
        Sparse, in doubles, shape ``(num_users, num_items)``.

    Raises:
        TypeError: on anything but Interactions.
        ValueError: where there is none.

    >>> normalized_matrix(Interactions.from_pairs([0, 0, 1, 1], [0, 1, 0, 1])).toarray().round(6)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    check_part("train", train)
    user_scale, item_scale = inv_sqrt(train.user_degree), inv_sqrt(train.item_degree)
    return diags_array(user_scale) @ train.matrix @ diags_array(item_scale)


def smooth_start(train: Interactions, embedding_dim: int, std: float = 0.1) -> Tensor:
    r"""Layer-0 embeddings to start training from: the smoothest signals on the train graph.

    .. math:: E^{(0)} = c \, [U \Sigma^{1/2};\, V \Sigma^{1/2}], \qquad
              \tilde{R} \approx U \Sigma V^\top

    with the largest ``embedding_dim`` singular triplets, and :math:`c` so that the entries have
    standard deviation ``std``. Nothing in it is drawn.

    Args:
        train: the interactions.
        embedding_dim: dimensions of an embedding, below the numbers of users and of items.
        std: standard deviation of all entries.

    Returns:
        Shape ``(num_users + num_items, embedding_dim)``, users first.

    Raises:
        TypeError: on anything but Interactions, or what is no number.
        ValueError: where there is no interaction, on more dimensions than the matrix has, or a
            standard deviation of 0 or less.

    >>> toy = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])
    >>> smooth_start(toy, embedding_dim=2).shape
    torch.Size([6, 2])
    """
    check_number("std", std, above=0)
    matrix = normalized_matrix(train)
    most = min(matrix.shape) - 1
    check_count("embedding_dim", embedding_dim, 1, most, "below the numbers of users and of items")
    left, size, right = largest_singular(matrix, embedding_dim)
    start = torch.from_numpy(np.concatenate([left, right]) * np.sqrt(size)).float()
    return start * (std / start.std())
