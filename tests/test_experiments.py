"""The validation part that is like the test part, and the ledger's Gowalla where the data is."""

import pytest
import torch

from experiments.gowalla import WithPopularity, hidden_similarity, hide, hide_alike, of_users
from recbook import ledger
from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import train_adjacency
from recbook.models import GFCF, LightGCN


def test_what_is_hidden_together_is_alike(original: Split) -> None:
    train = original.train
    alike = hide_alike(train)
    uniform = hide(train, torch.rand(len(train), generator=torch.Generator().manual_seed(0)) < 0.2)
    for part in (alike, uniform):
        both = torch.cat([x.user * train.num_items + x.item for x in (part.train, part.test)])
        whole = train.user * train.num_items + train.item
        assert torch.equal(both.sort().values, whole.sort().values)
    assert torch.equal(alike.test.user_degree, (0.2 * train.user_degree).ceil().long())
    near, drawn = hidden_similarity(alike), hidden_similarity(uniform)
    assert drawn["each_other"] == pytest.approx(drawn["to_train"], abs=0.01)
    assert near["each_other"] > near["to_train"] + 0.02


def test_similarity_of_what_is_hidden_by_hand() -> None:
    train = Interactions.from_pairs([0, 0, 1, 1, 1, 2], [0, 1, 1, 2, 3, 2], 3, 4)
    test = Interactions.from_pairs([0, 0], [2, 3], 3, 4)
    found = hidden_similarity(Split(train, test=test))
    # item 2 has users 1 and 2, item 3 has user 1, item 1 has users 0 and 1, item 0 has user 0
    assert found["each_other"] == pytest.approx(2**-0.5, abs=1e-4)
    assert found["to_train"] == pytest.approx((1 / 2 + 2**-0.5) / 4, abs=1e-4)
    assert found["train_users_of_train_items"] == pytest.approx(
        (1 + 2 + 2 + 2 + 1 + 2) / 6 - 1, 1e-3
    )
    assert found["train_users_of_test_items"] == 1.5


def test_popularity_is_added_to_the_cosine(toy: Interactions) -> None:
    size = toy.num_users, toy.num_items
    plain = LightGCN(*size, 4, num_layers=1, cosine=True)
    more = WithPopularity(*size, popularity=0.5, embedding_dim=4, num_layers=1, cosine=True)
    for model in (plain, more):
        model.finalize(train_adjacency(toy))
    users = torch.arange(toy.num_users)
    added = (more.score(users) - plain.score(users)).detach()
    assert torch.allclose(added, (0.5 * toy.item_degree.log1p()).expand_as(added), atol=1e-6)


def test_gf_cf_on_gowalla_as_in_the_ledger(gowalla: Split) -> None:
    entry = ledger.read_entry("gowalla")
    assert entry["data"]["digest"] == ledger.split_digest(gowalla)
    stored = entry["results"]["rows"]["GF-CF"]
    settings = {key: stored["chosen"][key] for key in ("num_frequencies", "alpha")}
    report = evaluate(GFCF(**settings).fit(gowalla.train), gowalla.train, gowalla.test)
    assert report.recall == pytest.approx(stored["recall"], abs=2e-4)
    assert report.ndcg == pytest.approx(stored["ndcg"], abs=2e-4)


def test_only_the_interactions_of_some_users() -> None:
    part = Interactions.from_pairs([0, 1, 2, 1], [0, 1, 1, 0], 3, 2)
    some = of_users(part, torch.tensor([1]))
    assert some.user.tolist() == [1, 1] and sorted(some.item.tolist()) == [0, 1]
    assert (some.num_users, some.num_items) == (3, 2)
