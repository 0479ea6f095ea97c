"""Binding the figures of the prose to their sources: ``python -m tools.bindings [--write] [PAGE]``.

``book/bindings/PAGE.yml`` has an entry for each sentence that holds a figure, in their order:

    - says: "LightGCN has a recall of {} with {}, 64 numbers each."
      from: [validated/LightGCN/mean/recall, "out/07-040/layers/1"]
      rest: setting

Each ``{}`` is a figure, rendered from its source (``tools/sources.py``). Other figures are written
out, and ``rest`` says why they claim nothing. ``holds`` has comparisons that must be true, for what
the sentence says in words. The command names what is not bound, with sources that would fit;
with ``--write`` it adds entries, with the sources of the sentence that they replace, or else with
what fits best; the latter fail with ``read: false`` until somebody has read them.
"""

import argparse
import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from recbook import ledger
from tools.prose import BOOK, PAGES, Sentence, number_of, read_figures, sentences, shown
from tools.sources import PRINTED, evaluate, outputs, published, renders_as

FOLDER = BOOK / "bindings"
WHY = {
    "setting",  # chosen, not measured: a width, a number of epochs
    "toy",  # of an example that is worked by hand
    "reference",  # a place, a date, a count of the text's own things; what others define
    "unbound",  # has no source yet: the test lists how many there are, and the list must shrink
}
MARK = "0.123456789"  # stands for a bound figure where a template is read as a sentence
Entry = dict[str, Any]


def file_of(page: Path) -> Path:
    """Where the bindings of a page stand."""
    return FOLDER / f"{page.stem}.yml"


def read_bindings(page: Path) -> list[Entry]:
    """The entries of a page; none where it has no file."""
    file = file_of(page)
    return (yaml.safe_load(file.read_text()) or []) if file.exists() else []


def problems(found: Iterable[Sentence], entries: Iterable[Entry]) -> Iterator[str]:
    """What is wrong between the sentences of a page and its bindings."""
    open_ = list(found)
    for entry in entries:
        says = entry["says"]
        place = next((n for n, s in enumerate(open_) if figures_at(s, says) is not None), None)
        if place is None:
            yield f"bound, but not in the prose: {says}"
        else:
            yield from wrong_figures(open_.pop(place), entry)
    yield from (f"not bound: {s.text}" for s in open_ if s.spans or s.compares)


def figures_at(sentence: Sentence, says: str) -> list[str] | None:
    """The figures at the places ``{}``; None where the sentence says something else."""
    if not sentence.text.startswith(says.partition("{}")[0]):
        return None
    match = pattern(says).fullmatch(sentence.text)
    spans = [match.span(n) for n in range(1, says.count("{}") + 1)] if match else []
    return (
        [sentence.text[a:b] for a, b in spans]
        if match and set(spans) <= {*sentence.spans}
        else None
    )


@cache
def pattern(says: str) -> re.Pattern[str]:
    """A template as a regular expression."""
    return re.compile(r"(\S+?(?: \w+)*?)".join(map(re.escape, says.split("{}"))))


def wrong_figures(sentence: Sentence, entry: Entry) -> Iterator[str]:
    """What is wrong with one entry, whose sentence has been found."""
    figures, says = figures_at(sentence, entry["says"]) or [], entry["says"]
    sources = entry.get("from", [])
    rest, why = len(sentence.spans) - len(figures), str(entry.get("rest", ""))
    if "read" in entry:
        yield f"proposed by value alone: see whether it is true, then take `read` out: {says}"
    if extra := set(entry) - {"says", "from", "rest", "holds", "read"}:
        yield f"unknown key {', '.join(sorted(extra))}: {says}"
    if len(sources) != len(figures):
        yield f"{len(sources)} sources for {len(figures)} figures: {says}"
    if not sentence.spans:
        if bool(why) == ("holds" in entry):
            yield f"no figure, so either holds or the reason why it claims nothing: {says}"
    elif bool(rest) != bool(why) or not {*filter(None, why.split(", "))} <= WHY:
        yield f"{rest} figures without source, because {why or 'nothing'}: {says}"
    for figure, source in zip(figures, sources, strict=False):
        try:
            value = evaluate(source)
        except ValueError as error:
            yield f"{error}, in: {says}"
            continue
        if not renders_as(value, figure):
            yield f"{figure} is {value} by {source}, in: {sentence.text}"
    for claim in entry.get("holds", []):
        try:
            holds = evaluate(claim)
        except ValueError as error:
            yield f"{error}, in: {says}"
            continue
        if holds is not True:
            yield f"{claim} does not hold, in: {sentence.text}"


# --- proposals -----------------------------------------------------------------------------------


def candidates(page: Path) -> list[tuple[str, float]]:
    """Every source that a page is likely to quote: what its cells print, the ledger, published."""
    own = (
        set(re.findall(r'"id": "([^"]+)"', page.read_text())) if page.suffix == ".ipynb" else set()
    )
    found = []
    for cell, text in outputs().items():
        if cell in own:
            found += list(printed_numbers(cell, text))
    for source, figures in published().items():
        found += [(f"published/{source}/{name}", value) for name, value in figures.items()]
    for file in sorted(ledger.FOLDER.glob("*.json")):
        found += list(leaves(ledger.read_entry(file.stem)["results"], file.stem))
    return found


