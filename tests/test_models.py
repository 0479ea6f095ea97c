import copy
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric.nn import LGConv
from torch_geometric.nn.models import LightGCN as PyGLightGCN

from recbook.data import Interactions, Split
from recbook.graph import (
    bipartite_edge_index,
    edge_norm,
    layer_mean,
    normalized_adjacency,
    propagate,
    train_adjacency,
)
from recbook.models import (
    EASE,
    EDLAE,
    NGCF,
    SLIM,
    BaseRecommender,
    EmbeddingModel,
    ItemKNN,
    LightGCN,
    LightGCNConv,
    MatrixFactorization,
    NGCFConv,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
    lightgcn,
    ngcf,
)


@pytest.fixture
def edge_index(toy: Interactions) -> torch.Tensor:
    return bipartite_edge_index(toy.user, toy.item, 3)


def test_propagation_by_hand(edge_index: torch.Tensor) -> None:
    # Ann has 1. Alien hears 1/sqrt(2*1), Brazil 1/sqrt(2*2); Bob then hears half of Brazil's half.
    x = torch.tensor([[1.0], [0], [0], [0], [0], [0], [0]])
    once = LightGCNConv()(x, edge_index)
    assert once.flatten().tolist() == pytest.approx([0, 0, 0, 0.5**0.5, 0.5, 0, 0])
    assert LightGCNConv()(once, edge_index).flatten().tolist() == pytest.approx(
        [0.75, 0.25, 0, 0, 0, 0, 0]
    )


@pytest.mark.parametrize("num_layers", [0, 1, 3])
def test_both_forms_pyg_and_the_dense_formula_agree(
    edge_index: torch.Tensor, num_layers: int
) -> None:
    ours, theirs = LightGCN(3, 4, 5, num_layers), PyGLightGCN(7, 5, num_layers)
    theirs.embedding.load_state_dict(ours.embedding.state_dict())
    adj = normalized_adjacency(edge_index, 7)
    powers = [torch.linalg.matrix_power(adj.to_dense(), k) for k in range(num_layers + 1)]
    dense = sum(powers) @ ours.embedding.weight / (num_layers + 1)
    gradients = []
    for out in (
        torch.cat(ours(adj)),
        torch.cat(ours(edge_index)),
        theirs.get_embedding(edge_index),
    ):
        torch.testing.assert_close(out, dense, atol=1e-6, rtol=0)
        weight = (theirs if len(gradients) == 2 else ours).embedding.weight
        gradients += torch.autograd.grad(out.square().sum(), weight)
    torch.testing.assert_close(gradients[0], gradients[1])
    torch.testing.assert_close(gradients[0], gradients[2])
    x = torch.randn(7, 2)
    torch.testing.assert_close(LightGCNConv()(x, adj), LGConv()(x, edge_index))


@pytest.mark.parametrize(
    "kind", [{}, {"num_layers": 1}, {"cosine": True}, {"num_layers": 0}], ids=str
)
@pytest.mark.parametrize("large", [True, False])
def test_a_batch_gets_the_final_embeddings(
    clusters: Split, monkeypatch: pytest.MonkeyPatch, kind: dict, large: bool
) -> None:
    model, adj = LightGCN(40, 40, 5, **kind), train_adjacency(clusters.train)
    used, layer_mean_at = [], lightgcn.layer_mean_at
    monkeypatch.setattr(
        lightgcn, "layer_mean_at", lambda *args: used.append(args) or layer_mean_at(*args)
    )
    users = torch.tensor([3, 39, 3, 0])
    items = torch.tensor([0, 39, 1, 0, 7] if large else range(40))
    gradients = []
    for embed in (model.embed, lambda graph, u, i: (model(graph)[0][u], model(graph)[1][i])):
        user_vec, item_vec = embed(adj, users, items)
        loss = (user_vec @ item_vec.T).square().sum()
        gradients.append((user_vec, item_vec, *torch.autograd.grad(loss, model.embedding.weight)))
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)
    assert len(used) == (large and model.num_layers > 0)  # 9 nodes of 80 are few, 44 are not


