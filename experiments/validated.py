"""What is left of the original's comparison when penalty and epochs are chosen on validation?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from experiments.choosing import evaluate_on_test
from experiments.plan import TRAINED, Plan
from experiments.runs import Runs
from experiments.summaries import over_seeds, report_from_json, report_to_json, rounded
from recbook.models import EmbeddingModel
from recbook.training import train

PENALTIES = {
    "MF-BPR": [1e-3, 1e-2, 2e-2, 5e-2],
    "NGCF": [1e-4, 1e-3, 1e-2],
    "LightGCN": [1e-4, 1e-3, 1e-2],
}


def validated(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The same models, penalty and number of epochs chosen on validation, refitted, five seeds."""
    split, full = plan.split(val_size=0.1), plan.split()

    def attempt(model: Callable[[int, int], EmbeddingModel], reg: float) -> tuple[float, int]:
        fresh = model(split.train.num_users, split.train.num_items)
        history = train(fresh, split, epochs=plan.epochs(100), reg=reg, patience=8)
        return history.frame["recall"].max(), history.best_epoch or 1

    def refit(
        model: Callable[[int, int], EmbeddingModel], reg: float, epochs: int, seed: int
    ) -> dict[str, Any]:
        fresh = model(full.train.num_users, full.train.num_items)
        train(fresh, full, epochs=epochs, reg=reg, seed=seed)
        return report_to_json(evaluate_on_test(fresh, full))

    attempts = runs.all(
        {
            f"{name}, penalty {reg}": partial(attempt, model, reg)
            for name, model in TRAINED.items()
            for reg in PENALTIES[name]
        }
    )
    best = {}
    for name in TRAINED:
        tried = [(*attempts[f"{name}, penalty {reg}"], reg) for reg in PENALTIES[name]]
        best[name] = max(tried)
    refits = runs.all(
        {
            f"{name}, refit, seed {seed}": partial(refit, model, reg, epochs, seed)
            for name, model in TRAINED.items()
            for recall, epochs, reg in [best[name]]
            for seed in plan.seeds
        }
    )
    results: dict[str, Any] = {}
    for name, (recall, epochs, reg) in best.items():
        reports = [report_from_json(refits[f"{name}, refit, seed {seed}"]) for seed in plan.seeds]
        results[name] = over_seeds(reports) | {
            "chosen": {"reg": reg, "epochs": epochs, "validation_recall": round(recall, 4)}
        }
    for name in ("MF-BPR", "NGCF"):
        ours, theirs = (results[n]["mean"] for n in ("LightGCN", name))
        results[f"LightGCN minus {name}"] = rounded({m: ours[m] - theirs[m] for m in ours})
    return results
