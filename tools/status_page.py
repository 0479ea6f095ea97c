"""Write `status.md`: every result of the book, with what made it.

`make results` calls it after the experiments. It reads the ledger and `published.yml`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from experiments.__main__ import EXPERIMENTS
from experiments.gowalla import BY_HAND, DRAWN, LAYERED, RANDOM_START
from recbook.ledger import read_entry
from tools.tables import header, row

PAGE = Path(__file__).parents[1] / "book" / "status.md"
TITLES = {  # of the ledger's entries, in the order of the page
    "baselines": "Baselines and ceilings",
    "original": "The original post, run again",
    "audit": "The original, its epochs chosen on validation",
    "validated": "The original, its penalty and epochs chosen on validation",
    "single_changes": "LightGCN, one change at a time",
    "over_time": "Three ways to split, by chance and by time",
    "ngcf_parts": "The parts of NGCF",
    "factors": "Loss, layers, start and batch, each combination tuned alike",
    "search": "All families, searched alike",
    "search_recent": "Recent families, searched alike",
    "newcomers": "Newcomers on MovieLens-100K",
    "newcomers_citeulike": "Newcomers on CiteULike-a",
    "citeulike": "CiteULike-a",
    "gowalla": "Gowalla",
}
OVER_SEEDS = "± is over training seeds."
STUDENTS = "(Student's, widened because splits share their data)"
OF_NEWCOMERS = (
    "± is over splits; brackets are over the users of all splits together (bootstrap), the "
    f"differences' intervals over splits {STUDENTS}."
)
SPREADS = {  # of the same entries: over what a spread and an interval are
    "baselines": "± is over the seeds of the random scores.",
    "original": OVER_SEEDS,
    "audit": OVER_SEEDS,
    "validated": OVER_SEEDS,
    "single_changes": "± is over training seeds, and so are brackets (Student's).",
    "over_time": "Brackets and the differences' intervals are over test users (bootstrap).",
    "ngcf_parts": "± is over training seeds, and so are the differences' intervals (Student's).",
    "factors": f"± is over splits, and so are the differences' intervals {STUDENTS}.",
    "search": (
        "On the *original split* ± is over training seeds; brackets and the differences' intervals "
        "are over test users (bootstrap). Where a row says *splits*, ± is over splits, and so are "
        f"the differences' intervals {STUDENTS}, of the splits that both models have."
    ),
    "search_recent": "± is over splits.",
    "newcomers": OF_NEWCOMERS,
    "newcomers_citeulike": OF_NEWCOMERS,
    "citeulike": f"± is over splits, and so are the differences' intervals {STUDENTS}.",
    "gowalla": (
        "± is over training seeds, where a row has several; brackets and differences' intervals "
        "are over test users (bootstrap). A row *split* says how alike a user's hidden items are: "
        "by the cosine of their columns in the train part, and by how many users have them there. "
        "What is hidden is the test part in *published*, a fifth of the train part at random in "
        "*uniform*, and in *alike* the fifth that stands in for a validation part."
    ),
}
MEASURES = {"recall": "recall@20", "precision": "precision@20", "ndcg": "NDCG@20"}
PAIRS = {  # how the ledger names two differences, and what they are
    "EASE against popularity": "EASE minus Popularity",
    "softmax LightGCN against EASE": "LightGCN, softmax minus EASE",
}
WORDS: dict[str, str | Callable[[re.Match[str]], str]] = {  # patterns of the ledger's names
    "_": " ",
    r"^(rows|cells|variants): ": "",
    r"\b1 layers": "1 layer",
    r"(?<![\d.])\d{4,}": lambda found: f"{int(found[0]):,}",
    "^gain in percent(?= )": "LightGCN ahead of NGCF, per cent:",
    "^gain in percent$": "LightGCN ahead of NGCF, per cent",
    "^each other$": "mean cosine of two hidden items",
    "^to train$": "of a hidden item and one of the user's train items",
    "^train users of train items$": "other train users of a train item",
    "^train users of test items$": "train users of a hidden item",
}
HEAD = (
    "# Status: every result, and what made it\n\n"
    "All of it is generated from the ledger (`recbook/results`), which `make results` "
    "makes from the raw data; a click opens a table. ± is a standard deviation, and brackets are "
    "95 % intervals; each section says over what. A difference *A minus B* is above 0 where A is "
    "ahead, and is of recall@20 where its row names no measure; its p is not corrected "
    "for the number of comparisons. What was chosen, was chosen on validation.\n"
)


def status() -> str:
    """The whole page."""
    return "\n".join([HEAD, *published(), *(line for name in TITLES for line in section(name))])


def published() -> Iterator[str]:
    """Published figures beside the ledger's."""
    yield "## Published, and ours\n"
    sources = yaml.safe_load(PAGE.with_name("published.yml").read_text())
    for source in (one for one in sources if "ours" in one):
        entries = {path.partition("/")[0] for path in source["ours"].values()}
        below = ", ".join(f"*{TITLES[name]}*" for name in TITLES if name in entries)
        yield f"{source['source']}: {source['table']}. Ours are below, in {below}.\n"
        yield from header("Figure", "published", "ours")
        for figure, value in source["figures"].items():
            name, *path, measure = source["ours"][figure].split("/")
            found = read_entry(name)["results"]
            for part in path:
                found = found[part]
            ours = found["mean"][measure] if "mean" in found else found[measure]
            spread = f" ± {found['sd'][measure]:.4f}" if "sd" in found else ""
            digits = 0 if value > 1 else 4
            yield row(figure, value, f"{ours:.{digits}f}{spread}")
        yield ""


