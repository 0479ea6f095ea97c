"""Set up an environment with other versions than the pinned: `python3.12 -m tools.versions RUN`.

    oldest   the lowest version of every range in pyproject.toml
    newest   the newest version that every range allows

The environment is `.venv-RUN`, of the Python that runs this; `make test-oldest` and `make
test-newest` call it, then run the tests there. It imports nothing that would have to be installed
before.
"""

import argparse
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)>=(?P<lowest>\d[\w.]*)(?:,<\d[\w.]*)?")


def read_requirements(pyproject: Path = ROOT / "pyproject.toml") -> list[str]:
    """Read the package's requirements and those of all its extras."""
    project = tomllib.loads(pyproject.read_text())["project"]
    extras = project["optional-dependencies"].values()
    return project["dependencies"] + [text for extra in extras for text in extra]


def split_requirement(text: str) -> tuple[str, str]:
    """Return the name and the lowest version of a requirement."""
    match = REQUIREMENT.fullmatch(text)
    if match is None:
        raise ValueError(
            f"got the requirement {text!r}, expected name>=lowest or name>=lowest,<limit; write it "
            "so in pyproject.toml, else nobody knows which version is the oldest to test with"
        )
    return match["name"], match["lowest"]


def pip_arguments(run: str, requirements: list[str]) -> list[str]:
    """Return what `pip install` is given for a run."""
    if run == "oldest":
        lowest = [f"{name}=={low}" for name, low in map(split_requirement, requirements)]
        return ["-e", f"{ROOT}[book,serve,dev]", *lowest]
    # Also of what our requirements require, when the environment is an old one.
    return ["--upgrade", "--upgrade-strategy", "eager", "-e", f"{ROOT}[book,serve,dev]"]


def set_up(run: str) -> Path:
    """Install a run's versions in its environment, and return the Python there."""
    folder = ROOT / f".venv-{run}"
    settings = folder / "pyvenv.cfg"
    version = f"version = {platform.python_version()}\n"
    if not settings.exists() or version not in settings.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", *pip_arguments(run, read_requirements())]
    subprocess.run(install, check=True)
    return python


def main(arguments: list[str] | None = None) -> None:
    """Set one run's environment up, and print what it holds of the package's own requirements."""
    parser = argparse.ArgumentParser(prog="python -m tools.versions")
    parser.add_argument("run", choices=["oldest", "newest"])
    python = set_up(parser.parse_args(arguments).run)
    listed = subprocess.run(
        [python, "-m", "pip", "freeze", "--exclude-editable"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    names = {split_requirement(text)[0] for text in read_requirements()}
    held = [line for line in listed if line.split("==")[0] in names]
    print(f"Python {platform.python_version()},", ", ".join(held))


if __name__ == "__main__":
    main()
