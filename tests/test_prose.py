"""Every figure in the book's prose is what its source says: `tools/bindings.py`."""

import dataclasses
import random
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from recbook import ledger
from tools import bindings
from tools.bindings import file_of, problems, read_bindings
from tools.prose import BOOK, GENERATED, PAGES, Sentence, read_figures, sentences, shown
from tools.sources import evaluate, renders_as

pytestmark = pytest.mark.no_cover

STATUS = BOOK / "status.md"  # generated from the ledger itself: checked to be that, below
ENTRIES = list(ledger.FOLDER.glob("*.json"))


@cache
def read_page(page: Path) -> tuple[Sentence, ...]:
    return tuple(sentences(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_figure_is_what_its_source_says(page: Path) -> None:
    found = list(problems(read_page(page), read_bindings(page)))
    help_ = f"python -m tools.bindings {page.stem} names sources, with --write it adds entries"
    assert not found, "\n".join([*found, help_])


def test_no_sentence_is_without_a_source() -> None:
    entries = [entry for page in PAGES for entry in read_bindings(page)]
    assert [one["says"] for one in entries if "unbound" in str(one.get("rest", ""))] == []


def test_bindings_are_of_pages() -> None:
    assert set((BOOK / "bindings").iterdir()) <= {file_of(page) for page in PAGES}
    assert {page.stem for page in GENERATED} == {"status", "benchmarks"}


def made_up(figure: str, chance: random.Random) -> str:
    """Another figure of the same form: as many digits, the same commas, or another such word."""
    while True:
        if figure[-1].isalpha():
            other = chance.choice("half third quarter fifth tenth twice three six twenty".split())
        else:
            other = re.sub(r"\d", lambda _: str(chance.randrange(10)), figure)
        if other != figure and (other[-1].isalpha() or shown(other) != shown(figure)):
            return other


def with_figures(sentence: Sentence, figures: list[str]) -> list[Sentence]:
    """The sentence with other figures, read again from its text."""
    text, last = "", 0
    for (start, end), figure in zip(sentence.spans, figures, strict=True):
        text += sentence.text[last:start] + figure
        last = end
    return list(read_figures(text + sentence.text[last:], sentence.cell))


def wrong_pages(page: Path, times: int) -> Iterator[tuple[str, list[Sentence]]]:
    """The page with one figure made up, or two of a sentence swapped, or a sign turned round."""
    chance = random.Random(page.stem)
    quoting = [n for n, sentence in enumerate(read_page(page)) if sentence.spans]
    for _ in range(times if quoting else 0):
        n = chance.choice(quoting)
        sentence = read_page(page)[n]
        figures = list(sentence.figures)
        which = chance.randrange(len(figures))
        signed = figures[which][0] in "+-−"
        others = [k for k, figure in enumerate(figures) if figure != figures[which]]
        way = chance.choice(["made up", *["swapped"] * bool(others), *["turned"] * signed])
        if way == "made up":
            figures[which] = made_up(figures[which], chance)
        elif way == "swapped":
            other = chance.choice(others)
            figures[which], figures[other] = figures[other], figures[which]
        else:
            figures[which] = ("−" if figures[which][0] == "+" else "+") + figures[which][1:]
        new = with_figures(sentence, figures)
        yield f"{way}: {sentence.text}", [*read_page(page)[:n], *new, *read_page(page)[n + 1 :]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_of_200_made_up_figures_at_most_two_pass(page: Path) -> None:
    entries = read_bindings(page)
    passed = [what for what, page in wrong_pages(page, 200) if not any(problems(page, entries))]
    assert len(passed) <= 2, passed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_swapped_models_are_found(page: Path) -> None:
    """A bound sentence that names two models may not name them the other way round."""
    entries, passed = read_bindings(page), []
    models = re.compile(r"\b(LightGCN|NGCF|MF-BPR|PureSVD|EASE|iALS|GF-CF|ItemKNN)\b")
    for n, sentence in enumerate(read_page(page)):
        names = list(dict.fromkeys(models.findall(sentence.text)))[:2]
        if not (sentence.spans or sentence.compares) or len(names) < 2:
            continue
        turned = dict(zip(names, reversed(names), strict=True))
        text = models.sub(lambda match, to=turned: to.get(match[0], match[0]), sentence.text)
        page_now = [*read_page(page)[:n], *read_figures(text), *read_page(page)[n + 1 :]]
        if not any(problems(page_now, entries)):
            passed.append(text)
    assert not passed


SAID = next(read_figures("NGCF has 0.3136 of recall after 50 epochs, a gain of +12 %."))
BOUND = {
    "says": "NGCF has {} of recall after 50 epochs, a gain of {} %.",
    "from": [
        "published/post/NGCF recall@20",
        "{published/post/LightGCN ahead of NGCF, precision, per cent}",
    ],
    "rest": "setting",
    "holds": ["{published/post/NGCF recall@20} < {published/post/LightGCN recall@20}"],
}


def test_a_bound_sentence_is_right() -> None:
    assert SAID.figures == ["0.3136", "50", "+12"]
    assert list(problems([SAID], [BOUND])) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"says": "NGCF has {} of recall after 60 epochs, a gain of {} %."}, "bound, but not in"),
        ({"says": "LightGCN has {} of recall after 50 epochs, a gain of {} %."}, "not bound: NGCF"),
        ({"from": ["published/post/LightGCN recall@20", BOUND["from"][1]]}, "0.3136 is 0.3535 by"),
        ({"from": [BOUND["from"][0], "-" + BOUND["from"][1]]}, "+12 is -12 by"),
        (
            {"from": [BOUND["from"][0], "published/post/recall"]},
            "published/post/recall: got recall",
        ),
        ({"from": BOUND["from"][:1]}, "1 sources for 2 figures"),
        ({"from": ["__import__('os').getcwd({audit/seconds})", BOUND["from"][1]]}, "__import__"),
        ({"rest": ""}, "1 figures without source, because nothing"),
        ({"rest": "because"}, "1 figures without source, because because"),
        ({"holds": ["{published/post/NGCF recall@20} > 1"]}, "{published/post/NGCF recall@20} > 1"),
        ({"form": []}, "unknown key form"),
        ({"read": False}, "proposed by value alone"),
    ],
)
def test_a_wrong_binding_is_named(change: dict[str, Any], line: str) -> None:
    assert any(found.startswith(line) for found in problems([SAID], [BOUND | change]))


