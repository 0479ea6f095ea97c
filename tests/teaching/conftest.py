"""A secret, so that the tests build what a course would get, and a hunt whose boxes start fast."""

from pathlib import Path
from typing import Any

import pytest

from teaching.build import sheet
from teaching.master import FOLDER, Master, read_master
from teaching.variants import SECRET


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "a secret of the tests")
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.fixture
def hunt(secret: None) -> Master:
    return read_master("hunt1", "demo", FOLDER / "bugs" / "ties.py")


@pytest.fixture
def hunt_sheet(hunt: Master) -> dict[str, Any]:
    return sheet(hunt)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for submissions."""
    made = tmp_path / "handed in"
    made.mkdir()
    return made
