"""What processes share out of a log: row groups of Parquet files, other files, or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from recbook.data.formats import read_table
from recbook.distributed.processes import processes_here
from recbook.memory import check_memory

__all__ = ["Opened", "Piece", "open_piece", "pieces_of"]

#: A file's row group, a file, or a table, which a process reads at a time.
Piece = tuple[Path, int | None] | pd.DataFrame


class Opened(NamedTuple):
    """A piece whose columns are known, before some of them are read.

    Args:
        where: what errors call it.
        names: its columns.
        ids: how :func:`recbook.data.read_interactions` takes its ids.
        read: returns a table of some columns.
    """

    where: str | Path
    names: list[Any]
    ids: str | None
    read: Callable[[list[Any]], pd.DataFrame]


def pieces_of(source: Path | pd.DataFrame) -> list[Piece]:
    """What is shared out.

    Raises:
        FileNotFoundError, OSError: where nothing is there, or cannot be read.
        ValueError: on a folder without a file, and Parquet that is broken.
        ImportError: on Parquet without pyarrow.
    """
    if isinstance(source, pd.DataFrame):
        return [source]
    files = [source]
    if source.is_dir():
        inside = (file for file in source.rglob("*") if file.is_file())
        files = sorted(file for file in inside if file.name[0] not in "._")
        if not files:
            raise ValueError(f"got {source}, a folder without a file, expected a log in pieces")
    pieces: list[Piece] = []
    for file in files:
        if not _is_parquet(file):
            pieces.append((file, None))
            continue
        about = _parquet(file).metadata
        sizes = (about.row_group(n).num_rows for n in range(about.num_row_groups))
        pieces += [(file, group) for group, size in enumerate(sizes) if size]
    return pieces


def open_piece(piece: Piece) -> Opened:
    """Look at a piece; of Parquet only the columns that are asked for are read later.

    Raises:
        OSError, ValueError, ImportError: as :func:`pieces_of` and
            :func:`recbook.data.read_interactions`.
        MemoryError: by ``read``, where a row group does not fit.
    """
    if isinstance(piece, pd.DataFrame):
        return Opened("the table", list(piece), None, piece.__getitem__)
    file, group = piece
    if group is None:
        frame = read_table(file)
        return Opened(file, list(frame), "text", frame.__getitem__)
    opened = _parquet(file)

    def read(names: list[Any]) -> pd.DataFrame:
        size = opened.metadata.row_group(group).num_rows, len(names), 8
        check_memory({"row group": size}, "write smaller ones", share=processes_here())
        with _whole(file):
            return opened.read_row_group(group, names).to_pandas()

    return Opened(file, opened.schema_arrow.names, None, read)


def _is_parquet(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(4) == b"PAR1"
    except FileNotFoundError:
        raise FileNotFoundError(
            f"got {file}, which is not there, expected a file or a folder, seen from {Path.cwd()}"
        ) from None
    except OSError as error:
        raise OSError(f"{file} cannot be read: {error.strerror}; may you read it?") from error


def _parquet(file: Path) -> Any:
    if not find_spec("pyarrow"):
        raise ImportError(f"{file} is a Parquet file, which pyarrow reads; pip install pyarrow")
    from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped]

    with _whole(file):
        return ParquetFile(file)


@contextmanager
def _whole(file: Path) -> Iterator[None]:
    """Say in our words what is wrong with a Parquet file."""
    try:
        yield
    except Exception as error:  # whatever pyarrow raises
        raise ValueError(
            f"{file}: got a Parquet file that cannot be read ({error}), expected a whole one; "
            "write it again"
        ) from error
