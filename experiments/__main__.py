"""Make the ledger: ``python -m experiments NAME ...``, or ``make results`` for all of it."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from platformdirs import user_cache_path

from experiments.audit import audit
from experiments.baselines import baselines
from experiments.citeulike import citeulike
from experiments.factors import factors
from experiments.gowalla import gowalla
from experiments.newcomers import newcomers, newcomers_citeulike
from experiments.ngcf_parts import ngcf_parts
from experiments.original import original
from experiments.over_time import over_time
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.search import search, search_recent
from experiments.single_changes import single_changes
from experiments.validated import validated
from experiments.writing import disagreements, write_entry
from recbook.ledger import read_entry

EXPERIMENTS: dict[str, Callable[[Runs, Plan], dict[str, Any]]] = {
    "baselines": baselines,
    "original": original,
    "validated": validated,
    "audit": audit,
    "single_changes": single_changes,
    "over_time": over_time,
    "ngcf_parts": ngcf_parts,
    "factors": factors,
    "search": search,
    "search_recent": search_recent,
    "citeulike": citeulike,
    "gowalla": gowalla,
    "newcomers": newcomers,
    "newcomers_citeulike": newcomers_citeulike,
}


def main(arguments: Sequence[str] | None = None, plan: Plan | None = None) -> None:
    """Run the named experiments, or all, and write their entries; or check the entries.

    Args:
        arguments: the command line's where they are None.
        plan: the ledger's where it is None.
    """
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; none means all")
    parser.add_argument(
        "--check", action="store_true", help="run again and compare with the ledger, write nothing"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes for what can run side by side, a core each"
    )
    parser.add_argument("--device", help="where Gowalla's models are trained, e.g. cuda")
    given = parser.parse_args(arguments)
    names = given.name or list(EXPERIMENTS)
    if unknown := set(names) - set(EXPERIMENTS):
        parser.error(f"got {', '.join(sorted(unknown))}, expected some of {', '.join(EXPERIMENTS)}")
    do = check if given.check else write
    if given.device not in (None, "cpu"):
        if others := set(names) - {"gowalla"}:
            parser.error(
                f"got --device {given.device} for {', '.join(sorted(others))}, expected it for "
                "gowalla alone: the others are trained on the processor; leave --device out"
            )
        if given.jobs > 1:
            parser.error(
                f"got --device {given.device} and --jobs {given.jobs}, expected one of them: "
                "processes that share a GPU cannot be forked; leave --jobs out"
            )
    plan = replace(plan or Plan(), device=given.device)
    sys.exit(not all([do(name, plan, given.jobs) for name in names]))


def write(name: str, plan: Plan, jobs: int) -> bool:
    """Run an experiment and write its entry."""
    runs = Runs(user_cache_path("recbook") / "runs" / f"{name}.jsonl", jobs=jobs)
    start = time.perf_counter()
    results = EXPERIMENTS[name](runs, plan)
    remembered = sum(value for key, value in runs.done.items() if key.endswith(" | seconds"))
    seconds = max(remembered, time.perf_counter() - start)
    seeds = list(plan.seeds)
    if name == "gowalla":
        data, split = "Gowalla, the authors' split", plan.load_gowalla()
    elif "citeulike" in name:
        data, split = "CiteULike-a", replace(plan, load_pairs=plan.load_citeulike).split()
    else:
        data, split = "MovieLens-100K, ratings >= 3", plan.split()
    command = f"python -m experiments {name}"
    write_entry(name, command, data, split, seeds, results, seconds)
    forget(runs)
    return True


def check(name: str, plan: Plan, jobs: int) -> bool:
    """Run an experiment again and print where it disagrees with its entry; whether it agrees."""
    stored = read_entry(name)["results"]  # first: without an entry there is nothing to wait for
    runs = Runs(user_cache_path("recbook") / "runs" / f"{name}-check.jsonl", jobs=jobs)
    lines = list(disagreements(stored, EXPERIMENTS[name](runs, plan)))
    print(f"{name}: {len(lines)} figures disagree with the ledger", *lines, sep="\n  ")
    forget(runs)
    return not lines


def forget(runs: Runs) -> None:
    """Remove what was remembered so that a stopped experiment could go on."""
    runs.path.unlink()
    shutil.rmtree(runs.path.with_suffix(""), ignore_errors=True)


if __name__ == "__main__":
    main()
