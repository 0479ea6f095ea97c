"""Three ways to split."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from experiments.common import (
    CHAMPION,
    chosen_on,
    comparison,
    described,
    intervals,
    liked,
    on_test,
    pack,
    rounded,
    unpack,
)
from experiments.runs import Runs
from recbook.beyond_accuracy import calibration, coverage, diversity, novelty, popularity_lift
from recbook.data import (
    Split,
    global_time_split,
    load_movielens_100k,
    per_user_time_split,
    random_split,
)
from recbook.models import BaseRecommender
from recbook.tuning import FAMILIES, Settings


def over_time(runs: Runs) -> dict[str, Any]:
    """Three ways to split, models chosen on each way's own validation part, and their lists."""
    rows = liked()
    ways: dict[str, Callable[..., Split]] = {
        "random": random_split,
        "per user": per_user_time_split,
        "global": global_time_split,
    }
    names = ["Popularity", "ItemKNN", "PureSVD", "EASE", "GF-CF", "iALS"]
    names += ["LightGCN", CHAMPION]
    results: dict[str, Any] = {}
    for way, make in ways.items():
        split, full = make(rows, val_size=0.1), make(rows)
        results[way] = {
            "counts": {
                "train": len(full.train),
                "test": len(full.test),
                "dropped": full.num_dropped["test"],
                "users": full.train.num_users,
                "items": full.train.num_items,
                "test users": int((full.test.user_degree > 0).sum()),
            }
        }
        per_user = {}
        for name in names:
            choice = chosen_on(runs, name, way, split)
            done = runs(
                f"{name}, {way}, lists",
                partial(refit_with_lists, name, full, choice.settings, genres(full)),
            )
            per_user[name] = unpack([done["report"]])
            results[way][name] = (
                rounded(per_user[name].as_dict())
                | {"interval": intervals(per_user[name]), "chosen": described(choice)}
                | {"lists": rounded(done["lists"])}
            )
        results[way]["EASE against popularity"] = comparison(
            per_user["EASE"], per_user["Popularity"]
        )
        results[way]["softmax LightGCN against EASE"] = comparison(
            per_user[CHAMPION], per_user["EASE"]
        )
    return results


def refit_with_lists(
    name: str, full: Split, settings: Settings, features: Tensor
) -> dict[str, Any]:
    """One model refitted: how right its lists are, and what they are like."""
    model, _ = FAMILIES[name].fit(full, settings, 0)
    users = torch.nonzero(full.test.user_degree * full.train.user_degree).flatten()
    assert isinstance(model, BaseRecommender)
    lists = model.recommend(users, 20, exclude=full.train)
    return {
        "report": pack(on_test(model, full)),
        "lists": {
            "coverage": coverage(lists, full.train.num_items),
            "novelty": novelty(lists, full.train).mean().item(),
            "diversity": diversity(lists, features).mean().item(),
            "calibration": calibration(lists, users, full.train, features).mean().item(),
            "popularity_lift": popularity_lift(lists, users, full.train).mean().item(),
        },
    }


def genres(split: Split) -> Tensor:
    """The films' genres as zeros and ones, a row for each position of the split."""
    items = load_movielens_100k().items.set_index("item_id").loc[split.item_ids]
    return torch.from_numpy(items["genres"].str.get_dummies(" ").to_numpy())
