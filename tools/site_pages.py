"""A Sphinx extension: what neither the theme nor another extension does for a page."""

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

Context = dict[str, Any]
CELL = re.compile(r"<td\b.*?</td>", re.DOTALL)
MINUS = re.compile(r"(?<![\w.-])-(?=\.?\d)")  # a number's, neither a date's nor a name's


def load_what_is_seen(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """A picture is loaded when it comes into view."""
    context["body"] = context.get("body", "").replace("<img ", '<img loading="lazy" ')


def set_numbers(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """Numbers in tables."""
    context["body"] = CELL.sub(lambda cell: set_cell(cell[0]), context.get("body", ""))


def set_cell(cell: str) -> str:
    """A number has a minus instead of a hyphen, and stays on one line with its spread."""
    if "<code" in cell or "math" in cell:
        return cell
    on_a_line = cell.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
    return MINUS.sub("\N{MINUS SIGN}", on_a_line)


def leave_the_way_to_the_theme(app: Sphinx, doctree: nodes.document) -> None:
    """A chapter names those before and after it, for Colab; of them only the deeper one stays."""
    for line in list(doctree.findall(nodes.paragraph)):
        if line.astext().startswith(("Previous:", "Next:")):
            names = [node.astext() for node in line]
            line[:] = line[names.index("Deeper:") :] if "Deeper:" in names else []
            if not len(line):
                line.parent.remove(line)


def be_found_by_terms(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Who searches for a term finds the sections that explain it, as the glossary names them."""
    for item in app.env.get_doctree("book/glossary").findall(nodes.definition_list_item):
        for link in item.findall(addnodes.pending_xref):
            if link["reftarget"] == page:
                for term in item.findall(nodes.term):
                    place = link["reftargetid"] or ""
                    entry = ("single", term.astext(), place, "main", None)
                    doctree.append(addnodes.index(entries=[entry]))


def begin_with_the_question(
    app: Sphinx, page: str, template: str, context: Context, doctree: nodes.document | None
) -> None:
    """Take a chapter's card away, with which sphinxext.opengraph would begin; the page is made."""
    if doctree is None or page.rpartition("/")[2][:1] not in "0123456789":
        return
    card = next(doctree.findall(nodes.container))
    card.parent.remove(card)
    label = next(doctree.findall(nodes.strong))  # "The question."
    label.parent.remove(label)


def setup(app: Sphinx) -> dict[str, bool]:
    """Before the cards are made, which show where a link is shared."""
    app.connect("html-page-context", load_what_is_seen)
    app.connect("html-page-context", set_numbers)
    app.connect("doctree-resolved", be_found_by_terms)
    app.connect("doctree-read", leave_the_way_to_the_theme)
    app.connect("html-page-context", begin_with_the_question, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
