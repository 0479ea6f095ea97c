import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from recbook.data import Interactions, MovieLens, Split, random_split, to_implicit
from recbook.friends import find_friends, friends_lists
from recbook.models import Popularity
from recbook.ranking import ScoreTable

STAR = "\xa0★"
# Eight users, two a quarter, and how many of ten films of each genre they have.
FILMS = ["A2", "A1 B1", "A4", "A1 B3", "A2 C4", "C3 D3", "D8", "C3 D5"]
HIDDEN = [5, 5, 5, 5, 5, 5, 4, 6]
IDS = np.array([f"user {n}" for n in range(8)])
ITEMS = pd.DataFrame({"item_id": range(40), "genres": ["A", "B", "C", "D"] * 10})
ITEMS["title"] = [f"{genre}{item // 4}" for item, genre in enumerate(ITEMS["genres"])]


def films_of(user: int) -> list[int]:
    pairs = re.findall(r"([A-D])(\d)", FILMS[user])
    return [4 * n + "ABCD".index(genre) for genre, many in pairs for n in range(int(many))]


def part(films: Callable[[int], list[int]]) -> Interactions:
    pairs = [(user, item) for user in range(8) for item in films(user)]
    return Interactions.from_pairs(*zip(*pairs, strict=True), 8, 40)


def hidden_of(user: int) -> list[int]:
    return [item for item in range(40) if item not in films_of(user)][: HIDDEN[user]]


@pytest.fixture
def eight() -> Split:
    return Split(part(films_of), test=part(hidden_of), user_ids=IDS)


def test_friends_worked_by_hand(eight: Split) -> None:
    # User 2 has films of A alone, but A is Ann's; user 6 has more of D, but four hidden films.
    found = find_friends(eight, ITEMS)
    assert found.index.tolist() == ["Ann", "Bob", "Cem", "Dora"]
    assert found["user_id"].tolist() == ["user 0", "user 3", "user 4", "user 7"]
    assert found["genre"].tolist() == ["A", "B", "C", "D"]
    assert found["films"].tolist() == [2, 4, 6, 8]
    assert found["share"].tolist() == pytest.approx([1, 3 / 4, 4 / 6, 5 / 8])
    assert found["of_all"].tolist() == pytest.approx([10 / 40, 4 / 40, 10 / 40, 16 / 40])
    assert found["hidden"].tolist() == [5, 5, 5, 6]


def test_what_is_validated_on_counts_as_known(eight: Split) -> None:
    expected = find_friends(eight, ITEMS)
    train, odd = eight.train, torch.arange(len(eight.train)) % 2 == 1
    one, other = (Interactions(train.user[mask], train.item[mask], 8, 40) for mask in (odd, ~odd))
    pd.testing.assert_frame_equal(
        find_friends(replace(eight, train=one, val=other), ITEMS), expected
    )


def test_the_order_of_the_items_table_does_not_matter(eight: Split) -> None:
    found = find_friends(eight, ITEMS[::-1])
    pd.testing.assert_frame_equal(found, find_friends(eight, ITEMS))


def test_the_books_friends(movielens: MovieLens, original: Split) -> None:
    found = find_friends(original, movielens.items)
    assert found["user_id"].tolist() == [914, 366, 619, 125]
    assert found["genre"].tolist() == ["Romance", "Horror", "Action", "Comedy"]
    assert found["films"].is_monotonic_increasing and (found["hidden"] >= 5).all()
    with_val = random_split(to_implicit(movielens.ratings), val_size=0.1)
    assert find_friends(with_val, movielens.items)["user_id"].tolist() == [914, 366, 619, 125]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test": None}, "expected one with a test part"),
        ({"test": Interactions.from_pairs([0], [7], 8, 40)}, "got no user for Ann"),
    ],
)
def test_a_split_without_friends_is_refused(
    eight: Split, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        find_friends(replace(eight, **change), ITEMS)


def test_lists_worked_by_hand(eight: Split) -> None:
    friends = pd.DataFrame({"user_id": ["user 7", "user 0"]}, index=["Dora", "Ann"])
    rising, falling = torch.arange(40.0).expand(8, 40), -torch.arange(40.0).expand(8, 40)
    models = {"up": ScoreTable(rising), "down": ScoreTable(falling)}
    found = friends_lists(models, eight, friends, ITEMS, k=2)
    assert found.index.tolist() == [("up", 1), ("up", 2), ("down", 1), ("down", 2)]
    # Ann has A0 and A1, and B0 to C1 hidden; Dora C0 to D4, and A0, B0, A1, B1, A2, B2.
    assert found["Ann"].tolist() == ["D9", "C9", f"B0{STAR}", f"C0{STAR}"]
    assert found["Dora"].tolist() == ["D9", "C9", f"A0{STAR}", f"B0{STAR}"]
    assert list(found) == ["Dora", "Ann"]


def test_a_short_list_has_empty_cells_and_without_a_test_part_are_no_stars() -> None:
    train = Interactions.from_pairs([0, 0, 1], [0, 1, 1], 2, 3)
    friends = pd.DataFrame({"user_id": [0, 1]}, index=["Ann", "Bob"])
    items = pd.DataFrame({"item_id": [0, 1, 2], "title": ["Abyss, The", "Psycho", "M (Mörder)"]})
    found = friends_lists({"it": Popularity().fit(train)}, Split(train), friends, items)
    assert found.to_dict("list") == {"Ann": ["M", ""], "Bob": ["The Abyss", "M"]}


def test_a_friend_without_a_list_has_a_column(eight: Split) -> None:
    friends = pd.DataFrame({"user_id": ["user 0", "user 1"]}, index=["Ann", "Bob"])
    scores = torch.arange(40.0).repeat(8, 1)
    scores[1] = 0
    with pytest.warns(UserWarning, match="no list for user 1"):
        found = friends_lists({"it": ScoreTable(scores)}, eight, friends, ITEMS, k=1)
    assert found.to_numpy().tolist() == [["D9", ""]]
