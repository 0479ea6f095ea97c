"""Tables from files and from other libraries, before anybody asks what their columns mean.

What a file is, is seen from its content, not from its name: CSV with any delimiter, Parquet or JSON
lines, gzipped or not. The cells of a CSV file stay text here.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import warnings
import zlib
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pandas as pd

from recbook.checks import check_path
from recbook.memory import check_memory

__all__ = ["plain_name", "read_table"]

_DELIMITERS = [",", "\t", ";", "|", "::"]
_LONGEST_LINE = 100_000  # letters
_MOST_NAMES = 10_000  # columns
_ADVICE = "read a part of the file, or use Parquet"
_HEADS = {"userid", "itemid", "movieid", "rating", "timestamp"}  # what a header line may hold


def read_table(
    source: Any,
    sep: str | None = None,
    encoding: str | None = None,
    names: Sequence[str] | None = None,
    quotes: bool = True,
) -> pd.DataFrame:
    """A DataFrame of what is given; see :func:`recbook.data.read_interactions`."""
    if isinstance(source, pd.DataFrame):
        return source
    if not isinstance(source, str | os.PathLike):
        return _from_library(source)
    path = Path(os.path.expanduser(check_path("source", source)))
    content = _content(path)
    if content[:4] == b"PAR1":
        return _parquet(path, content)
    text = _text(path, content, encoding)
    start = text.lstrip()[:1]
    if not start:
        raise ValueError(f"{path}: got an empty file, expected at least one interaction")
    if start in "{[":
        return _json_lines(path, text)
    return _csv(path, text, sep, names, quotes)


def _from_library(source: Any) -> pd.DataFrame:
    if not isinstance(source, pd.Series):
        if hasattr(source, "__arrow_c_stream__") and find_spec("pyarrow"):
            import pyarrow  # type: ignore[import-untyped]

            return pyarrow.table(source).to_pandas()
        if hasattr(source, "__dataframe__"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a pandas that would rather be asked for Arrow
                return pd.api.interchange.from_dataframe(source)
        for method in ("to_pandas", "df"):  # what duckdb and others have without pyarrow
            if callable(getattr(source, method, None)):
                return pd.DataFrame(getattr(source, method)())
    make = "source.collect()" if hasattr(source, "collect") else "pd.DataFrame(source)"
    raise TypeError(
        f"got source of type {type(source).__name__}, expected the path of a file, or a table of "
        f"pandas, polars, pyarrow or duckdb; make it one, e.g. {make}"
    )


def _content(path: Path) -> bytes:
    try:
        check_memory({"text and table": (path.stat().st_size, 6)}, _ADVICE)
        with path.open("rb") as file:
            content = _all_of(file)
        if content[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(content)) as file:
                content = _all_of(file)
        return content
    except FileNotFoundError:
        hint = "download it first" if ":/" in path.as_posix() else "check the name"
        raise FileNotFoundError(
            f"got {path}, which is not there, expected the path of a file, seen from {Path.cwd()}; "
            f"{hint}"
        ) from None
    except IsADirectoryError:
        raise ValueError(
            f"got {path}, a folder, expected a file; name one of those in it"
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path}: got a damaged gzip file ({error}), expected a whole one; copy it again"
        ) from None
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror}; may you read it?") from error


def _all_of(file: IO[bytes] | gzip.GzipFile) -> bytes:
    """Its bytes while they fit: nobody knows how many a device or a packed file has."""
    parts, size = [], 0
    while part := file.read(2**24):
        parts.append(part)
        size += len(part)
        check_memory({"text and table": (size, 6)}, _ADVICE)
    return b"".join(parts)


def _parquet(path: Path, content: bytes) -> pd.DataFrame:
    try:
        if find_spec("pyarrow"):
            from pyarrow.parquet import read_metadata  # type: ignore[import-untyped]

            about = read_metadata(io.BytesIO(content))
            advice = "pass pd.read_parquet(path, columns=[...]), or a part of the rows"
            check_memory({"table": (about.num_rows, about.num_columns, 8)}, advice)
        return pd.read_parquet(io.BytesIO(content))
    except MemoryError:
        raise
    except ImportError:
        raise ImportError(
            f"{path} is a Parquet file, which pandas reads with pyarrow; install it (pip install "
            "pyarrow), or save the table as CSV"
        ) from None
    except Exception as error:  # whatever pyarrow or fastparquet raises
        raise ValueError(
            f"{path}: got a Parquet file that cannot be read ({error}), expected a whole one; "
            "write it again"
        ) from error


def _text(path: Path, content: bytes, encoding: str | None) -> str:
    wide = encoding is None and content[:2] in (b"\xff\xfe", b"\xfe\xff")
    strange = ValueError(
        f"{path}: got a file that is not text (it starts with {content[:8]!r}), expected CSV, "
        "Parquet or JSON lines; save a spreadsheet as CSV, unpack an archive, or pass "
        "encoding='utf-16', or 'utf-32', where it is that"
    )
    if encoding is None and not wide and b"\0" in content:
        raise strange
    try:
        text = content.decode("utf-16" if wide else encoding or "utf-8")
    except LookupError:
        raise ValueError(
            f"got encoding={encoding!r}, expected one that Python has, e.g. 'latin-1'"
        ) from None
    except UnicodeError as error:
        if encoding is not None or wide:
            line = content[: getattr(error, "start", 0)].count(b"\n") + 1  # some do not say where
            raise ValueError(
                f"{path}: got a line {line} that is not {encoding or 'utf-16'}, expected text in "
                "that encoding; pass the one it has, e.g. encoding='latin-1'"
            ) from None
        warnings.warn(
            f"{path} is not UTF-8 and was read as latin-1, which has a letter for each byte; look "
            "at some ids, and pass encoding=... where it is another",
            stacklevel=4,
        )
        text = content.decode("latin-1")
    if wide and "\0" in text:
        raise strange
    return text.removeprefix("\ufeff")  # the byte-order mark


def _json_lines(path: Path, text: str) -> pd.DataFrame:
    rows, names = [], set[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
            if "\\u" in line:
                json.dumps(row, ensure_ascii=False).encode()  # which half a character has not
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{path}: got a line {number} that is no JSON ({error}), expected an object in "
                "each, as frame.to_json(path, orient='records', lines=True) writes them"
            ) from None
        if not isinstance(row, dict):
            raise ValueError(
                f"{path}: got {line[:40]!r} in line {number}, expected an object, {{...}}, in each"
            )
        rows.append(row)
        names.update(row)
        if len(names) > _MOST_NAMES:
            raise ValueError(
                f"{path}: got {len(names):,} names in the first {len(rows):,} lines, expected "
                "those of a few columns, the same in each"
            )
    check_memory({"table": (len(rows), len(names), 8)}, "write the same names in each line")
    return pd.DataFrame(rows, dtype=object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a name comes twice")
    return row


def _csv(
    path: Path, text: str, sep: str | None, names: Sequence[str] | None, quotes: bool
) -> pd.DataFrame:
    lines = io.StringIO(text, newline=None)  # which ends them as pandas does, not at U+2028
    first = next(filter(str.strip, lines)).rstrip("\n")
    if len(first) > _LONGEST_LINE:
        raise ValueError(
            f"{path}: got a first line of {len(first):,} letters, expected the names of columns or "
            "a row; end each row with a line break"
        )
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE

    def fields(sep: str) -> list[str]:
        line, sep = (first, sep) if len(sep) == 1 else (first.replace(sep, "\x1f"), "\x1f")
        return next(csv.reader([line], delimiter=sep, quoting=quoting))

    if sep is None:
        sep = max(_DELIMITERS, key=lambda each: len(fields(each)))
    elif not sep or sep in ('"', "\n", "\r"):
        raise ValueError(f"got sep={sep!r}, expected the delimiter, e.g. ';'")
    if len(sep) > 1 or not sep.isascii():  # pandas takes a single byte
        text, first, sep = text.replace(sep, "\x1f"), first.replace(sep, "\x1f"), "\x1f"
    given = [name.strip() for name in (fields(sep) if names is None else names)]
    header = [name or f"column {number}" for number, name in enumerate(given, 1)]
    if names is not None and {*map(plain_name, fields(sep))} & {*map(plain_name, header), *_HEADS}:
        raise ValueError(
            f"{path}: got names={list(names)} and a first line that names the columns, "
            f"{first[:80]!r}, expected a row; leave names out, and say which column is which, e.g. "
            "user_id='visitor'"
        )
    for name, times in Counter(header).most_common(1):
        if times > 1:
            raise ValueError(f"{path}: got the column {name!r} twice, expected each once")
    width = len(fields(sep))
    if width > _MOST_NAMES:
        raise ValueError(
            f"{path}: got {width:,} columns, expected at most {_MOST_NAMES:,}; keep those that "
            "are needed"
        )
    if len(header) != width:
        raise ValueError(
            f"{path}: got {len(header)} names for {width} columns, the first line being "
            f"{first[:80]!r}; expected a name for each"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(text),
                sep=sep,
                header=0 if names is None else None,
                names=header,
                index_col=False,
                dtype=str,
                na_filter=False,
                quoting=quoting,
                skipinitialspace=sep != "\t",
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as fault:
        reason = str(fault).strip().removeprefix("Error tokenizing data. C error: ")
        if "inside string" in reason:
            raise ValueError(
                f"{path}: got a quote that is opened and never closed ({reason}); close it, or "
                "pass quotes=False where a quote is a letter like any other"
            ) from None
        raise ValueError(
            f"{path}: got lines of unlike lengths ({reason}), expected {len(header)} fields in "
            f"each, as in the first; put quotes around a field that holds {sep!r}, or pass sep=... "
            "where the delimiter is another"
        ) from None
    if names is None:  # which files that were joined have once more
        cells = zip(header, given, strict=True)
        again = np.logical_and.reduce(
            [frame[name].isin([cell, f"\ufeff{cell}"]) for name, cell in cells]
        )
        if again.any():
            raise ValueError(
                f"{path}: got the names of the columns again in row {int(again.argmax()) + 1}, "
                "expected them once; leave that line out"
            )
    for name in header if quotes and '"' in text else ():
        broken = frame[name].str.contains("\n", regex=False)
        if broken.any():  # two stray quotes, and the lines between them would be one field
            value = frame[name][broken].iloc[0]
            error = ValueError(
                f"{path}: column {name!r} holds a line break, {value[:40]!r} in row "
                f"{int(broken.argmax()) + 1}, expected a line for each row; pass quotes=False "
                "where a quote is a letter like any other; where the text is meant to go on, join "
                f"it in the table, frame[{name!r}].str.split().str.join(' '), and pass that"
            )
            error.add_note("frame is pd.read_csv(path, dtype=str, na_filter=False)")
            raise error
    return frame


def plain_name(name: str) -> str:
    """A column's name without what writers differ in: userId, user_id and "User ID" are one."""
    return "".join(filter(str.isalnum, name)).lower()