def section(name: str) -> Iterator[str]:
    """One entry: what made it, then its results."""
    entry = read_entry(name)
    versions = ", ".join(f"{package} {number}" for package, number in entry["versions"].items())
    data = entry["data"]["name"].replace(">=", "≥")
    what = EXPERIMENTS[name].__doc__ or ""
    yield f"## {TITLES[name]}\n"
    yield (
        f"{what.splitlines()[0]} `{entry['command']}` took {entry['seconds']:,} s on "
        f"{entry['date']}, on {data} (digest `{entry['data']['digest']}`), with "
        f"{versions}.\n"
    )
    yield f"{SPREADS[name]}\n"
    figures, differences, other = parts(name)
    yield from folded(
        "Results",
        ("Result", *MEASURES.values()),
        [(label, *(figure(values, measure) for measure in MEASURES)) for label, values in figures],
    )
    yield from folded(
        "Differences",
        ("Difference", "mean", "95 % interval", "p"),
        [(label, *difference(values)) for label, values in differences],
    )
    yield from folded(
        "Settings and other values",
        ("Of", "values"),
        [
            (label, "; ".join(f"{words(key)} {number(value)}" for key, value in values.items()))
            for label, values in other
        ],
    )


def parts(name: str) -> tuple[list[tuple[str, dict[str, Any]]], ...]:
    """An entry's figures, its differences, and its other values, each with its row's name."""
    results = read_entry(name)["results"]
    rows = compared_rows(results["rows"]) if name == "gowalla" else {}
    figures, differences, other = [], [], []
    for path, values in walk(results):
        label = words(": ".join(path))
        if measured(values).get("recall", 2) <= 1:  # no percentages
            figures.append((label, values))
        elif "low" in values:
            differences.append((words(subtracted(name, path, rows)), values))
        else:
            other.append((label, {rows.get(key, key): value for key, value in values.items()}))
    return figures, differences, other


def compared_rows(rows: dict[str, Any]) -> dict[str, str]:
    """Which rows of Gowalla's its comparisons and its blend name by how they were chosen."""
    recall = {name: one["chosen"]["validation_recall"] for name, one in rows.items()}
    layered = [name for name in rows if name.startswith(LAYERED) and name != RANDOM_START]
    drawn = [name for name in layered if not name.endswith(BY_HAND)]
    best = (max(some, key=recall.__getitem__) for some in (layered, drawn))
    return dict(zip((LAYERED, DRAWN), best, strict=True))


def subtracted(name: str, path: tuple[str, ...], rows: dict[str, str]) -> str:
    """What is subtracted from what: the experiments name the two in different orders."""
    match name, path:
        case "search" | "citeulike", (where, first, measure, other):
            split = where.removesuffix("against").rstrip(", ") or "splits"
            return f"{split}, {MEASURES[measure]}: {first} minus {other}"
        case "over_time", (way, pair, measure):
            return f"{way}, {MEASURES[measure]}: {PAIRS[pair]}"
        case "ngcf_parts", (_, base, variant):
            return f"{variant} minus {base}"
        case "gowalla", (_, pair):
            return " minus ".join(rows.get(one, one) for one in pair.split(" minus "))
        case "newcomers" | "newcomers_citeulike", (_, "users", pair_and_users):
            pair, _, users = pair_and_users.rpartition(", ")
            return f"{users}: {pair}"
        case _, (_, *names):
            return ": ".join(names)
    raise ValueError(f"got {path} in {name}, expected a path to a difference")


def folded(what: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """A table that opens with a click, where it has rows."""
    if not rows:
        return
    yield f"<details><summary>{what} ({len(rows)})</summary>\n"
    yield from header(*heads)
    for cells in rows:
        yield row(*cells)
    yield "\n</details>\n"


def words(name: str) -> str:
    """A name of the ledger's as a reader is told it."""
    for pattern, text in WORDS.items():
        name = re.sub(pattern, text, name)
    return name


def number(value: float) -> str:
    """Six digits at most, none of them in an exponent."""
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:,.6g}"
    return np.format_float_positional(value) if "e" in text else text


def difference(values: dict[str, Any]) -> tuple[str, str, str]:
    """A mean, its interval, and p."""
    p = f"{values['p_value']:.4f}" if values["p_value"] else "<\N{NO-BREAK SPACE}0.0001"
    ends = f"{values['low']:+.4f} to {values['high']:+.4f}"
    return f"{values['difference']:+.4f}", ends, p


def walk(
    results: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every dict that holds figures, with the names that lead to it."""
    if "recall" in measured(results) or "low" in results:
        yield path, results
        results = {key: results[key] for key in ("chosen", "lists") if key in results}
    numbers = {key: value for key, value in results.items() if isinstance(value, int | float)}
    if numbers:
        yield path, numbers
    for key, value in results.items():
        if isinstance(value, dict):
            yield from walk(value, (*path, key))


def measured(values: dict[str, Any]) -> dict[str, Any]:
    """The means of an entry's leaf, whichever of its two forms it has."""
    if isinstance(values.get("mean"), dict):
        return values["mean"]
    return values if isinstance(values.get("recall"), float) else {}


def figure(values: dict[str, Any], measure: str) -> str:
    """A mean with its spread and its interval, where there are any."""
    if measure not in measured(values):
        return "–"
    text = f"{measured(values)[measure]:.4f}"
    if any(values.get("sd", {}).values()):
        text += f" ± {values['sd'][measure]:.4f}"
    interval = values.get("interval", {})
    low_high = interval.get(measure) or (interval.get("low"), interval.get("high"))
    if low_high[0] is not None and (measure in interval or measure == "recall"):
        text += f" [{low_high[0]:.4f}, {low_high[1]:.4f}]"
    return text


if __name__ == "__main__":
    PAGE.write_text(status() + "\n")
