"""Searching the site, as a reader does: by a function's name, a word, or a symbol read aloud."""

import pytest

from tests.site.conftest import Page, Visit

HITS = {
    "top_k": "book/api/evaluation.html#recbook.evaluation.top_k",
    "bpr_loss": "book/api/losses.html#recbook.losses.bpr_loss",
    "LightGCNConv": "book/api/models.html#recbook.models.LightGCNConv",
    "normalized_adjacency": "book/api/graph.html#recbook.graph.normalized_adjacency",
    "notation": "book/notation.html",
    "A tilde": "book/notation.html#index-",
    "y hat": "book/notation.html#index-",
}


def first_hit(page: Page, words: str) -> Page:
    """Type the words where the theme asks for them, and wait for what is found."""
    page.locator(".search-button-field, .search-button").locator("visible=true").first.click()
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    hit = page.locator("#search-results .search a").first
    hit.wait_for()
    return hit


@pytest.mark.parametrize("width", [1280])
def test_the_first_hit_is_what_was_looked_for(visit: Visit) -> None:
    for words, place in HITS.items():
        assert first_hit(visit("book/references"), words).get_attribute("href").startswith(place)


@pytest.mark.parametrize("width", [1280])
@pytest.mark.parametrize(
    ("term", "section"),
    [
        ("recall", "book/02_ranking.html#is-the-list-good-a-worked-example"),
        ("temperature", "book/10_what_moves_the_needle.html#cosines-and-a-temperature"),
        ("cold start", "book/11_time_cold_start_popularity.html#"),
        ("adjacency", "book/05_graph_neural_networks.html#"),
    ],
)
def test_a_term_leads_to_its_section_and_its_definition(
    visit: Visit, term: str, section: str
) -> None:
    page = visit("book/references")
    first_hit(page, term)
    hits = page.locator("#search-results .search a").evaluate_all(
        "hits => hits.slice(0, 4).map((hit) => hit.getAttribute('href'))"
    )
    assert any(hit.startswith(section) for hit in hits)
    assert any(hit.startswith("book/glossary.html#term-") for hit in hits)


def test_a_symbol_leads_to_its_row(visit: Visit) -> None:
    page = visit("book/intro")
    first_hit(page, "alpha").click()
    page.wait_for_url("**/book/notation.html#index-*")
    row = page.locator(f"tr:has(#{page.url.partition('#')[2]})")
    assert "alpha" in row.text_content() and "weight of layer" in row.text_content()
    assert row.is_visible()


@pytest.mark.parametrize("width", [360])
def test_what_is_not_there_is_said(visit: Visit) -> None:
    page = visit("search")
    page.goto(f"{page.url}?q=zzyzx")
    page.get_by_text("did not match any documents").wait_for()
