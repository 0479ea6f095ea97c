"""Write `status.md`: every result of the book, with what made it.

`make results` calls it after the experiments. It reads the ledger and `published.yml`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from recbook.ledger import FOLDER, read_entry
from tools.tables import header, row

PAGE = Path(__file__).parents[1] / "book" / "status.md"
MEASURES = {"recall": "recall@20", "precision": "precision@20", "ndcg": "NDCG@20"}
HEAD = (
    "# Status: every result, and what made it\n\n"
    "All of it is generated from the ledger (`recbook/results`), which `make results` "
    "makes from the raw data. A mean and its standard deviation (±) are over training "
    "seeds, or over split seeds where the row says *splits*; brackets are 95 % "
    "intervals. What was chosen, was chosen on validation.\n"
)


def status() -> str:
    """The whole page."""
    names = sorted(path.stem for path in FOLDER.glob("*.json"))
    return "\n".join([HEAD, *published(), *(line for name in names for line in section(name))])


def published() -> Iterator[str]:
    """Published figures beside the ledger's."""
    yield "## Published, and ours\n"
    sources = yaml.safe_load(PAGE.with_name("published.yml").read_text())
    for source in (one for one in sources if "ours" in one):
        yield f"{source['source']}: {source['table']}.\n"
        yield from header("Figure", "published", "ours", "entry")
        for figure, value in source["figures"].items():
            name, *path, measure = source["ours"][figure].split("/")
            found = read_entry(name)["results"]
            for part in path:
                found = found[part]
            ours = found["mean"][measure] if "mean" in found else found[measure]
            spread = f" ± {found['sd'][measure]:.4f}" if "sd" in found else ""
            digits = 0 if value > 1 else 4
            yield row(figure, value, f"{ours:.{digits}f}{spread}", f"`{name}`")
        yield ""


def section(name: str) -> Iterator[str]:
    """One entry: what made it, then its results."""
    entry = read_entry(name)
    versions = ", ".join(f"{package} {number}" for package, number in entry["versions"].items())
    yield f"## {name}\n"
    yield from header("Command", "run on", "takes", "data", "digest", "made with")
    yield row(
        f"`{entry['command']}`",
        entry["date"],
        f"{entry['seconds']:,} s",
        entry["data"]["name"],
        f"`{entry['data']['digest']}`",
        versions,
    )
    yield ""
    leaves = list(walk(entry["results"]))
    figures = [leaf for leaf in leaves if measured(leaf[1]).get("recall", 2) <= 1]  # no percentages
    differences = [leaf for leaf in leaves if "low" in leaf[1]]
    other = [leaf for leaf in leaves if leaf not in figures and leaf not in differences]
    if figures:
        yield from header("Result", *MEASURES.values())
        for path, values in figures:
            yield row(path, *(figure(values, measure) for measure in MEASURES))
        yield ""
    if differences:
        yield from header("Difference", "mean", "95 % interval", "p")
        for path, d in differences:
            mean = d.get("difference", d.get("mean"))
            p = f"{d['p_value']:.4f}" if "p_value" in d else ""
            yield row(path, f"{mean:+.4f}", f"{d['low']:+.4f} to {d['high']:+.4f}", p)
        yield ""
    if other:
        yield from header("Also", "values")
        for path, values in other:
            yield row(path, ", ".join(f"{key} {value:g}" for key, value in values.items()))
        yield ""


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
