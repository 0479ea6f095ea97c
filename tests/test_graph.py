import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbook.data import Interactions
from recbook.graph import (
    bipartite_edge_index,
    edge_norm,
    layer_mean_at,
    normalized_adjacency,
    propagate,
)
from recbook.sparse import sparse_product, sparse_rows

PAIRS = st.sets(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1).map(sorted)


def dense(edge_index: torch.Tensor, num_nodes: int) -> torch.Tensor:
    adjacency = torch.zeros(num_nodes, num_nodes)
    for source, target in edge_index.T.tolist():
        adjacency[target, source] = 1
    degree = adjacency.sum(1)
    scale = torch.where(degree > 0, degree, torch.inf) ** -0.5
    return scale[:, None] * adjacency * scale


def edges(pairs: list[tuple[int, int]], num_users: int = 5) -> torch.Tensor:
    user, item = torch.tensor(pairs).T
    return bipartite_edge_index(user, item, num_users)


def test_toy_by_hand(toy: Interactions) -> None:
    edge_index = bipartite_edge_index(toy.user, toy.item, 3)
    assert edge_index[:, [0, 6]].tolist() == [[0, 3], [3, 0]]
    adj = normalized_adjacency(edge_index, 7).to_dense()
    assert adj[0].tolist() == pytest.approx([0, 0, 0, 0.5**0.5, 0.5, 0, 0])  # Ann: 1/sqrt(2*1)
    assert adj[4].tolist() == pytest.approx([0.5, 0.5, 0, 0, 0, 0, 0])  # Brazil: 1/sqrt(2*2)


@settings(deadline=None)
@given(PAIRS)
def test_equals_the_dense_matrix(pairs: list[tuple[int, int]]) -> None:
    edge_index = edges(pairs)
    adj = normalized_adjacency(edge_index, 12)
    torch.testing.assert_close(adj.to_dense(), dense(edge_index, 12))
    torch.testing.assert_close(adj.to_dense(), adj.to_dense().T)
    x = torch.arange(36.0).view(12, 3).sin()
    torch.testing.assert_close(propagate(adj, x), dense(edge_index, 12) @ x)


def test_product_with_a_matrix_that_is_not_square() -> None:
    whole = torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    row, column = whole.nonzero(as_tuple=True)
    matrix = sparse_rows(row, column, whole[row, column], (4, 3))
    x = torch.arange(6.0).view(3, 2)
    assert sparse_product(matrix, x).tolist() == (whole @ x).tolist()
    with pytest.raises(ValueError, match=r"got 4 rows for a matrix of shape \(4, 3\)"):
        sparse_product(matrix, torch.ones(4, 2))


@settings(deadline=None)
@given(PAIRS)
def test_both_directions_are_there(pairs: list[tuple[int, int]]) -> None:
    both = {(user, item + 5) for user, item in pairs} | {(item + 5, user) for user, item in pairs}
    assert sorted(map(tuple, edges(pairs).T.tolist())) == sorted(both)


def test_nodes_without_edges_stay_finite() -> None:
    out = propagate(normalized_adjacency(edges([(0, 0)]), 12), torch.ones(12, 1))
    assert out.flatten().tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_gradients(toy: Interactions) -> None:
    adj = normalized_adjacency(bipartite_edge_index(toy.user, toy.item, 3), 7).double()
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: propagate(adj, x), x)
    assert torch.autograd.gradgradcheck(lambda x: propagate(adj, x), x)
    spread, whole = (
        torch.autograd.grad(product.sum(1).square().sum(), x)[0]  # a gradient with stride 0
        for product in (propagate(adj, x), adj.to_dense() @ x)
    )
    torch.testing.assert_close(spread, whole)


@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_layers_at_some_nodes(toy: Interactions, num_layers: int) -> None:
    edge_index = bipartite_edge_index(toy.user, toy.item, 3)
    adj = normalized_adjacency(edge_index, 8).double()  # node 7 has no edges
    powers = [torch.linalg.matrix_power(adj.to_dense(), k) for k in range(num_layers + 1)]
    nodes = torch.tensor([5, 7, 0, 3])
    x = torch.randn(8, 2, dtype=torch.float64, requires_grad=True)
    mean = layer_mean_at(adj, x, nodes, num_layers)
    torch.testing.assert_close(mean, (sum(powers) @ x / (num_layers + 1))[nodes])
    assert torch.autograd.gradcheck(lambda x: layer_mean_at(adj, x, nodes, num_layers), x)
    with pytest.raises(ValueError, match="got num_layers=0, expected 1 or more"):
        layer_mean_at(adj, x, nodes, 0)


@settings(deadline=None)
@given(PAIRS, st.permutations(range(5)))
def test_permuting_users_permutes_outputs(pairs: list, order: list[int]) -> None:
    x = torch.arange(12.0).sin().view(12, 1)
    nodes = torch.tensor([*order, *range(5, 12)])
    moved = x.clone()
    moved[nodes] = x
    out = propagate(normalized_adjacency(edges(pairs), 12), x)
    renamed = [(order[user], item) for user, item in pairs]
    out_moved = propagate(normalized_adjacency(edges(renamed), 12), moved)
    torch.testing.assert_close(out_moved[nodes], out)


def test_errors() -> None:
    one, two = torch.tensor([0]), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="1 users and 2 items"):
        bipartite_edge_index(one, two, 3)
    with pytest.raises(ValueError, match="collide"):
        bipartite_edge_index(two, two, 1)
    with pytest.raises(ValueError, match="negative position -1"):
        bipartite_edge_index(two, two - 1, 2)
    for one_way in ([[0], [1]], [[0, 1, 2], [1, 2, 0]]):
        with pytest.raises(ValueError, match="without its opposite"):
            normalized_adjacency(torch.tensor(one_way), 3)
    with pytest.raises(ValueError, match="without its opposite"):
        edge_norm(torch.tensor([[0], [1]]), 2)
    with pytest.raises(ValueError, match="same edge twice"):
        normalized_adjacency(torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0]]), 2)
    with pytest.raises(ValueError, match="expected 0 to 1"):
        normalized_adjacency(torch.tensor([[0, 2], [2, 0]]), 2)
