"""A log of clicks as it comes: which columns it has, and all its rows; and titles of its items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from recbook.checks import check_kind
from recbook.data.formats import plain_name, read_table

__all__ = ["check_events", "find_columns", "named_columns", "read_log", "read_titles"]

#: Names that logs have for a column, without what writers differ in: case, spaces, underscores.
_NAMES = {
    "user_id": "userid user username uid visitorid visitor customerid customer clientid client "
    "memberid member accountid account personid person people readerid reader buyerid shopper "
    "listenerid listener viewerid viewer subscriberid subscriber studentid student playerid player "
    "profileid sessionid session",
    "item_id": "itemid item iid productid product sku articleid article asin movieid movie filmid "
    "film bookid book isbn songid song trackid track videoid video pageid page url contentid "
    "content courseid course gameid game episodeid episode showid show podcastid podcast "
    "postid post",
    "rating": "rating ratings stars",
    "timestamp": "timestamp time date datetime ts when at createdat eventtime eventtimestamp "
    "visitedat clickedat viewedat purchasedat orderdate startedat playedat listenedat "
    "watchedat",
    "event": "event eventtype eventname eventkind action actiontype interactiontype behavior "
    "behaviour behaviortype behaviourtype",
}
_TITLES = (
    "title itemtitle producttitle movietitle filmtitle booktitle songtitle tracktitle videotitle "
    "episodetitle articletitle coursetitle gametitle name itemname productname label description"
)
_DATE = r"\s*(\d{1,2})[./-](\d{1,2})[./-]\d{4}\b"  # 31.12.2025 or 12/31/2025


def find_columns(names: Sequence[Any], **columns: str) -> dict[str, Any]:
    """Which of a log's columns are the user, the item, the rating, the time and the kind of event.

    A name that says more comes before one that says less: ``product`` before ``page``, ``customer``
    before ``session``.

    Args:
        names: of the columns.
        **columns: what a column is called where it is not found, or another one is, e.g.
            ``user_id="visitor"``, ``item_id``, ``rating``, ``timestamp``, ``event``.

    Returns:
        By ``user_id``, ``item_id`` and, where they are there, ``rating``, ``timestamp`` and
        ``event`` the name that the log has.

    Raises:
        TypeError: on what are no names.
        ValueError: where there is no user or no item, two columns may be meant, or one has a name
            that is none.

    >>> find_columns(["Visitor ID", "page", "colour"])
    {'user_id': 'Visitor ID', 'item_id': 'page'}
    """
    check_kind("names", names, (list, tuple), hint="of the columns, list(frame)")
    if unknown := set(columns) - set(_NAMES):
        raise ValueError(f"got a name for {sorted(unknown)}, expected names for {list(_NAMES)}")
    free = [name for name in names if name not in columns.values()]
    found = {}
    for what, known in _NAMES.items():
        if what in columns:
            check_kind(what, columns[what], str, hint="the name of a column")
            meant = [columns[what]] if columns[what] in names else []
        else:
            meant = _meant(free, known)
        if len(meant) > 1:
            raise ValueError(
                f"got the columns {meant!r:.200}, each of which may be the {what}, expected one; "
                f"say which, {what}={meant[0]}"
            )
        if meant:
            found[what] = meant[0]
        elif what in columns or what in ("user_id", "item_id"):
            asked = columns.get(what, ", ".join(known.split()[:5]) + ", ...")
            raise ValueError(
                f"got the columns {list(names)!r:.200}, none of which is the {what}, expected "
                f"{asked}; say which it is, {what}=NAME (of a command: --columns {what}=NAME), and "
                "see that a file begins with a line that names its columns"
            )
    return found


def named_columns(option: str) -> dict[str, str]:
    """What the option ``--columns`` of a command names, for :func:`recbook.data.find_columns`.

    >>> named_columns("user_id=who,item_id=what")
    {'user_id': 'who', 'item_id': 'what'}
    """
    pairs = [pair.partition("=") for pair in option.split(",") if pair]
    named = {name.strip(): column for name, _, column in pairs}
    if set(named) - set(_NAMES) or not all(named.values()) or len(named) < len(pairs):
        raise ValueError(
            f"got --columns {option!r}, expected a column for some of {', '.join(_NAMES)}, each "
            "once, e.g. user_id=who,item_id=what"
        )
    return named


def read_log(
    source: Any,
    events: Sequence[str] | None = None,
    tell: Callable[[str], Any] = lambda _: None,
    **columns: str,
) -> pd.DataFrame:
    """Read a log as it comes, every row of it; columns are found under the names that logs have.

    Args:
        source: as for :func:`recbook.data.read_interactions`: the path of a file, or a table.
        events: the kinds of events that count, e.g. ``["purchase"]``, where a column has several;
            None keeps all rows, and the column.
        tell: is called with a line that says what was found, such as ``print``.
        **columns: as for :func:`recbook.data.find_columns`.

    Returns:
        ``user_id``, ``item_id`` and, where they are there, ``rating``, ``timestamp`` and ``event``,
        with all values as they are in the source; those of a CSV file are text. Two are read as
        they are meant: dates such as 31.12.2025, where some number above 12 says which is the day,
        and ratings such as 3,5.

    Raises:
        TypeError, ValueError, OSError, ImportError: as :func:`recbook.data.read_interactions` and
            :func:`recbook.data.find_columns`; on events that the log does not have.

    >>> read_log(pd.DataFrame({"Visitor ID": ["ann"], "page": ["/tea"], "colour": ["red"]}))
      user_id item_id
    0     ann    /tea
    """
    check_kind("tell", tell, Callable, hint="such as print")
    raw = read_table(source)
    if raw.columns.nlevels > 1 or raw.columns.has_duplicates:
        raise ValueError(
            f"got the columns {list(raw.columns)[:6]}, expected names on one level, each once"
        )
    found = find_columns(list(raw), **columns)
    tell(f"{len(raw):,} rows; " + ", ".join(f"{name} is {is_!r}" for name, is_ in found.items()))
    if unused := [repr(name) for name in raw if name not in found.values()]:
        tell(f"not used: {', '.join(unused)}")
    if raw.empty:
        raise ValueError("got no rows, expected at least one interaction; is the file cut off?")
    log = raw[list(found.values())].set_axis(list(found), axis=1).reset_index(drop=True)
    for name, meant in (("timestamp", _as_dates), ("rating", _as_numbers)):
        if name in log and pd.api.types.infer_dtype(log[name]) == "string":
            log[name] = meant(log[name])
    return log if events is None else _of_kinds(log, events)


def read_titles(source: Any) -> dict[str, str]:
    """What the items of a catalogue, or of a log that says it, are called, by their id as text.

    Args:
        source: as for :func:`recbook.data.read_log`, with a column for the item and one for its
            title.

    Raises:
        TypeError, ValueError, OSError, ImportError: as :func:`recbook.data.read_log`.

    >>> read_titles(pd.DataFrame({"sku": [7], "Product name": ["green tea"]}))
    {'7': 'green tea'}
    """
    table = read_table(source)
    item, title = (_meant([*table], known) for known in (_NAMES["item_id"], _TITLES))
    if (len(item), len(title)) != (1, 1):
        raise ValueError(
            f"got the columns {[*table]!r:.200}, expected one that is the item and one that is its "
            "title; call them item_id and title"
        )
    return dict(zip(table[item[0]].astype(str), table[title[0]].astype(str), strict=True))


def _meant(names: Sequence[Any], known: str) -> list[Any]:
    """Which of a table's columns have the name that is known best."""
    order = {one: n for n, one in enumerate(known.split())}
    ranks = {name: order.get(plain_name(str(name)), len(order)) for name in names}
    best = min(ranks.values(), default=len(order))
    return [name for name in ranks if ranks[name] == best < len(order)]


