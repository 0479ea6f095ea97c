"""Hiding whole items and whole users, so that a model meets them for the first time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from recbook.checks import check_count, check_kind, check_seed, check_shares
from recbook.data.interactions import Interactions, check_part
from recbook.data.lookup import find
from recbook.data.reading import check_frame

__all__ = ["NewcomerSplit", "Newcomers", "named_items", "newcomer_split"]


@dataclass(frozen=True, eq=False)
class Newcomers:
    """What is to be found out about items and users that train says nothing of.

    Args:
        items: the pairs of new items with users of train.
        users: the pairs of new users with items of train, each user's in a drawn order: which of
            them a user names first.
    """

    items: Interactions
    users: Interactions


@dataclass(frozen=True, eq=False)
class NewcomerSplit:
    """Interactions to train on, and newcomers to choose with and to report on.

    All parts count users and items alike, so that the row of a feature matrix is an item's or a
    user's position in each of them.

    Args:
        train: the pairs of known users with known items.
        test: the newcomers that are reported on, once.
        val: the newcomers that settings are chosen on, or None.
        user_ids: raw user ids by position.
        item_ids: raw item ids by position.
    """

    train: Interactions
    test: Newcomers
    val: Newcomers | None
    user_ids: np.ndarray
    item_ids: np.ndarray


def newcomer_split(
    interactions: pd.DataFrame, share: float = 0.1, val_share: float = 0.0, seed: int = 0
) -> NewcomerSplit:
    """Hide a share of the items and a share of the users whole.

    Train has no pair of a hidden item and none of a hidden user. A hidden user's pairs with items
    that train does not have, hidden or not, are left out: they are nobody's to learn from. With the
    same seed test has the same newcomers whatever ``val_share`` is.

    Args:
        interactions: DataFrame with at least ``user_id`` and ``item_id``, one row a pair.
        share: of all items, and of all users, those that are in test.
        val_share: those that are in validation; at 0 there is none.
        seed: of what is drawn.

    Raises:
        TypeError: on what is no table, no share, no seed.
        ValueError: on bad rows, shares that leave nothing to train on, or a part without a pair.

    >>> rows = pd.DataFrame({"user_id": [0, 0, 1, 1, 2, 2], "item_id": [0, 1, 0, 1, 0, 1]})
    >>> split = newcomer_split(rows, share=0.4)
    >>> len(split.train), len(split.test.items), len(split.test.users)
    (1, 1, 2)
    """
    check_kind("interactions", interactions, pd.DataFrame, hint="read_interactions reads one")
    check_frame(interactions)
    share, val_share = check_shares(share=share, val_share=val_share)
    rng = np.random.default_rng(check_seed(seed))
    rows = interactions[["user_id", "item_id"]].iloc[rng.permutation(len(interactions))]
    ids = [np.sort(np.asarray(rows[name].unique())) for name in ("user_id", "item_id")]
    place = [find(rows[name], raw) for name, raw in zip(rows, ids, strict=True)]
    role = []  # of each row's user and of its item: 0 for known, 1 for test, 2 for validation
    for position, raw in zip(place, ids, strict=True):
        drawn, (test, val) = rng.permutation(len(raw)), (share * len(raw), val_share * len(raw))
        of_each = np.zeros(len(raw), dtype=int)
        of_each[drawn[: math.ceil(test)]] = 1
        of_each[drawn[math.ceil(test) : math.ceil(test) + math.ceil(val)]] = 2
        role.append(of_each[position])

    def part(name: str, chosen: np.ndarray) -> Interactions:
        if not chosen.any():
            raise ValueError(
                f"got no pair for {name} from {len(rows):,} rows with share={share} and "
                f"val_share={val_share}, expected one at least; give more rows, or smaller shares"
            )
        user, item = (torch.from_numpy(position[chosen]) for position in place)
        return Interactions(user, item, *map(len, ids))

    of_user, of_item = role
    train = part("train", (of_user == 0) & (of_item == 0))
    learned = train.item_degree.numpy()[place[1]] > 0
    newcomers = [
        Newcomers(
            part(f"{name}'s items", (of_user == 0) & (of_item == number)),
            part(f"{name}'s users", (of_user == number) & learned),
        )
        for number, name in ((1, "test"), (2, "validation"))[: 2 if val_share else 1]
    ]
    return NewcomerSplit(train, newcomers[0], newcomers[1] if val_share else None, *ids)


def named_items(users: Interactions, k: int, most: int = 20) -> tuple[Interactions, Interactions]:
    """The first ``k`` items that each new user names, and the items that are to be found.

    Users with ``most`` items or fewer are left out. What is to be found are the items after the
    first ``most``, whatever ``k`` is, so that lists for different ``k`` are measured alike.

    Args:
        users: the pairs of new users, each user's in order; see :class:`Newcomers`.
        k: how many items each names, from 0 to ``most``.
        most: how many a user can name.

    Returns:
        What is named and what is to be found, of the same size as ``users``.

    Raises:
        TypeError: on what are no interactions, or no whole numbers.
        ValueError: on a ``k`` out of range, or where nobody has more than ``most`` items.

    >>> named, target = named_items(Interactions.from_pairs([0, 0, 0, 1], [2, 0, 1, 0]), 1, most=2)
    >>> named.item.tolist(), target.item.tolist()
    ([2], [1])
    """
    check_part("users", users)
    check_count("most", most)
    check_count("k", k, 0, most, "which is the most that a user can name")
    by_user = pd.Series(users.item.numpy()).groupby(users.user.numpy())
    rank = torch.tensor(by_user.cumcount().to_numpy())
    many = users.user_degree[users.user] > most
    if not many.any():
        raise ValueError(
            f"got users with {int(users.user_degree.max())} items at most, expected one with more "
            f"than most={most}, of whom some can be named and others found; pass a smaller most"
        )
    named, target = (
        Interactions(users.user[chosen], users.item[chosen], users.num_users, users.num_items)
        for chosen in (many & (rank < k), many & (rank >= most))
    )
    return named, target
