"""The files that say what to install, what to cite and what to build agree with each other."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.site_cards import parts

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OPTIONAL = {"argcomplete", "pyarrow"}  # taken where a shell or a table that is there needs it
REQUIREMENTS = [
    Requirement(text) for text in sum(EXTRAS.values(), start=PROJECT["dependencies"].copy())
]


def read_pins() -> dict[str, str]:
    """Name and version of each line of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_pin_satisfies_range(requirement: Requirement) -> None:
    assert requirement.specifier.contains(read_pins()[canonicalize_name(requirement.name)])


def test_pins_are_exact_and_hold_everywhere() -> None:
    for name, version in read_pins().items():
        assert re.fullmatch(r"[\d.]+(post\d+)?", version), f"{name}=={version}"


def test_the_package_imports_only_what_it_declares() -> None:
    """At the top of a module only what every reader has; inside a function the book's extra too.

    The service alone has an extra of its own.
    """
    distributions = packages_distributions()
    everywhere, book, serve = (
        {canonicalize_name(Requirement(text).name) for text in part}
        for part in (PROJECT["dependencies"], EXTRAS["book"], EXTRAS["serve"])
    )
    for path in (ROOT / "recbook").rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            declared = everywhere | (book if node not in tree.body else set())
            declared |= serve if path.name in ("serve.py", "protocol.py") else set()
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                relative = isinstance(node, ast.ImportFrom) and node.level == 0
                modules = [str(node.module)] if relative else []
            for module in {name.split(".")[0] for name in modules} - sys.stdlib_module_names:
                if module in OPTIONAL and node not in tree.body:
                    continue
                providers = {canonicalize_name(name) for name in distributions[module]}
                assert providers & (declared | {"recbook"}), f"{path.name} imports {module}"


def test_environment_is_in_step_with_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, from_pip = environment["dependencies"]
    assert python == "python" + PROJECT["requires-python"]
    assert pip == "pip"
    assert from_pip == {"pip": ["-c constraints.txt", f"-e .[{','.join(EXTRAS)}]"]}


def test_citation_is_in_step() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    book = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["title"] == book["title"]
    assert citation["title"].lower() in PROJECT["description"].lower()
    assert [author["name"] for author in citation["authors"]] == [PROJECT["authors"][0]["name"]]


def test_contents_list_every_chapter() -> None:
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    pages = [page for part, own in parts().items() for page in (part, *own)]
    for page in [contents["root"], *pages]:
        assert list(ROOT.glob(f"{page}.md")) + list(ROOT.glob(f"{page}.ipynb")), f"no file {page}"
    chapters = sorted(f"book/{path.stem}" for path in (ROOT / "book").glob("*.ipynb"))
    assert chapters == [page for page in pages if (ROOT / f"{page}.ipynb").exists()]


def test_no_file_names_a_machine_or_a_registry() -> None:
    folders = ["root", "home", "Users", "opt", "work"]
    hosts = ["pypi.", "pythonhosted.", "download.pytorch.", "registry.npmjs.", "conda.anaconda."]
    forbidden = re.compile(
        r"(?<![\w.<>/-])/(" + "|".join(folders) + r")/[\w.]|" + "|".join(map(re.escape, hosts))
    )
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if "_extra" in path.parts or path.suffix == ".png" or path == Path(__file__):
            continue
        found = forbidden.search(path.read_text())
        assert found is None, f"{name}: {found.group()}"
