"""The contract that every recommender meets, trained or fitted, ours or a reader's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from recbook.data import Interactions, Split, check_part
from recbook.evaluation import Recommender
from recbook.models.base import BaseRecommender
from recbook.ranking import check_scores, top_k
from recbook.saving import load, save

__all__ = ["check_recommender"]


def check_recommender(model: Recommender, train: Interactions) -> None:
    """Check a recommender that is ready to score against the contract of all.

    - ``score(users)`` has a row a user and a column an item: numbers without NaN, the same for a
      user alone, in a batch, twice in it, or in another order, and again when asked again.
    - ``recommend``, which a subclass of ``BaseRecommender`` has, gives the items with the highest
      scores, the lower position where they are equal, and -1 where none is left; never one that
      ``exclude`` or ``deny`` names, or ``allow`` does not. It takes users as a list, tuple, array
      or tensor, none or one twice, and refuses masks, halves, texts, and positions that are not
      there; ``k`` from 1 to all items. It lists nothing for a user of whom it knows nothing.
    - What :func:`recbook.save` stores, which any class of recbook's has, comes back with the same
      scores, bit for bit.
    - Where it has parameters, a state that is loaded never leaves the scores of the old one.
    - Where there is a GPU, a model with parameters gives the same lists on it.

    Args:
        model: anything with ``score(users)``, trained or fitted.
        train: what it was fitted on.

    Raises:
        AssertionError: names the clause that is broken, with what was asked and what came.

    >>> from recbook.models import Popularity
    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 1, 2, 2], 3, 4)
    >>> check_recommender(Popularity().fit(train), train)
    """
    check_part("train", train)
    if isinstance(model, type):
        raise TypeError(f"got the class {model.__name__}, expected a model that is fitted on train")
    _check_scores(model, train)
    if isinstance(model, BaseRecommender):
        _check_users(model, train)
        _check_lists(model, train)
        _check_strangers(model, train)
        if type(model).__module__.startswith("recbook.models"):
            _check_saved(model, train)
    if isinstance(model, nn.Module):
        _check_state(model, train)
        if torch.cuda.is_available():
            _check_device(model, train, "cuda")


def _check_scores(model: Recommender, train: Interactions) -> None:
    users = _some(torch.arange(train.num_users))
    with _clause(model, "score(users) gives numbers, a row a user and a column an item"):
        whole = _score(model, users, train)
    with _clause(model, "asked again, it gives the same scores"):
        _equal(_score(model, users, train), whole, 0.0)
    with _clause(model, "a batch is what its users are one by one"):
        _equal(torch.cat([_score(model, user, train) for user in users.split(1)]), whole)
    with _clause(model, "the order of the users orders the rows"):
        _equal(_score(model, users.flip(0), train).flip(0), whole)
    with _clause(model, "a user who comes twice has two equal rows"):
        _equal(_score(model, users[[0, 0]], train), whole[[0, 0]])
    with _clause(model, "no users have no rows"):
        assert len(_score(model, users[:0], train)) == 0, "some came"


def _check_users(model: BaseRecommender, train: Interactions) -> None:
    some = [train.num_users - 1, 0]
    expected = model.recommend(torch.tensor(some), k=1)
    tensor = torch.tensor(some)
    forms: list[Any] = [some, tuple(some), tensor.numpy(), tensor.int()]
    for users in forms:
        with _clause(model, f"users may be a {type(users).__name__}"):
            _same(model.recommend(users, k=1), expected)
    with _clause(model, "no users have no lists"):
        _same(model.recommend([], k=1), torch.zeros(0, 1, dtype=torch.long))
    no_users: list[Any] = [[True] * train.num_users, [0.5], ["0"], [-1], [train.num_users], 0, None]
    for wrong in [*no_users, [[0]]]:
        _refuses(model, f"users={wrong}"[:60], partial(model.recommend, wrong, k=1))
        _refuses(model, f"score({wrong})"[:60], partial(model.score, wrong))
    numbers: list[Any] = [0, -1, train.num_items + 1, 1.5, True, None]
    for wrong in numbers:
        _refuses(model, f"k={wrong}", partial(model.recommend, [0], k=wrong))


def _check_lists(model: BaseRecommender, train: Interactions) -> None:
    users = _some(torch.nonzero(train.user_degree).flatten())
    num_items = train.num_items
    score = _score(model, users, train)
    listed = score.amax(1) > score.amin(1) if num_items > 1 else torch.ones(len(users)) > 0
    seen = train.dense_rows(users)
    odd = range(1, num_items, 2)
    is_odd = (torch.arange(num_items) % 2 == 1).expand_as(seen)
    barred: dict[str, tuple[dict[str, Any], Tensor]] = {
        "all items compete": ({}, torch.zeros_like(seen)),
        "exclude leaves out what is seen": ({"exclude": train}, seen),
        "deny leaves out items": ({"deny": odd}, is_odd),
        "allow leaves out all others": ({"allow": odd}, ~is_odd),
        "exclude and deny go together": ({"exclude": train, "deny": odd}, seen | is_odd),
    }
    for clause, (given, out) in barred.items():
        for k in {1, min(3, num_items), num_items}:
            with _clause(model, f"{clause}, equal scores in order of position; k={k}"):
                best = top_k(score.masked_fill(out, -torch.inf), k)
                _same(model.recommend(users, k=k, **given), best.masked_fill(~listed[:, None], -1))


def _check_strangers(model: BaseRecommender, train: Interactions) -> None:
    if getattr(model, "known_users", None) is None:
        return  # as Popularity, which has the same list for everybody
    strangers = torch.nonzero(train.user_degree == 0).flatten()
    with _clause(model, "a user without train items gets no list"):
        lists = model.recommend(strangers, k=1)
        assert (lists == -1).all(), f"users {strangers.tolist()} got {lists.flatten().tolist()}"


def _check_saved(model: BaseRecommender, train: Interactions) -> None:
    users = _some(torch.arange(train.num_users))
    here = copy.deepcopy(model).cpu() if isinstance(model, nn.Module) else model  # as load has it
    with _clause(model, "saved and loaded, it has the same scores"), TemporaryDirectory() as folder:
        again, _ = load(save(model, Split(train), Path(folder) / "model"))
        _equal(_score(again, users, train), _score(here, users, train), 0.0)


def _check_state(model: nn.Module, train: Interactions) -> None:
    users = torch.arange(train.num_users)[:5]
    other = copy.deepcopy(model)
    before = _score(other, users, train)
    state = {name: value + 1 for name, value in other.state_dict().items()}
    with _clause(model, "after load_state_dict no scores are those of the state before"):
        other.load_state_dict(state)
        try:
            after = _score(other, users, train)
        except RuntimeError:  # which says what to call
            return
        assert not torch.equal(after, before), "they are"


def _check_device(model: nn.Module, train: Interactions, device: str) -> None:
    users = _some(torch.arange(train.num_users))
    with _clause(model, f"on {device} it has the same scores"):
        moved = copy.deepcopy(model).to(device)
        _equal(_score(moved, users, train), _score(model, users, train), 1e-4)


@contextmanager
def _clause(model: object, clause: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        raise AssertionError(
            f"{type(model).__name__} breaks the contract of recommenders, {clause!r}: {kind}{error}"
        ) from error


def _refuses(model: object, what: str, call: Callable[[], object]) -> None:
    """Demand a TypeError or a ValueError that says what was expected."""
    with _clause(model, f"{what} is refused, in words"):
        try:
            came = call()
        except (TypeError, ValueError) as error:
            assert "expected" in str(error), f"{error} does not say what was expected"
        else:
            raise AssertionError(f"it gave {came}")


def _some(users: Tensor) -> Tensor:
    """All where they are few, else fifty to a hundred from the first to the last."""
    return users[:: max(1, len(users) // 50)]


def _score(model: Any, users: Tensor, train: Interactions) -> Tensor:
    with torch.no_grad():
        score = check_scores(model.score(users), len(users), train.num_items).cpu()
    assert not score.isnan().any(), "there is a NaN"
    return score


def _equal(score: Tensor, expected: Tensor, room: float = 1e-5) -> None:
    torch.testing.assert_close(score, expected, rtol=room, atol=room, check_dtype=False)


def _same(lists: Tensor, expected: Tensor) -> None:
    assert isinstance(lists, Tensor) and lists.dtype == torch.long, f"came {lists!r}"
    assert torch.equal(lists, expected), f"expected {expected.tolist()}, came {lists.tolist()}"
