"""Where data comes from: places, sources, and what stands in their way."""

import gzip
import http.client
import io
import shutil
import subprocess
import sys
import urllib.request
import warnings
import zipfile
import zlib
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from recbook import files
from recbook.data import (
    MovieLens,
    Split,
    fetching,
    load_citeulike,
    load_citeulike_articles,
    load_gowalla,
    load_movielens_100k,
    random_split,
)
from recbook.data import citeulike as citeulike_module
from recbook.data import gowalla as gowalla_module
from recbook.data import movielens as source
from tests.conftest import beside_the_checkout

FROM_PYPI = source._from_pypi  # which the tests below replace


def test_movielens_has_its_published_size(movielens: MovieLens) -> None:
    assert movielens.ratings.shape == (100_000, 4)
    assert movielens.items.shape == (1682, 4)
    assert movielens.users.shape == (943, 5)
    assert movielens.items["title"].iloc[0] == "Toy Story"
    assert movielens.items["year"].isna().sum() == 1


@pytest.fixture
def raw(movielens: MovieLens) -> dict[str, bytes]:
    return {name: (movielens.folder / name).read_bytes() for name in source._ML_MD5}


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data in the environment's places, and no network."""
    monkeypatch.delenv("RECBOOK_DATA", raising=False)
    monkeypatch.setattr(fetching, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(fetching, "gettempdir", lambda: tmp_path / "tmp")

    def refuse(*_: object) -> dict[str, bytes]:
        raise OSError("no network")

    for module in (source, fetching):
        monkeypatch.setattr(module, "download", refuse)
    monkeypatch.setattr(source, "_from_pypi", refuse)
    return tmp_path


def test_grouplens_archive_gives_the_same_files(
    alone: Path, raw: dict[str, bytes], u_item: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("ml-100k/u.item", u_item)
        for name in ("u.data", "u.user"):
            file.writestr(f"ml-100k/{name}", raw[name])
    monkeypatch.setattr(source, "download", {source._ML_URL: archive.getvalue()}.__getitem__)
    assert source._from_grouplens() == raw
    assert load_movielens_100k(alone / "mine").folder == alone / "mine" / "ml-100k"


def test_pypi_package_gives_the_same_files(
    raw: dict[str, bytes], movielens: MovieLens, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = movielens.items.astype({"year": "string"}).fillna({"year": ""})
    lines = ["\t".join(row) for row in items.astype(str).itertuples(index=False)]
    members = {
        "inter": b"user_id:token\titem_id:token\n" + raw["u.data"],
        "item": "\n".join(["item_id:token\tmovie_title:token_seq", *lines]).encode(),
        "user": b"user_id:token\tage:token\n" + raw["u.user"].replace(b"|", b"\t"),
    }

    def pip(
        command: list[str], stdin: int, timeout: float, **_: object
    ) -> subprocess.CompletedProcess:
        assert "--only-binary=:all:" in command and timeout < 300  # runs no setup.py, and ends
        assert stdin == subprocess.DEVNULL  # so that it waits for no answer
        with zipfile.ZipFile(Path(command[-2]) / "some.whl", "w") as wheel:
            for kind, content in members.items():
                wheel.writestr(f"recbole/dataset_example/ml-100k/ml-100k.{kind}", content)
        return subprocess.CompletedProcess(command, 0, stderr="")

    monkeypatch.setattr(source.subprocess, "run", pip)
    assert source._from_pypi() == raw

    def fail(command: list[str], **_: object) -> subprocess.CompletedProcess:
        return subprocess.CompletedProcess(command, 1, stderr="no such host")

    monkeypatch.setattr(source.subprocess, "run", fail)
    with pytest.raises(OSError, match=r"recbole==1\.2\.1 failed: no such host"):
        source._from_pypi()

    def hang(command: list[str], timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(source.subprocess, "run", hang)
    with pytest.raises(OSError, match=r"recbole==1\.2\.1 took over 120 seconds"):
        source._from_pypi()


def test_without_pip_it_says_so(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "python"
    bare.write_text(f"#!/bin/sh\nexec {sys.executable} -S -I -m pip")  # no site, so no packages
    bare.chmod(0o755)
    monkeypatch.setattr(source.sys, "executable", str(bare))
    with pytest.raises(OSError, match="this Python has no pip; python -m ensurepip"):
        FROM_PYPI()


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("timed out"),
        zipfile.BadZipFile("a page that asks to log in"),
        KeyError("no u.data in the archive"),
        zlib.error("a damaged archive"),
        http.client.BadStatusLine("no answer that is HTTP"),
        http.client.IncompleteRead(b""),
        StopIteration("no wheel in the folder"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_pypi_steps_in_however_grouplens_fails(
    alone: Path, raw: dict[str, bytes], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> dict[str, bytes]:
        raise error

    monkeypatch.setattr(source, "_from_grouplens", fail)
    monkeypatch.setattr(source, "_from_pypi", lambda: raw)
    assert len(load_movielens_100k().ratings) == 100_000


def test_no_source_says_so_and_writes_nothing(alone: Path) -> None:
    with pytest.raises(
        ConnectionError,
        match=r"(?s)^MovieLens-100K is in none.*GroupLens: no network.*PyPI: no network",
    ):
        load_movielens_100k()
    assert not list(alone.rglob("*.*"))


def test_wrong_digest_is_refused(
    alone: Path, raw: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_from_pypi", lambda: raw | {"u.data": raw["u.data"] + b"\n"})
    with pytest.raises(ConnectionError, match=r"u\.data came with an unexpected digest"):
        load_movielens_100k()
    assert not list(alone.rglob("*.*"))


def test_corrupted_cache_is_named_and_fetched_again(
    alone: Path, raw: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_from_pypi", lambda: raw)
    path = load_movielens_100k().folder / "u.data"
    path.write_bytes(raw["u.data"][:-1] + b"9")
    with pytest.warns(UserWarning, match=r"u\.data is corrupted"):
        load_movielens_100k()
    assert path.read_bytes() == raw["u.data"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_movielens_100k()


def test_places_in_order(
    alone: Path, raw: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_from_pypi", lambda: raw)
    monkeypatch.setenv("RECBOOK_DATA", str(alone / "variable"))
    assert load_movielens_100k().folder == alone / "variable" / "ml-100k"
    assert load_movielens_100k(alone / "root").folder == alone / "variable" / "ml-100k"
    monkeypatch.delenv("RECBOOK_DATA")
    assert load_movielens_100k(alone / "root").folder == alone / "root" / "ml-100k"
    assert load_movielens_100k().folder == alone / "cache" / "recbook" / "ml-100k"


@pytest.fixture
def u_item(movielens: MovieLens) -> bytes:
    """``u.item`` as GroupLens has it, as far as the loader reads it."""
    lines = []
    for item, title, year, genres in movielens.items.itertuples(index=False):
        flags = "|".join(str(int(genre in genres.split())) for genre in source._ML_GENRES)
        full = "unknown" if pd.isna(year) else f"{title} ({year})" + " (V)" * (item == 1412)
        lines.append(f"{item}|{full}|01-Jan-1995||url|{flags}\n")
    return "".join(lines).encode("latin-1")


@pytest.mark.parametrize("root", [".", "ml-100k"])
@pytest.mark.parametrize("packed", [False, True])
def test_grouplens_own_folder_needs_no_network(
    alone: Path,
    raw: dict[str, bytes],
    u_item: bytes,
    movielens: MovieLens,
    root: str,
    packed: bool,
) -> None:
    folder = alone / "ml-100k"
    folder.mkdir()
    for name, content in {**raw, "u.item": u_item}.items():
        if name != "items.tsv":
            path = folder / (name + ".gz" * packed)
            path.write_bytes(gzip.compress(content) if packed else content)
    loaded = load_movielens_100k(alone / root)
    assert loaded.folder == folder
    for table in ("ratings", "items", "users"):
        assert getattr(loaded, table).equals(getattr(movielens, table))
    assert [*loaded.users] == ["user_id", "age", "gender", "occupation", "zip_code"]


def test_a_whole_file_comes_before_a_gzipped_one(
    alone: Path, raw: dict[str, bytes], recwarn: pytest.WarningsRecorder
) -> None:
    for name, content in raw.items():
        (alone / name).write_bytes(content)
        (alone / f"{name}.gz").write_bytes(b"\x1f\x8b cut off")
    assert load_movielens_100k(alone).folder == alone
    assert not recwarn.list


def test_a_damaged_u_item_is_named(alone: Path, raw: dict[str, bytes]) -> None:
    folder = alone / "ml-100k"
    folder.mkdir()
    for name in ("u.data", "u.user"):
        (folder / name).write_bytes(raw[name])
    (folder / "u.item").write_bytes(b"1|Toy Story\n")
    with (
        pytest.warns(UserWarning, match=r"u\.item is corrupted") as seen,
        pytest.raises(ConnectionError, match=r"copy the folder ml-100k with its u\.data, u\.user"),
    ):
        load_movielens_100k(alone)
    assert seen[0].filename == __file__


def test_files_that_cannot_be_read_are_named_and_fetched_again(
    alone: Path, raw: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_from_pypi", lambda: raw)
    folder = load_movielens_100k(alone / "theirs").folder
    assert folder is not None
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.parent == folder:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setenv("RECBOOK_DATA", str(alone / "mine"))
    with pytest.warns(UserWarning, match=r"cannot be read \(Permission denied\); looking"):
        load_movielens_100k(alone / "theirs")


def test_a_place_that_cannot_be_written_gives_way_to_the_next(
    alone: Path, raw: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_from_pypi", lambda: raw)
    (alone / "a file").touch()  # no folder can be made in it, not even by root
    with pytest.warns(
        UserWarning,
        match=r"written: .*a file.ml-100k \([^[]*Not a directory.*; it is stored in .*cache",
    ):
        loaded = load_movielens_100k(alone / "a file")
    assert loaded.folder == alone / "cache" / "recbook" / "ml-100k"


def test_where_nothing_can_be_written_it_stays_in_memory(
    alone: Path, raw: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_from_pypi", lambda: raw)
    (alone / "cache").touch()
    monkeypatch.setenv("RECBOOK_DATA", str(alone / "cache" / "deeper"))
    with pytest.warns(UserWarning, match="it is stored in .*tmp.recbook"):
        assert load_movielens_100k().folder == alone / "tmp" / "recbook" / "ml-100k"
    shutil.rmtree(alone / "tmp")
    (alone / "tmp").touch()
    with pytest.warns(UserWarning, match="kept in memory alone; set RECBOOK_DATA") as seen:
        loaded = load_movielens_100k()
    assert loaded.folder is None and loaded.ratings.shape == (100_000, 4)
    assert seen[0].filename == __file__
    monkeypatch.setenv("RECBOOK_DATA", str(alone / "better"))  # as the warning advises
    assert load_movielens_100k().folder == alone / "better" / "ml-100k"


def test_other_users_can_read_what_is_stored(
    alone: Path, raw: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_from_pypi", lambda: raw)
    folder = load_movielens_100k().folder
    assert folder is not None
    (alone / "any").touch()
    for path in folder.iterdir():
        assert path.stat().st_mode == (alone / "any").stat().st_mode


@pytest.mark.parametrize("root", [7, b"data", ["data"], True], ids=str)
def test_a_root_that_is_no_path(alone: Path, root: Any) -> None:
    for load in (load_movielens_100k, load_gowalla, load_citeulike):
        with pytest.raises(TypeError, match=r"got root=.*, expected the path"):
            load(root)


def test_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(KeyboardInterrupt), files.atomic_file(tmp_path / "file") as file:
        file.write(b"content")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.no_cover
def test_two_processes_at_once(
    raw: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both see an empty cache and fill it; both end with the whole data."""
    monkeypatch.delenv("RECBOOK_DATA", raising=False)
    source = tmp_path / "source"
    source.mkdir()
    for name, content in raw.items():
        (source / name).write_bytes(content)
    script = """
import os, time
from pathlib import Path
from recbook import data
from recbook.data import fetching, movielens

def fetch():
    Path(f"ready-{os.getpid()}").touch()
    while len(list(Path().glob("ready-*"))) < 2:
        time.sleep(0.01)
    return {path.name: path.read_bytes() for path in Path("source").iterdir()}

movielens._fetch_movielens = fetch
fetching.user_cache_path = lambda _: "cache"
print(len(data.load_movielens_100k().ratings))
"""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=60)[0] for process in both] == ["100000\n", "100000\n"]
    assert len(list((tmp_path / "cache" / "ml-100k").iterdir())) == 3


def test_gowalla_is_the_authors_split(gowalla: Split) -> None:
    split = gowalla
    assert (split.train.num_users, split.train.num_items) == (29_858, 40_981)
    assert (len(split.train), len(split.test)) == (810_128, 217_242)
    key = torch.cat([part.user * 40_981 + part.item for part in (split.train, split.test)])
    assert len(key.unique()) == len(key)


def test_damaged_copy_of_gowalla_is_named(alone: Path) -> None:
    folder = alone / "gowalla"
    folder.mkdir()
    for name in ("train.txt.gz", "test.txt.gz"):
        (folder / name).write_bytes(b"\x1f\x8b cut off")
    with (
        pytest.warns(UserWarning, match=r"train\.txt\.gz is corrupted"),
        pytest.raises(
            ConnectionError,
            match=r"(?s)^Gowalla is in none of .*its authors' repository: no network.*"
            r"the folder gowalla with its train\.txt and test\.txt from elsewhere",
        ),
    ):
        load_gowalla(alone)


def test_gowalla_from_its_authors(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"train.txt": b"0 1 2\n1 0\n", "test.txt": b"0 0\n"}
    digests = {name: gowalla_module._pairs_md5(content) for name, content in files.items()}
    there = {gowalla_module._GOWALLA_URL + name: content for name, content in files.items()}
    monkeypatch.setattr(gowalla_module, "_GOWALLA_MD5", digests)
    monkeypatch.setattr(fetching, "download", there.__getitem__)
    split = load_gowalla(alone)
    assert repr(split) == "Split(29,858 users, 40,981 items: train 3, test 1)"
    assert (alone / "gowalla" / "test.txt").read_bytes() == b"0 0\n"


def test_gowalla_from_elsewhere_is_refused(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "download", lambda _: b"0 1 2\n1 0\n")
    with pytest.raises(ConnectionError, match=r"train\.txt, test\.txt came with an unexpected"):
        load_gowalla()


def test_citeulike_has_its_published_size(citeulike: pd.DataFrame) -> None:
    assert citeulike.shape == (204_986, 2) and not citeulike.duplicated().any()
    users, items = citeulike["user_id"], citeulike["item_id"]
    assert sorted(users.unique()) == [*range(5551)] and sorted(items.unique()) == [*range(16_980)]
    assert users.value_counts().min() == 10


def test_citeulike_is_what_random_split_takes(citeulike: pd.DataFrame) -> None:
    split = random_split(citeulike, val_size=0.1)
    assert split.train.num_users == 5551 and len(split.test) > 40_000


CITED = b"2 1 2\n1 0\n"


def test_citeulike_from_its_authors(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {citeulike_module._CITEULIKE_URL + "users.dat": CITED}
    monkeypatch.setattr(citeulike_module, "_CITEULIKE_MD5", {"users.dat": fetching.md5(CITED)})
    monkeypatch.setattr(fetching, "download", there.__getitem__)
    rows = load_citeulike(alone)
    assert rows.to_dict("list") == {"user_id": [0, 0, 1], "item_id": [1, 2, 0]}
    assert (alone / "citeulike" / "users.dat").read_bytes() == CITED
    monkeypatch.setattr(fetching, "download", None)  # not asked again
    assert load_citeulike(alone).equals(rows)


def test_articles_have_their_published_tags_and_citations(citeulike: pd.DataFrame) -> None:
    articles = load_citeulike_articles(beside_the_checkout("citeulike"))
    assert articles.tags.shape == (16_980, 46_391) and articles.tags.nnz == 239_253
    assert articles.tag_names[[0, -1]].tolist() == ["ucsc-browser", "andrew-leaver-fay"]
    assert articles.citations.shape == (16_980, 16_980) and articles.citations.nnz == 2 * 44_661
    assert (articles.citations != articles.citations.T).nnz == 0
    assert not articles.citations.diagonal().any()


def test_articles_from_their_authors(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "item-tag.dat": b"2 2 0\n0\n",
        "tags.dat": b"graph\ncell\nsoil",
        "citations.dat": b"1 1\n2 0 1\n",
    }
    digests = {name: fetching.md5(content) for name, content in files.items()}
    there = {citeulike_module._CITEULIKE_URL + name: content for name, content in files.items()}
    monkeypatch.setattr(citeulike_module, "_ARTICLES_MD5", digests)
    monkeypatch.setattr(fetching, "download", there.__getitem__)
    articles = load_citeulike_articles(alone)
    assert articles.tags.toarray().tolist() == [[1, 0, 1], [0, 0, 0]]
    assert articles.tag_names.tolist() == ["graph", "cell", "soil"]
    assert articles.citations.toarray().tolist() == [[0, 1], [1, 0]]


def test_another_citeulike_is_refused(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "download", lambda _: CITED)
    with pytest.raises(ConnectionError, match=r"users\.dat came with an unexpected digest"):
        load_citeulike()


def test_a_damaged_copy_of_citeulike_is_named(alone: Path) -> None:
    (alone / "users.dat").write_bytes(CITED)
    with (
        pytest.warns(UserWarning, match=r"users\.dat is corrupted") as seen,
        pytest.raises(
            ConnectionError,
            match=r"(?s)^CiteULike-a is in none of .*its authors' repository: no network.*"
            r"the folder citeulike with its users\.dat from elsewhere",
        ),
    ):
        load_citeulike(alone)
    assert seen[0].filename == __file__


def test_a_machine_that_has_md5_for_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fetching.hashlib.md5

    def strict(content: bytes, usedforsecurity: bool = True) -> Any:
        if usedforsecurity:
            raise ValueError("disabled for FIPS")
        return real(content)

    monkeypatch.setattr(fetching.hashlib, "md5", strict)
    assert fetching.md5(b"") == "d41d8cd98f00b204e9800998ecf8427e"


def test_a_download_comes_in_blocks_and_has_a_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "some.zip"
    file.write_bytes(bytes(range(250)) * 600)
    bars, updates, limits = [], [], []
    real = urllib.request.urlopen

    def open_address(address: str, timeout: float) -> object:
        limits.append(timeout)
        return real(address, timeout=timeout)

    def bar(**given: object) -> object:
        bars.append(given)
        return nullcontext(SimpleNamespace(update=updates.append))

    monkeypatch.setattr(urllib.request, "urlopen", open_address)
    monkeypatch.setattr(fetching, "progress", bar)
    assert fetching.download(file.as_uri()) == file.read_bytes()
    assert updates == [65_536, 65_536, 150_000 - 2 * 65_536]
    assert bars == [{"what": "some.zip", "total": 150_000, "unit": "B", "unit_scale": True}]
    assert limits == [fetching.TIMEOUT]


def test_a_download_of_unknown_size(monkeypatch: pytest.MonkeyPatch) -> None:
    response = io.BytesIO(b"some")
    response.headers = {}
    bars = []

    def bar(**given: object) -> object:
        bars.append(given["total"])
        return nullcontext(SimpleNamespace(update=lambda number: None))

    monkeypatch.setattr(urllib.request, "urlopen", lambda address, timeout: response)
    monkeypatch.setattr(fetching, "progress", bar)
    assert fetching.download("there/file") == b"some"
    assert bars == [None]
