"""From scores to lists: the best items of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbook.checks import check_count, check_positions, check_tensor

__all__ = ["ScoreTable", "best_items", "check_scores", "ranked", "top_k", "without"]

Pairs = tuple[Tensor, Tensor]


class ScoreTable:
    """A recommender whose scores are there already: a row a user, a column an item.

    Args:
        scores: shape ``(num_users, num_items)``, a tensor or an array of numbers.

    Raises:
        TypeError: on what is no table of numbers.

    >>> ScoreTable(torch.tensor([[0.1, 0.9], [0.5, 0.2]])).score([1])
    tensor([[0.5000, 0.2000]])
    """

    def __init__(self, scores: Any) -> None:
        if isinstance(scores, np.ndarray):
            scores = torch.from_numpy(scores)
        check_tensor("scores", scores, "num_users", "num_items", of="numbers")
        self.scores = check_scores(scores, *scores.shape)

    def score(self, users: Any) -> Tensor:
        """The rows of some users, shape ``(len(users), num_items)``.

        Raises:
            TypeError: on what are no positions.
            ValueError: on a user that the table has no row for.
        """
        return self.scores[check_positions("users", users, len(self.scores))]


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
        TypeError: on what is no tensor of numbers.
        ValueError: where ``k`` is not in ``1 .. num_items`` or a score is NaN.

    >>> top_k(torch.tensor([[0.1, 0.9, 0.9], [float("-inf"), 0.0, float("-inf")]]), k=2)
    tensor([[ 1,  2],
            [ 1, -1]])
    """
    check_tensor("score", score, "num_rows", "num_items", of="numbers")
    check_count("k", k, 1, score.shape[1], hint="there are no more items")
    return ranked(check_scores(score, *score.shape), k)[0]


def ranked(score: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """What :func:`top_k` returns, and in which rows an item not listed is as good as the last."""
    value, position = torch.topk(score, min(k + 1, score.shape[1]))
    if value.isnan().any():  # which topk takes for the highest
        raise ValueError(
            "score: got a NaN, expected numbers; did training diverge? try a smaller lr"
        )
    last, beyond = value[:, k - 1], value[:, k:]
    position = position[:, :k]
    tied = (beyond == last[:, None]).any(1) & (last > -torch.inf)  # topk chose among equals
    if tied.any():
        position[tied] = torch.sort(score[tied], descending=True, stable=True).indices[:, :k]
    position = position.sort(1).values  # ascending, then stable by score: ties stay in order
    value = score.gather(1, position)
    value, order = torch.sort(value, descending=True, stable=True)
    return position.gather(1, order).masked_fill(value == -torch.inf, -1), tied


def best_items(
    score: Tensor,
    k: int,
    known: Tensor | None = None,
    exclude: Pairs | None = None,
    allow: Any = None,
    deny: Any = None,
) -> Tensor:
    """The lists of some users: the ``k`` best items that may be shown.

    Nothing is listed for a user of whom nothing is known, whose scores would be noise, nor where
    all items have the same score.

    Args:
        score: shape ``(num_rows, num_items)``.
        k: how many, at most ``num_items``.
        known: of whom something is known, ``bool`` of shape ``(num_rows,)``; None for all.
        exclude: pairs ``(row, item)`` that are not to be listed.
        allow: item positions, of which alone lists are made; None for all.
        deny: item positions that no list is to have.

    Returns:
        As :func:`top_k`.

    >>> best_items(torch.tensor([[0.1, 0.9], [0.5, 0.5]]), k=1, deny=[1])
    tensor([[ 0],
            [-1]])
    """
    num_items = score.shape[1]
    finite = score > -torch.inf
    lowest, highest = score.masked_fill(~finite, torch.inf).amin(1), score.amax(1)
    silent = (lowest == highest) & (finite.sum(1) > 1)
    if known is not None:
        silent |= ~known
    if exclude is not None:
        score = without(score, exclude)
    hint = "split.position looks up raw ids"
    if allow is not None:
        barred = torch.ones(num_items, dtype=torch.bool)
        barred[check_positions("allow", allow, num_items, hint)] = False
        score = score.masked_fill(barred, -torch.inf)
    if deny is not None:
        score = score.index_fill(1, check_positions("deny", deny, num_items, hint), -torch.inf)
    return top_k(score, k).masked_fill(silent[:, None], -1)


def without(score: Tensor, pairs: Pairs) -> Tensor:
    """The scores with minus infinity at some pairs ``(row, item)``; what is given stays."""
    return score.index_put(pairs, torch.tensor(-torch.inf, dtype=score.dtype))


def check_scores(score: Any, num_rows: int, num_items: int) -> Tensor:
    """The scores of a recommender, as floats of 32 or 64 bits.

    Raises:
        TypeError: on what is no tensor of numbers.
        ValueError: on another shape.
    """
    hint = "score(users) gives one row a user, one column an item"
    check_tensor("score", score, num_rows, num_items, of="numbers", hint=hint)
    if not score.is_floating_point():
        score = score.double()
    elif score.element_size() < 4:
        score = score.float()
    return score
