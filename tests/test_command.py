"""recbook on the command line: what it prints, stores and answers, and what it refuses."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recbook import __main__ as command
from recbook import choosing, load, save
from recbook.__main__ import run_command
from recbook.answers import StoredAnswers
from recbook.data import (
    check_log,
    clean_log,
    given_split,
    random_split,
    read_interactions,
    read_log,
    shop_log,
)
from recbook.evaluation import evaluate
from recbook.models import Popularity


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """Forty people with names, thirty pages, most of them seen by few."""
    user, item = np.nonzero(np.random.default_rng(0).random((40, 30)) < np.linspace(0.1, 0.6, 30))
    rows = pd.DataFrame({"user_id": user, "item_id": item}).astype(str)
    path = tmp_path / "visits.csv"
    ("p" + rows).to_csv(path, index=False)
    return path


def run(capsys: pytest.CaptureFixture[str], *given: Any) -> Any:
    """What a command prints as JSON, where it succeeds."""
    assert run_command([*map(str, given), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *given: Any) -> str:
    """What a command says that cannot be done; it prints nothing else."""
    capsys.readouterr()
    assert run_command([*map(str, given)]) == 1
    out, said = capsys.readouterr()
    assert out == "" and "Traceback" not in said
    return said


def test_from_a_file_to_lists(
    visits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored, rows = tmp_path / "model.safetensors", pd.read_csv(visits)
    assert run(capsys, "data", "--ratings", visits)["interactions"] == len(rows)
    found = run(capsys, "train", "popularity", "--ratings", visits, "--out", stored)
    model, parts = load(stored)
    expected = evaluate(Popularity().fit(parts.train), parts.train, parts.test).as_dict()
    assert found.pop("stored") == str(stored) and found == pytest.approx(expected)
    ours = random_split(rows)
    assert (parts.train.user == ours.train.user).all() and len(parts.test) == len(ours.test)
    at_five = run(capsys, "evaluate", stored, "-k", 5)
    assert at_five == pytest.approx(evaluate(model, parts.train, parts.test, k=5).as_dict())
    found = run(capsys, "recommend", stored, "--user", "p3", "--user", "p7", "-k", 4)
    lists = parts.recommend(model, ["p3", "p7"], 4)
    assert pd.DataFrame(found)["item_id"].tolist() == lists["item_id"].tolist()


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    """A shop's log under the names that it may have, with what is wrong with it."""
    faults = ["missing values", "exact duplicates", "bots", "repeated visits"]
    log = shop_log(0, 120, 60, faults).log
    path = tmp_path / "clicks.csv"
    log.set_axis(["Visitor", "sku", "created_at"], axis=1).to_csv(path, index=False, sep=";")
    return path


def test_a_log_is_checked(clicks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "check", clicks, "--out", tmp_path / "clean.csv")
    log = read_log(clicks)
    assert found == check_log(log).to_dict("records") and len(found) == 4
    assert read_interactions(tmp_path / "clean.csv").equals(clean_log(log))
    assert run(capsys, "check", tmp_path / "clean.csv") == []
    assert run_command(["check", str(clicks)]) == 0
    out, told = capsys.readouterr()
    assert "user_id is 'Visitor', item_id is 'sku', timestamp is 'created_at'" in told
    assert (
        "not used" not in told
        and out.count("dropped ") == 4
        and "bots" in out
        and max(map(len, out.splitlines())) < 120
    )


def test_from_clicks_to_a_model_that_answers(
    clicks: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choosing, "CANDIDATES", ("Popularity", "ItemKNN", "EASE"))
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    stored = tmp_path / "clicks.safetensors"
    assert run_command(["fit", str(clicks), "--out", str(stored), "--trials", "1", "--json"]) == 0
    out, told = capsys.readouterr()
    rows = clean_log(read_log(clicks))
    chosen = choosing.choose(rows, trials=1)
    table = json.loads(out)
    assert [row["model"] for row in table] == ["Popularity", chosen.name]
    assert [row["recall"] for row in table] == pytest.approx(list(chosen.measures["recall"]))
    assert "bots: 6,000 rows are left out" in told and "split by time" in told
    assert all(sentence in told for sentence in chosen.expectations())
    model, parts = load(stored)
    assert len(parts.train) == len(rows) and type(model) is type(chosen.model)
    user = rows["user_id"][0]
    lists = run(capsys, "recommend", stored, "--user", user, "-k", 3)
    assert lists == parts.recommend(model, user, 3).to_dict("records")
    answers = StoredAnswers(stored)
    assert [item for item, _ in answers.recommend(user, 3)] == [row["item_id"] for row in lists]


