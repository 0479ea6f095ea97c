"""Make the ledger: ``python -m recbook.experiments NAME ...``, or ``make results`` for all of it.

Each experiment is a function that returns the results of its entry; what takes long goes through
:class:`Runs`, so that an experiment that was stopped goes on where it was. What is chosen is chosen
on a validation part; the one exception, the original post's rule, is called ``peeking``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from platformdirs import user_cache_path
from torch import Tensor
from tqdm.auto import tqdm

from recbook.data import (
    Interactions,
    Split,
    global_time_split,
    load_gowalla,
    load_movielens_100k,
    per_user_time_split,
    random_split,
    to_implicit,
)
from recbook.evaluation import (
    RankingReport,
    Recommender,
    calibration,
    coverage,
    diversity,
    evaluate,
    novelty,
    popularity_lift,
)
from recbook.gowalla import company, hide, hide_alike, layers, of_users
from recbook.ledger import disagreements, read_entry, write_entry
from recbook.models import (
    GFCF,
    NGCF,
    EmbeddingModel,
    LightGCN,
    MatrixFactorization,
    Popularity,
    PureSVD,
)
from recbook.models.base import BaseRecommender
from recbook.stats import bootstrap_interval, compare, t_interval
from recbook.training import train
from recbook.tuning import (
    FAMILIES,
    Choice,
    Family,
    Settings,
    closed_form,
    grid,
    hide_test,
    tune,
)

__all__ = ["EXPERIMENTS", "Runs", "main"]

SEEDS = [0, 1, 2, 3, 4]
TRAINED: dict[str, Callable[[int, int], EmbeddingModel]] = {
    "MF-BPR": MatrixFactorization,
    "NGCF": partial(NGCF, bias=True),  # as the post has it
    "LightGCN": LightGCN,
}
MEASURES = ["recall", "precision", "ndcg", "hit_rate"]


class Runs:
    """Remembers what has been computed, so that an experiment that was stopped goes on.

    One line of JSON a run, in a file that begins with a digest of the package's source: after a
    change of the code everything is computed anew. The file goes once the entry is written.

    Args:
        path: the file.
        quiet: show no progress bar.
    """

    def __init__(self, path: Path, quiet: bool = False) -> None:
        source = b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.rglob("*.py")))
        digest = hashlib.sha256(source).hexdigest()
        self.path, self.done = path, dict[str, Any]()
        self.folder = path.with_suffix("") / digest[:12]  # for checkpoints of single runs
        lines = path.read_text().splitlines() if path.is_file() else []
        if not lines or lines[0] != digest:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(digest + "\n")
        for line in lines[1:] if lines and lines[0] == digest else []:
            try:
                self.done |= json.loads(line)
            except ValueError:  # half a line: stopped while it was written
                path.write_text(digest + "\n")
                for key, value in self.done.items():
                    self._append(key, value)
        self.bar = tqdm(desc=path.stem, unit=" runs", leave=False, disable=quiet)

    def __call__(self, key: str, compute: Callable[[], Any]) -> Any:
        """The result of ``compute``, remembered under ``key``; something that JSON can hold."""
        self.bar.set_postfix_str(key)
        if key not in self.done:
            start = time.perf_counter()
            self._append(key, compute())
            self._append(f"{key} | seconds", round(time.perf_counter() - start, 2))
        self.bar.update()
        return self.done[key]

    def _append(self, key: str, value: Any) -> None:
        line = json.dumps({key: value})
        with self.path.open("a") as file:
            file.write(line + "\n")
        self.done |= json.loads(line)  # as it will be read again


def baselines(runs: Runs) -> dict[str, Any]:
    """What needs no training: random, popularity, PureSVD, and the ceilings, on the test part."""
    chosen_on, full = random_split(liked(), val_size=0.1), random_split(liked())
    assert chosen_on.val is not None
    tried = {}
    for size in (4, 8, 12, 16, 24, 32, 48, 64):
        svd = PureSVD(size).fit(chosen_on.train)
        tried[size] = evaluate(svd, chosen_on.train, chosen_on.val).recall
    size = max(tried, key=lambda size: tried[size])
    popularity = on_test(Popularity().fit(full.train), full)
    random = [on_test(RandomScores(full.train, seed), full) for seed in SEEDS]
    ceilings = {"recall": popularity.recall_ceiling, "precision": popularity.precision_ceiling}
    return {
        "Random": summary(random),
        "Popularity": rounded(popularity.as_dict()),
        "PureSVD": rounded(on_test(PureSVD(size).fit(full.train), full).as_dict())
        | {"chosen": {"embedding_dim": size, "validation_recall": round(tried[size], 4)}},
        "ceiling": rounded(ceilings),
    }


def original(runs: Runs) -> dict[str, Any]:
    """The original post's protocol: 50 epochs, the best of them on the test set, five seeds.

    ``seen_times_zero`` measures the same models, restored to the best epoch, with the seen items'
    scores multiplied by 0, as the post did, in place of minus infinity.
    """
    full = random_split(liked())
    peeking = Split(train=full.train, val=full.test, test=full.test)

    def run(model: Callable[[int, int], EmbeddingModel], seed: int) -> dict[str, Any]:
        fresh = model(full.train.num_users, full.train.num_items)
        frame = train(fresh, peeking, epochs=50, patience=50, seed=seed).frame
        return {
            "frame": frame[["loss", *MEASURES]].to_dict("list"),
            "restored": evaluate(fresh, full.train, full.test).as_dict(),
            "times_zero": evaluate(SeenTimesZero(fresh, full.train), None, full.test).as_dict(),
        }

    results: dict[str, Any] = {}
    for name, model in TRAINED.items():
        done = [runs(f"{name}, seed {seed}", partial(run, model, seed)) for seed in SEEDS]
        frames = [pd.DataFrame(one["frame"]) for one in done]
        results[name] = {
            "best_epoch_on_test": mean_sd([frame[MEASURES].max() for frame in frames]),
            "last_epoch": mean_sd([frame[MEASURES].iloc[-1] for frame in frames]),
            "epoch_of_best_recall": mean_sd([one["restored"] for one in done]),
            "seen_times_zero": mean_sd([one["times_zero"] for one in done]),
            "by_epoch": [
                {key: frame[key].round(4).tolist() for key in ("loss", "recall", "precision")}
                for frame in frames
            ],
        }
    for rule in ("best_epoch_on_test", "last_epoch", "epoch_of_best_recall", "seen_times_zero"):
        ours, theirs = (results[name][rule]["mean"] for name in ("LightGCN", "NGCF"))
        gain = {key: 100 * (ours[key] / theirs[key] - 1) for key in ("recall", "precision")}
        results[f"gain_in_percent_{rule}"] = rounded(gain)
    return results


def validated(runs: Runs) -> dict[str, Any]:
    """The same models, penalty and number of epochs chosen on validation, refitted, five seeds."""
    split, full = random_split(liked(), val_size=0.1), random_split(liked())
    penalties = {
        "MF-BPR": [1e-3, 1e-2, 2e-2, 5e-2],
        "NGCF": [1e-4, 1e-3, 1e-2],
        "LightGCN": [1e-4, 1e-3, 1e-2],
    }

    def attempt(model: Callable[[int, int], EmbeddingModel], reg: float) -> tuple[float, int]:
        fresh = model(split.train.num_users, split.train.num_items)
        history = train(fresh, split, epochs=100, reg=reg, patience=8)
        return history.frame["recall"].max(), history.best_epoch or 1

    def refit(
        model: Callable[[int, int], EmbeddingModel], reg: float, epochs: int, seed: int
    ) -> dict[str, Any]:
        fresh = model(full.train.num_users, full.train.num_items)
        train(fresh, full, epochs=epochs, reg=reg, seed=seed)
        return pack(on_test(fresh, full))

    results: dict[str, Any] = {}
    for name, model in TRAINED.items():
        tried = []
        for reg in penalties[name]:
            recall, epochs = runs(f"{name}, penalty {reg}", partial(attempt, model, reg))
            tried.append((recall, reg, epochs))
        recall, reg, epochs = max(tried)
        done = [
            runs(f"{name}, refit, seed {seed}", partial(refit, model, reg, epochs, seed))
            for seed in SEEDS
        ]
        results[name] = summary([unpack([one]) for one in done]) | {
            "chosen": {"reg": reg, "epochs": epochs, "validation_recall": round(recall, 4)}
        }
    for name in ("MF-BPR", "NGCF"):
        ours, theirs = (pd.Series(results[n]["mean"]) for n in ("LightGCN", name))
        results[f"LightGCN minus {name}"] = rounded(dict(ours - theirs))
    return results


def audit(runs: Runs) -> dict[str, Any]:
    """The original's flaws mended one at a time: epoch, then settings, then five split seeds."""
    full, split = random_split(liked()), random_split(liked(), val_size=0.1)
    results: dict[str, Any] = {"epoch_validated": {}, "tuned": {}, "splits": {}}
    per_user: dict[str, RankingReport] = {}
    for name in TRAINED:
        untuned = FAMILIES[name].fit

        def choose_epoch(fit: Any = untuned) -> dict[str, Any]:
            model, settings = fit(hide_test(split), {"reg": 1e-4, "lr": 0.005}, 0)
            recall = evaluate(model, split.train, split.val or split.test).recall
            return {"settings": settings, "recall": recall}

        chosen = runs(f"{name}, epoch", choose_epoch)
        report = refits(runs, name, "epoch", full, chosen["settings"], SEEDS)
        results["epoch_validated"][name] = summary(report) | {"chosen": chosen["settings"]}
    simple = ["Popularity", "PureSVD"]
    for name in [*simple, *TRAINED]:
        choice = chosen_on(runs, name, "seed 16", split)
        seeds = SEEDS if FAMILIES[name].seeded else [0]
        reports = refits(runs, name, "tuned", full, choice.settings, seeds)
        per_user[name] = average(reports)
        results["tuned"][name] = with_interval(reports) | {"chosen": described(choice)}
        results["splits"][name] = over_splits(runs, name, [choice] * len(SEEDS))
    random = [on_test(RandomScores(full.train, seed), full) for seed in SEEDS]
    results["tuned"]["Random"] = with_interval(random)
    others = [name for name in per_user if name not in ("LightGCN", "Popularity")]
    results["LightGCN against"] = {
        other: comparison(per_user["LightGCN"], per_user[other]) for other in others
    }
    results["LightGCN against, over splits"] = {
        other: split_differences(results["splits"], "LightGCN", other) for other in others
    }
    for rule in ("epoch_validated", "tuned", "splits"):
        ours, theirs = (results[rule][name]["mean"] for name in ("LightGCN", "NGCF"))
        gain = {key: 100 * (ours[key] / theirs[key] - 1) for key in ("recall", "precision")}
        results[f"gain_in_percent_{rule}"] = rounded(gain)
    return results


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


