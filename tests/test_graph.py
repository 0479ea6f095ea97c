import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbook.data import Interactions
from recbook.graph import (
    bipartite_edge_index,
    edge_norm,
    is_adjacency,
    layer_mean,
    layer_mean_at,
    normalized_adjacency,
    normalized_matrix,
    propagate,
    smooth_start,
    train_adjacency,
)
from recbook.sparse import sparse_rows

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


def one_way() -> torch.Tensor:
    """From node 0 to node 1 with weight 2, and a loop at node 2."""
    row, column = torch.tensor([1, 2]), torch.tensor([0, 2])
    return sparse_rows(row, column, torch.tensor([2.0, 1.0]), (3, 3))


@pytest.mark.parametrize("product", ["propagate", "layer_mean_at"])
def test_a_matrix_that_is_not_symmetric_is_refused(product: str) -> None:
    x, nodes = torch.ones(3, 1), torch.arange(3)

    def multiply(adj: torch.Tensor) -> torch.Tensor:
        return propagate(adj, x) if product == "propagate" else layer_mean_at(adj, x, nodes, 1)

    uneven = torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).to_sparse_csr()
    lost = torch.tensor([[0.0, torch.nan], [torch.nan, 0.0]]).to_sparse_csr()
    wide = sparse_rows(torch.tensor([0]), torch.tensor([0]), torch.ones(1), (2, 3))
    near = torch.tensor([[0.0, 1.0], [1.000008, 0.0]]).to_sparse_csr()
    small = torch.tensor([[0.0, 1e-9], [2e-9, 0.0]]).to_sparse_csr()
    for adj in (one_way(), uneven, lost, wide, near, small):
        for _ in range(2):  # what was refused once is not trusted later
            with pytest.raises(ValueError, match="differs from its transpose, expected a symmetr"):
                multiply(adj)


