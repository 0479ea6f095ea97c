"""Ways to split, and the one rule for rows that cannot be scored."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from recbook.data import (
    Interactions,
    MovieLens,
    Split,
    given_split,
    global_time_split,
    per_user_time_split,
    random_split,
    read_interactions,
    to_implicit,
)


def frame(**columns: list) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 1, 2], "item_id": [5, 6, 5]} | columns)


def log(user: list[int], item: list[int], timestamp: Sequence[int]) -> pd.DataFrame:
    return pd.DataFrame({"user_id": user, "item_id": item, "timestamp": timestamp})


def raw_pairs(split: Split, part: Interactions) -> set[tuple[int, int]]:
    assert split.user_ids is not None and split.item_ids is not None
    pairs = zip(split.user_ids[part.user.numpy()], split.item_ids[part.item.numpy()], strict=True)
    return {(int(user), int(item)) for user, item in pairs}


def test_split_equals_the_original_row_for_row(movielens: MovieLens, original: Split) -> None:
    rows = movielens.ratings[movielens.ratings["rating"] >= 3]
    train, test = train_test_split(rows, test_size=0.2, random_state=16)
    users, user = np.unique(train["user_id"], return_inverse=True)
    items, item = np.unique(train["item_id"], return_inverse=True)
    assert (original.user_ids.tolist(), original.item_ids.tolist()) == (
        users.tolist(),
        items.tolist(),
    )
    assert original.train.user.tolist() == user.tolist()
    assert original.train.item.tolist() == item.tolist()
    kept = test[test["user_id"].isin(users) & test["item_id"].isin(items)]
    assert original.user_ids[original.test.user].tolist() == kept["user_id"].tolist()
    assert original.item_ids[original.test.item].tolist() == kept["item_id"].tolist()


def test_split_has_the_original_counts(original: Split) -> None:
    train = original.train
    assert len(train) + len(original.test) + sum(original.num_dropped.values()) == 82_520
    assert (len(train), len(original.test)) == (66_016, 16_472)
    assert original.num_dropped == {"test": 32}
    assert (train.num_users, train.num_items) == (943, 1546)
    assert (original.test.user_degree > 0).sum() == 938


@pytest.mark.parametrize("val_size", [0.1, 0.5])
def test_validation_leaves_the_test_part_alone(
    movielens: MovieLens, original: Split, val_size: float
) -> None:
    split = random_split(to_implicit(movielens.ratings), val_size=val_size)
    assert split.test.user.equal(original.test.user)
    assert split.test.item.equal(original.test.item)
    assert split.val is not None
    key = torch.cat([part.user * 2000 + part.item for part in split.parts.values()])
    dropped = split.num_dropped
    assert len(key.unique()) == len(key) == 82_520 - 32 - dropped["val"]
    assert len(split.val) + dropped["val"] == 82_520 * val_size
    assert dropped == {"val": {0.1: 11, 0.5: 347}[val_size], "test": 32}


@pytest.mark.parametrize("cut", [random_split, per_user_time_split, global_time_split])
def test_a_validation_row_has_a_user_and_an_item_of_train(movielens: MovieLens, cut: Any) -> None:
    split = cut(to_implicit(movielens.ratings), val_size=0.1)
    train, val, test = split.train, split.val, split.test
    assert (train.user_degree[val.user] > 0).all() and (train.item_degree[val.item] > 0).all()
    full = cut(to_implicit(movielens.ratings))
    assert (full.train.user_degree[test.user] > 0).all()
    assert (full.train.item_degree[test.item] > 0).all()
    assert full.test.user.equal(test.user) and full.test.item.equal(test.item)


def test_what_cannot_be_scored_is_counted_by_part() -> None:
    # Train: user 1 with films 1 to 4. Then user 2 comes, user 1 sees film 5 and film 2 again.
    user, item = [1, 1, 1, 1, 4, 2, 1, 4, 2, 2, 3, 4], [1, 2, 3, 4, 1, 1, 5, 2, 5, 6, 1, 5]
    split = global_time_split(log(user, item, range(12)), test_size=1 / 3, val_size=0.25)
    assert raw_pairs(split, split.train) == {(1, 1), (1, 2), (1, 3), (1, 4), (4, 1)}
    assert raw_pairs(split, split.val) == {(4, 2)}  # train has neither user 2 nor film 5
    assert raw_pairs(split, split.test) == {(2, 5), (4, 5)}  # user 3 and film 6 are new
    assert split.num_dropped == {"val": 2, "test": 2}
    assert "val 1 (2 dropped), test 2 (2 dropped)" in repr(split)
    full = global_time_split(log(user, item, range(12)), test_size=1 / 3)
    assert raw_pairs(full, full.test) == raw_pairs(split, split.test)
    with pytest.raises(ValueError, match="test part that is empty: none of its 3 rows"):
        global_time_split(log(list(range(12)), item, range(12)))


def test_a_split_that_is_there_already() -> None:
    train, val = frame(), frame(item_id=[7, 8, 6])
    test = pd.DataFrame({"user_id": [1, 2, 3], "item_id": [6, 7, 5]}).drop(index=0)
    split = given_split(train, test, val)
    assert raw_pairs(split, split.val) == {(2, 6)}
    assert raw_pairs(split, split.test) == {(2, 7)}  # user 3 is nobody's, film 7 is validation's
    assert split.num_dropped == {"val": 2, "test": 1}
    assert repr(given_split(train)) == "Split(2 users, 2 items: train 3)"
    later = pd.concat([train.iloc[:1], frame(user_id=[2, 3, 3]).iloc[1:]])
    with pytest.raises(ValueError, match="1 pairs in two parts, the first is user 1 with item 5"):
        given_split(train, later)
    both = pd.concat([train, later])  # as the message advises
    rest = both.drop_duplicates(["user_id", "item_id"])[len(train) :]
    assert repr(rest.values.tolist()) == "[[3, 6], [3, 5]]"
    assert len(given_split(train, rest.iloc[:1].assign(user_id=2)).test) == 1


def test_parts_with_ids_of_two_kinds() -> None:
    train, test = frame(), frame(item_id=[6, 5, 6]).iloc[2:].astype(str)
    with pytest.raises(ValueError, match="'user_id': train has numbers, test has text, expected"):
        given_split(train, test)
    for how in (train.astype(str), read_interactions(train, ids="text")):  # as it advises
        assert len(given_split(how, test).test) == 1
    large = frame(user_id=[2**63 + 1, 2**63 + 2, 7])
    with pytest.raises(ValueError, match="train has unsigned numbers, val has numbers, expected"):
        given_split(large, val=frame(user_id=[7, 7, 7], item_id=[8, 9, 5]))


@pytest.mark.parametrize("small", ["uint8", "uint16", "UInt8"])
def test_ids_of_unlike_sizes(small: Any) -> None:
    short = frame().astype({"user_id": small})
    long = frame(user_id=[2**16 + 1, 2, 2], item_id=[5, 6, 7])  # of which a byte or two hold a 1
    for train, test, pair in ((short, long, (2, 6)), (long, short, (2, 5))):
        split = given_split(train, test)
        assert raw_pairs(split, split.test) == {pair} and split.num_dropped == {"test": 2}


@settings(deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 9), st.sampled_from("abcdef")), min_size=8),
    st.sampled_from([0, 0.2]),
)
def test_no_row_is_lost_or_made_up(pairs: set[tuple[int, str]], val_size: float) -> None:
    rows = pd.DataFrame(sorted(pairs), columns=["user_id", "item_id"])
    try:
        split = random_split(rows, val_size=val_size)
    except ValueError as error:
        assert "part that is empty: none of its" in str(error)
        return
    decoded = [
        (split.user_ids[user], split.item_ids[item])
        for part in split.parts.values()
        for user, item in zip(part.user, part.item, strict=True)
    ]
    assert len(decoded) + sum(split.num_dropped.values()) == len(pairs)
    assert set(decoded) <= pairs and max(Counter(decoded).values()) == 1


def test_too_few_rows_to_split() -> None:
    for num_rows, sizes in ((1, (0.2, 0)), (2, (0.5, 0.2)), (3, (0.4, 0.2))):
        with pytest.raises(
            ValueError, match=f"got {num_rows} rows, .* expected one or more to train on"
        ):
            random_split(frame().iloc[:num_rows], *sizes)
    with pytest.raises(ValueError, match="a test part that is empty: none of its 1 rows"):
        random_split(frame().iloc[:2], 0.5)


@pytest.mark.parametrize(
    "sizes",
    [(np.nan, 0), (0, 0), (1.5, 0), (20, 0), (0.2, -0.1), (0.6, 0.4), ("0.2", 0), (0.2, None)],
)
def test_sizes_that_are_no_shares(sizes: tuple) -> None:
    kind = ValueError if all(isinstance(size, int | float) for size in sizes) else TypeError
    with pytest.raises(kind, match=r"expected (a share|shares that leave some)"):
        random_split(frame(), *sizes)


def test_the_latest_of_each_user() -> None:
    # User 1's times run backwards; of user 2's two rows at the same time a hash chooses one.
    rows = log([1] * 5 + [2] * 5, [1, 2, 3, 4, 5] * 2, [50, 40, 30, 20, 10, 1, 2, 3, 4, 4])
    split = per_user_time_split(rows, test_size=0.2, val_size=0.2)
    assert split.val is not None
    assert raw_pairs(split, split.train) == {(1, i) for i in (3, 4, 5)} | {
        (2, i) for i in (1, 2, 3)
    }
    assert raw_pairs(split, split.val) == {(1, 2), (2, 5)}
    assert raw_pairs(split, split.test) == {(1, 1), (2, 4)}


@pytest.mark.parametrize("cut", [per_user_time_split, global_time_split])
def test_the_order_of_rows_decides_no_split_by_time(cut: Any) -> None:
    chance = np.random.default_rng(0)
    pairs = pd.DataFrame(
        [(u, i) for u in range(8) for i in range(12)], columns=["user_id", "item_id"]
    )
    rows = pairs.sample(60, random_state=1).assign(timestamp=chance.integers(0, 6, 60))
    split = cut(rows, val_size=0.2)
    expected = [raw_pairs(split, part) for part in split.parts.values()]
    for seed in range(3):
        other = cut(rows.sample(frac=1, random_state=seed), val_size=0.2)
        assert [raw_pairs(other, part) for part in other.parts.values()] == expected
    text = cut(rows.astype({"user_id": str, "item_id": str}), val_size=0.2)  # the same ids as text
    assert [raw_pairs(text, part) for part in text.parts.values()] == expected


def test_users_with_few_rows_keep_them_for_train() -> None:
    rows = log([1, 1, 1, 2, 2, 2, 2, 2], [1, 2, 3, 1, 2, 3, 4, 5], [1, 2, 3, 1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="none of its 1 rows has a user and an item"):
        per_user_time_split(rows, test_size=0.3)  # item 5 is in nobody's train part
    rows = pd.concat([rows, log([1], [5], [0])])
    split = per_user_time_split(rows, test_size=0.2)
    assert split.train.user_degree.tolist() == [4, 4] and len(split.test) == 1


def test_one_moment_for_all() -> None:
    rows = log([1, 2, 1, 3, 2, 1], [1, 2, 2, 9, 1, 9], [1, 2, 3, 4, 4, 5])
    split = global_time_split(rows, test_size=0.3)  # two of six, and what shares the first's time
    assert raw_pairs(split, split.train) == {(1, 1), (2, 2), (1, 2)}
    assert raw_pairs(split, split.test) == {(2, 1)}
    assert split.num_dropped == {"test": 2}  # user 3 and film 9 were not there yet


@pytest.mark.parametrize("cut", [per_user_time_split, global_time_split])
def test_nothing_of_the_future_is_in_train(movielens: MovieLens, cut: Any) -> None:
    liked = to_implicit(movielens.ratings)
    split = cut(liked, val_size=0.1)
    when = liked.set_index(["user_id", "item_id"])["timestamp"].to_dict()
    times = {
        name: [(user, when[user, item]) for user, item in raw_pairs(split, part)]
        for name, part in (("train", split.train), ("val", split.val), ("test", split.test))
    }
    for earlier, later in (("train", "val"), ("val", "test"), ("train", "test")):
        if cut is global_time_split:
            assert max(t for _, t in times[earlier]) < min(t for _, t in times[later])
        else:
            last = {}
            for user, t in times[earlier]:
                last[user] = max(t, last.get(user, 0))
            assert all(last.get(user, 0) <= t for user, t in times[later])
    parts = sum(len(part) for part in (split.train, split.val, split.test))
    assert parts + sum(split.num_dropped.values()) == len(liked)
    full = cut(liked)
    assert raw_pairs(full, full.test) == raw_pairs(split, split.test)


@pytest.mark.parametrize("cut", [per_user_time_split, global_time_split])
def test_splits_by_time_refuse(cut: Any) -> None:
    rows = log([1, 1, 2, 2], [1, 2, 1, 2], [7, 7, 7, 7])
    with pytest.raises(ValueError, match=r"\['timestamp'\] missing"):
        cut(rows.drop(columns="timestamp"))
    with pytest.raises(ValueError, match="got test_size=0, expected a share"):
        cut(rows, test_size=0)
    with pytest.raises(ValueError, match=r"a (train|test) part that is empty"):
        cut(rows)  # all at one moment, or too few rows a user
