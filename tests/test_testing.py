"""The contract holds for every recommender, and finds the one that breaks it."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from recbook import memory
from recbook.data import Interactions, Split
from recbook.models import (
    EASE,
    EDLAE,
    GFCF,
    IALS,
    NGCF,
    SLIM,
    BaseRecommender,
    EmbeddingModel,
    GraphSAGE,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.testing import check_recommender
from recbook.training import train

FITTED = [
    Popularity(), ItemKNN(5), UserKNN(5), RP3beta(num_neighbors=5), PureSVD(4), EASE(10), EDLAE(10),
    SLIM(0.5, 2), GFCF(4), IALS(8), GraphSAGE(np.eye(20), embedding_dim=4, steps=2),
]  # fmt: skip
TRAINED: dict[str, tuple[Callable[..., EmbeddingModel], dict[str, Any]]] = {
    "MatrixFactorization": (MatrixFactorization, {}),
    "LightGCN": (LightGCN, {}),
    "LightGCN, softmax": (LightGCN, {"loss": "softmax"}),
    "NGCF": (NGCF, {}),
}


@pytest.fixture
def some() -> Interactions:
    """Thirty users and twenty items; user 7 has nothing, item 3 nobody."""
    generator = torch.Generator().manual_seed(0)
    likes = torch.rand(30, 20, generator=generator) < 0.3
    likes[7] = likes[:, 3] = False
    user, item = likes.nonzero().T
    return Interactions.from_pairs(user, item, 30, 20)


@pytest.mark.parametrize("model", FITTED, ids=lambda model: type(model).__name__)
def test_what_is_fitted(model: Any, some: Interactions) -> None:
    check_recommender(copy.deepcopy(model).fit(some), some)


@pytest.mark.parametrize("name", TRAINED)
def test_what_is_trained(name: str, some: Interactions) -> None:
    kind, settings = TRAINED[name]
    model = kind(30, 20, embedding_dim=8)
    train(model, Split(some), epochs=3, **settings)
    check_recommender(model, some)


def test_a_readers_own(some: Interactions) -> None:
    class Newest:  # no base class, no recommend
        def score(self, users: Tensor) -> Tensor:
            return torch.arange(20).expand(len(users), -1)

    check_recommender(Newest(), some)


class Alphabet(BaseRecommender):
    """A recommender of one's own, with a bug of choice."""

    def __init__(self, bug: str = "") -> None:
        self.bug = bug

    def fit(self, some: Interactions) -> "Alphabet":
        self.remember(some)
        self.table = some.dense_rows(torch.arange(some.num_users)).float() @ torch.rand(
            some.num_items, some.num_items, generator=torch.Generator().manual_seed(0)
        )
        if self.bug == "strangers":
            self.known_users[:] = True
            self.table[7, 2] = 1
        return self

    def score(self, users: Any) -> Tensor:
        if self.bug != "trusts":
            users = self.positions(users)
        score = self.table[users]
        if self.bug == "noise":
            score = score + torch.rand(score.shape)
        if self.bug == "batch":
            score = score / len(users)
        if self.bug == "sorted":
            score = self.table[users.sort().values]
        if self.bug == "unique":
            score = self.table[users.unique()]
        if self.bug == "one too few":
            score = score[:, :-1]
        if self.bug == "NaN":
            score = score.masked_fill(score > 1, torch.nan)
        return score

    def recommend(self, users: Any, k: int = 20, **more: Any) -> Tensor:
        if self.bug == "k":
            return super().recommend(users, min(max(int(k or 1), 1), self.num_items), **more)
        if self.bug == "exclude" and "exclude" in more:
            more.pop("exclude")
        if self.bug == "deny" and "deny" in more:
            more["allow"] = more.pop("deny")
        if self.bug == "ties":
            self.table = self.table.round()
            return self.score(self.positions(users)).flip(1).argsort(1, descending=True)[:, :k]
        if self.bug == "filler":
            return super().recommend(users, k, **more).clamp(min=0)
        if self.bug == "tuples":
            users = users + [] if isinstance(users, tuple) else users  # noqa: RUF005
        return super().recommend(users, k, **more)


@pytest.mark.parametrize(
    ("bug", "clause"),
    [
        ("trusts", r"score\(\[True, True.* is refused, in words"),
        ("noise", "the same scores"),
        ("batch", "one by one"),
        ("sorted", "order of the users"),
        ("unique", "order of the users|who comes twice"),
        ("one too few", r"a row a user and a column an item.*expected \(30, 20\)"),
        ("NaN", "there is a NaN"),
        ("k", "k=0 is refused, in words.*it gave"),
        ("exclude", "exclude leaves out what is seen"),
        ("deny", "deny leaves out items"),
        ("ties", "refused|equal scores in order of position"),
        ("filler", "equal scores in order|gets no list"),
        ("tuples", "users may be a tuple"),
        ("strangers", "a user without train items gets no list.*got"),
    ],
)
def test_a_broken_one_is_named(bug: str, clause: str, some: Interactions) -> None:
    check_recommender(Alphabet().fit(some), some)
    with pytest.raises(AssertionError, match=f"(?s)^Alphabet breaks the contract.*{clause}"):
        check_recommender(Alphabet(bug).fit(some), some)


def test_scores_of_a_state_that_is_gone(some: Interactions) -> None:
    class Stale(MatrixFactorization):
        def _versions(self) -> list[int]:
            return []

    model = Stale(30, 20, embedding_dim=8)
    model.finalize(None)
    with pytest.raises(AssertionError, match="no scores are those of the state before"):
        check_recommender(model, some)


@pytest.mark.parametrize("model", FITTED[1:], ids=lambda model: type(model).__name__)
def test_memory_is_asked_for_before_it_is_taken(
    model: Any, some: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = copy.deepcopy(model)
    monkeypatch.setattr(memory, "free_bytes", lambda _: 100)
    with pytest.raises(MemoryError, match=r"needed .* GiB, free 0\.0 GiB; "):
        fresh.fit(some)
    with pytest.raises(RuntimeError, match="knows nothing yet: call fit"):
        fresh.score(torch.tensor([0]))


def test_a_class_is_no_model(some: Interactions) -> None:
    with pytest.raises(TypeError, match="got the class Popularity, expected a model that is fitt"):
        check_recommender(Popularity, some)


def test_users_after_the_fiftieth_are_asked_for(some: Interactions) -> None:
    class Late(Alphabet):
        def score(self, users: Tensor) -> Tensor:
            score = super().score(users)
            return score + 1e-3 * len(users) * (torch.as_tensor(users) > 60)[:, None]

    user = torch.arange(120)
    many = Interactions.from_pairs(user, user % 20, 120, 20)
    with pytest.raises(AssertionError, match="one by one"):
        check_recommender(Late().fit(many), many)
