"""What a list is like, besides being right, and lists chosen anew to be more like that.

There are measures (coverage, novelty, diversity, calibration), and two ways to choose a list from a
longer one: :func:`diversify` and :func:`calibrate`.

``recommended`` is what ``recommend`` returns, shape ``(num_lists, k)``; its -1, where a list is
short, is left out. A measure of an empty list is NaN. All refuse, by TypeError, what are no tensors
or Interactions and, by ValueError, positions that are out of range or sizes that do not match.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from recbook.checks import check_count, check_number, check_positions, check_tensor
from recbook.data import Interactions, check_part

__all__ = [
    "calibrate",
    "calibration",
    "coverage",
    "diversify",
    "diversity",
    "novelty",
    "overlap",
    "popularity_lift",
]


def coverage(recommended: Tensor, num_items: int) -> float:
    """Share of all items that are in at least one list.

    Args:
        recommended: the lists.
        num_items: how many items there are.

    Reference: Ge, Delgado-Battenfeld and Jannach, Beyond Accuracy, RecSys 2010 (catalog coverage).

    >>> coverage(torch.tensor([[0, 1], [1, -1]]), num_items=4)
    0.5
    """
    check_count("num_items", num_items)
    _check_lists(recommended, num_items)
    return len(recommended[recommended >= 0].unique()) / num_items


def novelty(recommended: Tensor, train: Interactions) -> Tensor:
    r"""Mean self-information of a list, :math:`-\log_2 (d_i / |U|)` bits, ``(num_lists,)``.

    An item that half of the train users have counts 1, one that a user in a thousand has about 10;
    an item without a user is counted as if it had one.

    Args:
        recommended: the lists.
        train: what the users have.

    Reference: Zhou et al., Solving the apparent diversity-accuracy dilemma of recommender systems,
    PNAS 107(10), 2010; Castells, Hurley and Vargas, Novelty and Diversity in Recommender Systems,
    Recommender Systems Handbook, 2015.

    >>> toy = Interactions.from_pairs([0, 1, 1], [0, 0, 1])
    >>> novelty(torch.tensor([[0, 1], [1, -1]]), toy)  # bits: 0 for item 0, 1 for item 1
    tensor([0.5000, 1.0000], dtype=torch.float64)
    """
    check_part("train", train)
    _check_lists(recommended, train.num_items)
    bits = -torch.log2(train.item_degree.clamp(min=1).double() / train.num_users)
    return _mean_of_listed(recommended, bits)


def popularity_lift(recommended: Tensor, users: Tensor, train: Interactions) -> Tensor:
    r"""How much more popular a list is than what its user has: a ratio minus 1, ``(num_lists,)``.

    .. math:: \frac{\text{mean } d_i \text{ of the list}}
                   {\text{mean } d_i \text{ of the user's train items}} - 1

    0 is no popularity bias; a user without train items has NaN.

    Args:
        recommended: the lists.
        users: the user of each list.
        train: what the users have.

    Reference: Abdollahpouri et al., The Unfairness of Popularity Bias in Recommendation, 2019,
    arXiv:1907.13286, equation 2, there for groups of users.

    >>> toy = Interactions.from_pairs([0, 1, 1], [0, 0, 1])
    >>> popularity_lift(torch.tensor([[1]]), torch.tensor([0]), toy)  # 1 user, not 2
    tensor([-0.5000], dtype=torch.float64)
    """
    check_part("train", train)
    _check_lists(recommended, train.num_items)
    users = _check_users(users, recommended, train)
    degree = train.item_degree.double()
    own = torch.from_numpy(train.matrix[users.numpy()] @ degree.numpy())
    return _mean_of_listed(recommended, degree) / (own / train.user_degree[users]) - 1


def overlap(recommended: Tensor, others: Tensor) -> Tensor:
    r"""Share of a list that is in another list of the same user, in any order, ``(num_lists,)``.

    .. math:: \frac{|L \cap L'|}{k}

    With the lists before and after a model has learned more, it says how little they have moved.

    Args:
        recommended: the lists.
        others: the other lists, of the same shape.

    >>> overlap(torch.tensor([[0, 1], [2, 3]]), torch.tensor([[1, 4], [3, 2]]))
    tensor([0.5000, 1.0000], dtype=torch.float64)
    """
    for lists in (recommended, others):
        _check_lists(lists, torch.iinfo(torch.int64).max)
    if others.shape != recommended.shape:
        raise ValueError(
            f"others: got lists of shape {tuple(others.shape)}, expected those of recommended, "
            f"{tuple(recommended.shape)}"
        )
    both = (recommended[:, :, None] == others[:, None]).any(2) & (recommended >= 0)
    return both.sum(1) / (recommended >= 0).sum(1).double()


def diversity(recommended: Tensor, features: Tensor) -> Tensor:
    r"""Mean cosine distance between the pairs of a list's items, shape ``(num_lists,)``.

    .. math:: \frac{2}{k(k-1)} \sum_{i < j} \Bigl(1 - \frac{f_i^\top f_j}{\|f_i\| \|f_j\|}\Bigr)

    Args:
        recommended: the lists.
        features: what describes the items, e.g. their genres as zeros and ones, shape
            ``(num_items, num_features)``. An item without any is at distance 1 from all.

    Reference: Ziegler et al., Improving Recommendation Lists Through Topic Diversification, WWW
    2005, section 3.3.

    >>> diversity(torch.tensor([[0, 1]]), torch.tensor([[1, 0], [0, 1]]))  # nothing in common
    tensor([1.], dtype=torch.float64)
    """
    _check_features(features)
    _check_lists(recommended, len(features))
    unit = F.normalize(features.double(), dim=1)
    number = (recommended >= 0).sum(1)
    lengths = _sum_of_listed(recommended, unit.square().sum(1, keepdim=True))[:, 0]
    similar = _sum_of_listed(recommended, unit).square().sum(1) - lengths  # over ordered pairs
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

    >>> toy = Interactions.from_pairs([0, 0], [0, 1], num_items=3)
    >>> genres = torch.tensor([[1, 0], [0, 1], [1, 1]])
    >>> calibration(torch.tensor([[2]]), torch.tensor([0]), toy, genres)  # half and half, both
    tensor([0.], dtype=torch.float64)
    """
    check_part("train", train)
    _check_lists(recommended, train.num_items)
    users = _check_users(users, recommended, train)
    _check_features(features, train.num_items)
    share = F.normalize(features.double(), p=1, dim=1)
    own = torch.from_numpy(train.matrix[users.numpy()] @ share.numpy())
    listed = _sum_of_listed(recommended, share)
    return _divergence(own, listed)


def diversify(
    recommended: Tensor, score: Tensor, features: Tensor, k: int, weight: float = 0.3
) -> Tensor:
    r"""Maximal marginal relevance: next comes what is liked, and unlike all that is on the list.

    With :math:`s(i)` the scores of ``recommended``, moved to 0 to 1 for each list, and :math:`L`
    what has been chosen, the next item is

    .. math:: \arg\max_{i \notin L} \; (1 - \lambda) \, s(i) -
              \lambda \max_{j \in L} \frac{f_i^\top f_j}{\|f_i\| \|f_j\|}

    Args:
        recommended: lists to choose from, longer than ``k``.
        score: what ``model.score`` gives the users of the lists, shape ``(num_lists, num_items)``.
        features: as for :func:`diversity`.
        k: length of the new lists.
        weight: :math:`\lambda`, from 0, which keeps the order, to 1. The paper's :math:`\lambda` is
            1 less this, and its relevance is not moved to 0 to 1.

    Returns:
        Item positions, shape ``(num_lists, k)``, -1 where a list is short.

    Reference: Carbonell and Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering
    Documents and Producing Summaries, SIGIR 1998, section 2.

    >>> score, genres = torch.tensor([[3.0, 2.9, 2.0]]), torch.tensor([[1, 0], [1, 0], [0, 1]])
    >>> diversify(torch.tensor([[0, 1, 2]]), score, genres, k=2, weight=0.6)
    tensor([[0, 2]])
    """
    _check_features(features)
    liked = _relevance(recommended, score, len(features), k, weight)
    unit = F.normalize(features.double(), dim=1)[recommended.clamp(min=0)]  # (lists, n, features)
    likest = torch.zeros_like(liked)
    chosen: list[Tensor] = []
    for _ in range(k):
        place = _next((1 - weight) * liked - weight * likest, recommended, chosen)
        new = unit[torch.arange(len(unit)), place]
        likest = torch.maximum(likest, (unit @ new[:, :, None])[:, :, 0])
    return _named(recommended, chosen)


def calibrate(
    recommended: Tensor,
    score: Tensor,
    users: Tensor,
    train: Interactions,
    features: Tensor,
    k: int,
    weight: float = 0.5,
) -> Tensor:
    r"""Calibrated recommendations: a list whose genres are mixed as the user's own are.

    With :math:`s(i)` the scores of ``recommended``, moved to 0 to 1 for each list, and
    :math:`C(L)` the :func:`calibration` of what has been chosen, the next item is

    .. math:: \arg\max_{i \notin L} \; (1 - \lambda) \sum_{j \in L \cup \{i\}} s(j) -
              \lambda \, C(L \cup \{i\})

    Args:
        recommended: lists to choose from, longer than ``k``.
        score: what ``model.score`` gives the users of the lists, shape ``(num_lists, num_items)``.
        users: the user of each list. One without train items keeps the order.
        train: what the users have.
        features: as for :func:`calibration`.
        k: length of the new lists.
        weight: :math:`\lambda`, from 0, which keeps the order, to 1. The paper's scores are not
            moved to 0 to 1.

    Returns:
        Item positions, shape ``(num_lists, k)``, -1 where a list is short.

    Reference: Steck, Calibrated Recommendations, RecSys 2018, equation 7 and the greedy algorithm
    of section 4.

    >>> toy = Interactions.from_pairs([0, 0], [3, 4])  # one of each genre
    >>> genres = torch.tensor([[1, 0], [1, 0], [0, 1], [1, 0], [0, 1]])
    >>> score = torch.tensor([[5.0, 4.9, 3.0, 0.0, 0.0]])
    >>> calibrate(torch.tensor([[0, 1, 2]]), score, torch.tensor([0]), toy, genres, k=2)
    tensor([[0, 2]])
    """
    check_part("train", train)
    _check_features(features, train.num_items)
    liked = _relevance(recommended, score, train.num_items, k, weight)
    users = _check_users(users, recommended, train)
    share = F.normalize(features.double(), p=1, dim=1)
    own = torch.from_numpy(train.matrix[users.numpy()] @ share.numpy())
    offered = share[recommended.clamp(min=0)]  # (lists, n, genres)
    listed = torch.zeros_like(own)
    chosen: list[Tensor] = []
    for _ in range(k):
        apart = _divergence(own[:, None], listed[:, None] + offered).nan_to_num(0)
        place = _next((1 - weight) * liked - weight * apart, recommended, chosen)
        listed += offered[torch.arange(len(offered)), place]
    return _named(recommended, chosen)


def _divergence(own: Tensor, listed: Tensor) -> Tensor:
    """Of the genres of a user from those of a list, both as sums."""
    p, q = (x / x.sum(-1, keepdim=True) for x in (own, listed))
    return torch.special.xlogy(p, p / (0.99 * q + 0.01 * p).clamp(min=1e-300)).sum(-1)


def _relevance(recommended: Tensor, score: Tensor, num_items: int, k: int, weight: float) -> Tensor:
    """The scores of each list from 0 to 1."""
    _check_lists(recommended, num_items)
    check_tensor("score", score, len(recommended), num_items, of="numbers")
    check_count("k", k, 1, recommended.shape[1], "the lists to choose from are no longer")
    check_number("weight", weight, least=0, most=1)
    there = recommended >= 0
    listed = score.cpu().double().gather(1, recommended.clamp(min=0))
    if not listed[there].isfinite().all():
        raise ValueError("score: got one that is not finite for a listed item, expected numbers")
    low = listed.masked_fill(~there, torch.inf).amin(1, keepdim=True)
    high = listed.masked_fill(~there, -torch.inf).amax(1, keepdim=True)
    return (listed - low) / (high - low).clamp(min=1e-300)


def _next(value: Tensor, recommended: Tensor, chosen: list[Tensor]) -> Tensor:
    """The place of the best that is left, of equals the first, of fillers last; it is noted."""
    value = value.masked_fill(recommended < 0, -1e300)
    for place in chosen:
        value = value.scatter(1, place[:, None], -torch.inf)
    chosen.append(value.argmax(1))
    return chosen[-1]


def _named(recommended: Tensor, chosen: list[Tensor]) -> Tensor:
    return recommended.gather(1, torch.stack(chosen, 1))


def _mean_of_listed(recommended: Tensor, value: Tensor) -> Tensor:
    return _sum_of_listed(recommended, value[:, None])[:, 0] / (recommended >= 0).sum(1)


def _sum_of_listed(recommended: Tensor, value: Tensor) -> Tensor:
    """Of each list the sum of its items' rows of ``value``, none of which is copied."""
    there = (recommended >= 0).to(value)
    items = recommended.long().clamp(min=0)
    return F.embedding_bag(items, value, per_sample_weights=there, mode="sum")


def _check_lists(recommended: Tensor, num_items: int) -> None:
    check_tensor("recommended", recommended, "num_lists", "k", of="numbers")
    if recommended.shape[1] == 0:
        raise ValueError("recommended: got lists of length 0, expected 1 or more")
    there = recommended[recommended != -1]  # fillers
    check_tensor("recommended", there, "n", of="positions", number=num_items)


def _check_users(users: Tensor, recommended: Tensor, train: Interactions) -> Tensor:
    hint = "split.position looks up raw ids"
    users = check_positions("users", users, train.num_users, hint)
    if len(users) != len(recommended):
        raise ValueError(
            f"got {len(users)} users for {len(recommended)} lists, expected the user of each list"
        )
    return users


def _check_features(features: Tensor, num_items: int | str = "num_items") -> None:
    check_tensor("features", features, num_items, "num_features", of="numbers")
    if not ((features >= 0) & (features < torch.inf)).all():  # NaN is neither
        raise ValueError("features: got a number below 0 or not finite, expected zeros and ones")
