"""The toy graph of the chapters and the real split, shared by the tests."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from recbook.data import (
    Interactions,
    MovieLens,
    Split,
    load_citeulike,
    load_gowalla,
    load_movielens_100k,
    random_split,
)
from recbook.data import to_implicit as implicit

TOY_USER = [0, 0, 1, 1, 2, 2]
TOY_ITEM = [0, 1, 1, 2, 2, 3]


class Sealed(Interactions):
    """A part of a split that nobody may read."""

    def __init__(self, part: Interactions) -> None:
        super().__init__(part.user, part.item, part.num_users, part.num_items)
        object.__setattr__(self, "sealed", True)

    def __getattribute__(self, name: str) -> object:
        if name not in ("num_users", "num_items") and name[0] != "_" and "sealed" in vars(self):
            raise AssertionError(f"somebody read test.{name}")
        return super().__getattribute__(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Where a test is not counted, what it starts is not counted either."""
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("no_cover"):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        return (yield)


@pytest.fixture
def toy() -> Interactions:
    return Interactions.from_pairs(TOY_USER, TOY_ITEM)


@pytest.fixture(scope="session")
def movielens() -> MovieLens:
    return load_movielens_100k()


@pytest.fixture(scope="session")
def original(movielens: MovieLens) -> Split:
    """The original post's split."""
    return random_split(implicit(movielens.ratings))


@pytest.fixture(scope="session")
def gowalla() -> Split:
    """The papers' data, which no test downloads."""
    return load_gowalla(beside_the_checkout("gowalla"))


@pytest.fixture(scope="session")
def citeulike() -> pd.DataFrame:
    """Who keeps which article, which no test downloads."""
    return load_citeulike(beside_the_checkout("citeulike"))


def beside_the_checkout(name: str) -> Path:
    """The folder of all data, where it has this one."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / name).is_dir():
        pytest.skip(f"no copy of {name} beside the checkout, so that its rows are not made again")
    return folder


@pytest.fixture
def clusters() -> Split:
    """Forty users in two groups, each group liking its own twenty items; popularity cannot tell."""
    generator = torch.Generator().manual_seed(0)
    like = torch.rand(40, 40, generator=generator) < 0.5
    same = (torch.arange(40)[:, None] < 20) == (torch.arange(40)[None] < 20)
    user, item = (like & same).nonzero().T
    part = torch.rand(len(user), generator=generator)

    def pick(mask: torch.Tensor) -> Interactions:
        return Interactions.from_pairs(user[mask], item[mask], 40, 40)

    return Split(pick(part < 0.6), test=pick(part > 0.8), val=pick((part >= 0.6) & (part <= 0.8)))