def test_the_mean_of_the_layers_has_its_gradient(edge_index: torch.Tensor) -> None:
    adj = normalized_adjacency(edge_index, 7).double()
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)

    def mean(x: torch.Tensor) -> torch.Tensor:
        return lightgcn._SymmetricMean.apply(adj, x, 3)

    torch.testing.assert_close(mean(x), layer_mean(x, 3, partial(propagate, adj)))
    assert torch.autograd.gradcheck(mean, x) and torch.autograd.gradgradcheck(mean, x)


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("name", ["propagate", "forward"])
def test_a_batch_of_a_changed_model_is_its_own(clusters: Split, name: str, large: bool) -> None:
    theirs = getattr(LightGCN, name)

    def twice(self: LightGCN, *args: Any) -> Any:
        out = theirs(self, *args)
        return 2 * out if name == "propagate" else (2 * out[0], out[1])

    model = type("Changed", (LightGCN,), {name: twice})(40, 40, 5)
    adj, users = train_adjacency(clusters.train), torch.arange(2 if large else 40)
    for ours, whole in zip(model.embed(adj, users, users), model(adj), strict=True):
        torch.testing.assert_close(ours, whole[users])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1 - 1e-9])
def test_dropout_keeps_its_share_and_the_mean(share: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(333, 301, requires_grad=True)  # no multiple of the four masks of a word
    out = ngcf._dropout(x, share)
    left = (out != 0).double().mean().item()
    assert left == pytest.approx(1 - share, abs=0.005)
    if 0 < share < 0.9:
        assert out.unique().tolist() == pytest.approx([0, 1 / (1 - share)], rel=1e-4)
    out.sum().backward()
    assert x.grad is not None and x.grad.equal(out.detach())
    torch.manual_seed(0)
    assert ngcf._dropout(x, share).equal(out)


def test_scores_are_dot_products_of_final_embeddings(edge_index: torch.Tensor) -> None:
    model = LightGCN(3, 4, 5)
    user_emb, item_emb = model(edge_index)
    model.finalize(normalized_adjacency(edge_index, 7))
    torch.testing.assert_close(model.score(torch.tensor([2, 0])), (user_emb @ item_emb.T)[[2, 0]])


def test_no_layers_is_matrix_factorisation(edge_index: torch.Tensor) -> None:
    model = LightGCN(3, 4, 5, num_layers=0)
    model.finalize(edge_index)
    weight = model.embedding.weight
    torch.testing.assert_close(model.score(torch.arange(3)), weight[:3] @ weight[3:].T)


@settings(deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1).map(sorted),
    st.permutations(range(4)),
)
def test_permuting_users_permutes_scores(pairs: list, order: list[int]) -> None:
    model, scores = LightGCN(4, 5, 3, num_layers=2), []
    weight = model.embedding.weight.detach().clone()
    for names in (list(range(4)), order):
        user, item = torch.tensor([(names[user], item) for user, item in pairs]).T
        with torch.no_grad():
            model.embedding.weight[names] = weight[:4]
        model.finalize(normalized_adjacency(bipartite_edge_index(user, item, 4), 9))
        scores.append(model.score(torch.tensor(names)))
    torch.testing.assert_close(scores[0], scores[1])


def test_seed_decides_the_parameters() -> None:
    model = LightGCN(300, 400)
    first = model.embedding.weight.clone()
    assert first.std().item() == pytest.approx(0.1, rel=0.02)
    model.reset_parameters(seed=1)
    assert not model.embedding.weight.equal(first)
    model.reset_parameters(seed=0)
    assert model.embedding.weight.equal(first)


def test_new_parameters_make_old_scores_unavailable(edge_index: torch.Tensor) -> None:
    model = LightGCN(3, 4)
    users = torch.tensor([0])
    state = {name: value + 1 for name, value in model.state_dict().items()}
    changes = [
        model.reset_parameters,
        lambda: model.load_state_dict(state),
        torch.optim.SGD(model.parameters()).step,
    ]
    for change in changes:
        model.finalize(edge_index)
        scores = model.score(users)
        model.embedding.weight.grad = torch.ones_like(model.embedding.weight)
        change()
        for same in (model, copy.deepcopy(model), model.to("cpu")):
            with pytest.raises(RuntimeError, match=r"have changed .* call model\.finalize"):
                same.score(users)
    model.finalize(edge_index)
    scores = model.score(users)
    torch.testing.assert_close(model.double().score(users), scores.double())  # what it is made of
    assert model.score(users).dtype == torch.float64
    assert copy.deepcopy(model).score(users).equal(model.score(users))
    model.to_empty(device="meta", recurse=False)  # of the model itself, not of what it is made of
    assert model.embedding.weight.device.type == "cpu"


