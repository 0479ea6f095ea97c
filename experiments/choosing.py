"""The one way to a figure: choose on validation, fit again on all that is not test, measure once.

What takes long goes through :class:`experiments.runs.Runs`, which remembers it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import report_from_json, report_to_json
from recbook.data import Split
from recbook.evaluation import RankingReport, Recommender, evaluate
from recbook.tuning import Choice, Family, Settings, hide_test

SPLITS = (16, *range(16), 17, 18, 19)  # seeds of random splits; the first is the original post's


def evaluate_on_test(recommender: Recommender, split: Split) -> RankingReport:
    """Measure on the test part."""
    return evaluate(recommender, seen=split.train, target=split.test)


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


def choose_all(runs: Runs, plan: Plan, families: Mapping[str, Family]) -> dict[str, Choice]:
    """Each family's best trial on the validation part of the original post's split."""
    trials = try_all(runs, plan, {name: (family, SPLITS[0]) for name, family in families.items()})
    return {name: best_of(rows) for name, rows in trials.items()}


def refit_chosen(
    runs: Runs,
    plan: Plan,
    families: Mapping[str, Family],
    chosen: Mapping[str, Choice],
    splits: Sequence[int] = SPLITS[:1],
    seeds: Sequence[int] = (0,),
) -> dict[str, list[RankingReport]]:
    """By family its reports on the test parts of some splits, once a seed."""
    fits = {
        f"{name}, split {split}, seed {seed}": (family, split, chosen[name].settings, seed)
        for name, family in families.items()
        for split in splits
        for seed in seeds
    }
    refitted = refit_all(runs, plan, fits)
    return {
        name: [refitted[f"{name}, split {split}, seed {s}"] for split in splits for s in seeds]
        for name in families
    }


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
