import http.client
import io
import re
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

import recbook
from recbook import files
from recbook.data import (
    Interactions,
    MovieLens,
    Split,
    fetching,
    given_split,
    global_time_split,
    load_gowalla,
    load_movielens_100k,
    per_user_time_split,
    random_split,
    read_interactions,
    to_implicit,
)
from recbook.data import gowalla as gowalla_module
from recbook.data import movielens as source


def test_movielens_has_its_published_size(movielens: MovieLens) -> None:
    assert movielens.ratings.shape == (100_000, 4)
    assert movielens.items.shape == (1682, 4)
    assert movielens.users.shape == (943, 5)
    assert movielens.items["title"].iloc[0] == "Toy Story"
    assert movielens.items["year"].isna().sum() == 1


def test_split_equals_the_original_row_for_row(movielens: MovieLens, original: Split) -> None:
    rows = movielens.ratings[movielens.ratings["rating"] >= 3]
    train, test = train_test_split(rows, test_size=0.2, random_state=16)
    users, user = np.unique(train["user_id"], return_inverse=True)
    items, item = np.unique(train["item_id"], return_inverse=True)
    assert (original.user_ids.tolist(), original.item_ids.tolist()) == (
        users.tolist(),
        items.tolist(),
    )
    assert original.train.user.tolist() == user.tolist()
    assert original.train.item.tolist() == item.tolist()
    kept = test[test["user_id"].isin(users) & test["item_id"].isin(items)]
    assert original.user_ids[original.test.user].tolist() == kept["user_id"].tolist()
    assert original.item_ids[original.test.item].tolist() == kept["item_id"].tolist()


def test_split_has_the_original_counts(original: Split) -> None:
    train = original.train
    assert len(train) + len(original.test) + sum(original.num_dropped.values()) == 82_520
    assert (len(train), len(original.test)) == (66_016, 16_472)
    assert original.num_dropped == {"test": 32}
    assert (train.num_users, train.num_items) == (943, 1546)
    assert (original.test.user_degree > 0).sum() == 938


@pytest.mark.parametrize("val_size", [0.1, 0.5])
def test_validation_leaves_the_test_part_alone(
    movielens: MovieLens, original: Split, val_size: float
) -> None:
    split = random_split(to_implicit(movielens.ratings), val_size=val_size)
    assert split.test.user.equal(original.test.user)
    assert split.test.item.equal(original.test.item)
    assert split.val is not None
    key = torch.cat([part.user * 2000 + part.item for part in split.parts.values()])
    dropped = split.num_dropped
    assert len(key.unique()) == len(key) == 82_520 - 32 - dropped["val"]
    assert len(split.val) + dropped["val"] == 82_520 * val_size
    assert dropped == {"val": {0.1: 11, 0.5: 347}[val_size], "test": 32}


@pytest.mark.parametrize("cut", [random_split, per_user_time_split, global_time_split])
def test_a_validation_row_has_a_user_and_an_item_of_train(movielens: MovieLens, cut: Any) -> None:
    split = cut(to_implicit(movielens.ratings), val_size=0.1)
    train, val, test = split.train, split.val, split.test
    assert (train.user_degree[val.user] > 0).all() and (train.item_degree[val.item] > 0).all()
    full = cut(to_implicit(movielens.ratings))
    assert (full.train.user_degree[test.user] > 0).all()
    assert (full.train.item_degree[test.item] > 0).all()
    assert full.test.user.equal(test.user) and full.test.item.equal(test.item)