def test_entries_are_proposed() -> None:
    sources = [("audit/NGCF/recall", 0.31364), ("audit/EASE/recall", 0.31361), ("x/y", 0.12)]
    new = bindings.entry_for(SAID, [], sources)
    assert new["says"] == "NGCF has {} of recall after 50 epochs, a gain of {} %."
    assert new["from"] == ["audit/NGCF/recall", "100 * {x/y}"]
    assert new["rest"] == "unbound" and any(
        "by value alone" in line for line in problems([SAID], [new])
    )
    longer = next(read_figures("Here NGCF has 0.3136 of recall after 50 epochs, a gain of +12 %."))
    renewed = bindings.entry_for(longer, [BOUND], sources)
    assert renewed == BOUND | {"says": "Here " + BOUND["says"]}
    assert list(problems([longer], [renewed])) == []


IN_WORDS = next(read_figures("LightGCN is ahead of NGCF."))
AHEAD = "{published/post/LightGCN recall@20} > {published/post/NGCF recall@20}"


@pytest.mark.parametrize(
    ("bound", "line"),
    [
        ([], "not bound: LightGCN"),
        ([{"says": IN_WORDS.text}], "no figure, so either holds or the reason"),
        ([{"says": IN_WORDS.text, "holds": [AHEAD.replace(">", "<")]}], "{published/post/LightGCN"),
        ([{"says": "NGCF is ahead of LightGCN.", "holds": [AHEAD]}], "bound, but not in the prose"),
    ],
)
def test_a_comparison_in_words_needs_a_source(bound: list[dict[str, Any]], line: str) -> None:
    assert IN_WORDS.compares and not next(read_figures("LightGCN has layers.")).compares
    assert list(problems([IN_WORDS], [{"says": IN_WORDS.text, "holds": [AHEAD]}])) == []
    assert list(problems([IN_WORDS], [{"says": IN_WORDS.text, "rest": "reference"}])) == []
    assert any(found.startswith(line) for found in problems([IN_WORDS], bound))


