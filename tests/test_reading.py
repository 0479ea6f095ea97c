"""A reader's own data: what is read, and what is refused, in which words.

Every piece of advice that a message gives is followed here, and must help.
"""

import datetime as dt
import gzip
import json
import random
import sys
import warnings
from collections.abc import Callable
from decimal import Decimal
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbook.data import (
    given_split,
    global_time_split,
    per_user_time_split,
    random_split,
    read_interactions,
    to_implicit,
)

SPLITS = [random_split, per_user_time_split, global_time_split, given_split]


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 1, 2], "item_id": [5, 6, 5]} | columns)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def writer(content: str | bytes, name: str = "log.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return writer


def whole(path: Path) -> pd.DataFrame:
    """The file as a table, as a note to the message says."""
    return pd.read_csv(path, dtype=str, na_filter=False)


def test_read_your_own_csv(write: Callable[..., Path]) -> None:
    path = write("visitor,page,when\nann,a,3\nbob,a,4\n")
    rows = read_interactions(path, user_id="visitor", item_id="page", timestamp="when")
    assert rows.values.tolist() == [["ann", "a", 3], ["bob", "a", 4]]
    with pytest.raises(ValueError, match=r"no column .'guest'"):
        read_interactions(path, user_id="guest")
    with pytest.raises(ValueError, match="'users'"):
        read_interactions(path, users="visitor")


def test_a_path_may_be_text_and_start_at_home(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("user_id,item_id\na,b\n")
    monkeypatch.setenv("HOME", str(path.parent))
    for given_path in (str(path), f"~/{path.name}"):
        assert read_interactions(given_path).values.tolist() == [["a", "b"]]


def test_ids_are_read_letter_for_letter(write: Callable[..., Path]) -> None:
    path = write("user_id,item_id\n007,1\n7,1\nNA,1\nnull,1.0\n")
    rows = read_interactions(path)
    assert rows.values.tolist() == [["007", "1"], ["7", "1"], ["NA", "1"], ["null", "1.0"]]
    assert given_split(rows).user_ids.tolist() == ["007", "7", "NA", "null"]


def test_ids_may_be_numbers_where_that_is_asked_for(write: Callable[..., Path]) -> None:
    rows = read_interactions(write("user_id,item_id\n007,1\n8,2\n"), ids="number")
    assert rows.dtypes.tolist() == ["int64", "int64"]
    assert rows.values.tolist() == [[7, 1], [8, 2]]
    bad = write("user_id,item_id\n7,1\nx8,2\n")
    with pytest.raises(ValueError, match=r"'user_id': got the id 'x8' in row 2.*leave out ids="):
        read_interactions(bad, ids="number")
    assert read_interactions(bad).values.tolist() == [["7", "1"], ["x8", "2"]]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(*[st.text("07aN -,;\té\"'", min_size=1, max_size=5)] * 2), min_size=1),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_pandas_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[str, str]],
    sep: str,
    encoding: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / "pairs.csv"
    pairs = [(user.strip() or "x", item.strip() or "y") for user, item in dict.fromkeys(pairs)]
    pairs = [pair for pair in dict.fromkeys(pairs) if "-" not in (pair[0][0], pair[1][0])] or [
        ("a", "b")
    ]
    rows = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    rows.to_csv(path, index=False, sep=sep, encoding=encoding)
    assert read_interactions(path).values.tolist() == [list(pair) for pair in pairs]


@pytest.mark.parametrize("sep", [",", "\t", ";", "|", "::"])
def test_the_delimiter_is_found(write: Callable[..., Path], sep: str) -> None:
    path = write("user_id,item_id,rating\na,b-c,3.5\n".replace(",", sep))
    assert read_interactions(path).values.tolist() == [["a", "b-c", 3.5]]
    headless = write("1,2,5,978\n1,3,4,979\n".replace(",", sep))
    names = ["user_id", "item_id", "rating", "timestamp"]
    assert read_interactions(headless, names=names).values.tolist()[1] == ["1", "3", 4, 979]


def test_a_delimiter_can_be_named(write: Callable[..., Path]) -> None:
    path = write("user_id item_id\na b\n")
    with pytest.raises(ValueError, match=r"got columns \['user_id item_id'\].*sep="):
        read_interactions(path)
    assert read_interactions(path, sep=" ").values.tolist() == [["a", "b"]]
    for sep in ("", '"', "\n", "\r"):
        with pytest.raises(ValueError, match=r"got sep=.*, expected the delimiter, e\.g\. ';'"):
            read_interactions(path, sep=sep)


def test_a_name_in_quotes_may_hold_the_delimiter(write: Callable[..., Path]) -> None:
    path = write('user_id,"film, or show"\na,b\n')
    assert read_interactions(path, item_id="film, or show").values.tolist() == [["a", "b"]]