CHAMPION, ANYWHERE = "LightGCN, softmax", "LightGCN, softmax, random start"


def champion(runs: Runs) -> dict[str, Any]:
    """LightGCN with a softmax against EASE and iALS, each chosen on each split's validation part.

    Then what goes further: the mean of five seeds that start at random, and that mean blended with
    EASE, the weight chosen on validation too.
    """
    split, full = random_split(liked(), val_size=0.1), random_split(liked())
    results: dict[str, Any] = {"original split": {}, "splits": {}}
    per_user = {}
    for name in ("EASE", "iALS", CHAMPION, ANYWHERE):
        choice = chosen_on(runs, name, "seed 16", split)
        seeds = SEEDS if FAMILIES[name].seeded else [0]
        reports = refits(runs, name, "seed 16", full, choice.settings, seeds)
        per_user[name] = average(reports)
        results["original split"][name] = with_interval(reports) | {"chosen": described(choice)}
        results["splits"][name] = over_splits(runs, name, own_choices(runs, name))
    for other in ("EASE", "iALS"):
        results["original split"][f"{CHAMPION} against {other}"] = comparison(
            per_user[CHAMPION], per_user[other]
        )
    blends = [runs(f"blend, split {seed}", partial(blend, runs, seed)) for seed in SEEDS]
    for name in ("mean of five seeds", "blend with EASE"):
        reports = [unpack([one[name]]) for one in blends]
        results["splits"][name] = split_summary(reports)
    results["splits"]["blend with EASE"]["weights"] = [one["weight"] for one in blends]
    results["over splits"] = {
        f"{first} minus {second}": split_differences(results["splits"], first, second)
        for first, second in [
            (CHAMPION, "EASE"),
            (CHAMPION, "iALS"),
            (CHAMPION, ANYWHERE),
            ("mean of five seeds", CHAMPION),
            ("blend with EASE", CHAMPION),
            ("blend with EASE", "EASE"),
            ("blend with EASE", "iALS"),
        ]
    }
    return results


