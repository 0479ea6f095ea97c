"""Recommenders that stand in experiments alone, and what is tried of those that are tuned."""

from __future__ import annotations

from experiments.models.bspm import BSPM
from experiments.models.direct_au import start_direct_au
from experiments.models.epochs import by_epochs
from experiments.models.mult_vae import start_mult_vae
from experiments.models.xsimgcl import start_xsimgcl
from recbook.tuning import Family, closed_form, grid

__all__ = ["MORE_FAMILIES"]

DIRECT_AU = by_epochs(start_direct_au)
XSIMGCL = by_epochs(start_xsimgcl, patience=20)  # validation falls first where contrast weighs much
MULT_VAE = by_epochs(start_mult_vae, patience=20, max_epochs=300)
GAMMAS = [0.3, 0.4, 0.5, 0.7, 1.0, 2.0, 5.0]
MORE_FAMILIES = {
    "BSPM": Family(
        closed_form(BSPM),
        grid(
            num_frequencies=[16, 32, 64, 128], alpha=[0.1, 0.3, 1.0], time=[0.5, 1.0, 1.5, 2.0, 2.5]
        ),
    ),
    "Mult-VAE": Family(
        MULT_VAE,
        grid(lr=[3e-4, 1e-3, 3e-3], kl_weight=[0.1, 0.2, 0.5, 1.0], latent_dim=[50, 200]),
        seeded=True,
    ),
    "DirectAU, MF": Family(
        DIRECT_AU,
        grid(lr=[1e-3, 5e-3], gamma=GAMMAS, reg=[1e-6, 1e-4], batch_size=[256]),
        seeded=True,
    ),
    "DirectAU, LightGCN": Family(
        DIRECT_AU,
        grid(lr=[1e-3, 5e-3], gamma=GAMMAS, num_layers=[1, 2], batch_size=[256]),
        seeded=True,
    ),
    "XSimGCL": Family(
        XSIMGCL,
        grid(
            lr=[0.005, 0.01],
            weight=[0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
            noise=[0.05, 0.2],
            temperature=[0.15, 0.3],
        ),
        seeded=True,
    ),
}
