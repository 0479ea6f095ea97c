"""What an experiment runs on, and how much of it: all of it for the ledger, little in a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import pandas as pd

from recbook.data import (
    Articles,
    MovieLens,
    Split,
    load_citeulike,
    load_citeulike_articles,
    load_gowalla,
    load_movielens_100k,
    random_split,
    to_implicit,
)
from recbook.models import NGCF, EmbeddingModel, LightGCN, MatrixFactorization
from recbook.tuning import FAMILIES, Family

TRAINED: dict[str, Callable[[int, int], EmbeddingModel]] = {
    "MF-BPR": MatrixFactorization,
    "NGCF": partial(NGCF, bias=True),  # as the post has it
    "LightGCN": LightGCN,
}
SOFTMAX = "LightGCN, softmax"


@dataclass(frozen=True)
class Plan:
    """The data and the budget of the experiments; the defaults are the ledger's.

    Args:
        load_movielens: returns the ratings and the films.
        load_citeulike: returns who keeps which article.
        load_articles: returns their tags and citations.
        load_gowalla: returns the papers' split.
        load_pairs: returns what random splits are of; None takes MovieLens' liked films.
        seeds: of trainings and, where an experiment goes over random splits, of these.
        most_named: how many items a newcomer can name.
        max_epochs: no training is longer, whatever its protocol says.
        shrink: is handed each family before its settings are tried; a test takes most of them away.
        device: where Gowalla's models are trained; None is the processor.
    """

    load_movielens: Callable[[], MovieLens] = load_movielens_100k
    load_citeulike: Callable[[], pd.DataFrame] = load_citeulike
    load_articles: Callable[[], Articles] = load_citeulike_articles
    load_gowalla: Callable[[], Split] = load_gowalla
    load_pairs: Callable[[], pd.DataFrame] | None = None
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    most_named: int = 20
    max_epochs: int = 150
    shrink: Callable[[Family], Family] | None = None
    device: str | None = None

    @cached_property
    def liked(self) -> pd.DataFrame:
        """The interactions of nearly the whole book: ratings of three stars or more."""
        if self.load_pairs is not None:
            return self.load_pairs()
        return to_implicit(self.load_movielens().ratings)

    def split(self, val_size: float = 0.0, seed: int = 16) -> Split:
        """A random split; with the defaults it is the original post's."""
        return random_split(self.liked, val_size=val_size, seed=seed)

    def family(self, name: str) -> Family:
        """A family of ``FAMILIES``, as this plan wants it."""
        return self.shrunk(FAMILIES[name])

    def shrunk(self, family: Family) -> Family:
        """The family as this plan wants it."""
        return family if self.shrink is None else self.shrink(family)

    def epochs(self, protocol: int) -> int:
        """How long to train where a protocol names a number of epochs."""
        return min(protocol, self.max_epochs)
