"""Choosing settings on validation, the same way for every model, then fitting again.

A :class:`Family` is a model with the settings worth trying. :func:`tune` fits each of them on the
train part and keeps what recalls most of the validation part; ``family.fit`` then fits what was
chosen on all that is not test. The tuner is handed a split whose test part has been taken out, so
that no mistake in it can look there.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Protocol

from recbook.checks import check_count, check_kind, check_path
from recbook.data import Split
from recbook.evaluation import Recommender, evaluate
from recbook.models import (
    EASE,
    GFCF,
    IALS,
    NGCF,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    Popularity,
    PureSVD,
)
from recbook.training import train

__all__ = [
    "FAMILIES",
    "Choice",
    "Family",
    "Fit",
    "Settings",
    "closed_form",
    "grid",
    "hide_test",
    "trained",
    "tune",
]

Settings = dict[str, Any]


class Fit(Protocol):
    """How a model is fitted with some settings."""

    def __call__(
        self, split: Split, settings: Settings, seed: int, k: int = 20
    ) -> tuple[Recommender, Settings]:
        """A fitted recommender and its settings; ``k`` is the length of list to stop by."""
        ...


@dataclass(frozen=True)
class Family:
    """A model and the settings to try.

    Args:
        fit: ``fit(split, settings, seed, k=20)`` returns a fitted recommender and its settings.
            Where the split has a validation part and the settings no ``epochs``, a model with
            epochs stops by its recall at ``k`` and adds ``epochs``.
        grid: the settings to try.
        seeded: whether two seeds give two models.
    """

    fit: Fit
    grid: Sequence[Settings]
    seeded: bool = False


@dataclass(frozen=True)
class Choice:
    """What was chosen: the settings, and the validation recall that they reached."""

    settings: Settings
    recall: float


def hide_test(split: Split) -> Split:
    """The same split without its test part; the validation part stands in for it.

    Raises:
        TypeError: on what is no Split.
        ValueError: where there is no validation part to choose on, or it is empty.
    """
    check_kind("split", split, Split)
    if split.val is None or len(split.val) == 0:
        raise ValueError(
            "there is no validation part to choose on; split with val_size=0.1, so that the test "
            "part stays untouched"
        )
    return Split(split.train, test=split.val, val=split.val)


def tune(family: Family, split: Split, k: int = 20) -> Choice:
    """Fit every setting of the grid on ``split.train``, keep the best recall on ``split.val``.

    The first of equals wins. ``split.test`` is not read: see :func:`hide_test`. An error of a fit
    carries a note that names the setting.

    Args:
        family: what to fit, and the settings to try.
        split: with a validation part.
        k: length of the list whose recall decides, and by which models with epochs stop.

    Returns:
        The settings that won, with the ``epochs`` that were chosen, and their recall.

    Raises:
        TypeError: on what is no Family, no Split, no whole number.
        ValueError: where the split has no validation part, or an empty one, the grid is empty, or
            ``k`` is not in ``1 .. num_items``.
        FloatingPointError: where a model's recall is not a number.
    """
    check_kind("family", family, Family, "take one of FAMILIES")
    blind = hide_test(split)
    check_count("k", k, 1, blind.train.num_items, hint="there are no more items")
    assert blind.test is not None  # it is the validation part
    tried = []
    for settings in family.grid:
        try:
            model, chosen = family.fit(blind, settings, 0, k)
            recall = evaluate(model, blind.train, blind.test, k).recall
            if math.isnan(recall):
                raise FloatingPointError("the validation recall is not a number")
        except Exception as error:
            error.add_note(f"while trying the settings {settings}")
            raise
        tried.append(Choice(chosen, recall))
    if not tried:
        raise ValueError("the family's grid is empty; name at least one setting, e.g. [{}]")
    return max(tried, key=lambda choice: choice.recall)


def closed_form(model: Callable[..., Any]) -> Fit:
    """How to fit a model that has ``fit(train)``."""
    check_kind("model", model, Callable, hint="that returns a model")

    def fit(
        split: Split, settings: Settings, seed: int, k: int = 20
    ) -> tuple[Recommender, Settings]:
        return model(**settings).fit(split.train), settings

    return fit


TRAINING = inspect.signature(train).parameters


def trained(
    model: Callable[..., Any], patience: int = 8, folder: str | Path | None = None, **fixed: Any
) -> Fit:
    """How to fit a model that is trained.

    Where the split has a validation part and the settings name no ``epochs``, it is trained for 150
    epochs at most, and stopped by the validation recall; ``epochs`` that are named are trained.

    Args:
        model: ``model(num_users, num_items, ...)`` with those settings that ``train`` has not, such
            as ``embedding_dim``.
        patience: how many epochs without a better validation recall stop it.
        folder: each training keeps a checkpoint there, and goes on from it; None keeps none.
        **fixed: for ``train``.

    Raises:
        TypeError: on a model that cannot be called, a patience or a folder that is none.
        ValueError: on a patience below 1.
    """
    check_kind("model", model, Callable, hint="that returns a model")
    check_count("patience", patience)
    folder = None if folder is None else check_path("folder", folder)

    def fit(
        split: Split, settings: Settings, seed: int, k: int = 20
    ) -> tuple[Recommender, Settings]:
        own = {key: value for key, value in settings.items() if key not in TRAINING}
        more = fixed | {key: value for key, value in settings.items() if key in TRAINING}
        more |= {"seed": seed, "k": k}
        fresh = model(split.train.num_users, split.train.num_items, **own)
        if folder is not None:
            parts = [f"{key} {value}" for key, value in (settings | {"seed": seed}).items()]
            more["checkpoint"] = folder / f"{', '.join(parts)}.pt"
        if split.val is None or "epochs" in more:
            train(fresh, split, **more)
            return fresh, settings
        history = train(fresh, split, **more, epochs=150, patience=patience)
        return fresh, settings | {"epochs": history.best_epoch}

    return fit


def grid(**values: Sequence[Any]) -> list[Settings]:
    """All combinations, as dicts.

    >>> grid(a=[1, 2], b=[3])
    [{'a': 1, 'b': 3}, {'a': 2, 'b': 3}]
    """
    return [dict(zip(values, point, strict=True)) for point in product(*values.values())]


RATES = [0.002, 0.005, 0.01]
SOFTMAX = partial(LightGCN, num_layers=2, cosine=True)
FAMILIES = {
    "Popularity": Family(closed_form(Popularity), [{}]),
    "ItemKNN": Family(closed_form(ItemKNN), grid(num_neighbors=[20, 50, 100, 200, 400])),
    "PureSVD": Family(closed_form(PureSVD), grid(embedding_dim=[4, 8, 12, 16, 24, 32, 48])),
    "EASE": Family(closed_form(EASE), grid(reg=[100, 200, 300, 400, 500, 700, 1000])),
    "GF-CF": Family(
        closed_form(GFCF), grid(num_frequencies=[16, 32, 64, 128], alpha=[0.1, 0.3, 1.0, 3.0])
    ),
    "iALS": Family(
        closed_form(IALS),
        grid(embedding_dim=[32, 64, 128], alpha0=[0.1, 0.2, 0.4], reg=[0.0075, 0.015, 0.03]),
    ),
    "MF-BPR": Family(
        trained(MatrixFactorization), grid(reg=[1e-3, 1e-2, 2e-2, 5e-2], lr=RATES), seeded=True
    ),
    "NGCF": Family(
        trained(partial(NGCF, bias=True)), grid(reg=[1e-4, 1e-3, 1e-2], lr=RATES), seeded=True
    ),
    "LightGCN": Family(trained(LightGCN), grid(reg=[1e-4, 1e-3, 1e-2], lr=RATES), seeded=True),
    "LightGCN, softmax": Family(
        trained(SOFTMAX, patience=15, loss="softmax", lr=0.03),
        grid(temperature=[0.2, 0.22, 0.25], reg=[0.1, 0.2, 0.3], embedding_dim=[128]),
    ),
    "LightGCN, softmax, random start": Family(
        trained(SOFTMAX, patience=15, loss="softmax", lr=0.03, initial_embeddings="random"),
        grid(temperature=[0.2, 0.25, 0.3], reg=[0.1, 0.5], embedding_dim=[64, 128]),
        seeded=True,
    ),
}
