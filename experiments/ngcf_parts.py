"""What does each part of NGCF add? Left out alone, and added alone to what is left without any."""

from __future__ import annotations

from functools import partial
from typing import Any

from experiments.choosing import choose_all, refit_chosen
from experiments.models.ngcf_parts import PARTS, NGCFOfParts
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import choice_to_json, comparisons_to_json, over_seeds
from recbook.stats import compare_splits
from recbook.tuning import FAMILIES, Family, draw, trained

TRIALS = 8
VARIANTS: dict[str, tuple[str, ...]] = {
    "all": PARTS,
    **{f"without {part}": tuple(p for p in PARTS if p != part) for part in PARTS},
    **{f"{part} alone": (part,) for part in PARTS},
    "none": (),
}


def ngcf_parts(runs: Runs, plan: Plan) -> dict[str, Any]:
    """Each variant tuned alike on the original's split, then trained with five seeds."""
    settings = draw({name: FAMILIES["NGCF"].space[name] for name in ("lr", "reg")}, TRIALS)
    families = {
        name: plan.shrunk(Family(trained(partial(NGCFOfParts, parts=parts)), settings))
        for name, parts in VARIANTS.items()
    }
    best = choose_all(runs, plan, families)
    reports = refit_chosen(runs, plan, families, best, seeds=plan.seeds)
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
