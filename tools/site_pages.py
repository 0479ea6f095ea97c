"""A Sphinx extension: what neither the theme nor another extension does for a page."""

import itertools
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

Context = dict[str, Any]
NAMED = '</span></span><span class="sig-name'  # what stands after its module
NAME = re.compile(
    rf"(?<=[>\s])recbook\.[\w.]+(?=(?:\(\))?(?:</h1>|<a\b|</span></code>|</em></a>|{NAMED}))"
)
OF_A_SIGNATURE = {  # patterns of its parts
    r'<span class="sig-paren">\(</span>(?!<span class="sig-paren">)': r"\g<0><wbr>",
    r'<em class="sig-param">.*?</em>(,|<span class="sig-paren">\)</span>)': (
        r'<span class="held">\g<0></span>'
    ),
    r'<span class="w"> (?=</span><span class="p"><span class="pre">=)': '<span class="w">\xa0',
}
FORMULA = re.compile(
    r"""\(?<span class="math notranslate nohighlight">[^<]{,60}</span>[,.;:)?]+"""
    r"""|\(<span class="math notranslate nohighlight">[^<]{,60}</span>"""
)
HYPHENED = re.compile(r"(?<=[> ])[A-Z]\w{1,8}-[A-Z\d]\w{0,4}(?=[<,\s])")  # MF-BPR
LESS = re.compile(r"(?<=[\w)]) - (?=[A-Za-z])")  # LightGCN - EASE
TABLE = re.compile(r'<table border="1" class="dataframe">.*?</table>', re.DOTALL)
ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)
CELL = re.compile(r"<td\b.*?</td>", re.DOTALL)
ANY_CELL = re.compile(r"<(t[hd])\b.*?</\1>", re.DOTALL)
LONG_NAME = re.compile(
    r"<th((?: rowspan[^>]*)?)>([^<]{15,})(?=</th>\s*(?:<th[^>]*>[^<]*</th>\s*)?<td)"
)
HEAD_OR_CELL = re.compile(r"<(t[hd])>.*?</\1>", re.DOTALL)
FOLD = re.compile(
    r'<summary aria-label="Toggle hidden content">.*?</summary>(?P<code>.*?)(?=</details>)',
    re.DOTALL,
)
ANSWER = re.compile(r"<summary>[a-c]\) .*?</summary>")  # raw, so that quotes are not curled
TAG = re.compile("<[^>]+>")
WORD = re.compile(r"(?<![A-Za-z])(?!NaN)[A-Za-z]{3}")
PROSE = {nodes.paragraph, nodes.emphasis, nodes.strong, nodes.inline, nodes.reference}
TOGETHER = re.compile(r"(?<=\d) %|(?<=pter|gure) (?=\d)")  # 95 %, chapter 3, Figure 3.1
TOGETHER_IN_A_CELL = re.compile(r" ± | = (?=\d)|(?<=\d) of (?=\d)|\[\S+, \S+\]")
MINUS = re.compile(r"(?<![\w.-])-(?=\.?\d)")  # a number's, neither a date's nor a name's


