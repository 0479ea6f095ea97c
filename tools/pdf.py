"""Print the rendered book as one PDF: `make pdf`, or `python -m tools.pdf _build/html BOOK.pdf`.

Chromium prints all pages as one document, so that a link between chapters leads from page to page
of it. It prints twice: from the first time the contents learn their page numbers.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple
from urllib.parse import urljoin

import yaml
from bs4 import BeautifulSoup, SoupStrainer
from playwright.sync_api import Browser
from pypdf import PdfReader, PdfWriter

from tools.browser import chromium
from tools.prose import ROOT

# A4 within the margins of print.css, in CSS pixels.
WIDTH, HEIGHT = 672, 986
FOOTER = '<p class="pageNumber" style="font-size: 8pt; text-align: center; width: 100%"></p>'
FRAME = """<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{title}</title>{head}<style>
.bd-main, .bd-content, .bd-article-container {{ display: block; max-width: none; width: 100%; }}
.contents, .bd-article {{ break-before: page; padding: 0; }}
.title-page {{ padding-top: 30%; text-align: center; }}
.contents div {{ columns: 2; font-size: 0.85em; }}
.contents p {{ break-inside: avoid; display: flex; justify-content: space-between; margin: 0; }}
.contents p.level-1 {{ font-weight: bold; margin-top: 0.5em; }}
.contents p.level-2 {{ padding-left: 1em; }}
</style></head><body><main class="bd-main"><div class="bd-content">
<div class="bd-article-container"><div class="title-page"><h1>{title}</h1><p>{author}</p>
<p>Printed from <a href="{address}">{address}</a>, where the code that only draws and the answers
to the exercises can be opened, and the pages of the part Play move.</p></div>
<div class="contents"><h1>Contents</h1><div>{contents}</div></div>
{articles}</div></div></main></body></html>"""
# Formulas are made, pictures are there, and what is wider than the paper is made smaller.
SETTLE = """async () => {
    await globalThis.formulas;
    for (const picture of document.images) picture.loading = "eager";
    await Promise.all([...document.images].map((picture) => picture.decode()));
    for (const wide of document.querySelectorAll("table, mjx-container")) {
        const over = wide.scrollWidth / wide.parentElement.clientWidth;
        if (over > 1) wide.style.zoom = 1 / over;
    }
}"""
# What would be cut, since it reaches over the paper's edge or no page is high enough for it, and
# formulas that were not made.
UNFIT = """([width, height]) => [...document.querySelectorAll(".bd-article *")].filter((one) => {
    const box = one.getBoundingClientRect();
    const tall = one.matches("img, tr, pre, .math") && box.height > height;
    const unmade = one.matches(".math:not(:has(mjx-container)), mjx-merror");
    const seen = !one.closest("mjx-assistive-mml");  // that is for a reader by ear
    return (seen && box.right > width + 1) || tall || unmade;
}).map((one) => `does not fit, or is not made: ${one.outerHTML.slice(0, 200)}`)"""
NUMBER = """(numbers) => document.querySelectorAll(".contents span").forEach((one, n) => {
    one.textContent = numbers[n];
})"""


class Heading(NamedTuple):
    """A page of the site (level 1) or a section of it (level 2), and where a link finds it."""

    level: int
    title: str
    place: str


def pages(toc: dict[str, Any]) -> Iterator[str]:
    """The pages of the site in the order of its contents."""
    for entry in [*toc.get("chapters", []), *toc.get("sections", [])]:
        yield entry["file"]
        yield from pages(entry)


def whole_book() -> tuple[list[str], dict[str, Any]]:
    """All pages of the book, in order, and its configuration."""
    config, toc = (
        yaml.safe_load((ROOT / f"_{name}.yml").read_text()) for name in ("config", "toc")
    )
    return [toc["root"], *pages(toc)], config


def bind(site: Path, names: list[str], config: dict[str, Any]) -> tuple[str, list[Heading]]:
    """All articles in one document; what is not among them is linked where it is published."""
    address = config["sphinx"]["config"]["html_baseurl"]

    def read(name: str, part: str) -> BeautifulSoup:
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        return BeautifulSoup(text, "html.parser", parse_only=SoupStrainer(part))

    def moved(page: str, link: str) -> str:
        target = urljoin(f"/{page}.html", link)
        name, _, place = target.removeprefix("/").partition("#")
        if name.removesuffix(".html") in names:
            return f"#{name.removesuffix('.html')}:{place}"
        return target.replace("/", address, 1) if target.startswith("/") else target

    head, headings, articles = dict[str, None](), [], []
    ours = "[src*=mathjax], [src*=site\\.js], [src*=documentation_options]"
    loaded = f"link[rel=stylesheet], script:is({ours}, :-soup-contains('window.MathJax'))"
    left_out = "img.only-dark, .headerlink, .viewcode-link, details.hide, script"
    for page in names:
        for tag in read(page, "head").select(loaded):
            for key in {"href", "src"} & {*tag.attrs}:
                tag[key] = urljoin(f"/{page}.html", tag[key])[1:]
            head[str(tag)] = None
        article = read(page, "article").article
        for tag in article.select(left_out):
            tag.decompose()
        headings.append(Heading(1, article.h1.get_text(), f"{page}:"))
        for tag in article.select("section[id] > :is(h1, h2, h3, h4)"):
            # a section may begin where its title has no room
            tag["id"] = tag.parent.attrs.pop("id")
        for tag in article.select("h2[id]"):
            headings.append(Heading(2, tag.get_text(), f"{page}:{tag['id']}"))
        for tag in article.select("[id]"):
            tag["id"] = f"{page}:{tag['id']}"
        article["id"] = f"{page}:"
        for tag in article.select("a[href]"):
            tag["href"] = moved(page, tag["href"])
        for tag in article.select("img.only-light"):
            tag["src"] = urljoin(f"/{page}.html", tag["src"])[1:]
        for tag in article.select("details"):
            tag["open"] = ""
        articles.append(str(article))
    contents = [
        f'<p class="level-{one.level}"><a href="#{one.place}">{escape(one.title)}</a>'
        "<span>000</span></p>"
        for one in headings
    ]
    texts = {"head": head, "contents": contents, "articles": articles}
    joined = {name: "".join(map(str, parts)) for name, parts in texts.items()}
    names_of = {"title": config["title"], "author": config["author"], "address": address}
    return FRAME.format(**joined, **names_of), headings


def print_twice(browser: Browser, document: Path, headings: list[Heading], pdf: Path) -> list[str]:
    """Print, number the contents, print again, and name what does not fit."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.set_default_timeout(1_200_000)
    page.emulate_media(media="print")
    page.goto(document.resolve().as_uri())
    page.evaluate(SETTLE)
    unfit = page.evaluate(UNFIT, [WIDTH, HEIGHT])
    for _ in range(2):
        page.pdf(
            path=pdf,
            prefer_css_page_size=True,
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
        )
        page.evaluate(NUMBER, numbers(PdfReader(pdf), headings))
    page.close()
    return unfit


