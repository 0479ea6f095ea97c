"""CiteULike-a: who keeps which scientific article, their tags, and which cites which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from recbook.data.fetching import Files, fetch_from_authors, find_files, item_lists, md5

__all__ = ["Articles", "load_citeulike", "load_citeulike_articles"]

_CITEULIKE_URL = (
    "https://raw.githubusercontent.com/js05212/citeulike-a/"
    "91b603922d7f2d3db18071d4798bf78c9c5d1680/"
)
_CITEULIKE_MD5 = {"users.dat": "b384e22f3b6cd9d0c8e11a13066fe70e"}
_ARTICLES_MD5 = {
    "item-tag.dat": "600433234dda44e846a40aeb2b211ca3",
    "tags.dat": "406562795523497ec00aaa9121cc9b39",
    "citations.dat": "6635e40fc71f862d7338a6990535b99c",
}


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


@dataclass(frozen=True, eq=False)
class Articles:
    """What is known of CiteULike-a's articles, whoever keeps them.

    Args:
        tags: ones where an article has a tag, shape ``(num_items, num_tags)``.
        tag_names: the tags' texts, shape ``(num_tags,)``.
        citations: ones where an article cites another or is cited by it, in both directions and
            without loops, shape ``(num_items, num_items)``.
    """

    tags: csr_array
    tag_names: np.ndarray
    citations: csr_array


def load_citeulike_articles(root: str | Path | None = None) -> Articles:
    """Load the tags and the citations of CiteULike-a's 16,980 articles, a row an article.

    Found, or downloaded, as :func:`load_citeulike` does, from the files ``item-tag.dat``,
    ``tags.dat`` and ``citations.dat``: 239,253 tags of 46,391 kinds, of which a fifth of the
    articles have none, and 44,661 citations, of which nearly a third have none.

    Raises:
        TypeError: on a root that is no path.
        ConnectionError: where the repository cannot be reached; says how to get the files by hand.
    """
    _, files = find_files("citeulike", _ARTICLES_MD5, md5, root, _fetch_articles)
    names = np.array(files["tags.dat"].decode().splitlines())
    tags, citations = (
        _ones(files[file], columns)
        for file, columns in (("item-tag.dat", len(names)), ("citations.dat", None))
    )
    citations.setdiag(0)  # 96 articles cite themselves
    citations.eliminate_zeros()
    return Articles(tags, names, citations)


def _ones(content: bytes, num_columns: int | None) -> csr_array:
    """A row for each line ``number column column ...``; as many columns as rows for None."""
    _, count, column = item_lists(content)
    start = np.concatenate([[0], np.cumsum(count)])
    shape = len(count), num_columns or len(count)
    matrix = csr_array((np.ones(len(column)), column, start), shape=shape)
    matrix.sort_indices()
    return matrix


def _fetch_citeulike() -> Files:
    return fetch_from_authors("CiteULike-a", _CITEULIKE_URL, _CITEULIKE_MD5, md5, "citeulike")


def _fetch_articles() -> Files:
    return fetch_from_authors("CiteULike-a", _CITEULIKE_URL, _ARTICLES_MD5, md5, "citeulike")
