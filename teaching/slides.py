"""Slides of chapters, from their own questions, figures, formulas and tables: `make slides`.

    python -m teaching.slides 05 07

writes `_build/slides/05_graph_neural_networks.html`, which needs no network, and a PDF beside it
where there is a Chromium. A slide shows what the committed chapter shows: nothing is said twice.
"""

import html
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.browser import CHROMIUM, chromium
from tools.first_cell import first_cell
from tools.prose import ROOT

TARGET = ROOT / "_build" / "slides"
MOST_ROWS = 14  # of a table that a room can read
LINK = re.compile(r"\[([^\]]+)\]\((?!http)[^)]+\)")  # leads to a page of the site
TASK = re.compile(r"### (Exercise [\d.]+)\n\n\*(.+?)\.\*")
Slide = tuple[str, str]  # a heading, and what stands below it in HTML

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
@page {{ size: 1280px 720px; margin: 0; }}
html {{ scroll-snap-type: y mandatory; }}
body {{ background: white; color: #1a1a1a; font-family: sans-serif; margin: 0; }}
section {{
  box-sizing: border-box; break-after: page; break-inside: avoid; font-size: 26px; height: 100vh;
  line-height: 1.4; overflow: auto; padding: 2vh 5vw; scroll-snap-align: start;
}}
section > :not(h1, h2, img) {{ max-width: 60em; }}
h1 {{ font-size: 2em; margin-top: 15vh; }}
h2 {{ color: #0072b2; font-size: 1.3em; margin: 0 0 0.6em; }}
img {{ display: block; margin: auto; max-height: 68vh; max-width: 100%; min-height: 55vh; }}
table {{ border-collapse: collapse; font-size: 0.85em; }}
:is(td, th) {{ border-bottom: 1px solid #bbb; padding: 0.15em 0.8em; text-align: right; }}
summary {{ cursor: pointer; margin: 0.3em 0; }}
code {{ background: #f2f2f2; }}
@media print {{ section {{ height: 720px; overflow: hidden; }} img {{ max-height: 480px; }} }}
</style>
<script>
// Letters get smaller on a slide that holds more; arrows and Page Down lead on, since slides snap.
function fit() {{
  for (const slide of document.querySelectorAll("section")) {{
    for (let size = 26; slide.scrollHeight > slide.clientHeight && size > 11; size--) {{
      slide.style.fontSize = `${{size - 1}}px`;
    }}
  }}
}}
const loaded = new Promise((done) => addEventListener("load", done));
globalThis.MathJax = {{ startup: {{ ready: () => {{
  MathJax.startup.defaultReady();
  globalThis.ready = Promise.all([loaded, MathJax.startup.promise]).then(fit);
}} }} }};
addEventListener("keydown", (event) => {{
  const step = {{ ArrowRight: 1, ArrowLeft: -1 }}[event.key];
  if (step) scrollBy({{ top: step * innerHeight }});
}});
</script>
<script defer src="mathjax/tex-chtml.js"></script>
{slides}
</html>
"""


def render(markdown: str) -> str:
    """Markdown in HTML, formulas for MathJax, links into the site as their text."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.use(dollarmath_plugin, renderer=formula, allow_labels=False)
    return str(parser.render(LINK.sub(r"\1", markdown)))


def formula(tex: str, how: dict[str, bool]) -> str:
    left, right = (r"\[", r"\]") if how["display_mode"] else (r"\(", r"\)")
    return left + html.escape(tex) + right


def slides_of(chapter: Path) -> Iterator[Slide]:
    """A chapter's question and aims, then section by section what a room looks at together."""
    cells = nbformat.read(chapter, as_version=4).cells
    said_first = first_cell(cells[0].source)
    yield said_first["title"], render(said_first["question"])
    yield "Aims", render(f"After this chapter you can\n\n{said_first['goals']}")
    tasks = [TASK.match(cell.source) for cell in cells if cell.get("metadata", {}).get("exercise")]
    heading, said, picture = "", "", ""
    for cell in cells[1:]:
        if "exercise" in cell.metadata:
            break
        if cell.cell_type == "code":
            for output in cell.get("outputs", []):
                shown = output.get("data", {})
                if "image/png" in shown:
                    alt = html.escape(cell.metadata["mystnb"]["image"]["alt"], quote=True)
                    source = f"data:image/png;base64,{shown['image/png'].strip()}"
                    picture = f'<img alt="{alt}" src="{source}">'
                elif shown.get("text/html", "").count("<tr") in range(2, MOST_ROWS + 1):
                    yield heading, render(said) + shown["text/html"]
                    said = ""
            continue
        if "question" in cell.metadata:
            yield heading, render(cell.source)
            continue
        for block in blocks(cell.source):
            if block.startswith("#"):
                heading, block = block.lstrip("# "), ""
            elif block.startswith("*Figure"):
                yield heading, picture + render(block)
            elif "$$" in block:
                yield heading, render(block if block.count("$$") > 2 else f"{said}\n\n{block}")
            elif heading == "Recap" or ("redict" in block and "**" in block):
                yield heading, render(block)
            said = block
    lines = [f"- **{task[1]}.** {task[2]}" for task in tasks if task]
    yield "Exercises", render("\n".join(lines))


def blocks(markdown: str) -> list[str]:
    """Paragraphs, lists, formulas and headings, one by one."""
    return [block for block in re.split(r"\n\s*\n", markdown.strip()) if block]


def write(chapter: Path) -> Path:
    """Write a chapter's slides, and their MathJax beside them."""
    shutil.copytree(ROOT / "book" / "_extra" / "mathjax", TARGET / "mathjax", dirs_exist_ok=True)
    (title, question), *rest = slides_of(chapter)
    first = f"<section><h1>{html.escape(title)}</h1>{question}</section>"
    slides = [f"<section><h2>{html.escape(head)}</h2>{body}</section>" for head, body in rest]
    target = TARGET / f"{chapter.stem}.html"
    target.write_text(PAGE.format(title=html.escape(title), slides="\n".join([first, *slides])))
    return target


def print_all(pages: list[Path]) -> None:
    """A PDF beside each page, a slide a sheet."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        for path in pages:
            page.goto(path.as_uri())
            page.emulate_media(media="print")
            page.evaluate("ready")
            page.pdf(
                path=path.with_suffix(".pdf"), prefer_css_page_size=True, print_background=True
            )


if __name__ == "__main__":
    wanted = [path for name in sys.argv[1:] or [""] for path in ROOT.glob(f"book/{name}*.ipynb")]
    if not wanted:
        sys.exit(f"there is no chapter {' '.join(sys.argv[1:])} in book/")
    written = [write(chapter) for chapter in sorted(wanted)]
    if CHROMIUM:
        print_all(written)
    kinds = "HTML and PDF" if CHROMIUM else "HTML; for PDF, install chromium"
    print(f"{', '.join(path.stem for path in written)} ({kinds}): in {TARGET.relative_to(ROOT)}.")