def test_a_symmetric_matrix_from_elsewhere_is_compared_once(
    toy: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = normalized_adjacency(bipartite_edge_index(toy.user, toy.item, 3), 7)
    theirs = ours.to_dense().to_sparse_csr()
    weighted = (ours.to_dense() * torch.tensor(3.0).sqrt()).half().to_sparse_csr()
    shuffled = torch.sparse_csr_tensor(  # columns of a row in any order
        torch.tensor([0, 2, 4]),
        torch.tensor([1, 0, 1, 0]),
        torch.tensor([1.0, 2.0, 3.0, 1.0]),
        check_invariants=False,
    )
    x = torch.randn(7, 2, requires_grad=True)
    grad, expected = (
        torch.autograd.grad(product.square().sum(), x)[0]
        for product in (propagate(theirs, x), ours.to_dense() @ x)
    )
    torch.testing.assert_close(grad, expected)
    propagate(weighted, x.detach().half())
    assert propagate(shuffled, torch.eye(2)).tolist() == [[2, 1], [1, 3]]
    monkeypatch.setattr(torch, "allclose", lambda *_, **__: pytest.fail("it is compared again"))
    for adj in (ours, theirs, weighted, shuffled):
        propagate(adj, torch.ones(len(adj), 1, dtype=adj.dtype))


def test_a_matrix_whose_values_change_is_compared_again(toy: Interactions) -> None:
    adj = normalized_adjacency(bipartite_edge_index(toy.user, toy.item, 3), 7)
    propagate(adj, torch.ones(7, 1))
    adj.values()[0] = 0  # drops an edge in one direction
    with pytest.raises(ValueError, match="differs from its transpose"):
        propagate(adj, torch.ones(7, 1))


def test_a_matrix_without_versions_is_compared_each_time(toy: Interactions) -> None:
    with torch.inference_mode():
        adj = normalized_adjacency(bipartite_edge_index(toy.user, toy.item, 3), 7)
        assert propagate(adj, torch.ones(7, 1)).shape == (7, 1)


def test_nodes_and_tables_that_do_not_fit(toy: Interactions) -> None:
    adj, x = train_adjacency(toy), torch.ones(7, 2)
    for table in (x[:6], x[0]):
        shape = r"x: got shape .*, expected \(7, embedding_dim\); one row a node"
        with pytest.raises(ValueError, match=shape):
            propagate(adj, table)
        with pytest.raises(ValueError, match=shape):
            layer_mean_at(adj, table, torch.tensor([0]), 1)
    for nodes, message in (
        ([0, 7], "nodes: got position 7, expected 0 to 6"),
        ([[0, 6]], r"nodes: got shape \(1, 2\), expected \(n,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            layer_mean_at(adj, x, torch.tensor(nodes), 1)


def test_nodes_may_come_twice(toy: Interactions) -> None:
    adj = normalized_adjacency(bipartite_edge_index(toy.user, toy.item, 3), 7).double()
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    nodes = torch.tensor([2, 5, 2])
    assert torch.autograd.gradcheck(lambda x: layer_mean_at(adj, x, nodes, 2), x)


def test_layer_mean_by_hand() -> None:
    x = torch.tensor([[1.0], [3.0]])
    assert layer_mean(x, 0, lambda x: pytest.fail("there is no layer")) is not None
    assert layer_mean(x, 3, lambda x: x + 1).tolist() == [[2.5], [4.5]]
    with pytest.raises(ValueError, match="got num_layers=-1, expected 0 or more"):
        layer_mean(x, -1, lambda x: x)
    with pytest.raises(TypeError, match="got step=3, expected a function"):
        layer_mean(x, 1, 3)
    with pytest.raises(
        ValueError, match=r"got shape \(2,\), expected \(num_nodes, embedding_dim\)"
    ):
        layer_mean(x[:, 0], 1, lambda x: x)


def test_train_adjacency_and_its_block(toy: Interactions) -> None:
    adj = train_adjacency(toy).to_dense()
    block = torch.from_numpy(normalized_matrix(toy).toarray())
    torch.testing.assert_close(adj[:3, 3:].double(), block)
    torch.testing.assert_close(adj, adj.T)
    assert adj[:3, :3].count_nonzero() == adj[3:, 3:].count_nonzero() == 0


def test_smooth_start_is_the_largest_singular_vectors(toy: Interactions) -> None:
    left, size, right = torch.linalg.svd(torch.from_numpy(normalized_matrix(toy).toarray()))
    start = smooth_start(toy, embedding_dim=2, std=0.3)
    assert start.shape == (7, 2) and start.dtype == torch.float32
    assert start.std().item() == pytest.approx(0.3)
    expected = torch.cat([left[:, :2], right[:2].T]) * size[:2].sqrt()
    products = [x @ x.T / x.square().sum() for x in (start.double(), expected)]  # without signs
    torch.testing.assert_close(*products, rtol=0, atol=1e-6)
    torch.testing.assert_close(start, smooth_start(toy, embedding_dim=2, std=0.3))


def test_smooth_start_says_what_it_lacks(toy: Interactions) -> None:
    with pytest.raises(ValueError, match="embedding_dim=3, expected 1 to 2; below the numbers of"):
        smooth_start(toy, 3)
    with pytest.raises(ValueError, match="got std=0, expected a number above 0"):
        smooth_start(toy, 2, std=0)


def test_which_of_the_two_a_graph_is(toy: Interactions) -> None:
    edge_index = bipartite_edge_index(toy.user, toy.item, 3)
    assert is_adjacency(normalized_adjacency(edge_index, 7), 7)
    assert not is_adjacency(edge_index, 7)
    others = edge_index.T, edge_index.float(), edge_index[:, 0]
    for graph in (normalized_adjacency(edge_index, 8), *others):
        with pytest.raises(
            ValueError, match=r"expected the sparse matrix .* here 7 x 7, or an edg"
        ):
            is_adjacency(graph, 7)
    with pytest.raises(TypeError, match="got graph=None, expected Tensor"):
        is_adjacency(None, 7)


def test_narrow_positions_do_not_overflow() -> None:
    small = torch.tensor([100, 120], dtype=torch.int8)
    assert bipartite_edge_index(small, small, 121).tolist()[1][:2] == [221, 241]
    edge_index = torch.tensor([[0, 99], [99, 0]], dtype=torch.int8)
    assert normalized_adjacency(edge_index, 100).to_dense()[0, 99] == 1


def test_errors() -> None:
    one, two = torch.tensor([0]), torch.tensor([0, 1])
    with pytest.raises(
        ValueError, match=r"item: got shape \(2,\), expected \(1,\); one for each user"
    ):
        bipartite_edge_index(one, two, 3)
    with pytest.raises(
        ValueError, match=r"user: got shape \(1, 2\), expected \(E,\); users and items"
    ):
        bipartite_edge_index(two[None], two, 3)
    with pytest.raises(
        ValueError, match=r"edge_index: got shape \(2,\), expected \(2, E\); is num_n"
    ):
        edge_norm(two, 2)
    with pytest.raises(ValueError, match="collide"):
        bipartite_edge_index(two, two, 1)
    with pytest.raises(ValueError, match="item: got position -1, expected 0 or more"):
        bipartite_edge_index(two, two - 1, 2)
    for one_way in ([[0], [1]], [[0, 1, 2], [1, 2, 0]]):
        with pytest.raises(ValueError, match="without its opposite"):
            normalized_adjacency(torch.tensor(one_way), 3)
    with pytest.raises(ValueError, match="without its opposite"):
        edge_norm(torch.tensor([[0], [1]]), 2)
    with pytest.raises(ValueError, match="same edge twice"):
        normalized_adjacency(torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0]]), 2)
    with pytest.raises(ValueError, match="same edge twice"):
        normalized_adjacency(torch.tensor([[0, 1, 1, 2, 1, 2], [1, 0, 2, 1, 2, 1]]), 3)
    with pytest.raises(
        ValueError, match=r"got position 2, expected 0 to 1; is num_nodes = num_users \+ num_items"
    ):
        normalized_adjacency(torch.tensor([[0, 2], [2, 0]]), 2)
