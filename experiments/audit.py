"""What is left of the original's comparison when its epochs are chosen on validation?

What its settings do is in `validated` (the penalty) and in `search` (all of them).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.choosing import choose_all, refit_chosen
from experiments.plan import TRAINED, Plan
from experiments.runs import Runs
from experiments.summaries import gain_in_percent, over_seeds

ORIGINALS_SETTINGS = {"reg": 1e-4, "lr": 0.005}


def audit(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The original's settings, trained for as many epochs as validation says, five seeds."""
    families = {name: replace(plan.family(name), grid=[ORIGINALS_SETTINGS]) for name in TRAINED}
    chosen = choose_all(runs, plan, families)
    reports = refit_chosen(runs, plan, families, chosen, seeds=plan.seeds)
    rows = {
        name: over_seeds(reports[name]) | {"chosen": chosen[name].settings} for name in families
    }
    ours, theirs = (rows[name]["mean"] for name in ("LightGCN", "NGCF"))
    return {"epoch_validated": rows, "gain_in_percent": gain_in_percent(ours, theirs)}
