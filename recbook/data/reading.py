"""Reading a reader's own interactions, and checking what is read."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recbook.checks import check_choice, check_kind, check_number
from recbook.data.formats import read_table

__all__ = ["check_frame", "read_interactions", "to_implicit"]

_KNOWN = ["user_id", "item_id", "rating", "timestamp"]
_PAIR = _KNOWN[:2]
_LONGEST = 1000  # letters of an id


def read_interactions(
    source: Any,
    *,
    sep: str | None = None,
    encoding: str | None = None,
    names: Sequence[str] | None = None,
    quotes: bool = True,
    ids: str | None = None,
    date_format: str | None = None,
    duplicates: str = "refuse",
    **columns: str | None,
) -> pd.DataFrame:
    r"""Read your own interactions from a file or a table.

    A file is CSV (commas, tabs, semicolons, ``|`` or ``::``), JSON lines, or Parquet, for which
    pandas needs pyarrow; each may be gzipped. Its ids are read as text, letter for letter: ``007``,
    ``7`` and ``NA`` are three. A table's ids keep their type.

    Args:
        source: path of a file, or a table: a DataFrame, or what has the dataframe interchange
            protocol or hands out Arrow, as polars and duckdb do.
        sep: the delimiter of a CSV file; None finds it in the first line.
        encoding: of a text file; None is UTF-8, with or without a byte-order mark, or UTF-16 with
            one, else latin-1, with a warning.
        names: the columns' names, for a CSV file without a header line.
        quotes: whether ``"`` encloses fields; False where it is a letter like any other.
        ids: ``"text"`` or ``"number"``, for both columns; None is text from a file, and as they
            are from a table.
        date_format: how dates are written, e.g. ``"%d/%m/%Y"``; None takes ISO 8601
            (``2021-04-03 18:30``), and numbers stay numbers. Dates with an offset become UTC.
        duplicates: what is done where a user has an item twice: ``"refuse"``; keep the ``"first"``
            or the ``"last"`` row by time, or by place where there is no time; ``"count"`` keeps the
            last and adds a column ``count``; ``"keep"`` leaves all rows, as a log has them.
        **columns: where a column has another name in ``source``, e.g. ``user_id="visitor"``;
            ``rating=None`` leaves one out.

    Returns:
        A DataFrame with ``user_id``, ``item_id`` and, where present, ``rating`` (numbers),
        ``timestamp`` (numbers or dates) and ``count``.

    Raises:
        TypeError: on a source that is neither a path nor a table.
        ValueError: on what is no table, missing columns, no rows, duplicate pairs, and ids that are
            missing, negative, fractions, longer than 1,000 letters, or hold a line break.
        ImportError: on Parquet without pyarrow.

    >>> log = pd.DataFrame({"visitor": ["ann", "bob"], "item_id": [7, 7], "page": [1, 2]})
    >>> read_interactions(log, user_id="visitor").values.tolist()
    [['ann', 7], ['bob', 7]]
    """
    check_choice("duplicates", duplicates, ["refuse", "first", "last", "count", "keep"])
    if ids is not None:
        check_choice("ids", ids, ["text", "number"])
    if unknown := set(columns) - set(_KNOWN):
        raise ValueError(f"got a name for {sorted(unknown)}, expected names for some of {_KNOWN}")
    for name, value, kind in (
        ("sep", sep, (str, type(None))),
        ("encoding", encoding, (str, type(None))),
        ("names", names, (list, tuple, type(None))),
        ("quotes", quotes, bool),
        ("date_format", date_format, (str, type(None))),
    ):
        check_kind(name, value, kind)
    for name in columns:
        check_kind(name, columns[name], str if name in _PAIR else (str, type(None)))
    if date_format is not None and "%" not in date_format:  # "mixed" takes 03/04 for March
        raise ValueError(f"got date_format={date_format!r}, expected one such as '%d/%m/%Y'")
    frame = read_table(source, sep, encoding, names, quotes)
    is_file = isinstance(source, str | os.PathLike)
    if frame.columns.nlevels > 1 or frame.columns.has_duplicates:
        raise ValueError(
            f"got the columns {list(frame.columns)[:6]}, expected names on one level, each once; "
            "rename them first, frame.columns = [...]"
        )
    frame = _renamed(frame, columns)
    needed = [name for name in _KNOWN if name in frame or name in _PAIR]
    _check_columns(frame, needed)
    frame = frame[needed].reset_index(drop=True)
    for name in _PAIR:
        if ids or is_file:
            frame[name] = _ids(frame[name], ids or "text")
    if "rating" in frame:
        frame["rating"] = _numbers(frame["rating"])
    if "timestamp" in frame:
        frame["timestamp"] = _times(frame["timestamp"], date_format)
    try:
        if duplicates not in ("refuse", "keep"):
            frame = _without_duplicates(frame, duplicates)
        check_frame(frame, again=duplicates == "keep")
    except ValueError as error:
        if is_file:
            error.add_note(
                "frame is the file as a table, which read_interactions takes as well: pd.read_csv("
                "path, dtype=str, na_filter=False), pd.read_parquet(path), or pd.read_json(path, "
                "lines=True, dtype=False)"
            )
        raise
    return frame


def check_frame(frame: Any, *more: str, again: bool = False) -> None:
    """Refuse what are no interactions: no rows, ids that are none, pairs that come twice.

    Args:
        frame: DataFrame with ``user_id`` and ``item_id``.
        *more: columns that must be there as well, with a number in each row; ``timestamp`` may have
            dates.
        again: whether a pair may come twice.

    Raises:
        TypeError: on what is no DataFrame.
        ValueError: on anything else; says what to do.
    """
    hint = "read_interactions makes one from a file, or from a table of another library"
    check_kind("interactions", frame, pd.DataFrame, hint=hint)
    needed = [*_PAIR, *more]
    _check_columns(frame, needed)
    for name in needed:
        if lost := int(frame[name].isna().sum()):
            raise ValueError(
                f"column {name!r}: got {lost} missing values (NaN) in {len(frame)} rows, expected "
                f"none; leave those rows out, e.g. frame.dropna(subset=[{name!r}])"
            )
    for name in _PAIR:
        _check_ids(frame[name])
    for name in more:
        kind = frame[name].dtype
        dates = name == "timestamp" and pd.api.types.is_datetime64_any_dtype(kind)
        if not dates and (
            not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)
        ):
            what = "numbers or dates" if name == "timestamp" else "numbers"
            raise ValueError(
                f"column {name!r}: got {kind}, expected {what}; read_interactions(frame) reads "
                "them where they are text, and says which it cannot read"
            )
        if not dates and np.isinf(frame[name].to_numpy(dtype=float)).any():
            raise ValueError(
                f"column {name!r}: got an infinite number, expected finite ones; leave those rows "
                f"out, e.g. frame[np.isfinite(frame[{name!r}])]"
            )
    if not again and (twice := int(frame.duplicated(_PAIR).sum())):
        user, item = frame.loc[frame.duplicated(_PAIR), _PAIR].iloc[0]
        raise ValueError(
            f"got {twice} duplicate (user_id, item_id) pairs, the first is user {user} with item "
            f"{item}, expected one row a pair; keep one, read_interactions(frame, "
            "duplicates='last'), or count them, duplicates='count'"
        )


def to_implicit(ratings: pd.DataFrame, min_rating: float = 3) -> pd.DataFrame:
    """Keep the rows rated ``min_rating`` or more; what is left says *liked*, nothing else.

    Args:
        ratings: DataFrame with at least ``user_id``, ``item_id``, ``rating``.
        min_rating: the lowest rating that still counts as an interaction.

    Returns:
        The kept rows in their old order, without the ``rating`` column.

    Raises:
        TypeError: on ratings that are no DataFrame, a ``min_rating`` that is no number.
        ValueError: on bad ``ratings``, and where no rating reaches ``min_rating``.
    """
    check_frame(ratings, "rating")
    check_number("min_rating", min_rating)
    kept = ratings[ratings["rating"] >= min_rating]
    if kept.empty:
        highest = ratings["rating"].max()
        raise ValueError(
            f"got min_rating={min_rating}, which no rating reaches, expected at most {highest}, "
            "the highest"
        )
    return kept.drop(columns="rating").reset_index(drop=True)


def _renamed(frame: pd.DataFrame, columns: dict[str, str | None]) -> pd.DataFrame:
    left_out = [name for name, given in columns.items() if given is None and name in frame]
    frame = frame.drop(columns=left_out)
    named = {given: name for name, given in columns.items() if given is not None}
    if missing := [given for given in named if given not in frame]:
        raise ValueError(
            f"got no column {missing} in {list(frame.columns)}, expected those that were named; "
            "check the names given"
        )
    if taken := [name for given, name in named.items() if name in frame and name != given]:
        raise ValueError(
            f"got {taken} twice, as a column of its own and as a new name, expected each once; "
            "rename or drop one of them first"
        )
    return frame.rename(columns=named)


def _check_columns(frame: pd.DataFrame, needed: list[str]) -> None:
    if missing := [name for name in needed if name not in frame]:
        raise ValueError(
            f"got columns {list(frame.columns)!r:.200}, expected {needed} ({missing} missing); say "
            "which they are, e.g. user_id='visitor'. Where a file has no header line: "
            "names=['user_id', 'item_id', ...]; where its delimiter is none of , ; | :: and tab: "
            "sep=..."
        )
    if frame.empty:
        raise ValueError("got no rows, expected at least one interaction; is the file cut off?")


def _check_ids(column: pd.Series) -> None:
    name = column.name
    try:
        ids = pd.Series(np.asarray(column.unique()))
    except TypeError:  # lists, dicts
        ids = column[[not isinstance(one, Hashable) for one in column]]
    kind = pd.api.types.infer_dtype(ids)
    if kind not in ("integer", "string"):
        whole = kind == "floating" and bool((ids % 1 == 0).all())
        to = "'int64'" if whole else "str"
        raise ValueError(
            f"column {name!r}: got ids of mixed types or another type ({kind}), such as "
            f"{ids.tolist()[0]!r}, expected all text or all whole numbers; convert it: "
            f"frame[{name!r}] = frame[{name!r}].astype({to})"
        )
    if kind == "integer":
        if ids.min() < 0:
            raise ValueError(
                f"column {name!r}: got the negative id {ids.min()}, expected 0 or more; it often "
                f"stands for a missing one: leave those rows out, frame[frame[{name!r}] >= 0], or "
                f"make it text, frame[{name!r}].map('id{{}}'.format)"
            )
        return
    length, here = ids.str.len(), f"frame[{name!r}]"
    negative = ids.str.fullmatch(r"-\d+")
    low = ids[negative].iloc[0] if negative.any() else ""
    for what, where, advice in (
        ("is empty", length == 0, f"leave those rows out: frame[{here} != '']"),
        (
            "is negative",
            negative,
            f"it often stands for a missing one: leave those rows out, frame[{here} != {low!r}], "
            f"or give it a letter, {here}.map('id{{}}'.format)",
        ),
        (
            "holds a line break",
            ids.str.contains("[\n\r]", regex=True),
            "is a quote left open in the file? then close it, or pass quotes=False; else "
            f"{here}.str.split().str.join(' ')",
        ),
        (
            f"is longer than {_LONGEST:,} letters",
            length > _LONGEST,
            f"is it another column? else leave those rows out: frame[{here}.str.len() <= "
            f"{_LONGEST}]",
        ),
    ):
        if where.any():
            raise ValueError(
                f"column {name!r}: got an id that {what}, {ids[where].iloc[0][:40]!r}, expected a "
                f"name or a number; {advice}"
            )


def _ids(column: pd.Series, to: str) -> pd.Series:
    """Ids as text, letter for letter, or as whole numbers; what is missing is left to the check."""
    if column.isna().any():
        return column
    if to == "text":
        kind = pd.api.types.infer_dtype(column)
        return column.astype(str) if kind in ("integer", "mixed-integer") else column
    text = column.astype(str).str.strip()
    if len(wrong := text[~text.str.fullmatch(r"[-+]?\d{1,18}")]):
        raise ValueError(
            f"column {column.name!r}: got the id {wrong.iloc[0]!r} in row {wrong.index[0] + 1}, "
            "expected whole numbers; leave out ids='number', and ids are text"
        )
    return text.astype("int64")


def _given(column: pd.Series) -> pd.Series:
    """The values as objects, None where there is none or an empty text."""
    return column.astype(object).where(column.notna() & (column != ""))


def _finite(given: pd.Series) -> pd.Series:
    """The values as numbers, and NaN where one is no number, or has no end."""
    try:
        numbers = pd.to_numeric(given, errors="coerce")
    except OverflowError:  # a whole number beyond all that NumPy has
        numbers = pd.to_numeric(given.map(str, na_action="ignore"), errors="coerce")
    return numbers.replace([np.inf, -np.inf], np.nan)


def _numbers(column: pd.Series) -> pd.Series:
    """Numbers from text; what is empty is missing."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    given = _given(column)
    numbers = _finite(given)
    if len(wrong := given[numbers.isna() & given.notna()]):
        raise ValueError(
            f"column {column.name!r}: got {wrong.iloc[0]!r:.80} in row {wrong.index[0] + 1}, "
            f"expected numbers, as 3.5; leave the column out, {column.name}=None, or hand in a "
            "DataFrame where they are, e.g. of pd.read_csv(path, sep=';', decimal=',')"
        )
    return numbers


