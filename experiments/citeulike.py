"""Which findings hold on CiteULike-a, with three times as many articles as people?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.choosing import SPLITS, choose_all, refit_chosen
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
    other = replace(plan, load_pairs=plan.load_citeulike)
    families = {name: other.family(name) for name in NAMES} | {"EASE": other.shrunk(EASE)}
    best = choose_all(runs, other, families)
    reports = refit_chosen(runs, other, families, best, SPLITS[: len(plan.seeds)])
    return {
        "splits": {
            name: over_splits(own) | {"chosen": choice_to_json(best[name])}
            for name, own in reports.items()
        },
        "against": {name: against(name, reports) for name in ("MF, softmax", "MF-BPR", "EASE")},
    }
