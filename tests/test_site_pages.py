"""What the site's own extension does to a page."""

from typing import Any

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tools.site_pages import leave_the_way_to_the_theme, set_numbers

pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("<td>-0.0129</td>", "<td>−0.0129</td>"),
        ('<td class="x-1"><p>-.5 to -2e-05</p></td>', '<td class="x-1"><p>−.5 to −2e-05</p></td>'),
        ("<td>0.35 ± 0.01</td>", "<td>0.35\u00a0±\u00a00.01</td>"),
        ("<td>2026-11-27, MovieLens-100K, 3-4</td>", "<td>2026-11-27, MovieLens-100K, 3-4</td>"),
        ("<td><code>--jobs -1</code></td>", "<td><code>--jobs -1</code></td>"),
        ("<p>-1</p>", "<p>-1</p>"),
    ],
)
def test_a_tables_numbers_have_a_minus(cell: str, shown: str) -> None:
    app: Any = None
    context = {"body": f"<table>{cell}</table>"}
    set_numbers(app, "", "", context, None)
    assert context["body"] == f"<table>{shown}</table>"


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("**Previous:** BPR · **Next:** NGCF", ["Ahead."]),
        ("**Next:** NGCF · **Deeper:** Filters", ["Ahead.", "Deeper: Filters"]),
        ("The next one: NGCF", ["Ahead.", "The next one: NGCF"]),
    ],
)
def test_the_theme_alone_leads_on(line: str, left: list[str]) -> None:
    app: Any = None
    doctree = publish_doctree(f"Ahead.\n\n{line}\n")
    leave_the_way_to_the_theme(app, doctree)
    assert [one.astext() for one in doctree.findall(nodes.paragraph)] == left
