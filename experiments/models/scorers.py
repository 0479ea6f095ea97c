"""Recommenders that stand in experiments alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recbook.data import Interactions
from recbook.evaluation import Recommender
from recbook.models import LightGCN
from recbook.ranking import ScoreTable


class RandomScores:
    """Scores that know nothing."""

    def __init__(self, train: Interactions, seed: int) -> None:
        self.num_items, self.generator = train.num_items, torch.Generator().manual_seed(seed)

    def score(self, users: Tensor) -> Tensor:
        """Uniform numbers, shape ``(len(users), num_items)``."""
        return torch.rand(len(users), self.num_items, generator=self.generator)


class SeenTimesZero:
    """The original post's mask: the seen items' scores are multiplied by 0."""

    def __init__(self, model: Recommender, seen: Interactions) -> None:
        self.model, self.seen = model, seen

    def score(self, users: Tensor) -> Tensor:
        """Scores, 0 for what the user has seen, shape ``(len(users), num_items)``."""
        return self.model.score(users).masked_fill(self.seen.dense_rows(users), 0)


class PowerNorm(LightGCN):
    r"""LightGCN with edges that weigh :math:`d_i^{-a} d_j^{-b}`, node ``i`` hearing from ``j``.

    Written around the symmetric product: :math:`D^{1/2-a} \tilde{A} D^{1/2-b}`.
    """

    def __init__(
        self,
        train: Interactions,
        num_users: int,
        num_items: int,
        exponents: tuple[float, float],
    ) -> None:
        super().__init__(num_users, num_items)
        degree = torch.cat([train.user_degree, train.item_degree]).clamp(min=1).float()
        receives, sends = exponents
        self.register_buffer("after", degree.pow(0.5 - receives)[:, None])
        self.register_buffer("before", degree.pow(0.5 - sends)[:, None])

    def propagate(self, x: Tensor, graph: Tensor, norm: Tensor | None = None) -> Tensor:
        """From one layer to the next."""
        return self.after * self.conv(self.before * x, graph, norm)


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


def standardized(score: Tensor) -> Tensor:
    """Each row with mean 0 and standard deviation 1, in floats on the processor."""
    score = score.cpu().float()
    return (score - score.mean(1, keepdim=True)) / score.std(1, keepdim=True)


class KnownScores(ScoreTable):
    """A table of scores with a row for each of some users alone; it refuses the others."""

    def __init__(self, users: Tensor, scores: Tensor) -> None:
        super().__init__(scores)
        self.row = torch.full((int(users.max()) + 1,), len(users))  # a row that is not there
        self.row[users] = torch.arange(len(users))

    def score(self, users: Tensor) -> Tensor:
        """Shape ``(len(users), num_items)``."""
        return super().score(self.row[users])


class Blend:
    """A weighted sum of recommenders, the scores of each standardised over a user's items."""

    def __init__(self, recommenders: Sequence[Recommender], weights: Sequence[float]) -> None:
        self.parts = list(zip(recommenders, weights, strict=True))

    def score(self, users: Tensor) -> Tensor:
        """Shape ``(len(users), num_items)``."""
        rows = [weight * standardized(one.score(users)) for one, weight in self.parts if weight]
        return torch.stack(rows).sum(0)
