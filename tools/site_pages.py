"""A Sphinx extension: what neither the theme nor another extension does for a page."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

Context = dict[str, Any]


def load_what_is_seen(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """A picture is loaded when it comes into view."""
    context["body"] = context.get("body", "").replace("<img ", '<img loading="lazy" ')


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
    app.connect("html-page-context", begin_with_the_question, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
