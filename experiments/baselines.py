"""How far does one come without training, and what is the most that a list of twenty can reach?

Random scores, popularity and PureSVD on the original's split, and the ceilings of its test part.
"""

from __future__ import annotations

from typing import Any

from experiments.choosing import evaluate_on_test
from experiments.models.scorers import RandomScores
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import choice_to_json, over_seeds, rounded
from recbook.models import Popularity, PureSVD
from recbook.tuning import Family, closed_form, grid, tune

LENGTHS = [4, 8, 12, 16, 24, 32, 48]  # chapter 3's


def baselines(runs: Runs, plan: Plan) -> dict[str, Any]:
    """Random, popularity, PureSVD with the size that validation chooses, and the ceilings."""
    full = plan.split()
    svd = plan.shrunk(Family(closed_form(PureSVD), grid(embedding_dim=LENGTHS)))
    choice = tune(svd, plan.split(val_size=0.1))
    popularity = evaluate_on_test(Popularity().fit(full.train), full)
    random = [evaluate_on_test(RandomScores(full.train, seed), full) for seed in plan.seeds]
    ceilings = {"recall": popularity.recall_ceiling, "precision": popularity.precision_ceiling}
    return {
        "Random": over_seeds(random),
        "Popularity": rounded(popularity.as_dict()),
        "PureSVD": rounded(evaluate_on_test(svd.fit(full, choice.settings, 0)[0], full).as_dict())
        | {"chosen": choice_to_json(choice)},
        "ceiling": rounded(ceilings),
    }