def test_a_first_line_with_a_stray_quote(write: Callable[..., Path]) -> None:
    path = write('a,"b,3\nc,d,4\n')
    names = ["user_id", "item_id", "rating"]
    rows = read_interactions(path, names=names, quotes=False)
    assert rows.values.tolist() == [["a", '"b', 3], ["c", "d", 4]]


def test_a_blank_after_the_delimiter_is_none_of_the_id(write: Callable[..., Path]) -> None:
    path = write("user_id, item_id\na, b\n")
    assert read_interactions(path).values.tolist() == [["a", "b"]]
    path = write("user_id\titem_id\na\t b\n")  # with tabs, it is
    assert read_interactions(path).values.tolist() == [["a", " b"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_encodings_that_say_what_they_are(write: Callable[..., Path], encoding: str) -> None:
    path = write("\ufeffuser_id,item_id\r\nzoë,amélie\r\n", encoding=encoding)
    assert read_interactions(path).values.tolist() == [["zoë", "amélie"]]


def test_an_encoding_that_does_not_say_what_it_is(write: Callable[..., Path]) -> None:
    path = write("user_id,item_id\nzoë,amélie\n", encoding="latin-1")
    with pytest.warns(UserWarning, match=r"log\.csv is not UTF-8 and was read as latin-1") as seen:
        assert read_interactions(path).values.tolist() == [["zoë", "amélie"]]
    assert seen[0].filename == __file__
    assert read_interactions(path, encoding="latin-1").values.tolist() == [["zoë", "amélie"]]
    with pytest.raises(
        ValueError, match=r"a line 2 that is not ascii, .* e\.g\. encoding='latin-1'"
    ):
        read_interactions(path, encoding="ascii")
    with pytest.raises(ValueError, match="got encoding='klingon', expected one that Python has"):
        read_interactions(path, encoding="klingon")


def test_an_encoding_that_does_not_say_where_it_fails(write: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match="got a line 1 that is not undefined, expected text"):
        read_interactions(write("user_id,item_id\na,b\n"), encoding="undefined")


def test_gzipped_whatever_its_name(write: Callable[..., Path]) -> None:
    packed = gzip.compress(b"user_id,item_id\na,b\n")
    assert read_interactions(write(packed)).values.tolist() == [["a", "b"]]
    with pytest.raises(ValueError, match=r"got a damaged gzip file .* copy it again"):
        read_interactions(write(packed[:-6]))


def test_json_lines(write: Callable[..., Path]) -> None:
    lines = [{"user_id": "007", "item_id": 2**60 + 1, "extra": [1]}, {"item_id": "x", "rating": 3}]
    lines[1]["user_id"] = 7
    path = write("\n\n".join(json.dumps(line) for line in lines) + "\n\n")
    rows = read_interactions(path)
    assert rows[["user_id", "item_id"]].values.tolist() == [["007", str(2**60 + 1)], ["7", "x"]]
    assert rows["rating"].fillna(0).tolist() == [0, 3]
    written = write("")
    frame().to_json(written, orient="records", lines=True)
    assert read_interactions(written, ids="number").equals(frame())
    for text, message in (
        ('{"user_id": 1\n', "a line 1 that is no JSON"),
        ('{"user_id": 1}\n[2]\n', r"got '\[2\]' in line 2, expected an object"),
        ('{"user_id": null, "item_id": 1}\n', "'user_id': got 1 missing"),
        ('{"user_id": 1.0, "item_id": 1}\n', r"\(floating\), such as 1\.0"),
    ):
        with pytest.raises(ValueError, match=message):
            read_interactions(write(text))


def test_dates_are_read_as_dates(write: Callable[..., Path]) -> None:
    head = "user_id,item_id,timestamp\n"
    path = write(f"{head}a,b,2021-04-03\nc,d,2021-04-03 18:30\n")
    assert read_interactions(path)["timestamp"].tolist() == [
        pd.Timestamp(2021, 4, 3),
        pd.Timestamp(2021, 4, 3, 18, 30),
    ]
    path = write(f"{head}a,b,2021-04-03T01:00:00+02:00\nc,d,2021-04-02T23:30:00Z\n")
    assert read_interactions(path)["timestamp"].dt.minute.tolist() == [0, 30]
    assert read_interactions(path)["timestamp"].dt.day.tolist() == [2, 2]
    path = write(f"{head}a,b,03/04/2021\nc,d,13/04/2021\n")
    with pytest.raises(ValueError, match=r"got '03/04/2021' in row 1.*date_format='%d/%m/%Y'"):
        read_interactions(path)
    assert read_interactions(path, date_format="%d/%m/%Y")["timestamp"].dt.month.tolist() == [4, 4]
    with pytest.raises(ValueError, match="got '13/04/2021' in row 2, expected %m/%d/%Y"):
        read_interactions(path, date_format="%m/%d/%Y")
    assert list(read_interactions(path, timestamp=None)) == ["user_id", "item_id"]
    for mixed in ("5\nc,d,2021-04-03", "2021-04-03\nc,d,5", "soon\nc,d,later"):
        with pytest.raises(ValueError, match="expected all numbers, or all dates"):
            read_interactions(write(f"{head}a,b,{mixed}\n"))


@pytest.mark.parametrize(
    ("times", "kind"),
    [
        ([10, 20, 30, 40], "int64"),
        (["10", "20", "30", "100"], "int64"),
        (["10", "20.5", "30", "100"], "float64"),
        (["2021-01-01", "2021-01-02", "2021-01-03", "2021-10-01"], "datetime64"),
        ([dt.date(2021, 1, day) for day in (1, 2, 3, 10)], "datetime64"),
        ([dt.datetime(2021, 1, day, tzinfo=dt.UTC) for day in (1, 2, 3, 10)], "datetime64"),
        (pd.date_range("2021-01-01", periods=4, tz="Europe/Rome"), "datetime64"),
        (pd.array([10, 20, 30, 40], dtype="Int64"), "Int64"),
    ],
    ids=str,
)
def test_whatever_is_time_sorts(times: Any, kind: str) -> None:
    raw = pd.DataFrame({"user_id": [1, 2, 1, 2], "item_id": [5, 6, 6, 5], "timestamp": times})
    rows = read_interactions(raw)
    assert str(rows["timestamp"].dtype).startswith(kind)
    assert rows["timestamp"].is_monotonic_increasing
    readable = rows if raw["timestamp"].map(type).isin([str, dt.date]).any() else raw
    for when in (rows, readable):
        for cut in (global_time_split, per_user_time_split):
            split = cut(when, test_size=0.5)
            assert split.item_ids[split.test.item.numpy()].tolist() == [6, 5]


def test_a_rating_is_a_number(write: Callable[..., Path]) -> None:
    path = write("user_id;item_id;rating\na;b;4,5\nc;d;\n")
    with pytest.raises(ValueError, match=r"'rating': got '4,5' in row 1.*rating=None.*decimal=','"):
        read_interactions(path)
    assert list(read_interactions(path, rating=None)) == ["user_id", "item_id"]
    rows = read_interactions(pd.read_csv(path, sep=";", decimal=","))
    assert rows["rating"].tolist()[0] == 4.5
    small = frame(rating=pd.array([1, 2, None], dtype="Float32"))
    assert read_interactions(small)["rating"].dtype == "Float32"
    with pytest.raises(ValueError, match="'rating': got 1 missing values"):
        to_implicit(rows)
    assert len(to_implicit(rows.dropna(subset=["rating"]))) == 1
    assert read_interactions(frame(rating=[Decimal(3), Decimal("4.5"), None]))["rating"][1] == 4.5


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("first", [["c", "d", 1, 1], ["a", "b", 4, 3]]),
        ("last", [["a", "b", 5, 9], ["c", "d", 1, 1]]),
        ("count", [["a", "b", 5, 9, 3], ["c", "d", 1, 1, 1]]),
    ],
)
def test_repeated_visits(write: Callable[..., Path], rule: str, expected: list) -> None:
    lines = ["a,b,5,9", "c,d,1,1", "a,b,4,3", "a,b,2,5"]
    head = "user_id,item_id,rating,timestamp"
    path = write("\n".join([head, *lines]))
    with pytest.raises(ValueError, match=r"2 duplicate .*duplicates='last'.*duplicates='count'"):
        read_interactions(path)
    assert read_interactions(path, duplicates=rule).values.tolist() == expected
    timeless = read_interactions(path, duplicates=rule, timestamp=None)
    assert timeless["rating"].tolist() == ([5, 1] if rule == "first" else [1, 2])
    random.Random(1).shuffle(lines)  # time decides, not the order of the file
    shuffled = read_interactions(write("\n".join([head, *lines])), duplicates=rule)
    assert sorted(shuffled.values.tolist()) == sorted(expected)
    with pytest.raises(ValueError, match="got duplicates='mean', expected 'refuse', 'first'"):
        read_interactions(path, duplicates="mean")


