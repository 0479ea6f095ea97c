"""One line says where the book lives; everything else follows, and nothing is left behind."""

import shutil
from pathlib import Path

import pytest

import recbook
from tools.address import ROOT, mentions, move, name_of, repository, site, tracked

pytestmark = pytest.mark.no_cover

INSTALLS = f"git+https://github.com/{repository()}@v{recbook.__version__}"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="ignore")


def test_no_other_address_of_the_book_is_anywhere() -> None:
    owner, name = repository().split("/")
    for path in tracked():
        text = read(path)
        assert text.count(f"{owner}/{name}") == len(mentions(repository()).findall(text)), path
        assert INSTALLS in text or path.suffix != ".ipynb", path


def test_a_fork_is_moved_there_and_back(tmp_path: Path) -> None:
    files = [path for path in tracked() if mentions(repository()).search(read(path))]
    copies = [tmp_path / str(number) for number, _ in enumerate(files)]
    for path, copy in zip(files, copies, strict=True):
        shutil.copy(path, copy)
    assert move(copies, repository(), "you/fork-2.0") == copies
    for copy in copies:
        assert repository() not in read(copy) and "github" in read(copy)
        assert site(repository()) not in read(copy)
    assert move(copies, "you/fork-2.0", repository()) == copies
    for path, copy in zip(files, copies, strict=True):
        assert path.read_bytes() == copy.read_bytes()
    assert {"pyproject.toml", "CITATION.cff", "_config.yml", "README.md"} <= {
        str(path.relative_to(ROOT)) for path in files
    }


def test_another_repository_is_left_alone() -> None:
    assert mentions("recbook/recbook").search("https://github.com/recbook/recbook-data") is None
    assert mentions("you/fork").search("https://github.com/you/forks") is None


@pytest.mark.parametrize("url", ["", "you/fork", "https://gitlab.com/you/fork", "http://x/y/z"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected https://github\.com/OWNER/NAME"):
        name_of(url)
