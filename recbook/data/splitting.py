"""Three ways to split interactions, and one rule for what cannot be scored."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split

from recbook.data.interactions import Interactions, Split
from recbook.data.reading import check_frame

__all__ = ["global_time_split", "per_user_time_split", "random_split"]


def random_split(
    interactions: pd.DataFrame, test_size: float = 0.2, val_size: float = 0.0, seed: int = 16
) -> Split:
    """Split rows at random; ids are encoded on what is not test.

    The test part depends on ``test_size`` and ``seed`` alone, so that a model chosen with a
    validation part and one trained without it are tested on the same rows. Test rows with a user
    or an item that no other row has are left out and counted in ``num_dropped``. With the
    defaults this is row for row the split of the post whose figure chapter 7 reproduces.

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
    (4, 1, 0)
    """

    def rule(rows: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
        return tuple(train_test_split(rows, test_size=share, random_state=seed))

    check_frame(interactions)
    return _split(interactions, test_size, val_size, rule)


def per_user_time_split(
    interactions: pd.DataFrame, test_size: float = 0.2, val_size: float = 0.0
) -> Split:
    """Split each user's rows by time: the latest are test, those before them validation.

    Each part has its share of every user's rows, rounded down, so that nobody is without train
    rows; of equal times the row further down counts as later. What other users do later is still
    in train: only a user's own future is hidden.

    Args:
        interactions: DataFrame with ``user_id``, ``item_id`` and ``timestamp``, one row a pair.
        test_size: share of each user's rows to test on.
        val_size: share of each user's rows to validate on, taken from what is not test.

    Raises:
        ValueError: on bad rows or sizes, and where no user has rows enough for a part.

    >>> rows = pd.DataFrame({"user_id": 1, "item_id": [5, 6, 7], "timestamp": [30, 10, 20]})
    >>> split = per_user_time_split(pd.concat([rows, rows.assign(user_id=2)]), test_size=0.4)
    >>> split.item_ids[split.train.item].tolist(), split.num_dropped  # 5 is nobody's train item
    ([6, 7, 6, 7], 2)
    """

    def rule(rows: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
        by_user = rows.sort_values("timestamp", kind="stable").groupby("user_id")["timestamp"]
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
    are test. A service stands before this task every day: most users of the test part may be new,
    and are then left out and counted in ``num_dropped``, like new items.

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
        moment = rows["timestamp"].nlargest(math.ceil(len(rows) * share)).iloc[-1]
        return rows[rows["timestamp"] < moment], rows[rows["timestamp"] >= moment]

    check_frame(interactions, "timestamp")
    return _split(interactions, test_size, val_size, rule)


def _split(
    rows: pd.DataFrame,
    test_size: float,
    val_size: float,
    rule: Callable[[pd.DataFrame, float], tuple[pd.DataFrame, pd.DataFrame]],
) -> Split:
    """Take a share of the rows away for test, then one of the rest for validation, and encode."""
    sizes = (test_size, val_size)
    if not all(isinstance(size, Real) for size in sizes) or not (
        0 < test_size < 1 and 0 <= val_size < 1 and test_size + val_size < 1
    ):
        raise ValueError(
            f"got test_size={test_size!r} and val_size={val_size!r}, expected shares of all rows "
            "that leave some to train on, e.g. test_size=0.2 and val_size=0.1"
        )
    num_test = math.ceil(len(rows) * test_size)
    num_val = math.ceil((len(rows) - num_test) * val_size / (1 - test_size))
    if len(rows) - num_test - num_val < 1:
        raise ValueError(
            f"got {len(rows)} rows, of which {num_test} are for test and {num_val} for "
            "validation, so that none is left to train on; give more rows or smaller sizes"
        )
    known, test = rule(rows, test_size)
    user_ids, item_ids = np.unique(known["user_id"]), np.unique(known["item_id"])

    def encode(part: pd.DataFrame) -> Interactions:
        user = pd.Index(user_ids).get_indexer(part["user_id"])
        item = pd.Index(item_ids).get_indexer(part["item_id"])
        both = (user >= 0) & (item >= 0)
        return Interactions(
            torch.from_numpy(user[both]), torch.from_numpy(item[both]), len(user_ids), len(item_ids)
        )

    train, val = known, None
    if val_size > 0:
        train, val = rule(known, val_size / (1 - test_size))
    for name, part in (("train", train), ("test", test), ("validation", val)):
        if part is not None and part.empty:
            raise ValueError(
                f"got {len(rows)} rows with test_size={test_size} and val_size={val_size}, which "
                f"leaves the {name} part empty; give more rows, or other sizes"
            )
    encoded = encode(test)
    return Split(
        encode(train),
        encoded,
        None if val is None else encode(val),
        user_ids,
        item_ids,
        len(test) - len(encoded),
    )
