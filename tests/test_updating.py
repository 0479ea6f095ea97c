"""A split that grows, and a model that trains on: as good as one that begins anew."""

import numpy as np
import pandas as pd
import pytest
import torch

from recbook.beyond_accuracy import overlap
from recbook.data import Split, given_split
from recbook.evaluation import evaluate
from recbook.models import NGCF, LightGCN, MatrixFactorization
from recbook.training import train
from recbook.updating import grow, train_on


def pairs(*rows: str) -> pd.DataFrame:
    return pd.DataFrame([row.split() for row in rows], columns=["user_id", "item_id"])


def named(split: Split, part: str = "train") -> set[tuple[str, str]]:
    one = getattr(split, part)
    return set(zip(split.user_ids[one.user.numpy()], split.item_ids[one.item.numpy()], strict=True))


@pytest.fixture
def old() -> Split:
    return given_split(
        pairs("ann tea", "ann cup", "bob tea", "bob pot"),
        test=pairs("ann pot", "bob cup"),
    )


def test_old_positions_stay_and_new_ones_follow(old: Split) -> None:
    new = grow(old, pairs("zoe tea", "abe jar", "ann tea", "bob jar"))
    assert new.user_ids.tolist() == ["ann", "bob", "zoe", "abe"]
    assert new.item_ids.tolist() == [*old.item_ids, "jar"]
    assert named(new) == named(old) | {("zoe", "tea"), ("abe", "jar"), ("bob", "jar")}
    assert len(new.train) == 7 and named(new, "test") == named(old, "test")
    assert len(old.train) == 4 and old.train.num_users == 2  # as it was


def test_what_was_hidden_and_came_is_learned_from(old: Split) -> None:
    new = grow(old, pairs("ann pot"))
    assert ("ann", "pot") in named(new) and named(new, "test") == {("bob", "cup")}


def test_what_does_not_fit_is_refused(old: Split) -> None:
    with pytest.raises(ValueError, match=r"split has text, rows has numbers, .* 'str'}"):
        grow(old, pd.DataFrame({"user_id": [1], "item_id": ["tea"]}))
    large = pd.DataFrame({"user_id": [2**63 + 1], "item_id": [7]})
    with pytest.raises(ValueError, match=r"unsigned numbers, rows has numbers, .* 'uint64'}"):
        grow(given_split(large), large.assign(user_id=5))  # else all would be floats
    new = grow(given_split(large), large.assign(user_id=5).astype({"user_id": "uint64"}))
    assert new.user_ids.tolist() == [2**63 + 1, 5]
    with pytest.raises(ValueError, match="raw ids"):
        grow(Split(old.train), pairs("ann pot"))
    model = LightGCN(2, 3, embedding_dim=2)
    with pytest.raises(RuntimeError, match="call train"):
        train_on(model, old)
    train(model, old, "softmax", epochs=1)
    other = given_split(pairs("ann jar", "bob tea", "cem cup", "cem pot"))
    with pytest.raises(ValueError, match="expected what grow made"):
        train_on(model, other)
    with pytest.raises(ValueError, match="initial_embeddings"):
        train_on(model, old, initial_embeddings="smooth")
    with pytest.raises(TypeError, match="NGCF"):
        train_on(NGCF(2, 3, embedding_dim=2), old)


@pytest.mark.parametrize("kind", [LightGCN, MatrixFactorization])
def test_old_rows_are_kept_and_new_ones_begin_among_their_neighbours(
    kind: type, old: Split
) -> None:
    model = kind(2, 3, embedding_dim=2)
    train(model, old, "bpr", epochs=1)
    before = model.embedding.weight.detach().clone()
    new = grow(old, pairs("zoe tea", "abe jar", "zoe pot"))
    larger = train_on(model, new, "bpr", epochs=1, lr=1e-12)  # so that nothing moves
    after = larger.embedding.weight.detach()
    assert torch.equal(model.embedding.weight, before)  # the old model stays as it is
    torch.testing.assert_close(after[[0, 1, 4, 5, 6]], before)
    tea, pot = (before[2 + old.item_ids.tolist().index(item)] for item in ("tea", "pot"))
    between = tea / (2 * 3) ** 0.5 + pot / (2 * 2) ** 0.5  # zoe has 2, tea 3 and pot 2 people
    length = before.norm(dim=1).median()
    torch.testing.assert_close(after[2], between / between.norm() * length)
    assert after[[3, 7]].abs().max() < 1e-9  # abe and jar have only each other
    assert getattr(larger, "num_layers", 0) == getattr(model, "num_layers", 0)


def test_on_movielens_it_is_as_good_as_from_scratch(original: Split) -> None:
    """Forty users and forty items are new, with a tenth of the pairs of all others."""
    rng = np.random.default_rng(16)
    ids = {"user_id": original.user_ids, "item_id": original.item_ids}
    rows, test = (
        pd.DataFrame({"user_id": ids["user_id"][x.user], "item_id": ids["item_id"][x.item]})
        for x in (original.train, original.test)
    )
    late = rng.random(len(rows)) < 0.1
    for name, raw in ids.items():
        late |= rows[name].isin(rng.choice(raw, 40, replace=False)).to_numpy()
    old = given_split(rows[~late])
    model = LightGCN(old.train.num_users, old.train.num_items)
    train(model, old, "softmax")
    new = grow(old, rows[late])
    known = test["user_id"].isin(new.user_ids) & test["item_id"].isin(new.item_ids)
    places = (
        new.position(users=test["user_id"][known]),
        new.position(items=test["item_id"][known]),
    )
    size = new.train.num_users, new.train.num_items
    target = type(new.train)(*places, *size)
    fresh = LightGCN(*size)
    train(fresh, new, "softmax")
    moved = train_on(model, new)
    recall = {x: evaluate(x, new.train, target).recall for x in (fresh, moved)}
    assert recall[moved] == pytest.approx(recall[fresh], abs=0.003)
    assert recall[fresh] > 0.35
    users = torch.arange(old.train.num_users)
    lists = model.recommend(users, exclude=old.train)
    kept = float(overlap(lists, moved.recommend(users, exclude=new.train)).nanmean())
    anew = float(overlap(lists, fresh.recommend(users, exclude=new.train)).nanmean())
    assert 0.7 < kept < 0.95 and anew < kept
