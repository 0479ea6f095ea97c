"""What a fitted model answers about people and items: lists, for one or for a group, and why."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csc_array, csr_array

from recbook.checks import check_choice, check_count, check_kind
from recbook.data import Split
from recbook.data.logs import read_titles
from recbook.data.movielens import movielens_of
from recbook.folding import FoldIn
from recbook.models import BaseRecommender
from recbook.saving import load_with_digest
from recbook.vectors import vectors_of

__all__ = ["RULES", "Answers", "NoFoldInError", "StoredAnswers", "UnknownIdError"]

RULES = ("average", "least misery", "vote")  #: How a group may choose.
_VOTES = 10  # items that each of a group votes for
_BLOCK = 2**16  # items whose scores are in memory at a time
Found = tuple[np.ndarray, np.ndarray]  # positions and their scores


class UnknownIdError(LookupError):
    """Somebody asked about a user or an item that the split does not have."""


class NoFoldInError(TypeError):
    """Somebody asked for a newcomer whom the model cannot fold in."""


class Answers:
    """A model that is ready to answer, any number of times and in several threads.

    Ids are compared as text, so that ``42`` and ``"42"`` are the same. A *person* is a user's raw
    id, or a list of raw ids of items that a newcomer likes, who is folded in. What a person has in
    train or validation, or likes, is never listed.

    Args:
        model: fitted or trained; a copy on the CPU.
        split: the split that it was made on.
        probes: how many cells of an index of faiss to search for a person's list, as chapter 19
            does; 0 searches all items, a block at a time.

    Raises:
        TypeError, ValueError: on what is no model, no split, or not of each other.
        ValueError: on probes for a model that has no vectors.

    >>> from recbook.data import Interactions
    >>> from recbook.models import EASE
    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 1, 2, 2])
    >>> split = Split(train, item_ids=np.array(["Alien", "Brazil", "Casablanca"]))
    >>> answers = Answers(EASE(reg=1).fit(train), split)
    >>> [item for item, score in answers.recommend(0, 2)]
    ['Casablanca']
    >>> [(item, people) for item, share, people in answers.why(0, "Casablanca", 2)]
    [('Brazil', 1)]
    """

    def __init__(self, model: BaseRecommender, split: Split, probes: int = 0) -> None:
        check_kind("model", model, BaseRecommender, hint="see recbook.models")
        check_kind("split", split, Split)
        split.check_made_here(model)
        self._probes = check_count("probes", probes, 0)
        self.model = model
        parts = [part for part in (split.train, split.val) if part is not None]
        self._seen = csr_array(sum(part.matrix for part in parts))
        raw = (split.user_ids, split.item_ids)
        numbers = (range(model.num_users), range(model.num_items))
        users, items = (
            list(n) if ids is None else ids.tolist() for ids, n in zip(raw, numbers, strict=True)
        )
        self.users, self.items = users, items
        self._places = {
            name: {str(one): n for n, one in enumerate(ids)}
            for name, ids in (("user", users), ("item", items))
        }
        self._matrix, self._by_item = split.train.matrix, csc_array(split.train.matrix)
        self._user_degree = split.train.user_degree.numpy()
        self._item_degree = split.train.item_degree.numpy()
        self._folding, self._no_folding = None, ""
        try:
            self._folding = FoldIn(model)  # type: ignore[arg-type]
        except (TypeError, ValueError, RuntimeError) as error:
            self._no_folding = str(error)
        self._user_emb, self._item_emb, self._unit, vectors = None, None, None, None
        with suppress(TypeError):  # of a model without vectors
            vectors = vectors_of(model)
        if vectors is not None:
            self._user_emb, self._item_emb = (part.numpy() for part in vectors)
            self._unit = F.normalize(vectors[1]).numpy()
        self._index = self._build_index() if probes else None

    @property
    def folds_in(self) -> bool:
        """Whether it knows what to say to a newcomer."""
        return self._folding is not None

    def recommend(self, person: Any, k: int) -> list[tuple[Any, float]]:
        """A person's list, best first, each item with its score; empty where nothing is known.

        Raises:
            UnknownIdError: on an id that is not in the split.
            NoFoldInError: on a newcomer whom the model cannot fold in.
        """
        return self._named(self._search(*self._person(person), k))

    def group(self, people: Sequence[Any], rule: str, k: int) -> list[tuple[Any, float]]:
        """One list for several persons, of what none of them has seen.

        Each person's scores are standardised. ``"average"`` orders items by their mean, ``"least
        misery"`` by the lowest, ``"vote"`` by how many have an item among their ten best, and by
        the average where these are equal. Who gives all items the same score has no say.

        Raises:
            UnknownIdError, NoFoldInError: as :meth:`recommend`.
            ValueError: on another rule.
        """
        check_choice("rule", rule, RULES)
        asked = [self._person(one) for one in people]
        seen = np.unique(np.concatenate([had for _, had in asked]))
        rows = [
            np.concatenate([*self._scores(one, self._item_emb)], dtype=float) for one, _ in asked
        ]
        rows = [(row - row.mean()) / row.std() for row in rows if row.std() > 0]
        if not rows:
            return []
        score = np.min(rows, axis=0) if rule == "least misery" else np.mean(rows, axis=0)
        if rule == "vote":
            score = 1 - np.argsort(np.argsort(-score, kind="stable")) / len(score)
            for row in rows:
                score[self._exact(row, seen, _VOTES)[0]] += 1
        return self._named(self._exact(score, seen, k))

    def similar(self, item: Any, k: int) -> list[tuple[Any, float]]:
        """Items by the cosine of the model's vectors or, where it has none, of who has them.

        Raises:
            UnknownIdError: on an id that is not in the split.
        """
        place = self._place("item", item)
        itself = np.array([place])
        if self._unit is not None:
            return self._named(self._exact(self._unit[place], itself, k, self._unit))
        both = self._matrix[_row(self._by_item, place)].sum(axis=0)
        cosine = both / np.sqrt(np.maximum(self._item_degree * self._item_degree[place], 1))
        return self._named(self._exact(np.where(both > 0, cosine, -np.inf), itself, k))

    def why(self, user: Any, item: Any, k: int) -> list[tuple[Any, float, int]]:
        """What of a user's items leads to an item in the graph, whatever the model makes of it.

        Of all walks from the user over an item of theirs and somebody else who has it to the item
        asked about, each step drawn evenly: the share that goes over each of the user's items, and
        how many others have both.

        Raises:
            UnknownIdError: on an id that is not in the split.
        """
        start, end = self._place("user", user), self._place("item", item)
        others = np.setdiff1d(_row(self._by_item, end), start)
        own = np.setdiff1d(_row(self._matrix, start), end)
        both = self._matrix[others][:, own]
        walks = (1 / self._user_degree[others]) @ both / self._item_degree[own]
        share, people = walks / max(walks.sum(), 1e-300), both.sum(axis=0)
        best = [n for n in np.argsort(-walks, kind="stable")[:k] if walks[n] > 0]
        return [(self.items[own[n]], float(share[n]), int(people[n])) for n in best]

    def recall(self, k: int = 20) -> float:
        """Which share of the exact lists of the first 500 users the search finds."""
        asked = [self._person(user) for user in self.users[:500]]
        pairs = [(self._search(*one, k)[0], self._exact(*one, k, self._item_emb)[0])
                 for one in asked]  # fmt: skip
        return float(
            np.mean([np.isin(exact, found).mean() for found, exact in pairs if len(exact)])
        )

    def user_id(self, given: Any) -> Any:
        """The raw id that a user has in the split, as text or not.

        Raises:
            UnknownIdError: on an id that is not in the split.
        """
        return self.users[self._place("user", given)]

    def _place(self, name: str, given: Any) -> int:
        if (place := self._places[name].get(str(given))) is None:
            some = ", ".join(map(repr, (self.users if name == "user" else self.items)[:3]))
            raise UnknownIdError(
                f"{name}: got {given!r:.80}, expected an id of the model, e.g. {some}"
            )
        return place

    def _person(self, given: Any) -> tuple[np.ndarray, np.ndarray]:
        """A vector, or scores where the model has no vectors, and what is not to be listed.

        One of whom nothing is known has zeros.
        """
        if isinstance(given, list):
            if self._folding is None:
                raise NoFoldInError(self._no_folding)
            liked = np.unique([self._place("item", one) for one in given])
            item = torch.from_numpy(liked)
            try:
                return self._folding.vectors(torch.zeros_like(item), item)[0].numpy(), liked
            except ValueError as error:  # iALS's system may be singular
                raise NoFoldInError(str(error)) from error
        user = self._place("user", given)
        if self._user_emb is None:
            asked = self.model.score(torch.tensor([user]))[0].numpy()
        else:
            asked = self._user_emb[user]
        strange = self.model.known_users is not None and not self.model.known_users[user]
        return (np.zeros_like(asked) if strange else asked), _row(self._seen, user)

    def _scores(self, asked: np.ndarray, items: np.ndarray | None) -> Iterator[np.ndarray]:
        """Scores of all items in turn, a block at a time."""
        for start in range(0, self.model.num_items, _BLOCK):
            part = slice(start, start + _BLOCK)
            yield asked[part].copy() if items is None else items[part] @ asked

    def _exact(
        self, asked: np.ndarray, seen: np.ndarray, k: int, items: np.ndarray | None = None
    ) -> Found:
        """The best of all items, of equal ones the first; none where all score the same."""
        places, values, low, high = [], [], np.inf, -np.inf
        for start, score in zip(itertools.count(0, _BLOCK), self._scores(asked, items)):
            low, high = min(low, score.min()), max(high, score.max())
            score[seen[(seen >= start) & (seen < start + len(score))] - start] = -np.inf
            least = np.partition(score, -min(k, len(score)))[-min(k, len(score))]
            good = np.flatnonzero((score >= least) & (score > -np.inf))
            places.append(start + good)
            values.append(score[good])
        place, value = np.concatenate(places), np.concatenate(values)
        best = np.argsort(-value, kind="stable")[: k if low < high else 0]
        return place[best], value[best]

    def _search(self, asked: np.ndarray, seen: np.ndarray, k: int) -> Found:
        """The same by the index where there is one, which looks past what is seen."""
        if self._index is None or not asked.any():
            return self._exact(asked, seen, k, self._item_emb)
        import faiss

        left = faiss.IDSelectorNot(faiss.IDSelectorBatch(seen.astype(np.int64)))
        how: Any = faiss.SearchParametersIVF(sel=left, nprobe=self._probes)  # type: ignore[call-arg]
        value, place = self._index.search(asked[None].astype(np.float32), k, params=how)
        return place[place >= 0], value[place >= 0]

    def _build_index(self) -> Any:
        import faiss

        if self._item_emb is None:
            kind = type(self.model).__name__
            raise ValueError(
                f"got probes={self._probes}, but {kind} has no vectors, so that there is nothing "
                "to put into an index; leave probes out"
            )
        vectors = np.ascontiguousarray(self._item_emb, dtype=np.float32)
        dim, cells = vectors.shape[1], max(1, int(len(vectors) ** 0.5 / 2))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, cells, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.add(vectors)
        return index

    def _named(self, found: Found) -> list[tuple[Any, float]]:
        return [(self.items[n], x) for n, x in zip(*(part.tolist() for part in found), strict=True)]


class StoredAnswers(Answers):
    """What a file of :func:`recbook.save` answers, with the titles of its items where known.

    Attributes:
        digest: the first twelve digits of the file's SHA-256.
        kind: the name of the model's class.
        titles: by raw id, those that were given or, where the ids are its, MovieLens-100K's.

    Args:
        path: of the file.
        probes: as for :class:`Answers`.
        titles: path of a table that has them, as for :func:`recbook.data.logs.read_titles`.

    Raises:
        TypeError, ValueError, OSError: as :func:`recbook.load` and :class:`Answers`.
    """

    def __init__(self, path: str | Path, probes: int = 0, titles: str | Path | None = None) -> None:
        model, split, digest = load_with_digest(path)
        super().__init__(model, split, probes)
        self.digest = digest[:12]
        self.kind, self.titles = type(model).__name__, {}
        if titles is not None:
            named = read_titles(titles)
            self.titles = {item: named[str(item)] for item in self.items if str(item) in named}
            if not self.titles:
                raise ValueError(
                    f"{titles}: got titles of {len(named):,} items, none of which is the model's, "
                    f"expected ids such as {self.items[0]!r}"
                )
            return
        with suppress(OSError):  # no title is a reason to be silent
            if (ml := movielens_of(split)) is not None:
                self.titles = ml.items.set_index("item_id")["title"].to_dict()

    def find(self, words: str, k: int) -> list[tuple[Any, float]]:
        """Items whose title has all of these words in it, and how much of it they are.

        An item without a title is called by its id; one whose id this is, is all of it.
        """
        parts, place = words.casefold().split(), self._places["item"].get(words.strip())
        names = ((item, str(self.titles.get(item, item)).casefold()) for item in self.items)
        share = {
            item: sum(map(len, parts)) / max(len(name), 1)
            for item, name in names
            if all(part in name for part in parts)
        }
        if place is not None:
            share[self.items[place]] = 1.0
        return sorted(share.items(), key=lambda one: -one[1])[: k if parts else 0]


def _row(matrix: Any, number: int) -> np.ndarray:
    """Where a row of a CSR matrix, or a column of a CSC one, has entries."""
    start, end = matrix.indptr[number : number + 2]
    return matrix.indices[start:end]
