"""The landing page's pictures, and the cards of chapters and parts."""

import re
from pathlib import Path

import pytest

from recbook.ledger import read_entry
from tools import landing_pictures, site_cards
from tools.prose import BOOK, markdown

CHAPTERS = sorted(BOOK.glob("*.ipynb"))
LEVELS = ["first steps", "core", "advanced"]


def test_the_pictures_are_what_their_tool_draws() -> None:
    there = {path.name: path.read_text() for path in landing_pictures.FOLDER.iterdir()}
    assert there == landing_pictures.pictures(), "call python -m tools.landing_pictures"
    shown = re.findall(r":file: pictures/(\S+)", (BOOK / "intro.md").read_text())
    assert sorted(shown) == sorted(there)


def test_the_headline_says_what_the_ledger_says() -> None:
    found = read_entry("search")["results"]["splits"]
    drawn = landing_pictures.recall()
    for name, (text, *_) in landing_pictures.MODELS.items():
        assert f"{text} {found[name]['mean']['recall']:.3f}" in drawn


def test_a_changed_ledger_changes_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = read_entry("search")
    entry["results"]["splits"]["EASE"]["by_split"][0]["recall"] += 0.1
    entry["results"]["splits"]["Popularity"]["mean"]["precision"] += 0.1
    before = landing_pictures.pictures()
    monkeypatch.setattr(landing_pictures, "read_entry", lambda name: entry)
    after = landing_pictures.pictures()
    assert {name for name in before if before[name] != after[name]} == {"recall.svg", "hits.svg"}


def test_chapters_go_from_first_steps_to_advanced() -> None:
    levels = [LEVELS.index(site_cards.level(f"book/{path.stem}")) for path in CHAPTERS]
    assert levels == sorted(levels) and {*levels} == {0, 1, 2}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_card_says_what_the_first_cell_says(path: Path) -> None:
    text = next(markdown(path))[1]
    said, carded = site_cards.first_cell(text), site_cards.with_card(text, "core")
    assert re.fullmatch(r"about \d+ seconds on one core.*", said["time"])
    assert said["needs"].startswith(("[chapter ", "nothing", "the [introduction]"))
    card = carded[carded.index(":::{div}") : carded.index("**The question.**")]
    for part in ("core", said["time"], said["needs"], said["badge"]):
        assert f"\n: {part}\n" in card
        assert part == "core" or carded.count(part) == 1
    assert carded.replace(card, "", 1).split() == (
        text.replace(said["badge"], "", 1).replace(said["line"], said["remark"]).split()
    )
    summary = site_cards.summary(f"book/{path.stem}")
    assert all(said[name] in summary for name in ("title", "question", "time", "needs"))


def test_a_page_without_code_is_named_with_its_first_sentence() -> None:
    assert site_cards.summary("book/notation") == (
        ":::{div} part-card\n**[Notation](notation.md)**\n\n"
        "Every symbol of the book, its shape, and its name in code.\n\n:::"
    )


def test_a_chapter_in_another_form_is_named() -> None:
    with pytest.raises(ValueError, match=r"begins '# 30 A title.*Run time"):
        site_cards.first_cell("# 30 A title\n\n**The question.** Why?\n")
