"""Gowalla, the papers' benchmark: a validation part like its test part, and what is trained on it.

The published split has no validation part, and is no uniform draw: the test items of a user are
more like each other than like the user's train items (:func:`company`). :func:`hide_alike` hides
train interactions in the same way.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import diags_array
from torch import Tensor

from recbook.data import Interactions, Split
from recbook.models import LightGCN
from recbook.models.linear import inv_sqrt, smooth_start, user_item_matrix
from recbook.tuning import Family, grid, trained

__all__ = ["WithPopularity", "company", "hide", "hide_alike", "layers", "of_users"]


def hide(train: Interactions, hidden: Tensor) -> Split:
    """Hide the interactions at which ``hidden`` is true, as a test part."""
    return Split(_some(train, ~hidden), test=_some(train, hidden))


def of_users(part: Interactions, users: Tensor) -> Interactions:
    """The interactions of some users alone."""
    return _some(part, torch.isin(part.user, users))


def _some(part: Interactions, which: Tensor) -> Interactions:
    return Interactions(part.user[which], part.item[which], part.num_users, part.num_items)


def hide_alike(train: Interactions, share: float = 0.2, seed: int = 0) -> Split:
    """Hide a share of each user's items that are alike, as a journey's are.

    One item is drawn for each user; hidden are it and those whose cosine with it, of the smooth
    embeddings, is the highest after a uniform number up to 0.3 was added: so many that on Gowalla
    :func:`company` says of it what it says of the published split.
    """
    generator = torch.Generator().manual_seed(seed)
    item_emb = F.normalize(smooth_start(train, 64)[train.num_users :])
    start, _ = train.by_user
    user, item = train.pairs_of(torch.arange(train.num_users))
    drawn = start[:-1] + (torch.rand(train.num_users, generator=generator) * start.diff()).long()
    near = (item_emb[item] * item_emb[item[drawn.clamp(max=len(item) - 1)]][user]).sum(1)
    near += 0.3 * torch.rand(len(item), generator=generator)
    order = torch.argsort(4.0 * user.double() - near)  # by user, the nearest first
    rank = torch.arange(len(item)) - start[user]
    hidden = rank < (share * train.user_degree).ceil()[user]
    ordered = Interactions(user, item[order], train.num_users, train.num_items)
    return hide(ordered, hidden)


def company(split: Split, num_users: int = 3000) -> dict[str, float]:
    """How alike the hidden items of a user are, to each other and to the user's train items.

    Two items are as alike as the cosine of their columns in the train part; means over users.
    """
    matrix = user_item_matrix(split.train)
    columns = (matrix @ diags_array(inv_sqrt(split.train.item_degree))).tocsc()
    several = torch.nonzero((split.test.user_degree > 1) & (split.train.user_degree > 0)).flatten()
    pick = torch.randperm(len(several), generator=torch.Generator().manual_seed(0))[:num_users]
    means = []
    for user in several[pick].split(1):
        hidden, seen = (
            columns[:, part.pairs_of(user)[1].numpy()] for part in (split.test, split.train)
        )
        among = (hidden.T @ hidden).toarray()
        others = ~np.eye(len(among), dtype=bool)
        means.append([among[others].mean(), (hidden.T @ seen).mean()])
    each_other, to_train = np.mean(means, axis=0)
    degree, (train, test) = split.train.item_degree.float(), (split.train, split.test)
    return {
        "each_other": each_other,
        "to_train": to_train,
        "train_users_of_train_items": degree[train.item].mean().item() - 1,  # besides this one
        "train_users_of_test_items": degree[test.item].mean().item(),
    }


def layers(number: int, folder: Path) -> Family:
    """A softmax LightGCN for Gowalla, with checkpoints in a folder; without layers it is MF.

    The settings were found by hand, with two layers, on what :func:`hide_alike` hides.
    """
    model = partial(WithPopularity, num_layers=number, cosine=True, popularity=0.03)
    more = {"loss": "softmax", "lr": 0.02, "batch_size": 2048}
    fit = trained(model, patience=2, smooth=True, folder=folder, **more)
    return Family(fit, grid(temperature=[0.1], reg=[0.0], embedding_dim=[192]))


class WithPopularity(LightGCN):
    r"""LightGCN whose scores have :math:`w \ln(1 + d_i)` added, with the item's degree."""

    def __init__(self, num_users: int, num_items: int, popularity: float, **settings: Any) -> None:
        super().__init__(num_users, num_items, **settings)
        self.popularity = popularity

    def forward(self, graph: Tensor) -> tuple[Tensor, Tensor]:
        """Final embeddings of all users and items, with one number more for the sum."""
        user_emb, item_emb = super().forward(graph)
        degree = graph.crow_indices().diff()[self.num_users :, None]
        return (
            torch.cat([user_emb, user_emb.new_ones(len(user_emb), 1)], dim=1),
            torch.cat([item_emb, self.popularity * degree.log1p()], dim=1),
        )
