"""The book on paper: three pages of the site, printed as `make pdf` prints all."""

from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.site.conftest import SITE
from tools.pdf import Heading, bind, faults, numbers, pages, print_book, squeezed

CONFIG = {
    "title": "A book",
    "author": "its authors",
    "sphinx": {"config": {"html_baseurl": "https://example.org/book/"}},
}
FIRST = """<html><head><link rel="stylesheet" href="../_static/a.css"></head><body><nav></nav>
<article class="bd-article"><section id="one"><h1>One<a class="headerlink" href="#one">#</a></h1>
<a href="two.html#there">two</a> <a href="two.html">all of two</a> <a href="#one">here</a>
<a href="../genindex.html">index</a> <a href="https://example.com/">away</a>
<img class="only-light" src="../_images/a.webp"><img class="only-dark" src="../_images/b.webp">
<details class="hide"><pre>code that draws</pre></details><details><p>an answer</p></details>
</section></article></body></html>"""
SECOND = """<html><head></head><body><article class="bd-article"><section id="two"><h1>Two</h1>
<section id="there"><h2>There</h2></section></section></article></body></html>"""


def test_pages_stand_in_the_order_of_the_contents() -> None:
    part = {"chapters": [{"file": "a", "sections": [{"file": "b"}]}, {"file": "c"}]}
    assert [*pages(part)] == ["a", "b", "c"]


def test_pages_become_one_document(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    for name, text in (("one", FIRST), ("two", SECOND)):
        (tmp_path / f"book/{name}.html").write_text(text)
    text, headings = bind(tmp_path, ["book/one", "book/two"], CONFIG)
    assert headings == [
        Heading(1, "One", "book/one:"),
        Heading(1, "Two", "book/two:"),
        Heading(2, "There", "book/two:there"),
    ]
    for link in ("#book/two:there", "#book/two:", "#book/one:one", "https://example.com/"):
        assert f'href="{link}">' in text
    assert 'href="https://example.org/book/genindex.html"' in text
    assert 'href="_static/a.css"' in text and 'src="_images/a.webp"' in text
    assert '<h2 id="book/two:there">' in text and "an answer" in text
    assert "b.webp" not in text and "code that draws" not in text and "headerlink" not in text


def test_a_pdf_has_contents_links_and_fonts(browser: Any, tmp_path: Path) -> None:
    names = ["book/00_first_list", "book/movie_night", "book/notation"]
    pdf = tmp_path / "book.pdf"
    assert print_book(browser, SITE, names, CONFIG, pdf) == []
    reader = PdfReader(pdf)
    texts = [page.extract_text() for page in reader.pages]
    _, headings = bind(SITE, names, CONFIG)
    titles = [one for one in reader.outline if not isinstance(one, list)]
    assert [one.title for one in titles] == [one.title for one in headings if one.level == 1]
    for one, number in zip(headings, numbers(reader, headings), strict=True):
        assert one.level == 2 or squeezed(texts[number - 1]).startswith(squeezed(one.title))
    links = [
        note.get_object().get("/Dest")
        for page in reader.pages[numbers(reader, headings)[0] - 1 :]
        for note in page.get("/Annots", [])
    ]
    assert "/book/movie_night:" in links, "the first chapter links to movie night"
    assert all(str(n) in text.split() for n, text in enumerate(texts, start=1))


@pytest.mark.parametrize(
    ("title", "said"),
    [("A title that is nowhere", "does not stand on page"), ("A book", "contents")],
)
def test_a_fault_of_a_pdf_is_named(browser: Any, tmp_path: Path, title: str, said: str) -> None:
    pdf = tmp_path / "book.pdf"
    print_book(browser, SITE, ["book/movie_night"], CONFIG, pdf)
    assert any(said in one for one in faults(pdf, [Heading(1, title, "book/movie_night:")]))
