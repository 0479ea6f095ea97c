"""Each chapter can be opened in Colab, where its first cell installs what it needs.

`make colab` runs the chapters so: see `tools/bare.py`; `tests/test_bare.py` has its tests.
"""

import base64
import importlib.util
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from tools.address import repository

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))


def first_cell(path: Path, cell_type: str) -> str:
    notebook = nbformat.read(path, as_version=4)
    return next(cell.source for cell in notebook.cells if cell.cell_type == cell_type)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_badge_opens_this_chapter(chapter: Path) -> None:
    opening = first_cell(chapter, "markdown")
    place = f"{repository()}/blob/main/book/{chapter.name}"
    assert f"[![Open in Colab][badge]](https://colab.research.google.com/github/{place})" in opening
    # Colab shows neither relative images nor attachments, so the picture is in the notebook.
    picture = base64.b64encode((ROOT / "book" / "colab-badge.png").read_bytes()).decode()
    assert opening.endswith(f"[badge]: data:image/png;base64,{picture}")


def test_bootstrap_is_the_same_everywhere_and_short() -> None:
    (bootstrap,) = {first_cell(chapter, "code") for chapter in CHAPTERS}
    assert len(bootstrap.splitlines()) <= 8


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_what_its_format_asks_for(chapter: Path) -> None:
    notebook = nbformat.read(chapter, as_version=4)
    nbformat.validate(notebook)  # which Jupyter complains of when it opens the file
    assert notebook.nbformat_minor >= 5  # cells have ids, which the bindings of figures use


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_what_only_sets_up_or_draws_is_folded_on_the_site(chapter: Path) -> None:
    cells = nbformat.read(chapter, as_version=4).cells
    bootstrap, imports, *others = [cell for cell in cells if cell.cell_type == "code"]
    drawings = [c for c in others if c.source.startswith("fig") and "plt.show()" in c.source]
    for cell in (bootstrap, imports, *drawings):
        assert {"hide-input", "hide-cell"} & {*cell.metadata.get("tags", [])}, cell.source


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_computes_on_the_processor(chapter: Path) -> None:
    """Else a runtime with a GPU would print other digits, and the introduction be wrong."""
    cells = nbformat.read(chapter, as_version=4).cells
    for cell in [cell for cell in cells if cell.cell_type == "code"]:
        assert not re.search(r"\bcuda\b|\bdevice\b|\bmps\b", cell.source), cell.source


def test_bootstrap_does_nothing_where_recbook_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it installs something"))
    exec(first_cell(CHAPTERS[0], "code"), {})


def test_bootstrap_says_what_to_do_where_pip_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("RECBOOK_SPEC", "nowhere.whl")
    monkeypatch.setattr(subprocess, "run", lambda *_: subprocess.CompletedProcess([], 1))
    with pytest.raises(RuntimeError, match=r"pip finds no nowhere\.whl; RECBOOK_SPEC may"):
        exec(first_cell(CHAPTERS[0], "code"), {})
