"""Which findings hold on Gowalla, the papers' benchmark, and how far does one come there?

The published split has no validation part, and is no uniform draw: the test items of a user are
more like each other than like the user's train items (:func:`hidden_similarity`), and
:func:`hide_alike` hides train interactions in the same way.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import diags_array
from torch import Tensor

from experiments.choosing import best_of, evaluate_on_test
from experiments.models.bspm import BSPM
from experiments.models.scorers import Blend, WithPopularity
from experiments.models.user_side import EASEOfUsers
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.search import against_over_users
from experiments.summaries import (
    choice_to_json,
    mean_report,
    over_seeds_and_users,
    report_from_json,
    report_to_json,
    rounded,
)
from recbook.data import Interactions, Split
from recbook.evaluation import Recommender, evaluate
from recbook.graph import smooth_start
from recbook.models import GFCF, IALS, Popularity, RP3beta, UserKNN
from recbook.sparse import inv_sqrt
from recbook.tuning import Choice, Family, Fit, Range, Settings, closed_form, trained

TRIALS = 6
LAYERS = {0: "MF, softmax"} | {
    number: f"LightGCN, softmax, {number} layer{'s' * (number > 1)}" for number in (1, 2, 3)
}
WEIGHTS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)


def softmax(num_layers: int, embedding_dim: int = 64, start: str = "random") -> Fit:
    """A softmax LightGCN with popularity, its products in bfloat16; without layers it is MF."""
    model = partial(WithPopularity, num_layers=num_layers, embedding_dim=embedding_dim, cosine=True)
    whole = trained(model, patience=2, loss="softmax", batch_size=2048, initial_embeddings=start)

    def fit(
        split: Split, settings: Settings, seed: int, k: int = 20
    ) -> tuple[Recommender, Settings]:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("medium")
        try:
            return whole(split, settings, seed, k)
        finally:
            torch.set_float32_matmul_precision(before)

    return fit


SOFTMAX: dict[str, Any] = {
    "temperature": Range(0.06, 0.2),
    "reg": Range(1e-4, 0.1),
    "lr": Range(0.005, 0.04),
    "popularity": [0.0, 0.03],
}
FAMILIES = {
    "Popularity": Family(closed_form(Popularity), [{}]),
    "RP3beta": Family.drawn(
        closed_form(RP3beta), TRIALS, beta=Range(0.1, 1), num_neighbors=Range(50, 1000, whole=True)
    ),
    "UserKNN": Family.drawn(
        closed_form(UserKNN), TRIALS, num_neighbors=Range(20, 1000, whole=True)
    ),
    "iALS": Family.drawn(
        closed_form(partial(IALS, embedding_dim=64, nu=1)),
        TRIALS,
        alpha0=Range(0.0003, 0.1),
        reg=Range(0.001, 0.1),
    ),
    "EASE": Family.drawn(closed_form(EASEOfUsers), TRIALS, reg=Range(20, 2000)),
    "GF-CF": Family.drawn(
        closed_form(GFCF), TRIALS, num_frequencies=Range(64, 512, whole=True), alpha=Range(0.1, 3)
    ),
    "BSPM": Family.drawn(
        closed_form(BSPM),
        TRIALS,
        num_frequencies=Range(64, 512, whole=True),
        alpha=Range(0.1, 3),
        time=Range(0.5, 4),
    ),
    **{
        name: Family.drawn(softmax(number), TRIALS, seeded=True, **SOFTMAX)
        for number, name in LAYERS.items()
    },
}


def gowalla(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The papers' benchmark on its own split: six trials a family, and five seeds where it has one.

    The trials are compared on a fifth of the train interactions of each of 5,000 users, which
    stands in for a validation part that the published split does not have; then each model is
    fitted on all of train, and the test part is opened. With 192 numbers, or from a smooth start, a
    model has the settings that were chosen with 64 from a random one, and epochs of its own.
    """
    full = plan.load_gowalla()
    part = hide_alike(full.train)
    uniform = torch.rand(len(full.train), generator=torch.Generator().manual_seed(0)) < 0.2
    draws = {"published": full, "uniform": hide(full.train, uniform), "alike": part}
    some = torch.randperm(part.train.num_users, generator=torch.Generator().manual_seed(0))[:5000]
    val = of_users(part.test, some)
    asked = Split(part.train, test=val, val=val)

    families = {name: plan.shrunk(family) for name, family in FAMILIES.items()}
    best = choose_all(runs, families, asked)
    layers = max((1, 2, 3), key=lambda number: best[LAYERS[number]].recall)
    longer = {
        f"{kind}, 192 numbers{', smooth start' * (start == 'smooth')}": plan.shrunk(
            Family(
                softmax(number, 192, start),
                [{k: v for k, v in best[LAYERS[number]].settings.items() if k != "epochs"}],
                seeded=start == "random",
            )
        )
        for kind, number in (("MF, softmax", 0), ("LightGCN, softmax", layers))
        for start in ("random", "smooth")
    }
    best |= choose_all(runs, longer, asked)
    done = runs.all(
        {
            f"{name}, seed {seed}": partial(refit, family.fit, full, best[name].settings, seed)
            for name, family in (families | longer).items()
            for seed in (plan.seeds if family.seeded else plan.seeds[:1])
        }
    )
    trained_as = max((name for name in longer if "LightGCN" in name), key=lambda n: best[n].recall)
    pair = {"BSPM": families["BSPM"], "LightGCN": longer[trained_as]}
    settings = {"BSPM": best["BSPM"].settings, "LightGCN": best[trained_as].settings}
    done["Blend, seed 0"] = runs("Blend, seed 0", partial(blend, pair, settings, asked, full))
    rows, reports = {}, {}
    for name in [*families, *longer, "Blend"]:
        own = [one for key, one in done.items() if key.rpartition(", seed ")[0] == name]
        seeds = [report_from_json(one["report"]) for one in own]
        reports[name] = mean_report(seeds)
        rows[name] = over_seeds_and_users(seeds) | {
            "chosen": own[0]["chosen"] if name == "Blend" else choice_to_json(best[name]),
            "seconds": round(float(np.mean([one["seconds"] for one in own])), 1),
        }
    rows["LightGCN, softmax, 192 numbers"]["chosen"]["num_layers"] = layers
    return {
        "split": {name: rounded(hidden_similarity(split)) for name, split in draws.items()},
        "rows": rows,
        "against": {name: against_over_users(name, reports) for name in ("MF, softmax", "BSPM")},
    }


