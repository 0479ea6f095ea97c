"""What is left of the original's comparison when its epochs are chosen on validation?

What its settings do is in `validated` (the penalty) and in `search` (all of them).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from experiments.choosing import SPLITS, refit_all, try_out
from experiments.plan import TRAINED, Plan
from experiments.runs import Runs
from experiments.summaries import gain_in_percent, over_seeds

ORIGINALS_SETTINGS = {"reg": 1e-4, "lr": 0.005}


def audit(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The original's settings, trained for as many epochs as validation says, five seeds."""
    families = {name: plan.family(name) for name in TRAINED}
    tried = runs.all(
        {
            f"{name}, epoch": partial(try_out, family, plan, SPLITS[0], ORIGINALS_SETTINGS)
            for name, family in families.items()
        }
    )
    chosen = {name: tried[f"{name}, epoch"]["settings"] for name in families}
    refitted = refit_all(
        runs,
        plan,
        {
            f"{name}, seed {seed}": (family, SPLITS[0], chosen[name], seed)
            for name, family in families.items()
            for seed in plan.seeds
        },
    )
    rows = {
        name: over_seeds([refitted[f"{name}, seed {seed}"] for seed in plan.seeds])
        | {"chosen": chosen[name]}
        for name in families
    }
    ours, theirs = (rows[name]["mean"] for name in ("LightGCN", "NGCF"))
    return {"epoch_validated": rows, "gain_in_percent": gain_in_percent(ours, theirs)}
