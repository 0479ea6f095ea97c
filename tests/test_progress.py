"""How far something has come: a bar on a terminal and in a notebook, lines in a log."""

import builtins
import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import recbook
from recbook.data import Interactions
from recbook.evaluation import evaluate
from recbook.models import SLIM
from recbook.progress import progress

STEPS = "epoch on cpu", dict(initial=2, total=5, every=0)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What is written where no terminal and no notebook shows bars."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    return lambda: capsys.readouterr().err


def test_a_log_has_a_line_for_each_step(log: Callable[[], str]) -> None:
    what, given = STEPS
    with progress(range(3), what, **given) as bar:
        for step in bar:
            bar.set_postfix({"loss": f"{step / 10:.3f}"}, refresh=False)
    lines = log().splitlines()
    assert [re.sub(r"\d\d:\d\d left", "... left", line) for line in lines] == [
        f"epoch on cpu {n} of 5, ... left, loss=0.{n - 3}00" for n in (3, 4, 5)
    ]
    assert lines[-1].split(", ")[1] == "00:00 left"


def test_a_log_has_no_more_than_a_line_each_ten_seconds(
    log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    for _ in progress(range(40), "sweep"):
        now[0] += 4
    assert [line.split()[1] for line in log().splitlines()][:4] == ["3", "6", "9", "12"]


def test_what_ends_before_its_delay_shows_nothing(log: Callable[[], str]) -> None:
    assert list(progress(range(3), "sweep", delay=2)) == [0, 1, 2]
    with progress(what="some.zip", total=7, delay=2) as bar:
        bar.update(7)
    assert log() == ""


def test_nothing_is_shown_where_the_environment_says_so(
    log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    what, given = STEPS
    for terminal in (False, True):
        monkeypatch.setattr("sys.stderr.isatty", lambda terminal=terminal: terminal)
        assert list(progress(range(3), what, **given)) == [0, 1, 2]
    assert log() == ""


def test_slim_and_evaluate_say_how_far_they_are(
    log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(step=20)
    monkeypatch.setattr("tqdm.std.time", lambda: next(seconds))
    train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])
    model = SLIM(l1=0.1, l2=1).fit(train)
    assert "item 3 of 3" in log()
    evaluate(model, train, Interactions.from_pairs([0, 1], [2, 1], 3, 3), k=1, block=1)
    assert "block of users 2 of 2" in log()


@pytest.mark.parametrize("where", ["terminal", "notebook"])
def test_who_can_see_a_bar_has_one_that_leaves_nothing(
    log: Callable[[], str], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "terminal":
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    else:
        monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    what, given = STEPS
    given = {name: value for name, value in given.items() if name != "every"}
    assert list(progress(range(3), what, **given)) == [0, 1, 2]
    drawn = log()
    assert "\n" not in drawn and "epoch on cpu:" in drawn and "| 2/5 [" in drawn
    assert drawn.split("\r")[-2].strip() == ""


def test_training_in_a_log_writes_a_line_an_epoch() -> None:
    code = """
from recbook.data import Interactions, Split
from recbook.models import LightGCN
from recbook.training import train
pairs = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])
split = Split(pairs, val=Interactions.from_pairs([0], [2], 3, 3))
train(LightGCN(3, 3, embedding_dim=4), split, epochs=3, batch_size=4, k=2)
"""
    env = {"PYTHONPATH": str(Path(recbook.__file__).parents[1])}
    env["PYTHONWARNINGS"] = "ignore"  # PyG has some of its own with newer versions
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    for epoch, line in enumerate(lines, start=1):
        number = r"=\d\.\d{3}"
        shown = rf"epoch on cpu {epoch} of 3, \d\d:\d\d left, loss{number}, recall{number}"
        assert re.fullmatch(shown, line), line
