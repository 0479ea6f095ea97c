"""Fold-in: by hand, as the model where it is exact, and by a loop."""

from typing import Any

import pytest
import torch
from torch.testing import assert_close

from recbook.data import Interactions, Split
from recbook.folding import fold_in
from recbook.graph import train_adjacency
from recbook.models import EASE, IALS, SLIM, ItemKNN, LightGCN, Popularity, PureSVD
from recbook.training import train


def trained(part: Interactions, num_layers: int = 2, cosine: bool = True) -> LightGCN:
    net = LightGCN(part.num_users, part.num_items, 4, num_layers, cosine=cosine)
    train(net, Split(part), loss="softmax", epochs=2, initial_embeddings="random")
    return net


@pytest.mark.parametrize(
    "model", [EASE(reg=1), PureSVD(embedding_dim=2), SLIM(l1=0.1, l2=1), ItemKNN(num_neighbors=2)]
)
def test_it_is_exact_for_users_of_train(model: Any, toy: Interactions) -> None:
    model.fit(toy)
    assert_close(fold_in(model, toy), model.score(torch.arange(3)))


def test_a_newcomer_by_hand(toy: Interactions) -> None:
    model = EASE(reg=1).fit(toy)
    score = fold_in(model, Interactions.from_pairs([0, 0], [0, 2], 2, 4))
    assert_close(score[0], model.weight[0] + model.weight[2])
    assert not score[1].any()


def test_ials_solves_for_a_newcomer(toy: Interactions) -> None:
    """By the formula, densely; and a user of train has converged to what a newcomer gets."""
    model = IALS(3, alpha0=0.3, reg=0.02, nu=0.5).fit(toy)
    E, liked = model.item_emb.double(), torch.tensor([0, 2])
    penalty = 0.02 * (2 + 0.3 * len(E)) ** 0.5 * torch.eye(3)
    system = E[liked].T @ E[liked] + 0.3 * E.T @ E + penalty
    expected = E @ torch.linalg.solve(system, E[liked].sum(0))
    score = fold_in(model, Interactions.from_pairs([0, 0], liked, 2, len(E)))
    assert_close(score[0].double(), expected, atol=1e-5, rtol=1e-4)
    assert not score[1].any()
    settled = IALS(2, alpha0=0.3, reg=0.02, nu=0.5, num_sweeps=500).fit(toy)
    assert_close(fold_in(settled, toy), settled.score(torch.arange(3)), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("cosine", [True, False])
def test_lightgcn_by_a_loop(toy: Interactions, num_layers: int, cosine: bool) -> None:
    net = trained(toy, num_layers, cosine)
    liked, adj = [0, 2], train_adjacency(toy).to_dense()
    layer, mine = net.embedding.weight.detach(), torch.zeros(4)
    for _ in range(num_layers):
        for item in liked:
            mine = mine + layer[3 + item] / toy.item_degree[item] ** 0.5
        layer = adj @ layer
    score = fold_in(net, Interactions.from_pairs([0, 0], liked, 1, 4))
    assert_close(score[0], net.final[1] @ (mine / mine.norm()))
    assert not score.requires_grad


def test_an_item_of_nobody_adds_its_layer_0() -> None:
    net = trained(Interactions.from_pairs([0, 1], [0, 1], 2, 3))
    score = fold_in(net, Interactions.from_pairs([0], [2], 1, 3))
    assert score.isfinite().all() and score.argmax() == 2


def test_what_it_refuses(toy: Interactions) -> None:
    with pytest.raises(
        TypeError, match="expected PureSVD or EASE or SLIM or ItemKNN or IALS or LightGCN"
    ):
        fold_in(Popularity().fit(toy), toy)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="knows no train part"):
        fold_in(EASE(), toy)
    with pytest.raises(ValueError, match="num_layers=0, expected one or more"):
        fold_in(trained(toy, 0), toy)
    with pytest.raises(ValueError, match="items"):
        fold_in(EASE().fit(toy), Interactions.from_pairs([0], [9]))
