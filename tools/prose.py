"""Reading figures out of Markdown: which sentences of a page quote one, and where in them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
GENERATED = {BOOK / "status.md", BOOK / "benchmarks.md"}  # made of the ledger, and checked to be
WRITTEN = {*BOOK.glob("*.ipynb"), *BOOK.glob("*.md"), ROOT / "README.md"} - GENERATED
PAGES = sorted(WRITTEN)

CODE = r"```.*?```|`[^`\n]+`"
FORMULA = r"\$\$.*?\$\$|\$[^$\n]+\$"
DIRECTIVE = r"^:{3,}[^\n]*|^:[\w-]+:[^\n]*"  # and its options
ADDRESS = r"\]\([^)]*\)|^\[[\w-]+\]:[^\n]*|https?://\S+|<!--.*?-->|</?[a-z][^>\n]*>|\{doc\}`[^`]*`"
NO_FIGURE = re.compile(f"{DIRECTIVE}|{ADDRESS}|{CODE}|{FORMULA}", re.DOTALL | re.MULTILINE)
EQUATIONS = {
    tag
    for page in BOOK.glob("*.ipynb")
    for tag in re.findall(r"\\\\tag\{(\d+\.\d+)\}", page.read_text())
}
# Numbers that name something by their place: they are checked by who follows them, not here.
NAMES = re.compile(
    r"^\#+ \d+|^\*[A-Z][a-z ]+, (?:easy|medium|hard), \d+ minutes"  # how long an exercise may take
    r"|^\*\*\d+\*\*(?= \*\()|MovieLens-\d+\w|^\s*\d+\. (?=\S)|\b\d+(?:\.\d+){2,}"
    r"|\b(?:chapters?|figures?|equations?|exercises?|questions?|sections?|tables?|appendix"
    r"|flaw|layer|seed|CC BY|Python|version)"
    r" \(?\d+(?:\.\d+)?(?:(?:, | and | to | or |, and )\(?\d+(?:\.\d+)?\b)*"
    rf"|\((?:{'|'.join(map(re.escape, sorted(EQUATIONS)))})\)|(?<![\w.,])(?:19|20)\d\d\b(?![,.]\d)",
    re.IGNORECASE | re.MULTILINE,
)
BIBLIOGRAPHY = re.compile(r"^## References\n.*?(?=^\#|^\*\*Next|\Z)", re.DOTALL | re.MULTILINE)
SIGN = r"(?:(?<![\w)\]])[+−-](?=[\d.]))?"
WHOLE = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?"
DIGITS = SIGN + WHOLE + r"(?:(?<=\d)\.\d+|(?<![\w.])\.\d+|(?<=\d))"
UNITS = r"times|per cent|percent|hundredths?|thousandths?|seconds?|minutes?|hours?"
ONES = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
ONES = (ONES + "sixteen seventeen eighteen nineteen").split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
COUNTS = {word: n for n, word in enumerate(ONES, 1)} | {
    word: 10 * n for n, word in enumerate(TENS, 2)
}
PARTS = {
    "half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4, "fifth": 1 / 5, "sixth": 1 / 6,
    "seventh": 1 / 7, "twentieth": 1 / 20, "eighth": 1 / 8, "tenth": 1 / 10, "two thirds": 2 / 3,
    "three quarters": 3 / 4,
}  # fmt: skip
SMALL, LARGE = ONES[:12], ONES[12:] + TENS
WORD = (  # a small number in words is a figure before a unit or as a share, a large one always
    rf"\b(?:{'|'.join(ONES)}) (?:hundred|thousand|million)\b"
    rf"|\b(?:{'|'.join(ONES[:9])}) (?:\w+ )?(?:in|out of) (?:{'|'.join(SMALL)})\b"
    rf"|\b(?:{'|'.join(LARGE)})(?:-(?:{'|'.join(SMALL)}))?\b"
    rf"|\b(?:{'|'.join(SMALL)})(?= (?:{UNITS})\b)"
    rf"|\b(?:{'|'.join(ONES)}) (?:\w+ )?in a (?:hundred|thousand)\b"
    rf"|\b(?:two thirds|three quarters|twice|half)\b"
    rf"|(?:(?<=\ba )|(?<=\ban ))(?:{'|'.join(PARTS)}|hundredth)\b"
)
FIGURE = re.compile(rf"(?<![\w@.,]){DIGITS}(?!\d)|{WORD}", re.IGNORECASE)
MODEL = re.compile(
    r"\b(?:LightGCN|NGCF|MF|PureSVD|SVD|EASE|iALS|GF-CF|ItemKNN|UserKNN|RP3beta|SLIM|EDLAE"
    r"|SAGE|softmax|champion|[Pp]opularity|matrix factorisation)\b"
)
COMPARED = re.compile(
    r"\b(?:ahead|behind|ties?|level|beats?|better|worse|above|below|longer|shorter|helps?|hurts?"
    r"|wins?|loses?|highest|lowest|best|worst|at most|at least|more than|less than)\b"
)
BREAK = re.compile(r"\n\s*\n|\n(?=\s*(?:\||[*-] |\d+\. ))|(?<=[.!?])[*)\"]{0,3}\s+(?=[A-Z*(\"\[`])")


@dataclass(frozen=True)
class Sentence:
    """A sentence, list item or row of a table: its text, and where in it figures stand."""

    text: str
    spans: tuple[tuple[int, int], ...]
    cell: str = ""

    @property
    def figures(self) -> list[str]:
        """The figures as they are written."""
        return [self.text[start:end] for start, end in self.spans]

    @cached_property
    def compares(self) -> bool:
        """Whether it names two models and compares something, in words."""
        return len({*MODEL.findall(self.text)}) > 1 and bool(COMPARED.search(self.text))


def markdown(page: Path) -> Iterator[tuple[str, str]]:
    """The Markdown of a page, by cells with their ids; a page that is no notebook has one."""
    if page.suffix != ".ipynb":
        yield "", page.read_text()
        return
    for cell in json.loads(page.read_text())["cells"]:
        if cell["cell_type"] == "markdown":
            yield cell.get("id", ""), "".join(cell["source"])


def sentences(page: Path) -> Iterator[Sentence]:
    """All sentences of a page, with their figures, if any."""
    for cell, text in markdown(page):
        yield from read_figures(text, cell)


def read_figures(text: str, cell: str = "") -> Iterator[Sentence]:
    """The sentences of a Markdown text, with their figures.

    Code, formulas and addresses are not prose, numbers that name a chapter or a year no figures.

    >>> [s.figures for s in read_figures("LightGCN has .36, a fifth more. See chapter 3.")]
    [['.36', 'fifth'], []]
    >>> [s.figures for s in read_figures("Fell by −3 %, of `x[4]` and 1,546. In 2020 it was 7.")]
    [['−3', '1,546'], ['7']]
    """
    text = BIBLIOGRAPHY.sub("", text)
    blank = NO_FIGURE.sub(lambda match: "_" * len(match[0]), text)
    names = NAMES.sub(lambda match: "_" * len(match[0]), blank)
    begin = 0
    for stop in [*BREAK.finditer(blank), None]:
        end = stop.start() if stop else len(text)
        spans = [match.span() for match in FIGURE.finditer(names, begin, end) if match[0]]
        if text[begin:end].strip():
            yield tidied(text, begin, end, spans, cell)
        begin = stop.end() if stop else end


def tidied(text: str, begin: int, end: int, spans: list[tuple[int, int]], cell: str) -> Sentence:
    """One sentence without its line breaks, addresses and formulas' inside."""
    out, moved, last = "", [], begin
    for start, stop in [*spans, (end, end)]:
        out = (out + tidy(text[last:start])).lstrip()
        if start < end:
            moved.append((len(out), len(out) + stop - start))
            out += text[start:stop]
        last = stop
    return Sentence(out.rstrip(), tuple(moved), cell)


