"""GraphSAGE on newcomers: by a loop, as PyG has it, and what an unseen node may not change."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close
from torch_geometric.nn import SAGEConv

from recbook import load, save
from recbook.data import Interactions, Split
from recbook.models import GraphSAGE
from recbook.models.inductive import sage_layer
from recbook.sparse import mean_of_neighbors
from recbook.testing import check_recommender

KINDS = np.array([[1, 0], [1, 1], [0, 1], [0, 1], [1, 0]])
PEOPLE = np.array([[1.0], [0.5], [0.0]])
LINKS = np.array(
    [[0, 1, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [1, 1, 0, 0, 0]]
)


@pytest.fixture
def five(toy: Interactions) -> Interactions:
    """The toy graph with a fifth item, which nobody has."""
    return Interactions(toy.user, toy.item, 3, 5)


def sage(train: Interactions, **more: Any) -> GraphSAGE:
    asked = {"embedding_dim": 4, "num_layers": 2, "steps": 3, "lr": 0.1} | more
    return GraphSAGE(KINDS, PEOPLE, LINKS, **asked).fit(train)


def by_a_loop(model: GraphSAGE, train: Interactions) -> tuple[Tensor, Tensor]:
    """The formulas of the class, a node at a time."""
    w, num_users, num_items = model.weights, train.num_users, train.num_items
    items_of = [train.item[train.user == user].tolist() for user in range(num_users)]
    users_of = [train.user[train.item == item].tolist() for item in range(num_items)]
    linked = [
        [j for j in range(num_items) if LINKS[i, j] and users_of[j]] for i in range(num_items)
    ]

    def mean(rows: list[Tensor]) -> Tensor:
        return torch.stack(rows).mean(0) if rows else torch.zeros(model.embedding_dim)

    def known(name: str, item: int) -> Tensor:
        x = torch.tensor([*KINDS[item], 1.0]).float() @ w[name]
        return x + w[f"{name} table"][item] if users_of[item] else x

    item = [known("item", i) for i in range(num_items)]
    user = [
        torch.tensor([*PEOPLE[u], 1.0]).float() @ w["user"]
        + mean([known("named", i) for i in items_of[u]])
        for u in range(num_users)
    ]
    for k in range(1, model.num_layers + 1):
        item, user = (
            [
                item[i] @ w[f"item, layer {k}"]
                + mean([user[u] for u in users_of[i]]) @ w[f"users of item, layer {k}"]
                + mean([item[j] for j in linked[i]]) @ w[f"links, layer {k}"]
                for i in range(num_items)
            ],
            [
                user[u] @ w[f"user, layer {k}"]
                + mean([item[i] for i in items_of[u]]) @ w[f"items of user, layer {k}"]
                for u in range(num_users)
            ],
        )
    return F.normalize(torch.stack(user)), F.normalize(torch.stack(item))


@pytest.mark.parametrize("num_layers", [0, 1, 2])
def test_the_vectors_are_those_of_a_loop(five: Interactions, num_layers: int) -> None:
    model = sage(five, num_layers=num_layers)
    user_emb, item_emb = by_a_loop(model, five)
    assert_close(model.user_emb, user_emb, rtol=1e-5, atol=1e-6)
    assert_close(model.item_emb, item_emb, rtol=1e-5, atol=1e-6)
    assert_close(model.score(torch.tensor([2, 0])), user_emb[[2, 0]] @ item_emb.T)


def test_a_layer_is_pygs() -> None:
    generator = torch.Generator().manual_seed(0)
    items, users = (torch.randn(n, 4, generator=generator) for n in (5, 3))
    edges = torch.tensor([[0, 0, 1, 4, 3], [0, 2, 2, 1, 2]])  # item to user
    conv = SAGEConv((4, 4), 6, bias=False)
    means = mean_of_neighbors(edges[1], edges[0], size=(3, 5))
    ours = sage_layer(users, conv.lin_r.weight.T, (means, items, conv.lin_l.weight.T))
    assert_close(ours, conv((items, users), edges))


def test_two_kinds_of_edges_add_up_as_in_to_hetero(five: Interactions) -> None:
    generator = torch.Generator().manual_seed(0)
    items, users = (torch.randn(n, 4, generator=generator) for n in (5, 3))
    read, cite = torch.stack([five.user, five.item]), torch.tensor([[0, 1, 3], [1, 0, 2]])
    one, two = (SAGEConv((4, 4), 4, bias=False) for _ in range(2))
    ours = sage_layer(
        items,
        (one.lin_r.weight + two.lin_r.weight).T,
        (mean_of_neighbors(read[1], read[0], (5, 3)), users, one.lin_l.weight.T),
        (mean_of_neighbors(cite[1], cite[0], (5, 5)), items, two.lin_l.weight.T),
    )
    assert_close(ours, one((users, items), read) + two((items, items), cite))


def test_without_layers_no_graph_is_looked_at(five: Interactions) -> None:
    plain = GraphSAGE(KINDS, PEOPLE, None, False, 4, num_layers=0, steps=3, lr=0.1).fit(five)
    assert torch.equal(plain.score([0, 1, 2]), sage(five, num_layers=0).score([0, 1, 2]))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=2),
    st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_a_newcomer_is_what_it_would_be_among_all(
    features: list[float], linked: list[bool]
) -> None:
    """One more row without a pair in train, or a vector that is asked for later: the same."""
    train = Interactions.from_pairs([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 3], 3, 5)
    model = sage(train)
    row, links = np.array([features]), np.array([linked]).astype(float)
    wider = GraphSAGE(
        np.concatenate([KINDS, row]),
        np.concatenate([PEOPLE, [[0.2]]]),
        np.block([[LINKS, np.ones((5, 1))], [links, np.ones((1, 1))]]),  # others link to it, too
        embedding_dim=4,
        num_layers=2,
        steps=1,
    )
    grown = {
        name: F.pad(weight, (0, 0, 0, 1)) if "table" in name else weight
        for name, weight in model.weights.items()
    }
    with pytest.MonkeyPatch.context() as patch:  # the same parameters, nothing trained
        patch.setattr(GraphSAGE, "_first_weights", lambda *_: grown)
        patch.setattr(GraphSAGE, "_loss", lambda *_: torch.zeros((), requires_grad=True))
        wider.fit(Interactions(train.user, train.item, 4, 6))
    assert_close(wider.item_emb[:5], model.item_emb)
    assert_close(wider.user_emb[:3], model.user_emb)
    assert_close(wider.item_emb[5:], model.item_vectors(row, links))
    nothing = Interactions(train.user[:0], train.item[:0], 1, 5)
    assert_close(wider.user_emb[3:], model.user_vectors(nothing, np.array([[0.2]])))


def test_who_names_what_a_user_of_train_has_is_that_user(five: Interactions) -> None:
    model = sage(five)
    assert_close(model.user_vectors(five, PEOPLE), model.user_emb)


def test_what_a_new_item_is_like_changes_nothing_for_others(five: Interactions) -> None:
    """It is nobody's negative in training, and nobody averages over it."""
    other, links = KINDS.copy(), LINKS.copy()
    other[4], links[:, 4] = 7, 1
    plain, changed = (
        sage(five),
        GraphSAGE(other, PEOPLE, links, embedding_dim=4, num_layers=2, steps=3, lr=0.1).fit(five),
    )
    assert torch.equal(plain.item_emb[:4], changed.item_emb[:4])
    assert torch.equal(plain.user_emb, changed.user_emb)
    assert not torch.equal(plain.item_emb[4], changed.item_emb[4])


