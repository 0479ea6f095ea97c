"""Slides show each figure, formula, question and exercise of their chapter, and nothing is cut."""

import re
from pathlib import Path

import nbformat
import pytest

from teaching import slides
from teaching.slides import slides_of, write
from tools.browser import CHROMIUM, chromium
from tools.prose import ROOT

CHAPTERS = sorted((ROOT / "book").glob("[0-9]*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem[:2])
def test_all_of_a_chapter_is_shown(chapter: Path) -> None:
    cells = nbformat.read(chapter, as_version=4).cells
    deck = list(slides_of(chapter))
    shown = "".join(body for _, body in deck)
    taught = [cell for cell in cells if "exercise" not in cell.metadata]
    pictures = [cell for cell in taught if "mystnb" in cell.metadata and cell.get("outputs")]
    text = "\n\n".join(cell.source for cell in taught if cell.cell_type == "markdown")
    assert shown.count("<img ") == len(pictures) == len(re.findall(r"(?m)^\*Figure ", text))
    assert shown.count(r"\[") == len(re.findall(r"\$\$.+?\$\$", text, re.DOTALL))
    for number in re.findall(r"\*\*(Question [\d.]+?)\.\*\*", text):
        assert shown.count(f"{number}.") == 1
    assert deck[-1][1].count("<li>") == len(
        {cell.metadata["exercise"] for cell in cells if "exercise" in cell.metadata}
    )
    assert "**" not in shown and "](" not in shown and "$" not in shown
    assert all(heading and re.sub("<[^>]+>", "", body).strip() for heading, body in deck)


def test_no_slide_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    monkeypatch.setattr(slides, "TARGET", tmp_path)
    longest = write(ROOT / "book" / "10_what_moves_the_needle.ipynb")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        outside: list[str] = []
        page.on("request", lambda one: one.url.startswith("http") and outside.append(one.url))
        page.goto(longest.as_uri())
        page.evaluate("ready")
        cut = "(one) => one.scrollHeight > one.clientHeight || one.scrollWidth > one.clientWidth"
        assert page.evaluate(f"[...document.querySelectorAll('section')].filter({cut}).length") == 0
        assert page.locator("mjx-container").count() > 5
        assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
        page.keyboard.press("ArrowRight")
        page.wait_for_function("scrollY === innerHeight")
        assert outside == []