def test_one_entry_is_good_for_one_sentence() -> None:
    assert list(problems([SAID, SAID], [BOUND])) == [f"not bound: {SAID.text}"]
    assert list(problems([SAID], [BOUND, BOUND])) == [
        f"bound, but not in the prose: {BOUND['says']}"
    ]
    assert list(problems([dataclasses.replace(SAID, spans=SAID.spans[1:])], [BOUND]))


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("It has .36 (SD 0.005), −.0024 to +.0137.", [".36", "0.005", "−.0024", "+.0137"]),
        ("Of 1,546 films 20 % have 3; 4/46 is less.", ["1,546", "20", "3", "4", "46"]),
        ("| NGCF | 0.3136 ± 0.0034 |", ["0.3136", "0.0034"]),
        ("A third of them, twice as much, four times.", ["third", "twice", "four"]),
        (
            "Thirty-two of fifteen hundred, two in a hundred.",
            ["Thirty-two", "fifteen hundred", "two in a hundred"],
        ),
        ("In 2020, chapter 3, Figures 4.1 and 4.2, equation 7 and recall@20 of torch 2.13.0.", []),
        ("Train with `lr=0.0053`, $\\lambda = 0.00123$; [x](https://a.b/0.5) three films.", []),
        ("MovieLens-100K has layer 0, seed 16.", []),
        ("recall .1923 and .1901 are no years", [".1923", ".1901"]),
    ],
)
def test_what_is_a_figure(text: str, figures: list[str]) -> None:
    assert [figure for sentence in read_figures(text) for figure in sentence.figures] == figures


@pytest.mark.parametrize(
    ("value", "figure", "right"),
    [
        (0.35351, ".3535", True),
        (0.35351, "0.354", True),
        (0.35351, ".353", False),
        (-0.0024, "−.0024", True),
        (-0.0024, ".0024", False),
        (0.0024, "−.0024", False),
        (0.0024, "+.0024", True),
        (1546.0, "1,546", True),
        (0.32, "third", True),
        (0.29, "third", False),
        (1.87, "twice", True),
        (0.0213, "two in a hundred", True),
        (float("nan"), ".36", False),
        ([0.36], ".36", False),
    ],
)
def test_how_a_value_is_rendered(value: Any, figure: str, right: bool) -> None:
    assert renders_as(value, figure) is right


def test_sums_of_sources() -> None:
    recall = evaluate("published/post/NGCF recall@20")
    assert evaluate("down(100 * {published/post/NGCF recall@20}, 10)") == 30
    assert evaluate("max({published/*/recall@20}) - {published/post/NGCF recall@20}") < 0 < recall
    with pytest.raises(ValueError, match="is no sum of sources"):
        evaluate("{published/post/NGCF recall@20}.hex()")


def test_published_figures_are_complete_and_printed_alike() -> None:
    for source in yaml.safe_load((BOOK / "published.yml").read_text()):
        assert all(source[key] for key in ("id", "source", "table", "page", "figures"))
        assert source["url"].startswith("https://") and source["looked_up"] in (True, False)
        for name, path in source.get("printed", {}).items():
            assert evaluate(path) == source["figures"][name], f"{source['id']}: {name} by {path}"


def test_the_status_page_is_what_the_ledger_says() -> None:
    page = runpy.run_path(str(BOOK.parent / "tools" / "status_page.py"))["status"]() + "\n"
    assert STATUS.read_text() == page, "call python -m tools.status_page, or make results"
    lines = page.splitlines()
    assert any(line.startswith("| LightGCN recall@20 | 0.3535 | 0.355") for line in lines)
    recall = ledger.read_entry("audit")["results"]["epoch_validated"]["NGCF"]["mean"]["recall"]
    assert any(line.startswith(f"| epoch validated: NGCF | {recall:.4f} ±") for line in lines)
    assert all(f"`python -m experiments {path.stem}`" in page for path in ENTRIES)


def test_the_ledger_says_how_each_entry_is_made() -> None:
    from experiments.__main__ import EXPERIMENTS

    made = {path.stem for path in ENTRIES}
    assert made <= set(EXPERIMENTS)
    for name in made:
        entry = ledger.read_entry(name)
        assert entry["command"] == f"python -m experiments {name}"
        assert len(entry["data"]["digest"]) == 16 and entry["versions"]["torch"]
