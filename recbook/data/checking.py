"""What is wrong with a log of clicks, found before anything is learned from it.

:func:`~recbook.data.check_log` says what is wrong, and :func:`~recbook.data.clean_log` leaves out
what has a clear remedy, so that a split can be made. Both are meant for the whole log, before it is
split, and so see the rows that are tested on later: a test part needs to be free of bots, too. What
they find is how the log was written, not what people like; no model learns from it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recbook.checks import check_choice, check_kind
from recbook.data.reading import read_interactions

__all__ = ["check_log", "clean_log"]

_DAY = 86400.0  # seconds
_FIRST, _LAST = 631152000, 4102444800  # 1990 and 2100, in seconds since 1970
_PER_HOUR = 600  # events: one each six seconds, for an hour
_FEWEST = 20  # people, or events, of whom a share says something


def check_log(
    log: pd.DataFrame, later: pd.DataFrame | None = None, leave: Sequence[str] = ()
) -> pd.DataFrame:
    """Find what is wrong with a log, or may be; what is not named has not been found.

    The checks run in this order, each on the rows that those before it would keep, so that no row
    is counted twice:

    * missing values: rows without a user, an item or, where others have one, a time; a negative
      number is no id;
    * kinds of events: a column says that some rows are of another kind than most; all count alike;
    * mixed offsets: some times have an offset from UTC and some have none, which are taken for UTC;
    * exact duplicates: rows that are there already, with the same time;
    * impossible times: rows of the future, or before 1970-01-02, the day that clocks start at;
    * bots: people with 600 events within an hour of the clock, or with so many in all that the
      logarithm is five deviations above the median, the deviation being the median one, and at
      least 100;
    * popular default: an item that more than half of all people begin with, where times tell, and
      that has at most a third of that share in what follows: nobody has chosen it;
    * repeated visits: the same person and item again, at another time;
    * hours that jump: a day after which the hours of the day are others, by two hours or more.

    Args:
        log: what :func:`read_log` returns, or a table like it.
        later: rows to test on; what of them is in the log, or happened before its end, leaks.
        leave: as for :func:`clean_log`.

    Returns:
        A row a finding, with ``what``, in how many ``rows``, an ``example``, what to ``do``, and
        whether :func:`clean_log` has ``dropped`` them with the same ``leave``. No rows where
        nothing was found.

    Raises:
        TypeError: on what is no table.
        ValueError: on a table without users or items, or with ids or times that cannot be read, and
            on a finding that is none.

    >>> log = pd.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x"] * 3, "timestamp": "2024"})
    >>> check_log(log)[["what", "rows", "example"]].values.tolist()
    [['exact duplicates', 1, "user 'a', item 'x', 2024"]]
    """
    findings, _ = _examine(log, leave)
    if later is not None:
        findings += _leaks(log, later)
    return pd.DataFrame(findings, columns=["what", "rows", "example", "do", "dropped"])


def clean_log(
    log: pd.DataFrame, leave: Sequence[str] = (), tell: Callable[[str], Any] = lambda _: None
) -> pd.DataFrame:
    """What is left of a log without the faults that :func:`check_log` finds and can leave out.

    Of repeated visits the first is kept: what a person has seen is no news later. Where there are
    ratings it is the first of those that are rated highest.

    Args:
        log: what :func:`read_log` returns, or a table like it.
        leave: findings that are right in this log, e.g. ``["bots"]``; their rows stay.
        tell: is called with a line for each finding, such as ``print``.

    Returns:
        A table that all splits take, with a row a pair, dates in UTC as ``timestamp`` or, where
        they are only an order, numbers.

    Raises:
        TypeError, ValueError: as :func:`check_log`; where no row is left.

    >>> log = pd.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x"] * 3, "timestamp": "2024"})
    >>> len(clean_log(log))
    2
    """
    check_kind("tell", tell, Callable, hint="such as print")
    findings, rest = _examine(log, leave)
    for what, rows, example, _, dropped in findings:
        tell(f"{what}: {rows:,} rows are {'left out' if dropped else 'left in'}; {example}")
    if rest.empty:
        raise ValueError(
            f"got {len(log):,} rows of which none is without a fault, expected some; see check_log"
        )
    numbers = "seconds" in rest and pd.api.types.is_numeric_dtype(rest["timestamp"])
    if numbers and "impossible times" not in leave:
        rest = rest.assign(timestamp=pd.to_datetime(rest["seconds"], unit="s"))
    return read_interactions(rest.reset_index(drop=True), duplicates="first")


# The checks: each returns the rows, as labels, an example and what to do, or None -----------------

_Found = tuple[pd.Index, str, str] | None


def _missing_values(log: pd.DataFrame) -> _Found:
    blank = {
        name: log[name].isna() | _text(log[name]).str.fullmatch(r"\s*(-\d+)?\s*")
        for name in ("user_id", "item_id")
        if name in log
    }
    if "timestamp" in log and not (empty := _is_blank(log["timestamp"])).all():
        blank["timestamp"] = empty
    rows = log.index[np.logical_or.reduce([*blank.values()])] if blank else log.index[:0]
    if rows.empty:
        return None
    lacking = ", ".join(f"{int(x.sum()):,} without {name}" for name, x in blank.items() if x.any())
    return (
        rows,
        f"{lacking}; first in row {rows[0] + 1}",
        "they say nothing of anybody; see whether people who are not logged in are among them",
    )


def _kinds_of_events(log: pd.DataFrame) -> _Found:
    if "event" not in log:
        return None
    kind = log["event"].astype(str)
    share = kind.value_counts(normalize=True)
    if len(share) < 2:
        return None
    return (
        log.index[kind != share.index[0]],
        ", ".join(f"{name!r:.40} {part:.1%}" for name, part in share.iloc[:5].items()),
        "all count as liked; keep those that are, such as --events purchase, or "
        "read_log(..., events=['purchase'])",
    )


def _mixed_offsets(log: pd.DataFrame) -> _Found:
    if "timestamp" not in log or pd.api.types.infer_dtype(log["timestamp"]) != "string":
        return None
    has = log["timestamp"].str.contains(r":\d\d.*(?:Z|[+-]\d\d:?\d\d)\s*$", na=False)
    bare = log["timestamp"].str.contains(":", regex=False, na=False) & ~has
    rows = log.index[bare] if has.any() else log.index[:0]
    if rows.empty:
        return None
    with_one = log["timestamp"][has].iloc[0]
    return (
        rows,
        f"{log['timestamp'][rows[0]]} beside {with_one}",
        "those without an offset are taken for UTC; write the offset of their clock behind them",
    )


def _exact_duplicates(log: pd.DataFrame) -> _Found:
    if "timestamp" not in log:
        return None
    return _some(
        log,
        log.duplicated(["user_id", "item_id", "timestamp"]),
        "one of each is kept; see whether the log was joined or sent twice",
    )


def _impossible_times(log: pd.DataFrame) -> _Found:
    if "seconds" not in log:
        return None
    wrong = ~log["seconds"].between(_DAY, time.time() + _DAY)
    return _some(log, wrong, "they are left out; see which clock was not set")


def _bots(log: pd.DataFrame) -> _Found:
    count = log["user_id"].value_counts()
    size = count.map(math.log)
    deviation = max(1.4826 * float((size - size.median()).abs().median()), 0.5)
    bots = count.index[(size > size.median() + 5 * deviation) & (count >= 100)]
    if "seconds" in log:
        by_hour = log.groupby(["user_id", log["seconds"] // 3600]).size()
        bots = bots.union(by_hour.index[by_hour >= _PER_HOUR].get_level_values(0)).unique()
    if bots.empty:
        return None
    most: Any = count[bots].idxmax()
    return (
        log.index[log["user_id"].isin(bots)],
        f"{len(bots):,} people; {most!r} has {count[most]:,} rows, people have "
        f"{count.median():.0f} (median)",
        "they are left out; where they are people keep them, --leave bots or leave=['bots']",
    )


def _popular_default(log: pd.DataFrame) -> _Found:
    if "timestamp" not in log:
        return None
    first = log["timestamp"] == log.groupby("user_id")["timestamp"].transform("min")
    begins = log[first].drop_duplicates("user_id", keep=False)  # else the order decides
    follows = log.drop(begins.index)
    if min(len(begins), len(follows)) < _FEWEST:
        return None
    share = begins["item_id"].value_counts(normalize=True)
    item: Any = share.idxmax()
    after = float((follows["item_id"] == item).mean())
    if share[item] <= 0.5 or after > share[item] / 3:
        return None
    return (
        begins.index[begins["item_id"] == item],
        f"item {item!r} comes first for {share[item]:.0%} of people, and {after:.1%} of the rest",
        "these first rows are left out; nobody has chosen what everybody is shown",
    )


def _repeated_visits(log: pd.DataFrame) -> _Found:
    ordered = log.sort_values("seconds", kind="stable") if "seconds" in log else log
    do = "the first of each is kept; what one has seen is no news later"
    if "rating" in log:  # a few seconds heard say nothing against the whole that was heard later
        ordered = ordered.sort_values("rating", ascending=False, kind="stable")
        do = "the one rated highest is kept, of these the first"
    again = ordered.duplicated(["user_id", "item_id"]).sort_index()
    return _some(log, again, do)


def _hours_that_jump(log: pd.DataFrame) -> _Found:
    """The cut after which the hours of the day, turned back by a few, fit those before it best."""
    if "seconds" not in log:
        return None
    day = log["seconds"] // _DAY
    if not 2 <= day.max() - day.min() < 10_000:
        return None
    day = (day - day.min()).astype(int)
    by_day = np.zeros((day.max() + 1, 24))
    np.add.at(by_day, (day, (log["seconds"] % _DAY // 3600).astype(int)), 1)
    before = by_day.cumsum(0)[:-1]
    after = by_day.sum(0) - before
    sizes = before.sum(1), after.sum(1)
    both = np.minimum(*sizes) >= 10 * _FEWEST
    if not both.any():
        return None
    before, after = (
        x / np.maximum(n, 1)[:, None] for x, n in zip((before, after), sizes, strict=True)
    )
    apart = np.stack([np.abs(before - np.roll(after, -n, 1)).sum(1) / 2 for n in range(24)])
    gain = (apart[0] - apart.min(0)) * np.sqrt(sizes[0] * sizes[1]) * both
    cut = int(gain.argmax())
    hours = (int(apart[:, cut].argmin()) + 12) % 24 - 12
    if abs(hours) < 2 or apart[0, cut] < 0.2 or apart[:, cut].min() > apart[0, cut] / 2:
        return None
    rows = log.index[day > cut]
    date = pd.Timestamp(float(log["seconds"][rows].min()), unit="s").date()
    return (
        rows,
        f"from {date} on by {hours:+} hours",
        "a clock was set to another zone; add the offset to the times of one side",
    )


_CHECKS: dict[str, Callable[[pd.DataFrame], _Found]] = {
    "missing values": _missing_values,
    "kinds of events": _kinds_of_events,
    "mixed offsets": _mixed_offsets,
    "exact duplicates": _exact_duplicates,
    "impossible times": _impossible_times,
    "bots": _bots,
    "popular default": _popular_default,
    "repeated visits": _repeated_visits,
    "hours that jump": _hours_that_jump,
}
# Which rows are wrong nobody but the reader knows
_LEFT = ("kinds of events", "mixed offsets", "hours that jump")


def _examine(log: pd.DataFrame, leave: Sequence[str] = ()) -> tuple[list[Any], pd.DataFrame]:
    """What was found, and what is left."""
    check_kind("log", log, pd.DataFrame, hint="read_log makes one from a file")
    check_kind("leave", leave, (list, tuple), hint="e.g. ['bots']")
    for what in leave:
        check_choice("leave", what, _CHECKS)
    rest = log.reset_index(drop=True)
    findings = []
    for what, check in _CHECKS.items():
        if (found := check(rest)) is not None:
            rows, example, do = found
            dropped = what not in (*_LEFT, *leave)
            findings.append((what, len(rows), example, do, dropped))
            rest = rest.drop(rows) if dropped else rest
        if len(rest) == 0 < len(log):
            raise ValueError(
                f"got {len(log):,} rows of which none is without a fault ({what}), expected some; "
                "see what the columns hold"
            )
        if what == "mixed offsets":  # from here on ids are ids, and times are numbers or dates
            rest = _typed(rest)
    return findings, rest


def _leaks(log: pd.DataFrame, later: pd.DataFrame) -> list[Any]:
    """What a test part tells of the rows that are learned from."""
    train, test = (_typed(_examine(part)[1]) for part in (log, later))
    both = test.merge(train[["user_id", "item_id"]].drop_duplicates())
    found = {"in both parts": (both, "take each pair into one part, as the splits do")}
    if "seconds" in train and "seconds" in test:
        early = test[test["seconds"] < train["seconds"].max()]
        found["test before the end of train"] = early, "split by time: global_time_split"
    return [
        (what, len(rows), _row(rows.iloc[0]), do, False)
        for what, (rows, do) in found.items()
        if len(rows)
    ]


def _typed(log: pd.DataFrame) -> pd.DataFrame:
    """Ids that are checked, times as numbers or dates, and where they can be told as seconds."""
    if "timestamp" in log and _is_blank(log["timestamp"]).all():
        log = log.drop(columns="timestamp")
    typed = read_interactions(log, duplicates="keep").set_index(log.index)
    if "timestamp" not in typed:
        return typed
    times = typed["timestamp"]
    if pd.api.types.is_datetime64_any_dtype(times):
        return typed.assign(seconds=times.dt.as_unit("s").astype("int64").astype(float))
    for unit in (1, 1e3, 1e6, 1e9):  # per second
        if _FIRST <= (times / unit).quantile(interpolation="lower") <= _LAST:
            return typed.assign(seconds=times / unit)
    return typed


def _is_blank(column: pd.Series) -> pd.Series:
    return column.isna() | (_text(column).str.strip() == "")


def _text(column: pd.Series) -> pd.Series:
    """As text, and bytes as Python writes them."""
    return column.map(str) if column.dtype == object else column.astype(str)


def _some(log: pd.DataFrame, wrong: pd.Series, do: str) -> _Found:
    rows = log.index[wrong]
    return None if rows.empty else (rows, _row(log.loc[rows[0]]), do)


def _row(row: pd.Series) -> str:
    when = f", {row['timestamp']}" if "timestamp" in row else ""
    return f"user {row['user_id']!r}, item {row['item_id']!r}{when}"
