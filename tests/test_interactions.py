"""Positions, parts and digests."""

import ast
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import recbook
from recbook.data import Interactions, Split, given_split, pairs_digest
from recbook.ledger import FOLDER, read_entry, split_digest
from recbook.models import EASE


@settings(deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1).map(sorted),
    st.lists(st.integers(0, 5), max_size=8),
)
def test_rows_by_brute_force(pairs: list[tuple[int, int]], users: list[int]) -> None:
    user, item = zip(*pairs, strict=True)
    some = Interactions.from_pairs(user, item, 6, 8)
    rows = some.dense_rows(torch.tensor(users, dtype=torch.long))
    assert rows.tolist() == [[(u, i) in pairs for i in range(8)] for u in users]
    indptr, items = some.by_user
    for u in range(6):
        assert items[indptr[u] : indptr[u + 1]].tolist() == [i for v, i in pairs if v == u]


@pytest.mark.parametrize(
    ("user", "item", "numbers", "message"),
    [
        ([], [], {}, "expected at least one"),
        ([0, 1], [0], {}, "2 users and 1 items"),
        (
            [0, -1],
            [0, 1],
            {},
            "user: got position -1, expected 0 or more; raw ids are encoded by random_split",
        ),
        ([0, 2], [0, 1], {"num_users": 2}, "position 2 with num_users=2, expected 0 to 1"),
        (
            [0, 4_000_000_000],
            [0, 1],
            {},
            "got position 4000000000 among 2 pairs, .* pass num_users=40",
        ),
        ([0, 1, 1], [0, 3, 3], {}, "1 duplicate pairs, the first is user 1 with item 3"),
    ],
)
def test_bad_positions(user: list, item: list, numbers: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Interactions.from_pairs(user, item, **numbers)


@pytest.mark.parametrize("user", [[0.0, 1.0], ["a", "b"], [True, False], None, [None, 1]], ids=str)
def test_what_are_no_positions(user: Any) -> None:
    with pytest.raises(TypeError, match=r"user: got .*, expected .*position"):
        Interactions.from_pairs(user, [0, 1])


def test_a_series_is_read_by_its_values() -> None:
    user = pd.Series([0, 1, 1], index=[7, 0, 1])
    assert Interactions.from_pairs(user, user[::-1].to_numpy()).user.tolist() == [0, 1, 1]


def test_positions_are_looked_at_whoever_builds_the_interactions() -> None:
    one = torch.tensor([1])
    with pytest.raises(ValueError, match="item: got position 1, expected 0 to 0"):
        Interactions(one, one, 2, 1)
    with pytest.raises(ValueError, match="got 1 users and 2 items, expected pairs"):
        Interactions(one, torch.tensor([0, 1]), 2, 2)


def test_parts_of_different_size() -> None:
    small, large = Interactions.from_pairs([0], [0]), Interactions.from_pairs([0], [1])
    with pytest.raises(ValueError, match="same num_users"):
        Split(small, large)


def test_nothing_is_pickled() -> None:
    for path in Path(recbook.__file__).parent.rglob("*.py"):
        assert "pickle" not in path.read_text()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("torch.load"):
                assert "weights_only=True" in [ast.unparse(word) for word in node.keywords], path


def test_ten_digit_ids_are_refused_before_anything_is_allocated() -> None:
    raw = pd.Series([1_000_000_000 + n for n in range(50)])
    with pytest.raises(
        ValueError, match=r"user: got position 1000000049 among 50 pairs, .*encoded"
    ):
        Interactions.from_pairs(raw, range(50))
    rows = pd.DataFrame({"user_id": raw, "item_id": 1})
    assert given_split(rows).train.num_users == 50  # as the message advises
    with pytest.raises(MemoryError, match="a number for each user 10,000,000,000,000 x 8 B"):
        Interactions.from_pairs(raw, range(50), num_users=10**13)
    assert Interactions.from_pairs([10**6], [0]).num_users == 10**6 + 1  # a gap is none yet


def test_rows_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    some = Interactions.from_pairs([0], [0], 2, 6 * 10**6)
    monkeypatch.setattr("recbook.memory.free_bytes", lambda _: 10**7)
    assert some.dense_rows(torch.tensor([0])).sum() == 1
    with pytest.raises(MemoryError, match=r"^rows 2 x 6,000,000.* ask for fewer users at a time"):
        some.dense_rows(torch.tensor([0, 1]))


def test_a_digest_is_of_sizes_too() -> None:
    one = Interactions.from_pairs([0, 1], [0, 1])
    for other in ((3, 2), (2, 3)):
        assert pairs_digest(Interactions.from_pairs([0, 1], [0, 1], *other)) != pairs_digest(one)
    assert pairs_digest(Interactions.from_pairs([1, 0], [1, 0])) == pairs_digest(one)
    nothing = Interactions(one.user[:0], one.item[:0], 2, 2)
    assert pairs_digest(nothing) not in (pairs_digest(None), pairs_digest(one))
    with pytest.raises(TypeError, match=r"got part=\[0, 1\], expected Interactions"):
        pairs_digest([0, 1])


def test_the_ledgers_digest_is_that_of_its_split(original: Split) -> None:
    digests = {path.stem: read_entry(path.stem)["data"] for path in FOLDER.glob("*.json")}
    assert {data["digest"] for data in digests.values() if "MovieLens" in data["name"]} == {
        split_digest(original)
    }


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"user_ids": ["a"]}, ValueError, r"user_ids: got 1 different ids in shape \(1,\)"),
        ({"user_ids": ["a", "a"]}, ValueError, r"expected \(2,\): the raw id of each position"),
        ({"item_ids": [[1, 2]]}, ValueError, r"item_ids: got 2 different ids in shape \(1, 2\)"),
        ({"num_dropped": 3}, TypeError, r"got num_dropped=3, expected dict; e\.g\. \{'test': 3\}"),
        ({"num_dropped": {"train": 3}}, ValueError, "expected 'val' or 'test'"),
        (
            {"num_dropped": {"test": -1}},
            ValueError,
            r"num_dropped\['test'\]=-1, expected 0 or more",
        ),
        ({"test": [0, 1]}, TypeError, r"got test=\[0, 1\], expected Interactions"),
    ],
)
def test_a_split_holds_no_nonsense(given: dict, kind: type[Exception], message: str) -> None:
    one = Interactions.from_pairs([0, 1], [0, 1])
    with pytest.raises(kind, match=message):
        Split(one, **given)


