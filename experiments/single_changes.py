"""Which of LightGCN's settings moves recall, changed one at a time, and by how much?"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pandas as pd

from experiments.models.scorers import PowerNorm
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import mean_sd, rounded
from recbook.evaluation import MEASURES
from recbook.models import LightGCN
from recbook.stats import t_interval
from recbook.training import train
from recbook.tuning import Settings, hide_test

NORMALISATIONS = {  # exponents of the degrees: of who receives, of who sends
    "symmetric": (0.5, 0.5),
    "left, L1": (1.0, 0.0),
    "right, L1": (0.0, 1.0),
    "left": (0.5, 0.0),
    "right": (0.0, 0.5),
}
DEFAULTS = {"num_layers": 3, "embedding_dim": 64, "exponents": (0.5, 0.5), "cosine": None}
BPR: Settings = {"reg": 1e-3, "lr": 0.01}
SOFTMAX: Settings = {
    "loss": "softmax",
    "lr": 0.03,
    "reg": 0.1,
    "temperature": 0.25,
    "initial_embeddings": "random",
}
# what is changed, to what: the arguments of the model, and those of train
CHANGES: dict[str, dict[str, tuple[dict[str, Any], Settings]]] = {
    "layers": {str(k): ({"num_layers": k}, BPR) for k in (0, 1, 2, 3, 4, 6)},
    "embedding size": {str(d): ({"embedding_dim": d}, BPR) for d in (8, 16, 32, 64, 128)},
    "penalty": {f"{reg:g}": ({}, BPR | {"reg": reg}) for reg in (0, 1e-4, 1e-3, 1e-2)},
    "normalisation": {
        name: ({"exponents": exponents}, BPR) for name, exponents in NORMALISATIONS.items()
    },
    "negatives": {str(n): ({}, BPR | {"num_negatives": n}) for n in (1, 4, 16)},
    "hardest of": {
        str(n): ({}, BPR | {"loss": "hard_bpr", "num_negatives": n}) for n in (2, 4, 16)
    },
    "loss": {
        "BPR, dot": ({}, BPR),
        "BPR, cosine": ({"cosine": True}, BPR | {"reg": 0}),
        "softmax, dot": ({"cosine": False}, SOFTMAX | {"temperature": 1.0}),
        "softmax, cosine": ({"cosine": True}, SOFTMAX),
    },
    "temperature": {
        f"{t:g}": ({"cosine": True}, SOFTMAX | {"temperature": t})
        for t in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
    },
    "layers, softmax": {
        str(k): ({"num_layers": k, "cosine": True}, SOFTMAX) for k in (0, 1, 2, 3, 4, 6)
    },
    "embedding size, softmax": {
        str(d): ({"embedding_dim": d, "cosine": True}, SOFTMAX) for d in (8, 16, 32, 64, 128, 256)
    },
}


def single_changes(runs: Runs, plan: Plan) -> dict[str, Any]:
    """LightGCN, one change at a time, five seeds, measured on the validation part alone."""
    split = hide_test(plan.split(val_size=0.1))

    def run(own: dict[str, Any], more: Settings, seed: int) -> dict[str, float]:
        kind = partial(PowerNorm, split.train) if "exponents" in own else LightGCN
        model = kind(split.train.num_users, split.train.num_items, **own)
        patience = 15 if more.get("loss") == "softmax" else 6
        history = train(model, split, epochs=plan.epochs(150), patience=patience, seed=seed, **more)
        epochs = history.best_epoch or 1
        best = history.frame.iloc[epochs - 1]
        return {"epochs": epochs} | {key: float(best[key]) for key in MEASURES}

    def key(own: dict[str, Any], more: Settings, seed: int) -> str:
        return f"{json.dumps([own, more])}, seed {seed}"

    cells = {
        what: {
            value: ({k: v for k, v in own.items() if v != DEFAULTS[k]}, more)
            for value, (own, more) in values.items()
        }
        for what, values in CHANGES.items()
    }
    runs_of = runs.all(
        {
            key(*cell, seed): partial(run, *cell, seed)
            for values in cells.values()
            for cell in values.values()
            for seed in plan.seeds
        }
    )
    results: dict[str, Any] = {}
    for what, values in cells.items():
        results[what] = {}
        for value, cell in values.items():
            done = [runs_of[key(*cell, seed)] for seed in plan.seeds]
            frame = pd.DataFrame(done)
            low, high = t_interval(frame["recall"].to_numpy())
            results[what][value] = mean_sd(done, MEASURES) | {
                "interval": rounded({"low": low, "high": high}),
                "epochs": frame["epochs"].mean(),
            }
    return results
