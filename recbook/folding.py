"""Fold-in: scores for newcomers from what a fitted model has learned of items."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from recbook.checks import check_kind
from recbook.data import Interactions, check_part
from recbook.graph import train_adjacency
from recbook.models import EASE, LightGCN, PureSVD

__all__ = ["fold_in"]


def fold_in(model: PureSVD | EASE | LightGCN, liked: Interactions) -> Tensor:
    r"""Scores of all items for users whom the model has not seen, without a new fit.

    With :math:`x` a newcomer's row of ones for the items liked,

    .. math:: \hat{y} = x V V^\top \text{ (PureSVD)}, \qquad \hat{y} = x W \text{ (EASE)}, \qquad
              \hat{y}_i = e^\top e_i \text{ with } e \propto \sum_{j : x_j = 1}
              \frac{1}{\sqrt{d_j}} \sum_{k=0}^{K-1} e_j^{(k)} \text{ (LightGCN)}

    The first two are what the model gives a user of train with the same items. LightGCN's is
    approximate: the newcomer has no layer 0, which would have to be trained. Its :math:`e` has
    length 1; without ``cosine`` only the order of such scores means something.

    Args:
        model: fitted or trained; of LightGCN one with a layer or more.
        liked: what the newcomers like, with users numbered anew and the model's items.

    Returns:
        Scores, shape ``(liked.num_users, num_items)``; zeros for who likes nothing.

    Raises:
        TypeError: on another model, or what are no interactions.
        ValueError: on another number of items, or a LightGCN without layers.
        RuntimeError: before the model is fitted or trained.

    Reference: chapter 11, with LightGCN's as formula 11.1.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 0])
    >>> fold_in(EASE(reg=1).fit(train), Interactions.from_pairs([0], [1], 1, 2))
    tensor([[0.6667, 0.0000]], dtype=torch.float64)
    """
    check_kind("model", model, (PureSVD, EASE, LightGCN), "others have no fold-in here")
    train = model.fitted_on
    if train is None:
        raise RuntimeError(
            f"{type(model).__name__} knows no train part: call fit(train), or train(model, split)"
        )
    check_part("liked", liked, num_items=train.num_items)
    rows: Any = torch.from_numpy(liked.matrix.toarray())
    if isinstance(model, PureSVD):
        return rows @ model.item_emb @ model.item_emb.T
    if isinstance(model, EASE):
        return rows @ model.weight
    return _from_layers(model, train, rows)


@torch.no_grad()
def _from_layers(model: LightGCN, train: Interactions, rows: Tensor) -> Tensor:
    if model.num_layers < 1:
        raise ValueError(
            "got a LightGCN with num_layers=0, expected one or more: a newcomer's embedding is "
            "made of the layers of the items; train one with a layer"
        )
    _, item_emb = model.final
    layer, adj = model.embedding.weight, train_adjacency(train).to(item_emb.device)
    below = torch.zeros_like(layer)
    for _ in range(model.num_layers):
        below, layer = below + layer, model.propagate(layer, adj)
    root = train.item_degree.clamp(min=1).sqrt().to(item_emb)  # an item without users stays
    mine = (rows.to(item_emb) / root) @ model.split_nodes(below)[1]
    return F.normalize(mine) @ item_emb.T