def test_what_cannot_be_scored_is_counted_by_part() -> None:
    # Train: user 1 with films 1 to 4. Then user 2 comes, user 1 sees film 5 and film 2 again.
    user, item = [1, 1, 1, 1, 4, 2, 1, 4, 2, 2, 3, 4], [1, 2, 3, 4, 1, 1, 5, 2, 5, 6, 1, 5]
    split = global_time_split(log(user, item, range(12)), test_size=1 / 3, val_size=0.25)
    assert raw_pairs(split, split.train) == {(1, 1), (1, 2), (1, 3), (1, 4), (4, 1)}
    assert raw_pairs(split, split.val) == {(4, 2)}  # train has neither user 2 nor film 5
    assert raw_pairs(split, split.test) == {(2, 5), (4, 5)}  # user 3 and film 6 are new
    assert split.num_dropped == {"val": 2, "test": 2}
    assert "val 1 (2 dropped), test 2 (2 dropped)" in repr(split)
    full = global_time_split(log(user, item, range(12)), test_size=1 / 3)
    assert raw_pairs(full, full.test) == raw_pairs(split, split.test)
    with pytest.raises(ValueError, match="test part that is empty: none of its 3 rows"):
        global_time_split(log(list(range(12)), item, range(12)))


def test_a_split_that_is_there_already() -> None:
    train, val = frame(), frame(item_id=[7, 8, 6])
    test = pd.DataFrame({"user_id": [1, 2, 3], "item_id": [6, 7, 5]}).drop(index=0)
    split = given_split(train, test, val)
    assert raw_pairs(split, split.val) == {(2, 6)}
    assert raw_pairs(split, split.test) == {(2, 7)}  # user 3 is nobody's, film 7 is validation's
    assert split.num_dropped == {"val": 2, "test": 1}
    assert repr(given_split(train)) == "Split(2 users, 2 items: train 3)"
    with pytest.raises(ValueError, match=r"1 pairs in two parts, the first is \(1, 5\)"):
        given_split(train, train.iloc[:1])


@settings(deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 9), st.sampled_from("abcdef")), min_size=8),
    st.sampled_from([0, 0.2]),
)
def test_no_row_is_lost_or_made_up(pairs: set[tuple[int, str]], val_size: float) -> None:
    rows = pd.DataFrame(sorted(pairs), columns=["user_id", "item_id"])
    try:
        split = random_split(rows, val_size=val_size)
    except ValueError as error:
        assert "part that is empty: none of its" in str(error)
        return
    decoded = [
        (split.user_ids[user], split.item_ids[item])
        for part in split.parts.values()
        for user, item in zip(part.user, part.item, strict=True)
    ]
    assert len(decoded) + sum(split.num_dropped.values()) == len(pairs)
    assert set(decoded) <= pairs and max(Counter(decoded).values()) == 1


@settings(deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1).map(sorted),
    st.lists(st.integers(0, 5), max_size=8),
)
def test_rows_by_brute_force(pairs: list[tuple[int, int]], users: list[int]) -> None:
    user, item = zip(*pairs, strict=True)
    some = Interactions.from_pairs(user, item, 6, 8)
    rows = some.dense_rows(torch.tensor(users, dtype=torch.long))
    assert rows.tolist() == [[(u, i) in pairs for i in range(8)] for u in users]
    indptr, items = some.by_user
    for u in range(6):
        assert items[indptr[u] : indptr[u + 1]].tolist() == [i for v, i in pairs if v == u]


