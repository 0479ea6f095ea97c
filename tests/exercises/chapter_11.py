"""Answers to the exercises of chapter 11."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from tests.exercises.machinery import domain, right, wrong

# 11.1 ---------------------------------------------------------------------------------------------


@domain("11.1")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    users, items, days = rng.integers([[4], [4], [8]], size=(3, 12))
    rows = [(f"u{u}", f"i{i}", int(day)) for u, i, day in zip(users, items, days, strict=True)]
    val_from = int(rng.integers(2, 6))
    return rows, val_from, val_from + int(rng.integers(3))


def count(rows, val_from, test_from, known_to_test=lambda train, val: train + val, both=all):
    train = [row for row in rows if row[2] < val_from]
    val = [row for row in rows if val_from <= row[2] < test_from]
    test = [row for row in rows if row[2] >= test_from]

    def kept(known, hidden):
        users, items = {row[0] for row in known}, {row[1] for row in known}
        return sum(both((user in users, item in items)) for user, item, _ in hidden)

    return {"val": kept(train, val), "test": kept(known_to_test(train, val), test)}


@right("11.1")
def with_lists(rows, val_from, test_from):
    return count(rows, val_from, test_from)


@right("11.1")
def with_pandas(rows, val_from, test_from):
    frame, kept = pd.DataFrame(rows, columns=["user", "item", "day"]), {}
    for name, begin, end in (("val", val_from, test_from), ("test", test_from, np.inf)):
        known, hidden = frame[frame["day"] < begin], frame[frame["day"].between(begin, end, "left")]
        both = hidden["user"].isin(known["user"]) & hidden["item"].isin(known["item"])
        kept[name] = both.sum()
    return pd.Series(kept)


@right("11.1")
def with_a_counter(rows, val_from, test_from):
    kept = Counter()
    for user, item, day in rows:
        if day >= val_from:
            begin = test_from if day >= test_from else val_from
            before = [row for row in rows if row[2] < begin]
            if any(row[0] == user for row in before) and any(row[1] == item for row in before):
                kept["test" if day >= test_from else "val"] += 1
    return kept


@wrong("11.1", "Dumbo is a cold film")
def validation_numbers_its_own(rows, val_from, test_from):
    # Users and films are those of train and validation, for both parts: the bug of 11.2.
    early = [row for row in rows if row[2] < test_from]
    users, items = {row[0] for row in early}, {row[1] for row in early}
    kept = {"val": 0, "test": 0}
    for user, item, day in rows:
        if day >= val_from and user in users and item in items:
            kept["test" if day >= test_from else "val"] += 1
    return kept


@wrong("11.1", "Dumbo is a cold film")
def nothing_is_cold(rows, val_from, test_from):
    return count(rows, val_from, test_from, both=lambda _: True)


@wrong("11.1", "for test all earlier rows count")
def train_alone(rows, val_from, test_from):
    return count(rows, val_from, test_from, known_to_test=lambda train, val: train)


@wrong("11.1", "Dumbo is a cold film")
def one_is_enough(rows, val_from, test_from):
    return count(rows, val_from, test_from, both=any)


@wrong("11.1", "day 3 is validation")
def cold_ones(rows, val_from, test_from):
    return count(rows, val_from, test_from, both=lambda known: not all(known))


@wrong("11.1", "day 3 is validation")
def the_day_belongs_to_before(rows, val_from, test_from):
    return count(rows, val_from + 1, test_from + 1)


@wrong("11.1", "Cem is a cold user")
def films_alone(rows, val_from, test_from):
    return count(rows, val_from, test_from, both=lambda known: known[1])


@wrong("11.1", "Dumbo is a cold film")
def users_alone(rows, val_from, test_from):
    return count(rows, val_from, test_from, both=lambda known: known[0])


@wrong("11.1", "rows are counted, not pairs")
def different_pairs(rows, val_from, test_from):
    return count(list(dict.fromkeys(rows)), val_from, test_from)


@wrong("11.1", "rows come in any order")
def as_the_rows_come(rows, val_from, test_from):
    kept, users, items = {"val": 0, "test": 0}, set(), set()
    for user, item, day in rows:
        if day >= val_from and user in users and item in items:
            kept["test" if day >= test_from else "val"] += 1
        users.add(user)
        items.add(item)
    return kept
