"""The rows of the table of peers: what is trained, in which library, with which settings."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbook.ledger import read_entry
from recbook.tuning import FAMILIES, grid

CHOSEN = Path(__file__).parent / "chosen.json"
LR = {"lr": 0.005}  # the original's, too
STEPS = 64  # of 1,024 triplets: an epoch of the original's protocol


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        package: whose environment it runs in; recbook's and PyG's is this one.
        model: its name in the worker.
        grid: the settings to choose from; none where the ledger has chosen.
        keep: the epochs after which the validation part is looked at.
        ledger: the entry that has the settings.
        same: the row whose model it is, and whose recall is its own, where it takes too long.
        steps: steps that are timed for an epoch, and scaled up.
    """

    package: str
    model: str
    grid: list[dict[str, Any]] = field(default_factory=list)
    keep: tuple[int, ...] = ()
    ledger: str = ""
    same: str = ""
    steps: int = STEPS


ADAM = {"learning_rate": [0.005], "require_pow": [True], "reg_weight": [1e-3, 1e-4]}
SGD = {"factors": [64], "learning_rate": [0.01, 0.05], "regularization": [0.01, 0.03, 0.1]}
EPOCHS = (5, 10, 15, 20, 25, 30, 35, 40)
ROWS = {
    "recbook LightGCN, softmax": Row("recbook", "LightGCN, softmax", ledger="search"),
    "recbook EASE": Row("recbook", "EASE", ledger="search"),
    "recbook LightGCN": Row("recbook", "LightGCN", ledger="validated"),
    "recbook NGCF": Row("recbook", "NGCF", ledger="search"),
    "recbook iALS": Row(
        "recbook",
        "iALS",
        grid(embedding_dim=[64], alpha0=[0.05, 0.1, 0.2, 0.4], reg=[0.01, 0.02, 0.04], epochs=[16]),
    ),
    "recbook MF-BPR": Row("recbook", "MF-BPR", ledger="validated"),
    "PyG LightGCN, sparse tensor": Row("recbook", "LightGCN in PyG, sparse", ledger="validated"),
    "PyG LightGCN, edge list": Row(
        "recbook",
        "LightGCN in PyG, edge list",
        ledger="validated",
        same="PyG LightGCN, sparse tensor",
        steps=8,
    ),
    "PyG LightGCN, edge list, memory kept": Row(
        "recbook",
        "LightGCN in PyG, edge list, kept",
        ledger="validated",
        same="PyG LightGCN, sparse tensor",
        steps=8,
    ),
    "original LightGCN, messages": Row("recbook", "LightGCN by messages", ledger="audit", steps=8),
    "original NGCF, messages": Row("recbook", "NGCF by messages", ledger="audit", steps=2),
    "NGCF, messages, maps once a node": Row(
        "recbook", "NGCF by messages, factored", ledger="audit", steps=8
    ),
    "RecBole LightGCN": Row("recbole", "LightGCN", grid(n_layers=[3], **ADAM), EPOCHS),
    "RecBole NGCF": Row("recbole", "NGCF", grid(**ADAM), EPOCHS[:5]),
    "RecBole BPR": Row("recbole", "BPR", grid(learning_rate=[0.001, 0.002, 0.005]), EPOCHS),
    "implicit ALS": Row(
        "implicit",
        "ALS",
        grid(factors=[32, 64, 128], alpha=[2, 5, 10], regularization=[3, 10, 30, 60, 100]),
        keep=(5, 10, 15, 20),
    ),
    "implicit BPR": Row("implicit", "BPR", grid(**SGD), keep=(20, 40, 60, 100, 200)),
    "Spark ALS": Row(  # its alpha is 1 / alpha0, and its blocks are one for each thread
        "pyspark",
        "ALS",
        grid(rank=[64], alpha=[2.5, 5, 10, 20], regParam=[0.3, 0.6, 1], epochs=[16]),
    ),
    "cornac BPR": Row("cornac", "BPR", grid(**SGD, epochs=[50, 100, 200])),
    "cornac LightGCN": Row("cornac", "LightGCN", grid(epochs=[50])),
    "LensKit ALS": Row(
        "lenskit",
        "ALS",
        grid(factors=[64], weight=[5, 10], regularization=[10, 30, 60], epochs=[15]),
    ),
    "LensKit EASE": Row("lenskit", "EASE", ledger="search"),
    "LensKit ItemKNN": Row("lenskit", "ItemKNN", FAMILIES["ItemKNN"].grid),
}


def settings_of(name: str) -> dict[str, Any]:
    """What was chosen on validation, by the ledger or by `choose`."""
    row = ROWS[name]
    if row.ledger == "validated":  # at the sizes that other libraries' rows have, too
        return LR | alone(read_entry("validated")["results"][model_of(row)]["chosen"])
    if row.ledger == "search":
        trials = read_entry("search")["results"]["splits"][model_of(row)]["trials"][0]
        # Where there are embeddings, those of the size that other libraries' rows have
        small = [one for one in trials if one.get("embedding_dim", 64) == 64]
        return alone(max(small, key=lambda one: one["recall"]))
    if row.ledger:
        return originals(row)["chosen"]
    chosen = json.loads(CHOSEN.read_text())
    longest = {"epochs": max(row.keep)} if row.keep else {}  # where none could run
    return chosen[name]["settings"] if name in chosen else row.grid[0] | longest


def alone(trial: dict[str, Any]) -> dict[str, Any]:
    """A trial's settings without what it measured."""
    measured = {"recall", "seconds", "validation_recall"}
    return {key: value for key, value in trial.items() if key not in measured}


def originals(row: Row) -> dict[str, Any]:
    """What the ledger says about a row's model with the original's settings."""
    return read_entry("audit")["results"]["epoch_validated"][model_of(row)]


def model_of(row: Row) -> str:
    """What the ledger calls a row's model."""
    return row.model.partition(" by ")[0].partition(" in ")[0]