@pytest.mark.parametrize(
    ("user", "item", "numbers", "message"),
    [
        ([], [], {}, "expected at least one"),
        ([0, 1], [0], {}, "2 users and 1 items"),
        (
            [0, -1],
            [0, 1],
            {},
            "user: got position -1, expected 0 or more; raw ids are encoded by random_split",
        ),
        ([0, 2], [0, 1], {"num_users": 2}, "position 2 with num_users=2, expected 0 to 1"),
        ([0, 4_000_000_000], [0, 1], {}, "got 4000000000 among 2 pairs, .* pass num_users=40"),
        ([0, 1, 1], [0, 3, 3], {}, "1 duplicate pairs, the first is user 1 with item 3"),
    ],
)
def test_bad_positions(user: list, item: list, numbers: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Interactions.from_pairs(user, item, **numbers)


@pytest.mark.parametrize("user", [[0.0, 1.0], ["a", "b"], [True, False], None, [None, 1]], ids=str)
def test_what_are_no_positions(user: Any) -> None:
    with pytest.raises(TypeError, match=r"user: got .*, expected .*position"):
        Interactions.from_pairs(user, [0, 1])


def test_a_series_is_read_by_its_values() -> None:
    user = pd.Series([0, 1, 1], index=[7, 0, 1])
    assert Interactions.from_pairs(user, user[::-1].to_numpy()).user.tolist() == [0, 1, 1]


def test_positions_are_looked_at_whoever_builds_the_interactions() -> None:
    one = torch.tensor([1])
    with pytest.raises(ValueError, match="item: got position 1, expected 0 to 0"):
        Interactions(one, one, 2, 1)
    with pytest.raises(ValueError, match="got 1 users and 2 items, expected pairs"):
        Interactions(one, torch.tensor([0, 1]), 2, 2)


def test_parts_of_different_size() -> None:
    small, large = Interactions.from_pairs([0], [0]), Interactions.from_pairs([0], [1])
    with pytest.raises(ValueError, match="same num_users"):
        Split(small, large)


def frame(**columns: list) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 1, 2], "item_id": [5, 6, 5]} | columns)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (frame().iloc[:0], "got no rows"),
        (frame().drop(columns="item_id"), "'item_id'. missing"),
        (frame(user_id=[1, None, 2]), "'user_id' has 1 missing values"),
        (frame(user_id=[1, -1, 2]), "negative id -1"),
        (frame(user_id=[1, np.inf, 2]), "infinite id"),
        (frame(user_id=[1, "1", 2]), "'user_id' mixes types"),
        (frame(item_id=[5, 5, 5]), r"1 duplicate .* \(1, 5\)"),
    ],
)
def test_bad_frames(rows: pd.DataFrame, message: str) -> None:
    for reader in (read_interactions, random_split):
        with pytest.raises(ValueError, match=message):
            reader(rows)


def test_too_few_rows_to_split() -> None:
    for num_rows, sizes in ((1, (0.2, 0)), (2, (0.5, 0.2)), (3, (0.4, 0.2))):
        with pytest.raises(
            ValueError, match=f"got {num_rows} rows, .* expected one or more to train on"
        ):
            random_split(frame().iloc[:num_rows], *sizes)
    with pytest.raises(ValueError, match="a test part that is empty: none of its 1 rows"):
        random_split(frame().iloc[:2], 0.5)


@pytest.mark.parametrize(
    "sizes",
    [(np.nan, 0), (0, 0), (1.5, 0), (20, 0), (0.2, -0.1), (0.6, 0.4), ("0.2", 0), (0.2, None)],
)
def test_sizes_that_are_no_shares(sizes: tuple) -> None:
    kind = ValueError if all(isinstance(size, int | float) for size in sizes) else TypeError
    with pytest.raises(kind, match=r"expected (a share|shares of all rows)"):
        random_split(frame(), *sizes)


def test_to_implicit_keeps_order_and_names_an_impossible_threshold() -> None:
    rows = frame(rating=[3, 2, 5])
    assert to_implicit(rows).values.tolist() == [[1, 5], [2, 5]]
    with pytest.raises(ValueError, match="min_rating=6, the highest is 5"):
        to_implicit(rows, min_rating=6)
    with pytest.raises(ValueError, match=r"'rating'. missing"):
        to_implicit(frame())
    with pytest.raises(ValueError, match=r"'rating' is .*, expected numbers"):
        to_implicit(frame(rating=["5", "4", "3"]))
    with pytest.raises(ValueError, match="'rating' has 1 missing values"):
        to_implicit(frame(rating=[3, None, 5]))


