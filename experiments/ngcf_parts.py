"""What does each part of NGCF add? Left out alone, and added alone to what is left without any."""

from __future__ import annotations

from functools import partial
from typing import Any

from experiments.families import PAIRS, draw
from experiments.models.ngcf_parts import PARTS, NGCFOfParts
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.search import refit, try_out
from experiments.summaries import over_seeds, report_from_json, rounded
from recbook.stats import Comparison, compare_splits, holm
from recbook.tuning import Family, trained

TRIALS = 8
VARIANTS: dict[str, tuple[str, ...]] = {
    "all": PARTS,
    **{f"without {part}": tuple(p for p in PARTS if p != part) for part in PARTS},
    **{f"{part} alone": (part,) for part in PARTS},
    "none": (),
}


def ngcf_parts(runs: Runs, plan: Plan) -> dict[str, Any]:
    """Each variant tuned alike on the original's split, then trained with five seeds."""
    settings = draw(PAIRS, TRIALS)
    found = {
        name: plan.shrunk(Family(trained(partial(NGCFOfParts, parts=parts)), settings))
        for name, parts in VARIANTS.items()
    }
    tried = runs.all(
        {
            f"{name}, trial {number}": partial(try_out, family, plan, 16, given)
            for name, family in found.items()
            for number, given in enumerate(family.grid)
        }
    )
    best = {
        name: max(
            (tried[f"{name}, trial {number}"] for number in range(len(family.grid))),
            key=lambda row: row["recall"],
        )
        for name, family in found.items()
    }
    done = runs.all(
        {
            f"{name}, seed {seed}": partial(refit, family, plan, 16, best[name]["settings"], seed)
            for name, family in found.items()
            for seed in plan.seeds
        }
    )
    reports = {
        name: [report_from_json(done[f"{name}, seed {seed}"]) for seed in plan.seeds]
        for name in found
    }
    return {
        "variants": {
            name: over_seeds(reports[name])
            | {
                "chosen": best[name]["settings"],
                "validation_recall": round(best[name]["recall"], 4),
            }
            for name in found
        },
        "against": {
            base: differences(
                {
                    name: compare_splits(
                        *([r.recall for r in reports[each]] for each in (name, base)), test_share=0
                    )
                    for name in found
                    if name != base and word in name
                }
            )
            for base, word in (("all", "without"), ("none", "alone"))
        },
    }


def differences(pairs: dict[str, Comparison]) -> dict[str, dict[str, float]]:
    """Over seeds, with p values of the whole family by Holm."""
    adjusted = holm([one.p_value for one in pairs.values()])
    return {
        name: rounded(vars(one) | {"p_holm": p})
        for (name, one), p in zip(pairs.items(), adjusted, strict=True)
    }
