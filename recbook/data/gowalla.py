"""Gowalla, the papers' benchmark, on its authors' split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recbook.data.fetching import Files, fetch_from_authors, find_files, item_lists, md5
from recbook.data.interactions import Interactions
from recbook.data.split import Split

__all__ = ["load_gowalla"]

_GOWALLA_URL = "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data/gowalla/"
_GOWALLA_MD5 = {
    "train.txt": "e4c3c7e53e73afcd84f4d4e7edc4cd33",
    "test.txt": "f61d7a3df08a5d6f0b77598ada96b904",
}


def load_gowalla(root: str | Path | None = None) -> Split:
    """Load Gowalla check-ins as LightGCN's authors split them: 29,858 users, 40,981 items.

    Looks for a folder ``gowalla`` with ``train.txt`` and ``test.txt`` (or ``.txt.gz``) in the same
    places as :func:`load_movielens_100k`, else downloads both from the authors' repository
    ``gusye1234/LightGCN-PyTorch``. The digest is that of the sorted pairs, since the order of the
    items in a line differs between copies.

    Returns:
        A Split with 810,128 train and 217,242 test pairs, no validation part, and no raw ids.

    Raises:
        TypeError: on a root that is no path.
        ConnectionError: where the repository cannot be reached; says how to get the files by hand.
    """
    _, files = find_files("gowalla", _GOWALLA_MD5, _pairs_md5, root, _fetch_gowalla)
    train, test = (
        Interactions.from_pairs(*_parse_adjacency(files[file]), 29_858, 40_981)
        for file in _GOWALLA_MD5
    )
    return Split(train, test)


def _parse_adjacency(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Lines ``user item item ...`` as two arrays, one entry a pair."""
    user, count, item = item_lists(content)
    return np.repeat(user, count), item


def _pairs_md5(content: bytes) -> str:
    try:
        user, item = _parse_adjacency(content)
    except (ValueError, IndexError):
        return "not a list of pairs"
    return md5(np.sort(user << 32 | item).astype("<i8").tobytes())


def _fetch_gowalla() -> Files:
    return fetch_from_authors("Gowalla", _GOWALLA_URL, _GOWALLA_MD5, _pairs_md5, "gowalla")