def test_ratings_are_liked_or_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "CANDIDATES", ("Popularity", "ItemKNN"))
    user, item = np.divmod(np.arange(400), 20)
    table = pd.DataFrame({"user": user, "movie": item, "stars": 1 + (user + item) % 5})
    table[table.index % 3 > 0].to_csv(tmp_path / "stars.csv", index=False)
    stored = tmp_path / "model"
    given = ["fit", tmp_path / "stars.csv", "--out", stored, "--min-rating", 4, "-k", 5]
    assert run_command([*map(str, given)]) == 0
    rated = table[table.index % 3 > 0]
    liked = rated[rated["stars"] >= 4]
    left_out = f"ratings below 4: {len(rated) - len(liked):,} rows are left out"
    assert left_out in capsys.readouterr().err
    assert len(load(stored)[1].train) == len(liked)


def test_kinds_of_events_that_count_are_named(
    visits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(visits)
    table["event"] = np.where(table.index % 4, "purchase", "remove")
    table.assign(price=1).to_csv(tmp_path / "events.csv", index=False)
    (found,) = run(capsys, "check", tmp_path / "events.csv")
    assert found["what"] == "kinds of events" and found["rows"] == (table.index % 4 == 0).sum()
    only = ["--events", "purchase"]
    assert run(capsys, "check", tmp_path / "events.csv", *only) == []
    rows = run(capsys, "data", "--ratings", tmp_path / "events.csv", *only)["interactions"]
    assert rows == (table["event"] == "purchase").sum()
    said = refused(capsys, "check", tmp_path / "events.csv", "--events", "like")
    assert "not used: 'price'" in said and "got the event 'like'" in said


def test_pairs_that_come_twice_are_cleaned_first(
    clicks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ["train", "popularity", "--out", tmp_path / "model", "--ratings"]
    said = refused(capsys, *train, clicks)
    assert f"recbook check {clicks} --out clean.csv" in said
    run(capsys, "check", clicks, "--out", tmp_path / "clean.csv")
    assert run(capsys, *train, tmp_path / "clean.csv")["recall"] > 0


def test_columns_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"who": ["a", "b"], "what": ["x", "y"], "time": ["2025", "2026"]})
    table.to_csv(tmp_path / "odd.csv", index=False)
    said = refused(capsys, "check", tmp_path / "odd.csv")
    assert "none of which is the user_id" in said and "got the columns ['who', 'what'" in said
    named = ["--columns", "user_id=who,item_id=what"]
    assert run(capsys, "check", tmp_path / "odd.csv", *named) == []
    assert run(capsys, "data", "--ratings", tmp_path / "odd.csv", *named)["users"] == 2
    twice = "user_id=who,item_id=what,user_id=what"
    for wrong in ("user_id", "user_id=", "user=who,item_id=what", "user_id=nobody", twice):
        assert "expected" in refused(capsys, "check", tmp_path / "odd.csv", "--columns", wrong)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n\n", b"user,item\n", b"user,item\na\nb,c,d\n", b"user;item\na;b;c\n",
        b"user,item\n,\n", b"user,item\n-1,NaN\n", b"user,item,time\na,b,yesterday\n",
        b"user,item\na,\"b\n", b"\xff\xfe\x00", b"PK\x03\x04\x00", b"\x1f\x8b\x08",
        b"a,b\n1,2\n", b"{", b'{"user": [1], "item": 2}', b"user,user,item\na,b,c\n",
        b"user,item\n" + b"a" * 2000 + b",b\n", b"PAR1", b"<html></html>",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.* is not UTF-8")
