"""Which findings hold on CiteULike-a, with three times as many articles as people?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from experiments.choosing import SPLITS, best_of, choose_all, refit_chosen, try_all
from experiments.models.rough import in_bfloat16
from experiments.models.user_side import EASEOfUsers
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.search import against
from experiments.summaries import choice_to_json, over_splits, trials_to_json
from recbook.models import GFCF, IALS, ItemKNN, PureSVD, RP3beta
from recbook.tuning import FAMILIES, Choice, Family, Range, closed_form

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
# Their largest embedding is the best of those drawn: once more twice as large.
TWICE = ("LightGCN, softmax", "MF, softmax")


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
        "twice as large": twice_as_large(runs, other, families, best),
        "against": {name: against(name, reports) for name in ("MF, softmax", "MF-BPR", "EASE")},
    }


def twice_as_large(
    runs: Runs, plan: Plan, families: Mapping[str, Family], best: Mapping[str, Choice]
) -> dict[str, Any]:
    """The best trial's settings with embeddings twice as large, chosen and tested as above."""
    larger = {}
    for name in TWICE:
        settings = {key: value for key, value in best[name].settings.items() if key != "epochs"}
        settings["embedding_dim"] *= 2
        larger[f"{name}, twice as large"] = replace(families[name], grid=[settings])
    chosen = choose_all(runs, plan, larger)
    reports = refit_chosen(runs, plan, larger, chosen, SPLITS[: len(plan.seeds)])
    return {
        name: over_splits(reports[f"{name}, twice as large"])
        | {"chosen": choice_to_json(chosen[f"{name}, twice as large"])}
        for name in TWICE
    }