def tidy(text: str) -> str:
    """Without addresses, and with an ellipsis for each formula."""
    text = re.sub(ADDRESS, lambda m: "]" if m[0][0] == "]" else "", text, flags=re.S | re.M)
    text = re.sub(FORMULA, "$…$", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", text)


def number_of(text: str) -> float:
    """A number as it is printed, with commas between thousands or a minus sign of its own."""
    return float(text.replace(",", "").replace("−", "-"))


def shown(figure: str) -> tuple[float, float]:
    """What a figure says, and the step to which it is rounded; zero where a word names a part.

    >>> shown("+.012"), shown("1,546"), shown("Thirty-two"), shown("fifteen hundred")
    ((0.012, 0.001), (1546.0, 1.0), (32.0, 1.0), (1500.0, 100.0))
    >>> shown("twice"), shown("quarter"), shown("Two users in three")
    ((2.0, 1.0), (0.25, 0.0), (0.6666666666666666, 0.3333333333333333))
    """
    word = figure.lower()
    if word in PARTS:
        return PARTS[word], 0.0
    if word == "twice":
        return 2.0, 1.0
    if word == "hundredth":
        return 0.01, 0.01
    if not word[-1].isalpha():
        return number_of(word), 10.0 ** -len(word.partition(".")[2])
    first, last = re.split(r"[ -]", word)[0], re.split(r"[ -]", word)[-1]
    if " in a " in word:
        scale = {"hundred": 1e-2, "thousand": 1e-3}[last]
        return COUNTS[first] * scale, scale
    if re.search(" (?:in|of) ", word):
        return COUNTS[first] / COUNTS[last], 1 / COUNTS[last]
    if last in {"hundred", "thousand", "million"}:
        scale = {"hundred": 1e2, "thousand": 1e3, "million": 1e6}[last]
        return COUNTS[first] * scale, scale
    return float(COUNTS[first] + (COUNTS[last] if last != first else 0)), 1.0
