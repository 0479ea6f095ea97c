"""What carries what: the loss, the layers, the start, or the batch? Each cell is tuned alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import combinations, product
from typing import Any

import numpy as np

from experiments.families import Range, Space, draw
from experiments.models.epochs import by_epochs
from experiments.models.factors import LOSSES, start_factors
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.search import SPLITS, refit, try_out
from experiments.summaries import over_splits, report_from_json, rounded
from recbook.stats import Comparison, compare_splits, holm
from recbook.tuning import Family

TRIALS = 6
FACTORS: dict[str, Sequence[Any]] = {
    "loss": LOSSES,
    "num_layers": (0, 1, 2, 3),
    "start": ("random", "smooth"),
    "batch_size": (1024, 0),
}
DOTS: Space = {"lr": Range(1e-3, 0.1), "reg": Range(1e-4, 0.3)}
COSINES: Space = DOTS | {"reg": Range(1e-3, 3), "temperature": Range(0.05, 1)}
Cell = tuple[Any, ...]


def factors(runs: Runs, plan: Plan) -> dict[str, Any]:
    """Every cell chosen on the original's split, then fitted again on five random splits."""
    cells = list(product(*FACTORS.values()))
    families = {cell: plan.shrunk(family_of(cell)) for cell in cells}
    tried = runs.all(
        {
            f"{name(cell)}, trial {number}": partial(try_out, family, plan, SPLITS[0], settings)
            for cell, family in families.items()
            for number, settings in enumerate(family.grid)
        }
    )
    best = {
        cell: max(
            (tried[f"{name(cell)}, trial {number}"] for number in range(len(family.grid))),
            key=lambda row: row["recall"],
        )
        for cell, family in families.items()
    }
    splits = SPLITS[: len(plan.seeds)]
    done = runs.all(
        {
            f"{name(cell)}, split {seed}": partial(
                refit, family, plan, seed, best[cell]["settings"]
            )
            for cell, family in families.items()
            for seed in splits
        }
    )
    reports = {
        cell: [report_from_json(done[f"{name(cell)}, split {seed}"]) for seed in splits]
        for cell in cells
    }
    recall = {cell: [report.recall for report in reports[cell]] for cell in cells}
    return {
        "cells": {
            name(cell): over_splits(reports[cell])
            | {
                "chosen": best[cell]["settings"],
                "validation_recall": round(best[cell]["recall"], 4),
            }
            for cell in cells
        },
        "effects": effects(recall),
    }


def name(cell: Cell) -> str:
    """How the ledger calls a cell."""
    loss, num_layers, start, batch_size = cell
    return f"{loss}, {num_layers} layers, {start} start, batch {batch_size or 'all'}"


def family_of(cell: Cell) -> Family:
    """A cell and the settings to try; where a step takes everything, an epoch is one step."""
    fixed = dict(zip(FACTORS, cell, strict=True))
    whole = fixed["batch_size"] == 0
    epochs = {"patience": 40, "max_epochs": 400} if whole else {"patience": 6, "max_epochs": 60}
    space = DOTS if fixed["loss"] == "BPR" else COSINES
    return Family(by_epochs(partial(start_factors, **fixed), **epochs), draw(space, TRIALS))


def effects(recall: dict[Cell, list[float]]) -> dict[str, dict[str, Any]]:
    """Of each factor, for each pair of its levels: the difference, all else equal, and its mean.

    Holm's correction is over all these pairs.
    """
    found: dict[tuple[str, str], Comparison] = {}
    for place, (factor, levels) in enumerate(FACTORS.items()):
        for one, other in combinations(levels, 2):
            first, second = (
                np.mean([values for cell, values in recall.items() if cell[place] == level], axis=0)
                for level in (other, one)
            )
            found[factor, f"{other or 'all'} minus {one}"] = compare_splits(first, second)
    adjusted = holm([one.p_value for one in found.values()])
    results: dict[str, dict[str, Any]] = {factor: {} for factor in FACTORS}
    for ((factor, pair), one), p in zip(found.items(), adjusted, strict=True):
        results[factor][pair] = rounded(vars(one) | {"p_holm": p})
    return results
