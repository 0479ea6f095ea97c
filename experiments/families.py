"""The families that are searched alike: each with a range for whatever its authors tune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import qmc

from experiments.models import DIRECT_AU, MULT_VAE, XSIMGCL
from experiments.models.bspm import BSPM
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
from recbook.tuning import Family, Fit, Settings, closed_form, trained

TRIALS = 12


@dataclass(frozen=True)
class Range:
    """Numbers to draw from, evenly on a logarithmic scale; rounded to two digits that count."""

    low: float
    high: float
    whole: bool = False

    def at(self, share: float) -> float:
        """The number at a share of the way from the lowest to the highest."""
        number = self.low * (self.high / self.low) ** share
        return round(number) if self.whole else float(f"{number:.2g}")


Space = Mapping[str, Range | Sequence[Any]]


def draw(space: Space, number: int, seed: int = 0) -> list[Settings]:
    """Settings that fill the ranges evenly: the points of a scrambled Halton sequence.

    >>> [sorted(one) for one in draw({"reg": Range(0.01, 1), "nu": [0, 1]}, number=2)]
    [['nu', 'reg'], ['nu', 'reg']]
    """
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


def at_an_edge(space: Space, settings: Settings) -> list[str]:
    """The settings that lie within a twentieth of their range's ends, where more might be won."""
    found = []
    for name, where in space.items():
        if isinstance(where, Range):
            share = np.log(settings[name] / where.low) / np.log(where.high / where.low)
            if not 0.05 < share < 0.95:
                found.append(name)
    return found


def whole(low: int, high: int) -> Range:
    """A range of whole numbers."""
    return Range(low, high, whole=True)


def softmax(**fixed: Any) -> Fit:
    """LightGCN, or without layers MF, trained with the softmax over all items."""
    return trained(partial(LightGCN, cosine=True), patience=15, loss="softmax", **fixed)


SOFTMAX: Space = {
    "temperature": Range(0.1, 0.6),
    "reg": Range(0.01, 3),
    "lr": Range(0.005, 0.1),
    "embedding_dim": [64, 128],
}
PAIRS: Space = {"lr": Range(5e-4, 0.03), "reg": Range(1e-5, 0.1)}
# What is tried of each; drawn once, so that all splits try the same.
SPACES: dict[str, tuple[Fit, Space]] = {
    "Popularity": (closed_form(Popularity), {}),
    "ItemKNN": (closed_form(ItemKNN), {"num_neighbors": whole(5, 1000)}),
    "UserKNN": (closed_form(UserKNN), {"num_neighbors": whole(5, 400)}),
    "RP3beta": (
        closed_form(RP3beta), {"beta": Range(0.1, 1.5), "num_neighbors": whole(20, 1500)}
    ),
    "PureSVD": (closed_form(PureSVD), {"embedding_dim": whole(4, 128)}),
    "EASE": (closed_form(EASE), {"reg": Range(20, 5000)}),
    "EDLAE": (closed_form(EDLAE), {"reg": Range(10, 3000), "dropout": Range(0.2, 0.95)}),
    "SLIM": (closed_form(SLIM), {"l1": Range(0.1, 20), "l2": Range(1, 1000)}),
    "GF-CF": (
        closed_form(GFCF), {"num_frequencies": whole(8, 256), "alpha": Range(0.03, 10)}
    ),
    "iALS": (
        closed_form(partial(IALS, nu=1)),
        {"embedding_dim": whole(16, 256), "alpha0": Range(0.02, 1), "reg": Range(0.002, 0.2)},
    ),
    "iALS, equal penalty": (
        closed_form(partial(IALS, nu=0)),
        {"embedding_dim": whole(16, 256), "alpha0": Range(0.01, 0.5), "reg": Range(0.3, 50)},
    ),
    "LightGCN, softmax": (softmax(), SOFTMAX | {"num_layers": [1, 2, 3]}),
    "LightGCN, softmax, random start": (
        softmax(initial_embeddings="random"), SOFTMAX | {"num_layers": [1, 2, 3]}
    ),
    "MF, softmax": (softmax(initial_embeddings="random"), SOFTMAX | {"num_layers": [0]}),
    "MF-BPR": (trained(MatrixFactorization), PAIRS | {"embedding_dim": [64, 128]}),
    "LightGCN": (
        trained(LightGCN), PAIRS | {"embedding_dim": [64, 128], "num_layers": [2, 3, 4]}
    ),
    "NGCF": (trained(partial(NGCF, bias=True)), PAIRS | {"dropout": [0.0, 0.1, 0.3]}),
}  # fmt: skip
# Recent ones that the book names in a row each.
RECENT: dict[str, tuple[Fit, Space]] = {
    "BSPM": (
        closed_form(BSPM),
        {
            "num_frequencies": whole(8, 256),
            "alpha": Range(0.03, 10),
            "time": Range(0.2, 5),
        },
    ),
    "Mult-VAE": (
        MULT_VAE,
        {"lr": Range(3e-4, 1e-2), "kl_weight": Range(0.05, 1), "latent_dim": whole(32, 256)},
    ),
    "DirectAU, MF": (
        DIRECT_AU,
        {"lr": Range(3e-4, 1e-2), "gamma": Range(0.1, 10), "reg": Range(1e-7, 1e-3)},
    ),
    "DirectAU, LightGCN": (
        DIRECT_AU,
        {"lr": Range(3e-4, 1e-2), "gamma": Range(0.1, 10), "num_layers": [1, 2]},
    ),
    "XSimGCL": (
        XSIMGCL,
        {
            "lr": Range(5e-4, 0.03),
            "weight": Range(0.002, 0.5),
            "noise": Range(0.02, 0.5),
            "temperature": Range(0.1, 0.5),
        },
    ),
}  # fmt: skip


def families(spaces: Mapping[str, tuple[Fit, Space]]) -> dict[str, Family]:
    """Each with its trials; what is trained has a seed, unless it starts from the graph."""
    return {
        name: Family(fit, draw(space, TRIALS), seeded="lr" in space and name != "LightGCN, softmax")
        for name, (fit, space) in spaces.items()
    }
