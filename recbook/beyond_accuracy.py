"""What a list is like, besides being right: coverage, novelty, diversity, calibration.

``recommended`` is what ``recommend`` returns, shape ``(num_lists, k)``; its -1, where a list is
short, is left out. A measure of an empty list is NaN.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from recbook.data import Interactions

__all__ = ["calibration", "coverage", "diversity", "novelty", "popularity_lift"]


def coverage(recommended: Tensor, num_items: int) -> float:
    """Share of all items that are in at least one list.

    Reference: Ge, Delgado-Battenfeld and Jannach, Beyond Accuracy, RecSys 2010 (catalog coverage).

    >>> coverage(torch.tensor([[0, 1], [1, -1]]), num_items=4)
    0.5
    """
    return len(recommended[recommended >= 0].unique()) / num_items


def novelty(recommended: Tensor, train: Interactions) -> Tensor:
    r"""Mean self-information of a list, :math:`-\log_2 (d_i / |U|)` bits, ``(num_lists,)``.

    An item that half of the train users have counts 1, one that a user in a thousand has about 10;
    an item without a user is counted as if it had one.

    Reference: Zhou et al., Solving the apparent diversity-accuracy dilemma of recommender systems,
    PNAS 107(10), 2010; Castells, Hurley and Vargas, Novelty and Diversity in Recommender Systems,
    Recommender Systems Handbook, 2015.
    """
    bits = -torch.log2(train.item_degree.clamp(min=1).double() / train.num_users)
    return _mean_of_listed(recommended, bits)


def popularity_lift(recommended: Tensor, users: Tensor, train: Interactions) -> Tensor:
    r"""How much more popular a list is than what its user has: a ratio minus 1, ``(num_lists,)``.

    .. math:: \frac{\text{mean } d_i \text{ of the list}}
                   {\text{mean } d_i \text{ of the user's train items}} - 1

    0 is no popularity bias; a user without train items has NaN.

    Reference: Abdollahpouri et al., The Unfairness of Popularity Bias in Recommendation, 2019,
    arXiv:1907.13286, equation 2, there for groups of users.
    """
    degree = train.item_degree.double()
    rows = train.dense_rows(users).double()
    return _mean_of_listed(recommended, degree) / (rows @ degree / rows.sum(1)) - 1


def diversity(recommended: Tensor, features: Tensor) -> Tensor:
    r"""Mean cosine distance between the pairs of a list's items, shape ``(num_lists,)``.

    .. math:: \frac{2}{k(k-1)} \sum_{i < j} \Bigl(1 - \frac{f_i^\top f_j}{\|f_i\| \|f_j\|}\Bigr)

    Args:
        recommended: the lists.
        features: what describes the items, e.g. their genres as zeros and ones, shape
            ``(num_items, num_features)``. An item without any is at distance 1 from all.

    Reference: Ziegler et al., Improving Recommendation Lists Through Topic Diversification, WWW
    2005, section 3.3.
    """
    there = (recommended >= 0).double()
    unit = F.normalize(features.double(), dim=1)[recommended.clamp(min=0)] * there[..., None]
    number = there.sum(1)
    similar = unit.sum(1).square().sum(1) - unit.square().sum((1, 2))  # over ordered pairs
    return 1 - similar / (number * (number - 1))


def calibration(
    recommended: Tensor, users: Tensor, train: Interactions, features: Tensor
) -> Tensor:
    r"""Kullback-Leibler divergence of a list's genres from its user's, shape ``(num_lists,)``.

    .. math:: \sum_g p(g \mid u) \ln \frac{p(g \mid u)}{0.99 \, q(g \mid u) + 0.01 \, p(g \mid u)}

    Each item spreads a weight of 1 evenly over its genres; :math:`p` is the mean over the user's
    train items, :math:`q` over the list. 0 is perfect; the admixture keeps the logarithm finite.
    A user without train items has NaN.

    Args:
        recommended: the lists.
        users: the user of each list.
        train: what the users have.
        features: genres as zeros and ones, shape ``(num_items, num_genres)``.

    Reference: Steck, Calibrated Recommendations, RecSys 2018, equation 6.
    """
    share = F.normalize(features.double(), p=1, dim=1)
    rows = train.dense_rows(users).double()
    there = (recommended >= 0).double()
    listed = (share[recommended.clamp(min=0)] * there[..., None]).sum(1)
    p, q = (x / x.sum(1, keepdim=True) for x in (rows @ share, listed))
    return torch.special.xlogy(p, p / (0.99 * q + 0.01 * p).clamp(min=1e-300)).sum(1)


def _mean_of_listed(recommended: Tensor, value: Tensor) -> Tensor:
    there = (recommended >= 0).double()
    return (value[recommended.clamp(min=0)] * there).sum(1) / there.sum(1)