def numbers(reader: PdfReader, headings: list[Heading]) -> list[int]:
    """On which page each heading stands, the first one being 1."""
    places = reader.named_destinations
    return [reader.get_destination_page_number(places[f"/{one.place}"]) + 1 for one in headings]


def outline(pdf: Path, headings: list[Heading]) -> None:
    """Give the PDF its bookmarks."""
    writer = PdfWriter(clone_from=pdf)
    chapter = None
    for one, number in zip(headings, numbers(PdfReader(pdf), headings), strict=True):
        parent = chapter if one.level == 2 else None
        item = writer.add_outline_item(title=one.title, page_number=number - 1, parent=parent)
        chapter = parent or item
    writer.write(pdf)


def faults(pdf: Path, headings: list[Heading]) -> list[str]:
    """What a reader of the PDF would stumble over, one line for each."""
    reader, found = PdfReader(pdf), []
    texts = [squeezed(page.extract_text()) for page in reader.pages]
    contents = "".join(texts[: numbers(reader, headings)[0] - 1])
    for one, number in zip(headings, numbers(reader, headings), strict=True):
        if squeezed(one.title) not in texts[number - 1]:
            found.append(f"{one.title!r} does not stand on page {number}, where its link leads")
        if squeezed(f"{one.title}{number}") not in contents:
            found.append(f"the contents do not say that {one.title!r} is on page {number}")
    for number, page in enumerate(reader.pages, start=1):
        for note in page.get("/Annots", []):
            link = note.get_object()
            target, action = link.get("/Dest"), link.get("/A", {})
            if target is not None and target not in reader.named_destinations:
                found.append(f"page {number}: a link leads to {target}, which is not there")
            if str(action.get("/URI", "")).startswith("file:"):
                found.append(f"page {number}: a link leads to {action['/URI']}")
        for name, font in page["/Resources"].get("/Font", {}).items():
            for part in font.get_object().get("/DescendantFonts", [font]):
                part = part.get_object()
                inside = part.get("/FontDescriptor", {})
                embedded = any(key.startswith("/FontFile") for key in inside)
                if part["/Subtype"] != "/Type3" and not embedded:
                    found.append(f"page {number}: the font {name} is not embedded")
    return found


def squeezed(text: str) -> str:
    """Without spaces and ligatures, which a font has and a title has not."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def print_book(
    browser: Browser, site: Path, names: list[str], config: dict[str, Any], pdf: Path
) -> list[str]:
    """Write the PDF and return its faults, one line for each."""
    text, headings = bind(site, names, config)
    with NamedTemporaryFile("w", dir=site, suffix=".html", encoding="utf-8") as document:
        document.write(text)
        document.flush()
        unfit = print_twice(browser, Path(document.name), headings, pdf)
    outline(pdf, headings)
    return unfit + faults(pdf, headings)


if __name__ == "__main__":
    names, config = whole_book()
    with chromium() as browser:
        wrong = print_book(browser, Path(sys.argv[1]), names, config, Path(sys.argv[2]))
    print("\n".join(wrong) or f"The book is printed: {sys.argv[2]}.")
    sys.exit(bool(wrong))
