"""The pictures of the site: on a phone, on a dark page, and on paper."""

import pytest

from tests.site.conftest import SITE, Visit

CHAPTERS = sorted(f"book/{path.stem}" for path in (SITE / "book").glob("[0-9]*.html"))
# The versions that are seen: how wide, on the screen and by nature, and what lies behind them.
SEEN = """[...document.querySelectorAll(".only-light, .only-dark")].map((one) => ({
    theme: one.className.replace("only-", ""),
    width: one.getBoundingClientRect().width,
    own: Number(one.getAttribute("width")),
    ground: getComputedStyle(one).backgroundColor,
    filter: getComputedStyle(one).filter,
})).filter((one) => one.width)"""
VISIBLE = """(selector) => [...document.querySelectorAll(selector)].some(
    (one) => one.checkVisibility()
)"""


@pytest.mark.parametrize("width", [360])
def test_pictures_are_as_wide_as_a_phone(visit: Visit) -> None:
    """tests/test_figures.py says that their letters are large enough then."""
    page = visit(CHAPTERS[0], java_script_enabled=False)
    for name in [*CHAPTERS, "book/benchmarks"]:
        page.goto((SITE / f"{name}.html").as_uri())
        pictures = page.evaluate(SEEN)
        assert pictures and {picture["theme"] for picture in pictures} == {"light"}
        for picture in pictures:
            assert picture["width"] == min(360, picture["own"]), name
        assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("width", [1280])
def test_pictures_follow_the_theme(visit: Visit, loaded: set[str]) -> None:
    page = visit("book/07_lightgcn", color_scheme="dark")
    page.evaluate("document.querySelector('.only-dark').scrollIntoView()")
    page.wait_for_function("document.querySelector('.only-dark').naturalWidth")
    pictures = page.evaluate(SEEN)
    assert len(pictures) == 4
    for picture in pictures:
        assert picture["theme"] == "dark" and picture["filter"] == "none"
        assert picture["ground"] == "rgba(0, 0, 0, 0)"
    pictures = [url for url in loaded if "/_images/" in url]
    assert pictures and all(url.endswith(".dark.webp") for url in pictures)
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert {picture["theme"] for picture in page.evaluate(SEEN)} == {"light"}


@pytest.mark.parametrize("width", [1280])
def test_paper_is_light_and_has_the_page_alone(visit: Visit) -> None:
    page = visit("book/07_lightgcn", color_scheme="dark")
    theme = "document.documentElement.dataset.theme"
    page.evaluate(f"addEventListener('beforeprint', () => (globalThis.printed = {theme}))")
    page.pdf()
    assert page.evaluate("printed") == "light" and page.evaluate(theme) == "dark"
    aside = ".bd-sidebar, .bd-header, .bd-header-article, .copybtn, details.hide, .bd-footer"
    assert page.evaluate(VISIBLE, aside)
    page.emulate_media(media="print")
    assert not page.evaluate(VISIBLE, aside)
    assert page.evaluate(VISIBLE, ".bd-article h1") and page.evaluate(VISIBLE, ".cell_output img")
