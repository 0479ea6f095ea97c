"""Every metric figure in the book's prose is in the ledger, or in the list of published figures."""

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from recbook import ledger

BOOK = Path(__file__).parents[1] / "book"
STATUS = BOOK / "status.md"  # generated from the ledger itself: checked to be that, below
GENERATED = {STATUS, BOOK / "benchmarks.md"}  # the other is checked in test_benchmarks.py
WRITTEN = {*BOOK.glob("*.ipynb"), *BOOK.glob("*.md"), BOOK.parent / "README.md"} - GENERATED
PAGES = sorted(WRITTEN)
ENTRIES = list(ledger.FOLDER.glob("*.json"))
MEASURE = re.compile(r"\b(recall|precision|ndcg|hit rate)", re.IGNORECASE)
NOT_PROSE = re.compile(
    r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`|\]\([^)]*\)|^\[[\w-]+\]:.*?$|https?://\S+|<!--.*?-->",
    re.DOTALL | re.MULTILINE,
)
DECIMAL = re.compile(r"(?<![\w.,:/])(0?\.\d{2,})(?![\w.]*\d)")
GAIN = re.compile(r"[+-](\d+(?:\.\d+)?)\s?(?:%|per cent)")


def prose(page: Path) -> str:
    """A page's Markdown."""
    text = page.read_text()
    if page.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return text


def metric_figures(text: str) -> Iterator[tuple[str, str]]:
    """Figures with the sentence they stand in.

    Two decimals are one where the sentence or the table's row names a measure, three always are.
    Code, formulas and addresses are not prose.
    """
    for paragraph in re.split(r"\n\s*\n|\n(?=\||[*-] |\d+\. )", NOT_PROSE.sub(" ", text)):
        for sentence in re.split(r"(?<=[.!?;:])\s+(?=[A-Z*(])", paragraph):
            named = MEASURE.search(sentence)
            for match in DECIMAL.finditer(sentence):
                if named or len(match[1].split(".")[1]) > 2:
                    yield match[1], " ".join(sentence.split())
            for match in GAIN.finditer(sentence) if named else ():
                yield match[1], " ".join(sentence.split())


STORY = {"baselines", "original", "validated"}  # the entries that any page may quote


def entries_of(page: Path) -> set[str]:
    """The entries that a page may quote: the story's, and those that its code names."""
    named = {path.stem for path in ENTRIES if f'"{path.stem}"' in code(page)}
    return STORY | named


def code(page: Path) -> str:
    """A notebook's code; a page of Markdown has none."""
    if page.suffix != ".ipynb":
        return ""
    cells = [cell for cell in json.loads(page.read_text())["cells"] if cell["cell_type"] == "code"]
    return "\n".join("".join(cell["source"]) for cell in cells)


def known_figures(entries: set[str]) -> list[float]:
    """What may be quoted: some entries of the ledger, and the published figures."""
    known = []
    for name in entries:
        known += ledger.figures(ledger.read_entry(name)["results"])
    for source in yaml.safe_load((BOOK / "published.yml").read_text()):
        assert all(source[key] for key in ("source", "table", "page"))
        known += source["figures"].values()
    return known


def unknown_figures(text: str, entries: set[str] = STORY) -> list[str]:
    known = known_figures(entries)

    def is_known(figure: str) -> bool:
        digits = len(figure.partition(".")[2])
        return any(abs(abs(k) - float(figure)) <= 0.5 * 10**-digits + 1e-9 for k in known)

    return [f"{fig} in: {where}" for fig, where in metric_figures(text) if not is_known(fig)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_metric_figure_has_a_source(page: Path) -> None:
    found = unknown_figures(prose(page), entries_of(page))
    assert not found, (
        "\n".join(found) + "\nneither in recbook/results nor in book/published.yml: quote the "
        "ledger (make results), add the source, or point to the cell that prints it"
    )


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("LightGCN has a recall of 0.3635.", "0.3635"),
        ("It reaches .36351, which is more.", ".36351"),
        ("| NGCF | recall@20 | 0.99 |", "0.99"),
        ("Recall rises by +77 % here.", "77"),
    ],
)
def test_a_changed_figure_is_found(text: str, figure: str) -> None:
    assert [found.split(" in: ")[0] for found in unknown_figures(text)] == [figure]


@pytest.mark.parametrize(
    "text",
    [
        "The post reports recall@20 0.3535.",
        "Recall@20 is 0.35 there.",
        "A weight of 0.71 on each edge.",
        "Train with `lr=0.0053` and see the recall.",
        "Recall with $\\lambda = 0.00123$.",
        "With torch 2.13.0 recall is the same.",
    ],
)
def test_what_is_no_unknown_figure(text: str) -> None:
    assert unknown_figures(text) == []


def test_the_status_page_is_what_the_ledger_says() -> None:
    page = runpy.run_path(str(BOOK.parent / "tools" / "status_page.py"))["status"]() + "\n"
    assert STATUS.read_text() == page, "call python -m tools.status_page, or make results"
    lines = page.splitlines()
    assert any(line.startswith("| LightGCN recall@20 | 0.3535 | 0.355") for line in lines)
    recall = ledger.read_entry("audit")["results"]["tuned"]["NGCF"]["mean"]["recall"]
    assert any(line.startswith(f"| tuned: NGCF | {recall:.4f} ±") for line in lines)
    assert all(f"`python -m experiments {path.stem}`" in page for path in ENTRIES)


def test_the_ledger_says_how_each_entry_is_made() -> None:
    from experiments.__main__ import EXPERIMENTS

    assert {path.stem for path in ENTRIES} == set(EXPERIMENTS)
    for name in EXPERIMENTS:
        entry = ledger.read_entry(name)
        assert entry["command"] == f"python -m experiments {name}"
        assert len(entry["data"]["digest"]) == 16 and entry["versions"]["torch"]
