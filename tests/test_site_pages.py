"""What the site's own extension does to a page."""

from types import SimpleNamespace
from typing import Any

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tools.site_pages import (
    hold_formulas,
    leave_the_way_to_the_theme,
    let_names_break,
    let_signatures_break,
    list_modules_once,
    name_folds,
    set_numbers,
    set_prose,
)

pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("<td>-0.0129</td>", "<td>−0.0129</td>"),
        ('<td class="x-1"><p>-.5 to -2e-05</p></td>', '<td class="x-1"><p>−.5 to −2e-05</p></td>'),
        ("<td>11 of 20, [-0.1, 0.2]</td>", "<td>11\u00a0of\u00a020, [−0.1,\u00a00.2]</td>"),
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


def test_a_column_of_words_is_marked_with_its_head() -> None:
    app: Any = None
    table = (
        '<table border="1" class="dataframe"><tr><th></th>{}<th>recall</th></tr>'
        '<tr><th rowspan="2">MovieLens</th><th>0</th>{}<td>0.35 to NaN</td></tr>'
        "<tr><th>1</th>{}<td>[0.1]</td></tr></table>"
    )
    plain = "<th>verdict</th>", "<td>ahead</td>", "<td>7</td>"
    marked = (
        '<th class="words">verdict</th>',
        '<td class="words">ahead</td>',
        '<td class="words">7</td>',
    )
    context = {"body": table.format(*plain)}
    set_numbers(app, "", "", context, None)
    assert context["body"] == table.format(*marked)


def test_a_models_name_is_not_broken_in_a_table() -> None:
    app: Any = None
    table = '<table border="1" class="dataframe"><tr><td>{}log-odds</td></tr></table>'
    context = {"body": table.format("MF-BPR - ")}
    set_numbers(app, "", "", context, None)
    held = table.format('<span class="held">MF-BPR</span>\u00a0− ')
    held = held.replace("<td>", '<td class="words">')
    assert context["body"] == held


def test_a_long_name_of_a_row_has_lines_and_room_for_them() -> None:
    app: Any = None
    table = (
        '<table border="1" class="dataframe"><tr><th>one head and another</th><th></th></tr>'
        '<tr><th rowspan="2" valign="top">MovieLens</th>\n<th>its user</th>\n<td>1</td></tr>'
        "<tr><th{}>row n is of its user</th><td>2</td></tr></table>"
    )
    context = {"body": table.format("")}
    set_numbers(app, "", "", context, None)
    assert context["body"] == table.format(' class="long"')


@pytest.mark.parametrize(
    ("first", "shown", "hidden"),
    [
        ("# @title Answer to exercise 2.1", *["Answer to exercise 2.1"] * 2),
        ("import importlib.util", *(f"{act} code that sets up Colab" for act in ("Show", "Hide"))),
        ("import torch", "Show code", "Hide code"),
    ],
)
def test_a_fold_says_what_is_in_it(first: str, shown: str, hidden: str) -> None:
    app: Any = None
    fold = '<details><summary aria-label="Toggle hidden content"><p>Show</p></summary>{}</details>'
    code = f"<div><pre><span></span><span>{first}</span>\nx = 1</pre></div>"
    context = {"body": fold.format(code) * 2}
    name_folds(app, "", "", context, None)
    assert context["body"].count(f">{shown}</p>") == context["body"].count(f">{hidden}</p>") >= 2
    assert context["body"].count(code) == 2 and "Toggle" not in context["body"]


def test_an_answer_has_the_apostrophes_of_the_page() -> None:
    app: Any = None
    context = {"body": "<summary>a) Ann's.</summary><p>ann['x']</p>"}
    name_folds(app, "", "", context, None)
    assert context["body"] == "<summary>a) Ann’s.</summary><p>ann['x']</p>"


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("from -0.001 to *-.5*", "from −0.001 to −.5"),
        ("a 95 % interval, 3-4, 2026-11-27", "a 95\u00a0% interval, 3-4, 2026-11-27"),
        ("``--jobs -1``, ``5 % 2``", "--jobs -1, 5 % 2"),
        ("chapter 3, `Chapter 11 <x>`__", "chapter\u00a03, Chapter\u00a011"),
    ],
)
def test_a_sentences_numbers_have_a_minus_and_keep_their_per_cent(
    sentence: str, shown: str
) -> None:
    app: Any = None
    doctree = publish_doctree(sentence)
    set_prose(app, doctree, "")
    assert doctree.astext() == shown


def held(text: str) -> str:
    return f'<span class="held">{text}</span>'


def param(text: str) -> str:
    return f'<em class="sig-param">{text}</em>'


def paren(text: str) -> str:
    return f'<span class="sig-paren">{text}</span>'


X = '<span class="math notranslate nohighlight">\\(x\\)</span>'


@pytest.mark.parametrize(
    ("change", "body", "shown"),
    [
        (hold_formulas, f"by {X}, {X} and ({X})", f"by {held(X + ',')} {X} and {held(f'({X})')}"),
        (let_names_break, "<h2>recbook.data.logs<a", "<h2>recbook.<wbr>data.<wbr>logs<a"),
        (let_names_break, "<h1>Of recbook.a_b</h1>", "<h1>Of recbook.<wbr>a_<wbr>b</h1>"),
        (
            let_names_break,
            '<span class="pre">recbook.data.</span></span><span class="sig-name">',
            '<span class="pre">recbook.<wbr>data.<wbr></span></span><span class="sig-name">',
        ),
        (let_names_break, "<p>Of recbook.data</p>", "<p>Of recbook.data</p>"),
        (
            let_signatures_break,
            f"{param('k')}, {param('n')}{paren(')')}",
            f"{held(param('k') + ',')} {held(param('n') + paren(')'))}",
        ),
        (let_signatures_break, f"f{paren('(')}k", f"f{paren('(')}<wbr>k"),
        (let_signatures_break, f"f{paren('(')}{paren(')')}", f"f{paren('(')}{paren(')')}"),
    ],
)
def test_a_line_breaks_where_it_may(change: Any, body: str, shown: str) -> None:
    context = {"body": body}
    change(None, "", "", context, None)
    assert context["body"] == shown


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


def test_the_index_lists_a_module_once() -> None:
    entries = [("pair", "module; recbook.data", "module-recbook.data", "", None)]
    listed = {"api": [*entries, ("single", "load()", "load", "", None)]}
    env: Any = SimpleNamespace(domaindata={"index": {"entries": listed}})
    app: Any = None
    for _ in range(2):  # a second build has what the first one left
        assert list_modules_once(app, env) == []
    assert [entry[:2] for entry in listed["api"]] == [
        ("single", "recbook.data (module)"),
        ("single", "load()"),
    ]