def test_read_your_own_csv(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("visitor,page,when\nann,a,3\nbob,a,4\n")
    rows = read_interactions(path, user_id="visitor", item_id="page", timestamp="when")
    assert rows.values.tolist() == [["ann", "a", 3], ["bob", "a", 4]]
    with pytest.raises(ValueError, match=r"no column .'guest'"):
        read_interactions(path, user_id="guest")
    with pytest.raises(ValueError, match="'users'"):
        read_interactions(path, users="visitor")


def test_read_a_frame_leaves_it_as_it_was() -> None:
    rows = frame(page=[7, 8, 9]).set_index([[3, 4, 5]])
    assert list(read_interactions(rows)) == ["user_id", "item_id"]
    assert read_interactions(rows).index.tolist() == [0, 1, 2]
    assert list(rows) == ["user_id", "item_id", "page"]


def test_a_new_name_that_is_taken_already() -> None:
    with pytest.raises(ValueError, match="user_id"):
        read_interactions(frame(visitor=[1, 2, 3]), user_id="visitor")


@pytest.fixture
def raw(movielens: MovieLens) -> dict[str, bytes]:
    return {name: (movielens.folder / name).read_bytes() for name in source._ML_MD5}


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data in the environment's places, and no network."""
    monkeypatch.delenv("RECBOOK_DATA", raising=False)
    monkeypatch.setattr(fetching, "user_cache_path", lambda _: tmp_path / "cache")

    def refuse(*_: object) -> dict[str, bytes]:
        raise OSError("no network")

    for module in (source, gowalla_module):
        monkeypatch.setattr(module, "download", refuse)
    monkeypatch.setattr(source, "_from_pypi", refuse)
    return tmp_path


def test_grouplens_archive_gives_the_same_files(
    alone: Path, raw: dict[str, bytes], movielens: MovieLens, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = []
    for item, title, year, genres in movielens.items.itertuples(index=False):
        flags = "|".join(str(int(genre in genres.split())) for genre in source._ML_GENRES)
        full = "unknown" if pd.isna(year) else f"{title} ({year})" + " (V)" * (item == 1412)
        lines.append(f"{item}|{full}|01-Jan-1995||url|{flags}\n")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("ml-100k/u.item", "".join(lines).encode("latin-1"))
        for name in ("u.data", "u.user"):
            file.writestr(f"ml-100k/{name}", raw[name])
    monkeypatch.setattr(source, "download", lambda _: archive.getvalue())
    assert source._from_grouplens() == raw
    assert load_movielens_100k(alone / "mine").folder == alone / "mine" / "ml-100k"


def test_pypi_package_gives_the_same_files(
    raw: dict[str, bytes], movielens: MovieLens, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = movielens.items.astype({"year": "string"}).fillna({"year": ""})
    lines = ["\t".join(row) for row in items.astype(str).itertuples(index=False)]
    members = {
        "inter": b"header\n" + raw["u.data"],
        "item": "\n".join(["header", *lines]).encode(),
        "user": b"header\n" + raw["u.user"].replace(b"|", b"\t"),
    }

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess:
        with zipfile.ZipFile(Path(command[-2]) / "some.whl", "w") as wheel:
            for kind, content in members.items():
                wheel.writestr(f"recbole/dataset_example/ml-100k/ml-100k.{kind}", content)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(source.subprocess, "run", pip)
    assert source._from_pypi() == raw

    def fail(command: list[str], **_: object) -> subprocess.CompletedProcess:
        return subprocess.CompletedProcess(command, 1, stderr="no such host")

    monkeypatch.setattr(source.subprocess, "run", fail)
    with pytest.raises(OSError, match=r"recbole==1\.2\.1 failed: no such host"):
        source._from_pypi()


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
    with pytest.raises(ConnectionError, match=r"(?s)GroupLens: no network.*PyPI: no network"):
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
    assert load_movielens_100k().folder == alone / "cache" / "ml-100k"


def test_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(KeyboardInterrupt), files.atomic_file(tmp_path / "file") as file:
        file.write(b"content")
    assert list(tmp_path.iterdir()) == []


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


def test_nothing_is_pickled() -> None:
    for path in Path(recbook.__file__).parent.rglob("*.py"):
        assert "pickle" not in path.read_text()
        loads = re.findall(r"torch\.load\((.*?)\)", path.read_text(), re.DOTALL)
        assert all("weights_only=True" in given for given in loads), path


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
        pytest.raises(ConnectionError, match="its authors' repository: no network"),
    ):
        load_gowalla(alone)


def test_gowalla_from_elsewhere_is_refused(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gowalla_module, "download", lambda _: b"0 1 2\n1 0\n")
    with pytest.raises(ConnectionError, match=r"train\.txt, test\.txt came with an unexpected"):
        load_gowalla()


def log(user: list[int], item: list[int], timestamp: Sequence[int]) -> pd.DataFrame:
    return pd.DataFrame({"user_id": user, "item_id": item, "timestamp": timestamp})


def raw_pairs(split: Split, part: Interactions) -> set[tuple[int, int]]:
    assert split.user_ids is not None and split.item_ids is not None
    pairs = zip(split.user_ids[part.user.numpy()], split.item_ids[part.item.numpy()], strict=True)
    return {(int(user), int(item)) for user, item in pairs}


def test_the_latest_of_each_user() -> None:
    # User 1's times run backwards; of user 2's two rows at the same time a hash chooses one.
    rows = log([1] * 5 + [2] * 5, [1, 2, 3, 4, 5] * 2, [50, 40, 30, 20, 10, 1, 2, 3, 4, 4])
    split = per_user_time_split(rows, test_size=0.2, val_size=0.2)
    assert split.val is not None
    assert raw_pairs(split, split.train) == {(1, i) for i in (3, 4, 5)} | {
        (2, i) for i in (1, 2, 3)
    }
    assert raw_pairs(split, split.val) == {(1, 2), (2, 4)}
    assert raw_pairs(split, split.test) == {(1, 1), (2, 5)}


def test_users_with_few_rows_keep_them_for_train() -> None:
    rows = log([1, 1, 1, 2, 2, 2, 2, 2], [1, 2, 3, 1, 2, 3, 4, 5], [1, 2, 3, 1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="none of its 1 rows has a user and an item"):
        per_user_time_split(rows, test_size=0.3)  # item 5 is in nobody's train part
    rows = pd.concat([rows, log([1], [5], [0])])
    split = per_user_time_split(rows, test_size=0.2)
    assert split.train.user_degree.tolist() == [4, 4] and len(split.test) == 1


def test_one_moment_for_all() -> None:
    rows = log([1, 2, 1, 3, 2, 1], [1, 2, 2, 9, 1, 9], [1, 2, 3, 4, 4, 5])
    split = global_time_split(rows, test_size=0.3)  # two of six, and what shares the first's time
    assert raw_pairs(split, split.train) == {(1, 1), (2, 2), (1, 2)}
    assert raw_pairs(split, split.test) == {(2, 1)}
    assert split.num_dropped == {"test": 2}  # user 3 and film 9 were not there yet


@pytest.mark.parametrize("cut", [per_user_time_split, global_time_split])
def test_nothing_of_the_future_is_in_train(movielens: MovieLens, cut: Any) -> None:
    liked = to_implicit(movielens.ratings)
    split = cut(liked, val_size=0.1)
    when = liked.set_index(["user_id", "item_id"])["timestamp"].to_dict()
    times = {
        name: [(user, when[user, item]) for user, item in raw_pairs(split, part)]
        for name, part in (("train", split.train), ("val", split.val), ("test", split.test))
    }
    for earlier, later in (("train", "val"), ("val", "test"), ("train", "test")):
        if cut is global_time_split:
            assert max(t for _, t in times[earlier]) < min(t for _, t in times[later])
        else:
            last = {}
            for user, t in times[earlier]:
                last[user] = max(t, last.get(user, 0))
            assert all(last.get(user, 0) <= t for user, t in times[later])
    parts = sum(len(part) for part in (split.train, split.val, split.test))
    assert parts + sum(split.num_dropped.values()) == len(liked)
    full = cut(liked)
    assert raw_pairs(full, full.test) == raw_pairs(split, split.test)


@pytest.mark.parametrize("cut", [per_user_time_split, global_time_split])
def test_splits_by_time_refuse(cut: Any) -> None:
    rows = log([1, 1, 2, 2], [1, 2, 1, 2], [7, 7, 7, 7])
    with pytest.raises(ValueError, match=r"\['timestamp'\] missing"):
        cut(rows.drop(columns="timestamp"))
    with pytest.raises(ValueError, match="got test_size=0, expected a share"):
        cut(rows, test_size=0)
    with pytest.raises(ValueError, match=r"a (train|test) part that is empty"):
        cut(rows)  # all at one moment, or too few rows a user
