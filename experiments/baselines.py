"""What needs no training."""

from __future__ import annotations

from typing import Any

from experiments.common import SEEDS, liked, on_test, rounded, summary
from experiments.runs import Runs
from experiments.scorers import RandomScores
from recbook.data import random_split
from recbook.evaluation import evaluate
from recbook.models import Popularity, PureSVD


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
