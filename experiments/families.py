"""Families beside those of the book: recent ones, and all that are searched on Gowalla."""

from __future__ import annotations

from functools import partial

from experiments.models import DIRECT_AU, MULT_VAE, XSIMGCL
from experiments.models.bspm import BSPM
from experiments.models.scorers import WithPopularity
from experiments.models.user_side import EASEOfUsers
from recbook.models import GFCF, IALS, ItemKNN, PureSVD, RP3beta
from recbook.tuning import FAMILIES, Family, Fit, Range, Space, closed_form, grid, trained

RECENT = {
    "BSPM": Family.drawn(
        closed_form(BSPM),
        num_frequencies=Range(8, 256, whole=True),
        alpha=Range(0.03, 10),
        time=Range(0.2, 5),
    ),
    "Mult-VAE": Family.drawn(
        MULT_VAE,
        seeded=True,
        lr=Range(3e-4, 1e-2),
        kl_weight=Range(0.05, 1),
        latent_dim=Range(32, 256, whole=True),
    ),
    "DirectAU": Family.drawn(
        DIRECT_AU, seeded=True, lr=Range(3e-4, 1e-2), gamma=Range(0.1, 10), reg=Range(1e-5, 0.03)
    ),
    "XSimGCL": Family.drawn(
        XSIMGCL,
        seeded=True,
        lr=Range(5e-4, 0.03),
        weight=Range(0.002, 0.5),
        noise=Range(0.02, 0.5),
        temperature=Range(0.1, 0.5),
    ),
}


def on_gowalla(device: str | None, trials: int = 6) -> dict[str, Family]:
    """What is searched on Gowalla; what is trained, and EASE's inverse, go to the device.

    Its ranges are others than MovieLens': thirty times as many users ask for wider embeddings.
    The softmax has small batches, and a weight for the item's popularity beside the cosine. What
    has 192 dimensions has one setting, found by hand, with two layers, on the validation part; what
    is as published has its authors'.
    """
    frequencies: Space = {"num_frequencies": Range(128, 512, whole=True), "alpha": Range(0.05, 1)}
    neighbors: Space = {"num_neighbors": Range(50, 2000, whole=True)}
    cosines: Space = {
        "temperature": Range(0.05, 0.2),
        "lr": Range(0.005, 0.05),
        "popularity": Range(0.005, 0.1),
        "embedding_dim": [64],
    }

    def closed(model: object, **space: object) -> Family:
        return Family.drawn(closed_form(model), trials, **space)

    def fit(start: str, patience: int) -> Fit:
        more = {"loss": "softmax", "batch_size": 2048, "reg": 0.0, "device": device}
        model = partial(WithPopularity, cosine=True)
        return trained(model, patience=patience, initial_embeddings=start, **more)

    def softmax(start: str, layers: list[int]) -> Family:
        found = fit(start, patience=3)
        return Family.drawn(found, trials, seeded=True, **cosines, num_layers=layers)

    def by_hand(layers: int) -> Family:
        setting = {"temperature": 0.1, "lr": 0.02, "popularity": 0.03, "embedding_dim": 192}
        return Family(fit("smooth", patience=2), [setting | {"num_layers": layers}], seeded=True)

    names = ["MF, softmax, smooth start", "LightGCN, softmax, 1 layer"]
    names += [f"LightGCN, softmax, {number} layers" for number in (2, 3, 4)]

    return {
        "Popularity": FAMILIES["Popularity"],
        "UserKNN": Family.drawn(FAMILIES["UserKNN"].fit, trials, **FAMILIES["UserKNN"].space),
        "ItemKNN": closed(ItemKNN, **neighbors),
        "RP3beta": closed(RP3beta, beta=Range(0.05, 1), **neighbors),
        "PureSVD": closed(PureSVD, embedding_dim=Range(32, 512, whole=True)),
        "GF-CF": closed(GFCF, **frequencies),
        "BSPM": closed(BSPM, **frequencies, time=Range(1, 5)),
        "iALS": closed(
            partial(IALS, nu=1),
            embedding_dim=Range(64, 512, whole=True),
            alpha0=Range(0.001, 0.1),
            reg=Range(0.0005, 0.02),
        ),
        "EASE": closed(partial(EASEOfUsers, device=device), reg=Range(5, 1000)),
        "MF, softmax": softmax("random", [0]),
        "LightGCN, softmax, random start": softmax("random", [1, 2, 3]),
        **{names[n]: softmax("smooth", [n]) for n in (1, 2, 3, 4)},
        **{f"{name}, 192 dimensions": by_hand(n) for n, name in enumerate(names)},
        "GF-CF, as published": Family(closed_form(GFCF), grid(num_frequencies=[256], alpha=[0.3])),
        "BSPM, as published": Family(
            closed_form(BSPM), grid(num_frequencies=[448], alpha=[0.2], time=[2.5])
        ),
    }
