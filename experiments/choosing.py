"""The one way to a figure: choose on validation, fit again on all that is not test, measure once.

What takes long goes through :class:`experiments.runs.Runs`, which remembers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import over_splits, report_from_json, report_to_json
from recbook.data import Split
from recbook.evaluation import RankingReport, Recommender, evaluate
from recbook.tuning import Choice, Family, Settings, tune


def evaluate_on_test(recommender: Recommender, split: Split) -> RankingReport:
    """Measure on the test part."""
    return evaluate(recommender, seen=split.train, target=split.test)


def choose(runs: Runs, name: str, family: Family, where: str, split: Split) -> Choice:
    """What :func:`recbook.tuning.tune` chooses; ``where`` names the split for ``runs``."""
    return Choice(**runs(f"{name}, tune, {where}", lambda: asdict(tune(family, split))))


def choose_on_seed(runs: Runs, plan: Plan, name: str, seed: int) -> Choice:
    """What is chosen on the validation part of one seed's random split."""
    return choose(runs, name, plan.family(name), f"seed {seed}", plan.split(0.1, seed))


def choose_on_each_split(runs: Runs, plan: Plan, name: str) -> list[Choice]:
    """What is chosen on each random split by its own validation part."""
    return [choose_on_seed(runs, plan, name, seed) for seed in plan.seeds]


def refit_on_each_seed(
    runs: Runs,
    name: str,
    family: Family,
    where: str,
    full: Split,
    settings: Settings,
    seeds: Sequence[int],
) -> list[RankingReport]:
    """Fit on all that is not test with settings that are chosen, and measure, once a seed."""

    def refit(seed: int) -> dict[str, Any]:
        return report_to_json(evaluate_on_test(family.fit(full, settings, seed)[0], full))

    return [
        report_from_json(runs(f"{name}, {where}, refit, seed {seed}", partial(refit, seed)))
        for seed in seeds
    ]


def refit_on_each_split(
    runs: Runs, plan: Plan, name: str, choices: Sequence[Choice]
) -> dict[str, Any]:
    """Refitted and measured on the random splits, with a choice for each."""
    reports = []
    for seed, choice in zip(plan.seeds, choices, strict=True):
        split, family = plan.split(seed=seed), plan.family(name)
        where = f"split {seed}"
        reports += refit_on_each_seed(runs, name, family, where, split, choice.settings, [0])
    return over_splits(reports)
