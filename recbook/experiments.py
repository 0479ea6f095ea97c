"""Make the ledger: ``python -m recbook.experiments NAME ...``, or ``make results`` for all of it.

Each experiment is a function that returns the results of its entry. What is chosen is chosen on
``split.val``; the one exception, the original post's rule, is called ``peeking``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from recbook.data import Split, load_movielens_100k, random_split, to_implicit
from recbook.evaluation import RankingReport, Recommender, evaluate
from recbook.ledger import read_entry, write_entry
from recbook.models import (
    NGCF,
    EmbeddingModel,
    LightGCN,
    MatrixFactorization,
    Popularity,
    PureSVD,
)
from recbook.training import train

__all__ = ["EXPERIMENTS", "main"]

SEEDS = [0, 1, 2, 3, 4]
MODELS: dict[str, Callable[[int, int], EmbeddingModel]] = {
    "MF-BPR": MatrixFactorization,
    "NGCF": partial(NGCF, bias=True),  # as the post has it
    "LightGCN": LightGCN,
}
MEASURES = ["recall", "precision", "ndcg", "hit_rate"]


def baselines() -> dict[str, Any]:
    """What needs no training: random, popularity, PureSVD, and the ceilings, on the test part."""
    liked = to_implicit(load_movielens_100k().ratings)
    chosen_on, split = random_split(liked, val_size=0.1), original_split()
    assert chosen_on.val is not None
    tried = {}
    for size in (4, 8, 12, 16, 24, 32, 48, 64):
        svd = PureSVD(size).fit(chosen_on.train)
        tried[size] = evaluate(svd, chosen_on.train, chosen_on.val).recall
    size = max(tried, key=lambda size: tried[size])
    popularity = on_test(Popularity().fit(split.train), split)
    random = [on_test(RandomScores(split.train.num_items, seed), split).as_dict() for seed in SEEDS]
    ceilings = {"recall": popularity.recall_ceiling, "precision": popularity.precision_ceiling}
    return {
        "Random": summary(random),
        "Popularity": rounded(popularity.as_dict()),
        "PureSVD": rounded(on_test(PureSVD(size).fit(split.train), split).as_dict())
        | {"chosen": {"embedding_dim": size, "validation_recall": round(tried[size], 4)}},
        "ceiling": rounded(ceilings),
    }


def original() -> dict[str, Any]:
    """The original post's protocol: 50 epochs, the best of them on the test set, five seeds."""
    full = original_split()
    peeking = Split(train=full.train, val=full.test, test=full.test)
    results: dict[str, Any] = {}
    for name, model in MODELS.items():
        frames = []
        for seed in tqdm(SEEDS, desc=name, leave=False):
            fresh = model(full.train.num_users, full.train.num_items)
            frames.append(train(fresh, peeking, epochs=50, seed=seed).frame)
        results[name] = {
            "best_epoch_on_test": summary([frame[MEASURES].max() for frame in frames]),
            "last_epoch": summary([frame[MEASURES].iloc[-1] for frame in frames]),
            "by_epoch": [
                {key: frame[key].round(4).tolist() for key in ("loss", "recall", "precision")}
                for frame in frames
            ],
        }
    for rule in ("best_epoch_on_test", "last_epoch"):
        ours, theirs = (results[name][rule]["mean"] for name in ("LightGCN", "NGCF"))
        gain = {key: 100 * (ours[key] / theirs[key] - 1) for key in ("recall", "precision")}
        results[f"gain_in_percent_{rule}"] = rounded(gain)
    return results


def validated() -> dict[str, Any]:
    """The same models, penalty and number of epochs chosen on validation, refitted, five seeds."""
    liked = to_implicit(load_movielens_100k().ratings)
    split, full = random_split(liked, val_size=0.1), original_split()
    penalties = {
        "MF-BPR": [1e-3, 1e-2, 2e-2, 5e-2],
        "NGCF": [1e-4, 1e-3, 1e-2],
        "LightGCN": [1e-4, 1e-3, 1e-2],
    }
    results: dict[str, Any] = {}
    for name, model in MODELS.items():
        tried = []
        for reg in tqdm(penalties[name], desc=f"{name}, penalty", leave=False):
            fresh = model(split.train.num_users, split.train.num_items)
            history = train(fresh, split, epochs=100, reg=reg, patience=8)
            tried.append((history.frame["recall"].max(), reg, history.best_epoch))
        recall, reg, epochs = max(tried)
        reports = []
        for seed in tqdm(SEEDS, desc=f"{name}, refit", leave=False):
            fresh = model(full.train.num_users, full.train.num_items)
            train(fresh, full, epochs=epochs or 1, reg=reg, seed=seed)
            reports.append(on_test(fresh, full).as_dict())
        results[name] = summary(reports) | {
            "chosen": {"reg": reg, "epochs": epochs, "validation_recall": round(recall, 4)}
        }
    mean = {name: pd.Series(results[name]["mean"]) for name in MODELS}
    for name in ("MF-BPR", "NGCF"):
        results[f"LightGCN minus {name}"] = rounded(dict(mean["LightGCN"] - mean[name]))
    return results


def splits() -> dict[str, Any]:
    """How far LightGCN's figures move with the split: the validated settings, five split seeds."""
    chosen = read_entry("validated")["results"]["LightGCN"]["chosen"]
    liked = to_implicit(load_movielens_100k().ratings)
    reports = []
    for seed in tqdm(SEEDS, desc="splits", leave=False):
        split = random_split(liked, seed=seed)
        model = LightGCN(split.train.num_users, split.train.num_items)
        train(model, split, epochs=chosen["epochs"], reg=chosen["reg"])
        reports.append(on_test(model, split).as_dict())
    return {"LightGCN": summary(reports)}


EXPERIMENTS = {
    "baselines": baselines,
    "original": original,
    "validated": validated,
    "splits": splits,  # with what validated chose
}


class RandomScores:
    """Scores that know nothing."""

    def __init__(self, num_items: int, seed: int) -> None:
        self.num_items, self.generator = num_items, torch.Generator().manual_seed(seed)

    def score(self, users: Tensor) -> Tensor:
        """Uniform numbers, shape ``(len(users), num_items)``."""
        return torch.rand(len(users), self.num_items, generator=self.generator)


def original_split() -> Split:
    """The original post's split."""
    return random_split(to_implicit(load_movielens_100k().ratings))


def on_test(recommender: Recommender, split: Split) -> RankingReport:
    """Measure on the test part."""
    return evaluate(recommender, seen=split.train, target=split.test)


def summary(runs: list[dict[str, float]] | list[pd.Series]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over runs that differ in their seed."""
    frame = pd.DataFrame(runs).reset_index(drop=True)
    return {"mean": rounded(dict(frame.mean())), "sd": rounded(dict(frame.std()))}


def rounded(values: Mapping[Any, float]) -> dict[str, float]:
    """To four digits: what stands behind them differs between machines."""
    return {name: round(float(value), 4) for name, value in values.items()}


def main() -> None:
    """Run the named experiments, or all, and write their entries."""
    parser = argparse.ArgumentParser(prog="python -m recbook.experiments")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; none means all")
    names = parser.parse_args().name or list(EXPERIMENTS)
    if unknown := set(names) - set(EXPERIMENTS):
        parser.error(f"got {', '.join(sorted(unknown))}, expected some of {', '.join(EXPERIMENTS)}")
    for name in tqdm(names, desc="experiments"):
        command = f"python -m recbook.experiments {name}"
        write_entry(name, command, original_split(), SEEDS, EXPERIMENTS[name]())


if __name__ == "__main__":
    main()