def load_what_is_seen(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """A picture is loaded when it comes into view."""
    context["body"] = context.get("body", "").replace("<img ", '<img loading="lazy" ')


def set_numbers(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """Numbers in tables, and the words among them."""
    body = ANY_CELL.sub(lambda cell: set_cell(cell[0]), context.get("body", ""))
    context["body"] = TABLE.sub(lambda table: set_names(set_words(table[0])), body)


def let_names_break(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """A name of the package is broken at its dots and underscores, where a phone is narrower."""
    context["body"] = NAME.sub(
        lambda name: re.sub("[._]", r"\g<0><wbr>", name[0]), context.get("body", "")
    )


def let_signatures_break(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """No line of a signature begins with a comma, a parenthesis or what follows a name."""
    for pattern, put in OF_A_SIGNATURE.items():
        context["body"] = re.sub(pattern, put, context.get("body", ""))


def hold_formulas(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """No line begins with what ends a formula's phrase, nor ends with what opens it."""
    context["body"] = FORMULA.sub(r'<span class="held">\g<0></span>', context.get("body", ""))


def name_folds(app: Sphinx, page: str, template: str, context: Context, _: Any) -> None:
    """A folded cell says what is in it: its title, as in Colab, where it has one."""
    body = ANSWER.sub(lambda answer: answer[0].replace("'", "’"), context.get("body", ""))
    context["body"] = FOLD.sub(name_fold, body)


def name_fold(fold: re.Match[str]) -> str:
    """The same cell with another name."""
    first = TAG.sub("", fold["code"]).lstrip().partition("\n")[0]
    marked = "# @title "
    if first.startswith(marked):
        shown = hidden = first.removeprefix(marked)
    else:
        what = "code that sets up Colab" if "importlib" in first else "code"
        shown, hidden = f"Show {what}", f"Hide {what}"
    names = f"""<p class="collapsed admonition-title">{shown}</p>
<p class="expanded admonition-title">{hidden}</p>"""
    return f"<summary>\n{names}\n</summary>{fold['code']}"


def set_cell(cell: str) -> str:
    """A number has a minus instead of a hyphen, and stays on one line with its spread."""
    if "<code" in cell or "math" in cell:
        return cell
    return MINUS.sub("\N{MINUS SIGN}", TOGETHER_IN_A_CELL.sub(on_a_line, cell))


def on_a_line(text: re.Match[str]) -> str:
    """No line ends between its words."""
    return text[0].replace(" ", "\N{NO-BREAK SPACE}")


def set_names(table: str) -> str:
    """A name is not broken at its hyphen, and has a minus before another; a long one has lines."""
    less = LESS.sub("\N{NO-BREAK SPACE}\N{MINUS SIGN} ", table.replace("Holm's p", "Holm’s\xa0p"))
    less = LONG_NAME.sub(r'<th class="long"\1>\2', less)
    return HYPHENED.sub(r'<span class="held">\g<0></span>', less)


def set_words(table: str) -> str:
    """A column of pandas' that has words has a class of its own, its head included."""
    cells = [row for row in map(CELL.findall, ROW.findall(table)) if row]
    columns = list(zip(*cells, strict=True))
    worded = {n for n, column in enumerate(columns) if any(map(WORD.search, column))}

    def set_row(row: re.Match[str]) -> str:
        place = itertools.count(len(columns) - len(HEAD_OR_CELL.findall(row[0])))
        return HEAD_OR_CELL.sub(
            lambda cell: cell[0].replace(">", ' class="words">', next(place) in worded), row[0]
        )

    return ROW.sub(set_row, table)


def set_prose(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """A number in a sentence has a minus instead of a hyphen, and stays with what it is of."""
    for text in list(doctree.findall(nodes.Text)):
        if type(text.parent) in PROSE:
            minus = MINUS.sub("\N{MINUS SIGN}", text)
            text.parent.replace(text, nodes.Text(TOGETHER.sub(on_a_line, minus)))


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


def list_modules_once(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The index has a module under its own name alone, on one line."""
    listed = env.domaindata["index"]["entries"]
    for page, entries in listed.items():
        listed[page] = [
            ("single", f"{entry[1].removeprefix('module; ')} (module)", *entry[2:])
            if entry[1].startswith("module; ")
            else entry
            for entry in entries
        ]
    return []


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
    app.connect("html-page-context", let_names_break)
    app.connect("html-page-context", let_signatures_break)
    app.connect("html-page-context", hold_formulas)
    app.connect("html-page-context", name_folds)
    app.connect("env-updated", list_modules_once)
    app.connect("doctree-resolved", be_found_by_terms)
    app.connect("doctree-resolved", set_prose)
    app.connect("doctree-read", leave_the_way_to_the_theme)
    app.connect("html-page-context", begin_with_the_question, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