def blend(runs: Runs, seed: int) -> dict[str, Any]:
    """Five random starts of the softmax LightGCN averaged, alone and with EASE, on one split."""
    chosen = {name: choice_on_seed(runs, name, seed) for name in (ANYWHERE, "EASE")}

    def members(part: Split) -> tuple[list[Recommender], Recommender]:
        fit = FAMILIES[ANYWHERE].fit
        five = [fit(part, chosen[ANYWHERE].settings, s)[0] for s in SEEDS]
        return five, FAMILIES["EASE"].fit(part, chosen["EASE"].settings, 0)[0]

    blind = hide_test(random_split(liked(), val_size=0.1, seed=seed))
    # trained as often as it will be, not stopped by the part that the weight is chosen on
    five, ease = members(Split(blind.train, blind.test))
    weights = [0.0, 0.25, 0.5, 0.75, 1.0]
    tried = {w: evaluate(Blend(five, ease, w), blind.train, blind.test).recall for w in weights}
    weight = max(tried, key=lambda w: tried[w])
    full = random_split(liked(), seed=seed)
    five, ease = members(full)
    return {
        "weight": weight,
        "mean of five seeds": pack(on_test(Blend(five, ease, 0.0), full)),
        "blend with EASE": pack(on_test(Blend(five, ease, weight), full)),
    }


