"""Does the winner change when the future is hidden, and what are the models' lists like?

Random interactions are hidden, each user's last ones, or all that came after one moment.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from experiments.choosing import evaluate_on_test
from experiments.plan import SOFTMAX, Plan
from experiments.runs import Runs
from experiments.summaries import (
    choice_to_json,
    differences_over_users,
    intervals_over_users,
    report_from_json,
    report_to_json,
    rounded,
)
from recbook.beyond_accuracy import calibration, coverage, diversity, novelty, popularity_lift
from recbook.data import Split, global_time_split, per_user_time_split, random_split
from recbook.models import BaseRecommender
from recbook.tuning import Choice, Family, tune

WAYS: dict[str, Callable[..., Split]] = {
    "random": random_split,
    "per user": per_user_time_split,
    "global": global_time_split,
}
MODELS = ["Popularity", "ItemKNN", "PureSVD", "EASE", "GF-CF", "iALS", "LightGCN", SOFTMAX]


def over_time(runs: Runs, plan: Plan) -> dict[str, Any]:
    """Three ways to split, models chosen on each way's own validation part, and their lists.

    Then the global split once more, by the rule of the book's first edition: see
    :func:`keep_unknown`. The test part is the same, what was chosen is not.
    """
    splits = {way: (make(plan.liked, val_size=0.1), make(plan.liked)) for way, make in WAYS.items()}
    split, full = splits["global"]
    kept = {"global, unknown kept": (keep_unknown(split, full), full)}
    done = choose_on_each(runs, plan, splits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the unknown users' constant scores
        done |= choose_on_each(runs, plan, kept)
    splits |= kept
    return {
        way: {"counts": counts(*parts)} | listed({n: done[f"{n}, {way}"] for n in MODELS})
        for way, parts in splits.items()
    }


def choose_on_each(
    runs: Runs, plan: Plan, splits: Mapping[str, tuple[Split, Split]]
) -> dict[str, dict[str, Any]]:
    """All models chosen and refitted on each way's splits; what takes longest comes first."""
    features = {way: genres(full, plan) for way, (_, full) in splits.items()}
    return runs.all(
        {
            f"{name}, {way}": partial(choose_and_refit, plan.family(name), *parts, features[way])
            for name in reversed(MODELS)
            for way, parts in splits.items()
        }
    )


def listed(done: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Figures and lists of all models on one split."""
    results, reports = {}, {}
    for name, one in done.items():
        reports[name] = report = report_from_json(one["report"])
        results[name] = rounded(report.as_dict()) | {
            "interval": intervals_over_users(report),
            "chosen": choice_to_json(Choice(**one["choice"])),
            "lists": rounded(one["lists"]),
        }
    ease, popularity, softmax = (reports[name] for name in ("EASE", "Popularity", SOFTMAX))
    results["EASE against popularity"] = differences_over_users(ease, popularity)
    results["softmax LightGCN against EASE"] = differences_over_users(softmax, ease)
    return results


def counts(split: Split, full: Split) -> dict[str, int]:
    """What is in the parts, and what was left out of them."""
    val_users = split.val.user_degree > 0
    return {
        "train": len(full.train),
        "test": len(full.test),
        "dropped": full.num_dropped["test"],
        "users": full.train.num_users,
        "items": full.train.num_items,
        "test users": int((full.test.user_degree > 0).sum()),
        "validation": len(split.val),
        "validation dropped": split.num_dropped["val"],
        "validation users": int(val_users.sum()),
        "validation users without train rows": int(
            (val_users & (split.train.user_degree == 0)).sum()
        ),
    }


def choose_and_refit(family: Family, split: Split, full: Split, features: Tensor) -> dict[str, Any]:
    """One model chosen and refitted: how right its lists are, and what they are like."""
    choice = tune(family, split)
    model, _ = family.fit(full, choice.settings, 0)
    users = torch.nonzero(full.test.user_degree * full.train.user_degree).flatten()
    assert isinstance(model, BaseRecommender)
    lists = model.recommend(users, 20, exclude=full.train)
    return {
        "choice": asdict(choice),
        "report": report_to_json(evaluate_on_test(model, full)),
        "lists": {
            "coverage": coverage(lists, full.train.num_items),
            "novelty": novelty(lists, full.train).mean().item(),
            "diversity": diversity(lists, features).mean().item(),
            "calibration": calibration(lists, users, full.train, features).mean().item(),
            "popularity_lift": popularity_lift(lists, users, full.train).mean().item(),
        },
    }


def genres(split: Split, plan: Plan) -> Tensor:
    """The films' genres as zeros and ones, a row for each position of the split."""
    items = plan.load_movielens().items.set_index("item_id").loc[split.item_ids]
    return torch.tensor(items["genres"].str.get_dummies(" ").to_numpy())


def keep_unknown(split: Split, full: Split) -> Split:
    """The split with all its validation rows, those of users or items without a train row too.

    That is the rule of the book's first edition: validation kept what test dropped.
    """
    whole, train = (part.user * part.num_items + part.item for part in (full.train, split.train))
    rest = ~torch.isin(whole, train)
    val = replace(full.train, user=full.train.user[rest], item=full.train.item[rest])
    return replace(split, val=val, num_dropped=split.num_dropped | {"val": 0})
