"""Writing the ledger's entries, and comparing them with another run."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recbook.data import Split
from recbook.evaluation import MEASURES
from recbook.files import atomic_file
from recbook.ledger import FOLDER, split_digest


def write_entry(
    name: str,
    command: str,
    data: str,
    split: Split,
    seeds: list[int],
    results: Any,
    seconds: float,
) -> Path:
    """Store an entry: first under a temporary name, so that a reader sees the old one or the new.

    Args:
        name: of the file, without its ending.
        command: what to type to make the entry again.
        data: what the split is of.
        split: what the models were trained and tested on; its digest is stored.
        seeds: the training seeds of each model that draws something.
        results: nested dicts and lists of numbers.
        seconds: how long they took to make; the date is today's.

    Returns:
        The file.

    Raises:
        ValueError: where a result is no finite number; nothing is written.
    """
    if bad := list(not_numbers(results)):
        raise ValueError(f"the results of {name} cannot be stored: {'; '.join(bad)}")
    entry = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(seconds),
        "seeds": seeds,
        "data": {"name": data, "digest": split_digest(split)},
        "versions": versions(),
        "results": results,
    }
    path = FOLDER / f"{name}.json"
    with atomic_file(path) as file:
        file.write((json.dumps(entry, indent=1) + "\n").encode())
    return path


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a result hangs on."""
    packages = ("recbook", "torch", "torch-geometric")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def leaves(results: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of nested dicts and lists with the names that lead to it, ``[]`` for a list.

    >>> list(leaves({"MF": {"recall": 0.35, "by_split": [0.3, 0.4]}}))
    [(('MF', 'recall'), 0.35), (('MF', 'by_split', '[]'), 0.3), (('MF', 'by_split', '[]'), 0.4)]
    """
    if isinstance(results, dict):
        for name, part in results.items():
            yield from leaves(part, (*path, name))
    elif isinstance(results, list):
        for part in results:
            yield from leaves(part, (*path, "[]"))
    else:
        yield path, results


def not_numbers(results: Any) -> Iterator[str]:
    """A line for each value that is no finite number."""
    for path, value in leaves(results):
        if not (isinstance(value, int | float) and math.isfinite(value)):
            yield f"{': '.join(path)}: {value!r} is no finite number"


def means_with_spread(
    results: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """Each mean with the names that lead to it and its spread, 0 where it has none.

    The spread is the standard deviation over runs or, where there is one run alone, half the width
    of its 95 % interval. What was chosen, single runs and p values are no means.
    """
    difference = results.get("difference", results.get("mean"))
    if "low" in results and not isinstance(difference, dict):
        yield path, difference, (results["high"] - results["low"]) / 2
        return
    if path[-1:] == ("counts",):
        yield from (((*path, name), number, 0) for name, number in results.items())
        return
    own = {name: results[name] for name in MEASURES if name in results}
    own = {name: value for name, value in own.items() if not isinstance(value, dict)}
    for measure, mean in results.get("mean", own).items():
        low, high = results.get("interval", {}).get(measure, (0, 0))
        yield (*path, measure), mean, results.get("sd", {}).get(measure) or (high - low) / 2
    for name, part in results.items():
        if isinstance(part, dict) and name not in ("mean", "sd", "interval", "chosen"):
            yield from means_with_spread(part, (*path, name))


def disagreements(stored: dict[str, Any], fresh: dict[str, Any]) -> Iterator[str]:
    """Where two runs of an experiment differ: in their names, or in a mean by more than its spread.

    A figure without a spread must be the same to 0.0001, and every figure must be a finite number.
    What was chosen, single runs and p values may differ: they may jump where the means do not.

    Args:
        stored: an entry's results.
        fresh: those of another run.

    Yields:
        A line for each disagreement.

    >>> one = {"MF": {"mean": {"recall": 0.35}, "sd": {"recall": 0.01}}}
    >>> list(disagreements(one, {"MF": {"mean": {"recall": 0.357}, "sd": {"recall": 0.01}}}))
    []
    >>> list(disagreements(one, {"MF": {"mean": {"recall": 0.37}, "sd": {"recall": 0.01}}}))
    ['MF: recall: 0.35 and 0.37, spread 0.01']
    """
    there, now = ({path for path, _ in leaves(results)} for results in (stored, fresh))
    for path in sorted(there ^ now):
        yield f"{': '.join(path)}: only in the {'ledger' if path in there else 'new run'}"
    yield from not_numbers(fresh)
    others = {path: mean for path, mean, _ in means_with_spread(fresh)}
    for path, mean, spread in means_with_spread(stored):
        derived = any("gain" in name or "minus" in name for name in path)
        if path not in others or (derived and not spread):
            continue  # named above, or made of means that are compared themselves
        spread = spread or 0.0001
        if not abs(mean - others[path]) <= spread + 1e-9:  # so that NaN does not pass
            yield f"{': '.join(path)}: {mean} and {others[path]}, spread {spread:.4g}"
