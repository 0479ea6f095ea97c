"""Which findings hold on CiteULike-a: fewer people, more articles than people, no popular list?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.choosing import SPLITS, best_of, refit_all, try_all
from experiments.models.user_side import EASEOfUsers
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.search import against
from experiments.summaries import choice_to_json, over_splits
from recbook.tuning import Family, Range, closed_form

# As on MovieLens, but for what would need a table of all pairs of articles, and NGCF.
NAMES = (
    "Popularity",
    "ItemKNN",
    "UserKNN",
    "RP3beta",
    "PureSVD",
    "GF-CF",
    "iALS",
    "LightGCN, softmax",
    "LightGCN, softmax, random start",
    "MF, softmax",
    "MF-BPR",
    "LightGCN",
)
EASE = Family.drawn(closed_form(EASEOfUsers), reg=Range(5, 1000))


def citeulike(runs: Runs, plan: Plan) -> dict[str, Any]:
    """A dozen trials a family on the first split's validation part, then five random splits."""
    other = replace(plan, data="CiteULike")
    families = {name: other.family(name) for name in NAMES} | {"EASE": other.shrunk(EASE)}
    trials = try_all(runs, other, {name: (family, SPLITS[0]) for name, family in families.items()})
    best = {name: best_of(rows) for name, rows in trials.items()}
    seeds = SPLITS[: len(plan.seeds)]
    refitted = refit_all(
        runs,
        other,
        {
            f"{name}, split {seed}": (family, seed, best[name].settings, 0)
            for name, family in families.items()
            for seed in seeds
        },
    )
    reports = {name: [refitted[f"{name}, split {seed}"] for seed in seeds] for name in families}
    return {
        "splits": {
            name: over_splits(own) | {"chosen": choice_to_json(best[name])}
            for name, own in reports.items()
        },
        "against": {name: against(name, reports) for name in ("MF, softmax", "MF-BPR", "EASE")},
    }