@pytest.mark.parametrize(("rule", "first"), [("first", 200), ("last", 196)])
def test_among_rows_of_one_time_the_place_decides(rule: str, first: int) -> None:
    times = [9] * 200 + [8] * 200
    rows = pd.DataFrame({"user_id": 1, "item_id": [5, 6, 7, 8] * 100, "timestamp": times})
    kept = read_interactions(rows.assign(rating=range(400)), duplicates=rule)
    assert kept["rating"].tolist() == [*range(first, first + 4)]


@pytest.mark.parametrize("rule", ["first", "last", "count"])
def test_ids_that_are_missing_are_no_duplicates(rule: str) -> None:
    with pytest.raises(ValueError, match="'item_id': got 1 missing values"):
        read_interactions(frame(item_id=[5, 5, None]), duplicates=rule)


def test_a_table_keeps_its_ids_and_is_left_as_it_was() -> None:
    rows = frame(page=[7, 8, 9]).set_index([[3, 4, 5]])
    assert list(read_interactions(rows)) == ["user_id", "item_id"]
    assert read_interactions(rows).index.tolist() == [0, 1, 2]
    assert list(rows) == ["user_id", "item_id", "page"]
    assert read_interactions(rows).values.tolist() == [[1, 5], [1, 6], [2, 5]]
    assert read_interactions(rows, ids="text").values.tolist()[0] == ["1", "5"]
    assert read_interactions(rows.astype("Int64"), ids="text").values.tolist()[0] == ["1", "5"]


