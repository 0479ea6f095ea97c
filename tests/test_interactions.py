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
from recbook.data import (
    Interactions,
    Split,
)


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
        ([0, 4_000_000_000], [0, 1], {}, "got 4000000000 among 2 pairs, .* pass num_users=40"),
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
