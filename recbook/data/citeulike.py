"""CiteULike-a: who keeps which scientific article."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from recbook.data.fetching import Files, fetch_from_authors, find_files, item_lists, md5

__all__ = ["load_citeulike"]

_CITEULIKE_URL = (
    "https://raw.githubusercontent.com/js05212/citeulike-a/"
    "91b603922d7f2d3db18071d4798bf78c9c5d1680/"
)
_CITEULIKE_MD5 = {"users.dat": "b384e22f3b6cd9d0c8e11a13066fe70e"}


def load_citeulike(root: str | Path | None = None) -> pd.DataFrame:
    """Load CiteULike-a: 5,551 people, 16,980 scientific articles, 204,986 articles kept.

    Looks for a folder ``citeulike`` with ``users.dat`` (or ``users.dat.gz``) in the same places as
    :func:`load_movielens_100k`, else downloads it from its collectors' repository
    ``js05212/citeulike-a``. Everybody has ten articles or more.

    Returns:
        One row an article that somebody keeps, with ``user_id`` and ``item_id``, both counted from
        0: what ``random_split`` takes. There are no ratings and no times.

    Raises:
        TypeError: on a root that is no path.
        ConnectionError: where the repository cannot be reached; says how to get the file by hand.

    Reference: Wang, Chen and Li, Collaborative Topic Regression with Social Regularization for Tag
    Recommendation, IJCAI 2013.
    """
    _, files = find_files("citeulike", _CITEULIKE_MD5, md5, root, _fetch_citeulike)
    _, count, item = item_lists(files["users.dat"])  # a line begins with how many items it has
    return pd.DataFrame({"user_id": np.repeat(np.arange(len(count)), count), "item_id": item})


def _fetch_citeulike() -> Files:
    return fetch_from_authors("CiteULike-a", _CITEULIKE_URL, _CITEULIKE_MD5, md5, "citeulike")
