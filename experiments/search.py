"""How good is each family where all are searched alike: as many trials each, on the same splits?

A trial is a setting drawn from the family's ranges, fitted on the train part of a split, measured
on its validation part; the best is fitted again on all that is not test, and measured once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from experiments.choosing import evaluate_on_test
from experiments.families import RECENT, SPACES, Space, families
from experiments.models.scorers import RandomScores
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import (
    comparisons_to_json,
    mean_report,
    over_seeds_and_users,
    over_splits,
    report_from_json,
    report_to_json,
    rounded,
)
from recbook.evaluation import RankingReport, evaluate
from recbook.stats import Comparison, compare, compare_splits
from recbook.tuning import Choice, Family, Fit, Settings, hide_test

SPLITS = (16, *range(16), 17, 18, 19)  # seeds of random splits; the first is the original post's
DEAR = ("SLIM", "MF-BPR", "LightGCN", "NGCF", *RECENT)  # take the first five, the others all
REFERENCES = ("LightGCN", "EASE", "LightGCN, softmax")  # each is compared with all others


def search(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The book's families with the same number of trials, each split by its own validation part.

    On the original's split all that have a seed are fitted with five of them.
    """
    reports, splits = search_all(runs, plan, SPACES)
    fits = {
        f"{name}, seed {seed}": (plan.shrunk(family), SPLITS[0], splits[name]["chosen"][0], seed)
        for name, family in families(SPACES).items()
        for seed in (plan.seeds[1:] if family.seeded else ())
    }
    refitted = refit_all(runs, plan, fits)
    original = {  # with the first seed it is the search's own first split
        name: [of_splits[0]]
        + [report for key, report in refitted.items() if key.rpartition(", ")[0] == name]
        for name, of_splits in reports.items()
    }
    full = plan.split()
    random = [evaluate_on_test(RandomScores(full.train, seed), full) for seed in plan.seeds]
    return {
        "original split": {
            name: over_seeds_and_users(own) for name, own in (original | {"Random": random}).items()
        },
        "original split, against": {
            name: against_over_users(name, {n: mean_report(own) for n, own in original.items()})
            for name in REFERENCES
        },
        "splits": splits,
        "against": {name: against(name, reports) for name in REFERENCES},
    }


def search_recent(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The same for recent families, of which the book says little."""
    return {"splits": search_all(runs, plan, RECENT)[1]}


def search_all(
    runs: Runs, plan: Plan, spaces: Mapping[str, tuple[Fit, Space]]
) -> tuple[dict[str, list[RankingReport]], dict[str, Any]]:
    """For each family its reports on the test parts, and what the ledger says of it."""
    seeds = {
        name: SPLITS[: len(plan.seeds) * (1 if name in DEAR else len(SPLITS) // 5)]
        for name in spaces
    }
    searched = {name: plan.shrunk(family) for name, family in families(spaces).items()}
    cells = {
        f"{name}, split {seed}": (family, seed)
        for name, family in searched.items()
        for seed in seeds[name]
    }
    trials = try_all(runs, plan, cells)
    chosen = {cell: best_of(rows).settings for cell, rows in trials.items()}
    fits = {cell: (family, seed, chosen[cell], 0) for cell, (family, seed) in cells.items()}
    refitted = refit_all(runs, plan, fits)
    reports, splits = {}, {}
    for name in searched:
        own = [f"{name}, split {seed}" for seed in seeds[name]]
        reports[name] = [refitted[cell] for cell in own]
        splits[name] = over_splits(reports[name]) | {
            "chosen": [chosen[cell] for cell in own],
            "trials": [
                [
                    row["settings"] | rounded({m: row[m] for m in ("recall", "seconds")})
                    for row in rows
                ]
                for rows in (trials[cell] for cell in own)
            ],
        }
    return reports, splits


def try_all(
    runs: Runs, plan: Plan, cells: Mapping[str, tuple[Family, int]]
) -> dict[str, list[dict[str, Any]]]:
    """By name every trial of a family, on the validation part of the split with a seed."""
    tasks = {
        f"{name}, trial {number}": partial(try_out, family, plan, seed, settings)
        for name, (family, seed) in cells.items()
        for number, settings in enumerate(family.grid)
    }
    done = runs.all(tasks)
    return {
        name: [done[f"{name}, trial {number}"] for number in range(len(family.grid))]
        for name, (family, _) in cells.items()
    }


def best_of(trials: Sequence[dict[str, Any]]) -> Choice:
    """The first of the trials with the highest validation recall."""
    best = max(trials, key=lambda row: row["recall"])
    return Choice(best["settings"], best["recall"])


def refit_all(
    runs: Runs, plan: Plan, fits: Mapping[str, tuple[Family, int, Settings, int]]
) -> dict[str, RankingReport]:
    """By name what :func:`refit` makes of a family, a split's seed, settings and a seed."""
    tasks = {
        f"{name}, refit": partial(refit, family, plan, *given)
        for name, (family, *given) in fits.items()
    }
    done = runs.all(tasks)
    return {name: report_from_json(done[f"{name}, refit"]) for name in fits}


def try_out(family: Family, plan: Plan, seed: int, settings: Settings) -> dict[str, Any]:
    """One setting on one split: what it became, its validation recall, and what it took."""
    split = hide_test(plan.split(0.1, seed))
    start = time.perf_counter()
    model, chosen = family.fit(split, settings, 0)
    seconds = time.perf_counter() - start
    recall = evaluate(model, split.train, split.test).recall
    return {"settings": chosen, "recall": recall, "seconds": seconds}


def refit(
    family: Family, plan: Plan, split_seed: int, settings: Settings, seed: int
) -> dict[str, Any]:
    """What was chosen, fitted on all that is not test, and measured on the test part."""
    split = plan.split(seed=split_seed)
    return report_to_json(evaluate_on_test(family.fit(split, settings, seed)[0], split))


def against_over_users(name: str, reports: Mapping[str, RankingReport]) -> dict[str, Any]:
    """One family against each other one, user by user on one split; p values by Holm too."""
    return {
        measure: comparisons_to_json(
            {
                other: compare(reports[name], report, measure)
                for other, report in reports.items()
                if other != name
            }
        )
        for measure in ("recall", "ndcg")
    }


def against(name: str, reports: Mapping[str, Sequence[RankingReport]]) -> dict[str, Any]:
    """One family against each other one, on the splits that both have; p values by Holm too."""
    found: dict[str, Any] = {}
    for measure in ("recall", "ndcg"):
        values = {
            family: [getattr(report, measure) for report in of_family]
            for family, of_family in reports.items()
        }
        ours, pairs = values.pop(name), dict[str, Comparison]()
        for other, theirs in values.items():
            both = min(len(ours), len(theirs))
            pairs[other] = compare_splits(ours[:both], theirs[:both])
        found[measure] = comparisons_to_json(pairs)
    return found
