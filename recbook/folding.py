"""Fold-in: scores for newcomers from what a fitted model has learned of items."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from torch import Tensor

from recbook.checks import check_kind
from recbook.data import Interactions, check_part
from recbook.graph import train_adjacency
from recbook.models import EASE, IALS, SLIM, ItemKNN, LightGCN, PureSVD

__all__ = ["FoldIn", "fold_in"]

Foldable = PureSVD | EASE | SLIM | ItemKNN | IALS | LightGCN


def fold_in(model: Foldable, liked: Interactions) -> Tensor:
    r"""Scores of all items for users whom the model has not seen, without a new fit.

    With :math:`x` a newcomer's row of ones for the items liked,

    .. math:: \hat{y} = x V V^\top \text{ (PureSVD)}, \qquad
              \hat{y} = x W \text{ (EASE, SLIM, ItemKNN)}, \qquad
              \hat{y}_i = e^\top e_i \text{ with } e \propto \sum_{j : x_j = 1}
              \frac{1}{\sqrt{d_j}} \sum_{k=0}^{K-1} e_j^{(k)} \text{ (LightGCN)}

    These but the last are what the model gives a user of train with the same items. iALS solves
    for the newcomer with the items held, which is half a sweep more than its users had. LightGCN's
    is approximate: the newcomer has no layer 0, which would have to be trained. Its :math:`e` has
    length 1; without ``cosine`` only the order of such scores means something.

    Args:
        model: fitted or trained; of LightGCN one with a layer or more.
        liked: what the newcomers like, with users numbered anew and the model's items.

    Returns:
        Scores, shape ``(liked.num_users, num_items)``; zeros for who likes nothing.

    Raises:
        TypeError: on another model, or what are no interactions.
        ValueError: on another number of items, a LightGCN without layers, or an iALS whose system
            for a newcomer is singular in floats.
        RuntimeError: before the model is fitted or trained.

    Reference: chapter 11, with LightGCN's as formula 11.1.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 0])
    >>> fold_in(EASE(reg=1).fit(train), Interactions.from_pairs([0], [1], 1, 2))
    tensor([[0.6667, 0.0000]], dtype=torch.float64)
    """
    folding = FoldIn(model)
    check_part("liked", liked, num_items=folding.given.shape[0])
    vectors = folding.vectors(liked.user, liked.item, liked.num_users)
    return vectors if folding.items is None else vectors @ folding.items.T


class FoldIn:
    """What :func:`fold_in` makes of a model once, for whoever folds in again and again.

    Attributes:
        given: what an item that is liked adds to a newcomer's vector, a row an item; SLIM's and
            ItemKNN's is sparse. iALS solves a system with the rows instead.
        items: what a newcomer's vector is multiplied with, a row an item; None where the vector is
            the newcomer's scores already, as those of EASE, SLIM and ItemKNN.

    Args:
        model: as for :func:`fold_in`.

    Raises:
        TypeError, ValueError, RuntimeError: as :func:`fold_in`, but for what is liked.
    """

    def __init__(self, model: Foldable) -> None:
        check_kind("model", model, Foldable.__args__, "others have no fold-in here")
        train = model.fitted_on
        if train is None:
            raise RuntimeError(
                f"{type(model).__name__} knows no train part: call fit(train), or train(model, "
                "split)"
            )
        self.given: Any
        self.items: Tensor | None = None
        self._model = model
        if isinstance(model, PureSVD | IALS):
            self.given = self.items = model.item_emb
        elif isinstance(model, EASE | SLIM):
            self.given = model.weight
        elif isinstance(model, ItemKNN):
            self.given = model.similarity
        else:
            self.given, self.items = _lower_layers(model, train), model.final[1]

    def vectors(self, user: Tensor, item: Tensor, num_users: int = 1) -> Tensor:
        """The vectors of newcomers, of whom ``user[n]`` likes ``item[n]``, a row each."""
        if isinstance(self._model, IALS):
            return self._model.solve_for(Interactions(user, item, num_users, len(self.given)))
        if isinstance(self.given, csr_array):
            size = num_users, self.given.shape[0]
            rows = csr_array((np.ones(len(user)), (user.numpy(), item.numpy())), size)
            return torch.from_numpy((rows @ self.given).toarray())
        mine = self.given.new_zeros(num_users, self.given.shape[1])
        mine.index_add_(0, user.to(mine.device), self.given[item.to(mine.device)])
        return F.normalize(mine) if isinstance(self._model, LightGCN) else mine


@torch.no_grad()
def _lower_layers(model: LightGCN, train: Interactions) -> Tensor:
    """The sum of each item's layers below the last, over the root of its degree."""
    if model.num_layers < 1:
        raise ValueError(
            "got a LightGCN with num_layers=0, expected one or more: a newcomer's embedding is "
            "made of the layers of the items; train one with a layer"
        )
    layer = model.embedding.weight
    adj = train_adjacency(train).to(layer.device)
    below = torch.zeros_like(layer)
    for _ in range(model.num_layers):
        below, layer = below + layer, model.propagate(layer, adj)
    root = train.item_degree.clamp(min=1).sqrt().to(layer)  # an item without users stays
    return model.split_nodes(below)[1] / root[:, None]
