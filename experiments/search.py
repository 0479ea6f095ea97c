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
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import over_splits, report_from_json, report_to_json, rounded
from recbook.evaluation import RankingReport, evaluate
from recbook.stats import compare_splits, holm
from recbook.tuning import Family, Fit, Settings, hide_test

SPLITS = (16, 0, 1, 2, 3)  # seeds of random splits; the first is the original post's
REFERENCES = ("LightGCN", "EASE", "LightGCN, softmax")  # each is compared with all others


def search(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The book's families with the same number of trials, each split by its own validation part."""
    reports, splits = search_all(runs, plan, SPACES)
    return {"splits": splits, "against": {name: against(name, reports) for name in REFERENCES}}


def search_recent(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The same for recent families, of which the book says little."""
    return {"splits": search_all(runs, plan, RECENT)[1]}


def search_all(
    runs: Runs, plan: Plan, spaces: Mapping[str, tuple[Fit, Space]]
) -> tuple[dict[str, list[RankingReport]], dict[str, Any]]:
    """For each family its reports on the test parts, and what the ledger says of it."""
    searched = {name: plan.shrunk(family) for name, family in families(spaces).items()}
    cells = [(name, seed) for name in searched for seed in SPLITS[: len(plan.seeds)]]
    tasks = {
        f"{name}, split {seed}, trial {number}": partial(
            try_out, searched[name], plan, seed, settings
        )
        for name, seed in cells
        for number, settings in enumerate(searched[name].grid)
    }
    tried = runs.all(tasks)
    trials = {
        (name, seed): [
            tried[f"{name}, split {seed}, trial {number}"]
            for number in range(len(searched[name].grid))
        ]
        for name, seed in cells
    }
    best = {
        cell: max(rows, key=lambda row: row["recall"])["settings"] for cell, rows in trials.items()
    }
    tasks = {
        f"{name}, split {seed}, refit": partial(refit, searched[name], plan, seed, settings)
        for (name, seed), settings in best.items()
    }
    refitted = list(zip(cells, runs.all(tasks).values(), strict=True))
    reports = {
        family: [report_from_json(report) for (name, _), report in refitted if name == family]
        for family in searched
    }
    splits = {
        family: over_splits(reports[family])
        | {
            "chosen": [settings for (name, _), settings in best.items() if name == family],
            "trials": [
                [
                    row["settings"] | rounded({key: row[key] for key in ("recall", "seconds")})
                    for row in rows
                ]
                for (name, _), rows in trials.items()
                if name == family
            ],
        }
        for family in searched
    }
    return reports, splits


def try_out(family: Family, plan: Plan, seed: int, settings: Settings) -> dict[str, Any]:
    """One setting on one split: what it became, its validation recall, and what it took."""
    split = hide_test(plan.split(0.1, seed))
    start = time.perf_counter()
    model, chosen = family.fit(split, settings, 0)
    seconds = time.perf_counter() - start
    recall = evaluate(model, split.train, split.test).recall
    return {"settings": chosen, "recall": recall, "seconds": seconds}


def refit(
    family: Family, plan: Plan, split_seed: int, settings: Settings, seed: int = 0
) -> dict[str, Any]:
    """What was chosen, fitted on all that is not test, and measured on the test part."""
    split = plan.split(seed=split_seed)
    return report_to_json(evaluate_on_test(family.fit(split, settings, seed)[0], split))


def against(name: str, reports: Mapping[str, Sequence[RankingReport]]) -> dict[str, Any]:
    """One family against each other one over the splits, with p values of the whole by Holm."""
    found: dict[str, Any] = {}
    for measure in ("recall", "ndcg"):
        values = {
            family: [getattr(report, measure) for report in of_family]
            for family, of_family in reports.items()
        }
        ours = values.pop(name)
        pairs = {other: compare_splits(ours, theirs) for other, theirs in values.items()}
        different = holm([one.p_value for one in pairs.values()])
        level = holm([one.p_level for one in pairs.values()])
        found[measure] = {
            other: rounded(vars(one) | {"p_holm": p, "p_level_holm": p_level})
            for (other, one), p, p_level in zip(pairs.items(), different, level, strict=True)
        }
    return found
