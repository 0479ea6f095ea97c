"""Ranking all items for every user, and how good the ranking is.

A recommender is anything with ``score(users) -> (len(users), num_items)``. Items that the user has
seen score minus infinity, all others compete; there are no sampled candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor

from recbook.data import Interactions

__all__ = [
    "MEASURES",
    "RankingReport",
    "Recommender",
    "check_same_size",
    "evaluate",
    "top_k",
    "without",
]


MEASURES = ["recall", "precision", "ndcg", "hit_rate"]


class Recommender(Protocol):
    """Anything that scores all items for some users."""

    def score(self, users: Tensor) -> Tensor:
        """Scores of shape ``(len(users), num_items)``; higher is better."""
        ...


def top_k(score: Tensor, k: int) -> Tensor:
    """Positions of the ``k`` highest scores of each row, best first.

    Equal scores go to the lower position, so that the list is the same on every machine
    (``torch.topk`` leaves it open). Scores of minus infinity are never listed.

    Args:
        score: shape ``(num_rows, num_items)``.
        k: how many, at most ``num_items``.

    Returns:
        ``LongTensor`` of shape ``(num_rows, k)``; -1 where fewer than ``k`` scores are finite.

    Raises:
        ValueError: where ``k`` is not in ``1 .. num_items`` or a score is NaN.

    >>> top_k(torch.tensor([[0.1, 0.9, 0.9], [float("-inf"), 0.0, float("-inf")]]), k=2)
    tensor([[ 1,  2],
            [ 1, -1]])
    """
    if not 1 <= k <= score.shape[1]:
        raise ValueError(f"got k={k}, expected 1 to {score.shape[1]}, the number of items")
    value, position = torch.topk(score, min(k + 1, score.shape[1]))
    if value.isnan().any():  # which topk takes for the highest
        raise ValueError("got a score that is NaN; did training diverge? try a smaller lr")
    last, beyond = value[:, k - 1], value[:, k:]
    position = position[:, :k]
    tied = (beyond == last[:, None]).any(1) & (last > -torch.inf)  # topk chose among equals
    if tied.any():
        position[tied] = torch.sort(score[tied], descending=True, stable=True).indices[:, :k]
    position = position.sort(1).values  # ascending, then stable by score: ties stay in order
    value = score.gather(1, position)
    value, order = torch.sort(value, descending=True, stable=True)
    return position.gather(1, order).masked_fill(value == -torch.inf, -1)


@dataclass(frozen=True, eq=False)
class RankingReport:
    r"""Measures at ``k``, a user at a time; the properties are means over the users.

    With :math:`h_u` the hits of user :math:`u` in the top ``k`` and :math:`n_u` their target items:
    precision :math:`h_u/k`, recall :math:`h_u/n_u`, hit rate :math:`[h_u>0]`, and NDCG, the sum of
    :math:`1/\log_2(r+1)` over the ranks :math:`r` (from 1) of the hits, divided by the same sum for
    a ranking that starts with :math:`\min(k, n_u)` hits. No ranking has precision above
    :math:`\min(k, n_u)/k` or recall above :math:`\min(k, n_u)/n_u`: the ceilings.

    Args:
        k: length of the list.
        per_user: one row a user with at least one target item, the index being the user's
            position: ``num_target``, ``recall``, ``precision``, ``ndcg``, ``hit_rate``,
            ``recall_ceiling``, ``precision_ceiling``.
    """

    k: int
    per_user: pd.DataFrame

    @property
    def recall(self) -> float:
        """Share of the target items found, mean over users."""
        return float(self.per_user["recall"].mean())

    @property
    def precision(self) -> float:
        """Share of the list that is a target item, mean over users."""
        return float(self.per_user["precision"].mean())

    @property
    def ndcg(self) -> float:
        """Normalised discounted cumulative gain, mean over users."""
        return float(self.per_user["ndcg"].mean())

    @property
    def hit_rate(self) -> float:
        """Share of users with at least one hit."""
        return float(self.per_user["hit_rate"].mean())

    @property
    def recall_ceiling(self) -> float:
        """The recall that a perfect ranking has, mean over users."""
        return float(self.per_user["recall_ceiling"].mean())

    @property
    def precision_ceiling(self) -> float:
        """The precision that a perfect ranking has, mean over users."""
        return float(self.per_user["precision_ceiling"].mean())

    def as_dict(self) -> dict[str, float]:
        """The four means by name, for a row of a table."""
        return {name: getattr(self, name) for name in MEASURES}


def without(score: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
    """The scores with minus infinity at some pairs ``(row, item)``; what is given stays."""
    return score.index_put(pairs, torch.tensor(-torch.inf, dtype=score.dtype))


def check_same_size(name: str, part: Interactions, num_users: int, num_items: int) -> None:
    """Raise a ValueError unless ``part`` has these numbers of users and items."""
    if (part.num_users, part.num_items) != (num_users, num_items):
        raise ValueError(
            f"{name} has {part.num_users} users and {part.num_items} items, expected {num_users} "
            f"and {num_items}; take all parts from one Split, or pass the same num_users and "
            "num_items to each Interactions.from_pairs"
        )


@torch.no_grad()
def evaluate(
    recommender: Recommender,
    seen: Interactions | None,
    target: Interactions,
    k: int = 20,
    block: int = 1024,
) -> RankingReport:
    """Rank every unseen item for every user with a target item, and measure the ranking.

    Args:
        recommender: anything with ``score(users)``.
        seen: what the users know already, never recommended; None to rank everything.
        target: what the users are to be shown; users without a target item are left out.
        k: length of the list.
        block: users scored at a time; memory grows with ``block * num_items``.

    Returns:
        A :class:`RankingReport`; it does not depend on ``block``.

    Raises:
        ValueError: where ``target`` is empty, has a pair in common with ``seen`` or another size,
            ``block`` is below 1, or the scores have a wrong shape or a NaN.

    Reference: Järvelin and Kekäläinen, Cumulated gain-based evaluation, TOIS 20(4), 2002, for NDCG.
    """
    users = torch.nonzero(target.user_degree).flatten()
    if len(users) == 0:
        raise ValueError("target has no interaction, so that nothing can be measured")
    if block < 1:
        raise ValueError(f"got block={block}, expected the number of users to score at a time")
    if seen is not None:
        check_same_size("seen", seen, target.num_users, target.num_items)
    discount = 1 / torch.log2(torch.arange(k, dtype=torch.float64) + 2)
    ideal = torch.cat([torch.zeros(1, dtype=torch.float64), discount.cumsum(0)])
    parts = []
    for some in users.split(block):
        score = recommender.score(some).cpu()
        if score.shape != (len(some), target.num_items):
            raise ValueError(
                f"score returned shape {tuple(score.shape)} for {len(some)} users, expected "
                f"{(len(some), target.num_items)}: one row a user, one column an item"
            )
        wanted = target.dense_rows(some)
        if seen is not None:
            known = seen.pairs_of(some)
            if wanted[known].any():
                raise ValueError(
                    f"{int(wanted[known].sum())} pairs are both in seen and in target; a seen "
                    "item is never recommended, so it cannot be a target"
                )
            score = without(score, known)
        position = top_k(score, k)
        hit = (wanted.gather(1, position.clamp(min=0)) & (position >= 0)).double()
        num_target = wanted.sum(1)
        best = num_target.clamp(max=k)
        parts.append(
            pd.DataFrame(
                {
                    "num_target": num_target,
                    "recall": hit.sum(1) / num_target,
                    "precision": hit.sum(1) / k,
                    "ndcg": hit @ discount / ideal[best],
                    "hit_rate": hit.amax(1),
                    "recall_ceiling": best / num_target.double(),
                    "precision_ceiling": best.double() / k,
                },
                index=pd.Index(some.numpy(), name="user"),
            )
        )
    return RankingReport(k, pd.concat(parts))