def _times(column: pd.Series, date_format: str | None) -> pd.Series:
    """Numbers, or dates in UTC without their offset."""
    given = _given(column)
    kind = pd.api.types.infer_dtype(given, skipna=True)
    if date_format is None:
        if pd.api.types.is_numeric_dtype(column.dtype):
            return column
        if kind in ("integer", "floating", "mixed-integer-float", "decimal", "string"):
            numbers = _finite(given)
            if numbers.notna().equals(given.notna()):
                return numbers
            given = given.map(str, na_action="ignore")  # a number without an end
    if kind == "integer" or kind.startswith("mixed"):  # 20210403, or numbers among text
        given = given.map(str, na_action="ignore")
    try:
        dates = pd.to_datetime(given, format=date_format or "ISO8601", errors="coerce", utc=True)
    except ValueError as error:
        raise ValueError(
            f"got date_format={date_format!r}, which says no date ({error}), expected one such as "
            "'%d/%m/%Y'"
        ) from None
    if len(wrong := given[dates.isna() & given.notna()]):
        expected = date_format or "all numbers, or all dates as 2021-04-03 18:30"
        raise ValueError(
            f"column 'timestamp': got {wrong.iloc[0]!r:.80} in row {wrong.index[0] + 1}, expected "
            f"{expected}; say how dates are written, e.g. date_format='%d/%m/%Y', or leave the "
            "column out, timestamp=None"
        )
    return dates.dt.tz_localize(None)


def _without_duplicates(frame: pd.DataFrame, rule: str) -> pd.DataFrame:
    """One row a pair, in the old order."""
    first = rule == "first"
    try:
        count = frame.groupby(_PAIR)["user_id"].transform("size")
    except TypeError:  # ids that cannot be compared, such as lists, which are refused next
        return frame
    if "timestamp" in frame:
        # A row without a time is taken for an early one: it outdoes none that has a time.
        frame = frame.sort_values("timestamp", kind="stable", na_position="first")
    frame = frame.drop_duplicates(_PAIR, keep="first" if first else "last").sort_index()
    if rule == "count":
        frame = frame.assign(count=count)
    return frame.reset_index(drop=True)
