"""Recommenders that stand in experiments alone, and how those that are trained are fitted."""

from __future__ import annotations

from experiments.models.direct_au import start_direct_au
from experiments.models.epochs import by_epochs
from experiments.models.mult_vae import start_mult_vae
from experiments.models.xsimgcl import start_xsimgcl

__all__ = ["DIRECT_AU", "MULT_VAE", "XSIMGCL"]

DIRECT_AU = by_epochs(start_direct_au)
XSIMGCL = by_epochs(start_xsimgcl, patience=20)  # validation falls first where contrast weighs much
MULT_VAE = by_epochs(start_mult_vae, patience=20, max_epochs=300)
