"""The data of the page "Movie night", and what the page says to who has no JavaScript."""

import base64
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbook.data import MovieLens, Split
from recbook.folding import fold_in
from recbook.friends import find_friends, friends_lists
from recbook.models import LightGCN
from recbook.training import train
from tools import movie_night

PAGE = Path(__file__).parents[1] / "book" / "movie_night.md"


class Read:
    """The page's data as tensors, films in the page's order."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known, self.size = known, len(known["likes"])

    def numbers(self, part: str, name: str, kind: Any) -> np.ndarray:
        return np.frombuffer(base64.b64decode(self.known[part][name]), kind)

    def vectors(self, part: str) -> torch.Tensor:
        steps = self.numbers(part, "steps", np.int8).reshape(self.size, -1)
        return torch.tensor(steps / 127 * self.numbers(part, "scale", "<f4")[:, None].astype(float))

    @cached_property
    def likes(self) -> torch.Tensor:
        return torch.tensor(self.known["likes"], dtype=torch.float64)

    @cached_property
    def svd(self) -> torch.Tensor:
        return self.vectors("svd")

    @cached_property
    def layers(self) -> torch.Tensor:
        return self.vectors("layers").reshape(self.size, self.known["numLayers"] + 1, -1)

    def columns(self, name: str) -> torch.Tensor:
        """A number for each film and its neighbours, in the neighbours' rows."""
        table, start = torch.zeros(self.size, self.size, dtype=torch.float64), 0
        gap, value = (self.numbers("ease", one, np.uint8).astype(int) for one in ("gap", name))
        for film, end in enumerate(self.numbers("ease", "ends", "<u2")):
            table[gap[start:end].cumsum(), film] += torch.from_numpy(value[start:end])
            start = end
        return table

    @cached_property
    def weight(self) -> torch.Tensor:
        scale = self.numbers("ease", "scale", "<f4").astype(float)
        return self.columns("step") / 255 * torch.from_numpy(scale)


@pytest.fixture(scope="module")
def made() -> tuple[Split, Any, dict[str, Any]]:
    split, films = movie_night.book_split()
    return split, films, movie_night.fit(split)


@pytest.fixture(scope="module")
def stored(made: Any) -> Read:
    return Read(movie_night.data(*made, public=False))


def order_of(split: Split) -> np.ndarray:
    return np.argsort(-split.train.item_degree.numpy(), kind="stable")


def test_it_fits_a_phone_and_has_no_user(made: Any, stored: Read) -> None:
    assert len(json.dumps(stored.known, separators=(",", ":"))) < movie_night.LARGEST
    assert stored.known.keys() == {
        *"titles years genres sets likes svd layers numLayers ease".split()
    }
    split, films, _ = made
    for name in ("titles", "years", "sets", "likes"):
        assert len(stored.known[name]) == len(films)
    assert stored.known["likes"] == sorted(stored.known["likes"], reverse=True)
    assert sum(stored.known["likes"]) == len(split.train)


def test_a_public_site_has_no_title(made: Any) -> None:
    public = json.dumps(movie_night.data(*made, public=True))
    assert json.loads(public)["titles"] is None
    assert "Star Wars" not in public and "Casablanca" not in public


def test_rounding_moves_few_films(made: Any, stored: Read) -> None:
    split, _, models = made
    order, few = order_of(split), torch.arange(0, split.train.num_users, 9)
    rows = torch.from_numpy(split.train.matrix[few.numpy()].toarray())[:, order.copy()]
    exact = models["PureSVD"].score(few)[:, order.copy()]
    ours = rows @ stored.svd @ stored.svd.T
    lists = [x.masked_fill(rows > 0, -torch.inf).topk(10).indices for x in (exact, ours)]
    assert (lists[0][:, :, None] == lists[1][:, None]).any(2).double().mean() > 0.97
    assert (exact - ours).abs().max() < 0.02


def test_neighbours_are_the_strongest_and_know_who_likes_both(made: Any, stored: Read) -> None:
    split, _, models = made
    order = order_of(split).copy()
    exact = models["EASE"].weight[order][:, order]
    kept = stored.weight > 0
    assert kept.sum(0).max() <= movie_night.NEIGHBOURS
    scale = exact.amax(0)
    error = (torch.where(kept, exact, 0) - stored.weight).abs() / scale
    assert error.max() < 1 / 250
    both = torch.from_numpy((split.train.matrix.T @ split.train.matrix).toarray())[order][:, order]
    assert (stored.columns("shared")[kept] == both[kept].clamp(max=255)).all()


def test_layers_are_those_that_fold_in_takes(made: Any, stored: Read) -> None:
    split, _, models = made
    net, order = models["LightGCN"], order_of(split).copy()
    exact = fold_in(net, split.train)[::9][:, order].double()
    rows = torch.from_numpy(split.train.matrix[::9].toarray())[:, order] / stored.likes.sqrt()
    mine = rows @ stored.layers[:, :-1].sum(1)
    final = torch.nn.functional.normalize(stored.layers.sum(1))
    ours = torch.nn.functional.normalize(mine) @ final.T
    assert (exact - ours).abs().max() < 0.02


def test_without_javascript_the_page_shows_the_friends_lists(
    original: Split, movielens: MovieLens
) -> None:
    net = LightGCN(original.train.num_users, original.train.num_items)
    train(net, original, loss="softmax")
    friends = find_friends(original, movielens.items)
    lists = friends_lists({"LightGCN": net}, original, friends, movielens.items)
    rows = re.findall(r"^\| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    shown = [row.replace("\\", "").split(" | ") for row in rows]
    assert shown[0] == list(friends.index)
    assert shown[1:] == [[cell.replace("\xa0", " ") for cell in row] for row in lists.to_numpy()]
