"""Reading the ledger: every measured figure that the book quotes, with what made it.

An entry is ``recbook/results/NAME.json``. ``python -m experiments`` writes it, chapters and the
check of the prose read it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recbook.checks import check_choice, check_kind
from recbook.data import Split, pairs_digest

__all__ = ["FOLDER", "read_entry", "split_digest"]

#: Where the entries lie, a JSON file each.
FOLDER = Path(__file__).parent / "results"


def read_entry(name: str) -> dict[str, Any]:
    """Read the entry ``name``.

    Raises:
        ValueError: where there is none; says which there are.
    """
    entries = {file.stem: file for file in FOLDER.glob("*.json")}
    check_choice("name", name, sorted(entries))
    return dict(json.loads(entries[name].read_text()))


def split_digest(split: Split) -> str:
    """A digest of the train, validation and test pairs; their order does not matter.

    >>> from recbook.data import Interactions
    >>> def one(user, item):
    ...     return Interactions.from_pairs(user, item, 2, 2)
    >>> a = split_digest(Split(one([0, 1], [0, 1]), one([0], [1])))
    >>> a == split_digest(Split(one([1, 0], [1, 0]), one([0], [1])))
    True
    >>> a == split_digest(Split(one([0, 1], [1, 1]), one([0], [0])))
    False
    """
    check_kind("split", split, Split)
    return pairs_digest(split.train, split.val, split.test)
