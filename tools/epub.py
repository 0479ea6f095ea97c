"""The rendered book as an EPUB: `make epub`, or `python -m tools.epub _build/html BOOK.epub`.

Pandoc makes it of the document that is printed as PDF, with formulas as MathML.
"""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bs4 import BeautifulSoup
from PIL import Image

from tools.pdf import bind, whole_book

# Pandoc knows these by other names: a number at the right, the end of a row, brackets that grow.
OTHERWISE = (
    (r"\\tag\{(.*?)\}", r"\\qquad (\1)"),
    (r"\\cr\b", r"\\\\"),
    (r"\\Bigl", r"\\left"),
    (r"\\Bigr", r"\\right"),
    (r"\\Big\b", ""),
)
STYLE = """img { max-width: 100%; height: auto; }
pre { white-space: pre-wrap; font-size: 0.85em; }
table { border-collapse: collapse; display: block; font-size: 0.85em; overflow-x: auto; }
td, th { padding: 0.2em 0.5em; border-bottom: 1px solid; }
"""


def write_epub(site: Path, names: list[str], config: dict[str, Any], epub: Path) -> None:
    """Write pages of the site, in this order, as one EPUB; what pandoc warns of is an error."""
    text, _ = bind(site, names, config)
    document = BeautifulSoup(text, "html.parser")
    for formula in document.select("article .math"):
        latex = formula.get_text()
        for theirs, ours in OTHERWISE:
            latex = re.sub(theirs, ours, latex)
        formula.string = latex
    kept = "h1, h2, h3, h4, h5, h6, div, span"  # of others pandoc forgets the id
    for tag in document.select(f"article, article [id]:not({kept})"):
        mark = document.new_tag("span", id=tag.attrs.pop("id"))
        tag.h1.insert_after(mark) if tag.name == "article" else tag.insert(0, mark)
    about = {
        "title": config["title"],
        "author": config["author"],
        "lang": "en",
        "rights": "CC BY 4.0",
        "identifier": config["sphinx"]["config"]["html_baseurl"],
    }
    with TemporaryDirectory() as folder:
        for number, picture in enumerate(document.select("article img.only-light")):
            image = Path(folder, f"{number}.png")  # not all readers show WebP
            Image.open(site / picture["src"]).save(image)
            picture["src"] = str(image)
        for number, drawing in enumerate(document.select("article svg")):
            image = Path(folder, f"{number}.svg")
            drawing["xmlns"] = "http://www.w3.org/2000/svg"
            style = document.new_tag("style")
            style.string = "text { fill: black; font-family: sans-serif }"  # else the page's
            drawing.insert(0, style)
            image.write_text(str(drawing).replace("viewbox=", "viewBox="))  # as XML has it
            drawing.replace_with(document.new_tag("img", src=image, alt=drawing["aria-label"]))
        css = Path(folder, "book.css")
        css.write_text(STYLE)
        ask = "pandoc -f html+tex_math_single_backslash -t epub3 --mathml --toc-depth=2".split()
        ask += [f"--css={css}", *(f"--metadata={name}={value}" for name, value in about.items())]
        articles = "".join(map(str, document.select("article")))
        subprocess.run(
            [*ask, "--fail-if-warnings", "-o", epub], input=articles, text=True, check=True
        )


if __name__ == "__main__":
    names, config = whole_book()
    write_epub(Path(sys.argv[1]), names, config, Path(sys.argv[2]))
    print(f"The book is written: {sys.argv[2]}.")
