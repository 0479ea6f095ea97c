"""The environments with other versions: what pip is told, and when one is made anew."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import versions
from tools.versions import pip_arguments, read_requirements, split_requirement

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ["numpy>=2.0", "jupyter-book>=1.0.4,<2", "pytest>=8"]


def test_a_requirement_is_split() -> None:
    assert split_requirement("numpy>=2.0") == ("numpy", "2.0")
    assert split_requirement("jupyter-book>=1.0.4,<2") == ("jupyter-book", "1.0.4")


@pytest.mark.parametrize("text", ["numpy", "numpy==2.0", "numpy<3", "numpy>2", "numpy>=2,!=2.1"])
def test_a_requirement_without_a_lowest_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"got the requirement {text!r}, expected name")):
        split_requirement(text)


def test_all_requirements_are_read(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(
        '[project]\ndependencies = ["a>=1"]\n'
        '[project.optional-dependencies]\nbook = ["b>=2"]\ndev = ["c>=3"]\n'
    )
    assert read_requirements(file) == ["a>=1", "b>=2", "c>=3"]
    assert "torch" in {split_requirement(text)[0] for text in read_requirements()}


def test_the_oldest_run_pins_the_lowest_of_each_range() -> None:
    _, package, *pins = pip_arguments("oldest", REQUIREMENTS)
    # so that pip refuses a pin that its range does not hold
    assert package.endswith("[book,serve,dev]")
    assert pins == ["numpy==2.0", "jupyter-book==1.0.4", "pytest==8"]


def test_the_newest_run_pins_nothing_and_upgrades_all() -> None:
    arguments = pip_arguments("newest", REQUIREMENTS)
    assert arguments[:3] == ["--upgrade", "--upgrade-strategy", "eager"]
    assert not any("==" in text for text in arguments)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """What `set_up` runs, in place of running it."""
    found: list[list[str]] = []
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    monkeypatch.setattr(
        versions.subprocess, "run", lambda command, check: found.append([*map(str, command)])
    )
    monkeypatch.setattr(versions, "read_requirements", lambda: REQUIREMENTS)
    return found


def test_each_run_has_an_environment_of_this_python(calls: list[list[str]], tmp_path: Path) -> None:
    python = versions.set_up("oldest")
    assert python == tmp_path / ".venv-oldest" / "bin" / "python"
    assert calls[0] == [sys.executable, "-m", "venv", "--clear", str(tmp_path / ".venv-oldest")]
    assert calls[1][:4] == [str(python), "-m", "pip", "install"]
    assert "numpy==2.0" in calls[1]


@pytest.mark.parametrize(
    ("version", "commands"), [(platform.python_version(), ["pip"]), ("3.1.1", ["venv", "pip"])]
)
def test_an_environment_of_another_python_is_made_anew(
    calls: list[list[str]], tmp_path: Path, version: str, commands: list[str]
) -> None:
    (tmp_path / ".venv-newest").mkdir()
    (tmp_path / ".venv-newest" / "pyvenv.cfg").write_text(f"home = x\nversion = {version}\n")
    versions.set_up("newest")
    assert [command[2] for command in calls] == commands


def make(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Call make as from a fresh shell: a make that runs the tests hands its own variables on."""
    handed_on = ("PYTHON", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS")
    clean = {name: text for name, text in os.environ.items() if name not in handed_on}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=clean | more, capture_output=True, text=True
    )


@pytest.mark.parametrize("target", ["test-oldest", "test-newest", "colab-versions"])
def test_make_says_which_python_is_missing(target: str) -> None:
    done = make(target, "PYTHON=python0.0")
    assert done.returncode
    assert "there is no python0.0 that runs: install it, or name another one" in done.stdout


@pytest.mark.parametrize(
    ("target", "default", "tool"),
    [
        ("test-oldest", "python3.11", "versions"),
        ("test-newest", "python3", "versions"),
        ("colab-versions", "python3.13", "bare"),
    ],
)
def test_make_takes_the_python_that_is_named(target: str, default: str, tool: str) -> None:
    assert f"\n{default} -m tools.{tool}" in make("-n", target).stdout
    assert f"\npython3.12 -m tools.{tool}" in make("-n", target, "PYTHON=python3.12").stdout
    assert f"\npython3.12 -m tools.{tool}" in make("-n", target, PYTHON="python3.12").stdout


def test_the_oldest_python_is_the_one_required() -> None:
    required = versions.tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (lowest,) = re.findall(
        r"call named,(python[\d.]+)\)\) -m pytest \$", (ROOT / "Makefile").read_text()
    )
    assert required["requires-python"] == ">=" + lowest.removeprefix("python")
