"""Recent families, of which the book says a row each."""

from __future__ import annotations

from experiments.models import DIRECT_AU, MULT_VAE, XSIMGCL
from experiments.models.bspm import BSPM
from recbook.tuning import Family, Range, closed_form, draw

RECENT = {
    "BSPM": Family(
        closed_form(BSPM),
        draw(
            {
                "num_frequencies": Range(8, 256, whole=True),
                "alpha": Range(0.03, 10),
                "time": Range(0.2, 5),
            }
        ),
    ),
    "Mult-VAE": Family(
        MULT_VAE,
        draw(
            {
                "lr": Range(3e-4, 1e-2),
                "kl_weight": Range(0.05, 1),
                "latent_dim": Range(32, 256, whole=True),
            }
        ),
        seeded=True,
    ),
    "DirectAU, MF": Family(
        DIRECT_AU,
        draw({"lr": Range(3e-4, 1e-2), "gamma": Range(0.1, 10), "reg": Range(1e-7, 1e-3)}),
        seeded=True,
    ),
    "DirectAU, LightGCN": Family(
        DIRECT_AU,
        draw({"lr": Range(3e-4, 1e-2), "gamma": Range(0.1, 10), "num_layers": [1, 2]}),
        seeded=True,
    ),
    "XSimGCL": Family(
        XSIMGCL,
        draw(
            {
                "lr": Range(5e-4, 0.03),
                "weight": Range(0.002, 0.5),
                "noise": Range(0.02, 0.5),
                "temperature": Range(0.1, 0.5),
            }
        ),
        seeded=True,
    ),
}
