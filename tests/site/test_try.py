"""The service's own page in a real browser, driven by the keyboard as a person would."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recbook import save
from recbook.answers import StoredAnswers
from recbook.data import Split
from recbook.models import EASE
from tests.site.conftest import Page, Visit, tab_to
from tests.site.test_every_page import faults_for_some_readers
from tests.test_serve import served


@pytest.fixture(scope="module")
def stored(original: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    return save(EASE().fit(original.train), original, folder / "films.safetensors")


@pytest.fixture(scope="module")
def ours(stored: Path) -> StoredAnswers:
    return StoredAnswers(stored)


@pytest.fixture(scope="module")
def address(stored: Path) -> Iterator[str]:
    with served(stored) as address:
        yield address


@pytest.fixture(params=["light", "dark"])
def page(address: str, visit: Visit, request: pytest.FixtureRequest) -> Page:
    return visit(address, color_scheme=request.param)


def write(page: Page, field: str, text: str) -> None:
    tab_to(page, field)
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def shown(page: Page, heading: str) -> list[str]:
    page.wait_for_function("what => document.querySelector('h2').textContent === what", arg=heading)
    return page.locator("#list > li").evaluate_all("all => all.map(one => one.firstChild.data)")


def titles(ours: StoredAnswers, found: list[tuple[Any, float]]) -> list[str]:
    return [ours.titles[item] for item, _ in found]


def test_titles_are_typed_and_lists_are_read(page: Page, ours: StoredAnswers) -> None:
    page.wait_for_function("document.getElementById('about').textContent")
    assert page.inner_text("#about") == f"EASE, with 943 users and {len(ours.items)} items."
    write(page, "#l", "star wars")
    liked = [item for item, title in ours.titles.items() if title == "Star Wars"]
    expected = titles(ours, ours.recommend(liked, 10))
    assert shown(page, "For someone who likes Star Wars") == expected
    tab_to(page, "#l")
    page.keyboard.type("Fargo")
    page.wait_for_selector("#titles option[value=Fargo]", state="attached")
    page.keyboard.press("Enter")
    both = [*liked, *(item for item, title in ours.titles.items() if title == "Fargo")]
    found = shown(page, "For someone who likes Star Wars, Fargo")
    assert found == titles(ours, ours.recommend(both, 10)) != expected
    tab_to(page, "#liked button:nth-child(2)")
    page.keyboard.press("Enter")
    assert shown(page, "For someone who likes Star Wars") == expected
    write(page, "#s", "star wars")
    assert shown(page, "Like Star Wars") == titles(ours, ours.similar(liked[0], 10))
    write(page, "#g", "1, 42,")
    group = ours.group(["1", "42"], "average", 10)
    assert shown(page, "For users 1, 42") == titles(ours, group)
    assert faults_for_some_readers(page) == []


def test_it_says_why(page: Page, ours: StoredAnswers) -> None:
    write(page, "#u", "42")
    expected = ours.recommend("42", 10)
    assert shown(page, "For user 42") == titles(ours, expected)
    tab_to(page, "#list li:nth-child(2) button")
    page.keyboard.press("Enter")
    reasons = [f"{ours.titles[item]} ({people} others have both)"
               for item, _, people in ours.why("42", expected[1][0], 3)]  # fmt: skip
    said = page.locator("#list li:nth-child(2) span")
    assert said.inner_text() == "; ".join(reasons)
    assert page.evaluate("document.activeElement.textContent") == said.inner_text()


@pytest.mark.parametrize("width", [360])
@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("#l", "no such film", "No item has “no such film” in its title or id; try fewer words."),
        ("#s", "<b>no</b>", "No item has “<b>no</b>” in its title or id; try fewer words."),
    ],
)
def test_what_is_not_there_is_said(page: Page, field: str, text: str, said: str) -> None:
    write(page, field, text)
    assert shown(page, said) == []
