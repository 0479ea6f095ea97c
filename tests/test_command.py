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
from recbook import load
from recbook.__main__ import run_command
from recbook.data import random_split
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
    assert "got user zed, expected a number or a friend (ann, bob, cem, dora)" in said


def test_ids_that_look_like_movielens_have_no_titles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user, item = np.divmod(np.arange(60), 6)
    table = pd.DataFrame({"user_id": user + 1, "item_id": (item + user) % 9 + 1})
    model = Popularity().fit((split := random_split(table, seed=0)).train)
    from recbook import save

    save(model, split, tmp_path / "own.safetensors")
    (first, *_) = run(capsys, "recommend", tmp_path / "own.safetensors", "--user", 1)
    assert first["user_id"] == 1 and "title" not in first
    assert "nobody has a name" in refused(
        capsys, "recommend", tmp_path / "own.safetensors", "--user", "ann"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("train ease --epochs 3 --out x", "recbook train: got --epochs 3, but ease has none"),
        ("data --ratings nowhere.csv", "nowhere.csv"),
        ("evaluate nowhere.safetensors", "nowhere.safetensors"),
        ("split --test-size 2", "test_size=2"),
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
    for name in ("data", "split", "train", "evaluate", "recommend", "serve"):
        with pytest.raises(SystemExit):
            run_command([name, "--help"])
        shown += capsys.readouterr().out
    examples = [line for line in shown.splitlines() if line.startswith("  recbook ")]
    assert len(examples) == 11
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