def check_events(events: Sequence[str], there: set[str]) -> None:
    """Raise ValueError unless the log has all of these kinds of events, and there is one."""
    if not events:
        raise ValueError("got no kind of event, expected at least one; None counts all rows")
    if unknown := [one for one in events if str(one) not in there]:
        raise ValueError(
            f"got the event {unknown[0]!r:.80}, expected some of {sorted(there)!r:.200}, which "
            "the log has; where another column has them, say which, event=NAME"
        )


def _of_kinds(log: pd.DataFrame, events: Sequence[str]) -> pd.DataFrame:
    check_kind("events", events, (list, tuple), hint="e.g. ['purchase']")
    kind = log["event"].astype(str) if "event" in log else pd.Series(dtype=str)
    check_events(events, {*kind})
    return log[kind.isin([*map(str, events)])].drop(columns="event").reset_index(drop=True)


def _as_dates(times: pd.Series) -> pd.Series:
    """Dates where day and month come first and can be told apart; else the text as it is."""
    parts = times.str.extract(_DATE).astype(float)
    day_first, month_first = (parts > 12).any()
    if day_first == month_first:
        return times
    dates = pd.to_datetime(
        times.str.strip(), format="mixed", dayfirst=bool(day_first), errors="coerce", utc=True
    )
    return dates.dt.tz_localize(None) if dates.notna().equals(parts[0].notna()) else times


def _as_numbers(ratings: pd.Series) -> pd.Series:
    """With decimal points where all have decimal commas or are whole; else the text as it is."""
    commas = ratings.str.fullmatch(r"\s*(-?\d+(,\d{1,2})?)?\s*", na=True).all()
    return ratings.str.replace(",", ".") if commas else ratings
