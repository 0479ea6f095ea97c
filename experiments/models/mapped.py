"""What a new item would be to a model that knows only items of train, judged by its features."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array, hstack
from torch import Tensor

from recbook.data import Interactions

__all__ = ["mean_over_links", "nearest_by_features", "ridge"]


def ridge(features: csr_array, known: Tensor, targets: Tensor, new: Tensor, reg: float) -> Tensor:
    r"""The targets of new items, predicted linearly from their features.

    .. math:: \hat{T} = X_\text{new} (X^\top X + \mathrm{reg} \cdot I)^{-1} X^\top T

    with a column of ones in :math:`X`. Targets may be embeddings or, since all is linear, an item's
    scores with all users: scores of predicted embeddings are the predicted scores.

    Args:
        features: a row for each item.
        known: the items whose targets are known, shape ``(n,)``.
        targets: theirs, shape ``(n, d)``.
        new: the items to predict, shape ``(m,)``.
        reg: weight of the penalty; each item counts once, however popular.

    Returns:
        Shape ``(m, d)``, in floats.
    """
    x = hstack([features, np.ones((features.shape[0], 1))], format="csr").astype(np.float32)
    mine, theirs = x[known.numpy()], x[new.numpy()]
    gram = torch.from_numpy((mine.T @ mine).toarray())
    gram.diagonal().add_(reg)
    right = torch.from_numpy(mine.T @ targets.float().numpy())
    weight = torch.cholesky_solve(right, torch.linalg.cholesky(gram))
    return torch.from_numpy(theirs @ weight.numpy())


def nearest_by_features(
    features: csr_array, known: Tensor, new: Tensor, num_neighbors: int
) -> Tensor:
    """The weights of each new item's nearest items, cosines over their sum, shape ``(n, m)``.

    Args:
        features: a row of length 1 for each item.
        known: the items that can be near, shape ``(n,)``.
        new: those that are looked for, shape ``(m,)``.
        num_neighbors: how many are kept; what is as near as the last of them is kept as well.
    """
    near = features[known.numpy()].astype(np.float32) @ features[new.numpy()].T.astype(np.float32)
    cosine = torch.from_numpy(near.toarray())
    lowest = cosine.topk(min(num_neighbors, len(known)), dim=0).values[-1]
    kept = torch.where(cosine >= lowest, cosine, 0)
    return kept / kept.sum(0).clamp(min=1e-9)


def mean_over_links(links: csr_array, train: Interactions, item_emb: Tensor) -> csr_array:
    """Features that are the mean of linked train items' embeddings, rows of length 1 or 0."""
    heard = links * (train.item_degree > 0).numpy()[None, :]
    total = csr_array(heard) @ item_emb.numpy()
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return csr_array(total / np.maximum(length, 1e-9))