def test_a_new_name_that_is_taken_already() -> None:
    with pytest.raises(ValueError, match="user_id"):
        read_interactions(frame(visitor=[1, 2, 3]), user_id="visitor")


class Exchange:
    """A table of another library: only the dataframe interchange protocol."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def __dataframe__(self, *given: Any, **named: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a pandas that would rather hand out Arrow
            return self.table.__dataframe__(*given, **named)


class Relation:
    """As duckdb's, without pyarrow."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.df = lambda: table


class Frame:
    """As those of libraries that only have this to offer."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.to_pandas = lambda: table


@pytest.mark.parametrize("library", [Exchange, Relation, Frame])
def test_tables_of_other_libraries(library: Any) -> None:
    rows = frame(user_id=["ann", "ann", "NA"], rating=[1.5, 2, 3])
    assert read_interactions(library(rows)).values.tolist() == rows.values.tolist()


class Stream(Relation):
    """A table that can be had through Arrow, and else without."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> None:
        """Is there."""


def test_arrow_comes_first_where_pyarrow_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, asked = frame(), []
    pyarrow = ModuleType("pyarrow")
    pyarrow.__spec__ = ModuleSpec("pyarrow", None)
    pyarrow.table = lambda source: asked.append(source) or Frame(rows)
    source = Stream(rows)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", pyarrow)
        assert read_interactions(source).equals(rows) and asked == [source]
        assert read_interactions(Relation(rows)).equals(rows) and asked == [source]
        asked.clear()
    monkeypatch.setattr("recbook.data.formats.find_spec", lambda name: None)
    assert read_interactions(source).equals(rows) and not asked


def test_polars_and_arrow() -> None:
    when = [dt.date(2021, 1, day) for day in (1, 2, 3)]
    table = polars.DataFrame({"user_id": ["a", "a", "b"], "item_id": [5, 6, 5], "timestamp": when})
    assert isinstance(table.to_arrow(), pyarrow.Table)
    for one in (table, table.to_arrow()):
        rows = read_interactions(one)
        assert rows["user_id"].tolist() == ["a", "a", "b"]
        assert rows["timestamp"].tolist() == [pd.Timestamp(day) for day in when]
    with pytest.raises(TypeError, match=r"type LazyFrame, .* e\.g\. source\.collect\(\)"):
        read_interactions(table.lazy())


def test_duckdb() -> None:
    with duckdb.connect() as connection:  # closed, it leaves no threads behind
        rows = read_interactions(connection.sql("select '007' as user_id, 7 as item_id"))
    assert rows.values.tolist() == [["007", 7]]


def test_parquet_is_known_by_its_content(write: Callable[..., Path]) -> None:
    path = write("")
    frame(item_id=["007", "7", "NA"]).to_parquet(path)
    assert read_interactions(path).values.tolist() == [["1", "007"], ["1", "7"], ["2", "NA"]]
    with pytest.raises(ValueError, match=r"a Parquet file that cannot be read .* write it again"):
        read_interactions(write(path.read_bytes()[:-30]))


