"""The book for a reader of ebooks: five pages of the site, as `make epub` writes all."""

import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urljoin
from zipfile import ZipFile

import pytest
from bs4 import BeautifulSoup

from tests.site.conftest import SITE
from tests.site.test_pdf import CONFIG
from tools.epub import write_epub
from tools.pdf import bind

# With numbered formulas, matrices, large brackets, pictures, drawings and links to each other.
PAGES = ["book/02_ranking", "book/15_measures_that_mislead", "book/16_lightgcn_as_a_filter"]
PAGES += ["book/notation", "book/intro"]


@pytest.mark.skipif(not shutil.which("pandoc"), reason="pandoc writes it")
def test_an_epub_has_formulas_pictures_and_links(tmp_path: Path) -> None:
    epub = tmp_path / "book.epub"
    write_epub(SITE, PAGES, CONFIG, epub)
    with ZipFile(epub) as file:
        names = {*file.namelist()}
        texts = {name: file.read(name).decode() for name in names if name.endswith(".xhtml")}
    pages = {name: BeautifulSoup(text, "html.parser") for name, text in texts.items()}
    formulas = BeautifulSoup(bind(SITE, PAGES, CONFIG)[0], "html.parser").select(".math")
    assert sum(len(page.select("math")) for page in pages.values()) == len(formulas) > 100
    inside = "".join(texts.values())
    assert "\\(" not in inside and "\\[" not in inside and "(2.3)" in inside
    places = {
        f"{name}#{tag['id']}" for name, page in pages.items() for tag in page.select("[id]")
    } | {*pages}
    for name, page in pages.items():
        for picture in page.select("img"):
            assert urljoin(name, picture["src"]) in names and picture["alt"]
        for link in page.select("a[href]"):
            target = unquote(urljoin(name, link["href"]))
            assert target in places or target.startswith(("https://", "http://", "mailto:"))
    if (checker := shutil.which("epubcheck")) and shutil.which("java"):
        done = subprocess.run(["java", "-jar", checker, epub], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
