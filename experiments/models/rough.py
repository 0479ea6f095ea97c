"""Where a softmax over tens of thousands of items would take hours: products in bfloat16."""

from __future__ import annotations

import torch

from recbook.data import Split
from recbook.evaluation import Recommender
from recbook.tuning import Fit, Settings

__all__ = ["in_bfloat16"]


def in_bfloat16(fit: Fit) -> Fit:
    """The same way to fit, with :func:`recbook.losses.softmax_loss` rounding scores and shares."""

    def rough(
        split: Split, settings: Settings, seed: int, k: int = 20
    ) -> tuple[Recommender, Settings]:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("medium")
        try:
            return fit(split, settings, seed, k)
        finally:
            torch.set_float32_matmul_precision(before)

    return rough
