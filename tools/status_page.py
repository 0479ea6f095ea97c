"""Write `status.md`: every result of the book, with what made it.

`make results` calls it after the experiments. It reads the ledger and `published.yml`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from experiments.__main__ import EXPERIMENTS
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
MEASURES = {"recall": "recall@20", "precision": "precision@20", "ndcg": "NDCG@20"}
HEAD = (
    "# Status: every result, and what made it\n\n"
    "All of it is generated from the ledger (`recbook/results`), which `make results` "
    "makes from the raw data; a click opens a table. A mean and its standard deviation (±) are "
    "over training seeds, or over split seeds where the row says *splits*; brackets are 95 % "
    "intervals. What was chosen, was chosen on validation.\n"
)


def status() -> str:
    """The whole page."""
    return "\n".join([HEAD, *published(), *(line for name in TITLES for line in section(name))])


def published() -> Iterator[str]:
    """Published figures beside the ledger's."""
    yield "## Published, and ours\n"
    sources = yaml.safe_load(PAGE.with_name("published.yml").read_text())
    for source in (one for one in sources if "ours" in one):
        yield f"{source['source']}: {source['table']}.\n"
        yield from header("Figure", "published", "ours", "below, in")
        for figure, value in source["figures"].items():
            name, *path, measure = source["ours"][figure].split("/")
            found = read_entry(name)["results"]
            for part in path:
                found = found[part]
            ours = found["mean"][measure] if "mean" in found else found[measure]
            spread = f" ± {found['sd'][measure]:.4f}" if "sd" in found else ""
            digits = 0 if value > 1 else 4
            yield row(figure, value, f"{ours:.{digits}f}{spread}", TITLES[name])
        yield ""


def section(name: str) -> Iterator[str]:
    """One entry: what made it, then its results."""
    entry = read_entry(name)
    versions = ", ".join(f"{package} {number}" for package, number in entry["versions"].items())
    what = EXPERIMENTS[name].__doc__ or ""
    yield f"## {TITLES[name]}\n"
    yield (
        f"{what.splitlines()[0]} `{entry['command']}` took {entry['seconds']:,} s on "
        f"{entry['date']}, on {entry['data']['name']} (digest `{entry['data']['digest']}`), with "
        f"{versions}.\n"
    )
    leaves = list(walk(entry["results"]))
    figures = [leaf for leaf in leaves if measured(leaf[1]).get("recall", 2) <= 1]  # no percentages
    differences = [leaf for leaf in leaves if "low" in leaf[1]]
    other = [leaf for leaf in leaves if leaf not in figures and leaf not in differences]
    yield from folded(
        "Results",
        ("Result", *MEASURES.values()),
        [(path, *(figure(values, measure) for measure in MEASURES)) for path, values in figures],
    )
    yield from folded(
        "Differences",
        ("Difference", "mean", "95 % interval", "p"),
        [(path, *difference(values)) for path, values in differences],
    )
    yield from folded(
        "Settings and other values",
        ("Of", "values"),
        [
            (path, ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in values.items()))
            for path, values in other
        ],
    )


def folded(what: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """A table that opens with a click, where it has rows."""
    if not rows:
        return
    yield f"<details><summary>{what} ({len(rows)})</summary>\n"
    yield from header(*heads)
    for path, *values in rows:
        yield row(path.replace("_", " "), *values)
    yield "\n</details>\n"


def difference(values: dict[str, Any]) -> tuple[str, str, str]:
    """A mean, its interval, and p where there is one."""
    mean = values.get("difference", values.get("mean"))
    p = f"{values['p_value']:.4f}" if "p_value" in values else ""
    return f"{mean:+.4f}", f"{values['low']:+.4f} to {values['high']:+.4f}", p


def walk(results: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict]]:
    """Every dict that holds figures, with the names that lead to it."""
    if "recall" in measured(results) or "low" in results:
        yield ": ".join(path), results
        results = {key: results[key] for key in ("chosen", "lists") if key in results}
    numbers = {key: value for key, value in results.items() if isinstance(value, int | float)}
    if numbers:
        yield ": ".join(path), numbers
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
        return ""
    text = f"{measured(values)[measure]:.4f}"
    if spread := values.get("sd", {}).get(measure):
        text += f" ± {spread:.4f}"
    interval = values.get("interval", {})
    low_high = interval.get(measure) or (interval.get("low"), interval.get("high"))
    if low_high[0] is not None and (measure in interval or measure == "recall"):
        text += f" [{low_high[0]:.4f}, {low_high[1]:.4f}]"
    return text


if __name__ == "__main__":
    PAGE.write_text(status() + "\n")
