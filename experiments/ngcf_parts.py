"""What does each part of NGCF add? Left out alone, and added alone to what is left without any."""

from __future__ import annotations

from functools import partial
from typing import Any

from experiments.choosing import SPLITS, best_of, refit_all, try_all
from experiments.models.ngcf_parts import PARTS, NGCFOfParts
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import choice_to_json, comparisons_to_json, over_seeds
from recbook.stats import compare_splits
from recbook.tuning import Family, Range, draw, trained

TRIALS = 8
VARIANTS: dict[str, tuple[str, ...]] = {
    "all": PARTS,
    **{f"without {part}": tuple(p for p in PARTS if p != part) for part in PARTS},
    **{f"{part} alone": (part,) for part in PARTS},
    "none": (),
}


def ngcf_parts(runs: Runs, plan: Plan) -> dict[str, Any]:
    """Each variant tuned alike on the original's split, then trained with five seeds."""
    settings = draw({"lr": Range(5e-4, 0.03), "reg": Range(1e-5, 0.1)}, TRIALS)
    families = {
        name: plan.shrunk(Family(trained(partial(NGCFOfParts, parts=parts)), settings))
        for name, parts in VARIANTS.items()
    }
    trials = try_all(runs, plan, {name: (family, SPLITS[0]) for name, family in families.items()})
    best = {name: best_of(rows) for name, rows in trials.items()}
    fits = {
        f"{name}, seed {seed}": (family, SPLITS[0], best[name].settings, seed)
        for name, family in families.items()
        for seed in plan.seeds
    }
    refitted = refit_all(runs, plan, fits)
    reports = {name: [refitted[f"{name}, seed {seed}"] for seed in plan.seeds] for name in VARIANTS}
    recall = {name: [report.recall for report in own] for name, own in reports.items()}
    return {
        "variants": {
            name: over_seeds(reports[name]) | {"chosen": choice_to_json(best[name])}
            for name in VARIANTS
        },
        "against": {
            base: comparisons_to_json(
                {
                    name: compare_splits(recall[name], recall[base], test_share=0)
                    for name in VARIANTS
                    if name != base and word in name
                }
            )
            for base, word in (("all", "without"), ("none", "alone"))
        },
    }
