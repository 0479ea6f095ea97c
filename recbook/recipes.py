"""What naming a loss gives, and the checks that stand at the door of a training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recbook.checks import (
    check_choice,
    check_count,
    check_kind,
    check_number,
    check_seed,
    check_tensor,
)
from recbook.data import Interactions, Split, check_part
from recbook.graph import smooth_start
from recbook.models.base import EmbeddingModel

__all__ = ["RECIPES", "check_settings", "check_training", "first_embeddings", "recipe", "suit"]

#: What naming a loss gives. BPR's is the protocol of LightGCN's authors and of the post; the
#: softmax's was chosen on validation parts, for LightGCN of three layers and 64 dimensions.
RECIPES: dict[str, dict[str, Any]] = {
    "bpr": {
        "epochs": 50, "batch_size": 1024, "lr": 0.005, "reg": 1e-4, "num_negatives": 1,
        "initial_embeddings": "random", "cosine": False,
    },
    "hard_bpr": {
        "epochs": 50, "batch_size": 1024, "lr": 0.005, "reg": 1e-4, "num_negatives": 2,
        "initial_embeddings": "random", "cosine": False,
    },
    "softmax": {
        "epochs": 75, "batch_size": None, "lr": 0.03, "reg": 0.1, "temperature": 0.22,
        "initial_embeddings": "smooth", "cosine": True,
    },
}  # fmt: skip


def recipe(loss: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The settings of a loss, with what was asked for in place of its own."""
    own = RECIPES[check_choice("loss", loss, RECIPES)]
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given.keys() - own.keys():
        raise ValueError(f"got {name}={given[name]!r}, but loss={loss!r} has none; leave it out")
    return {"loss": loss} | own | given


def check_training(model: EmbeddingModel, split: Split, settings: dict[str, Any]) -> None:
    """Raise on what cannot be trained, before anything is."""
    advice = "call its fit(train)" if hasattr(model, "fit") else "build e.g. a LightGCN"
    check_kind("model", model, EmbeddingModel, advice)
    check_kind("split", split, Split, "make one with random_split, or Split(train=...)")
    train, val = split.train, split.val
    if (model.num_users, model.num_items) != (train.num_users, train.num_items):
        raise ValueError(
            f"the model has {model.num_users} users and {model.num_items} items, the split "
            f"{train.num_users} and {train.num_items}; build it with the split's"
        )
    weight = model.embedding.weight
    if weight.dtype != torch.float32 or weight.device.type == "meta":
        raise ValueError(
            f"got a model of {weight.dtype} on {str(weight.device)!r}, expected torch.float32 on a "
            "device with memory; call model.float(), or build it anew"
        )
    check_settings(None if val is None else model.num_items, **settings)
    check_part("split.train", train)
    first = settings["initial_embeddings"]
    if isinstance(first, Tensor):
        shape = model.embedding.weight.shape
        check_tensor("initial_embeddings", first, *shape, hint="a row a node, users first")
        if not first.isfinite().all():
            raise ValueError("initial_embeddings: got a number that is not finite")
    else:
        check_choice("initial_embeddings", first, ["random", "smooth"])
    if settings["patience"] is not None and val is None:
        raise ValueError(
            "patience needs a validation part to watch: split with val_size=0.1, or leave it None"
        )
    if val is not None:
        if len(val) == 0:
            raise ValueError(
                "the validation part is empty, so that nothing can be validated; split with more "
                "rows or a larger val_size, or without one"
            )
        shared = val.is_in(train)
        if shared.any():
            raise ValueError(
                f"{int(shared.sum())} pairs are both in train and in validation; what is seen is "
                "never recommended, so that it cannot be found: take each pair into one part"
            )


def check_settings(num_items: int | None, **settings: Any) -> None:
    """Raise on settings of a training that are out of range; None passes where it has a meaning.

    Args:
        num_items: the largest ``k``; None where nothing is ranked.
        **settings: any of those of :func:`recbook.training.train`.
    """
    for name, value in settings.items():
        optional = name in ("batch_size", "patience") and value is None
        if name in ("epochs", "num_negatives", "batch_size", "patience") and not optional:
            check_count(name, value)
        elif name == "k":
            check_count(name, value, 1, num_items, hint="there are no more items")
        elif name == "seed":
            check_seed(value)
        elif name in ("lr", "temperature"):
            check_number(name, value, above=0)
        elif name == "reg":
            check_number(name, value, least=0)


def suit(model: EmbeddingModel, cosine: bool) -> None:
    """Let a model that leaves it to the loss score as the loss wants, each time it is trained."""
    if getattr(model, "cosine", False) is None or hasattr(model, "cosine_from_loss"):
        vars(model).update(cosine=cosine, cosine_from_loss=True)


def first_embeddings(
    wanted: str | Tensor, model: EmbeddingModel, train: Interactions
) -> Tensor | None:
    """Layer-0 embeddings to begin with; None for those that the model has drawn."""
    if isinstance(wanted, Tensor):
        return wanted
    dim = model.embedding.embedding_dim
    too_few = dim >= min(train.num_users, train.num_items)
    return None if wanted == "random" or too_few else smooth_start(train, dim)
