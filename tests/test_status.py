"""The page of all results: a difference is of the two rows that it names, in their order."""

import re
from collections.abc import Iterator
from statistics import fmean
from typing import Any

import pytest

from recbook.ledger import FOLDER
from tools import status_page

pytestmark = pytest.mark.no_cover

MEASURES = {shown: name for name, shown in status_page.MEASURES.items()}
# Of `factors` a difference is between all cells with one level and all with another.
LEVELS = {
    "loss": "^{}, ",
    "num layers": ", {} layers?, ",
    "start": ", {} start, ",
    "batch size": ", batch {}$",
}


def runs(values: dict[str, Any], measure: str) -> list[float]:
    """A row's value on each of its splits, or the one that it has."""
    return [one[measure] for one in values.get("by_split", [status_page.measured(values)])]


def recalculated(entry: str, label: str, figures: dict[str, dict[str, Any]]) -> float:
    """The difference that a label names, from the rows that it names."""
    where, pair = label.rpartition(": ")[::2]
    first, second = pair.split(" minus ")
    if entry == "factors":
        means = []
        for level in (first, second):
            cells = [name for name in figures if re.search(LEVELS[where].format(level), name)]
            assert cells and len(cells) < len(figures)
            means.append(fmean(fmean(runs(figures[name], "recall")) for name in cells))
        return means[0] - means[1]
    split, _, measure = where.rpartition(", ")
    if measure not in MEASURES:
        split, measure = where, "recall@20"
    rows = (figures[f"{split}: {name}" if split else name] for name in (first, second))
    pairs = zip(*(runs(values, MEASURES[measure]) for values in rows), strict=False)
    return fmean(one - other for one, other in pairs)


def differences() -> Iterator[tuple[str, str]]:
    for entry in status_page.TITLES:
        for label, _ in status_page.parts(entry)[1]:
            yield entry, label


def test_each_entry_has_a_title_and_says_over_what_its_spreads_are() -> None:
    entries = {path.stem for path in FOLDER.glob("*.json")}
    assert entries == set(status_page.TITLES) == set(status_page.SPREADS)


@pytest.mark.parametrize("entry", sorted({entry for entry, _ in differences()}))
def test_a_difference_is_the_first_row_minus_the_second(entry: str) -> None:
    figures, found, _ = status_page.parts(entry)
    labels = [label for label, _ in found]
    assert len({*labels}) == len(labels)
    for label, values in found:
        expected = recalculated(entry, label, dict(figures))
        assert values["difference"] == pytest.approx(expected, abs=2e-4), label


@pytest.mark.parametrize(
    ("value", "shown"),
    [(66016, "66,016"), (1.3e-05, "0.000013"), (0.0028, "0.0028"), (12.0581, "12.0581"), (0, "0")],
)
def test_a_number_has_commas_and_no_exponent(value: float, shown: str) -> None:
    assert status_page.number(value) == shown


def test_the_page_has_no_word_of_the_ledgers_own() -> None:
    page = status_page.status()
    assert not re.search(r"\bndcg\b|percent|>=|\b1 layers|\de-\d|\| 0\.0000 \||_of_", page)
