"""Recent families, of which the book says a row each."""

from __future__ import annotations

from experiments.models import DIRECT_AU, MULT_VAE, XSIMGCL
from experiments.models.bspm import BSPM
from recbook.tuning import Family, Range, closed_form

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
    "DirectAU, MF": Family.drawn(
        DIRECT_AU, seeded=True, lr=Range(3e-4, 1e-2), gamma=Range(0.1, 10), reg=Range(1e-7, 1e-3)
    ),
    "DirectAU, LightGCN": Family.drawn(
        DIRECT_AU, seeded=True, lr=Range(3e-4, 1e-2), gamma=Range(0.1, 10), num_layers=[1, 2]
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
