"""Features as a matrix, and a split that hides items and users whole."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recbook.data import (
    Interactions,
    MovieLens,
    NewcomerSplit,
    named_items,
    newcomer_split,
    one_hot,
    to_implicit,
    weigh_rare,
)


def ids(split: NewcomerSplit, part: Interactions) -> set[tuple[Any, Any]]:
    """The pairs of a part, by raw ids."""
    user, item = split.user_ids[part.user], split.item_ids[part.item]
    return set(zip(user.tolist(), item.tolist(), strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.1, 0.3]), st.sampled_from([0.0, 0.1, 0.2]))
def test_nothing_of_a_newcomer_is_in_train(seed: int, share: float, val_share: float) -> None:
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((30, 25)) < 0.4)
    rows = pd.DataFrame({"user_id": user + 7, "item_id": item + 100})
    split = newcomer_split(rows, share, val_share, seed)
    whole = set(zip(rows["user_id"], rows["item_id"], strict=True))
    hidden_users, hidden_items = [], []
    assert (split.val is None) == (val_share == 0)
    for newcomers in (split.test, split.val) if split.val else (split.test,):
        hidden_items.append({i for _, i in ids(split, newcomers.items)})
        hidden_users.append({u for u, _ in ids(split, newcomers.users)})
        assert ids(split, newcomers.items) | ids(split, newcomers.users) < whole
    train = ids(split, split.train)
    known_users, known_items = ({one[side] for one in train} for side in (0, 1))
    for kinds, known in ((hidden_users, known_users), (hidden_items, known_items)):
        assert not known & set().union(*kinds)
        assert sum(map(len, kinds)) == len(set().union(*kinds))  # none is in both
    for newcomers in (split.test, split.val) if split.val else (split.test,):
        assert {i for _, i in ids(split, newcomers.users)} <= known_items


def test_test_has_the_same_newcomers_with_and_without_validation(movielens: MovieLens) -> None:
    rows = to_implicit(movielens.ratings)
    with_val, without = (newcomer_split(rows, val_share=share) for share in (0.1, 0.0))
    for part in ("items", "users"):
        side = {"items": 1, "users": 0}[part]
        one, two = (
            {pair[side] for pair in ids(split, getattr(split.test, part))}
            for split in (with_val, without)
        )
        assert one <= two and len(two - one) < 10  # those alone that only newcomers met
    assert len(without.train) > len(with_val.train)


def test_what_is_named_grows_and_what_is_to_be_found_stays(movielens: MovieLens) -> None:
    new = newcomer_split(to_implicit(movielens.ratings)).test.users
    before = named_items(new, 0)
    assert len(before[0]) == 0
    for k in (1, 5, 20):
        named, target = named_items(new, k)
        assert set(named.user_degree.tolist()) == {0, k} and (target.user_degree > 0).sum() > 60
        assert torch.equal(target.item, before[1].item)
        assert not target.is_in(named).any() and before[0].is_in(named).all()
        before = named, target
    assert (target.user_degree[target.user] == new.user_degree[target.user] - 20).all()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"share": 0.5, "val_share": 0.5},
            "share=0.5 and val_share=0.5, expected shares that leave some",
        ),
        ({"share": 0.1, "val_share": 0.1}, "got no pair for .* from 2 rows with share=0.1"),
    ],
)
def test_a_split_that_leaves_nothing(more: dict[str, float], message: str) -> None:
    rows = pd.DataFrame({"user_id": [0, 1], "item_id": [0, 1]})
    with pytest.raises(ValueError, match=message):
        newcomer_split(rows, **more)


def test_who_has_too_few_items_to_name() -> None:
    with pytest.raises(ValueError, match="1 items at most, expected one with more than most=2"):
        named_items(Interactions.from_pairs([0], [0]), 1, most=2)


def test_what_is_missing_has_no_feature() -> None:
    table = pd.DataFrame({"year": pd.array([1995, None], dtype="Int64"), "kind": ["a b", None]})
    matrix, names = one_hot(table, ["kind", "year"])
    assert names == ["kind a", "kind b", "year 1995"]
    assert matrix.toarray().tolist() == [[1, 1, 1], [0, 0, 0]]
    with pytest.raises(ValueError, match="expected one or more of year, kind"):
        one_hot(table, ["genre"])


def test_rare_features_weigh_more() -> None:
    seen = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]])
    weighed = weigh_rare(csr_array(seen)).toarray()
    by_hand = seen * np.log(4 / np.array([2, 1, 1]))
    assert np.allclose(weighed[:3], by_hand[:3] / np.linalg.norm(by_hand[:3], axis=1)[:, None])
    assert not weighed[3].any()
    assert weigh_rare(seen, least=2).shape == (4, 1)
    with pytest.raises(ValueError, match="2 rows have at most, expected one that least=3"):
        weigh_rare(seen, least=3)
