"""What does each of the original's flaws do to its result, mended one after the other?

First the epoch is chosen on validation, then every setting, then five splits take the place of one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from experiments.choosing import choose, evaluate_on_test, refit_on_each_seed, refit_on_each_split
from experiments.models.scorers import RandomScores
from experiments.plan import TRAINED, Plan
from experiments.runs import Runs
from experiments.summaries import (
    choice_to_json,
    differences_over_splits,
    differences_over_users,
    gain_in_percent,
    mean_report,
    over_seeds,
    over_seeds_and_users,
)
from recbook.evaluation import RankingReport, evaluate
from recbook.tuning import Family, hide_test

ORIGINALS_SETTINGS = {"reg": 1e-4, "lr": 0.005}


def audit(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The original's flaws mended one at a time: epoch, then settings, then five split seeds."""
    full, split = plan.split(), plan.split(val_size=0.1)
    blind = hide_test(split)
    results: dict[str, Any] = {"epoch_validated": {}, "tuned": {}, "splits": {}}
    per_user: dict[str, RankingReport] = {}

    def choose_epoch(family: Family) -> dict[str, Any]:
        model, settings = family.fit(blind, ORIGINALS_SETTINGS, 0)
        return {"settings": settings, "recall": evaluate(model, blind.train, blind.test).recall}

    for name in TRAINED:
        family = plan.family(name)
        settings = runs(f"{name}, epoch", partial(choose_epoch, family))["settings"]
        reports = refit_on_each_seed(runs, name, family, "epoch", full, settings, plan.seeds)
        results["epoch_validated"][name] = over_seeds(reports) | {"chosen": settings}
    for name in ["Popularity", "PureSVD", *TRAINED]:
        family = plan.family(name)
        choice = choose(runs, name, family, "seed 16", split)
        seeds = plan.seeds if family.seeded else [0]
        reports = refit_on_each_seed(runs, name, family, "tuned", full, choice.settings, seeds)
        per_user[name] = mean_report(reports)
        results["tuned"][name] = over_seeds_and_users(reports) | {"chosen": choice_to_json(choice)}
        choices = [choice] * len(plan.seeds)
        results["splits"][name] = refit_on_each_split(runs, plan, name, choices)
    random = [evaluate_on_test(RandomScores(full.train, seed), full) for seed in plan.seeds]
    results["tuned"]["Random"] = over_seeds_and_users(random)
    others = [name for name in per_user if name not in ("LightGCN", "Popularity")]
    results["LightGCN against"] = {
        other: differences_over_users(per_user["LightGCN"], per_user[other]) for other in others
    }
    results["LightGCN against, over splits"] = {
        other: differences_over_splits(results["splits"], "LightGCN", other) for other in others
    }
    for rule in ("epoch_validated", "tuned", "splits"):
        ours, theirs = (results[rule][name]["mean"] for name in ("LightGCN", "NGCF"))
        results[f"gain_in_percent_{rule}"] = gain_in_percent(ours, theirs)
    return results
