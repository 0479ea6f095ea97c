"""A Sphinx extension: a card on top of each chapter, and those of a part's chapters on its page.

Both say what a chapter's first cell says, so that nothing is said twice. A part is a page of
`_toc.yml` with sections; the `level` that stands above its text is that of its chapters.
"""

import json
import re
from functools import cache
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tools.first_cell import first_cell
from tools.prose import ROOT, markdown

FIELD = "{}\n: {}\n"


@cache
def parts() -> dict[str, list[str]]:
    """The files of each part's pages, in order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return {part["file"]: [page["file"] for page in part["sections"]] for part in toc["chapters"]}


def level(page: str) -> str:
    """How far on a chapter is: what stands above the text of its part."""
    part = next(part for part, pages in parts().items() if page in pages)
    return yaml.safe_load((ROOT / f"{part}.md").read_text().split("---")[1])["level"]


def with_card(text: str, level: str) -> str:
    """A chapter's first cell with a card below its title, in place of badge and line."""
    said = first_cell(text)
    card = box("chapter-card", *fields(said, level), FIELD.format("Run it", said["badge"]))
    text = text.replace(said["line"], said["remark"])
    return text.replace(said["badge"], card, 1)


def summary(page: str) -> str:
    """A page of a part as its part's page shows it."""
    file = next(ROOT.glob(f"{page}.*"))
    text = next(markdown(file))[1]
    if file.suffix == ".ipynb":
        said = first_cell(text)
        title, said_first = said["title"], said["question"]
        rest = fields(said, level(page))
    else:
        title, said_first = re.findall(r"# (.+)\n\n((?:.|\n)+?\.)\s", text)[0]
        rest = []
    address = file.relative_to(ROOT / "book")
    return box("part-card", f"**[{title}]({address})**\n", f"{said_first}\n", *rest)


def fields(said: dict[str, str], level: str) -> list[str]:
    """What a chapter asks of its reader, as items of a definition list."""
    asked = {"Level": level, "Run time": said["time"], "Read before": said["needs"]}
    return [FIELD.format(*field) for field in asked.items()]


def box(kind: str, *paragraphs: str) -> str:
    """A block of Markdown with a class of its own."""
    return "\n".join([f":::{{div}} {kind}", *paragraphs, ":::"])


class Chapters(SphinxDirective):
    """The pages of a part: what each asks, how long it runs, and what is read before."""

    def run(self) -> list[nodes.Node]:
        """Put them where the directive stands."""
        holder = nodes.Element()
        for page in parts()[self.env.docname]:
            self.env.note_dependency(str(next(ROOT.glob(f"{page}.*"))))
            text = StringList(summary(page).splitlines(), source=self.env.docname)
            self.state.nested_parse(text, self.content_offset, holder)
        return holder.children


def add_card(app: Sphinx, page: str, source: list[str]) -> None:
    """Give a chapter its card when it is read."""
    if Path(app.env.doc2path(page)).suffix == ".ipynb":
        notebook = json.loads(source[0])
        cell = notebook["cells"][0]
        cell["source"] = with_card("".join(cell["source"]), level(page))
        source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> dict[str, bool]:
    """Before a chapter is parsed."""
    app.add_directive("chapters", Chapters)
    app.connect("source-read", add_card)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
