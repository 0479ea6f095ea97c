"""A log of clicks as it comes: which columns it has, and all its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from recbook.checks import check_kind
from recbook.data.formats import plain_name, read_table

__all__ = ["find_columns", "named_columns", "read_log"]

#: Names that logs have for a column, without what writers differ in: case, spaces, underscores.
_NAMES = {
    "user_id": "userid user username uid visitorid visitor customerid customer clientid client "
    "memberid member accountid account personid person people readerid reader buyerid shopper "
    "profileid sessionid session",
    "item_id": "itemid item iid productid product sku articleid article asin movieid movie filmid "
    "film bookid book isbn songid song trackid track videoid video pageid page url contentid "
    "content courseid course gameid game",
    "rating": "rating ratings stars",
    "timestamp": "timestamp time date datetime ts when at createdat eventtime eventtimestamp "
    "visitedat clickedat viewedat purchasedat orderdate",
}


def find_columns(names: Sequence[Any], **columns: str) -> dict[str, Any]:
    """Which of a log's columns are the user, the item, the rating and the time.

    A name that says more comes before one that says less: ``product`` before ``page``, ``customer``
    before ``session``.

    Args:
        names: of the columns.
        **columns: what a column is called where it is not found, or another one is, e.g.
            ``user_id="visitor"``, ``item_id``, ``rating``, ``timestamp``.

    Returns:
        By ``user_id``, ``item_id`` and, where they are there, ``rating`` and ``timestamp`` the name
        that the log has.

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
    free = {name: plain_name(str(name)) for name in names if name not in columns.values()}
    found = {}
    for what, known in _NAMES.items():
        if what in columns:
            check_kind(what, columns[what], str, hint="the name of a column")
            meant = [columns[what]] if columns[what] in names else []
        else:
            order = {one: n for n, one in enumerate(known.split())}
            ranks = {name: order[plain] for name, plain in free.items() if plain in order}
            meant = [name for name in ranks if ranks[name] == min(ranks.values())]
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
                f"{asked}; say which it is, {what}=NAME, and see that a file begins with a line "
                "that names its columns"
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
    source: Any, *, tell: Callable[[str], Any] = lambda _: None, **columns: str
) -> pd.DataFrame:
    """Read a log as it comes, every row of it; columns are found under the names that logs have.

    Args:
        source: as for :func:`recbook.data.read_interactions`: the path of a file, or a table.
        tell: is called with a line that says what was found, such as ``print``.
        **columns: as for :func:`recbook.data.find_columns`.

    Returns:
        ``user_id``, ``item_id`` and, where they are there, ``rating`` and ``timestamp``, with all
        values as they are in the source; those of a CSV file are text.

    Raises:
        TypeError, ValueError, OSError, ImportError: as :func:`recbook.data.read_interactions` and
            :func:`recbook.data.find_columns`.

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
    if raw.empty:
        raise ValueError("got no rows, expected at least one interaction; is the file cut off?")
    named = raw[list(found.values())].set_axis(list(found), axis=1)
    return named.reset_index(drop=True)
