"""The original's flaws mended one at a time."""

from __future__ import annotations

from typing import Any

from experiments.common import (
    SEEDS,
    TRAINED,
    average,
    chosen_on,
    comparison,
    described,
    liked,
    on_test,
    over_splits,
    refits,
    rounded,
    split_differences,
    summary,
    with_interval,
)
from experiments.runs import Runs
from experiments.scorers import RandomScores
from recbook.data import random_split
from recbook.evaluation import RankingReport, evaluate
from recbook.tuning import FAMILIES, hide_test


def audit(runs: Runs) -> dict[str, Any]:
    """The original's flaws mended one at a time: epoch, then settings, then five split seeds."""
    full, split = random_split(liked()), random_split(liked(), val_size=0.1)
    results: dict[str, Any] = {"epoch_validated": {}, "tuned": {}, "splits": {}}
    per_user: dict[str, RankingReport] = {}
    for name in TRAINED:
        untuned = FAMILIES[name].fit

        def choose_epoch(fit: Any = untuned) -> dict[str, Any]:
            model, settings = fit(hide_test(split), {"reg": 1e-4, "lr": 0.005}, 0)
            recall = evaluate(model, split.train, split.val or split.test).recall
            return {"settings": settings, "recall": recall}

        chosen = runs(f"{name}, epoch", choose_epoch)
        report = refits(runs, name, "epoch", full, chosen["settings"], SEEDS)
        results["epoch_validated"][name] = summary(report) | {"chosen": chosen["settings"]}
    simple = ["Popularity", "PureSVD"]
    for name in [*simple, *TRAINED]:
        choice = chosen_on(runs, name, "seed 16", split)
        seeds = SEEDS if FAMILIES[name].seeded else [0]
        reports = refits(runs, name, "tuned", full, choice.settings, seeds)
        per_user[name] = average(reports)
        results["tuned"][name] = with_interval(reports) | {"chosen": described(choice)}
        results["splits"][name] = over_splits(runs, name, [choice] * len(SEEDS))
    random = [on_test(RandomScores(full.train, seed), full) for seed in SEEDS]
    results["tuned"]["Random"] = with_interval(random)
    others = [name for name in per_user if name not in ("LightGCN", "Popularity")]
    results["LightGCN against"] = {
        other: comparison(per_user["LightGCN"], per_user[other]) for other in others
    }
    results["LightGCN against, over splits"] = {
        other: split_differences(results["splits"], "LightGCN", other) for other in others
    }
    for rule in ("epoch_validated", "tuned", "splits"):
        ours, theirs = (results[rule][name]["mean"] for name in ("LightGCN", "NGCF"))
        gain = {key: 100 * (ours[key] / theirs[key] - 1) for key in ("recall", "precision")}
        results[f"gain_in_percent_{rule}"] = rounded(gain)
    return results
