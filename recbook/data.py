"""Loading, checking and splitting interactions.

Raw data is a DataFrame with one row an interaction (``user_id``, ``item_id``, ...), models see
:class:`Interactions`: users and items as positions ``0 .. n-1``. A :class:`Split` holds both worlds
together: what to train on, what to test on, and which raw id stands at which position.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from platformdirs import user_cache_path
from sklearn.model_selection import train_test_split
from torch import Tensor
from tqdm.auto import tqdm

from recbook.graph import entries_of

__all__ = [
    "Interactions",
    "MovieLens",
    "Split",
    "global_time_split",
    "load_gowalla",
    "load_movielens_100k",
    "pairs_digest",
    "per_user_time_split",
    "random_split",
    "read_interactions",
    "to_implicit",
]


@dataclass(frozen=True, eq=False)
class Interactions:
    r"""The edges of a user-item graph: user ``user[n]`` interacted with item ``item[n]``.

    Args:
        user: user positions, ``LongTensor`` of shape ``(n,)``, each in ``0 .. num_users-1``.
        item: item positions, ``LongTensor`` of shape ``(n,)``, each in ``0 .. num_items-1``.
        num_users: number of users, those without an interaction included.
        num_items: number of items, those without an interaction included.
    """

    user: Tensor
    item: Tensor
    num_users: int
    num_items: int

    @classmethod
    def from_pairs(
        cls,
        user: Any,
        item: Any,
        num_users: int | None = None,
        num_items: int | None = None,
    ) -> Interactions:
        """Check positions and wrap them.

        Args:
            user: user positions, any sequence of ``n`` integers.
            item: item positions, any sequence of ``n`` integers.
            num_users: defaults to the largest user position plus one.
            num_items: defaults to the largest item position plus one.

        Raises:
            ValueError: on no pairs, different lengths, a position that is not a whole number, is
                negative or too large, or a pair that occurs twice.

        >>> train = Interactions.from_pairs(user=[0, 0, 1], item=[0, 1, 1], num_items=3)
        >>> len(train), train.num_users, train.num_items, train.item_degree.tolist()
        (3, 2, 3, [1, 2, 0])
        """
        users, num_users = _check_positions("user", user, num_users)
        items, num_items = _check_positions("item", item, num_items)
        if len(users) != len(items):
            raise ValueError(
                f"got {len(users)} users and {len(items)} items; each pair needs one of both"
            )
        unique, count = torch.unique(users * num_items + items, return_counts=True)
        if len(unique) < len(users):
            first = unique[count > 1][0].item()
            raise ValueError(
                f"{len(users) - len(unique)} duplicate pairs, the first is user "
                f"{first // num_items} with item {first % num_items}; drop the duplicates first"
            )
        return cls(users, items, num_users, num_items)

    def __len__(self) -> int:
        return len(self.user)

    @property
    def user_degree(self) -> Tensor:
        """How many items each user has, ``LongTensor`` of shape ``(num_users,)``."""
        return torch.bincount(self.user, minlength=self.num_users)

    @property
    def item_degree(self) -> Tensor:
        """How many users each item has, ``LongTensor`` of shape ``(num_items,)``."""
        return torch.bincount(self.item, minlength=self.num_items)

    @cached_property
    def by_user(self) -> tuple[Tensor, Tensor]:
        """The same pairs sorted by user: ``(indptr, items)``.

        User ``u`` has ``items[indptr[u]:indptr[u + 1]]``, ascending; ``indptr`` has shape
        ``(num_users + 1,)``, ``items`` has shape ``(n,)``.
        """
        order = torch.argsort(self.user * self.num_items + self.item)
        indptr = torch.zeros(self.num_users + 1, dtype=torch.long)
        torch.cumsum(self.user_degree, dim=0, out=indptr[1:])
        return indptr, self.item[order]

    def pairs_of(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """The pairs of some users: ``(row, item)``, ``row`` counting along ``users``, ascending."""
        indptr, items = self.by_user
        row, entry = entries_of(indptr, users)
        return row, items[entry]

    def dense_rows(self, users: Tensor) -> Tensor:
        """Rows of the interaction matrix, ``bool`` of shape ``(len(users), num_items)``."""
        rows = torch.zeros(len(users), self.num_items, dtype=torch.bool)
        rows[self.pairs_of(users)] = True
        return rows


def pairs_digest(*parts: Interactions | None) -> str:
    """A digest of the pairs of each part, in 16 letters; their order within a part does not matter.

    >>> one, two = (Interactions.from_pairs([0, n], [0, 1], 2, 2) for n in (0, 1))
    >>> pairs_digest(one, None) == pairs_digest(two, None), pairs_digest(one) == pairs_digest(one)
    (False, True)
    """
    digest = hashlib.sha256()
    for part in parts:
        if part is not None:
            pairs = (part.user * part.num_items + part.item).sort().values
            digest.update(pairs.numpy().astype("<i8").tobytes())
        digest.update(b"|")
    return digest.hexdigest()[:16]


def _check_positions(name: str, values: Any, number: int | None) -> tuple[Tensor, int]:
    array = np.asarray(values)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(
            f"{name}: got an array of shape {array.shape}, expected at least one position in one "
            "dimension; is the data empty?"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"{name}: got values of type {array.dtype}, expected whole numbers 0, 1, 2, ...; "
            "encode raw ids with random_split, and drop rows that have none (NaN)"
        )
    if array.min() < 0:
        raise ValueError(f"{name}: got the negative position {array.min()}, expected 0 or more")
    number = int(array.max()) + 1 if number is None else number
    if array.max() >= number:
        raise ValueError(
            f"{name}: got position {array.max()} with num_{name}s={number}; the largest allowed is "
            f"{number - 1}"
        )
    return torch.from_numpy(array.astype(np.int64)), number


@dataclass(frozen=True, eq=False)
class Split:
    """Interactions to train on, to choose with, and to report on.

    Args:
        train: what models are fitted on.
        test: what is reported at the very end, once.
        val: what epochs and settings are chosen on, or None.
        user_ids: raw user ids by position; ``None`` means that positions are the ids.
        item_ids: raw item ids by position; ``None`` means that positions are the ids.
        num_dropped: test rows left out, their user or item being in no other part.
    """

    train: Interactions
    test: Interactions
    val: Interactions | None = None
    user_ids: np.ndarray | None = None
    item_ids: np.ndarray | None = None
    num_dropped: int = 0

    def __post_init__(self) -> None:
        for part in (self.test, self.val):
            if part is not None and (part.num_users, part.num_items) != (
                self.train.num_users,
                self.train.num_items,
            ):
                raise ValueError(
                    f"train has {self.train.num_users} users and {self.train.num_items} items, "
                    f"another part {part.num_users} and {part.num_items}; pass the same num_users "
                    "and num_items to each Interactions.from_pairs"
                )


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
    _check_frame(frame)
    return frame[[name for name in known if name in frame]].reset_index(drop=True)


def _check_frame(frame: pd.DataFrame, *more: str) -> None:
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
    _check_frame(ratings, "rating")
    kept = ratings[ratings["rating"] >= min_rating]
    if kept.empty:
        raise ValueError(
            f"no rating reaches min_rating={min_rating}, the highest is {ratings['rating'].max()}"
        )
    return kept.drop(columns="rating").reset_index(drop=True)


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

    _check_frame(interactions)
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

    _check_frame(interactions, "timestamp")
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

    _check_frame(interactions, "timestamp")
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


@dataclass(frozen=True, eq=False)
class MovieLens:
    """MovieLens-100K as three DataFrames.

    Args:
        ratings: ``user_id``, ``item_id``, ``rating`` (1 to 5), ``timestamp`` (seconds since 1970),
            in the order of the raw file.
        items: ``item_id``, ``title`` (without the year), ``year`` (``<NA>`` where unknown),
            ``genres`` (names joined by a space).
        users: ``user_id``, ``age``, ``gender``, ``occupation``, ``zip_code``.
        folder: where the three raw files lie.
    """

    ratings: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame
    folder: Path


_ML_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
_ML_PACKAGE = "recbole==1.2.1"
_ML_MD5 = {
    "u.data": "6e47046882bad158b0efbb84cd5cb987",
    "u.user": "1b53539edc13caad0282c8500608a319",
    "items.tsv": "433f923860f4548df9367d730f97b6de",
}
_ML_GENRES = (  # in the order of the columns of u.item
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"
).split()
_TIMEOUT = 10.0  # seconds without an answer after which the next source is tried


def load_movielens_100k(root: str | Path | None = None) -> MovieLens:
    """Load MovieLens-100K: 100,000 ratings by 943 users of 1,682 films, 1997-98.

    Looks for a folder ``ml-100k`` in ``root``, then in ``$RECBOOK_DATA``, then in the user's cache.
    What is in none of them is fetched from GroupLens and, where that fails, from the copy inside
    the PyPI package ``recbole==1.2.1``, into the first of these places that is set. Each file is
    checked by its digest whenever it is read.

    Raises:
        ConnectionError: where neither source can be reached; says how to get the files by hand.

    Reference: Harper and Konstan, The MovieLens Datasets, TiiS 5(4), 2015.
    """
    folder = _find_folder("ml-100k", _ML_MD5, _md5, root, _fetch_movielens)
    names = ["user_id", "item_id", "rating", "timestamp"]
    ratings = pd.read_csv(folder / "u.data", sep="\t", names=names)
    items = pd.read_csv(folder / "items.tsv", sep="\t", dtype={"year": "Int64"}, quoting=3)
    names = ["user_id", "age", "gender", "occupation", "zip_code"]
    users = pd.read_csv(folder / "u.user", sep="|", names=names, dtype={"zip_code": str})
    return MovieLens(ratings, items, users, folder)


def _find_folder(
    name: str,
    digests: dict[str, str],
    digest: Callable[[bytes], str],
    root: str | Path | None,
    fetch: Callable[[], dict[str, bytes]],
) -> Path:
    """The first folder with every file whole, else the first place, filled by ``fetch``."""
    places = [root, os.environ.get("RECBOOK_DATA"), user_cache_path("recbook")]
    folders = [Path(place).expanduser() / name for place in places if place]
    for folder in folders:
        if not all(_stored(folder / file).is_file() for file in digests):
            continue
        bad = [file for file in digests if digest(_read(folder / file)) != digests[file]]
        if not bad:
            return folder
        warnings.warn(
            f"{_stored(folder / bad[0])} is corrupted (its digest is not the published one); "
            "looking elsewhere, or fetching it again",
            stacklevel=3,
        )
    for file, content in fetch().items():
        _write_atomically(folders[0] / file, content)
    return folders[0]


def _fetch_first(
    name: str,
    digests: dict[str, str],
    digest: Callable[[bytes], str],
    sources: dict[str, Callable[[], dict[str, bytes]]],
) -> dict[str, bytes]:
    """The files from the first source that answers with what the digests promise."""
    failures = []
    for source, get in sources.items():
        try:
            files = get()
            wrong = [file for file in digests if digest(files[file]) != digests[file]]
            if not wrong:
                return files
            failures.append(f"{source}: {', '.join(wrong)} came with an unexpected digest")
        except Exception as error:  # whatever a source answers, the next one is asked
            failures.append(f"{source}: {error}")
    raise ConnectionError(
        f"{name} is in none of root, $RECBOOK_DATA and the cache, and no source has it:\n  "
        + "\n  ".join(failures)
        + "\nNothing was written. Connect to the network and try again; or, on a machine that has "
        f"it, copy the folder with {', '.join(digests)} and set RECBOOK_DATA to where it lies."
    )


def _stored(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    return packed if packed.is_file() and not path.is_file() else path


def _read(path: Path) -> bytes:
    content = _stored(path).read_bytes()
    try:
        return content if path.is_file() else gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return b""  # not a whole gzip file: its digest will say so


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, then rename: readers see the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _fetch_movielens() -> dict[str, bytes]:
    sources = {"GroupLens": _from_grouplens, "PyPI": _from_pypi}
    return _fetch_first("MovieLens-100K", _ML_MD5, _md5, sources)


def _from_grouplens() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(_download(_ML_URL))) as archive:
        files = {name: archive.read(f"ml-100k/{name}") for name in ("u.data", "u.user", "u.item")}
    rows = []
    for line in files.pop("u.item").decode("latin-1").splitlines():
        number, title, _, _, _, *flags = line.split("|")
        genres = [genre for genre, flag in zip(_ML_GENRES, flags, strict=True) if flag == "1"]
        rows.append((number, title, " ".join(genres)))
    return files | {"items.tsv": _items_table(rows)}


def _from_pypi() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        command = f"-m pip download --no-deps --quiet --timeout {_TIMEOUT} --retries 1 --dest"
        done = subprocess.run(
            [sys.executable, *command.split(), folder, _ML_PACKAGE], capture_output=True, text=True
        )
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


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
        size = int(response.headers.get("Content-Length", 0)) or None
        name = url.rsplit("/", 1)[-1]
        with tqdm(total=size, unit="B", unit_scale=True, desc=name, leave=False) as bar:
            blocks = []
            while block := response.read(1 << 16):
                blocks.append(block)
                bar.update(len(block))
    return b"".join(blocks)


_GOWALLA_URL = "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data/gowalla/"
_GOWALLA_MD5 = {
    "train.txt": "e4c3c7e53e73afcd84f4d4e7edc4cd33",
    "test.txt": "f61d7a3df08a5d6f0b77598ada96b904",
}


def load_gowalla(root: str | Path | None = None) -> Split:
    """Load Gowalla check-ins as LightGCN's authors split them: 29,858 users, 40,981 items.

    Looks for a folder ``gowalla`` with ``train.txt`` and ``test.txt`` (or ``.txt.gz``) in the same
    places as :func:`load_movielens_100k`, else downloads both from the authors' repository
    ``gusye1234/LightGCN-PyTorch``. The digest is that of the sorted pairs, since the order of the
    items in a line differs between copies.

    Returns:
        A Split with 810,128 train and 217,242 test pairs, no validation part, and no raw ids.

    Raises:
        ConnectionError: where the repository cannot be reached; says how to get the files by hand.
    """
    folder = _find_folder("gowalla", _GOWALLA_MD5, _pairs_md5, root, _fetch_gowalla)
    train, test = (
        Interactions.from_pairs(*_parse_adjacency(_read(folder / file)), 29_858, 40_981)
        for file in _GOWALLA_MD5
    )
    return Split(train, test)


def _parse_adjacency(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Lines ``user item item ...`` as two arrays, one entry a pair."""
    lines = [np.array(line.split(), dtype=np.int64) for line in content.splitlines()]
    user = np.repeat([line[0] for line in lines], [len(line) - 1 for line in lines])
    return user, np.concatenate([line[1:] for line in lines])


def _pairs_md5(content: bytes) -> str:
    try:
        user, item = _parse_adjacency(content)
    except (ValueError, IndexError):
        return "not a list of pairs"
    return _md5(np.sort(user << 32 | item).astype("<i8").tobytes())


def _fetch_gowalla() -> dict[str, bytes]:
    def get() -> dict[str, bytes]:
        return {file: _download(_GOWALLA_URL + file) for file in _GOWALLA_MD5}

    return _fetch_first("Gowalla", _GOWALLA_MD5, _pairs_md5, {"its authors' repository": get})
