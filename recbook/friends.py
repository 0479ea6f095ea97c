"""The book's four friends: who they are on MovieLens-100K, and what a model shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from recbook.checks import check_kind
from recbook.data import Interactions, Split
from recbook.data.lookup import beside

__all__ = ["find_friends", "friends_lists", "plain_title"]

NAMES = ("Ann", "Bob", "Cem", "Dora")
STAR = "\N{NO-BREAK SPACE}\N{BLACK STAR}"  # behind a title, on the same line
ARTICLES = "A An Das Der Il La Le Les The".split()  # those that stand behind a title
FEWEST_HIDDEN = 5  # films of the test part, so that a list has something to find


def find_friends(split: Split, items: pd.DataFrame) -> pd.DataFrame:
    r"""Four users of different activity and different taste, by a rule that draws nothing.

    Sort the users into four quarters, by how many films each has outside the test part. In each
    quarter, fewest films first, one of them is a friend: the user whose films are furthest above
    everybody's in their share of one genre,

    .. math:: \max_{u, g} \; \frac{n_{ug}}{n_u} - \frac{\sum_v n_{vg}}{\sum_v n_v},

    with :math:`n_u` films of user :math:`u`, of them :math:`n_{ug}` of genre :math:`g`. A genre has
    one friend only, and a friend at least five films in the test part. The quarters follow from
    counts, not from a model, and what is validated on counts as train: ``random_split`` gives the
    same four with any ``val_size``.

    Args:
        split: the split that the book is about, ``random_split(to_implicit(ml.ratings))``; other
            splits have other friends, so find them once and keep their ids.
        items: a table with ``item_id`` and ``genres``, names joined by a space, such as
            ``ml.items``.

    Returns:
        A row for each of Ann, Bob, Cem, Dora, with ``user_id``, ``films`` (outside the test part),
        ``genre``, ``share`` of their films that are of it, ``of_all`` films of all users, and how
        many films are ``hidden`` in the test part.

    Raises:
        TypeError: on what is no split or no table.
        ValueError: on a split without a test part, items without ids or genres, or where a quarter
            has no such user.
    """
    check_kind("split", split, Split)
    _check_texts(items, "genres")
    if split.test is None:
        raise ValueError(
            f"split: got {split}, expected one with a test part, such as random_split's"
        )
    ids = _ids(split.item_ids, split.train.num_items)
    genres = beside(pd.DataFrame({"item_id": ids}), items)["genres"].str.get_dummies(" ")
    known = sum(part.matrix for name, part in split.parts.items() if name != "test")
    films, of_genre = known.sum(axis=1), known @ genres.to_numpy()
    share = of_genre / np.maximum(films, 1)[:, None]
    of_all = of_genre.sum(axis=0) / films.sum()
    hidden = split.test.user_degree.numpy()
    quarter = np.searchsorted(np.quantile(films, [0.25, 0.5, 0.75]), films)
    above = np.where(hidden[:, None] >= FEWEST_HIDDEN, share - of_all, -np.inf)
    user_ids, rows = _ids(split.user_ids, split.train.num_users), []
    for number, name in enumerate(NAMES):
        here = np.where(quarter[:, None] == number, above, -np.inf)
        user, genre = (int(n) for n in np.unravel_index(here.argmax(), here.shape))
        if not here[user, genre] > -np.inf:
            raise ValueError(
                f"split: got no user for {name}, expected one with {FEWEST_HIDDEN} or more films "
                "in the test part, of a genre that no other friend has, in each quarter"
            )
        rows.append((user_ids[user], int(films[user]), genres.columns[genre], share[user, genre],
                     of_all[genre], int(hidden[user])))  # fmt: skip
        above[:, genre] = -np.inf
    columns = ["user_id", "films", "genre", "share", "of_all", "hidden"]
    return pd.DataFrame(rows, index=pd.Index(NAMES), columns=columns)


def friends_lists(
    models: Mapping[str, Any],
    split: Split,
    friends: pd.DataFrame,
    items: pd.DataFrame,
    k: int = 5,
) -> pd.DataFrame:
    """The titles that each friend would be shown, one model below another.

    Args:
        models: recommenders that are ready to score, by name.
        split: what they were made on.
        friends: a table with ``user_id`` whose index has the names, such as :func:`find_friends`
            returns.
        items: a table with ``item_id`` and ``title``, such as ``ml.items``.
        k: length of the lists.

    Returns:
        A row for each model and rank, a column for each friend. A star marks what the friend has in
        the test part; "Abyss, The" is put as "The Abyss", and what stands in parentheses is left
        out. Where a list is short, cells are empty.

    Raises:
        TypeError: on what is no recommender, no split or no table.
        ValueError: on no model, tables without these columns, no friend, one twice or unknown, or a
            ``k`` below 1.

    >>> from recbook.models import Popularity
    >>> split = Split(Interactions.from_pairs([0, 1, 1], [0, 0, 1]))
    >>> ann, films = pd.DataFrame({"user_id": [0]}, ["Ann"]), {"item_id": [0, 1]}
    >>> films = pd.DataFrame(films | {"title": ["Alien", "Sting, The"]})
    >>> friends_lists({"it": Popularity().fit(split.train)}, split, ann, films)["Ann"].tolist()
    ['The Sting']
    """
    check_kind("models", models, Mapping)
    check_kind("split", split, Split)
    check_kind("friends", friends, pd.DataFrame)
    _check_texts(items, "title")
    if not models:
        raise ValueError("got models={}, expected one or more, by name")
    if not len(friends) or "user_id" not in friends or friends["user_id"].duplicated().any():
        raise ValueError(
            f"friends: got {len(friends)} rows of {list(friends)}, expected user_id, each once"
        )
    tables = {}
    for name, model in models.items():
        lists = split.recommend(model, friends["user_id"], k, items=items)
        shown = lists["title"].map(plain_title)
        if split.test is not None:
            position = (
                split.position(users=lists["user_id"]),
                split.position(items=lists["item_id"]),
            )
            pairs = Interactions(*position, split.test.num_users, split.test.num_items)
            shown += np.where(pairs.is_in(split.test), STAR, "")
        table = lists.assign(title=shown).pivot(index="rank", columns="user_id", values="title")
        table = table.fillna("").reindex(columns=friends["user_id"], fill_value="")
        tables[name] = table.set_axis(friends.index, axis=1)
    return pd.concat(tables, names=["model", "rank"])


def _ids(ids: np.ndarray | None, number: int) -> np.ndarray:
    return np.arange(number) if ids is None else ids


def _check_texts(items: Any, column: str) -> None:
    check_kind("items", items, pd.DataFrame)
    if column not in items or not all(isinstance(text, str) for text in items[column]):
        raise ValueError(
            f"items: got columns {list(items)}, expected item_id, and {column} as text"
        )


def plain_title(title: str) -> str:
    """A title as one would say it: its article in front, without what stands in parentheses.

    Raises:
        TypeError: on what is no text.

    >>> plain_title("Postino, Il"), plain_title("Nikita (La Femme Nikita)")
    ('Il Postino', 'Nikita')
    """
    check_kind("title", title, str)
    title = title.split(" (")[0]
    first, _, article = title.rpartition(", ")
    return f"{article} {first}" if article in ARTICLES else title
