"""A secret, so that the tests build what a course would get."""

import pytest

from teaching.variants import SECRET


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "a secret of the tests")
    monkeypatch.setenv("MPLBACKEND", "Agg")
