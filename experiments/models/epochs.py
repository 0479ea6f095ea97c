"""Training a model that has a step of its own, for as long as validation says."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.models import BaseRecommender
from recbook.sampling import TripletSampler
from recbook.tuning import Fit, Settings

__all__ = ["Start", "by_epochs", "pairs_in_batches", "triplets_in_batches"]

Start = Callable[..., tuple[BaseRecommender, Callable[[], float]]]


def by_epochs(start: Start, patience: int = 8, max_epochs: int = 150) -> Fit:
    """How to fit a model that has a step of its own; as :func:`recbook.tuning.trained`.

    Where the settings have no ``epochs``, it is stopped by the validation recall, and the model of
    the best epoch is kept; ``epochs`` that are named are trained.

    Args:
        start: ``start(train, seed, **settings)`` returns a model with its initial parameters and a
            function that trains it for one epoch, leaves it ready to score and returns the loss.
        patience: how many epochs without a better validation recall stop it.
        max_epochs: no training is longer.
    """

    def fit(
        split: Split, settings: Settings, seed: int, k: int = 20
    ) -> tuple[BaseRecommender, Settings]:
        own = {name: value for name, value in settings.items() if name != "epochs"}
        model, train_epoch = start(split.train, seed, **own)
        watched = None if "epochs" in settings else split.val
        if watched is None and "epochs" not in settings:
            raise ValueError(f"got {settings=} and no validation part, expected epochs or val_size")
        best, best_recall, best_epoch = model, -1.0, 0
        for epoch in range(1, settings.get("epochs", max_epochs) + 1):
            loss = train_epoch()
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; try a smaller lr")
            if watched is None:
                continue
            recall = evaluate(model, split.train, watched, k).recall
            if recall > best_recall:
                best, best_recall, best_epoch = copy.deepcopy(model), recall, epoch
            if epoch - best_epoch >= patience:
                break
        best.fitted_on = split.train
        return best, settings if watched is None else settings | {"epochs": best_epoch}

    return fit


def pairs_in_batches(
    train: Interactions, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each pair of ``user`` and ``item`` once, shuffled, in full batches: the rest is left out.

    Fewer pairs than ``batch_size`` are one batch.
    """
    order = torch.randperm(len(train), generator=generator)
    whole = len(train) // batch_size * batch_size or len(train)
    for some in order[:whole].split(batch_size):
        yield train.user[some], train.item[some]


def triplets_in_batches(
    train: Interactions, sampler: TripletSampler, batch_size: int, generator: torch.Generator
) -> Sequence[Tensor]:
    """As many triplets as there are interactions, in full batches, at least one."""
    number = max(1, len(train) // batch_size) * batch_size
    return sampler.sample(number, generator).split(batch_size, dim=1)
