"""MovieLens-100K, from GroupLens or from PyPI."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from recbook.checks import check_kind
from recbook.data.fetching import TIMEOUT, Made, download, fetch_first, find_files, md5
from recbook.data.split import Split

__all__ = ["MovieLens", "load_movielens_100k", "movielens_of"]


@dataclass(frozen=True, eq=False)
class MovieLens:
    """MovieLens-100K as three DataFrames.

    Args:
        ratings: ``user_id``, ``item_id``, ``rating`` (1 to 5), ``timestamp`` (seconds since 1970),
            in the order of the raw file.
        items: ``item_id``, ``title`` (without the year), ``year`` (``<NA>`` where unknown),
            ``genres`` (names joined by a space).
        users: ``user_id``, ``age``, ``gender``, ``occupation``, ``zip_code``.
        folder: where the raw files lie; None where no folder could be written.
    """

    ratings: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame
    folder: Path | None


_ML_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
_ML_PACKAGE = "recbole==1.2.1"
_PIP_TIMEOUT = 120  # seconds that it may take in all
_ML_MD5 = {
    "u.data": "6e47046882bad158b0efbb84cd5cb987",
    "u.user": "1b53539edc13caad0282c8500608a319",
    "items.tsv": "433f923860f4548df9367d730f97b6de",
}
_ML_GENRES = (  # in the order of the columns of u.item
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"
).split()


def load_movielens_100k(root: str | Path | None = None) -> MovieLens:
    """Load MovieLens-100K: 100,000 ratings by 943 users of 1,682 films, 1997-98.

    Looks for a folder ``ml-100k`` in ``root``, then in ``$RECBOOK_DATA``, then in the user's cache;
    GroupLens' own, unpacked, will do. What is in none of them is fetched from GroupLens and, where
    that fails, from the copy inside the PyPI package ``recbole==1.2.1``, into the first of these
    places that can be written. Each file is checked by its digest whenever it is read.

    Raises:
        TypeError: on a root that is no path.
        ConnectionError: where neither source can be reached; says how to get the files by hand.

    Reference: Harper and Konstan, The MovieLens Datasets, TiiS 5(4), 2015.
    """
    made: Made = {"items.tsv": ("u.item", _items_from_grouplens)}
    folder, files = find_files("ml-100k", _ML_MD5, md5, root, _fetch_movielens, made)

    def table(file: str, sep: str, names: str | None = None, **more: Any) -> pd.DataFrame:
        columns = names.split() if names else None
        return pd.read_csv(io.BytesIO(files[file]), sep=sep, names=columns, **more)

    ratings = table("u.data", "\t", "user_id item_id rating timestamp")
    items = table("items.tsv", "\t", dtype={"year": "Int64"})
    names = "user_id age gender occupation zip_code"
    users = table("u.user", "|", names, dtype={"zip_code": str})
    return MovieLens(ratings, items, users, folder)


def movielens_of(split: Split) -> MovieLens | None:
    """MovieLens-100K, where all of a split's train part is of it, with its ids; else None.

    Raises:
        TypeError: on what is no split.
        ConnectionError: as :func:`recbook.data.load_movielens_100k`, where the ids fit.
    """
    check_kind("split", split, Split)
    users, items = split.user_ids, split.item_ids
    for ids, most in ((users, 943), (items, 1682)):
        if ids is None or ids.dtype.kind not in "iu" or ids.min() < 1 or ids.max() > most:
            return None
    assert users is not None and items is not None
    ml, train = load_movielens_100k(), split.train
    rated = pd.MultiIndex.from_frame(ml.ratings[["user_id", "item_id"]])
    pairs = pd.MultiIndex.from_arrays([users[train.user], items[train.item]])
    return ml if pairs.isin(rated).all() else None


def _fetch_movielens() -> dict[str, bytes]:
    sources = {"GroupLens": _from_grouplens, "PyPI": _from_pypi}
    folder = "ml-100k with its u.data, u.user and u.item, as GroupLens' archive has them,"
    return fetch_first("MovieLens-100K", _ML_MD5, md5, sources, folder)


def _from_grouplens() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(download(_ML_URL))) as archive:
        files = {name: archive.read(f"ml-100k/{name}") for name in ("u.data", "u.user", "u.item")}
    return files | {"items.tsv": _items_from_grouplens(files.pop("u.item"))}


def _items_from_grouplens(content: bytes) -> bytes:
    rows = []
    for line in content.decode("latin-1").splitlines():
        number, title, _, _, _, *flags = line.split("|")
        genres = [genre for genre, flag in zip(_ML_GENRES, flags, strict=True) if flag == "1"]
        rows.append((number, title, " ".join(genres)))
    return _items_table(rows)


def _from_pypi() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        # Only a wheel: of a source distribution pip would run setup.py.
        command = (
            f"-m pip download --only-binary=:all: --no-deps --no-input --quiet --timeout {TIMEOUT} "
            "--retries 1 --dest"
        )
        try:
            done = subprocess.run(
                [sys.executable, *command.split(), folder, _ML_PACKAGE],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_PIP_TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"pip download {_ML_PACKAGE} took over {_PIP_TIMEOUT} seconds") from None
        if "No module named pip" in done.stderr:
            raise OSError("this Python has no pip; python -m ensurepip installs it")
        if done.returncode:
            raise OSError(f"pip download {_ML_PACKAGE} failed: {done.stderr.strip()[-300:]}")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            inter, item, user = (
                wheel.read(f"recbole/dataset_example/ml-100k/ml-100k.{kind}").split(b"\n", 1)[1]
                for kind in ("inter", "item", "user")
            )
    rows = []
    for line in item.decode("utf-8").splitlines():
        number, title, year, genres = line.split("\t")
        rows.append((number, f"{title} ({year})", genres))
    return {
        "u.data": inter,
        "u.user": user.replace(b"\t", b"|"),
        "items.tsv": _items_table(rows),
    }


def _items_table(rows: Iterable[tuple[str, str, str]]) -> bytes:
    """Titles come as ``Toy Story (1995)``, some with ``(V)`` for video: split off what is there."""
    lines = ["item_id\ttitle\tyear\tgenres"]
    for number, title, genres in rows:
        match = re.fullmatch(r"(.*?) *\((\d{4})\)(?: \(V\))? *", title)
        name, year = match.groups() if match else ("unknown", "")
        lines.append(f"{number}\t{name}\t{year}\t{genres}")
    return ("\n".join(lines) + "\n").encode("utf-8")
