"""Every experiment on a tiny data set that is made here, and the parts that no model has."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array

from experiments import __main__ as command
from experiments import writing
from experiments.choosing import SPLITS
from experiments.families import RECENT
from experiments.gowalla import hidden_similarity, hide, hide_alike, of_users
from experiments.models.scorers import WithPopularity
from experiments.over_time import keep_unknown
from experiments.plan import Plan
from experiments.runs import Runs
from recbook import ledger
from recbook.data import Articles, Interactions, MovieLens, Split, global_time_split, random_split
from recbook.graph import train_adjacency
from recbook.models import LightGCN
from recbook.tuning import FAMILIES, Family, Range, Settings

pytestmark = pytest.mark.no_cover

# on a graph as small as this, many films are equally popular
TIES = pytest.mark.filterwarnings("ignore:.*users a target item scores:UserWarning")
SMALL = dict.fromkeys(["embedding_dim", "latent_dim", "num_frequencies"], 4)
SMALL |= {"num_neighbors": 5, "steps": 2}
ENTRIES = [file.stem for file in ledger.FOLDER.glob("*.json")]


def first_setting(family: Family) -> Family:
    """The first setting of the grid, its sizes for a tiny graph; two epochs where it is trained."""
    setting = {name: min(value, SMALL.get(name, value)) for name, value in family.grid[0].items()}
    if "lr" in setting or ("temperature" in setting and family in FAMILIES.values()):
        setting["epochs"] = 2
    return replace(family, grid=[setting])


@pytest.fixture(scope="module")
def tiny() -> Plan:
    """Ninety users with about fifteen films of a hundred, over a hundred days; two seeds."""
    rng = np.random.default_rng(0)
    user, film = np.nonzero(rng.random((90, 100)) < np.linspace(0.05, 0.3, 100))
    day = rng.integers(0, 60, 90)[user] + rng.integers(0, 40, len(user))
    rows = {"user_id": user + 1, "item_id": film + 1, "rating": rng.integers(2, 6, len(user))}
    ratings = pd.DataFrame(rows | {"timestamp": 86400 * day})
    genres = [["Action", "Comedy", "Action Drama"][number % 3] for number in range(100)]
    films = {"item_id": range(1, 101), "title": "a film", "genres": genres, "year": 1995}
    people = {"user_id": range(1, 91), "age": 30, "gender": ["F", "M"] * 45, "occupation": "other"}
    data = MovieLens(ratings, pd.DataFrame(films), pd.DataFrame(people), folder=Path())
    links = csr_array(rng.random((101, 101)) < 0.1)
    pairs = ratings[["user_id", "item_id"]]
    return Plan(
        load_movielens=lambda: data,
        load_citeulike=lambda: pairs,
        load_articles=lambda: Articles(links.astype(float), np.empty(101), links.astype(float)),
        load_gowalla=lambda: random_split(ratings),
        seeds=[0, 1],
        most_named=5,
        max_epochs=2,
        shrink=first_setting,
    )


def names(results: dict[str, Any]) -> set[tuple[str, ...]]:
    """What leads to each figure; which settings are chosen from is the family's business."""
    paths = (path for path, _ in writing.leaves(results))
    return {path[: path.index("chosen") + 1] if "chosen" in path else path for path in paths}


@TIES
@pytest.mark.parametrize("name", sorted({*ENTRIES, *command.EXPERIMENTS}))
def test_an_experiment_returns_what_the_ledger_has(name: str, tiny: Plan, tmp_path: Path) -> None:
    fresh = command.EXPERIMENTS[name](Runs(tmp_path / "runs.jsonl", quiet=True), tiny)
    stored = ledger.read_entry(name)["results"]
    assert names(fresh) == names(stored)
    assert list(writing.not_numbers(fresh)) == list(writing.not_numbers(stored)) == []
    shares = [
        value
        for path, value in writing.leaves(fresh)
        if {"recall", "precision", "ndcg", "hit_rate"} & {*path}
        and not any(word in part for part in path for word in ("minus", "against", "gain", "over"))
    ]
    assert shares and all(0 <= value <= 1 for value in shares) and max(shares) > 0


def test_what_is_hidden_together_is_alike(original: Split) -> None:
    train = original.train
    alike = hide_alike(train)
    uniform = hide(train, torch.rand(len(train), generator=torch.Generator().manual_seed(0)) < 0.2)
    for part in (alike, uniform):
        both = torch.cat([x.user * train.num_items + x.item for x in (part.train, part.test)])
        whole = train.user * train.num_items + train.item
        assert torch.equal(both.sort().values, whole.sort().values)
    assert torch.equal(alike.test.user_degree, (0.2 * train.user_degree).ceil().long())
    near, drawn = hidden_similarity(alike), hidden_similarity(uniform)
    assert drawn["each_other"] == pytest.approx(drawn["to_train"], abs=0.01)
    assert near["each_other"] > near["to_train"] + 0.02


def test_similarity_of_what_is_hidden_by_hand() -> None:
    train = Interactions.from_pairs([0, 0, 1, 1, 1, 2], [0, 1, 1, 2, 3, 2], 3, 4)
    test = Interactions.from_pairs([0, 0], [2, 3], 3, 4)
    found = hidden_similarity(Split(train, test=test))
    # item 2 has users 1 and 2, item 3 has user 1, item 1 has users 0 and 1, item 0 has user 0
    assert found["each_other"] == pytest.approx(2**-0.5, abs=1e-4)
    assert found["to_train"] == pytest.approx((1 / 2 + 2**-0.5) / 4, abs=1e-4)
    assert found["train_users_of_train_items"] == pytest.approx(
        (1 + 2 + 2 + 2 + 1 + 2) / 6 - 1, 1e-3
    )
    assert found["train_users_of_test_items"] == 1.5


