"""Make the ledger: ``python -m experiments NAME ...``, or ``make results`` for all of it."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from platformdirs import user_cache_path

from experiments.audit import audit
from experiments.baselines import baselines
from experiments.champion import champion
from experiments.common import SEEDS, liked
from experiments.gowalla import gowalla
from experiments.original import original
from experiments.over_time import over_time
from experiments.runs import Runs
from experiments.simple import simple
from experiments.single_changes import single_changes
from experiments.validated import validated
from experiments.writing import disagreements, write_entry
from recbook.data import load_gowalla, random_split
from recbook.ledger import read_entry

EXPERIMENTS: dict[str, Callable[[Runs], dict[str, Any]]] = {
    "baselines": baselines,
    "original": original,
    "validated": validated,
    "audit": audit,
    "simple": simple,
    "single_changes": single_changes,
    "champion": champion,
    "over_time": over_time,
    "gowalla": gowalla,
}


def main() -> None:
    """Run the named experiments, or all, and write their entries; or check the entries."""
    parser = argparse.ArgumentParser(prog="python -m experiments")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; none means all")
    parser.add_argument(
        "--check", action="store_true", help="run again and compare with the ledger, write nothing"
    )
    arguments = parser.parse_args()
    names = arguments.name or list(EXPERIMENTS)
    if unknown := set(names) - set(EXPERIMENTS):
        parser.error(f"got {', '.join(sorted(unknown))}, expected some of {', '.join(EXPERIMENTS)}")
    failed = False
    for name in names:
        file = f"{name}{'-check' * arguments.check}.jsonl"
        runs = Runs(user_cache_path("recbook") / "runs" / file)
        command = f"python -m experiments {name}"
        start = time.perf_counter()
        results = EXPERIMENTS[name](runs)
        remembered = sum(value for key, value in runs.done.items() if key.endswith(" | seconds"))
        seconds = max(remembered, time.perf_counter() - start)
        if arguments.check:
            lines = list(disagreements(read_entry(name)["results"], results))
            print(f"{name}: {len(lines)} means disagree with the ledger", *lines, sep="\n  ")
            failed |= bool(lines)
        else:
            if name == "gowalla":
                data, split, seeds = "Gowalla, the authors' split", load_gowalla(), [0]
            else:
                data, split, seeds = "MovieLens-100K, ratings >= 3", random_split(liked()), SEEDS
            write_entry(name, command, data, split, seeds, results, seconds)
        runs.path.unlink()
        shutil.rmtree(runs.path.with_suffix(""), ignore_errors=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
