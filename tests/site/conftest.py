"""The rendered site in a real browser, opened from disk: `make render` has to come first."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.browser import CHROMIUM, chromium

SITE = Path(__file__).parents[2] / "_build" / "html"
HERE = "http://127.0.0.1:"  # where a test answers itself
Page = Any  # Playwright's, which may be missing
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium: make site-test says how to get it")
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not rendered: call make render")
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[360, 1280])
def width(request: pytest.FixtureRequest) -> int:
    """A phone's and a desk's, in CSS pixels."""
    return int(request.param)


@pytest.fixture
def loaded() -> set[str]:
    """The addresses of all that pages load."""
    return set()


@pytest.fixture
def visit(browser: Any, width: int, loaded: set[str]) -> Iterator[Visit]:
    """Open a page of the site, or at an address of this machine.

    Afterwards nothing failed, came from outside, or is wider than the screen.
    """
    faults: list[str] = []

    def open_page(name: str, **settings: Any) -> Page:
        size = {"width": width, "height": 800}
        page = browser.new_context(viewport=size, **settings).new_page()
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        if settings.get("java_script_enabled", True):  # without, scripts are given up half-way
            page.on(
                "requestfailed", lambda one: is_broken(one) and faults.append(f"failed: {one.url}")
            )
        page.on("request", lambda one: loaded.add(one.url))
        page.goto(name if name.startswith(HERE) else (SITE / f"{name}.html").as_uri())
        return page

    yield open_page
    for context in browser.contexts:
        for page in context.pages:
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > page.viewport_size["width"]:
                faults.append(f"{page.url} is {wide} wide")
        context.close()
    assert [*faults, *filter(is_outside, loaded)] == []


def is_broken(request: Any) -> bool:
    """Whether a request failed by itself, and not because the reader went on to another page."""
    return bool(request.failure != "net::ERR_ABORTED")


def is_outside(address: str) -> bool:
    return not address.startswith(("file:", "data:", "blob:", HERE))


def tab_to(page: Page, selector: str) -> None:
    """Go on to an element with the tab key alone."""
    for _ in range(400):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the tab key does not reach {selector}")
