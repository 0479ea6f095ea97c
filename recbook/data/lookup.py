"""Raw ids: what a table says of them, and what may have been meant by one that is not there."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import pandas as pd

from recbook.checks import check_kind

__all__ = ["beside", "check_alike", "find", "similar"]


def find(wanted: np.ndarray | pd.Series, ids: np.ndarray | pd.Series) -> np.ndarray:
    """Where each of some ids is among others, -1 where it is not.

    >>> small = np.array([5, 7], dtype=np.uint8)
    >>> find(np.array([261, 7]), small)  # pandas would find 261 where 5 is
    array([-1,  1])
    """
    raw, asked = np.asarray(ids), np.asarray(wanted)
    kind = np.int64 if raw.dtype.kind in "iu" and asked.dtype.kind in "iu" else object
    return pd.Index(raw.astype(kind)).get_indexer(pd.Index(asked.astype(kind)))


def check_alike(column: str, **ids: Any) -> None:
    """Refuse ids that are of one kind in one place and of another in the next, as 7 and "7" are.

    Numbers of 64 bits without a sign are a kind of their own: together with others they would
    become floats, of which two ids may be the same.
    """
    kinds = {}
    for name, some in ids.items():
        array = np.asarray(some)
        unsigned = "unsigned numbers" if array.dtype == np.uint64 else "numbers"
        kinds[name] = "text" if isinstance(array[0], str) else unsigned
    if len({*kinds.values()}) > 1:
        told = ", ".join(f"{name} has {kind}" for name, kind in kinds.items())
        to = {"text": "str", "numbers": "int64", "unsigned numbers": "uint64"}
        first = {column: to[next(iter(kinds.values()))]}
        raise ValueError(
            f"column {column!r}: {told}, expected the same in all; convert what differs, "
            f"e.g. rows.astype({first}), or read all with read_interactions(..., ids='text')"
        )


def beside(frame: pd.DataFrame, items: Any) -> pd.DataFrame:
    """Lists with what a table says of their items."""
    check_kind("items", items, pd.DataFrame)
    taken = [name for name in frame if name in items and name != "item_id"]
    if "item_id" not in items or items["item_id"].duplicated().any() or taken:
        raise ValueError(
            f"items: got columns {list(items)}, expected item_id, each once, and others than "
            f"{[name for name in frame if name != 'item_id']}; rename or drop the rest"
        )
    where = find(frame["item_id"], items["item_id"])
    if (where < 0).any():
        lost = frame["item_id"].tolist()[int(np.flatnonzero(where < 0)[0])]
        raise ValueError(
            f"items: got no row for {lost!r}, which is listed, expected one for each; "
            f"{similar(lost, items['item_id'].to_numpy())}, e.g. items.astype({{'item_id': "
            f"{type(lost).__name__}}}) where one is text and the other is not"
        )
    others = items.drop(columns="item_id").iloc[where].reset_index(drop=True)
    return pd.concat([frame, others], axis=1)


def similar(wrong: Any, ids: np.ndarray) -> str:
    """What may have been meant by an id that is not there."""
    if not len(ids):
        return "there are no ids here"
    if not isinstance(ids[0], str):
        if isinstance(wrong, str) and wrong.isdecimal() and int(wrong) in ids:
            return f"ids are numbers here: {int(wrong)}, not text"
        return f"ids are whole numbers from {min(ids)} to {max(ids)} here"
    names = ids.tolist()
    if str(wrong) in names:
        return f"ids are text here: {str(wrong)!r}, not a number"
    lower = {name.lower(): name for name in names[:100_000]}
    near = difflib.get_close_matches(str(wrong).lower(), lower, n=3)
    if near:
        return f"did you mean {' or '.join(repr(lower[name]) for name in near)}?"
    return f"ids are text here, e.g. {', '.join(map(repr, names[:3]))}"
