"""Reading a reader's own interactions, and checking what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["check_frame", "read_interactions", "to_implicit"]


def read_interactions(source: str | Path | pd.DataFrame, **columns: str) -> pd.DataFrame:
    """Read your own interactions from a CSV file or a DataFrame.

    Args:
        source: path of a CSV file with a header line, or a DataFrame.
        **columns: where a column has another name in ``source``, e.g. ``user_id="visitor"``.

    Returns:
        A DataFrame with ``user_id``, ``item_id`` and, where present, ``rating`` and ``timestamp``.

    Raises:
        ValueError: on missing columns, no rows, missing or negative ids, duplicate pairs.

    >>> log = pd.DataFrame({"visitor": ["ann", "bob"], "item_id": [7, 7], "page": [1, 2]})
    >>> read_interactions(log, user_id="visitor").values.tolist()
    [['ann', 7], ['bob', 7]]
    """
    known = ["user_id", "item_id", "rating", "timestamp"]
    if unknown := set(columns) - set(known):
        raise ValueError(f"got a name for {sorted(unknown)}, expected names for some of {known}")
    frame = source if isinstance(source, pd.DataFrame) else pd.read_csv(source)
    if missing := [name for name in columns.values() if name not in frame]:
        raise ValueError(f"no column {missing} in {list(frame.columns)}; check the names given")
    if taken := [name for name, given in columns.items() if name in frame and name != given]:
        raise ValueError(
            f"{taken} would be there twice, as a column of its own and as a new name; "
            "rename or drop one of them first"
        )
    frame = frame.rename(columns={given: name for name, given in columns.items()})
    check_frame(frame)
    return frame[[name for name in known if name in frame]].reset_index(drop=True)


def check_frame(frame: pd.DataFrame, *more: str) -> None:
    """Raise a ValueError unless there are rows with ids, and numbers in the columns ``more``."""
    needed = ["user_id", "item_id", *more]
    if missing := [name for name in needed if name not in frame]:
        raise ValueError(
            f"got columns {list(frame.columns)}, expected {needed} ({missing} missing); rename "
            "them, or name them to read_interactions, e.g. user_id='visitor'"
        )
    if frame.empty:
        raise ValueError("got no rows, expected at least one interaction")
    for name in needed:
        if lost := int(frame[name].isna().sum()):
            raise ValueError(
                f"column {name!r} has {lost} missing values (NaN) in {len(frame)} rows; drop or "
                "fill those rows first"
            )
    for name in needed[:2]:
        kind = pd.api.types.infer_dtype(frame[name])
        if kind.startswith("mixed"):
            raise ValueError(
                f"column {name!r} mixes types of ids, expected all numbers or all text; make it "
                f"text, e.g. frame[{name!r}].astype(str)"
            )
        if pd.api.types.is_numeric_dtype(frame[name]):
            if (frame[name] < 0).any():
                raise ValueError(
                    f"column {name!r} has the negative id {frame[name].min()}, expected 0 or more; "
                    "it often stands for a missing id: drop or recode those rows first"
                )
            if np.isinf(frame[name]).any():
                raise ValueError(f"column {name!r} has an infinite id; drop those rows first")
    for name in more:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise ValueError(
                f"column {name!r} is {frame[name].dtype}, expected numbers; convert it, e.g. "
                f"pd.to_numeric(frame[{name!r}])"
            )
    if twice := int(frame.duplicated(needed[:2]).sum()):
        first = frame.loc[frame.duplicated(needed[:2]), needed[:2]].iloc[0].tolist()
        raise ValueError(
            f"{twice} duplicate (user_id, item_id) pairs, the first is {tuple(first)}; keep one "
            "row a pair, e.g. frame.drop_duplicates(['user_id', 'item_id'], keep='last')"
        )


def to_implicit(ratings: pd.DataFrame, min_rating: float = 3) -> pd.DataFrame:
    """Keep the rows rated ``min_rating`` or more; what is left says *liked*, nothing else.

    Args:
        ratings: DataFrame with at least ``user_id``, ``item_id``, ``rating``.
        min_rating: the lowest rating that still counts as an interaction.

    Returns:
        The kept rows in their old order, without the ``rating`` column.

    Raises:
        ValueError: on bad ``ratings``, and where no rating reaches ``min_rating``.
    """
    check_frame(ratings, "rating")
    kept = ratings[ratings["rating"] >= min_rating]
    if kept.empty:
        raise ValueError(
            f"no rating reaches min_rating={min_rating}, the highest is {ratings['rating'].max()}"
        )
    return kept.drop(columns="rating").reset_index(drop=True)