def test_parquet_without_pyarrow(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pandas reads with pyarrow; install it \(pip install"):
        read_interactions(write(b"PAR1..."))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, r"got source of type NoneType, .* e\.g\. pd\.DataFrame\(source\)"),
        (SimpleNamespace(collect=None), r"type SimpleNamespace, .* e\.g\. source\.collect\(\)"),
        ({"user_id": [1], "item_id": [2]}, "got source of type dict"),
        ([(1, 2)], "got source of type list"),
        (pd.Series([1]), "got source of type Series"),
        (7, "got source of type int"),
    ],
)
def test_what_is_neither_a_path_nor_a_table(source: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        read_interactions(source)
    if isinstance(source, dict):
        assert len(read_interactions(pd.DataFrame(source))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sep": 7}, "got sep=7, expected str or None"),
        ({"names": "user_id"}, "got names='user_id', expected list or tuple or None"),
        ({"quotes": "no"}, "got quotes='no', expected bool"),
        ({"encoding": b"utf-8"}, "got encoding=b'utf-8', expected str or None"),
        ({"date_format": 1}, "got date_format=1, expected str or None"),
        ({"ids": str}, "got ids=<class 'str'>, expected 'text' or 'number'"),
        ({"user_id": None}, "got user_id=None, expected str"),
        ({"rating": 3}, "got rating=3, expected str or None"),
    ],
)
def test_arguments_of_another_kind(arguments: dict, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        read_interactions(frame(), **arguments)


def test_files_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"none\.csv, which is not there, .*; check the name"
    ):
        read_interactions(tmp_path / "none.csv")
    with pytest.raises(FileNotFoundError, match="download it first"):
        read_interactions("https://example.org/log.csv")
    with pytest.raises(ValueError, match="a folder, expected a file"):
        read_interactions(tmp_path)
    (tmp_path / "log.csv").touch()

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("recbook.data.formats._all_of", refuse)
    with pytest.raises(OSError, match=r"log\.csv cannot be read: Permission denied"):
        read_interactions(tmp_path / "log.csv")


