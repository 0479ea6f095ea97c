"""What carries what: the loss, the layers, the start, or the batch? Each cell is tuned alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import combinations, product
from typing import Any

import numpy as np

from experiments.choosing import SPLITS, choose_all, refit_chosen
from experiments.models.epochs import by_epochs
from experiments.models.factors import LOSSES, start_factors
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import choice_to_json, comparisons_to_json, over_splits
from recbook.stats import Comparison, compare_splits
from recbook.tuning import Family, Range, Space, draw

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
    cells = {name(cell): cell for cell in product(*FACTORS.values())}
    families = {key: plan.shrunk(family_of(cell)) for key, cell in cells.items()}
    best = choose_all(runs, plan, families)
    reports = refit_chosen(runs, plan, families, best, SPLITS[: len(plan.seeds)])
    recall = {cell: [report.recall for report in reports[key]] for key, cell in cells.items()}
    return {
        "cells": {
            key: over_splits(reports[key]) | {"chosen": choice_to_json(best[key])} for key in cells
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


def effects(recall: dict[Cell, list[float]]) -> dict[str, dict[str, float]]:
    """Of each factor, for each pair of its levels: the difference, all else equal, and its mean.

    Holm's correction is over all these pairs.
    """
    found: dict[str, Comparison] = {}
    for place, (factor, levels) in enumerate(FACTORS.items()):
        for one, other in combinations(levels, 2):
            first, second = (
                np.mean([values for cell, values in recall.items() if cell[place] == level], axis=0)
                for level in (other, one)
            )
            found[f"{factor}: {other or 'all'} minus {one}"] = compare_splits(first, second)
    return comparisons_to_json(found)
