"""Choosing settings on validation, the same way for every model, then fitting again.

A :class:`Family` is a model with the settings worth trying. :func:`tune` fits each of them on the
train part and keeps what recalls most of the validation part; ``family.fit`` then fits what was
chosen on all that is not test. The tuner is handed a split whose test part has been taken out, so
that no mistake in it can look there.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.stats import qmc

from recbook.checks import check_count, check_kind, check_number, check_path, check_seed
from recbook.data import Split
from recbook.evaluation import Recommender, evaluate
from recbook.models import (
    EASE,
    EDLAE,
    GFCF,
    IALS,
    NGCF,
    SLIM,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.training import train

__all__ = [
    "FAMILIES",
    "Choice",
    "Family",
    "Fit",
    "Range",
    "Settings",
    "Space",
    "closed_form",
    "draw",
    "grid",
    "hide_test",
    "trained",
    "tune",
]

#: A model's settings, by name.
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
        space: what the grid was drawn from, where it was drawn.
    """

    fit: Fit
    grid: Sequence[Settings]
    seeded: bool = False
    space: Space = field(default_factory=dict)

    @classmethod
    def drawn(
        cls, fit: Fit, trials: int = 12, seeded: bool = False, **space: Range | Sequence[Any]
    ) -> Family:
        """A family whose grid is so many settings from ``space``, by :func:`draw`."""
        return cls(fit, draw(space, trials), seeded, space)


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


@dataclass(frozen=True)
class Range:
    """Numbers to draw from, evenly on a logarithmic scale; rounded to two digits that count.

    Args:
        low: the lowest, above 0.
        high: the highest.
        whole: whether they are whole numbers.

    Raises:
        TypeError: on what are no numbers.
        ValueError: on ends that are not above 0, or not in order.
    """

    low: float
    high: float
    whole: bool = False

    def __post_init__(self) -> None:
        check_number("low", self.low, above=0)
        check_number("high", self.high, above=self.low)
        check_kind("whole", self.whole, bool)

    def at(self, share: float) -> float:
        """The number at a share of the way from the lowest to the highest."""
        number = self.low * (self.high / self.low) ** share
        return round(number) if self.whole else float(f"{number:.2g}")


#: For each setting, the range or the list to choose from.
Space = Mapping[str, Range | Sequence[Any]]


def draw(space: Space, number: int, seed: int = 0) -> list[Settings]:
    """Settings that fill the ranges evenly: the points of a scrambled Halton sequence.

    Args:
        space: by name a range of numbers, or a list of values.
        number: how many settings.
        seed: of the scrambling.

    Raises:
        TypeError: on what is no such space, or no whole number.
        ValueError: on a number below 1, or a list without values.

    >>> [sorted(one) for one in draw({"reg": Range(0.01, 1), "nu": [0, 1]}, number=2)]
    [['nu', 'reg'], ['nu', 'reg']]
    """
    check_kind("space", space, Mapping, hint='e.g. {"reg": Range(0.01, 1)}')
    check_count("number", number)
    check_seed(seed)
    for name, where in space.items():
        check_kind(f"space[{name!r}]", where, (Range, list, tuple))
        if where in ([], ()):
            raise ValueError(f"space[{name!r}]: got no value, expected at least one")
    if not space:
        return [{}]
    points = qmc.Halton(len(space), rng=np.random.default_rng(seed)).random(number)
    return [
        {
            name: where.at(x) if isinstance(where, Range) else where[int(x * len(where))]
            for (name, where), x in zip(space.items(), point, strict=True)
        }
        for point in points
    ]


def _softmax(**fixed: Any) -> Fit:
    return trained(partial(LightGCN, cosine=True), patience=15, loss="softmax", **fixed)


_COSINES: dict[str, Any] = {
    "temperature": Range(0.1, 0.6),
    "reg": Range(0.01, 3),
    "lr": Range(0.005, 0.1),
    "embedding_dim": [64, 128],
}
_PAIRS: dict[str, Any] = {"lr": Range(5e-4, 0.03), "reg": Range(1e-5, 0.1)}
#: The search of the book, with as many trials for each family; its ranges hold what others chose.
FAMILIES = {
    "Popularity": Family(closed_form(Popularity), [{}]),
    "ItemKNN": Family.drawn(closed_form(ItemKNN), num_neighbors=Range(5, 1000, whole=True)),
    "UserKNN": Family.drawn(closed_form(UserKNN), num_neighbors=Range(5, 400, whole=True)),
    "RP3beta": Family.drawn(
        closed_form(RP3beta), beta=Range(0.1, 1.5), num_neighbors=Range(20, 1500, whole=True)
    ),
    "PureSVD": Family.drawn(closed_form(PureSVD), embedding_dim=Range(4, 128, whole=True)),
    "EASE": Family.drawn(closed_form(EASE), reg=Range(20, 5000)),
    "EDLAE": Family.drawn(closed_form(EDLAE), reg=Range(10, 3000), dropout=Range(0.2, 0.95)),
    "SLIM": Family.drawn(closed_form(SLIM), l1=Range(0.1, 20), l2=Range(1, 1000)),
    "GF-CF": Family.drawn(
        closed_form(GFCF), num_frequencies=Range(8, 256, whole=True), alpha=Range(0.03, 10)
    ),
    "iALS": Family.drawn(
        closed_form(partial(IALS, nu=1)),
        embedding_dim=Range(16, 256, whole=True),
        alpha0=Range(0.02, 1),
        reg=Range(0.002, 0.2),
    ),
    "iALS, equal penalty": Family.drawn(
        closed_form(partial(IALS, nu=0)),
        embedding_dim=Range(16, 256, whole=True),
        alpha0=Range(0.01, 0.5),
        reg=Range(0.3, 50),
    ),
    "LightGCN, softmax": Family.drawn(_softmax(), **_COSINES, num_layers=[1, 2, 3]),
    "LightGCN, softmax, random start": Family.drawn(
        _softmax(initial_embeddings="random"), seeded=True, **_COSINES, num_layers=[1, 2, 3]
    ),
    "MF, softmax": Family.drawn(
        _softmax(initial_embeddings="random"), seeded=True, **_COSINES, num_layers=[0]
    ),
    "MF-BPR": Family.drawn(
        trained(MatrixFactorization), seeded=True, **_PAIRS, embedding_dim=[64, 128]
    ),
    "LightGCN": Family.drawn(
        trained(LightGCN), seeded=True, **_PAIRS, embedding_dim=[64, 128], num_layers=[2, 3, 4]
    ),
    "NGCF": Family.drawn(
        trained(partial(NGCF, bias=True)), seeded=True, **_PAIRS, dropout=[0.0, 0.1, 0.3]
    ),
}
