"""Is a LightGCN trained with a softmax ahead of EASE and iALS, and does a blend go further?"""

from __future__ import annotations

from functools import partial
from typing import Any

from experiments.choosing import (
    choose,
    choose_on_each_split,
    choose_on_seed,
    evaluate_on_test,
    refit_on_each_seed,
    refit_on_each_split,
)
from experiments.models.scorers import Blend
from experiments.plan import SOFTMAX, SOFTMAX_RANDOM_START, Plan
from experiments.runs import Runs
from experiments.summaries import (
    choice_to_json,
    differences_over_splits,
    differences_over_users,
    mean_report,
    over_seeds_and_users,
    over_splits,
    report_from_json,
    report_to_json,
)
from recbook.data import Split
from recbook.evaluation import Recommender, evaluate
from recbook.tuning import hide_test


def champion(runs: Runs, plan: Plan) -> dict[str, Any]:
    """LightGCN with a softmax against EASE and iALS, each chosen on each split's validation part.

    Then what goes further: the mean of five seeds that start at random, and that mean blended with
    EASE, the weight chosen on validation too.
    """
    split, full = plan.split(val_size=0.1), plan.split()
    results: dict[str, Any] = {"original split": {}, "splits": {}}
    per_user = {}
    for name in ("EASE", "iALS", SOFTMAX, SOFTMAX_RANDOM_START):
        family, where = plan.family(name), "seed 16"
        choice = choose(runs, name, family, where, split)
        seeds = plan.seeds if family.seeded else [0]
        reports = refit_on_each_seed(runs, name, family, where, full, choice.settings, seeds)
        per_user[name] = mean_report(reports)
        results["original split"][name] = over_seeds_and_users(reports) | {
            "chosen": choice_to_json(choice)
        }
        choices = choose_on_each_split(runs, plan, name)
        results["splits"][name] = refit_on_each_split(runs, plan, name, choices)
    for other in ("EASE", "iALS"):
        results["original split"][f"{SOFTMAX} against {other}"] = differences_over_users(
            per_user[SOFTMAX], per_user[other]
        )
    blends = [
        runs(f"blend, split {seed}", partial(blend_on_split, runs, plan, seed))
        for seed in plan.seeds
    ]
    for name in ("mean of five seeds", "blend with EASE"):
        results["splits"][name] = over_splits([report_from_json(one[name]) for one in blends])
    results["splits"]["blend with EASE"]["weights"] = [one["weight"] for one in blends]
    results["over splits"] = {
        f"{first} minus {second}": differences_over_splits(results["splits"], first, second)
        for first, second in [
            (SOFTMAX, "EASE"),
            (SOFTMAX, "iALS"),
            (SOFTMAX, SOFTMAX_RANDOM_START),
            ("mean of five seeds", SOFTMAX),
            ("blend with EASE", SOFTMAX),
            ("blend with EASE", "EASE"),
            ("blend with EASE", "iALS"),
        ]
    }
    return results


def blend_on_split(runs: Runs, plan: Plan, seed: int) -> dict[str, Any]:
    """Random starts of the softmax LightGCN averaged, alone and with EASE, on one split."""
    softmax, ease = plan.family(SOFTMAX_RANDOM_START), plan.family("EASE")
    settings = {
        name: choose_on_seed(runs, plan, name, seed).settings
        for name in (SOFTMAX_RANDOM_START, "EASE")
    }

    def members(split: Split) -> tuple[list[Recommender], Recommender]:
        starts = [softmax.fit(split, settings[SOFTMAX_RANDOM_START], s)[0] for s in plan.seeds]
        return starts, ease.fit(split, settings["EASE"], 0)[0]

    blind = hide_test(plan.split(val_size=0.1, seed=seed))
    # trained as often as it will be, not stopped by the part that the weight is chosen on
    parts = members(Split(blind.train, blind.test))
    weights = [0.0, 0.25, 0.5, 0.75, 1.0]
    tried = {w: evaluate(Blend(*parts, w), blind.train, blind.test).recall for w in weights}
    weight = max(tried, key=lambda w: tried[w])
    full = plan.split(seed=seed)
    parts = members(full)
    return {
        "weight": weight,
        "mean of five seeds": report_to_json(evaluate_on_test(Blend(*parts, 0.0), full)),
        "blend with EASE": report_to_json(evaluate_on_test(Blend(*parts, weight), full)),
    }
