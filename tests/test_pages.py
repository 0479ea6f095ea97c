"""The pages to look things up: one for each module, the glossary, and the links that lead there."""

import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.test_architecture import CHAPTER_TREES, PACKAGE, imports, public, room
from tools import api_pages
from tools.prose import BOOK, markdown

pytestmark = pytest.mark.no_cover

PAGES = sorted((BOOK / "api").glob("*.md"))
LINK = re.compile(r"\[(?P<text>[^]\n]*)\]\((?P<file>[^)#\s]*)#?(?P<place>[^)\s]*)\)")
# The styles of figures are not what a chapter is about.
NOT_LINKED = {"COLORS", "MARKERS", "draw_bipartite", "set_style"}


def anchor(heading: str) -> str:
    """How Markdown names the place of a heading, on the site as on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def page_of(module: str) -> Path:
    return BOOK / "api" / f"{room(module) or 'recbook'}.md"


@cache
def prose(page: Path) -> str:
    """The Markdown of a page, without the pictures that it carries."""
    return re.sub(r"data:\S+", "", "\n\n".join(text for _, text in markdown(page)))


@cache
def anchors(page: Path) -> list[str]:
    return [anchor(title) for title in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)]


def test_the_pages_are_what_their_tool_writes() -> None:
    there = {path.name: path.read_text() for path in PAGES}
    assert there == api_pages.pages(), "call python -m tools.api_pages"
    toc = (BOOK.parent / "_toc.yml").read_text()
    assert [f"book/api/{path.stem}" for path in PAGES if f"book/api/{path.stem}\n" not in toc] == []


@pytest.mark.parametrize("module", PACKAGE)
def test_each_name_stands_on_its_modules_page(module: str) -> None:
    if module.endswith("__main__") or not public(module):
        return
    page = page_of(module)
    text, loaded = page.read_text(), import_module(module)
    for name in public(module):
        shown = re.findall(
            rf"^\.\. auto(?:class|function|data):: (\S+\.{name})$", text, re.MULTILINE
        )
        things = [getattr(import_module(one.rpartition(".")[0]), name) for one in shown]
        assert len(things) == 1 and things[0] is getattr(loaded, name), f"{page.name}: {name}"
    assert len({*anchors(page)}) == len(anchors(page)), f"{page.name} has a heading twice"


def read_glossary() -> list[tuple[str, str]]:
    text = (BOOK / "glossary.md").read_text()
    return re.findall(r"^(\S.*)\n  (\S.*)$", text.split("{glossary}")[1], re.MULTILINE)


def test_the_glossary_is_sorted_and_has_each_word_once() -> None:
    terms = [term.casefold() for term, _ in read_glossary()]
    assert len(terms) > 100
    assert terms == sorted({*terms})


@pytest.mark.parametrize(("term", "text"), read_glossary(), ids=lambda one: one[:20])
def test_a_word_is_explained_where_the_glossary_says(term: str, text: str) -> None:
    links = [found.groupdict() for found in LINK.finditer(text)]
    assert any(link["file"].endswith(".ipynb") for link in links)
    for n, link in enumerate(links):
        page = BOOK / link["file"]
        if page.suffix == ".ipynb":
            named = link["file"] in [before["file"] for before in links[:n]]
            assert link["text"] == ("again" if named else f"Chapter {int(page.name[:2])}")
            assert link["place"]
            words = prose(page).casefold()
            assert [
                word for word in re.findall(r"\w{3,}", term.casefold()) if word not in words
            ] == []
        assert not link["place"] or link["place"] in anchors(page), f"{link['place']}: no heading"


@pytest.mark.parametrize("page", [*BOOK.glob("*.md"), *BOOK.glob("*.ipynb"), *PAGES], ids=str)
def test_a_link_to_a_name_leads_to_its_heading(page: Path) -> None:
    for link in LINK.finditer(prose(page)):
        there = (page.parent / link["file"]).resolve()
        if there.parent == BOOK / "api" and link["place"]:
            assert link["place"] in anchors(there), f"{link[0]}: no heading"
            assert link["place"] == anchor(link["text"]), f"{link[0]} leads to another name"


def names_to_link(chapter: str) -> set[str]:
    """The links that a chapter is to have: of each name that it imports, to its module's page."""
    return {
        f"[`{name}`](api/{page_of(module).name}#{anchor(name)})"
        for module, name, _ in imports(CHAPTER_TREES[chapter])
        if name and name not in NOT_LINKED
    }


@pytest.mark.parametrize("chapter", CHAPTER_TREES)
def test_a_chapter_links_each_name_of_the_package_once(chapter: str) -> None:
    text = prose(BOOK / f"{chapter}.ipynb")
    wrong = [link for link in sorted(names_to_link(chapter)) if text.count(link) != 1]
    assert not wrong, f"not linked, or more than once: {wrong}"