def test_a_split_says_what_it_holds() -> None:
    one = Interactions.from_pairs([0, 1], [0, 1])
    split = Split(one, one, user_ids=["a", "b"], num_dropped={"test": 1200, "val": 0})
    assert repr(split) == "Split(2 users, 2 items: train 2, test 2 (1,200 dropped))"
    assert split.user_ids[split.train.user.numpy()].tolist() == ["a", "b"]
    assert repr(one) == "Interactions(2 of 2 users with 2 items)"


def test_pairs_that_a_part_has() -> None:
    part = Interactions.from_pairs([0, 1, 1], [2, 0, 1], 2, 3)
    one, two = (Interactions.from_pairs([n], [2 - 2 * n], 2, 3) for n in (0, 1))
    assert part.is_in().tolist() == [False] * 3
    assert part.is_in(one).tolist() == [True, False, False]
    assert part.is_in(one, two).tolist() == [True, True, False]
    assert part.is_in(Interactions(one.user[:0], one.item[:0], 2, 3)).tolist() == [False] * 3
    with pytest.raises(ValueError, match=r"^parts: got 2 users and 4 items, expected 2 and 3"):
        part.is_in(Interactions.from_pairs([0], [3], 2, 4))


def test_where_tensors_are_made_elsewhere() -> None:
    train = Interactions.from_pairs([0, 0, 1], [0, 1, 1])
    with (
        torch.device("meta"),
        pytest.raises(RuntimeError, match=r"set_default_device\('meta'\), expected 'cpu'"),
    ):
        EASE().fit(train)
