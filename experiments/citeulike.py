"""Which findings hold on CiteULike-a, with three times as many articles as people?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from experiments.choosing import SPLITS, best_of, refit_chosen, try_all
from experiments.models.rough import in_bfloat16
from experiments.models.user_side import EASEOfUsers
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.search import against
from experiments.summaries import choice_to_json, over_splits, trials_to_json
from recbook.models import GFCF, IALS, ItemKNN, PureSVD, RP3beta
from recbook.tuning import FAMILIES, Family, Range, closed_form

TRIALS = 6
# Where the best trial lay at an end of the ranges for MovieLens; EASE's is by users.
WIDER = {
    "ItemKNN": Family.drawn(closed_form(ItemKNN), num_neighbors=Range(50, 3000, whole=True)),
    "RP3beta": Family.drawn(
        closed_form(RP3beta), beta=Range(0.05, 1), num_neighbors=Range(100, 3000, whole=True)
    ),
    "PureSVD": Family.drawn(closed_form(PureSVD), embedding_dim=Range(64, 1024, whole=True)),
    "GF-CF": Family.drawn(
        closed_form(GFCF), num_frequencies=Range(64, 1024, whole=True), alpha=Range(0.01, 1)
    ),
    "iALS": Family.drawn(
        closed_form(partial(IALS, nu=1)),
        embedding_dim=Range(64, 512, whole=True),
        alpha0=Range(0.005, 0.2),
        reg=Range(0.001, 0.05),
    ),
    "EASE": Family.drawn(closed_form(EASEOfUsers), reg=Range(5, 1000)),
}
# NGCF is left out, and what would need a table of all pairs of articles.
FAMILIES_HERE = {name: FAMILIES[name] for name in ("Popularity", "UserKNN")} | WIDER
FAMILIES_HERE |= {
    name: FAMILIES[name]
    for name in (
        "LightGCN, softmax",
        "LightGCN, softmax, random start",
        "MF, softmax",
        "MF-BPR",
        "LightGCN",
    )
}


def citeulike(runs: Runs, plan: Plan) -> dict[str, Any]:
    """Six trials a family on the first split's validation part, then five random splits."""
    other = replace(plan, load_pairs=plan.load_citeulike)
    families = {
        name: other.shrunk(
            replace(
                one,
                fit=in_bfloat16(one.fit) if "softmax" in name else one.fit,
                grid=one.grid[:TRIALS],
            )
        )
        for name, one in FAMILIES_HERE.items()
    }
    trials = try_all(runs, other, {name: (one, SPLITS[0]) for name, one in families.items()})
    best = {name: best_of(rows) for name, rows in trials.items()}
    reports = refit_chosen(runs, other, families, best, SPLITS[: len(plan.seeds)])
    return {
        "splits": {
            name: over_splits(own)
            | {"chosen": choice_to_json(best[name]), "trials": trials_to_json(trials[name])}
            for name, own in reports.items()
        },
        "against": {name: against(name, reports) for name in ("MF, softmax", "MF-BPR", "EASE")},
    }
