"""An extension of Sphinx that mends viewcode's pages, which Sphinx fills with the package's source.

viewcode takes one module for what hands on another's names. So its links back to the documentation
name places that are not there, and its overview names pages that it has not written.
"""

import re
from typing import Any

from docutils.nodes import make_id
from sphinx.application import Sphinx

BACK = re.compile(r'id="([\w.]+)">\n<a class="viewcode-back" href="([^"#]+)[^"]*"')


def keep_what_has_a_page(app: Sphinx) -> list[Any]:
    """Forget the modules whose source was not found, such as that of `dict`."""
    modules = getattr(app.env, "_viewcode_modules", {})
    app.env._viewcode_modules = {name: found for name, found in modules.items() if found}
    return []


def lead_back(app: Sphinx, page: str, template: str, context: dict[str, Any], _: Any) -> None:
    """Lead from a name's source to its heading, as chapters are led: `tools/api_pages.py`."""
    if page.startswith("_modules/"):
        context["body"] = BACK.sub(to_heading, context["body"])


def to_heading(found: re.Match[str]) -> str:
    """The link with the place of the heading.

    >>> text = 'id="Split.part">\\n<a class="viewcode-back" href="../data.html#recbook.Split.part"'
    >>> BACK.sub(to_heading, text)
    'id="Split.part">\\n<a class="viewcode-back" href="../data.html#split"'
    """
    name, page = found.groups()
    return f'id="{name}">\n<a class="viewcode-back" href="{page}#{make_id(name.split(".")[0])}"'


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-collect-pages", keep_what_has_a_page, priority=400)  # before viewcode, 500
    app.connect("html-page-context", lead_back)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