def test_features_tell_two_groups_apart(clusters: Split) -> None:
    train = clusters.train
    seen = (train.item % 10) > 0  # four items are new
    part = Interactions(train.user[seen], train.item[seen], 40, 40)
    kinds = np.repeat(np.eye(2), 20, axis=0)
    score = GraphSAGE(kinds, embedding_dim=8).fit(part).score(torch.arange(40))
    new = score[:, [0, 10, 20, 30]]
    assert (new[:20, :2].amin(1) > new[:20, 2:].amax(1)).all()
    assert (new[20:, 2:].amin(1) > new[20:, :2].amax(1)).all()


def test_it_meets_the_contract_and_comes_back(five: Interactions, tmp_path: Path) -> None:
    model = sage(five)
    check_recommender(model, five)
    again, _ = load(save(model, Split(five), tmp_path / "model"))
    for loaded, there in (
        (again.user_vectors(five, PEOPLE), model.user_vectors(five, PEOPLE)),
        (again.item_vectors(KINDS, LINKS), model.item_vectors(KINDS, LINKS)),
    ):
        assert torch.equal(loaded, there)


def test_the_same_seed_gives_the_same_model(five: Interactions) -> None:
    one, two, other = (sage(five, seed=seed, num_candidates=3).score([0]) for seed in (0, 0, 1))
    assert torch.equal(one, two) and not torch.equal(one, other)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(GraphSAGE, [[1]]), "item_features: got list, expected a table of numbers"),
        (partial(GraphSAGE, np.array([[np.nan]])), "not finite"),
        (
            partial(GraphSAGE, KINDS, links=np.eye(3)),
            r"links: got shape \(3, 3\), expected \(5, 5\)",
        ),
        (partial(GraphSAGE, KINDS, hidden=1.0), "hidden=1.0, expected a share"),
    ],
)
def test_what_it_is_not_built_of(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_what_does_not_fit(five: Interactions) -> None:
    with pytest.raises(RuntimeError, match="knows nothing yet"):
        GraphSAGE(KINDS).item_vectors(KINDS)
    with pytest.raises(ValueError, match=r"user_features: got shape \(5, 2\), expected \(3, any\)"):
        GraphSAGE(KINDS, KINDS).fit(five)
    model = sage(five)
    with pytest.raises(ValueError, match="links: got none for a model that was built with"):
        model.item_vectors(KINDS)
    with pytest.raises(ValueError, match=r"features: got shape \(1, 3\), expected \(any, 2\)"):
        model.item_vectors(np.ones((1, 3)), LINKS[:1])
    with pytest.raises(FloatingPointError, match=r"lr=1e\+30; try a smaller lr"):
        sage(five, lr=1e30)
