"""The landing page, the parts' pages and the chapters' cards, as they are shown."""

import pytest

from tests.site.conftest import Visit
from tools.site_cards import parts


@pytest.mark.parametrize("part", parts())
@pytest.mark.parametrize("width", [360])
def test_a_part_leads_to_its_pages(visit: Visit, part: str) -> None:
    page = visit(part)
    links = page.locator(".part-card > p:first-child a")
    found = [link.get_attribute("href") for link in links.all()]
    assert [f"book/{address.removesuffix('.html')}" for address in found] == parts()[part]
    links.first.click()
    page.wait_for_url(f"**/{found[0]}")
    asked = page.locator("h1 + .chapter-card dt")
    terms = [term.text_content() for term in asked.all()]
    chapter = parts()[part][0].removeprefix("book/")[0].isdigit()
    assert terms == (["Level", "Run time", "Read before", "Run it"] if chapter else [])
    badge = page.locator("article a img[alt='Open in Colab']")
    assert badge.count() == (1 if chapter else 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_landing_pages_pictures_take_the_pages_colour(visit: Visit, theme: str) -> None:
    page = visit("book/intro", color_scheme=theme)
    pictures = page.locator("svg.picture[role=img]")
    assert pictures.count() == 5
    ink = "one => getComputedStyle(one).{}"
    for picture in pictures.all():
        word = picture.locator("text").first
        assert word.evaluate(ink.format("fill")) == page.locator("body").evaluate(
            ink.format("color")
        )
        shown = word.bounding_box()["height"]
        assert shown > 9, f"letters of {shown} pixels"
    doors = page.locator(".sd-card-title").all_text_contents()
    assert [door.strip() for door in doors] == ["Read", "Run", "Teach"]