def choose_all(runs: Runs, families: dict[str, Family], asked: Split) -> dict[str, Choice]:
    """For each family the best of its trials."""
    done = runs.all(
        {
            f"{name}, trial {number}": partial(try_out, family.fit, asked, settings)
            for name, family in families.items()
            for number, settings in enumerate(family.grid)
        }
    )
    return {
        name: best_of([done[f"{name}, trial {number}"] for number in range(len(family.grid))])
        for name, family in families.items()
    }


def try_out(fit: Fit, asked: Split, settings: Settings) -> dict[str, Any]:
    """One setting on what is hidden: what it became, and its recall."""
    model, chosen = fit(asked, settings, 0)
    return {"settings": chosen, "recall": evaluate(model, asked.train, asked.val).recall}


def refit(fit: Fit, full: Split, settings: Settings, seed: int) -> dict[str, Any]:
    """Fitted on all of train, and measured on the test part."""
    start = time.perf_counter()
    model = fit(full, settings, seed)[0]
    seconds = time.perf_counter() - start
    return {"report": report_to_json(evaluate_on_test(model, full)), "seconds": seconds}


def blend(
    pair: dict[str, Family], settings: dict[str, Settings], asked: Split, full: Split
) -> dict[str, Any]:
    """BSPM and LightGCN standardised and added, with the weight that is best on what is hidden."""

    def both(split: Split) -> list[Recommender]:
        return [family.fit(split, settings[name], 0)[0] for name, family in pair.items()]

    models = both(Split(asked.train, asked.test))
    recall = {
        weight: evaluate(Blend(*models, weight), asked.train, asked.val).recall
        for weight in WEIGHTS
    }
    weight = max(recall, key=lambda one: recall[one])
    start = time.perf_counter()
    report = report_to_json(evaluate_on_test(Blend(*both(full), weight), full))
    chosen = {"weight": weight, "validation_recall": round(recall[weight], 4)}
    return {"report": report, "chosen": chosen, "seconds": time.perf_counter() - start}


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
