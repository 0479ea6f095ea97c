"""The sidebar stays as a reader left it, with title and search on top."""

import pytest

from tests.site.conftest import Page, Visit

LEFT = "document.querySelector('.bd-sidebar-primary').getBoundingClientRect().left"


def toggle(page: Page) -> None:
    page.locator(".primary-toggle").click()
    page.wait_for_timeout(400)  # it moves for a quarter of a second


@pytest.mark.parametrize("width", [1280])
def test_a_closed_sidebar_is_closed_on_the_next_page(visit: Visit) -> None:
    page = visit("book/intro")
    assert page.evaluate(LEFT) == 0
    toggle(page)
    page.add_init_script(
        f"addEventListener('DOMContentLoaded', () => {{ window.first = {LEFT}; }})"
    )
    page.locator(".next-page a, a.right-next").first.click()
    page.wait_for_url("**/part_whole_game.html")
    assert page.evaluate("window.first") < 0  # at once, not after a while
    assert page.locator("#pst-primary-sidebar").is_hidden()
    toggle(page)
    page.reload()
    assert page.locator("#pst-primary-sidebar").is_visible() and page.evaluate(LEFT) == 0


@pytest.mark.parametrize("width", [1280])
def test_title_and_search_are_in_sight_wherever_the_contents_are(visit: Visit) -> None:
    page = visit("book/references")
    page.evaluate("document.querySelector('.bd-sidebar-primary').scrollTop = 1e6")
    title, search = (
        page.locator(f"#pst-primary-sidebar {one}").bounding_box()
        for one in (".logo", ".search-button-field")
    )
    assert 0 <= title["y"] < title["y"] + title["height"] <= search["y"] < 150
