"""Do the softmax and its recipe hold on Gowalla, the papers' benchmark, with 0 to 4 layers?

The published split has no validation part, and is no uniform draw: the test items of a user are
more like each other than like the user's train items (:func:`hidden_similarity`), and
:func:`hide_alike` hides train interactions in the same way.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import diags_array
from torch import Tensor

from experiments.choosing import evaluate_on_test
from experiments.models.scorers import WithPopularity
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import (
    choice_to_json,
    intervals_over_users,
    report_from_json,
    report_to_json,
    rounded,
)
from recbook.data import Interactions, Split
from recbook.graph import smooth_start
from recbook.models import GFCF
from recbook.sparse import inv_sqrt
from recbook.tuning import Choice, Family, Settings, closed_form, grid, trained, tune


def gowalla(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The papers' benchmark on its own split: softmax LightGCN with 0 to 4 layers, and GF-CF.

    Epochs, and GF-CF's alpha, are chosen on a fifth of the train interactions of each user, which
    stands in for a validation part that the published split does not have; then each model is
    fitted on all of train, and the test part is opened once.
    """
    full = plan.load_gowalla()
    part = hide_alike(full.train)
    uniform = torch.rand(len(full.train), generator=torch.Generator().manual_seed(0)) < 0.2
    draws = {"published": full, "uniform": hide(full.train, uniform), "alike": part}
    families = {
        "Popularity": plan.family("Popularity"),
        "GF-CF": Family(closed_form(GFCF), grid(num_frequencies=[256], alpha=[0.1, 0.3, 1.0])),
        "MF, softmax": softmax_family(0, runs.folder / "0 layers"),
    }
    for number in (1, 2, 3, 4):
        name = f"LightGCN, softmax, {number} layer{'s' * (number > 1)}"
        families[name] = softmax_family(number, runs.folder / f"{number} layers")

    def refit(family: Family, settings: Settings) -> dict[str, Any]:
        start = time.perf_counter()
        model = family.fit(full, settings, 0)[0]
        fitted = time.perf_counter()
        report = report_to_json(evaluate_on_test(model, full))
        return report | {"fit": fitted - start, "evaluate": time.perf_counter() - fitted}

    some = torch.randperm(part.train.num_users, generator=torch.Generator().manual_seed(0))[:5000]
    val = of_users(part.test, some)
    asked = Split(part.train, test=val, val=val)
    rows = {}
    for name, whole in families.items():
        family = plan.shrunk(whole)
        choice = Choice(**runs(f"{name}, tune", partial(choose, family, asked)))
        done = runs(f"{name}, refit", partial(refit, family, choice.settings))
        report = report_from_json(done)
        rows[name] = rounded(report.as_dict()) | {
            "interval": intervals_over_users(report),
            "chosen": choice_to_json(choice),
            "seconds": {what: round(done[what], 1) for what in ("fit", "evaluate")},
        }
    return {
        "split": {name: rounded(hidden_similarity(split)) for name, split in draws.items()},
        "rows": rows,
    }


def choose(family: Family, asked: Split) -> dict[str, Any]:
    """What :func:`recbook.tuning.tune` chooses, as JSON holds it."""
    return asdict(tune(family, asked))


def hide(train: Interactions, hidden: Tensor) -> Split:
    """Hide the interactions at which ``hidden`` is true, as a test part."""
    return Split(interactions_at(train, ~hidden), test=interactions_at(train, hidden))


def of_users(part: Interactions, users: Tensor) -> Interactions:
    """The interactions of some users alone."""
    return interactions_at(part, torch.isin(part.user, users))


def interactions_at(part: Interactions, which: Tensor) -> Interactions:
    """The interactions at which ``which`` is true, or that it numbers."""
    return Interactions(part.user[which], part.item[which], part.num_users, part.num_items)


def hide_alike(train: Interactions, share: float = 0.2, seed: int = 0) -> Split:
    """Hide a share of each user's items that are alike, as a journey's are.

    One item is drawn for each user; hidden are it and those whose cosine with it, of the smooth
    embeddings, is the highest after a uniform number up to 0.3 was added: so many that on Gowalla
    :func:`hidden_similarity` says of it what it says of the published split.
    """
    generator = torch.Generator().manual_seed(seed)
    item_emb = F.normalize(smooth_start(train, 64)[train.num_users :])
    start, _ = train.by_user
    user, item = train.pairs_of(torch.arange(train.num_users))
    drawn = start[:-1] + (torch.rand(train.num_users, generator=generator) * start.diff()).long()
    near = (item_emb[item] * item_emb[item[drawn.clamp(max=len(item) - 1)]][user]).sum(1)
    near += 0.3 * torch.rand(len(item), generator=generator)
    order = torch.argsort(4.0 * user.double() - near)  # by user, the nearest first
    rank = torch.arange(len(item)) - start[user]
    hidden = rank < (share * train.user_degree).ceil()[user]
    ordered = Interactions(user, item[order], train.num_users, train.num_items)
    return hide(ordered, hidden)


def hidden_similarity(split: Split, num_users: int = 3000) -> dict[str, float]:
    """How alike the hidden items of a user are, to each other and to the user's train items.

    Two items are as alike as the cosine of their columns in the train part; means over users.
    """
    matrix = split.train.matrix
    columns = (matrix @ diags_array(inv_sqrt(split.train.item_degree))).tocsc()
    several = torch.nonzero((split.test.user_degree > 1) & (split.train.user_degree > 0)).flatten()
    pick = torch.randperm(len(several), generator=torch.Generator().manual_seed(0))[:num_users]
    means = []
    for user in several[pick].split(1):
        hidden, seen = (
            columns[:, part.pairs_of(user)[1].numpy()] for part in (split.test, split.train)
        )
        among = (hidden.T @ hidden).toarray()
        others = ~np.eye(len(among), dtype=bool)
        means.append([among[others].mean(), (hidden.T @ seen).mean()])
    each_other, to_train = np.mean(means, axis=0)
    degree, (train, test) = split.train.item_degree.float(), (split.train, split.test)
    return {
        "each_other": each_other,
        "to_train": to_train,
        "train_users_of_train_items": degree[train.item].mean().item() - 1,  # besides this one
        "train_users_of_test_items": degree[test.item].mean().item(),
    }


def softmax_family(num_layers: int, folder: Path) -> Family:
    """A softmax LightGCN for Gowalla, with checkpoints in a folder; without layers it is MF.

    The settings were found by hand, with two layers, on what :func:`hide_alike` hides.
    """
    model = partial(WithPopularity, num_layers=num_layers, cosine=True, popularity=0.03)
    more = {"loss": "softmax", "lr": 0.02, "batch_size": 2048, "initial_embeddings": "smooth"}
    fit = trained(model, patience=2, folder=folder, **more)
    return Family(fit, grid(temperature=[0.1], reg=[0.0], embedding_dim=[192]))
