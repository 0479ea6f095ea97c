"""Do the findings hold on Gowalla, the papers' benchmark, with all families searched alike?

The published split has no validation part, and is no uniform draw: the test items of a user are
more like each other than like the user's train items (:func:`hidden_similarity`), and
:func:`hide_alike` hides train interactions in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import diags_array
from torch import Tensor

from experiments.choosing import SPLITS, best_of, evaluate_on_test, refit_chosen, try_all
from experiments.families import on_gowalla
from experiments.models.scorers import Blend, KnownScores, standardized
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import (
    choice_to_json,
    comparisons_to_json,
    mean_report,
    over_seeds_and_users,
    report_from_json,
    report_to_json,
    rounded,
    trials_to_json,
)
from recbook.data import Interactions, Split
from recbook.evaluation import RankingReport, Recommender, evaluate
from recbook.graph import smooth_start
from recbook.sparse import inv_sqrt
from recbook.stats import Comparison, compare
from recbook.tuning import Choice, Family, hide_test

LAYERED = "LightGCN, softmax"  # of those with a smooth start what validation chooses
DRAWN = "LightGCN, softmax, searched"  # what it chooses of those that are searched
FACTORS, RANDOM_START = "MF, softmax", "LightGCN, softmax, random start"
BY_HAND = ("192 dimensions", "as published")  # how the names of those end that are not
BLENDED = ("BSPM", "RP3beta", "iALS")  # beside the softmax's best
STEPS = 5  # of which a weight takes 0 to all
WEIGHTS = [
    [one / STEPS for one in steps]
    for steps in product(range(STEPS + 1), repeat=1 + len(BLENDED))
    if sum(steps) == STEPS
]


@dataclass(frozen=True)
class OnGowalla(Plan):
    """A plan on the published split; what is hidden alike stands in for its validation part."""

    @cached_property
    def full(self) -> Split:
        """As the authors split it."""
        return self.load_gowalla()

    @cached_property
    def alike(self) -> Split:
        """A fifth of each user's train interactions hidden, by :func:`hide_alike`."""
        return hide_alike(self.full.train)

    def split(self, val_size: float = 0.0, seed: int = 16) -> Split:
        """The published split; with a validation part, that of 5,000 users."""
        if not val_size:
            return self.full
        train = self.alike.train
        some = torch.randperm(train.num_users, generator=torch.Generator().manual_seed(0))[:5000]
        val = of_users(self.alike.test, some)
        return Split(train, test=val, val=val)


def gowalla(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The papers' benchmark on its own split: six trials a family, and a blend.

    Settings are chosen on a fifth of the train interactions of each user, which stands in for a
    validation part that the published split does not have; then each model is fitted on all of
    train, and the test part is opened once. Matrix factorisation, LightGCN from a random start and
    with the number of layers that validation chooses of those that are searched have all seeds.
    """
    plan = OnGowalla(**{field.name: getattr(plan, field.name) for field in fields(plan)})
    full = plan.full
    uniform = torch.rand(len(full.train), generator=torch.Generator().manual_seed(0)) < 0.2
    draws = {"published": full, "uniform": hide(full.train, uniform), "alike": plan.alike}
    families = {name: plan.shrunk(one) for name, one in on_gowalla(plan.device).items()}
    trials = try_all(runs, plan, {name: (one, SPLITS[0]) for name, one in families.items()})
    best = {name: best_of(rows) for name, rows in trials.items()}
    searched = [name for name in best if name != "Popularity" and not name.endswith(BY_HAND)]
    layered = [name for name in best if name.startswith(LAYERED) and name != RANDOM_START]
    first, drawn = (
        max((name for name in layered if name in some), key=lambda name: best[name].recall)
        for some in (layered, searched)
    )
    several = {name: families[name] for name in (FACTORS, RANDOM_START, drawn)}
    once = {name: one for name, one in families.items() if name not in several}
    reports = refit_chosen(runs, plan, once, best)
    reports |= refit_chosen(runs, plan, several, best, seeds=plan.seeds)
    parts = {LAYERED: (first, best[first])} | {name: (name, best[name]) for name in BLENDED}
    together, weights = blend(runs, plan, families, parts)
    means = {name: mean_report(own) for name, own in reports.items()}
    means |= {LAYERED: means[first], DRAWN: means[drawn], "blend": together}
    simple = [name for name in searched if not families[name].seeded]
    pairs = [(DRAWN, name) for name in (*simple, FACTORS, RANDOM_START)]
    pairs += [(LAYERED, name) for name in simple] + [(RANDOM_START, FACTORS)]
    pairs += [("blend", name) for name in parts]
    done = runs.all(
        {
            f"{one} minus {other}": partial(compared, means[one], means[other])
            for one, other in pairs
        }
    )
    return {
        "split": {name: rounded(hidden_similarity(split)) for name, split in draws.items()},
        "rows": {
            name: over_seeds_and_users(own)
            | {"chosen": choice_to_json(best[name])}
            | ({"trials": trials_to_json(trials[name])} if name in searched else {})
            for name, own in reports.items()
        },
        "blend": over_seeds_and_users([together])
        | {"chosen": weights, "seconds": runs.done["blend, refit | seconds"]},
        "against": comparisons_to_json({what: Comparison(**one) for what, one in done.items()}),
    }


def compared(one: RankingReport, other: RankingReport) -> dict[str, float]:
    """The recall of two models, paired over users, as JSON holds it."""
    return asdict(compare(one, other))


def blend(
    runs: Runs, plan: Plan, families: Mapping[str, Family], best: Mapping[str, tuple[str, Choice]]
) -> tuple[RankingReport, dict[str, float]]:
    """Models added up, their weights chosen on the validation part: its report and the weights."""

    def fitted(split: Split) -> list[Recommender]:
        return [families[name].fit(split, one.settings, 0)[0] for name, one in best.values()]

    def choose() -> list[dict[str, Any]]:
        asked = hide_test(plan.split(0.1))
        users = torch.nonzero(asked.test.user_degree).flatten()
        known = [KnownScores(users, standardized(one.score(users))) for one in fitted(asked)]
        reports = [evaluate(Blend(known, one), asked.train, asked.test) for one in WEIGHTS]
        return [
            {"weights": weights, "recall": report.recall}
            for weights, report in zip(WEIGHTS, reports, strict=True)
        ]

    def refit(weights: Sequence[float]) -> dict[str, Any]:
        full = plan.split()
        return report_to_json(evaluate_on_test(Blend(fitted(full), weights), full))

    chosen = max(runs("blend, weights", choose), key=lambda one: one["recall"])
    report = report_from_json(runs("blend, refit", partial(refit, chosen["weights"])))
    weights = dict(zip(best, chosen["weights"], strict=True))
    return report, rounded(weights | {"validation_recall": chosen["recall"]})


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