def test_recommend(toy: Interactions) -> None:
    model = Popularity().fit(toy)  # counts 1, 2, 2, 1
    assert model.recommend([0, 2], k=2).tolist() == [[1, 2], [1, 2]]
    assert model.recommend([0, 2], k=3, exclude=toy).tolist() == [[2, 3, -1], [1, 0, -1]]
    assert model.recommend([], k=3).shape == (0, 3)
    none = torch.zeros(0, dtype=torch.long)
    assert model.recommend([0], k=2, exclude=Interactions(none, none, 3, 4)).tolist() == [[1, 2]]


def test_nothing_is_listed_for_a_user_without_an_edge() -> None:
    train = Interactions.from_pairs([0, 2, 2], [0, 1, 2], 4, 4)
    model, edge_index = LightGCN(4, 4, 5), bipartite_edge_index(train.user, train.item, 4)
    for graph in (edge_index, train_adjacency(train)):
        model.finalize(graph)
        assert (model.recommend(range(4), k=1) == -1).flatten().tolist() == [False, True] * 2
    model.finalize(edge_index[:, :0])
    assert (model.recommend(range(4), k=1) == -1).all()


def test_recommend_keeps_seen_items_out_of_negative_scores(toy: Interactions) -> None:
    class Below(Popularity):
        def score(self, users: torch.Tensor) -> torch.Tensor:
            return super().score(users) - 10

    assert Below().fit(toy).recommend([0, 1], k=2, exclude=toy).tolist() == [[2, 3], [0, 3]]


def test_a_readers_own_class_gets_lists(toy: Interactions) -> None:
    class Newest(BaseRecommender):
        num_users, num_items = 3, 30

        def score(self, users: torch.Tensor) -> torch.Tensor:
            assert len(users) == 2, "nobody is scored in vain"
            return torch.arange(30.0).expand(2, -1)

    assert Newest().recommend([0, 2]).tolist() == [list(range(29, 9, -1))] * 2
    with pytest.raises(ValueError, match="k=31, expected 1 to 30; there are no more items"):
        Newest().recommend([0], k=31)
    with pytest.raises(TypeError, match="got train=None, expected Interactions"):
        Newest().remember(None)  # type: ignore[arg-type]


