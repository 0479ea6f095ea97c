"""Ranking all items for every user, and how good the ranking is.

A recommender is anything with ``score(users) -> (len(users), num_items)``. Items that the user has
seen score minus infinity, all others compete; there are no sampled candidates.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor

from recbook.checks import check_count
from recbook.data import Interactions, check_part
from recbook.progress import progress
from recbook.ranking import check_scores, ranked, top_k, without

__all__ = [
    "MEASURES",
    "RankingReport",
    "Recommender",
    "evaluate",
    "top_k",
]

#: What a report has for each user.
MEASURES = ["recall", "precision", "ndcg", "hit_rate"]


class Recommender(Protocol):
    """Anything that scores all items for some users."""

    def score(self, users: Tensor) -> Tensor:
        """Scores of shape ``(len(users), num_items)``; higher is better."""
        ...


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
        num_unknown: how many of these users had nothing in ``seen``: no list of theirs can be
            personal.
        num_tied: for how many of them a tie at the end of the list left it to the items' positions
            whether a target item was in it.
    """

    k: int
    per_user: pd.DataFrame
    num_unknown: int = 0
    num_tied: int = 0

    def __repr__(self) -> str:
        means = ", ".join(f"{name} {value:.4f}" for name, value in self.as_dict().items())
        more = f", {self.num_unknown:,} of them unknown" if self.num_unknown else ""
        more += f", {self.num_tied:,} lists decided by a tie" if self.num_tied else ""
        return f"RankingReport(at {self.k}: {means}; {len(self.per_user):,} users{more})"

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
        A :class:`RankingReport`; it does not depend on ``block``. Equal scores go to the lower
        position; where that decides for more than ten users and a tenth of them, a warning says so.

    Raises:
        TypeError: on what is no recommender, or no :class:`~recbook.data.Interactions`.
        ValueError: where ``target`` is empty, has a pair in common with ``seen`` or another size,
            a part of it is what the model was fitted on (all of it may be: that is how well it
            fits), ``k`` is not in ``1 .. num_items``, ``block`` is below 1, or the scores have a
            wrong shape or a NaN.

    Reference: Järvelin and Kekäläinen, Cumulated gain-based evaluation, TOIS 20(4), 2002, for NDCG.
    """
    if isinstance(recommender, type) or not callable(getattr(recommender, "score", None)):
        raise TypeError(
            f"got recommender={recommender!r:.80}, expected an object with score(users), e.g. a "
            "model that is fitted"
        )
    check_part("target", target)
    check_count("k", k, 1, target.num_items, hint="there are no more items")
    check_count("block", block, hint="it is the number of users to score at a time")
    num_unknown = num_tied = 0
    users = torch.nonzero(target.user_degree).flatten()
    if seen is not None:
        check_part("seen", seen, target.num_users, target.num_items, empty=True)
        if twice := int(target.is_in(seen).sum()):
            raise ValueError(
                f"{twice} pairs are both in seen and in target; a seen item is never recommended, "
                "so it cannot be a target"
            )
        num_unknown = int((seen.user_degree[users] == 0).sum())
    if (fitted_on := getattr(recommender, "fitted_on", None)) is not None:
        leaked = int(target.is_in(fitted_on).sum())
        if 0 < leaked < len(target):
            raise ValueError(
                f"target: got {leaked:,} pairs of {len(target):,} that the model was fitted on, "
                "expected none; pass the parts of the split that it was fitted on, or fit it anew"
            )
    discount = 1 / torch.log2(torch.arange(k, dtype=torch.float64) + 2)
    ideal = torch.cat([torch.zeros(1, dtype=torch.float64), discount.cumsum(0)])
    parts = []
    for some in progress(users.split(block), "block of users", delay=2):
        score = check_scores(recommender.score(some), len(some), target.num_items).cpu()
        wanted = target.dense_rows(some)
        if seen is not None:
            score = without(score, seen.pairs_of(some))
        position, tied = ranked(score, k)
        level = score[tied] == score[tied].gather(1, position[tied, -1:])
        mixed = (level & wanted[tied]).any(1) & (level & ~wanted[tied]).any(1)
        num_tied += int(mixed.sum())
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
    if num_tied > max(10, len(users) / 10):
        warnings.warn(
            f"for {num_tied:,} of {len(users):,} users a target item scores as the last listed, "
            "so that the items' positions decided; are the scores rounded, or all the same?",
            stacklevel=3,  # past no_grad, to whoever evaluates
        )
    return RankingReport(k, pd.concat(parts), num_unknown, num_tied)