def test_what_is_no_log_is_refused_in_words(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "odd.csv", tmp_path / "model"
    path.write_bytes(content)
    for given in (["fit", path, "--out", out], ["train", "ease", "--ratings", path, "--out", out]):
        said = refused(capsys, *given)
        assert "got" in said and ("expected" in said or "close it" in said)
    assert not out.exists()


def test_where_nothing_can_be_written_that_is_said_before_the_work(
    visits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = visits / "model"  # in a file
    for given in (["fit", visits], ["train", "ease", "--ratings", visits]):
        said = refused(capsys, *given, "--out", wrong)
        assert "cannot be written" in said and "name a file elsewhere" in said
        assert "reading" not in said
    for given in (["check", visits], ["split", "--ratings", visits]):
        assert "cannot be written" in refused(capsys, *given, "--out", wrong)
    assert [*tmp_path.iterdir()] == [visits]


def test_what_is_written_is_there_whole_or_not_at_all(
    visits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "clean.csv").write_text("before")
    for given in (["check", visits, "--out", tmp_path / "clean.csv"],
                  ["split", "--ratings", visits, "--out", tmp_path / "parts"]):  # fmt: skip
        assert "No space left" in refused(capsys, *given)
    assert (tmp_path / "clean.csv").read_text() == "before"
    assert [*(tmp_path / "parts").iterdir()] == []


def test_parts_are_written(
    visits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--ratings", visits, "--val-size", 0.1, "--split-seed", 3, "--out", tmp_path / "a/b"]
    sizes = run(capsys, "split", *given)
    ours = random_split(pd.read_csv(visits), val_size=0.1, seed=3)
    for name, part in (("train", ours.train), ("validation", ours.val), ("test", ours.test)):
        written = pd.read_csv(tmp_path / f"a/b/{name}.csv")
        assert sizes[name] == len(part) == len(written)
        assert (written["user_id"] == ours.user_ids[part.user]).all()
        assert (written["item_id"] == ours.item_ids[part.item]).all()


@pytest.mark.parametrize("name", [*command.TRAINED, "puresvd", "itemknn", "ease", "ials"])
def test_each_model_is_stored(
    name: str, visits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--epochs", 1] if name in command.TRAINED else []
    out = tmp_path / "model.safetensors"
    given = ["train", name, "--ratings", visits, "--out", out, *few]
    found = run(capsys, *given)
    assert 0 < found["recall"] <= 1
    assert type(load(out)[0]).__name__.lower().startswith({"mf": "matrix"}.get(name, name))


def test_movielens_has_titles_and_friends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "films.safetensors"
    run(capsys, "train", "popularity", "--out", stored)
    assert run_command(["recommend", str(stored), "--user", "Ann", "--user", "914", "-k", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["user_id", "rank", "item_id", "title", "score"]
    assert len(lines) == 4 and "Star Wars" in lines[1]  # Ann is user 914
    said = refused(capsys, "recommend", stored, "--user", "zed")
    assert (
        "got 'zed', expected an id of the model, e.g. 1, 2, 3 or a friend (ann, bob, cem, " in said
    )


def test_ids_that_look_like_movielens_have_no_titles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user, item = np.divmod(np.arange(60), 6)
    table = pd.DataFrame({"user_id": user + 1, "item_id": (item + user) % 9 + 1})
    model = Popularity().fit((split := random_split(table, seed=0)).train)
    save(model, split, tmp_path / "own.safetensors")
    (first, *_) = run(capsys, "recommend", tmp_path / "own.safetensors", "--user", 1)
    assert first["user_id"] == 1 and "title" not in first
    for wrong in ("ann", "01", "-1", "1.0"):  # ids are compared as text
        said = refused(capsys, "recommend", tmp_path / "own.safetensors", "--user", wrong)
        assert f"got '{wrong}', expected an id of the model, e.g. 1, 2, 3; ids are" in said


def test_a_list_is_what_the_service_answers(
    visits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(visits)
    table["user_id"] = table["user_id"].str.replace("p", "00")  # text, whose zeros say something
    table.to_csv(visits, index=False)
    stored = tmp_path / "model"
    run(capsys, "train", "ease", "--ratings", visits, "--out", stored)
    given = ["recommend", stored, "--user", "007", "--user", "003", "--user", "007", "-k", 3]
    lists = pd.DataFrame(run(capsys, *given)).groupby("user_id", sort=False)
    for (name, rows), asked in zip(lists, ["007", "003"], strict=True):
        answered = StoredAnswers(stored).recommend(asked, 3)
        assert name == asked and rows["rank"].tolist() == [1, 2, 3]
        assert [*rows[["item_id", "score"]].itertuples(index=False, name=None)] == answered
    assert "got '7', expected an id of the model" in refused(
        capsys, "recommend", stored, "--user", "7"
    )
    assert "k=0" in refused(capsys, "recommend", stored, "--user", "007", "-k", 0)


def test_somebody_without_a_list_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pd.DataFrame({"user_id": list("aabb"), "item_id": list("xyyx")})
    save((Popularity().fit((split := given_split(rows)).train)), split, tmp_path / "model")
    assert run_command(["recommend", str(tmp_path / "model"), "--user", "a", "--json"]) == 0
    out, told = capsys.readouterr()
    assert json.loads(out) == [] and "no list for a: " in told


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("train ease --epochs 3 --out x", "recbook train: got --epochs 3, but ease has none"),
        ("data --ratings nowhere.csv", "nowhere.csv"),
        ("evaluate nowhere.safetensors", "nowhere.safetensors"),
        ("split --test-size 2", "test_size=2"),
        ("check nowhere.csv", "nowhere.csv"),
        ("fit . --out x", "a folder"),
        ("recommend nowhere --user 1", "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(
    given: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, *given.split())


@pytest.mark.parametrize("given", ["", "sing", "train", "train svd --out x", "recommend x"])
def test_what_has_no_sense_ends_with_2(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(given.split())
    assert ended.value.code == 2 and "usage: recbook" in capsys.readouterr().err


def test_examples_of_the_help_are_commands(capsys: pytest.CaptureFixture[str]) -> None:
    shown = command.EXAMPLES
    for name in "data split train evaluate recommend check fit serve".split():
        with pytest.raises(SystemExit):
            run_command([name, "--help"])
        shown += capsys.readouterr().out
    examples = [line for line in shown.splitlines() if line.startswith("  recbook ")]
    assert len(examples) == 16
    for line in examples:
        assert command.parser().parse_args(shlex.split(line)[1:]).run


def test_help_waits_for_no_library() -> None:
    code = "import sys; from recbook.__main__ import parser; parser().format_help(); "
    code += "assert not {'torch', 'pandas', 'numpy', 'sklearn'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_serve_says_what_it_cannot_answer_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "expected a file of save" in refused(capsys, "serve", tmp_path / "nothing")
    assert "port" in refused(capsys, "serve", tmp_path / "nothing", "--port", 70000)


def test_serve_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    monkeypatch.delitem(sys.modules, "recbook.serve", raising=False)
    assert "pip install 'recbook[serve]'" in refused(capsys, "serve", "films.safetensors")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("recbook tr", {"train"}),
        ("recbook train li", {"lightgcn"}),
        ("recbook train ials --spl", {"--split-seed"}),
        ("recbook evaluate mod", {"model.safetensors"}),
    ],
)
def test_the_tab_key_completes(typed: str, offered: set[str], tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    answer = tmp_path / "answer"
    asked = {  # what register-python-argcomplete's function hands on
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": typed, "COMP_POINT": str(len(typed)), "COMP_TYPE": "9",
        "PYTHONPATH": str(Path(command.__file__).parents[1]),
    }  # fmt: skip
    subprocess.run([sys.executable, "-m", "recbook"], cwd=tmp_path, env=os.environ | asked)
    assert {word.strip() for word in answer.read_text().split("\n")} == offered
