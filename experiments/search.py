"""How good is each family where all are searched alike: as many trials each, on the same splits?

A trial is a setting drawn from the family's ranges, fitted on the train part of a split, measured
on its validation part; the best is fitted again on all that is not test, and measured once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.choosing import SPLITS, best_of, evaluate_on_test, refit_all, try_all
from experiments.families import RECENT
from experiments.models.scorers import RandomScores
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import (
    comparisons_to_json,
    mean_report,
    over_seeds_and_users,
    over_splits,
    trials_to_json,
)
from recbook.evaluation import RankingReport
from recbook.stats import Comparison, compare, compare_splits
from recbook.tuning import FAMILIES, Family

DEAR = ("SLIM", "LightGCN", "NGCF", *RECENT)  # take the first five, the others all
REFERENCES = ("LightGCN", "EASE", "LightGCN, softmax")  # each is compared with all others


def search(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The book's families with the same number of trials, each split by its own validation part.

    On the original's split all that have a seed are fitted with five of them.
    """
    reports, splits = search_all(runs, plan, FAMILIES)
    chosen = {name: entry["chosen"][0] for name, entry in splits.items()}
    fits = {
        f"{name}, seed {seed}": (plan.shrunk(family), SPLITS[0], chosen[name], seed)
        for name, family in FAMILIES.items()
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
    runs: Runs, plan: Plan, families: Mapping[str, Family]
) -> tuple[dict[str, list[RankingReport]], dict[str, Any]]:
    """For each family its reports on the test parts, and what the ledger says of it."""
    seeds = {
        name: SPLITS[: len(plan.seeds) * (1 if name in DEAR else len(SPLITS) // 5)]
        for name in families
    }
    searched = {name: plan.shrunk(family) for name, family in families.items()}
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
            "trials": [trials_to_json(trials[cell]) for cell in own],
        }
    return reports, splits


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