def test_popularity_is_added_to_the_cosine(toy: Interactions) -> None:
    size = toy.num_users, toy.num_items
    plain = LightGCN(*size, 4, num_layers=1, cosine=True)
    more = WithPopularity(*size, popularity=0.5, embedding_dim=4, num_layers=1, cosine=True)
    for model in (plain, more):
        model.finalize(train_adjacency(toy))
    users = torch.arange(toy.num_users)
    added = (more.score(users) - plain.score(users)).detach()
    assert torch.allclose(added, (0.5 * toy.item_degree.log1p()).expand_as(added), atol=1e-6)


def test_gowalla_is_as_the_ledger_says(gowalla: Split) -> None:
    entry = ledger.read_entry("gowalla")
    assert entry["data"]["digest"] == ledger.split_digest(gowalla)
    found = hidden_similarity(gowalla)
    assert found == pytest.approx(entry["results"]["split"]["published"], abs=1e-4)


def test_only_the_interactions_of_some_users() -> None:
    part = Interactions.from_pairs([0, 1, 2, 1], [0, 1, 1, 0], 3, 2)
    some = of_users(part, torch.tensor([1]))
    assert some.user.tolist() == [1, 1] and sorted(some.item.tolist()) == [0, 1]
    assert (some.num_users, some.num_items) == (3, 2)


def test_the_first_editions_rule_keeps_what_train_has_not(tiny: Plan) -> None:
    split, full = (global_time_split(tiny.liked, val_size=size) for size in (0.1, 0.0))
    old = keep_unknown(split, full)
    assert old.val is not None and split.val is not None
    assert len(old.val) == len(split.val) + split.num_dropped["val"] > len(split.val)
    whole, train, kept, scored = (
        set(zip(part.user.tolist(), part.item.tolist(), strict=True))
        for part in (full.train, split.train, old.val, split.val)
    )
    assert kept == whole - train and scored < kept
    assert old.test is split.test and old.train is split.train


def at_an_edge(family: Family, settings: Settings) -> list[str]:
    """The settings that lie at an end of what was tried, where more might be won.

    That is the least or the greatest of a list's numbers or of those drawn from a range, and what
    is within a twentieth of the range's ends.
    """
    found = []
    for name, where in family.space.items():
        tried = [one[name] for one in family.grid]
        at_end = settings[name] in (min(tried), max(tried)) and len({*tried}) > 1
        if isinstance(where, Range):
            share = np.log(settings[name] / where.low) / np.log(where.high / where.low)
            at_end = at_end or not 0.05 < share < 0.95
        if at_end:
            found.append(name)
    return found


# How many splits chose an end of what was tried, of five for LightGCN and NGCF, else of twenty.
AT_AN_EDGE = {
    "EDLAE": {"dropout": 6},
    "GF-CF": {"alpha": 3},
    "iALS": {"alpha0": 8},
    "LightGCN, softmax": {"reg": 1, "lr": 1, "embedding_dim": 20, "num_layers": 1},
    "LightGCN, softmax, random start": {"reg": 3, "lr": 2, "embedding_dim": 20, "num_layers": 4},
    "MF, softmax": {"reg": 3, "lr": 2, "embedding_dim": 20},
    "MF-BPR": {"embedding_dim": 20},
    "LightGCN": {"embedding_dim": 5, "num_layers": 2},
    "NGCF": {"dropout": 5},
}


def test_chapters_name_the_ends_where_the_search_stopped() -> None:
    """Chapters 8, 9 and 17 say so; what is not in the table has to be said, or tried further."""
    splits = ledger.read_entry("search")["results"]["splits"]
    found = {
        name: Counter(edge for one in splits[name]["chosen"] for edge in at_an_edge(family, one))
        for name, family in FAMILIES.items()
    }
    assert {name: edges for name, edges in found.items() if edges} == AT_AN_EDGE


@pytest.mark.parametrize(
    ("settings", "edges"),
    [
        ({"reg": 0.011, "neighbours": 40, "nu": 0.5}, ["reg"]),
        ({"reg": 0.1, "neighbours": 900, "nu": 0.5}, ["neighbours"]),
        ({"reg": 0.5, "neighbours": 40, "nu": 1}, ["reg", "nu"]),
        ({"reg": 0.1, "neighbours": 40, "nu": 0.5}, []),
    ],
)
def test_what_lies_at_an_edge(settings: Settings, edges: list[str]) -> None:
    space = {
        "reg": Range(0.01, 1),
        "neighbours": Range(1, 1000, whole=True),
        "nu": [0, 0.5, 1],
        "layers": [0],
    }
    tried = [(0.02, 2, 0), (0.1, 40, 0.5), (0.5, 500, 1)]
    tried = [dict(zip(space, (*one, 0), strict=True)) for one in tried]
    family = Family(FAMILIES["EASE"].fit, tried, space=space)
    assert at_an_edge(family, settings | {"layers": 0}) == edges


def test_no_split_counts_twice() -> None:
    assert len({*SPLITS}) == len(SPLITS) == 20


def test_every_family_has_the_same_number_of_trials() -> None:
    for name, family in (FAMILIES | RECENT).items():
        settings = {tuple(sorted(one.items())) for one in family.grid}
        assert len(settings) == (1 if name == "Popularity" else 12), name