def test_a_readers_own_embeddings_are_drawn_as_lightgcns() -> None:
    class Own(EmbeddingModel):
        def forward(self, graph: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.split_nodes(self.embedding.weight)

    own = Own(3, 4, 8)
    own.reset_parameters()
    drawn = torch.randn(7, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for model in (own, LightGCN(3, 4, 8)):
        assert model.embedding.weight.equal((drawn * 0.1).float())  # on which the ledger rests
    with pytest.raises(ValueError, match=r"^x: got shape \(7,\), expected \(7, embedding_dim\)"):
        own.split_nodes(torch.zeros(7))


def test_what_is_left_out_is_what_the_book_recommends() -> None:
    for model in (LightGCN(3, 4), NGCF(3, 4), MatrixFactorization(3, 4)):
        assert model.embedding_dim == 64
    gcn, ngcf = LightGCN(3, 4), NGCF(3, 4)
    assert (gcn.num_layers, ngcf.num_layers, ngcf.dropout, ngcf.bias) == (3, 3, 0.1, False)
    assert (PureSVD().embedding_dim, EASE().reg, ItemKNN().num_neighbors) == (12, 400, 100)
    assert (UserKNN().num_neighbors, RP3beta().beta, RP3beta().num_neighbors) == (40, 0.5, 400)
    assert (EDLAE().reg, EDLAE().dropout, SLIM().l1, SLIM().l2) == (200, 0.8, 2, 60)


def test_what_cannot_be_embedded_is_named(edge_index: torch.Tensor) -> None:
    some = torch.tensor([0])
    for model in (LightGCN(3, 4, 5), NGCF(3, 4, 5)):
        for users, items, message in (
            (some + 3, some, r"^users: got position 3, expected 0 to 2; split\.position"),
            (some, some + 4, r"^items: got position 4, expected 0 to 3; split\.position"),
            (some[None], some, r"^users: got shape \(1, 1\), expected \(n,\)"),
            (some, some[None], r"^items: got shape \(1, 1\), expected \(m,\)"),
        ):
            with pytest.raises(ValueError, match=message):
                model.embed(edge_index, users, items)
    for conv, expected in ((LightGCNConv(), "embedding_dim"), (NGCFConv(5, 5), "5")):
        with pytest.raises(ValueError, match=rf"^x: .* expected \(num_nodes, {expected}\)"):
            conv(torch.zeros(7), edge_index)


def test_errors(toy: Interactions) -> None:
    with pytest.raises(RuntimeError, match="call train"):
        LightGCN(3, 4).score(torch.tensor([0]))
    with pytest.raises(RuntimeError, match="fit"):
        Popularity().score(torch.tensor([0]))
    with pytest.raises(ValueError, match=r"users: got position 3, expected 0 to 2; split\."):
        Popularity().fit(toy).recommend([3])
    with pytest.raises(ValueError, match="exclude: got 3 users and 5 items, expected 3 and 4"):
        Popularity().fit(toy).recommend([0], k=1, exclude=Interactions(toy.user, toy.item, 3, 5))
    adj = normalized_adjacency(bipartite_edge_index(toy.user, toy.item, 3), 7)
    for graph in (adj.to_dense(), adj.to_sparse_coo(), toy.user):
        with pytest.raises(ValueError, match="expected the sparse matrix"):
            LightGCN(3, 4)(graph)
    with pytest.raises(ValueError, match="here 8 x 8"):
        LightGCN(3, 5)(adj)
    with pytest.raises(ValueError, match="k=5, expected 1 to 4"):
        Popularity().fit(toy).recommend([0], k=5)
    with pytest.raises(ValueError, match="num_layers=-1"):
        LightGCN(3, 4, num_layers=-1)
    with pytest.raises(ValueError, match="num_items=0"):
        LightGCN(3, 0)


def test_matrix_factorization_is_lightgcn_without_layers(toy: Interactions) -> None:
    mf, gcn = MatrixFactorization(3, 4, 8), LightGCN(3, 4, 8, num_layers=0)
    mf.reset_parameters(5)
    gcn.reset_parameters(5)
    adj = train_adjacency(toy)
    mf.finalize(adj)
    gcn.finalize(adj)
    users = torch.arange(3)
    torch.testing.assert_close(mf.score(users), gcn.score(users))
    torch.testing.assert_close(mf()[0] @ mf()[1].T, mf.score(users))


def test_ngcf_conv_by_hand() -> None:
    # One user, one item, one edge of weight 1; x = 2 and 3, W1 = 1, W2 = -1.
    conv = NGCFConv(1, 1, dropout=0.0)
    torch.nn.init.constant_(conv.lin_1.weight, 1.0)
    torch.nn.init.constant_(conv.lin_2.weight, -1.0)
    out = conv(torch.tensor([[2.0], [3.0]]), torch.tensor([[0, 1], [1, 0]]))
    # user: 2 + (3 - 3 * 2) = -1, leaky: -0.01; item: 3 + (2 - 2 * 3) = -1, leaky: -0.01
    torch.testing.assert_close(out, torch.tensor([[-0.01], [-0.01]]))


def test_ngcf_conv_is_the_papers_matrix_form(toy: Interactions) -> None:
    """Equation 7: LeakyReLU((L + I) E W1 + (L E) * E W2), on edges and as one sparse product."""
    edge_index = bipartite_edge_index(toy.user, toy.item, 3)
    adj = train_adjacency(toy)
    x = torch.randn(7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    conv = NGCFConv(6, 5).double().eval()
    laplacian = adj.to_dense().double()
    dense = torch.nn.functional.leaky_relu(
        (laplacian + torch.eye(7)) @ x @ conv.lin_1.weight.T
        + (laplacian @ x * x) @ conv.lin_2.weight.T
    )
    torch.testing.assert_close(conv(x, edge_index), dense, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(conv(x, adj.double()), dense, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("bias", [False, True])
def test_ngcf_gradients_agree_on_edges_and_matrix(toy: Interactions, bias: bool) -> None:
    model = NGCF(3, 4, embedding_dim=5, num_layers=2, dropout=0.0, bias=bias)
    graphs = bipartite_edge_index(toy.user, toy.item, 3), train_adjacency(toy)
    outputs, gradients = [], []
    for graph in graphs:
        model.zero_grad()
        outputs.append(torch.cat(model(graph)))
        outputs[-1].square().sum().backward()
        gradients.append([weight.grad for weight in model.parameters()])
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-6)
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


def test_ngcf_concatenates_its_layers(toy: Interactions) -> None:
    model = NGCF(3, 4, embedding_dim=5, num_layers=2)
    adj = train_adjacency(toy)
    model.eval()
    user_emb, item_emb = model(adj)
    assert user_emb.shape == (3, 15) and item_emb.shape == (4, 15)
    x = model.embedding.weight
    torch.testing.assert_close(torch.cat([user_emb, item_emb])[:, :5], x)
    torch.testing.assert_close(torch.cat([user_emb, item_emb])[:, 5:10], model.convs[0](x, adj))
    none = NGCF(3, 4, embedding_dim=5, num_layers=0)
    torch.testing.assert_close(torch.cat(none(adj)), none.embedding.weight)


def test_ngcf_drops_messages_while_training_only(toy: Interactions) -> None:
    model = NGCF(3, 4, embedding_dim=64, num_layers=1, dropout=0.5)
    adj = train_adjacency(toy)
    model.train()
    dropped = (torch.cat(model(adj))[:, 64:] == 0).double().mean()
    assert 0.4 < dropped < 0.6
    model.finalize(adj)
    assert (torch.cat(model.final or ())[:, 64:] != 0).all()
    first = model.score(torch.arange(3))
    model.finalize(adj)
    torch.testing.assert_close(model.score(torch.arange(3)), first)


def test_permuting_items_permutes_ngcf(toy: Interactions) -> None:
    model = NGCF(3, 4, embedding_dim=5).eval()
    order = torch.tensor([2, 0, 3, 1])  # new item n is old item order[n]
    permuted = NGCF(3, 4, embedding_dim=5).eval()
    permuted.load_state_dict(model.state_dict())
    with torch.no_grad():
        permuted.embedding.weight[3:] = model.embedding.weight[3:][order]
    other = Interactions.from_pairs(toy.user, order.argsort()[toy.item])
    users, items = model(train_adjacency(toy))
    users_2, items_2 = permuted(train_adjacency(other))
    torch.testing.assert_close(users_2, users)
    torch.testing.assert_close(items_2, items[order])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_layers": -1}, "got num_layers=-1"),
        ({"dropout": 1.0}, "got dropout=1.0, expected a share from 0 to below 1"),
        ({"embedding_dim": 0}, "got embedding_dim=0"),
    ],
)
def test_ngcf_refuses(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NGCF(3, 4, **change)  # type: ignore[arg-type]


def test_pure_svd_equals_the_dense_svd(original: Split) -> None:
    train = original.train
    matrix = train.dense_rows(torch.arange(train.num_users)).double()
    left, size, right = torch.linalg.svd(matrix, full_matrices=False)
    expected = (left[:, :5] * size[:5]) @ right[:5]
    score = PureSVD(5).fit(train).score(torch.arange(train.num_users))
    torch.testing.assert_close(score, expected)


def test_pure_svd_says_what_it_lacks(toy: Interactions) -> None:
    with pytest.raises(ValueError, match="embedding_dim=0, expected 1"):
        PureSVD(0)
    with pytest.raises(
        ValueError, match="got embedding_dim=3, expected 1 to 2; a matrix of 3 rows"
    ):
        PureSVD(3).fit(toy)
    with pytest.raises(RuntimeError, match="fit"):
        PureSVD(2).score(torch.tensor([0]))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", [LightGCNConv, NGCFConv])
def test_hooks_and_explainers_see_the_same_layer(
    kind: type, bias: bool, edge_index: torch.Tensor
) -> None:
    """PyG takes the way of the messages where a layer is not to be fused, whatever the graph."""
    conv = kind() if kind is LightGCNConv else NGCFConv(4, 4, bias=bias).eval()
    x, adj = torch.randn(7, 4), normalized_adjacency(edge_index, 7)
    fused, messages = conv(x, adj), []
    conv.register_message_forward_hook(lambda _, inputs, output: messages.append(output))
    conv.fuse = False
    for graph in (adj, edge_index):
        torch.testing.assert_close(conv(x, graph), fused)
    assert [len(message) for message in messages] == [12, 12]
    conv.fuse = True
    summed = conv.message_and_aggregate(adj, x)
    by_hand = torch.zeros_like(summed).index_add_(0, edge_index[1], messages[1])
    torch.testing.assert_close(summed, by_hand)


@pytest.mark.parametrize("kind", [LightGCN, NGCF])
def test_degrees_are_counted_once_for_all_layers(
    edge_index: torch.Tensor, kind: type[LightGCN | NGCF], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = kind(3, 4, 5, num_layers=3).eval()
    expected = model(normalized_adjacency(edge_index, 7))
    counted = []
    for module in (lightgcn, ngcf):
        monkeypatch.setattr(
            module, "edge_norm", lambda *args: counted.append(args) or edge_norm(*args)
        )
    torch.testing.assert_close(model(edge_index), expected)
    assert len(counted) == 1


def test_a_layer_takes_its_normalisation_ready_made(edge_index: torch.Tensor) -> None:
    x, norm = torch.randn(7, 5), edge_norm(edge_index, 7)
    for conv in (LightGCNConv(), NGCFConv(5, 5).eval()):
        torch.testing.assert_close(conv(x, edge_index, norm), conv(x, edge_index))
        with pytest.raises(ValueError, match=r"norm: got shape \(3,\), expected \(12,\)"):
            conv(x, edge_index, norm[:3])
    ready = LGConv(normalize=False)
    torch.testing.assert_close(ready(x, edge_index, norm), LGConv()(x, edge_index))
    torch.testing.assert_close(LightGCNConv()(x, edge_index, norm), ready(x, edge_index, norm))


def test_ngcf_draws_what_it_always_drew() -> None:
    """The ledger's figures come from these parameters: Xavier's bounds, in order, one stream."""
    model = NGCF(3, 4, 5, num_layers=1, bias=True)
    generator = torch.Generator().manual_seed(3)
    expected = []
    for parameter in model.parameters():
        bound = (6 / sum(parameter.shape)) ** 0.5 if parameter.ndim == 2 else 5**-0.5
        drawn = torch.empty(parameter.shape)
        expected.append(drawn.uniform_(-bound, bound, generator=generator))
    model.reset_parameters(3)
    for parameter, drawn in zip(model.parameters(), expected, strict=True):
        assert parameter.equal(drawn)
    assert [name for name, _ in model.convs.named_parameters()] == [
        "0.lin_1.weight", "0.lin_1.bias", "0.lin_2.weight", "0.lin_2.bias",
    ]  # fmt: skip
    model.reset_parameters()
    other = NGCF(3, 4, 5, num_layers=1, bias=True)
    other.reset_parameters(0)
    assert model.embedding.weight.equal(other.embedding.weight)


def test_parameters_are_drawn_for_any_device() -> None:
    """Parameters without storage stand in for a GPU, with its rule for generators."""

    class AsOnAGPU(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            generator = (kwargs or {}).get("generator")
            assert generator is None or out.device == generator.device, "another's generator"
            return out

    for kind in (LightGCN, NGCF, MatrixFactorization):
        with torch.device("meta"), AsOnAGPU():
            model = kind(3, 4, 5)
            model.reset_parameters(seed=1)
        assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


@pytest.mark.parametrize("bias", [False, True])
def test_an_explainer_can_mask_every_message(edge_index: torch.Tensor, bias: bool) -> None:
    conv, x = NGCFConv(4, 4, bias=bias).eval(), torch.randn(7, 4)
    conv.explain, conv._apply_sigmoid = True, False
    conv._edge_mask, conv._loop_mask = torch.zeros(12), torch.ones(12, dtype=torch.bool)
    own = torch.nn.functional.leaky_relu(conv.lin_1(x))
    torch.testing.assert_close(conv(x, edge_index), own)  # what no message brings