NORMALISATIONS = {  # exponents of the degrees: of who receives, of who sends
    "symmetric": (0.5, 0.5),
    "left, L1": (1.0, 0.0),
    "right, L1": (0.0, 1.0),
    "left": (0.5, 0.0),
    "right": (0.0, 0.5),
}


DEFAULTS = {"num_layers": 3, "embedding_dim": 64, "exponents": (0.5, 0.5), "cosine": False}


def needle(runs: Runs) -> dict[str, Any]:
    """LightGCN, one change at a time, five seeds, measured on the validation part alone."""
    split = hide_test(random_split(liked(), val_size=0.1))
    bpr: Settings = {"reg": 1e-3, "lr": 0.01}
    soft: Settings = {"loss": "softmax", "lr": 0.03, "reg": 0.1, "temperature": 0.25}
    changes: dict[str, dict[str, tuple[dict[str, Any], Settings]]] = {
        "layers": {str(k): ({"num_layers": k}, bpr) for k in (0, 1, 2, 3, 4, 6)},
        "embedding size": {str(d): ({"embedding_dim": d}, bpr) for d in (8, 16, 32, 64, 128)},
        "penalty": {f"{reg:g}": ({}, bpr | {"reg": reg}) for reg in (0, 1e-4, 1e-3, 1e-2)},
        "normalisation": {
            name: ({"exponents": exponents}, bpr) for name, exponents in NORMALISATIONS.items()
        },
        "negatives": {str(n): ({}, bpr | {"num_negatives": n}) for n in (1, 4, 16)},
        "hardest of": {
            str(n): ({}, bpr | {"loss": "hard_bpr", "num_negatives": n}) for n in (2, 4, 16)
        },
        "loss": {
            "BPR, dot": ({}, bpr),
            "BPR, cosine": ({"cosine": True}, bpr | {"reg": 0}),
            "softmax, dot": ({}, soft | {"temperature": 1.0}),
            "softmax, cosine": ({"cosine": True}, soft),
        },
        "temperature": {
            f"{t:g}": ({"cosine": True}, soft | {"temperature": t})
            for t in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
        },
        "layers, softmax": {
            str(k): ({"num_layers": k, "cosine": True}, soft) for k in (0, 1, 2, 3, 4, 6)
        },
        "embedding size, softmax": {
            str(d): ({"embedding_dim": d, "cosine": True}, soft) for d in (8, 16, 32, 64, 128, 256)
        },
    }

    def run(own: dict[str, Any], more: Settings, seed: int) -> dict[str, float]:
        kind = partial(PowerNorm, split.train) if "exponents" in own else LightGCN
        model = kind(split.train.num_users, split.train.num_items, **own)
        patience = 15 if more.get("loss") == "softmax" else 6
        history = train(model, split, epochs=150, patience=patience, seed=seed, **more)
        epochs = history.best_epoch or 1
        best = history.frame.iloc[epochs - 1]
        return {"epochs": epochs} | {key: float(best[key]) for key in MEASURES}

    results: dict[str, Any] = {}
    for what, values in changes.items():
        results[what] = {}
        for value, (own, more) in values.items():
            changed = {k: v for k, v in own.items() if v != DEFAULTS[k]}
            key = json.dumps([changed, more])
            done = [
                runs(f"{key}, seed {seed}", partial(run, changed, more, seed)) for seed in SEEDS
            ]
            frame = pd.DataFrame(done)
            low, high = t_interval(frame["recall"].to_numpy())
            results[what][value] = mean_sd(done, MEASURES) | {
                "interval": rounded({"low": low, "high": high}),
                "epochs": frame["epochs"].mean(),
            }
    return results


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
                "dropped": full.num_dropped,
                "users": full.train.num_users,
                "items": full.train.num_items,
                "test users": int((full.test.user_degree > 0).sum()),
            }
        }
        per_user = {}
        for name in names:
            choice = chosen_on(runs, name, way, split)
            done = runs(
                f"{name}, {way}, lists", partial(listed, name, full, choice.settings, genres(full))
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


def listed(name: str, full: Split, settings: Settings, features: Tensor) -> dict[str, Any]:
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


def gowalla(runs: Runs) -> dict[str, Any]:
    """The papers' benchmark on its own split: softmax LightGCN with 0 to 4 layers, and GF-CF.

    Epochs, and GF-CF's alpha, are chosen on a fifth of the train interactions of each user, which
    stands in for a validation part that the published split does not have; then each model is
    fitted on all of train, and the test part is opened once.
    """
    full = load_gowalla()
    part = hide_alike(full.train)
    uniform = torch.rand(len(full.train), generator=torch.Generator().manual_seed(0)) < 0.2
    draws = {"published": full, "uniform": hide(full.train, uniform), "alike": part}
    families = {
        "Popularity": FAMILIES["Popularity"],
        "GF-CF": Family(closed_form(GFCF), grid(num_frequencies=[256], alpha=[0.1, 0.3, 1.0])),
        "MF, softmax": layers(0, runs.folder / "0 layers"),
    }
    for number in (1, 2, 3, 4):
        name = f"LightGCN, softmax, {number} layer{'s' * (number > 1)}"
        families[name] = layers(number, runs.folder / f"{number} layers")

    def refit(family: Family, settings: Settings) -> dict[str, Any]:
        start = time.perf_counter()
        model = family.fit(full, settings, 0)[0]
        fitted = time.perf_counter()
        report = pack(on_test(model, full))
        return report | {"fit": fitted - start, "evaluate": time.perf_counter() - fitted}

    some = torch.randperm(part.train.num_users, generator=torch.Generator().manual_seed(0))[:5000]
    val = of_users(part.test, some)
    asked = Split(part.train, test=val, val=val)
    rows = {}
    for name, family in families.items():
        choice = chosen_by(runs, name, family, "hidden", asked)
        done = runs(f"{name}, refit", partial(refit, family, choice.settings))
        rows[name] = rounded(unpack([done]).as_dict()) | {
            "interval": intervals(unpack([done])),
            "chosen": described(choice),
            "seconds": {what: round(done[what], 1) for what in ("fit", "evaluate")},
        }
    return {"split": {name: rounded(company(split)) for name, split in draws.items()}, "rows": rows}


EXPERIMENTS: dict[str, Callable[[Runs], dict[str, Any]]] = {
    "baselines": baselines,
    "original": original,
    "validated": validated,
    "audit": audit,
    "simple": simple,
    "needle": needle,
    "champion": champion,
    "over_time": over_time,
    "gowalla": gowalla,
}


class RandomScores:
    """Scores that know nothing."""

    def __init__(self, train: Interactions, seed: int) -> None:
        self.num_items, self.generator = train.num_items, torch.Generator().manual_seed(seed)

    def score(self, users: Tensor) -> Tensor:
        """Uniform numbers, shape ``(len(users), num_items)``."""
        return torch.rand(len(users), self.num_items, generator=self.generator)


class SeenTimesZero:
    """The original post's mask: the seen items' scores are multiplied by 0."""

    def __init__(self, model: Recommender, seen: Interactions) -> None:
        self.model, self.seen = model, seen

    def score(self, users: Tensor) -> Tensor:
        """Scores, 0 for what the user has seen, shape ``(len(users), num_items)``."""
        return self.model.score(users).masked_fill(self.seen.dense_rows(users), 0)


class Blend:
    """The mean score of some models, and a share of another's; both standardised for each user."""

    def __init__(self, models: Sequence[Recommender], other: Recommender, weight: float) -> None:
        self.models, self.other, self.weight = models, other, weight

    def score(self, users: Tensor) -> Tensor:
        """Weighted sum of standard scores, shape ``(len(users), num_items)``."""
        mean = torch.stack([model.score(users) for model in self.models]).mean(0)
        ours, theirs = (
            (score - score.mean(1, keepdim=True)) / score.std(1, keepdim=True)
            for score in (mean.double(), self.other.score(users).double())
        )
        return (1 - self.weight) * ours + self.weight * theirs


class PowerNorm(LightGCN):
    r"""LightGCN with edges that weigh :math:`d_i^{-a} d_j^{-b}`, node ``i`` hearing from ``j``.

    Written around the symmetric product: :math:`D^{1/2-a} \tilde{A} D^{1/2-b}`.
    """

    def __init__(
        self,
        train: Interactions,
        num_users: int,
        num_items: int,
        exponents: tuple[float, float],
    ) -> None:
        super().__init__(num_users, num_items)
        degree = torch.cat([train.user_degree, train.item_degree]).clamp(min=1).float()
        receives, sends = exponents
        self.after = degree.pow(0.5 - receives)[:, None]
        self.before = degree.pow(0.5 - sends)[:, None]

    def forward(self, graph: Tensor) -> tuple[Tensor, Tensor]:
        """Final embeddings of all users and items."""
        x = total = self.embedding.weight
        for _ in range(self.num_layers):
            x = self.after * self.conv(self.before * x, graph)
            total = total + x
        return self.split_nodes(total / (self.num_layers + 1))


def liked() -> pd.DataFrame:
    """The interactions of the whole book: ratings of three stars or more."""
    return to_implicit(load_movielens_100k().ratings)


def on_test(recommender: Recommender, split: Split) -> RankingReport:
    """Measure on the test part."""
    return evaluate(recommender, seen=split.train, target=split.test)


def chosen_on(runs: Runs, name: str, where: str, split: Split) -> Choice:
    """What :func:`recbook.tuning.tune` chooses, remembered."""
    return chosen_by(runs, name, FAMILIES[name], where, split)


def chosen_by(runs: Runs, name: str, family: Family, where: str, split: Split) -> Choice:
    """The same for a family that is not in ``FAMILIES``."""
    return Choice(**runs(f"{name}, tune, {where}", lambda: asdict(tune(family, split))))


def choice_on_seed(runs: Runs, name: str, seed: int) -> Choice:
    """The same on the random split of one seed."""
    return chosen_on(runs, name, f"seed {seed}", random_split(liked(), val_size=0.1, seed=seed))


def refits(
    runs: Runs, name: str, what: str, full: Split, settings: Settings, seeds: Sequence[int]
) -> list[RankingReport]:
    """Fit on all that is not test with settings that are chosen, and measure, once a seed."""

    def refit(seed: int) -> dict[str, Any]:
        return pack(on_test(FAMILIES[name].fit(full, settings, seed)[0], full))

    return [
        unpack([runs(f"{name}, {what}, refit, seed {seed}", partial(refit, seed))])
        for seed in seeds
    ]


def own_choices(runs: Runs, name: str) -> list[Choice]:
    """What is chosen on each of the five random splits, by its own validation part."""
    return [choice_on_seed(runs, name, seed) for seed in SEEDS]


def over_splits(runs: Runs, name: str, choices: Sequence[Choice]) -> dict[str, Any]:
    """Refitted and measured on the random splits of five seeds."""
    reports = []
    for seed, choice in zip(SEEDS, choices, strict=True):
        full = random_split(liked(), seed=seed)
        reports += refits(runs, name, f"split {seed}", full, choice.settings, [0])
    return split_summary(reports)


def split_summary(reports: Sequence[RankingReport]) -> dict[str, Any]:
    """Mean, deviation, and each split's figures."""
    by_split = [rounded(report.as_dict()) for report in reports]
    return summary(reports) | {"by_split": by_split}


def split_differences(splits: Mapping[str, Any], first: str, second: str) -> dict[str, Any]:
    """A difference on each split, with Student's interval of its mean."""
    result = {}
    for measure in ("recall", "ndcg"):
        both = zip(splits[first]["by_split"], splits[second]["by_split"], strict=True)
        gains = [ours[measure] - theirs[measure] for ours, theirs in both]
        low, high = t_interval(gains)
        result[measure] = rounded({"mean": sum(gains) / len(gains), "low": low, "high": high}) | {
            "by_split": [round(gain, 4) for gain in gains]
        }
    return result


def comparison(first: RankingReport, second: RankingReport) -> dict[str, Any]:
    """Paired over users, recall and NDCG."""
    measures = ("recall", "ndcg")
    return {m: rounded(asdict(compare(first, second, m))) for m in measures}


def pack(report: RankingReport) -> dict[str, Any]:
    """A report as JSON holds it."""
    return {"k": report.k, "per_user": report.per_user.reset_index().to_dict("list")}


def unpack(packed: Sequence[dict[str, Any]]) -> RankingReport:
    """The report, or the mean of several on the same users."""
    frames = [pd.DataFrame(one["per_user"]).set_index("user") for one in packed]
    return RankingReport(packed[0]["k"], sum(frames[1:], frames[0]) / len(frames))


def average(reports: Sequence[RankingReport]) -> RankingReport:
    """Each user's mean over reports on the same users."""
    return unpack([pack(report) for report in reports])


def described(choice: Choice) -> dict[str, Any]:
    """A choice as the ledger holds it."""
    return choice.settings | {"validation_recall": round(choice.recall, 4)}


def intervals(report: RankingReport) -> dict[str, list[float]]:
    """Bootstrap intervals over users."""
    return {
        measure: [round(end, 4) for end in bootstrap_interval(report.per_user[measure].to_numpy())]
        for measure in ("recall", "precision", "ndcg")
    }


def with_interval(reports: Sequence[RankingReport]) -> dict[str, Any]:
    """Mean and deviation over seeds, and the interval over users of their mean."""
    return summary(reports) | {"interval": intervals(average(reports))}


def summary(reports: Sequence[RankingReport]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over runs that differ in their seed."""
    return mean_sd([report.as_dict() for report in reports])


def mean_sd(rows: Any, columns: Sequence[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of dicts or series of figures; 0 for a single one."""
    frame = pd.DataFrame(rows).reset_index(drop=True)[list(columns)]
    return {"mean": rounded(dict(frame.mean())), "sd": rounded(dict(frame.std().fillna(0)))}


def rounded(values: Mapping[Any, float]) -> dict[str, float]:
    """To four digits: what stands behind them differs between machines."""
    return {name: round(float(value), 4) for name, value in values.items()}


def main() -> None:
    """Run the named experiments, or all, and write their entries; or check the entries."""
    parser = argparse.ArgumentParser(prog="python -m recbook.experiments")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; none means all")
    parser.add_argument(
        "--check", action="store_true", help="run again and compare with the ledger, write nothing"
    )
    arguments = parser.parse_args()
    names = arguments.name or list(EXPERIMENTS)
    if unknown := set(names) - set(EXPERIMENTS):
        parser.error(f"got {', '.join(sorted(unknown))}, expected some of {', '.join(EXPERIMENTS)}")
    failed = False
    for name in names:
        file = f"{name}{'-check' * arguments.check}.jsonl"
        runs = Runs(user_cache_path("recbook") / "runs" / file)
        command = f"python -m recbook.experiments {name}"
        start = time.perf_counter()
        results = EXPERIMENTS[name](runs)
        remembered = sum(value for key, value in runs.done.items() if key.endswith(" | seconds"))
        seconds = max(remembered, time.perf_counter() - start)
        if arguments.check:
            lines = list(disagreements(read_entry(name)["results"], results))
            print(f"{name}: {len(lines)} means disagree with the ledger", *lines, sep="\n  ")
            failed |= bool(lines)
        else:
            if name == "gowalla":
                data, split, seeds = "Gowalla, the authors' split", load_gowalla(), [0]
            else:
                data, split, seeds = "MovieLens-100K, ratings >= 3", random_split(liked()), SEEDS
            write_entry(name, command, data, split, seeds, results, seconds)
        runs.path.unlink()
        shutil.rmtree(runs.path.with_suffix(""), ignore_errors=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