def test_a_file_that_does_not_fit(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recbook.memory.free_bytes", lambda _: 5)
    with pytest.raises(MemoryError, match=r"text and table 20 x 6 B .*; read a part of the file"):
        read_interactions(write("user_id,item_id\na,b\n"))


HEAD = "user_id,item_id\n"


@pytest.mark.parametrize(
    ("content", "message", "followed"),
    [
        ("", "got an empty file", None),
        (" \n\n", "got an empty file", None),
        (HEAD, "got no rows, expected at least one", None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a file that is not text", None),
        (b"PK\x03\x04\x14\0\x08\0\x08\0", "save a spreadsheet as CSV", None),
        ("Dear reader\nthis is no table, is it\n", "lines of unlike lengths", None),
        ("Dear reader\nthis is no table\n", "got columns .*expected .*missing", None),
        ("u\0s\0e\0r\0", "encoding='utf-16', or .* where it is that", {"encoding": "utf-16"}),
        ("1,2\n1,3\n", "Where a file has no header line: names=", {"names": HEAD[:-1].split(",")}),
        ("visitor,item_id\na,b\n", "e.g. user_id='visitor'", {"user_id": "visitor"}),
        (HEAD + 'a,"b\nc,d\n', "a quote that is opened and never closed", {"quotes": False}),
        (HEAD + 'a,"b\nc,d\ne,"f"\n', "holds a line break.*quotes=False", {"quotes": False}),
        (HEAD + "a,b,c\n", "unlike lengths", None),
        (HEAD + "a,b\na,b,c\n", r"unlike lengths \(Expected 2 fields in line 3, saw 3\)", None),
        ("user_id,user_id,item_id\n1,1,1\n", "got the column 'user_id' twice", None),
        (
            HEAD + "a,b\n,b\n",
            r"is empty, '', .*frame\[frame\['user_id'\] != ''\]",
            lambda frame: frame[frame["user_id"] != ""],
        ),
        (HEAD + "a,b\nc\n", "'item_id': got an id that is empty", None),
        (
            HEAD + "a,b\n-1,b\n",
            r"is negative, '-1', .*frame\[frame\['user_id'\] != '-1'\]",
            lambda frame: frame[frame["user_id"] != "-1"],
        ),
        (
            HEAD + "a,b\n-1,b\n",
            r"frame\['user_id'\]\.map\('id\{\}'\.format\)",
            lambda frame: frame.assign(user_id=frame["user_id"].map("id{}".format)),
        ),
        (
            HEAD + 'a,"b\nc"\n',
            r"line break.*frame\['item_id'\]\.str\.split\(\)\.str\.join\(' '\)",
            lambda frame: frame.assign(item_id=frame["item_id"].str.split().str.join(" ")),
        ),
        (
            HEAD + f"a,b\na,{'x' * 1001}\n",
            r"longer than 1,000 letters.*frame\[frame\['item_id'\]\.str\.len\(\) <= 1000\]",
            lambda frame: frame[frame["item_id"].str.len() <= 1000],
        ),
    ],
)
def test_bad_files_and_the_advice(
    write: Callable[..., Path], content: str | bytes, message: str, followed: Any
) -> None:
    path = write(content)
    if followed == {"encoding": "utf-16"}:
        path = write("user_id,item_id\na,b\n", encoding="utf-16-le")
    with pytest.raises(ValueError, match=message) as error:
        read_interactions(path)
    if isinstance(followed, dict):
        assert len(read_interactions(path, **followed)) >= 1
    elif followed is not None:
        assert "pd.read_csv(path, dtype=str, na_filter=False)" in error.value.__notes__[0]
        assert len(read_interactions(followed(whole(path)))) >= 1


@pytest.mark.parametrize(
    ("rows", "message", "followed"),
    [
        (frame().iloc[:0], "got no rows", None),
        (frame().drop(columns="item_id"), "'item_id'. missing", None),
        (
            frame(user_id=[1, None, 2]),
            r"'user_id': got 1 missing values .*frame\.dropna\(subset=\['user_id'\]\)",
            lambda rows: rows.dropna(subset=["user_id"]).astype(int),
        ),
        (
            frame(user_id=[1, -1, 2]),
            r"negative id -1, .*frame\[frame\['user_id'\] >= 0\]",
            lambda rows: rows[rows["user_id"] >= 0],
        ),
        (
            frame(user_id=[1, -1, 2]),
            r"frame\['user_id'\]\.map\('id\{\}'\.format\)",
            lambda rows: rows.assign(user_id=rows["user_id"].map("id{}".format)),
        ),
        (
            frame(user_id=[1.0, 1.0, 2.0]),
            r"\(floating\), such as .*frame\['user_id'\]\.astype\('int64'\)",
            lambda rows: rows.assign(user_id=rows["user_id"].astype("int64")),
        ),
        (
            frame(user_id=[1.5, 2.5, np.inf]),
            r"\(floating\).*frame\['user_id'\]\.astype\(str\)",
            lambda rows: rows.assign(user_id=rows["user_id"].astype(str)),
        ),
        (
            frame(user_id=[1, "1", 2]),
            r"'user_id': got ids of mixed types .*frame\['user_id'\]\.astype\(str\)",
            lambda rows: rows.assign(user_id=rows["user_id"].astype(str)),
        ),
        (
            frame(user_id=[True, True, False]),
            r"\(boolean\).*astype\(str\)",
            lambda rows: rows.assign(user_id=rows["user_id"].astype(str)),
        ),
        (
            frame(user_id=[b"a", b"b", b"c"]),
            r"\(bytes\).*astype\(str\)",
            lambda rows: rows.assign(user_id=rows["user_id"].astype(str)),
        ),
        (
            frame(item_id=[5, 5, 5]),
            r"1 duplicate .* is user 1 with item 5, .*duplicates='last'",
            lambda rows: read_interactions(rows, duplicates="last"),
        ),
        (
            frame(item_id=[5, 5, 5]),
            "duplicates='count'",
            lambda rows: read_interactions(rows, duplicates="count"),
        ),
    ],
)
def test_bad_frames_and_the_advice(rows: pd.DataFrame, message: str, followed: Any) -> None:
    rows = rows.assign(timestamp=range(len(rows)))
    for reader in (read_interactions, *SPLITS):
        with pytest.raises(ValueError, match=message):
            reader(rows)
    if followed is not None:
        assert len(given_split(followed(rows)).train) >= 2


@pytest.mark.parametrize("rows", [None, [1], {"user_id": [1]}, "log.csv"], ids=str)
def test_what_is_no_frame(rows: Any) -> None:
    for reader in (to_implicit, *SPLITS):
        with pytest.raises(TypeError, match=r"expected DataFrame; read_interactions"):
            reader(rows)


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (pd.Categorical(["b", "b", "a"]), "category"),
        (pd.array([1, 1, 2], dtype="Int64"), "Int64"),
        (pd.array(["b", "b", "a"], dtype="string"), "string"),
        (np.array([1, 1, 2], dtype="uint8"), "uint8"),
        (np.array([2**63, 2**63, 2**63 + 1], dtype="uint64"), "uint64"),
    ],
    ids=str,
)
def test_ids_of_every_kind_are_encoded(ids: Any, kind: str) -> None:
    rows = frame(user_id=ids)
    assert str(rows["user_id"].dtype) == kind
    split = given_split(rows, test=rows.iloc[2:].assign(item_id=6))
    assert split.user_ids.tolist() == sorted(set(np.asarray(ids).tolist()))
    position = 0 if kind == "category" or kind == "string" else 1
    assert split.test.user.tolist() == [position]
    assert split.user_ids[split.train.user.numpy()].tolist() == np.asarray(ids).tolist()


def test_one_user_and_one_item(write: Callable[..., Path]) -> None:
    one = read_interactions(write(HEAD + "a,b\n"))
    assert repr(given_split(one)) == "Split(1 users, 1 items: train 1)"
    with pytest.raises(ValueError, match=r"got 1 rows, .* expected one or more to train on"):
        random_split(one)
    user = read_interactions(write(HEAD + "".join(f"a,{item}\n" for item in range(10))))
    with pytest.raises(ValueError, match="none of its 2 rows has a user and an item"):
        random_split(user)


