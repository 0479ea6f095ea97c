"""Fold-in: scores for newcomers from what a fitted model has learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from torch import Tensor

from recbook.checks import check_kind
from recbook.data import Interactions, check_part
from recbook.graph import train_adjacency
from recbook.models import (
    EASE,
    GFCF,
    IALS,
    SLIM,
    BaseRecommender,
    ItemKNN,
    LightGCN,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.vectors import vectors_of

__all__ = ["FoldIn", "fold_in", "fold_in_item"]

Foldable = PureSVD | EASE | SLIM | ItemKNN | RP3beta | GFCF | UserKNN | IALS | LightGCN | Popularity


def fold_in(model: Foldable, liked: Interactions) -> Tensor:
    r"""Scores of all items for users whom the model has not seen, without a new fit.

    With :math:`x` a newcomer's row of ones for the :math:`n` items liked,

    .. math:: \hat{y} &= x W \text{ (EASE)} \\
              \hat{y} &= \tfrac1n \, x W \text{ (RP3beta)} \\
              \hat{y} &= x V V^\top \text{ (PureSVD)} \\
              \hat{y}_i &= e^\top e_i \text{ (LightGCN)}, \\
              e &\propto \sum_{j : x_j = 1} \frac{1}{\sqrt{d_j}} \sum_{k=0}^{K-1} e_j^{(k)}

    and EDLAE, SLIM, ItemKNN and GFCF as EASE. All but LightGCN's, and Popularity's counts, are what
    the model gives a user of train with the same items. UserKNN sums over the newcomer's nearest in
    train, as a fit with this newcomer besides would; a user of train with the same items is one of
    them. iALS solves for the newcomer with the items held, which is half a sweep more than its
    users had. LightGCN's is approximate: the newcomer has no layer 0, which would have to be
    trained. Its :math:`e` has length 1; without ``cosine`` only the order of such scores means
    something.

    MatrixFactorization and NGCF have no such formula: what they know of a user are embeddings that
    gradient steps have found. :func:`recbook.updating.train_on` takes such steps for the first.

    Args:
        model: fitted or trained; of LightGCN one with a layer or more.
        liked: what the newcomers like, with users numbered anew and the model's items.

    Returns:
        Scores, shape ``(liked.num_users, num_items)``; zeros for who likes nothing, unless they are
        Popularity's.

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
    check_part("liked", liked, num_items=model.num_items)
    vectors = folding.vectors(liked.user, liked.item, liked.num_users)
    return vectors if folding.items is None else vectors @ folding.items.T


def fold_in_item(model: BaseRecommender, users: Tensor | Sequence[int]) -> Tensor:
    r"""Scores of an item that the model has not seen, for all users, by the first who have it.

    .. math:: \hat{y}_u = \frac{e_u^\top}{\|e_u\|} \frac{1}{|\mathcal{N}|}
              \sum_{v \in \mathcal{N}} \frac{e_v}{\|e_v\|}

    with :math:`\mathcal{N}` these users: how much a user is like them, on average. It says whom to
    show the item to. It is no place for the item among others, which have scores of their own.

    Args:
        model: one that has vectors, as :func:`recbook.vectors.vectors_of` takes it.
        users: positions of those who have the item; ``split.position`` looks up raw ids.

    Returns:
        Shape ``(num_users,)``, from -1 to 1; 0 for users of whom nothing is known, and for all
        where nobody has the item.

    Raises:
        TypeError: on a model without vectors, or what are no positions.
        ValueError: on positions out of range.
        RuntimeError: before the model is fitted or trained.

    Reference: chapter 14.

    User 0 has the new item, and user 1 has the same items as user 0.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 2])
    >>> fold_in_item(PureSVD(2).fit(train), [0]).abs().round(decimals=4).tolist()
    [1.0, 1.0, 0.0]
    """
    user_emb = F.normalize(vectors_of(model)[0])
    if model.known_users is not None:
        user_emb = user_emb * model.known_users[:, None]
    having = model.positions(users).unique().to(user_emb.device)
    return user_emb @ user_emb[having].sum(0) / max(len(having), 1)


class FoldIn:
    """What :func:`fold_in` makes of a model once, for whoever folds in again and again.

    Attributes:
        given: what an item that is liked adds to a newcomer's vector, a row an item, or None where
            vectors are no such sums; sparse of SLIM, ItemKNN and RP3beta, which takes the mean.
        items: what a newcomer's vector is multiplied with, a row an item; None where the vector is
            the newcomer's scores already: of all models but PureSVD, iALS and LightGCN.

    Args:
        model: as for :func:`fold_in`.

    Raises:
        TypeError, ValueError, RuntimeError: as :func:`fold_in`, but for what is liked.
    """

    def __init__(self, model: Foldable) -> None:
        hint = (
            "others have no formula for newcomers: put them into train by grow, then call train_on "
            "or fit again; GraphSAGE has user_vectors"
        )
        check_kind("model", model, Foldable.__args__, hint)
        train = model.fitted_on
        if train is None:
            raise RuntimeError(
                f"{type(model).__name__} knows no train part: call fit(train), or train(model, "
                "split)"
            )
        self.given: Any = None
        self.items: Tensor | None = None
        self._model = model
        if isinstance(model, PureSVD):
            self.given = self.items = model.item_emb
        elif isinstance(model, IALS):
            self.items = model.item_emb
        elif isinstance(model, EASE | SLIM | RP3beta):
            self.given = model.weight
        elif isinstance(model, ItemKNN):
            self.given = model.similarity
        elif isinstance(model, LightGCN):
            self.given, self.items = _lower_layers(model, train), model.final[1]

    def vectors(self, user: Tensor, item: Tensor, num_users: int = 1) -> Tensor:
        """The vectors of newcomers, of whom ``user[n]`` likes ``item[n]``, a row each."""
        model = self._model
        liked = Interactions(user, item, num_users, model.num_items)
        if isinstance(model, Popularity):
            return model.score(torch.zeros(1, dtype=torch.long)).expand(num_users, -1)
        if isinstance(model, IALS):
            return model.solve_for(liked)
        if isinstance(model, UserKNN | GFCF):
            return model.score_rows(liked.matrix)
        if isinstance(self.given, csr_array):
            scores = torch.from_numpy((liked.matrix @ self.given).toarray())
            mean = isinstance(model, RP3beta)
            return scores / liked.user_degree.clamp(min=1)[:, None] if mean else scores
        mine = self.given.new_zeros(num_users, self.given.shape[1])
        mine.index_add_(0, user.to(mine.device), self.given[item.to(mine.device)])
        return F.normalize(mine) if isinstance(model, LightGCN) else mine


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
