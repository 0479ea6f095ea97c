"""What is tried on newcomers: baselines, models of features, and models with a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, hstack
from torch import Tensor

from experiments.models.mapped import mean_over_links, nearest_by_features, ridge
from experiments.models.user_side import EASEOfUsers
from recbook.data import Interactions, Newcomers, Split
from recbook.folding import FoldIn
from recbook.models import IALS, GraphSAGE, LightGCN
from recbook.training import train as train_model
from recbook.tuning import Range, Space


@dataclass(frozen=True)
class Case:
    """One split of one data set: what is known, and the newcomers that are asked about."""

    train: Interactions
    newcomers: Newcomers
    item_features: csr_array
    user_features: csr_array | None
    links: csr_array
    most: int

    @property
    def known(self) -> Tensor:
        """The items of train."""
        return torch.nonzero(self.train.item_degree).flatten()

    @property
    def new(self) -> Tensor:
        """The new items."""
        return torch.nonzero(self.newcomers.items.item_degree).flatten()


@dataclass(frozen=True)
class Fitted:
    """What a model answers: new items for known users, all items for new users; or None.

    Args:
        items: scores of shape ``(num_users, len(case.new))``.
        users: scores of shape ``(named.num_users, num_items)``, of what users name and which they
            are.
    """

    items: Tensor | None = None
    users: Callable[[Interactions, Tensor], Tensor] | None = None


def popularity(case: Case, reg: float) -> Fitted:
    """A new item is as popular as its features say."""
    degree = case.train.item_degree.float()
    guess = ridge(case.item_features, case.known, degree[case.known, None], case.new, reg)
    return Fitted(
        guess.T.expand(case.train.num_users, -1),
        lambda named, _: degree.expand(named.num_users, -1),
    )


def neighbors(case: Case, num_neighbors: int) -> Fitted:
    """Neighbours by features alone: of a new item, and of the items that a new user names."""
    weight = nearest_by_features(case.item_features, case.known, case.new, num_neighbors)
    items = torch.from_numpy(case.train.matrix.astype(np.float32)[:, case.known.numpy()] @ weight)

    def users(named: Interactions, _: Tensor) -> Tensor:
        profile = named.matrix @ case.item_features
        return torch.from_numpy((profile @ case.item_features.T).toarray())

    return Fitted(items, users)


def ease(case: Case, ease_reg: float, reg: float) -> Fitted:
    """EASE's scores of the items of train, mapped from their features."""
    model = EASEOfUsers(ease_reg).fit(case.train)
    score = model.score(torch.arange(case.train.num_users))[:, case.known]
    return Fitted(ridge(case.item_features, case.known, score.T, case.new, reg).T)


def ials(case: Case, reg: float, links: bool = False, **settings: Any) -> Fitted:
    """iALS's embeddings, mapped from features; with ``links``, from those of linked items too."""
    model = IALS(reg=settings.pop("ials_reg"), num_sweeps=8, **settings).fit(case.train)
    features = case.item_features
    if links:
        near = mean_over_links(case.links, case.train, model.item_emb)
        features = csr_array(hstack([features, near]))
    emb = ridge(features, case.known, model.item_emb[case.known], case.new, reg)
    return Fitted(model.user_emb @ emb.T)


def sage(case: Case, links: bool, **settings: Any) -> Fitted:
    """The book's model of features and neighbours."""
    model = GraphSAGE(
        case.item_features, case.user_features, case.links if links else None, **settings
    ).fit(case.train)

    def users(named: Interactions, who: Tensor) -> Tensor:
        features = None if case.user_features is None else case.user_features[who.numpy()]
        return model.user_vectors(named, features) @ model.item_emb.T

    return Fitted(model.user_emb @ model.item_emb[case.new].T, users)


def lightgcn(case: Case, **settings: Any) -> Fitted:
    """Fold-in; who names nothing is shown what is popular."""
    size = case.train.num_users, case.train.num_items
    own = {name: settings.pop(name) for name in ("embedding_dim", "num_layers")}
    model = LightGCN(*size, **own, cosine=True)
    train_model(model, Split(case.train), loss="softmax", **settings)
    folding, degree = FoldIn(model), case.train.item_degree.float()

    def users(named: Interactions, _: Tensor) -> Tensor:
        vectors = folding.vectors(named.user, named.item, named.num_users)
        assert folding.items is not None
        return torch.where(named.user_degree[:, None] > 0, vectors @ folding.items.T, degree)

    return Fitted(users=users)


REG = Range(0.3, 300)
SAGE: Space = {
    "steps": Range(50, 1600, whole=True),
    "table": [True, False],
    "lr": Range(0.003, 0.03),
    "temperature": Range(0.08, 0.4),
    "hidden": [0.2, 0.4, 0.6],
    "reg": Range(0.03, 3),
}
IALS_SPACE: Space = {
    "reg": REG,
    "embedding_dim": [32, 64],
    "alpha0": Range(0.02, 0.5),
    "ials_reg": Range(0.002, 0.1),
}
COSINES: Space = {
    "temperature": Range(0.1, 0.4),
    "reg": Range(0.03, 1),
    "lr": Range(0.01, 0.05),
    "num_layers": [1, 2],
    "epochs": [25, 50, 75],
    "embedding_dim": [64],
}
TWO_TOWERS, LINKED, ALL = "Two towers", "GraphSAGE, links", "GraphSAGE, links and people"
MAPPED, MAPPED_LINKS = "iALS, mapped", "iALS, mapped with links"
FAMILIES: dict[str, tuple[Callable[..., Fitted], Space]] = {
    "Popularity": (popularity, {"reg": REG}),
    "Neighbours by features": (neighbors, {"num_neighbors": Range(3, 1000, whole=True)}),
    "EASE, mapped": (ease, {"reg": REG, "ease_reg": Range(20, 2000)}),
    MAPPED: (ials, IALS_SPACE),
    MAPPED_LINKS: (partial(ials, links=True), IALS_SPACE),
    TWO_TOWERS: (partial(sage, links=False, people=False), SAGE | {"num_layers": [0]}),
    LINKED: (partial(sage, links=True, people=False), SAGE | {"num_layers": [1, 2]}),
    ALL: (partial(sage, links=True, people=True), SAGE | {"num_layers": [1, 2]}),
    "LightGCN, fold-in": (lightgcn, COSINES),
}
