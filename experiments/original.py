"""Does the original post's protocol give its published figures, and what do its flaws do to them?

Fifty epochs, the best of them on the *test* part: the one experiment that peeks, as the post did.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from experiments.models.scorers import SeenTimesZero
from experiments.plan import TRAINED, Plan
from experiments.runs import Runs
from experiments.summaries import gain_in_percent, mean_sd
from recbook.data import Split
from recbook.evaluation import MEASURES, evaluate
from recbook.losses import bpr_loss
from recbook.models import EmbeddingModel
from recbook.sampling import TripletSampler
from recbook.training import train


def original(runs: Runs, plan: Plan) -> dict[str, Any]:
    """The original post's protocol: 50 epochs, the best of them on the test set, five seeds.

    ``seen_times_zero`` measures the same models, restored to the best epoch, with the seen items'
    scores multiplied by 0, as the post did, in place of minus infinity. ``bpr_of_train`` is the
    loss after the last epoch without penalty or dropout, on the same triplets for all models.
    """
    full = plan.split()
    peeking = Split(train=full.train, val=full.test, test=full.test)
    generator = torch.Generator().manual_seed(0)
    triplets = TripletSampler(full.train).sample(len(full.train), generator)

    def run(model: Callable[[int, int], EmbeddingModel], seed: int) -> dict[str, Any]:
        fresh = model(full.train.num_users, full.train.num_items)
        losses = list[float]()
        finalize = fresh.finalize  # comes once an epoch

        def finalize_and_look(graph: Tensor | None) -> None:
            finalize(graph)
            user_emb, item_emb = fresh.final
            vec = user_emb[triplets[0]]
            pos_score, neg_score = ((vec * item_emb[items]).sum(1) for items in triplets[1:])
            losses.append(bpr_loss(pos_score, neg_score).item())

        fresh.finalize = finalize_and_look  # type: ignore[method-assign]
        frame = train(fresh, peeking, epochs=plan.epochs(50), patience=50, seed=seed).frame
        return {
            "frame": frame[["loss", *MEASURES]].to_dict("list"),
            "bpr_of_train": losses[-2],  # once more at the end, for the epoch that is kept
            "restored": evaluate(fresh, full.train, full.test).as_dict(),
            "times_zero": evaluate(SeenTimesZero(fresh, full.train), None, full.test).as_dict(),
        }

    done_of = runs.all(
        {
            f"{name}, seed {seed}": partial(run, model, seed)
            for name, model in TRAINED.items()
            for seed in plan.seeds
        }
    )
    results: dict[str, Any] = {}
    for name in TRAINED:
        done = [done_of[f"{name}, seed {seed}"] for seed in plan.seeds]
        frames = [pd.DataFrame(one["frame"]) for one in done]
        results[name] = {
            "best_epoch_on_test": mean_sd([frame[MEASURES].max() for frame in frames]),
            "last_epoch": mean_sd([frame[MEASURES].iloc[-1] for frame in frames]),
            "epoch_of_best_recall": mean_sd([one["restored"] for one in done]),
            "seen_times_zero": mean_sd([one["times_zero"] for one in done]),
            "bpr_of_train": mean_sd(done, ["bpr_of_train"]),
            "by_epoch": [
                {key: frame[key].round(4).tolist() for key in ("loss", "recall", "precision")}
                for frame in frames
            ],
        }
    for rule in ("best_epoch_on_test", "last_epoch", "epoch_of_best_recall", "seen_times_zero"):
        ours, theirs = (results[name][rule]["mean"] for name in ("LightGCN", "NGCF"))
        results[f"gain_in_percent_{rule}"] = gain_in_percent(ours, theirs)
    return results
