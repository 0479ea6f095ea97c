"""A log of one's own: each process reads its part of it, and ids are numbered by their hashes.

No process holds all rows or all ids. A row goes to the owner of its user, which is the process that
the user's hash falls to. There pairs that come more than once are found, and train and held-out
rows told apart. The position of an id is the rank of its hash among those of all ids in train: each
process ranks those that fall to it, and begins where the one before ends. Positions are therefore
the same with any number of processes, and say nothing of how popular an item is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from torch import Tensor

from recbook.checks import (
    check_choice,
    check_kind,
    check_number,
    check_path,
    check_seed,
    check_share,
)
from recbook.data import Interactions, find_columns, read_interactions, read_log
from recbook.data.logs import check_events
from recbook.data.reading import check_frame
from recbook.distributed.pieces import Piece, open_piece, pieces_of
from recbook.distributed.processes import (
    all_of,
    ask_owners,
    from_all,
    text_to_owners,
    to_owners,
    together,
)

__all__ = ["Log", "read_sharded"]

_IDS = ("user_id", "item_id")


@dataclass(frozen=True, eq=False)
class Log:
    """What one process has of a log.

    Args:
        train: its share of the train pairs; the numbers of users and items are those of all.
        val: its share of the pairs that are held out, of users and items that train has.
        user_ids: raw ids of the positions that it has numbered. Those of the process before end
            where they begin.
        item_ids: the same of items.
        num_rows: rows that were read, by all processes.
        num_other: those of them whose event is none of ``events``.
        num_below: those of the others that are rated below ``min_rating``.
        num_twice: those left whose pair had been there before.
        num_dropped: held-out pairs, of all processes, that train has no user or no item of.
        columns: what the log calls the ids, ``rating``, ``event`` and, split by time,
            ``timestamp``.
    """

    train: Interactions
    val: Interactions
    user_ids: np.ndarray
    item_ids: np.ndarray
    num_rows: int
    num_other: int
    num_below: int
    num_twice: int
    num_dropped: int
    columns: dict[str, str]


def read_sharded(
    source: str | Path | pd.DataFrame,
    *,
    split: str = "random",
    hold_out: float = 0.1,
    seed: int = 0,
    min_rating: float = 3,
    events: Sequence[str] | None = None,
    **columns: str,
) -> Log:
    """Read this process's part of a log, and number ids and hold rows out with the others.

    Args:
        source: a Parquet file, whose row groups are shared out; a file that
            :func:`recbook.data.read_interactions` reads, which one process reads whole; a folder of
            such files, of which those whose names start with ``_`` or ``.`` are passed over; or a
            table, of which the first process takes all. Ids are text in a CSV file, and as they are
            in the others.
        split: ``"random"`` holds out by a hash of the pair's ids, ``"time"`` what came after one
            moment, as :func:`recbook.data.global_time_split` does.
        hold_out: the share of all pairs that is held out; of each pair the first liked row counts.
        seed: another one holds out other pairs at random.
        min_rating: the lowest rating that counts; every row does where the log has no ratings.
        events: the kinds of events that count, where a column has several; None counts all rows.
        **columns: as for :func:`recbook.data.find_columns`, which finds the others; all files of a
            folder must have the same.

    Raises:
        TypeError: on another source, or what is no number.
        FileNotFoundError: where nothing is there.
        ValueError: on files that cannot be read, have no row, or other columns or ids; a split or a
            share that is none; events that no row has; and rows of which none is left to train on
            or to be held out.
        ImportError: on Parquet without pyarrow.
    """
    if not isinstance(source, pd.DataFrame):
        source = check_path("source", source)
    check_choice("split", split, ["random", "time"])
    check_share("hold_out", hold_out)
    check_seed(seed)
    check_number("min_rating", min_rating)
    needed = [*_IDS, "timestamp"] if split == "time" else [*_IDS]
    if events is not None:
        check_kind("events", events, (list, tuple), hint="e.g. ['purchase']")
    read = partial(_read, needed, min_rating, events, columns)
    rows, texts, found, seen, (num_rows, num_meant, num_liked) = _read_shares(source, needed, read)
    if events is not None:
        check_events(events, seen)
    if num_liked == 0:
        raise ValueError(f"got min_rating={min_rating}, expected at most the highest rating")
    user, user_key, user_of = _different(rows[:, 0])
    item, item_key, item_of = _different(rows[:, 1])
    time = rows[:, 2].copy() if split == "time" else None
    del rows
    pair = user_of.astype(np.int64) * len(item) + item_of
    order = np.lexsort((pair,) if time is None else (time, pair))
    first = order[np.diff(pair[order], prepend=-1) > 0]
    if time is not None:
        held = time[first] >= _moment(time[first], hold_out)
    else:
        drawn = user[user_of[first]] * np.uint64(2) + item[item_of[first]] + np.uint64(seed)
        held = _mixed(drawn.view(np.int64)) < hold_out * 2.0**64
    del pair, order
    user_of, item_of = user_of[first], item_of[first]
    num_pairs, num_held = sum(from_all(len(first))), sum(from_all(int(held.sum())))
    if not 0 < num_held < num_pairs:
        raise ValueError(
            f"got {num_rows:,} rows with {num_pairs:,} different pairs that count, of which "
            f"{num_held:,} are held out, expected some to train on and some to measure with; give "
            f"more rows, or another share than hold_out={hold_out}"
        )
    user_at, user_keys, num_users = _number(user, user_key, user_of[~held])
    item_at, item_keys, num_items = _number(item, item_key, item_of[~held])
    at = torch.from_numpy(np.stack([user_at[user_of], item_at[item_of]]))
    scored = torch.from_numpy(held) & (at >= 0).all(0)
    num_scored = sum(from_all(int(scored.sum())))
    if num_scored == 0:
        raise ValueError(
            f"got {num_held:,} pairs that are held out, of none of which the others have both the "
            "user and the item, expected one that can be measured; give more rows, or hold out "
            f"{'a smaller share' if split == 'random' else 'at random'}"
        )
    parts = ~torch.from_numpy(held), scored
    train, val = (Interactions(at[0, x], at[1, x], num_users, num_items) for x in parts)
    user_ids, item_ids = (
        keys if text is None else np.array([text[key] for key in keys.tolist()], dtype=object)
        for text, keys in zip(texts, (user_keys, item_keys), strict=True)
    )
    return Log(
        train,
        val,
        user_ids,
        item_ids,
        num_rows,
        num_other=num_rows - num_meant,
        num_below=num_meant - num_liked,
        num_twice=num_liked - num_pairs,
        num_dropped=num_held - num_scored,
        columns=found,
    )


def _read_shares(
    source: Path | pd.DataFrame, needed: list[str], read_piece: Callable[[Piece], _Read]
) -> tuple[np.ndarray, list[dict[int, str] | None], dict[str, str], set[str], list[int]]:
    """The liked rows of this process's users: keys of both ids, and the time if it is asked for.

    Then the texts of the ids that it owns and, of all processes, the columns, the kinds of events,
    and how many rows there are, are of events that count, and are liked.

    Processes read a piece each, and send its rows to the users' owners, before they read the next.
    A whole number is its own key. That of a text is its hash; the text goes to the key's owner.
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    pieces = together(lambda: pieces_of(source))
    if len({*all_of(len(pieces))}) > 1:
        raise ValueError(
            f"got {source}, in which processes see different files, expected one folder that all "
            "of them read"
        )
    rows = [torch.zeros(0, len(needed), dtype=torch.long)]
    texts: tuple[dict[int, str], ...] = ({}, {})
    kinds, events = dict[str, set[tuple[str, str]]](), set[str]()
    num_rows = num_meant = num_liked = 0
    for piece in range(rank, -(-len(pieces) // world) * world, world):
        some = pieces[piece : piece + 1]
        read = together(partial(read_piece, some[0]) if some else partial(_Read, needed))
        num_rows, num_meant = num_rows + read.num_rows, num_meant + read.num_meant
        num_liked += read.num_liked
        events |= read.events
        rows.append(to_owners(read.rows, _owner(_mixed(read.rows[:, 0].numpy()))))
        for known, (keys, new) in zip(texts, read.texts, strict=True):
            owner = _owner(_mixed(keys.numpy()))
            arrived = to_owners(keys, owner).tolist(), text_to_owners(new, owner)
            together(partial(_learn, known, *arrived))
        for name, kind in read.kinds.items():
            kinds.setdefault(name, set()).add((kind, str(read.columns[name])))
    numbers = [sum(from_all(number)) for number in (num_rows, num_meant, num_liked)]
    if numbers[0] == 0:
        raise ValueError(f"got no rows in {source}, expected at least two; is it empty?")
    told = dict[str, tuple[str, str]]()
    for name in [*needed, "rating", "event"]:
        found = sorted(set().union(*(each.get(name, set()) for each in all_of(kinds))))
        if len(found) > 1:
            raise ValueError(
                f"column {name!r}: got {found[0][0]} in {found[0][1]!r} in one part of {source} "
                f"and {found[1][0]} in {found[1][1]!r} in another, expected the same in all; write "
                "them alike"
            )
        told[name] = found[0] if found else ("nothing", name)
    known_texts = [
        known if told[name][0] == "text" else None for known, name in zip(texts, _IDS, strict=True)
    ]
    found_columns = {name: column for name, (kind, column) in told.items() if kind != "nothing"}
    all_events = set().union(*all_of(events))
    return torch.cat(rows).numpy(), known_texts, found_columns, all_events, numbers


class _Read:
    """What a piece has; nothing where there is none for this process."""

    def __init__(self, needed: list[str]) -> None:
        self.num_rows = self.num_meant = self.num_liked = 0
        self.events = set[str]()
        self.kinds, self.columns = dict[str, str](), dict[str, Any]()
        self.rows = torch.zeros(0, len(needed), dtype=torch.long)
        self.texts: list[tuple[Tensor, list[str]]] = [(self.rows[:, 0], []) for _ in _IDS]


def _read(
    needed: list[str],
    min_rating: float,
    events: Sequence[str] | None,
    columns: dict[str, str],
    piece: Piece,
) -> _Read:
    read, opened = _Read(needed), open_piece(piece)
    where = opened.where
    try:
        found = find_columns(opened.names, **columns)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    asked = [*needed, "event"] if events is not None else needed
    for name, why in (("timestamp", "a split by time"), ("event", f"events={list(events or [])}")):
        if name in asked and name not in found:
            raise ValueError(
                f"{where}: got the columns {opened.names!r:.200}, none of which is the {name}, "
                f"expected one for {why}; say which it is, {name}=NAME"
            )
    rated = ["rating"] if "rating" in found else []
    read.kinds["rating"] = "numbers" if rated else "nothing"
    if "event" in found:
        read.kinds["event"] = "text"
    chosen = {name: found[name] for name in asked + rated}
    read.columns = {"rating": "rating"} | found
    frame = opened.read(list(chosen.values()))
    read.num_rows = len(frame)
    if events is not None:
        kind = frame[chosen.pop("event")].astype(str)
        read.events = {*kind}
        frame = frame[kind.isin([*map(str, events)])]
    read.num_meant = len(frame)
    if events is not None and frame.empty:
        return read
    try:
        frame = read_interactions(read_log(frame, **chosen), ids=opened.ids, duplicates="keep")
        check_frame(frame, *needed[2:], *rated, again=True)
        keys = [_keys(frame[name], read) for name in needed]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from error
    liked = frame[frame["rating"] >= min_rating] if rated else frame
    read.num_liked = len(liked)
    first = liked.sort_values(needed[2:], kind="stable").drop_duplicates([*_IDS]).index
    read.rows = torch.from_numpy(np.stack(keys, axis=1)[first])
    return read


def _keys(column: pd.Series, read: _Read) -> np.ndarray:
    """A number for each value, the same in all pieces and processes; times keep their order."""
    name = str(column.name)
    if name == "timestamp":
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            read.kinds[name] = "dates"
            return column.astype("datetime64[ns]").astype("int64").to_numpy()
        read.kinds[name] = "numbers"
        bits = (column.to_numpy(float) + 0.0).view(np.int64)  # and -0.0 is 0.0
        return bits ^ ((bits >> 63) & np.int64(2**63 - 1))  # a negative's bits run backwards
    if pd.api.types.infer_dtype(column) == "integer":
        read.kinds[name] = "whole numbers"
        if column.max() >= 2**63:
            raise ValueError(f"column {name!r}: got {column.max()}, expected ids below 2**63")
        return column.to_numpy(np.int64)
    read.kinds[name] = "text"
    code, text = pd.factorize(column.astype(object))
    key = pd.util.hash_array(np.asarray(text, dtype=object), categorize=False).view(np.int64)
    read.texts[_IDS.index(name)] = torch.from_numpy(key), list(text)
    return key[code]


def _learn(known: dict[int, str], keys: list[int], texts: list[str]) -> None:
    for key, text in zip(keys, texts, strict=True):
        if known.setdefault(key, text) != text:
            raise ValueError(
                f"got the ids {known[key]!r:.40} and {text!r:.40}, whose hashes are the same, "
                "expected two; rename one of them"
            )


def _mixed(key: np.ndarray) -> np.ndarray:
    """A hash of each key, of 64 bits; two keys have never the same."""
    return pd.util.hash_array(np.ascontiguousarray(key), categorize=False)


def _owner(mixed: np.ndarray) -> Tensor:
    """The process whose share of all hashes, one after the other, has this one."""
    world = np.uint64(dist.get_world_size())
    return torch.from_numpy(((mixed >> np.uint64(33)) * world >> np.uint64(31)).astype(np.int64))


def _different(key: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The hashes of all different keys, ascending, the keys, and which of them each is."""
    mixed = _mixed(key)
    order = np.argsort(mixed)
    mixed = mixed[order]
    new = np.diff(mixed, prepend=~mixed[:1]) != 0
    which = np.empty(len(order), dtype=np.int32)  # np.unique would hold three times as much
    which[order] = np.cumsum(new, dtype=np.int32) - 1
    return mixed[new], key[order[new]], which


def _moment(time: np.ndarray, share: float) -> int:
    """The first moment of the last share of all processes' times."""
    time = np.sort(time)
    last = math.ceil(sum(from_all(len(time))) * share - 1e-9)
    ends = all_of([int(one) for one in time[[0, -1]]] if len(time) else [])
    low, high = min(x for one in ends for x in one), max(x for one in ends for x in one)
    while low < high:
        middle = (low + high + 1) // 2
        enough = sum(from_all(len(time) - int(np.searchsorted(time, middle)))) >= last
        low, high = (middle, high) if enough else (low, middle - 1)
    return low


def _number(
    mixed: np.ndarray, key: np.ndarray, in_train: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Positions of ids; the keys of those that this process numbers; and how many all number.

    Args:
        mixed: hashes of this process's ids, ascending.
        key: their keys.
        in_train: which of them a train pair has; one may come twice. The others' position is -1,
            unless another process has them in train.
    """
    owner = _owner(mixed)
    both = torch.from_numpy(np.stack([mixed.view(np.int64), key], axis=1))
    known = torch.from_numpy(np.unique(in_train))
    mine = to_owners(both[known], owner[known]).numpy()
    ranked, first = np.unique(mine[:, 0].copy().view(np.uint64), return_index=True)
    numbers = from_all(len(ranked))
    start = sum(numbers[: dist.get_rank()])

    def answer(asked: Tensor) -> Tensor:
        wanted = asked.numpy().view(np.uint64)
        at = np.searchsorted(ranked, wanted)
        found = np.append(ranked, ranked[:1])[at] == wanted if len(ranked) else at < 0
        return torch.from_numpy(np.where(found, at + start, -1))

    return ask_owners(both[:, 0], owner, answer).numpy(), mine[first, 1], sum(numbers)
