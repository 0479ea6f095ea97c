"""What a release is made of: the workflows, the versions, and what is checked of a wheel."""

import io
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import recbook
from tools import release
from tools.release import cells_version, package_files, problems, project_version

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    found["on"] = found.pop(True)  # which YAML 1.1 takes the word for
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def test_there_is_a_workflow_for_each_change_each_week_and_each_release() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release", "weekly"]
    ci, release, weekly = map(read, WORKFLOWS)
    assert {"push", "pull_request"} == set(ci["on"])
    assert release["on"] == {"push": {"tags": ["v*"]}}
    assert re.fullmatch(r"\d+ \d+ \* \* \d", weekly["on"]["schedule"][0]["cron"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_what_is_there(path: Path) -> None:
    jobs = read(path)["jobs"]
    for job in jobs.values():
        needs = job.get("needs", [])
        assert {needs} if isinstance(needs, str) else {*needs} <= jobs.keys()
        assert job["runs-on"] and job["steps"]
    for step in steps(path):
        assert len(step.keys() & {"uses", "run"}) == 1
        if "uses" in step:  # pinned by its major version
            assert re.fullmatch(r"[\w-]+/[\w-]+@(release/)?v\d+", step["uses"]), step
            continue
        first, *more = step["run"].split()
        assert first in ("make", "gh") or (ROOT / first).is_file(), step
        assert first != "make" or more[0] in TARGETS, step


def test_each_of_them_runs_what_it_must() -> None:
    ci, release, weekly = (
        "\n".join(step["run"] for step in steps(path) if "run" in step) for path in WORKFLOWS
    )
    assert ci == ".ci/run"
    assert re.search(r"\.ci/run\nmake colab\nmake release TAG=.*ref_name.*\nmake render", release)
    assert {"make test-newest PYTHON=python3.13", "make colab-versions"} <= {*weekly.splitlines()}


def test_one_version_stands_everywhere() -> None:
    assert project_version() == recbook.__version__
    assert cells_version() == f"v{project_version()}"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A wheel and a source distribution as they must be."""
    version = project_version()
    with zipfile.ZipFile(tmp_path / f"recbook-{version}-py3-none-any.whl", "w") as wheel:
        for name in [*package_files(), f"recbook-{version}.dist-info/METADATA"]:
            wheel.writestr(name, "")
    with tarfile.open(tmp_path / f"recbook-{version}.tar.gz", "w:gz") as archive:
        for name in [*package_files(), "LICENSE", "README.md", "pyproject.toml"]:
            archive.addfile(tarfile.TarInfo(f"recbook-{version}/{name}"), io.BytesIO())
    return tmp_path


def test_what_is_whole_has_no_problems(dist: Path) -> None:
    assert {"recbook/models/lightgcn.py", "recbook/results/baselines.json"} <= package_files()
    assert problems(dist, f"v{project_version()}") == []


def test_the_command_ends_well_where_there_are_none(
    dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "said_when_installed", lambda _: project_version())
    assert release.main(dist, f"v{project_version()}") is None  # an empty text would be an error
    assert "v99.0" in str(release.main(dist, "v99.0"))


def test_another_tag_is_named(dist: Path) -> None:
    (found,) = problems(dist, "v99.0")
    assert found.startswith(f"the tag is v99.0, expected v{project_version()}")


def test_first_cells_that_install_another_version_are_named(
    dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "cells_version", lambda: "v0.0.1")
    (found,) = problems(dist, f"v{project_version()}")
    assert "v0.0.1" in found and "make address" in found


def test_a_file_too_much_or_too_few_is_named(dist: Path) -> None:
    wheel, source = sorted(dist.iterdir())
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("recbook/stray.py", "")
    with tarfile.open(source, "w:gz") as archive:
        for name in package_files() - {"recbook/graph.py"} | {"README.md", "pyproject.toml"}:
            archive.addfile(tarfile.TarInfo(f"{source.name[:-7]}/{name}"), io.BytesIO())
    too_much, too_few = problems(dist, f"v{project_version()}")
    assert too_much == "the wheel and git have not the same files: recbook/stray.py"
    assert too_few == "the source distribution lacks LICENSE, recbook/graph.py"
    (dist / "recbook-0.0.1.tar.gz").touch()
    (found,) = problems(dist, f"v{project_version()}")
    assert "recbook-0.0.1.tar.gz" in found