def test_times_that_are_no_times() -> None:
    for times, message in (
        (["soon", "later", "never"], r"expected numbers or dates; read_interactions\(frame\)"),
        ([1, np.inf, 2], "infinite number.*np.isfinite"),
        ([1, np.nan, 2], "'timestamp': got 1 missing"),
        ([True, False, True], "got bool, expected numbers or dates"),
    ):
        rows = frame(timestamp=times)
        for cut in (per_user_time_split, global_time_split):
            with pytest.raises(ValueError, match=message):
                cut(rows)
    text = frame(timestamp=["1", "2", "3"])
    assert read_interactions(text)["timestamp"].tolist() == [1, 2, 3]


def test_to_implicit_keeps_order_and_names_an_impossible_threshold() -> None:
    rows = frame(rating=[3, 2, 5])
    assert to_implicit(rows).values.tolist() == [[1, 5], [2, 5]]
    with pytest.raises(ValueError, match=r"min_rating=6, which no rating reaches, .*at most 5"):
        to_implicit(rows, min_rating=6)
    for threshold in (True, "3", None):
        with pytest.raises(TypeError, match=f"got min_rating={threshold!r}, expected a number"):
            to_implicit(rows, min_rating=threshold)
    with pytest.raises(ValueError, match="got min_rating=nan"):
        to_implicit(rows, min_rating=np.nan)
    with pytest.raises(ValueError, match=r"'rating'. missing"):
        to_implicit(frame())
    with pytest.raises(ValueError, match=r"'rating': got .*, expected numbers"):
        to_implicit(frame(rating=["5", "4", "3"]))
    with pytest.raises(ValueError, match="'rating': got 1 missing values"):
        to_implicit(frame(rating=[3, None, 5]))
    with pytest.raises(ValueError, match="'rating': got an infinite number"):
        to_implicit(frame(rating=[3, np.inf, 5]))
    text = frame(rating=["5", "4", "2"])
    assert len(to_implicit(read_interactions(text))) == 2  # as the message advises


def test_stray_quotes_swallow_no_rows(tmp_path: Path) -> None:
    """Between two of them a hundred lines would be one field of a column that is not kept."""
    lines = [f"u{n},i{n % 7},{chr(34) if n in (3, 97) else ''}T{n}" for n in range(100)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["user_id,item_id,title", *lines]))
    with pytest.raises(ValueError, match=r"column 'title' holds a line break, .* in row 4,"):
        read_interactions(path)
    assert len(read_interactions(path, quotes=False)) == 100  # as the advice says


@pytest.mark.parametrize("number", [881250949, 1713000000000, 881250949.5, 20240501])
def test_times_in_json_lines_stay_numbers(number: float, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    row = {"user_id": "a", "item_id": "x", "timestamp": number}
    path.write_text(json.dumps(row) + "\n" + json.dumps(row | {"item_id": "y"}) + "\n")
    frame = read_interactions(path)
    assert frame["timestamp"].tolist() == [number, number]
    as_object = pd.DataFrame(
        {"user_id": ["a"], "item_id": ["x"], "timestamp": [number]}, dtype=object
    )
    assert read_interactions(as_object)["timestamp"].tolist() == [number]


@pytest.mark.parametrize("rule", ["last", "count"])
def test_a_row_without_a_time_outdoes_none_that_has_one(rule: str) -> None:
    rows = pd.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "x"], "rating": [5, 1]})
    for times in ([7.0, None], [None, 7.0]):
        kept = read_interactions(rows.assign(timestamp=times), duplicates=rule)
        assert kept["timestamp"].tolist() == [7.0]