def printed_numbers(cell: str, text: str) -> Iterator[tuple[str, float]]:
    """The numbers that a cell prints, each after the words at the start of its line."""
    lines = [line for line in text.split("\n") if PRINTED.search(line)]
    for line in lines:
        label = re.split(r"\s{2,}|[:=]", line.strip())[0]
        label = "" if len(lines) == 1 or text.find(label) != text.find(line.strip()) else label
        after = line.partition(label)[2] if label else text
        for n, number in enumerate(PRINTED.findall(after), 1):
            yield f"out/{cell}/{label}/{n}".replace("//", "/"), number_of(number)
        if not label:
            return


def leaves(tree: Any, path: str) -> Iterator[tuple[str, float]]:
    """All numbers of an entry that may be quoted, with their paths."""
    if isinstance(tree, dict | list):
        parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, part in parts:
            if key not in ("by_epoch", "by_split"):
                yield from leaves(part, f"{path}/{key}")
    elif isinstance(tree, int | float):
        yield path, float(tree)


def propose(sentence: Sentence, figure: str, sources: list[tuple[str, float]]) -> list[str]:
    """Sources whose value is rendered as the figure, those with the sentence's words first."""
    words = set(re.findall(r"[a-z]{3,}", sentence.text.lower()))
    said, step = shown(figure)
    found = []
    for source, value in sources:
        for form, number in ((source, value), (f"100 * {{{source}}}", 100 * value)):
            if step and renders_as(number, figure):
                near = len(words & set(re.findall(r"[a-z]{3,}", source.lower())))
                exact = str(abs(number)).rstrip("0").rstrip(".") == f"{abs(said):g}"
                found.append((source.startswith("out/") + near + exact - (form != source), form))
    return [form for _, form in sorted(found, key=lambda pair: -pair[0])]


def entry_for(sentence: Sentence, old: list[Entry], sources: list[tuple[str, float]]) -> Entry:
    """A proposed entry: the sources of the most similar old one, or those that fit best."""
    for like in difflib.get_close_matches(sentence.text, [e["says"] for e in old], 3, 0.7):
        marked = next(read_figures(like.replace("{}", MARK)))
        if len(marked.figures) == len(sentence.figures):
            says = template(sentence, [figure == MARK for figure in marked.figures])
            return next(e for e in old if e["says"] == like) | {"says": says}
    fits = [propose(sentence, figure, sources)[:1] for figure in sentence.figures]
    entry: Entry = {"says": template(sentence, [bool(found) for found in fits])}
    if any(fits):
        entry["from"] = [source for found in fits for source in found]
    if not all(fits) or not fits:
        entry["rest"] = "unbound"
    return entry | {"read": False}


def template(sentence: Sentence, bound: list[bool]) -> str:
    """The sentence with ``{}`` in place of the figures that are bound."""
    says, last = "", 0
    for (start, end), open_ in zip(sentence.spans, bound, strict=True):
        says += sentence.text[last:start] + ("{}" if open_ else sentence.text[start:end])
        last = end
    return says + sentence.text[last:]


def written(entries: Iterable[Entry]) -> str:
    """Entries as they stand in a file."""
    return yaml.safe_dump(list(entries), allow_unicode=True, sort_keys=False, width=110)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tools.bindings", description=__doc__)
    parser.add_argument(
        "page", nargs="*", help="start of a page's name, such as 07; none means all"
    )
    parser.add_argument("--write", action="store_true", help="put the proposals into the files")
    given = parser.parse_args()
    for page in PAGES:
        if given.page and not page.stem.startswith(tuple(given.page)):
            continue
        entries, found = read_bindings(page), list(sentences(page))
        if given.write:
            entries = renewed(page, found, entries)
            file_of(page).write_text(written(entries))
        for line in problems(found, entries):
            print(f"{page.name}: {line}")
        for sentence in found:
            if all(figures_at(sentence, entry["says"]) is None for entry in entries):
                print_proposals(sentence, candidates(page))


def print_proposals(sentence: Sentence, sources: list[tuple[str, float]]) -> None:
    """For each figure of a sentence the sources that would fit best."""
    for figure in sentence.figures:
        print(f"  {figure}: {' | '.join(propose(sentence, figure, sources)[:4]) or 'no source'}")


def renewed(page: Path, found: list[Sentence], entries: list[Entry]) -> list[Entry]:
    """The entries of a page in the order of its sentences, with proposals for what is not bound."""
    left, sources, new = list(entries), candidates(page), []
    for sentence in found:
        match = next((e for e in left if figures_at(sentence, e["says"]) is not None), None)
        if match:
            left.remove(match)
        elif sentence.spans or sentence.compares:
            match = entry_for(sentence, entries, sources)
        if match:
            new.append(match)
    return new


if __name__ == "__main__":
    main()
