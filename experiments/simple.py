"""How good are models without gradient steps: neighbours, closed forms, alternating least squares?

Each is chosen on the validation part of its own split: the original's, and five random ones.
"""

from __future__ import annotations

from typing import Any

from experiments.choosing import (
    choose,
    choose_on_each_split,
    refit_on_each_seed,
    refit_on_each_split,
)
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import choice_to_json, over_seeds_and_users


def simple(runs: Runs, plan: Plan) -> dict[str, Any]:
    """Closed forms and iALS, each chosen on the validation part of each split, five split seeds."""
    split, full = plan.split(val_size=0.1), plan.split()
    results: dict[str, Any] = {"original split": {}, "splits": {}}
    for name in ("Popularity", "ItemKNN", "PureSVD", "EASE", "GF-CF", "iALS"):
        family, where = plan.family(name), "seed 16"
        choice = choose(runs, name, family, where, split)
        reports = refit_on_each_seed(runs, name, family, where, full, choice.settings, [0])
        results["original split"][name] = over_seeds_and_users(reports) | {
            "chosen": choice_to_json(choice)
        }
        choices = choose_on_each_split(runs, plan, name)
        results["splits"][name] = refit_on_each_split(runs, plan, name, choices)
    return results
