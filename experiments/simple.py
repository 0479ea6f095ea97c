"""Closed forms and iALS."""

from __future__ import annotations

from typing import Any

from experiments.common import (
    chosen_on,
    described,
    liked,
    over_splits,
    own_choices,
    refits,
    with_interval,
)
from experiments.runs import Runs
from recbook.data import random_split


def simple(runs: Runs) -> dict[str, Any]:
    """Closed forms and iALS, each chosen on the validation part of each split, five split seeds."""
    split, full = random_split(liked(), val_size=0.1), random_split(liked())
    results: dict[str, Any] = {"original split": {}, "splits": {}}
    for name in ("Popularity", "ItemKNN", "PureSVD", "EASE", "GF-CF", "iALS"):
        choice = chosen_on(runs, name, "seed 16", split)
        reports = refits(runs, name, "seed 16", full, choice.settings, [0])
        results["original split"][name] = with_interval(reports) | {"chosen": described(choice)}
        results["splits"][name] = over_splits(runs, name, own_choices(runs, name))
    return results
