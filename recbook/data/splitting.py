"""Ways to split interactions, and one rule for rows that cannot be scored.

Nothing can be learned of a user or an item without a train row. Validation therefore leaves out,
and counts, the rows whose user or item train has not; test those whose user or item train and
validation together have not, so that it is the same with a validation part and without.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from recbook.checks import check_kind, check_seed, check_shares
from recbook.data.interactions import Interactions
from recbook.data.lookup import check_alike, find
from recbook.data.reading import check_frame
from recbook.data.split import Split

__all__ = ["given_split", "global_time_split", "per_user_time_split", "random_split"]

Rule = Callable[[pd.DataFrame, float], tuple[pd.DataFrame, pd.DataFrame]]


def random_split(
    interactions: pd.DataFrame, test_size: float = 0.2, val_size: float = 0.0, seed: int = 16
) -> Split:
    """Split rows at random; ids are encoded on what is not test.

    The test part depends on ``test_size`` and ``seed`` alone, so that a model chosen with a
    validation part and one trained without it are tested on the same rows. Which rows they are
    hangs on the order of the rows: with the defaults this is, row for row, the split of the post
    whose figure chapter 8 reproduces.

    Args:
        interactions: DataFrame with at least ``user_id`` and ``item_id``, one row a pair.
        test_size: share of all rows to test on, strictly between 0 and 1.
        val_size: share of all rows to validate on, taken from what is not test.
        seed: seed of the shuffles.

    Raises:
        ValueError: on bad rows, on sizes that are no shares or leave nothing to train on.

    >>> rows = pd.DataFrame({"user_id": [1, 1, 2, 2, 2], "item_id": [5, 6, 5, 6, 7]})
    >>> split = random_split(rows, test_size=0.2, seed=0)
    >>> len(split.train), len(split.test), split.num_dropped
    (4, 1, {'test': 0})
    """
    from sklearn.model_selection import train_test_split  # here, since it takes a second

    def rule(rows: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
        return tuple(train_test_split(rows, test_size=share, random_state=seed))

    check_frame(interactions)
    check_seed(seed)
    return _split(interactions, test_size, val_size, rule)


def per_user_time_split(
    interactions: pd.DataFrame, test_size: float = 0.2, val_size: float = 0.0
) -> Split:
    """Split each user's rows by time: the latest are test, those before them validation.

    Each part has its share of every user's rows, rounded down, so that nobody is without train
    rows. Rows of equal times are ordered by a hash of their ids, which neither the order of the
    rows nor an item's popularity has a hand in. What other users do later is still in train: only a
    user's own future is hidden.

    Args:
        interactions: DataFrame with ``user_id``, ``item_id`` and ``timestamp``, one row a pair.
        test_size: share of each user's rows to test on.
        val_size: share of each user's rows to validate on, taken from what is not test.

    Raises:
        ValueError: on bad rows or sizes, and where no user has rows enough for a part.

    >>> rows = pd.DataFrame({"user_id": 1, "item_id": [5, 6, 7], "timestamp": [30, 10, 20]})
    >>> more = pd.DataFrame({"user_id": 2, "item_id": [5, 6], "timestamp": [10, 20]})
    >>> split = per_user_time_split(pd.concat([rows, more]), test_size=0.4)
    >>> split.item_ids[split.train.item.numpy()].tolist(), split.item_ids[split.test.item.numpy()]
    ([6, 7, 5, 6], array([5]))
    """

    def rule(rows: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
        pair = pd.util.hash_pandas_object(rows[["user_id", "item_id"]].astype(str), index=False)
        order = np.lexsort((pair, rows["timestamp"].rank(method="dense")))
        by_user = rows.iloc[order].groupby("user_id")["timestamp"]
        from_the_end = by_user.cumcount(ascending=False)[rows.index]
        number = np.floor(by_user.transform("size")[rows.index] * share + 1e-9)
        return rows[from_the_end >= number], rows[from_the_end < number]

    check_frame(interactions, "timestamp")
    return _split(interactions.reset_index(drop=True), test_size, val_size, rule)


def global_time_split(
    interactions: pd.DataFrame, test_size: float = 0.2, val_size: float = 0.0
) -> Split:
    """Split at one moment for all: train on what had happened by then, test on what came after.

    The moment is that of the first of the last ``test_size`` of all rows; rows of that very moment
    are test. A service stands before this task every day: most users of a part may be new, and are
    then left out and counted in ``num_dropped``, like new items.

    Args:
        interactions: DataFrame with ``user_id``, ``item_id`` and ``timestamp``, one row a pair.
        test_size: share of all rows to test on.
        val_size: share of all rows to validate on: those before the test part.

    Raises:
        ValueError: on bad rows or sizes, and where all rows of a part are of one moment.

    >>> rows = pd.DataFrame({"user_id": [1, 2, 1, 2], "item_id": [5, 6, 6, 5]})
    >>> rows["timestamp"] = [10, 20, 30, 40]
    >>> split = global_time_split(rows, test_size=0.5)
    >>> split.item_ids[split.test.item].tolist()
    [6, 5]
    """

    def rule(rows: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
        moment = rows["timestamp"].sort_values().iloc[-math.ceil(len(rows) * share - 1e-9)]
        return rows[rows["timestamp"] < moment], rows[rows["timestamp"] >= moment]

    check_frame(interactions, "timestamp")
    return _split(interactions, test_size, val_size, rule)


def given_split(
    train: pd.DataFrame, test: pd.DataFrame | None = None, val: pd.DataFrame | None = None
) -> Split:
    """A split that is there already, e.g. as one file a part; or everything to train on.

    Args:
        train: DataFrame with at least ``user_id`` and ``item_id``, one row a pair.
        test: the same, or None.
        val: the same, or None.

    Raises:
        ValueError: on bad rows, a pair in two parts, or a part of which nothing can be scored.

    >>> rows = pd.DataFrame({"user_id": ["ann", "bob"], "item_id": ["alien", "brazil"]})
    >>> later = pd.DataFrame({"user_id": ["ann", "cem"], "item_id": ["brazil", "alien"]})
    >>> given_split(rows, test=later)
    Split(2 users, 2 items: train 2, test 1 (1 dropped))
    """
    given = {"train": train}
    given |= {name: part for name, part in (("val", val), ("test", test)) if part is not None}
    for name, part in given.items():
        check_kind(name, part, pd.DataFrame, hint="read_interactions reads one from a file")
        check_frame(part)
    for column in ("user_id", "item_id"):
        check_alike(column, **{name: part[column] for name, part in given.items()})
    pairs = pd.concat([part[["user_id", "item_id"]] for part in given.values()])
    if twice := int(pairs.duplicated().sum()):
        user, item = pairs[pairs.duplicated()].iloc[0]
        raise ValueError(
            f"got {twice} pairs in two parts, the first is user {user} with item {item}, expected "
            "each in one: what is trained on cannot be tested on; leave them out of the second, "
            "pd.concat([train, test]).drop_duplicates(['user_id', 'item_id'])[len(train):]"
        )
    return _encode(train, test, val)


def _split(rows: pd.DataFrame, test_size: float, val_size: float, rule: Rule) -> Split:
    """Take a share of the rows away for test, then one of the rest for validation, and encode."""
    test_size, val_size = check_shares(test_size=test_size, val_size=val_size)
    num_test = math.ceil(len(rows) * test_size)
    num_val = math.ceil((len(rows) - num_test) * val_size / (1 - test_size))
    if len(rows) - num_test - num_val < 1:
        raise ValueError(
            f"got {len(rows)} rows, of which {num_test} are for test and {num_val} for "
            "validation, expected one or more to train on; give more rows or smaller sizes"
        )
    train, test = rule(rows, test_size)
    val = None
    if val_size > 0:
        train, val = rule(train, val_size / (1 - test_size))
    return _encode(train, test, val)


def _encode(
    train: pd.DataFrame, test: pd.DataFrame | None = None, val: pd.DataFrame | None = None
) -> Split:
    """Positions for ids, and the one rule for rows that cannot be scored."""
    known = train if val is None else pd.concat([train, val])
    ids = {name: np.sort(np.asarray(known[name].unique())) for name in ("user_id", "item_id")}
    parts, num_dropped = {}, {}
    trained = [np.zeros(len(raw), dtype=bool) for raw in ids.values()]
    for name, rows in (("train", train), ("val", val), ("test", test)):
        if rows is None:
            continue
        both = [find(rows[column], raw) for column, raw in ids.items()]
        scored = (both[0] >= 0) & (both[1] >= 0)
        for position, there in zip(both, trained, strict=True):
            if name == "train":
                there[position] = True
            elif name == "val":
                scored &= there[position]
        if not scored.any():
            what = f"none of its {len(rows)} rows has a user and an item that were there before"
            raise ValueError(
                f"got a {name} part that is empty{': ' + what if len(rows) else ''}, expected at "
                "least one row to score; give more rows, or other sizes"
            )
        user, item = (torch.from_numpy(position[scored]) for position in both)
        parts[name] = Interactions(user, item, *map(len, ids.values()))
        num_dropped[name] = len(rows) - len(user)
    del num_dropped["train"]  # which knows itself
    return Split(**parts, user_ids=ids["user_id"], item_ids=ids["item_id"], num_dropped=num_dropped)
