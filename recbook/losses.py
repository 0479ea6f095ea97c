"""What training minimises."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["bpr_loss", "l2_penalty"]


def bpr_loss(pos_score: Tensor, neg_score: Tensor) -> Tensor:
    r"""Bayesian personalised ranking: the positive should score above the negative.

    .. math:: L = -\frac{1}{B} \sum_b \ln \sigma(s^+_b - s^-_b)
              = \frac{1}{B} \sum_b \mathrm{softplus}(s^-_b - s^+_b)

    The second form cannot overflow: :math:`\ln\sigma(x)` rounds to :math:`\ln 0` for large
    negative :math:`x`, softplus grows linearly there.

    Args:
        pos_score: scores of the positives, shape ``(B,)``.
        neg_score: scores of the negatives, shape ``(B,)``.

    Returns:
        The mean over the batch, a scalar. (Rendle et al. sum; a mean keeps the learning rate
        independent of the batch size.)

    Reference: Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009,
    section 4.1.

    >>> round(bpr_loss(torch.tensor([2.0]), torch.tensor([2.0])).item(), 4)  # ln 2: a coin toss
    0.6931
    """
    return F.softplus(neg_score - pos_score).mean()


def l2_penalty(*embeddings: Tensor) -> Tensor:
    r"""Half the squared norm of a batch's embeddings, a triplet's mean.

    .. math:: \frac{1}{2B} \sum_b \sum_{x \in \{u, i, j\}} \|e_x^{(0)}\|^2

    Args:
        *embeddings: each of shape ``(B, embedding_dim)``. LightGCN penalises its layer-0
            embeddings, the only parameters that it has (equation 15 of its paper).

    Returns:
        A scalar; multiply it by ``reg``.

    >>> l2_penalty(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])).item()
    14.5
    """
    return sum((x.square().sum() for x in embeddings), torch.zeros(())) / (2 * len(embeddings[0]))
