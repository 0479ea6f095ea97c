"""What the README shows runs, and its commands are there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from recbook.__main__ import parser

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
PYTHON = [block for language, block in BLOCKS if language == "python"]
SHELL = [block for language, block in BLOCKS if not language]


def test_the_readme_has_code() -> None:
    assert len(PYTHON) == 2 and len(SHELL) == 4


def test_its_python_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in PYTHON:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    recall = re.search(r"RankingReport\(at 20: recall (0\.\d+)", printed)
    assert recall and float(recall[1]) > 0.365  # EASE's
    assert "item_id" in printed and "title" in printed and "Brazil" in printed
    assert "tensor([1, 0])" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"films.recbook", "log.csv"}


def test_its_commands_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    for target in re.findall(r"^make ([\w-]+)", SHELL[0], re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    (command,) = [line for line in SHELL[1].splitlines() if line.startswith("torchrun")]
    module = re.search(r"-m (\S+)", command)
    assert module and importlib.util.find_spec(module[1])
    options = command.split(module[1], 1)[1].split()
    monkeypatch.setattr("sys.argv", ["torchrun", *options])
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(SystemExit):
        importlib.import_module(f"{module[1]}.__main__").main()
    assert "was not started by torchrun" in capsys.readouterr().err  # its options are known


def test_it_names_what_models_and_tests_need() -> None:
    named = set(re.findall(r"`recbook\.([a-z_]+)\.(\w+)", README))
    for module, name in named:
        assert hasattr(importlib.import_module(f"recbook.{module}"), name)


def test_its_commands_are_recbooks() -> None:
    lines = [line for line in "\n".join(SHELL).splitlines() if line.startswith("recbook ")]
    assert len(lines) == 6
    for line in lines:
        assert parser().parse_args(shlex.split(line, comments=True)[1:]).run