@pytest.mark.parametrize(
    ("content", "given", "message"),
    [
        ("userId,movieId\n1,2\n", {"names": ["a", "b"]}, "first line that names the columns"),
        ("User ID,x\n1,2\n", {"names": ["a", "b"]}, "first line that names the columns"),
        ("a,b\n1,2\n", {"names": ["A", "B"]}, r"names=\['A', 'B'\] and a first line"),
        ("x" * 100_001, {}, "a first line of 100,001 letters"),
        ('{"user_id": ' + "[" * 100_000, {}, "a line 1 that is no JSON"),
        (b"\xff\xfe\0\0u\0\0\0", {}, "a file that is not text .*or 'utf-32', where it is that"),
        (",".join(f"{n:x}" for n in range(10_001)), {}, "got 10,001 columns, expected at most"),
        ("\ufeffuser_id,item_id\na,b\n\ufeffuser_id,item_id\n", {}, "columns again in row 2"),
        (",user_id, item_id\n0,a,b\n,user_id,item_id\n", {}, "names of the columns again in row 2"),
        ('[{"user_id": 1}]', {}, r"got '\[\{.* in line 1, expected an object"),
        ('{"user_id": 1, "user_id": 2}', {}, r"a line 1 that is no JSON \(a name comes twice\)"),
        ('{"user_id": "\\ud800"}', {}, r"a line 1 that is no JSON \(.* surrogates not allowed"),
        ('{"user_id": ' + "9" * 5000 + "}", {}, "a line 1 that is no JSON"),
        (
            "".join(f'{{"user_id": {n}, "x{n}": 0}}\n' for n in range(10_001)),
            {},
            "10,001 names in the first 10,000 lines, expected those of a few",
        ),
        ('{"user_id": "a", "item_id": 1, "rating": ' + "9" * 400 + "}", {}, "expected numbers, as"),
        ("user_id,item_id,rating\na,b,1e999\n", {}, "'rating': got '1e999' in row 1"),
        (
            "user_id,item_id,timestamp\na,b,inf\n",
            {},
            "'timestamp': got 'inf' in row 1, expected all",
        ),
        (
            '{"user_id": "a", "item_id": 1, "timestamp": ' + "9" * 400 + "}",
            {},
            "'timestamp': got '9{79} in row 1, expected all numbers, or all dates",
        ),
        ("user_id,item_id\nä,1\n", {"encoding": "idna"}, "got a text that is not idna|a line 2"),
        ("user_id,item_id\n,1\n", {"ids": "number"}, "'user_id': got the id '' in row 1"),
    ],
)
def test_odd_files(
    write: Callable[..., Path], content: str | bytes, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_interactions(write(content), **given)


def test_what_is_larger_than_it_looks(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packed file, a device and a Parquet file of equal rows are refused before they are read."""
    monkeypatch.setattr("recbook.memory.free_bytes", lambda _: 2**23)
    rows = pd.DataFrame({"user_id": "a", "item_id": ["b"] * 2**20})
    small = write("")
    rows.to_parquet(small)
    packed = write(gzip.compress(b"user_id,item_id\n" + b"a,b\n" * 2**19), "log.gz")
    for path, needed in ((small, "table 1,048,576 x 2 x 8"), (packed, "table 2,097,168 x 6")):
        assert path.stat().st_size < 2**18
        with pytest.raises(MemoryError, match=needed):
            read_interactions(path)
    if Path("/dev/zero").exists():
        with pytest.raises(MemoryError, match="text and table 16,777,216 x 6 B"):
            read_interactions("/dev/zero")


def test_a_letter_that_ends_lines_elsewhere_ends_none_here(write: Callable[..., Path]) -> None:
    path = write("user_id,item_id,a\u2028b\x85c\r\nx,y,z\r\n")
    assert read_interactions(path).values.tolist() == [["x", "y"]]


def test_names_that_only_look_like_a_header(write: Callable[..., Path]) -> None:
    path = write("user1,item1\nuser2,item1\n")
    assert len(read_interactions(path, names=["user_id", "item_id"])) == 2
    long = write("x" * 99_992 + ",item_id\n")  # as long as a first line may be
    with pytest.raises(ValueError, match=r"^got columns \['x{198}, expected"):
        read_interactions(long)


def test_a_delimiter_that_is_no_ascii(write: Callable[..., Path]) -> None:
    path = write("user_id§item_id\na§b\n")
    assert read_interactions(path, sep="§").values.tolist() == [["a", "b"]]


def test_a_home_that_nobody_has() -> None:
    with pytest.raises(FileNotFoundError, match="~nobody-at-all"):
        read_interactions("~nobody-at-all/log.csv")


@pytest.mark.parametrize("duplicates", ["refuse", "last"])
@pytest.mark.parametrize("ids", [[[1], [2], [3]], [{}, {}, {}]], ids=["lists", "dicts"])
def test_ids_that_cannot_be_compared(ids: list, duplicates: str) -> None:
    with pytest.raises(ValueError, match="'user_id': got ids of mixed types or another type"):
        read_interactions(frame(user_id=ids), duplicates=duplicates)


def test_columns_on_two_levels_or_twice() -> None:
    twice = pd.DataFrame([[1, 2, 3]], columns=["user_id", "item_id", "item_id"])
    levels = pd.concat({"log": frame()}, axis=1)
    for table in (twice, levels):
        with pytest.raises(ValueError, match="expected names on one level, each once"):
            read_interactions(table)


def test_how_dates_are_written(write: Callable[..., Path]) -> None:
    for table in (frame(timestamp=20240503), frame(timestamp=20240503).astype("Int64")):
        assert read_interactions(table)["timestamp"].tolist() == [20240503] * 3
        when = read_interactions(table, date_format="%Y%m%d")["timestamp"]
        assert when.tolist() == [pd.Timestamp(2024, 5, 3)] * 3
    for wrong in ("mixed", "%Q", "ISO8601"):
        with pytest.raises(ValueError, match=f"date_format='{wrong}'.*'%d/%m/%Y'"):
            read_interactions(frame(timestamp="03/04/2021"), date_format=wrong)
