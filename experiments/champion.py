"""The softmax LightGCN against EASE and iALS."""

from __future__ import annotations

from functools import partial
from typing import Any

from experiments.common import (
    ANYWHERE,
    CHAMPION,
    SEEDS,
    average,
    choice_on_seed,
    chosen_on,
    comparison,
    described,
    liked,
    on_test,
    over_splits,
    own_choices,
    pack,
    refits,
    split_differences,
    split_summary,
    unpack,
    with_interval,
)
from experiments.runs import Runs
from experiments.scorers import Blend
from recbook.data import Split, random_split
from recbook.evaluation import Recommender, evaluate
from recbook.tuning import FAMILIES, hide_test


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
