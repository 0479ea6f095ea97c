"""Writing the ledger's entries, and comparing them with another run."""

from __future__ import annotations

import json
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
    """
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


def disagreements(stored: Any, fresh: Any, where: str = "") -> Iterator[str]:
    """Means of two runs of an experiment that lie further apart than their spread.

    The spread is the standard deviation over runs or, where there is one run alone, half the width
    of its 95 % interval; a figure with neither must be the same to 0.0001. What was chosen, single
    runs and p values are not compared: they may jump where the means do not.

    Args:
        stored: an entry's results, or a part of them.
        fresh: the same of another run.
        where: the names that lead to it.

    Yields:
        A line for each figure that disagrees.

    >>> one = {"mean": {"recall": 0.35}, "sd": {"recall": 0.01}}
    >>> list(disagreements(one, {"mean": {"recall": 0.357}, "sd": {"recall": 0.01}}))
    []
    >>> list(disagreements(one, {"mean": {"recall": 0.37}, "sd": {"recall": 0.01}}, "MF"))
    ['MF: recall 0.35 and 0.37, spread 0.01']
    """
    if not isinstance(stored, dict):
        return
    if stored.keys() != fresh.keys():
        yield f"{where}: has {sorted(stored)} and {sorted(fresh)}"
        return
    for name in ("mean", "difference"):
        if "low" in stored and name in stored:
            stored, fresh = ({**d, "mean": {name: d[name]}} for d in (stored, fresh))
            stored["interval"] = {name: [stored["low"], stored["high"]]}
    own = {k: stored[k] for k in MEASURES if isinstance(stored.get(k), float)}
    means = stored.get("mean", own)
    for measure, mean in means.items():
        other = fresh.get("mean", fresh)[measure]
        low, high = stored.get("interval", {}).get(measure, (0, 0))
        spread = stored.get("sd", {}).get(measure) or (high - low) / 2
        if not spread and ("gain" in where or "minus" in where):
            continue  # made of means that are compared themselves
        spread = spread or 0.0001
        if abs(mean - other) > spread + 1e-9:
            yield f"{where}: {measure} {mean} and {other}, spread {spread:.4g}"
    for name in stored:
        if isinstance(stored[name], dict) and name not in ("mean", "sd", "interval", "chosen"):
            yield from disagreements(stored[name], fresh[name], f"{where}: {name}".lstrip(": "))
