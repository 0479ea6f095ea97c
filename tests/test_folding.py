"""Fold-in: by hand, as the model where it is exact, and by a loop."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.testing import assert_close

from recbook.data import Interactions, Split
from recbook.folding import fold_in, fold_in_item
from recbook.graph import train_adjacency
from recbook.models import (
    EASE,
    EDLAE,
    GFCF,
    IALS,
    NGCF,
    SLIM,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.training import train


def trained(part: Interactions, num_layers: int = 2, cosine: bool = True) -> LightGCN:
    net = LightGCN(part.num_users, part.num_items, 4, num_layers, cosine=cosine)
    train(net, Split(part), loss="softmax", epochs=2, initial_embeddings="random")
    return net


EXACT = [
    EASE(1), EDLAE(1), PureSVD(2), SLIM(0.1, 1), ItemKNN(2), RP3beta(0.5, 2), GFCF(2), Popularity()
]  # fmt: skip


@pytest.mark.parametrize("model", EXACT, ids=lambda model: type(model).__name__)
def test_it_is_exact_for_users_of_train(model: Any, toy: Interactions) -> None:
    model.fit(toy)
    score = fold_in(model, Interactions(toy.user, toy.item, 5, 4))
    assert_close(score[:3], model.score(torch.arange(3)))
    nothing = toy.item_degree if isinstance(model, Popularity) else torch.zeros(4)
    assert_close(score[3:], nothing.expand(2, -1).to(score))


@settings(max_examples=50, deadline=None)
@given(arrays(bool, (7, 5)), st.integers(1, 7), st.integers(1, 8))
def test_user_knn_is_a_loop_and_a_fit_with_the_newcomer(
    ones: np.ndarray, number: int, block: int
) -> None:
    """Users 0 to 5 are in train, and 6 is new."""
    ones[0, 0] = True
    everybody = Interactions.from_pairs(*ones.nonzero(), 7, 5)
    known = Interactions.from_pairs(*ones[:6].nonzero(), 6, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recbook.models.neighbourhood._BLOCK", block)
        score = fold_in(UserKNN(number).fit(known), everybody).numpy()
        again = UserKNN(number).fit(everybody).score(torch.tensor([6]))[0]
        fewer = UserKNN(number).fit(known).score(torch.arange(6))
        more = fold_in(UserKNN(number + 1).fit(known), known)
    for mine, found in zip(ones, score, strict=True):
        both = [(mine & row).sum() for row in ones[:6]]
        cosine = [
            n and n / (mine.sum() * row.sum()) ** 0.5 for n, row in zip(both, ones, strict=False)
        ]
        least = sorted(cosine, reverse=True)[min(number, 6) - 1] - 1e-9
        near = [(near, row) for near, row in zip(cosine, ones, strict=False) if near >= least]
        np.testing.assert_allclose(found, sum(n * row for n, row in near), atol=1e-12)
    np.testing.assert_allclose(score[6], again, atol=1e-12)
    np.testing.assert_allclose(more, ones[:6] + fewer.numpy(), atol=1e-12)  # itself, the nearest


def test_a_newcomer_by_hand(toy: Interactions) -> None:
    model = EASE(reg=1).fit(toy)
    score = fold_in(model, Interactions.from_pairs([0, 0], [0, 2], 2, 4))
    assert_close(score[0], model.weight[0] + model.weight[2])
    assert not score[1].any()
    walk = RP3beta(1).fit(toy)  # from Alien or Casablanca to Brazil: 1/2 * 1/2 + 1/2 * 1/4, over 2
    assert fold_in(walk, Interactions.from_pairs([0, 0], [0, 2], 1, 4))[0, 1] == 3 / 16


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


def test_a_new_item_by_a_loop(toy: Interactions) -> None:
    net = trained(Interactions(toy.user, toy.item, 4, 4))  # nothing is known of user 3
    emb, expected = net.final[0], torch.zeros(4)
    for user in range(3):
        for other in (0, 2):
            expected[user] += torch.cosine_similarity(emb[user], emb[other], dim=0) / 2
    assert_close(fold_in_item(net, [2, 0, 2]), expected)
    assert not fold_in_item(net, []).any()
    with pytest.raises(TypeError, match="got EASE, whose scores are no inner products"):
        fold_in_item(EASE().fit(toy), [0])
    with pytest.raises(ValueError, match="users: got"):
        fold_in_item(net, [4])


def test_what_it_refuses(toy: Interactions) -> None:
    for model in (MatrixFactorization(3, 4, 2), NGCF(3, 4, 2)):
        with pytest.raises(TypeError, match=r"expected PureSVD or EASE or .* into train by grow"):
            fold_in(model, toy)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="knows no train part"):
        fold_in(EASE(), toy)
    with pytest.raises(ValueError, match="num_layers=0, expected one or more"):
        fold_in(trained(toy, 0), toy)
    with pytest.raises(ValueError, match="items"):
        fold_in(EASE().fit(toy), Interactions.from_pairs([0], [9]))
