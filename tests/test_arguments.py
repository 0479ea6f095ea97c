"""Every argument of every public function is checked at the door, in the package's own words.

``ENTRIES`` has for each public callable a good call on tiny data, and for each argument its kind. A
kind knows what is wrong for it: another type, a mask, text, NaN, the wrong sign, out of range, a
percentage for a share, another size, an empty part. Each wrong value must be refused by a TypeError
or a ValueError that recbook itself raises and that says what was got and what was expected; the
arguments must be left as they were. A public callable without an entry turns a test red.
"""

import inspect
import math
import pkgutil
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

import recbook
import recbook.answers
import recbook.beyond_accuracy
import recbook.choosing
import recbook.data
import recbook.data.movielens
import recbook.evaluation
import recbook.exercises
import recbook.files
import recbook.folding
import recbook.friends
import recbook.graph
import recbook.ledger
import recbook.losses
import recbook.memory
import recbook.models
import recbook.plotting
import recbook.ranking
import recbook.sparse
import recbook.stats
import recbook.tuning
import recbook.updating
import recbook.vectors
from recbook import distributed
from recbook.data import Interactions, Split
from recbook.evaluation import RankingReport
from recbook.graph import train_adjacency
from recbook.models import (
    EASE,
    EDLAE,
    GFCF,
    IALS,
    NGCF,
    SLIM,
    GraphSAGE,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    NGCFConv,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.models.inductive import sage_layer
from recbook.sampling import TripletSampler
from recbook.training import train
from recbook.tuning import Family, closed_form, trained

PACKAGE = Path(recbook.graph.__file__).parent
MODEL = Path(tempfile.gettempdir()) / "arguments.recbook"
NAN, INF = math.nan, math.inf
Wrong = dict[str, Any]  # what is wrong with a value, and the value
Kind = Callable[[], Wrong]

# Kinds of arguments -------------------------------------------------------------------------------

OTHERS: Wrong = {"text": "no", "None": None, "an object": object()}


def but(values: Wrong, *names: str) -> Wrong:
    return {name: value for name, value in values.items() if name not in names}


def optional(kind: Kind) -> Kind:
    return lambda: but(kind(), "None")


def count(least: int = 1, most: int | None = None) -> Kind:
    def wrong() -> Wrong:
        values = OTHERS | {"a list": [1], "truth": True, "a float": 1.5, "a whole float": 1.0}
        values |= {"NaN": NAN, "infinity": INF, "too small": least - 1, "negative": -1 - abs(least)}
        return values if most is None else values | {"too large": most + 1}

    return wrong


def seed() -> Wrong:
    return count(0, 2**32 - 1)()


def number(least: float = -INF, most: float = INF, open_ends: bool = False) -> Kind:
    def wrong() -> Wrong:
        values = OTHERS | {
            "a list": [0.5],
            "truth": True,
            "NaN": NAN,
            "infinity": INF,
            "-inf": -INF,
        }
        values |= {"too small": least - 1e-6, "negative": -1.0} if least > -INF else {}
        values |= {"too large": most + 1e-6} if most < INF else {}
        return values | ({"an end": least} if open_ends else {})

    return wrong


def share(zero: bool = False) -> Kind:
    def wrong() -> Wrong:
        values = number(0, 1)() | {"a percentage": 20, "one": 1.0, "all of it": 100}
        return values if zero else values | {"zero": 0}

    return wrong


def choice() -> Wrong:
    return but(OTHERS, "text") | {
        "another": "no such",
        "nothing": "",
        "a number": 3,
        "a list": ["a"],
    }


def flag() -> Wrong:
    return OTHERS | {"a number": 2, "a list": [True]}


def positions(most: int) -> Kind:
    """A sequence of positions below ``most``."""

    def wrong() -> Wrong:
        return OTHERS | {
            "one": 0, "truth": True, "a raw id": [most], "a long raw id": [10**10],
            "negative": [-1], "a mask": [True, False], "a tensor mask": torch.tensor([True, False]),
            "floats": [0.0], "a float tensor": torch.zeros(1), "NaN": [NAN], "texts": ["0"],
            "two dimensions": [[0]], "a tensor of two": torch.zeros(1, 1, dtype=torch.long),
            "ragged": [[0], [0, 0]], "missing": [None], "a Series of texts": pd.Series(["0"]),
            "an array mask": np.array([True, False]), "an array of floats": np.zeros(1),
            "a frame": pd.DataFrame({"user": [0]}), "a dict": {"user": 0}, "bytes": b"0",
        }  # fmt: skip

    return wrong


def tensor(good: Callable[[], Tensor], most: int | None = None, negative: bool = True) -> Kind:
    """A tensor like ``good``, of positions below ``most`` or of floats."""

    def wrong() -> Wrong:
        x = good()
        values = OTHERS | {"a number": 1, "a list": x.tolist(), "an array": x.numpy()}
        values |= {"one more dimension": x[None], "without dimensions": x.flatten()[0]}
        if x.dtype != torch.bool:
            values["a mask"] = x > 0
        values["complex"] = x.to(torch.complex64)
        if not x.is_floating_point() and x.dtype != torch.bool:
            values |= {"floats": x.float(), "NaN": torch.full_like(x, NAN, dtype=torch.float)}
            values |= {"negative": torch.full_like(x, -1)} if negative else {}
            values |= {"a raw id": torch.full_like(x, most)} if most is not None else {}
        elif x.is_floating_point():
            values["whole"] = x.long()
        return values

    return wrong


def sized(kind: Kind, good: Callable[[], Tensor], dimension: int = 0) -> Kind:
    """A tensor whose size along a dimension is given by another argument."""

    def wrong() -> Wrong:
        x = good()
        shorter = x.narrow(dimension, 0, x.shape[dimension] - 1)
        longer = torch.cat([x, x.narrow(dimension, 0, 1)], dimension)
        return kind() | {"shorter": shorter, "longer": longer}

    return wrong


def part(size: tuple[int, int] | None = (3, 4), empty: bool = False) -> Kind:
    """Interactions, of three users and four items where their size matters."""

    def wrong() -> Wrong:
        values = OTHERS | {"pairs": [(0, 1)], "a frame": frame(), "a matrix": toy().matrix}
        values |= {"a split": split()}
        if not empty:
            none = torch.zeros(0, dtype=torch.long)
            values["empty"] = Interactions(none, none, 3, 4)
        if size is not None:
            values["more users"] = Interactions.from_pairs([0, 3], [0, 3])
            values["more items"] = Interactions.from_pairs([0, 2], [0, 4])
        return values

    return wrong


def logs() -> Wrong:
    """What has users and items, whatever is wrong with them, is a log."""
    good = frame()
    return OTHERS | {
        "a dict": good.to_dict("list"), "a list": good.values.tolist(), "empty": good[:0],
        "a part": toy(), "without users": good.drop(columns="user_id"),
        "without items": good.drop(columns="item_id"),
        "ids of two types": good.assign(user_id=["a", *range(len(good) - 1)]),
    }  # fmt: skip


def splits() -> Wrong:
    return OTHERS | {"a part": toy(), "a frame": frame(), "parts": [toy(), toy()]}


def frames(*more: str) -> Kind:
    def wrong() -> Wrong:
        good = frame()
        lists = good.to_dict("list")
        values = OTHERS | {"a dict": lists, "a list": good.values.tolist(), "empty": good[:0]}
        values |= {"a part": toy(), "twice": pd.concat([good, good])}
        for name in ("user_id", "item_id", *more):
            values[f"without {name}"] = good.drop(columns=name)
            values[f"{name} missing"] = good.assign(**{name: [None, *lists[name][1:]]})
        for name in ("user_id", "item_id"):
            values[f"{name} of two types"] = good.assign(**{name: ["a", *range(len(good) - 1)]})
            values[f"{name} negative"] = good.assign(**{name: [-1, *range(len(good) - 1)]})
            values[f"{name} infinite"] = good.assign(**{name: [INF, *range(len(good) - 1)]})
        for name in more:
            values[f"{name} infinite"] = good.assign(**{name: [INF, *lists[name][1:]]})
            values[f"{name} is text"] = good.assign(**{name: "often"})
        return values

    return wrong


def catalogue(column: str) -> Kind:
    """A table of items, of which a function needs one column."""

    def wrong() -> Wrong:
        values = OTHERS | {"a dict": films().to_dict("list"), "twice": pd.concat([films()] * 2)}
        for name in ("item_id", column):
            values[f"without {name}"] = films().drop(columns=name)
        values |= {f"{column} missing": films().assign(**{column: None}), "empty": films()[:0]}
        return values | {f"{column} as numbers": films().assign(**{column: 3})}

    return wrong


def models() -> Wrong:
    return OTHERS | {
        "a model": Popularity().fit(four().train), "a class": {"it": EASE}, "no model": {},
        "a list": [Popularity()], "of another size": {"it": Popularity().fit(toy())},
    }  # fmt: skip


def people() -> Wrong:
    return OTHERS | {
        "ids": [0], "a dict": {"user_id": [0]}, "twice": pd.DataFrame({"user_id": [0, 0]}),
        "no ids": pd.DataFrame({"user": [0]}), "nobody": pd.DataFrame({"user_id": []}),
        "a stranger": pd.DataFrame({"user_id": [4]}),
    }  # fmt: skip


def path() -> Wrong:
    return but(OTHERS, "text") | {"a number": 7, "bytes": b"a", "nothing": "", "a null": "a\0b"}


def raw_ids() -> Wrong:
    return OTHERS | {
        "a number": 0.5, "one unknown": ["d"], "a mask": [True, False, True], "nested": [["a"]],
        "missing": [None], "a float": [7.0], "another type": [3],
    }  # fmt: skip


def recommender() -> Wrong:
    return OTHERS | {"a class": EASE, "a part": toy(), "a table": torch.zeros(3, 4)}


def function() -> Wrong:
    return OTHERS | {"a number": 3}


def graph() -> Wrong:
    adj = train_adjacency(toy())
    return OTHERS | {
        "dense": adj.to_dense(), "a part": toy(), "whole": adj.to_dense().long(),
        "of other nodes": train_adjacency(Interactions.from_pairs([0], [0])),
        "an edge list turned": torch.zeros(9, 2, dtype=torch.long),
        "edges of other nodes": torch.tensor([[0, 9], [9, 0]]),
        "one way": torch.tensor([[0], [3]]), "a mask": torch.ones(2, 4, dtype=torch.bool),
    }  # fmt: skip


def matrix() -> Wrong:
    one_way = torch.tensor([[0.0, 1.0], [0.0, 0.0]]).to_sparse_csr()
    edge_index = torch.tensor([[0, 3], [3, 0]])
    return but(graph(), "edges of other nodes", "one way", "of other nodes") | {
        "not symmetric": one_way, "coordinates": train_adjacency(toy()).to_dense().to_sparse(),
        "SciPy's": toy().matrix, "edges": edge_index,
    }  # fmt: skip


def text() -> Wrong:
    return but(OTHERS, "text") | {"a number": 3.5, "a list": ["3.5"], "empty": ""}


def nothing() -> Wrong:
    """Of what a learner wrote, nothing is refused by an error."""
    return {}


def cases() -> Wrong:
    case = recbook.exercises.Case((), 1, "")
    return OTHERS | {"one": case, "pairs": [((), 1)], "empty": [], "a dict": {"0.1": case}}


def instance() -> Wrong:
    return OTHERS | {"a number": 3, "a list": [3]}


def device() -> Wrong:
    return {"text": "no such", "an object": object(), "a list": ["cpu"]}


# Tiny data ----------------------------------------------------------------------------------------


def toy() -> Interactions:
    return Interactions.from_pairs([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 3])


def held_out() -> Interactions:
    return Interactions.from_pairs([0, 1, 2], [2, 3, 0], 3, 4)


def split() -> Split:
    return Split(toy(), test=held_out(), val=Interactions.from_pairs([0, 1], [3, 0], 3, 4))


def named() -> Split:
    """The same with raw ids."""
    return replace(split(), user_ids=np.array(list("abc")), item_ids=np.array([7, 8, 9, 10]))


def frame() -> pd.DataFrame:
    """Three users have all of four items, each beginning with another one, by turns."""
    time, user = np.divmod(np.arange(12), 3)
    item = (time + user) % 4
    return pd.DataFrame({"user_id": user, "item_id": item, "rating": 1 + item, "timestamp": time})


def four() -> Split:
    """Four users with one to four films, each of a genre of their own, and five films hidden."""
    pairs = [(user, 4 * n + user) for user in range(4) for n in range(user + 1)]
    hidden = [(user, 20 + n) for user in range(4) for n in range(5)]
    train, test = (Interactions.from_pairs(*zip(*p, strict=True), 4, 25) for p in (pairs, hidden))
    return Split(train, test=test)


def films() -> pd.DataFrame:
    return pd.DataFrame({"item_id": range(25), "title": "Alien", "genres": [*"ABCD" * 6, "A"]})


def report(seed: int = 0) -> RankingReport:
    values = np.random.default_rng(seed).uniform(size=(8, 4))
    return RankingReport(
        20, pd.DataFrame(values, columns=["recall", "precision", "ndcg", "hit_rate"])
    )


def lightgcn() -> LightGCN:
    model = LightGCN(3, 4, embedding_dim=2, num_layers=1)
    model.finalize(train_adjacency(toy()))
    return model


def trained_lightgcn() -> LightGCN:
    train(model := LightGCN(3, 4, embedding_dim=2), Split(toy()), epochs=1, batch_size=2)
    return model


def sage() -> GraphSAGE:
    settings = {"embedding_dim": 2, "steps": 1}
    return GraphSAGE(GENRES(), GENRES()[:3], torch.eye(4), **settings).fit(toy())


def ngcf() -> NGCF:
    return NGCF(3, 4, embedding_dim=2, num_layers=1)


def long(*values: int) -> Callable[[], Tensor]:
    return lambda: torch.tensor(values)


def floats(*shape: int) -> Callable[[], Tensor]:
    return lambda: torch.linspace(0.1, 0.9, math.prod(shape)).view(shape)


def weights() -> Tensor:
    return train_adjacency(toy()).values()


USERS, ITEMS, LISTS = long(0, 2), long(1, 3), lambda: torch.tensor([[0, 1], [3, -1]])
EDGES = lambda: torch.tensor([[0, 1, 3, 4], [3, 4, 0, 1]])  # noqa: E731
GENRES = lambda: torch.tensor([[1.0, 0], [1, 1], [0, 1], [0, 0]])  # noqa: E731
MASK = lambda: torch.tensor([[True, False, False], [False, True, True]])  # noqa: E731


def features() -> Wrong:
    values = but(sized(tensor(GENRES), GENRES)(), "whole", "longer")
    return values | {"NaN": GENRES() * NAN, "infinity": GENRES() * INF, "negative": GENRES() - 1}


def table() -> Wrong:
    """What is no feature matrix of four rows and two columns."""
    x = GENRES()
    return OTHERS | {
        "a list": x.tolist(), "a frame": films(), "one dimension": x[0], "NaN": x * NAN,
        "infinity": x * INF, "complex": x.to(torch.complex64), "a sparse tensor": x.to_sparse(),
    }  # fmt: skip


def rows_as(x: Any) -> Wrong:
    """What does not fit in place of a table."""
    return table() | {"fewer rows": x[:-1], "fewer columns": x[:, :-1]}


def pair() -> Wrong:
    row, item = USERS(), ITEMS()
    return OTHERS | {
        "one": (row,), "three": (row, item, item), "a mask": (row > 0, item > 0),
        "floats": (row.float(), item.float()), "raw ids": (row, item + 9),
        "other rows": (row + 9, item),
        "negative": (row - 1, item), "another length": (row, item[:1]), "lists": ([0, 2], [1, 3]),
    }  # fmt: skip


def rows_of(kind: Wrong, *names: str) -> Kind:
    return lambda: but(kind, *names)


Entry = tuple[Callable[..., Any], Callable[[], dict[str, Any]], dict[str, Kind]]


def entry(call: Callable[..., Any], **arguments: tuple[Callable[[], Any], Kind]) -> Entry:
    """A callable, its good arguments, and the kind of each."""
    return (
        call,
        lambda: {name: good() for name, (good, _) in arguments.items()},
        {name: kind for name, (_, kind) in arguments.items()},
    )


def value(x: Any) -> Callable[[], Any]:
    return lambda: x


def method(make: Callable[[], Any], name: str) -> Callable[..., Any]:
    return lambda **arguments: getattr(make(), name)(**arguments)


def without(kind: Kind, *names: str) -> Kind:
    """A kind without values that are right here."""
    return lambda: but(kind(), *names)


# The table ----------------------------------------------------------------------------------------

TRAIN = (toy, part())
COMPARISONS = (
    lambda: {"EASE": COMPARISON},
    lambda: OTHERS | {"empty": {}, "numbers": {"EASE": 0.1}, "a list": [COMPARISON]},
)
ENTRIES: dict[str, Entry] = {
    # beyond_accuracy
    "coverage": entry(
        recbook.beyond_accuracy.coverage,
        recommended=(LISTS, without(tensor(LISTS, 4), "negative")),
        num_items=(value(4), count()),
    ),
    "novelty": entry(
        recbook.beyond_accuracy.novelty,
        recommended=(LISTS, without(tensor(LISTS, 4), "negative")),
        train=(toy, part(None)),
    ),
    "popularity_lift": entry(
        recbook.beyond_accuracy.popularity_lift,
        recommended=(LISTS, without(sized(tensor(LISTS, 4), LISTS), "negative")),
        users=(USERS, positions(3)),
        train=(toy, part(None)),
    ),
    "diversity": entry(
        recbook.beyond_accuracy.diversity,
        recommended=(LISTS, without(tensor(LISTS, 4), "negative")),
        features=(GENRES, features),
    ),
    "calibration": entry(
        recbook.beyond_accuracy.calibration,
        recommended=(LISTS, without(sized(tensor(LISTS, 4), LISTS), "negative")),
        users=(USERS, positions(3)),
        train=(toy, part(None)),
        features=(GENRES, lambda: features() | {"longer": torch.ones(5, 2)}),
    ),
    "overlap": entry(
        recbook.beyond_accuracy.overlap,
        recommended=(LISTS, without(sized(tensor(LISTS), LISTS), "negative")),
        others=(LISTS, without(sized(tensor(LISTS), LISTS), "negative")),
    ),
    "diversify": entry(
        recbook.beyond_accuracy.diversify,
        recommended=(LISTS, without(sized(tensor(LISTS, 4), LISTS), "negative")),
        score=(floats(2, 4), without(sized(tensor(floats(2, 4)), floats(2, 4), 1), "whole")),
        features=(GENRES, lambda: features() | {"longer": torch.ones(5, 2)}),
        k=(value(2), count(1, 2)),
        weight=(value(0.3), number(0, 1)),
    ),
    "calibrate": entry(
        recbook.beyond_accuracy.calibrate,
        recommended=(LISTS, without(sized(tensor(LISTS, 4), LISTS), "negative")),
        score=(floats(2, 4), without(sized(tensor(floats(2, 4)), floats(2, 4), 1), "whole")),
        users=(USERS, positions(3)),
        train=(toy, part(None)),
        features=(GENRES, lambda: features() | {"longer": torch.ones(5, 2)}),
        k=(value(2), count(1, 2)),
        weight=(value(0.3), number(0, 1)),
    ),
    # data
    "Interactions.from_pairs": entry(
        Interactions.from_pairs,
        user=(value([0, 1]), positions(2)),
        item=(value([0, 1]), positions(3)),
        num_users=(value(2), optional(count(2))),
        num_items=(value(3), optional(count(2))),
    ),
    "Interactions.pairs_of": entry(method(toy, "pairs_of"), users=(USERS, positions(3))),
    "Interactions.dense_rows": entry(method(toy, "dense_rows"), users=(USERS, positions(3))),
    "Split.position": entry(
        method(named, "position"),
        users=(value(["b", "a"]), raw_ids),
        items=(value(None), lambda: but(raw_ids(), "None")),
    ),
    "Split.recommend": entry(
        method(named, "recommend"),
        model=(lambda: Popularity().fit(toy()), recommender),
        users=(value(["b", "a"]), raw_ids),
        k=(value(2), count()),
        items=(
            lambda: pd.DataFrame({"item_id": [7, 8, 9, 10], "title": list("wxyz")}),
            lambda: but(OTHERS, "None") | {"a dict": {}, "no ids": pd.DataFrame({"title": ["w"]})},
        ),
        again=(value(True), flag),
        allow=(value([8, 7]), lambda: but(raw_ids(), "None")),
        deny=(value([8]), lambda: but(raw_ids(), "None")),
    ),
    "save": entry(
        recbook.save,
        model=(lambda: Popularity().fit(toy()), recommender),
        split=(named, splits),
        path=(value(MODEL), path),
    ),
    "load": entry(
        recbook.load,
        path=(lambda: recbook.save(Popularity().fit(toy()), named(), MODEL), path),
        kind=(value(None), lambda: but(OTHERS, "None") | {"a number": 3}),
    ),
    "Split": entry(
        Split,
        train=(toy, part(empty=True)),  # what is trained on is looked at by train and fit
        test=(held_out, without(part(empty=True), "None")),
        val=(held_out, without(part(empty=True), "None")),
    ),
    "pairs_digest": entry(
        lambda first, second: recbook.data.pairs_digest(first, second),
        first=(toy, optional(part(None, empty=True))),
        second=(toy, optional(part(None, empty=True))),
    ),
    "read_interactions": entry(
        recbook.data.read_interactions,
        source=(frame, lambda: frames()() | but(path(), "bytes")),
        sep=(value(None), optional(lambda: but(instance(), "text") | {"bytes": b","})),
        encoding=(value(None), optional(lambda: but(instance(), "text") | {"bytes": b"a"})),
        names=(value(None), optional(lambda: OTHERS | {"a number": 3})),
        quotes=(value(True), flag),
        ids=(value(None), optional(choice)),
        date_format=(value(None), optional(lambda: but(instance(), "text"))),
        duplicates=(value("refuse"), choice),
        user_id=(value("user_id"), choice),
        rating=(value("rating"), optional(choice)),
    ),
    "find_columns": entry(
        recbook.data.find_columns,
        names=(value(["user", "item"]), lambda: OTHERS | {"others": ["a", "b"], "none": []}),
        user_id=(value("user"), choice),
    ),
    "read_log": entry(
        recbook.data.read_log,
        source=(frame, lambda: but(logs(), "ids of two types") | but(path(), "bytes")),
        tell=(value(len), function),
        events=(value(None), optional(lambda: OTHERS | {"one": "view", "another": ["view"]})),
        user_id=(value("user_id"), choice),
    ),
    "read_titles": entry(
        recbook.data.logs.read_titles,
        source=(lambda: frame().assign(title="tea"), lambda: path() | {"no title": frame()}),
    ),
    "clean_log": entry(
        recbook.data.clean_log,
        log=(frame, logs),
        leave=(value(["bots"]), lambda: OTHERS | {"one": "bots", "another": ["robots"]}),
        tell=(value(len), function),
    ),
    "shop_log": entry(
        recbook.data.shop_log,
        seed=(value(0), seed),
        num_people=(value(9), count()),
        num_products=(value(50), count(50)),
        faults=(value(["bots"]), lambda: OTHERS | {"one": "bots", "another": ["robots"]}),
    ),
    "to_implicit": entry(
        recbook.data.to_implicit,
        ratings=(frame, frames("rating")),
        min_rating=(value(3), number(-INF, 4)),
    ),
    "random_split": entry(
        recbook.data.random_split,
        interactions=(frame, frames()),
        test_size=(value(0.2), share()),
        val_size=(value(0.1), share(zero=True)),
        seed=(value(16), seed),
    ),
    "per_user_time_split": entry(
        recbook.data.per_user_time_split,
        interactions=(frame, frames("timestamp")),
        test_size=(value(0.25), share()),
        val_size=(value(0.25), share(zero=True)),
    ),
    "global_time_split": entry(
        recbook.data.global_time_split,
        interactions=(frame, frames("timestamp")),
        test_size=(value(0.25), share()),
        val_size=(value(0.25), share(zero=True)),
    ),
    "newcomer_split": entry(
        recbook.data.newcomer_split,
        interactions=(frame, frames()),
        share=(value(0.25), share()),
        val_share=(value(0.25), share(zero=True)),
        seed=(value(0), seed),
    ),
    "named_items": entry(
        recbook.data.named_items,
        users=(toy, part(None)),
        k=(value(1), count(0, 1)),
        most=(value(1), count(1, 1)),
    ),
    "one_hot": entry(
        recbook.data.one_hot,
        table=(films, lambda: OTHERS | {"a dict": films().to_dict("list")}),
        columns=(
            value(["genres"]),
            lambda: OTHERS | {"another": ["genre"], "none": [], "a number": 3},
        ),
    ),
    "weigh_rare": entry(
        recbook.data.weigh_rare, features=(GENRES, table), least=(value(1), count(1, 2))
    ),
    "given_split": entry(
        recbook.data.given_split,
        train=(lambda: frame()[:8], frames()),
        test=(lambda: frame()[10:], optional(frames())),
        val=(lambda: frame()[8:10], optional(frames())),
    ),
    "load_movielens_100k": entry(
        recbook.data.load_movielens_100k, root=(value(None), optional(path))
    ),
    "movielens_of": entry(recbook.data.movielens.movielens_of, split=(split, splits)),
    "load_citeulike": entry(
        lambda root: None if root is None else recbook.data.load_citeulike(root),
        root=(value(None), optional(path)),
    ),
    "load_citeulike_articles": entry(
        lambda root: None if root is None else recbook.data.load_citeulike_articles(root),
        root=(value(None), optional(path)),
    ),
    "load_gowalla": entry(
        lambda root: None if root is None else recbook.data.load_gowalla(root),
        root=(value(None), optional(path)),
    ),
    # evaluation
    "ScoreTable": entry(
        recbook.ranking.ScoreTable,
        scores=(floats(2, 3), lambda: but(tensor(floats(2, 3))(), "whole", "an array")),
    ),
    "ScoreTable.score": entry(
        recbook.ranking.ScoreTable(torch.zeros(2, 3)).score,
        users=(value([0, 1]), positions(2)),
    ),
    "top_k": entry(
        recbook.evaluation.top_k,
        score=(
            floats(2, 3),  # or whole numbers
            lambda: but(tensor(floats(2, 3))(), "whole") | {"NaN": torch.full((2, 3), NAN)},
        ),
        k=(value(2), count(1, 3)),
    ),
    "evaluate": entry(
        recbook.evaluation.evaluate,
        recommender=(lambda: Popularity().fit(toy()), recommender),
        seen=(toy, optional(part(empty=True))),
        target=(held_out, part()),
        k=(value(2), count(1, 4)),
        block=(value(2), count()),
    ),
    # folding
    "fold_in": entry(
        recbook.folding.fold_in,
        model=(lambda: EASE().fit(toy()), recommender),
        liked=(toy, part(None)),
    ),
    "fold_in_item": entry(
        recbook.folding.fold_in_item,
        model=(lambda: PureSVD(2).fit(toy()), lambda: recommender() | {"EASE": EASE().fit(toy())}),
        users=(value([0, 2]), positions(3)),
    ),
    "FoldIn": entry(recbook.folding.FoldIn, model=(lambda: EASE().fit(toy()), recommender)),
    # answers
    "Answers": entry(
        recbook.answers.Answers,
        model=(lambda: PureSVD(2).fit(toy()), recommender),
        split=(named, splits),
        probes=(value(0), count(0)),
    ),
    "StoredAnswers": entry(
        recbook.answers.StoredAnswers,
        path=(lambda: recbook.save(PureSVD(2).fit(toy()), named(), MODEL), path),
        probes=(value(0), count(0)),
        titles=(value(None), optional(path)),
    ),
    # vectors, updating, choosing
    "vectors_of": entry(
        recbook.vectors.vectors_of,
        model=(lambda: PureSVD(2).fit(toy()), lambda: recommender() | {"EASE": EASE().fit(toy())}),
    ),
    "export_vectors": entry(
        recbook.vectors.export_vectors,
        model=(lambda: PureSVD(2).fit(toy()), recommender),
        split=(named, lambda: splits() | {"without ids": split()}),
        path=(value("vectors.npz"), lambda: path() | {"another ending": "vectors.csv"}),
    ),
    "grow": entry(
        recbook.updating.grow,
        split=(named, lambda: splits() | {"without ids": split()}),
        rows=(
            lambda: pd.DataFrame({"user_id": ["a", "d"], "item_id": [7, 11]}),
            lambda: frames()() | {"numbers": frame()},
        ),
    ),
    "train_on": entry(
        recbook.updating.train_on,
        model=(trained_lightgcn, recommender),
        split=(lambda: Split(toy()), splits),
        loss=(value("bpr"), choice),
        epochs=(value(1), count()),
        lr=(value(0.1), optional(number(0, open_ends=True))),
    ),
    "choose": entry(
        recbook.choosing.choose,
        rows=(lambda: frame(), without(frames(), "rating", "without timestamp")),
        k=(value(2), count(1, 4)),
        trials=(value(1), count()),
        tell=(value(len), function),
    ),
    # exercises
    "compare_guess": entry(
        recbook.exercises.compare_guess,
        guess=(value(0.2), nothing),
        value=(value(0.3), number()),
        digits=(value(3), count(0, 15)),
    ),
    "is_right": entry(
        recbook.exercises.is_right,
        exercise=(value("0.1"), text),
        answer=(value(abs), nothing),
        cases=(value([recbook.exercises.Case((-1,), 1, "no sign")]), cases),
    ),
    # files, friends, ledger, memory, plotting
    "atomic_file": entry(
        lambda path, previous: recbook.files.atomic_file(path, previous).__enter__(),
        path=(value("written"), path),
        previous=(value(None), optional(path)),
    ),
    "NewestFile": entry(
        lambda path: recbook.files.NewestFile(path, bool), path=(value("written"), path)
    ),
    "read_entry": entry(recbook.ledger.read_entry, name=(value("search"), choice)),
    "split_digest": entry(recbook.ledger.split_digest, split=(split, splits)),
    "free_bytes": entry(recbook.memory.free_bytes, device=(value(torch.device("cpu")), device)),
    "peak_bytes": entry(recbook.memory.peak_bytes, device=(value(torch.device("cpu")), device)),
    "peak_tensor_bytes": entry(
        recbook.memory.peak_tensor_bytes, step=(value(lambda: None), function)
    ),
    "draw_bipartite": entry(
        recbook.plotting.draw_bipartite,
        edges=(value([(0, 0)]), lambda: OTHERS | {"raw ids": [(7, 9)], "one": [0]}),
        users=(value(["Ann"]), lambda: OTHERS | {"numbers": [1], "empty": []}),
        items=(value(["Alien"]), lambda: OTHERS | {"numbers": [1], "empty": []}),
        ax=(lambda: plt.gca(), instance),
        highlight=(value([(0, 0)]), lambda: OTHERS | {"raw ids": [(7, 9)], "one": [0]}),
        edge_labels=(value({(0, 0): "a"}), optional(lambda: instance() | {"ids": {(7, 9): "a"}})),
    ),
    "find_friends": entry(
        recbook.friends.find_friends,
        split=(four, lambda: splits() | {"no test part": replace(four(), test=None)}),
        items=(films, catalogue("genres")),
    ),
    "friends_lists": entry(
        recbook.friends.friends_lists,
        models=(lambda: {"it": Popularity().fit(four().train)}, models),
        split=(four, splits),
        friends=(lambda: pd.DataFrame({"user_id": [3, 0]}, index=["Dora", "Ann"]), people),
        items=(films, catalogue("title")),
        k=(value(2), count()),
    ),
    "plain_title": entry(
        recbook.friends.plain_title,
        title=(value("Sting, The"), lambda: but(instance(), "text")),
    ),
    # graph
    "bipartite_edge_index": entry(
        recbook.graph.bipartite_edge_index,
        user=(USERS, sized(tensor(USERS, 3), USERS)),
        item=(ITEMS, sized(tensor(ITEMS), ITEMS)),
        num_users=(value(3), count(3)),
    ),
    "edge_norm": entry(
        recbook.graph.edge_norm,
        edge_index=(EDGES, without(sized(tensor(EDGES, 7), EDGES), "none")),
        num_nodes=(value(7), count(5)),
    ),
    "normalized_adjacency": entry(
        recbook.graph.normalized_adjacency,
        edge_index=(EDGES, sized(tensor(EDGES, 7), EDGES)),
        num_nodes=(value(7), count(5)),
    ),
    "is_adjacency": entry(
        recbook.graph.is_adjacency,
        graph=(
            lambda: train_adjacency(toy()),
            without(lambda: graph(), "edges of other nodes", "one way"),
        ),
        num_nodes=(value(7), count(7)),
    ),
    "propagate": entry(
        recbook.graph.propagate,
        adj=(lambda: train_adjacency(toy()), matrix),
        x=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2))),
    ),
    "layer_mean": entry(
        recbook.graph.layer_mean,
        x=(floats(7, 2), tensor(floats(7, 2))),
        num_layers=(value(1), count(0)),
        step=(value(lambda x: x), function),
    ),
    "layer_mean_at": entry(
        recbook.graph.layer_mean_at,
        adj=(lambda: train_adjacency(toy()), matrix),
        x=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2))),
        nodes=(USERS, tensor(USERS, 7)),
        num_layers=(value(1), count(1)),
    ),
    "train_adjacency": entry(recbook.graph.train_adjacency, train=(toy, part(None))),
    "normalized_matrix": entry(recbook.graph.normalized_matrix, train=(toy, part(None))),
    "smooth_start": entry(
        recbook.graph.smooth_start,
        train=(toy, part(None)),
        embedding_dim=(value(2), count(1, 2)),
        std=(value(0.1), number(0, open_ends=True)),
    ),
    # losses, sampling, sparse, stats
    "bpr_loss": entry(
        recbook.losses.bpr_loss,
        pos_score=(floats(2), sized(tensor(floats(2)), floats(2))),
        neg_score=(floats(2), without(sized(tensor(floats(2)), floats(2)), "one more dimension")),
    ),
    "softmax_loss": entry(
        recbook.losses.softmax_loss,
        score=(floats(2, 3), sized(tensor(floats(2, 3)), floats(2, 3))),
        positive=(MASK, sized(tensor(MASK), MASK, 1)),
        temperature=(value(0.3), number(0, open_ends=True)),
    ),
    "softmax_loss_in_blocks": entry(
        recbook.losses.softmax_loss_in_blocks,
        user_emb=(floats(3, 2), sized(tensor(floats(3, 2)), floats(3, 2), 1)),
        item_emb=(floats(4, 2), sized(tensor(floats(4, 2)), floats(4, 2), 1)),
        positive=(lambda: (USERS(), ITEMS()), pair),
        temperature=(value(0.3), number(0, open_ends=True)),
        block=(value(2), count()),
    ),
    "l2_penalty": entry(
        lambda first, second: recbook.losses.l2_penalty(first, second),
        first=(floats(3, 2), sized(tensor(floats(3, 2)), floats(3, 2))),
        second=(floats(3, 2), sized(tensor(floats(3, 2)), floats(3, 2), 1)),
    ),
    "TripletSampler": entry(
        TripletSampler, train=(toy, lambda: part(None, True)() | {"a user with all": held_all()})
    ),
    "TripletSampler.sample": entry(
        method(lambda: TripletSampler(toy()), "sample"),
        num=(value(3), count()),
        generator=(value(None), optional(instance)),
        num_negatives=(value(2), count()),
    ),
    "TripletSampler.triplets": entry(
        method(lambda: TripletSampler(toy()), "triplets"),
        index=(USERS, sized(tensor(USERS, 3), USERS)),
        uniform=(
            floats(2, 2),
            lambda: (
                sized(tensor(floats(2, 2)), floats(2, 2), 1)()
                | {"NaN": torch.full((2, 2), NAN), "one": torch.ones(2, 2)}
                | {"negative": -torch.ones(2, 2)}
            ),
        ),
    ),
    "inv_sqrt": entry(
        recbook.sparse.inv_sqrt,
        degree=(
            long(1, 0, 4),
            lambda: (
                but(tensor(long(1, 0, 4))(), "floats", "whole") | {"infinite": torch.tensor([INF])}
            ),
        ),
    ),
    "largest_singular": entry(
        recbook.sparse.largest_singular,
        matrix=(lambda: csr_array(np.eye(3)), lambda: instance() | {"dense": np.eye(3)}),
        number=(value(2), count(1, 2)),
    ),
    "row_entries": entry(
        recbook.sparse.row_entries,
        row_start=(long(0, 2, 3, 3), without(tensor(long(0, 2, 3, 3)), "a raw id")),
        rows=(USERS, tensor(USERS, 3)),
    ),
    "sparse_product": entry(
        recbook.sparse.sparse_product,
        matrix=(
            lambda: train_adjacency(toy()),
            without(lambda: matrix(), "not symmetric"),
        ),
        x=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2))),
    ),
    "constant_product": entry(
        recbook.sparse.constant_product,
        matrix=(
            lambda: train_adjacency(toy()),
            without(lambda: matrix(), "not symmetric"),
        ),
        x=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2))),
    ),
    "sparse_rows": entry(
        recbook.sparse.sparse_rows,
        row=(USERS, sized(tensor(USERS, 3), USERS)),
        column=(ITEMS, sized(tensor(ITEMS, 4), ITEMS)),
        value=(floats(2), sized(tensor(floats(2)), floats(2))),
        size=(value((3, 4)), lambda: OTHERS | {"one": (3,), "negative": (3, -4), "a number": 3}),
    ),
    "transpose": entry(
        recbook.sparse.transpose,
        matrix=(lambda: train_adjacency(toy()), without(lambda: matrix(), "not symmetric")),
    ),
    "bootstrap_interval": entry(
        recbook.stats.bootstrap_interval,
        values=(value([0.1, 0.2, 0.4]), lambda: numbers()),
        level=(value(0.9), share()),
        num_resamples=(value(9), count()),
        seed=(value(0), seed),
    ),
    "t_interval": entry(
        recbook.stats.t_interval,
        values=(value([0.1, 0.2, 0.4]), lambda: numbers()),
        level=(value(0.9), share()),
        test_share=(value(0.2), share(zero=True)),
    ),
    "compare": entry(
        recbook.stats.compare,
        first=(report, instance),
        second=(lambda: report(1), instance),
        measure=(value("ndcg"), choice),
        seed=(value(0), seed),
        margin=(value(0.005), number(0)),
    ),
    "compare_splits": entry(
        recbook.stats.compare_splits,
        first=(value([0.1, 0.2, 0.4]), lambda: numbers() | {"other splits": [0.1, 0.2]}),
        second=(value([0.1, 0.2, 0.3]), lambda: numbers()),
        test_share=(value(0.2), share(zero=True)),
        margin=(value(0.005), number(0)),
    ),
    "holm": entry(
        recbook.stats.holm,
        p_values=(
            value([0.1, 0.2]),
            lambda: but(numbers(), "one") | {"negative": [-0.1], "a percentage": [5.0]},
        ),
    ),
    "comparison_table": entry(
        recbook.stats.comparison_table, comparisons=COMPARISONS, alpha=(value(0.05), share())
    ),
    "verdicts": entry(
        recbook.stats.verdicts, comparisons=COMPARISONS, alpha=(value(0.05), share())
    ),
    # models
    "MatrixFactorization": entry(
        MatrixFactorization,
        num_users=(value(3), count()),
        num_items=(value(4), count()),
        embedding_dim=(value(2), count()),
        std=(value(0.1), number(0)),
        cosine=(value(None), optional(flag)),
    ),
    "LightGCN": entry(
        LightGCN,
        num_users=(value(3), count()),
        num_items=(value(4), count()),
        embedding_dim=(value(2), count()),
        num_layers=(value(1), count(0)),
        std=(value(0.1), number(0)),
        cosine=(value(None), optional(flag)),
    ),
    "NGCF": entry(
        NGCF,
        num_users=(value(3), count()),
        num_items=(value(4), count()),
        embedding_dim=(value(2), count()),
        num_layers=(value(1), count(0)),
        dropout=(value(0.1), share(zero=True)),
        bias=(value(True), flag),
    ),
    "NGCFConv": entry(
        NGCFConv,
        in_channels=(value(2), count()),
        out_channels=(value(2), count()),
        dropout=(value(0.1), share(zero=True)),
        bias=(value(True), flag),
    ),
    "NGCFConv.forward": entry(
        method(lambda: NGCFConv(2, 2), "forward"),
        x=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2), 1)),
        graph=(lambda: train_adjacency(toy()), graph),
        norm=(weights, optional(sized(tensor(weights), weights))),
    ),
    "LightGCNConv.forward": entry(
        method(recbook.models.LightGCNConv, "forward"),
        x=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2))),
        graph=(lambda: train_adjacency(toy()), graph),
        norm=(weights, optional(sized(tensor(weights), weights))),
    ),
    "LightGCN.forward": entry(
        method(lightgcn, "forward"), graph=(lambda: train_adjacency(toy()), graph)
    ),
    "LightGCN.propagate": entry(
        method(lightgcn, "propagate"),
        x=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2))),
        graph=(lambda: train_adjacency(toy()), graph),
        norm=(weights, optional(sized(tensor(weights), weights))),
    ),
    "NGCF.forward": entry(method(ngcf, "forward"), graph=(lambda: train_adjacency(toy()), graph)),
    "NGCF.reset_parameters": entry(method(ngcf, "reset_parameters"), seed=(value(0), seed)),
    "EmbeddingModel.reset_parameters": entry(
        method(lightgcn, "reset_parameters"), seed=(value(0), seed)
    ),
    "EmbeddingModel.finalize": entry(
        method(lightgcn, "finalize"), graph=(lambda: train_adjacency(toy()), graph)
    ),
    "EmbeddingModel.score": entry(method(lightgcn, "score"), users=(USERS, positions(3))),
    "BaseRecommender.recommend": entry(
        method(lambda: Popularity().fit(toy()), "recommend"),
        users=(value([0, 2]), positions(3)),
        k=(value(2), count(1, 4)),
        exclude=(toy, optional(part(empty=True))),
        allow=(value([0, 3]), optional(positions(4))),
        deny=(value([0, 3]), optional(positions(4))),
    ),
    "ItemKNN": entry(ItemKNN, num_neighbors=(value(2), count())),
    "UserKNN": entry(UserKNN, num_neighbors=(value(2), count())),
    "RP3beta": entry(RP3beta, beta=(value(0.5), number(0)), num_neighbors=(value(2), count())),
    "PureSVD": entry(PureSVD, embedding_dim=(value(2), count())),
    "EASE": entry(EASE, reg=(value(2), number(0, open_ends=True))),
    "EDLAE": entry(
        EDLAE, reg=(value(2), number(0, open_ends=True)), dropout=(value(0.5), share(zero=True))
    ),
    "SLIM": entry(SLIM, l1=(value(0.5), number(0)), l2=(value(2), number(0, open_ends=True))),
    "GFCF": entry(GFCF, num_frequencies=(value(2), count()), alpha=(value(0.3), number(0))),
    "IALS": entry(
        IALS,
        embedding_dim=(value(2), count()),
        alpha0=(value(0.1), number(0, open_ends=True)),
        reg=(value(0.1), number(0)),
        nu=(value(1), number(0)),
        num_sweeps=(value(2), count()),
        seed=(value(0), seed),
    ),
    "IALS.solve_for": entry(
        method(lambda: IALS(2).fit(toy()), "solve_for"), liked=(toy, part(None))
    ),
    "GraphSAGE": entry(
        GraphSAGE,
        item_features=(GENRES, table),
        user_features=(GENRES, optional(table)),
        links=(lambda: torch.eye(4), optional(lambda: rows_as(torch.eye(4)))),
        people=(value(True), flag),
        embedding_dim=(value(2), count()),
        num_layers=(value(1), count(0)),
        table=(value(True), flag),
        hidden=(value(0.1), share(zero=True)),
        temperature=(value(0.1), number(0, open_ends=True)),
        lr=(value(0.1), number(0, open_ends=True)),
        reg=(value(0.1), number(0)),
        steps=(value(1), count()),
        num_candidates=(value(2), optional(count())),
        seed=(value(0), seed),
    ),
    "GraphSAGE.user_vectors": entry(
        method(sage, "user_vectors"),
        named=(toy, without(part((3, 4), empty=True), "more users")),
        features=(lambda: GENRES()[:3], lambda: rows_as(GENRES()[:3])),
    ),
    "GraphSAGE.item_vectors": entry(
        method(sage, "item_vectors"),
        features=(GENRES, lambda: rows_as(GENRES())),
        links=(lambda: torch.eye(4), lambda: rows_as(torch.eye(4))),
    ),
    "mean_of_neighbors": entry(
        recbook.sparse.mean_of_neighbors,
        row=(USERS, sized(tensor(USERS, 3), USERS)),
        column=(ITEMS, sized(tensor(ITEMS, 4), ITEMS)),
        size=(value((3, 4)), lambda: OTHERS | {"one": (3,), "a number": 3, "halves": (3.5, 4)}),
    ),
    "sage_layer": entry(
        lambda own, own_weight, means, x, weight: sage_layer(own, own_weight, (means, x, weight)),
        own=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2))),
        own_weight=(floats(2, 2), sized(tensor(floats(2, 2)), floats(2, 2))),
        means=(
            lambda: train_adjacency(toy()),
            without(lambda: matrix(), "not symmetric"),
        ),
        x=(floats(7, 2), sized(tensor(floats(7, 2)), floats(7, 2))),
        weight=(floats(2, 2), sized(tensor(floats(2, 2)), floats(2, 2))),
    ),
    # training and tuning
    "train": entry(
        train,
        model=(lambda: LightGCN(3, 4, embedding_dim=2), recommender),
        split=(split, splits),
        loss=(value("bpr"), choice),
        epochs=(value(1), optional(count())),
        batch_size=(value(2), optional(count())),
        lr=(value(0.1), optional(number(0, open_ends=True))),
        reg=(value(0.1), optional(number(0))),
        seed=(value(0), seed),
        patience=(value(1), optional(count())),
        k=(value(2), count(1, 4)),
        num_negatives=(value(1), optional(count())),
        initial_embeddings=(
            value("random"),
            lambda: but(OTHERS, "None") | {"another size": torch.zeros(7, 3)},
        ),
        checkpoint=(value(None), optional(lambda: path() | {"a folder": "."})),
        device=(value(None), device),
    ),
    "closed_form": entry(closed_form, model=(value(EASE), function)),
    "trained": entry(
        lambda model, patience, folder: trained(model, patience=patience, folder=folder),
        model=(value(LightGCN), function),
        patience=(value(2), count()),
        folder=(value(None), optional(path)),
    ),
    "Range": entry(
        recbook.tuning.Range,
        low=(value(0.1), without(number(0, 1, open_ends=True), "too large")),
        high=(value(1), number(0.1, open_ends=True)),
        whole=(value(False), flag),
    ),
    "draw": entry(
        recbook.tuning.draw,
        space=(
            value({"reg": [1, 2]}),
            lambda: instance() | {"a number in it": {"reg": 1}, "nothing in it": {"reg": []}},
        ),
        number=(value(2), count()),
        seed=(value(0), seed),
    ),
    "hide_test": entry(recbook.tuning.hide_test, split=(split, splits)),
    "tune": entry(
        recbook.tuning.tune,
        family=(lambda: Family(closed_form(EASE), [{"reg": 1}]), instance),
        split=(split, splits),
        k=(value(2), count(1, 4)),
    ),
}
# Called by all processes alike; here there is one.
IN_PROCESSES: dict[str, Entry] = {
    "read_sharded": entry(
        distributed.read_sharded,
        source=(frame, lambda: but(instance(), "text", "a table") | path()),
        split=(value("time"), choice),
        hold_out=(value(0.3), share()),
        seed=(value(0), seed),
        min_rating=(value(3), number(-INF, 4)),
        events=(value(None), optional(lambda: OTHERS | {"one": "view", "another": ["view"]})),
        user_id=(value("user_id"), choice),
    ),
    "save_sharded": entry(
        distributed.save_sharded,
        model=(lambda: sharded(), instance),
        log=(lambda: distributed.read_sharded(frame(), min_rating=1), instance),
        path=(value("model"), path),
    ),
    "Shard": entry(
        distributed.Shard, share=(toy, part(None, empty=True)), device=(value("cpu"), device)
    ),
    "ShardedLightGCN": entry(
        distributed.ShardedLightGCN,
        shard=(lambda: distributed.Shard(toy()), lambda: instance() | {"a part": toy()}),
        embedding_dim=(value(2), count()),
        num_layers=(value(1), count(0)),
        std=(value(0.1), number(0)),
        cosine=(value(True), flag),
    ),
    "ShardedLightGCN.reset_parameters": entry(
        method(lambda: sharded(), "reset_parameters"), seed=(value(0), seed)
    ),
    "ShardedSampler": entry(
        distributed.ShardedSampler,
        shard=(lambda: distributed.Shard(toy()), instance),
        pairs=(value(True), flag),
    ),
    "train_sharded": entry(
        distributed.train_sharded,
        model=(lambda: sharded(), instance),
        val_share=(held_out, optional(part(empty=True))),
        loss=(value("softmax"), choice),
        epochs=(value(1), optional(count())),
        batch_size=(value(2), optional(count())),
        lr=(value(0.1), optional(number(0, open_ends=True))),
        reg=(value(0.1), optional(number(0))),
        temperature=(value(0.2), optional(number(0, open_ends=True))),
        seed=(value(0), seed),
        k=(value(2), count(1, 4)),
        checkpoint=(value(None), optional(path)),
    ),
    "validate": entry(
        distributed.validate,
        model=(lambda: sharded(), instance),
        target=(held_out, part()),
        k=(value(2), count(1, 4)),
    ),
}
for _model in (
    Popularity, ItemKNN, UserKNN, RP3beta, PureSVD, EASE, EDLAE, SLIM, GFCF, IALS, GraphSAGE
):  # fmt: skip
    _settings: dict[str, Any] = {
        PureSVD: {"embedding_dim": 2}, GFCF: {"num_frequencies": 2}, IALS: {"embedding_dim": 2},
        GraphSAGE: {"item_features": GENRES(), "embedding_dim": 2, "steps": 1},
    }.get(_model, {})  # fmt: skip
    _fresh = lambda model=_model, settings=_settings: model(**settings)  # noqa: E731
    _fitted = lambda fresh=_fresh: fresh().fit(toy())  # noqa: E731
    ENTRIES[f"{_model.__name__}.fit"] = entry(method(_fresh, "fit"), train=(toy, part(None)))
    if "score" in vars(_model):  # EDLAE scores as the EASE that it is
        ENTRIES[f"{_model.__name__}.score"] = entry(
            method(_fitted, "score"), users=(USERS, positions(3))
        )


def sharded() -> distributed.ShardedLightGCN:
    return distributed.ShardedLightGCN(distributed.Shard(toy()), embedding_dim=2, num_layers=1)


def held_all() -> Interactions:
    return Interactions.from_pairs([0, 0, 1], [0, 1, 0])


def numbers() -> Wrong:
    return OTHERS | {
        "a number": 0.3, "texts": ["0.1", "0.2"], "missing": [0.1, None], "NaN": [0.1, NAN],
        "infinite": [0.1, INF], "empty": [], "one": [0.1], "two dimensions": [[0.1, 0.2]],
        "ragged": [[0.1], [0.1, 0.2]], "a set": {0.1, 0.2},
    }  # fmt: skip


COMPARISON = recbook.stats.Comparison(0.01, 0.005, 0.015, 0.01, 0.9)

# Public callables whose arguments no reader fills in, and why.
EXEMPT = {
    "EmbeddingModel.keep": "called by finalize and load with what forward has made",
    "ranked": "given scores and k by top_k and evaluate, which check both",
    "best_items": "given scores by recommend, which checks all that is given",
    "RankingReport": "a record that evaluate makes",
    "Comparison": "a record that compare makes",
    "Case": "a record that chapters make for is_right",
    "History": "a record that train makes",
    "Choice": "a record that tune makes",
    "MovieLens": "a record that load_movielens_100k makes",
    "Shop": "a record that shop_log makes",
    "Chosen": "a record that choose makes",
    "plain_name": "given names of columns that were read",
    "Articles": "a record that load_citeulike_articles makes",
    "Newcomers": "a record that newcomer_split makes",
    "NewcomerSplit": "a record that newcomer_split makes",
    "Range.at": "given shares by draw",
    "Family.drawn": "hands its ranges to draw, which checks, and makes a record",
    "Family": "a record; tune checks what its function returns",
    "Interactions.is_in": "given parts by evaluate and splits, and checks each: test_interactions",
    "Split.check_made_here": "a check of a model, which recommend and save call",
    "beside": "given a table of items by split.recommend, and checks it",
    "find": "given ids by splits, whose kinds are checked",
    "progress": "what tqdm takes, which says what it refuses",
    "threads_beside_others": "a step of train, which says what it is",
    "similar": "given an id by split.position that is not there",
    "Interactions": "a record: from_pairs is the door, and checks; the package makes its own",
    "FoldIn.vectors": "given positions by fold_in and Answers, which check",
    "UserKNN.score_rows": "given rows by FoldIn",
    "GFCF.score_rows": "given rows by FoldIn and score",
    "NewestFile.followed": "given seconds by the service",
    "bounded_server": "given its application by the service: test_protocol",
    "keep_working": "given its workers by the service: test_workers",
    "StoredAnswers.find": "asked by the service, which checks: test_serve",
    "Answers.user_id": "asked by the command, with text: test_command",
    "Answers.recommend": "asked by the service, which checks: test_serve",
    "Answers.group": "asked by the service, which checks: test_serve",
    "Answers.similar": "asked by the service, which checks: test_serve",
    "Answers.why": "asked by the service, which checks: test_serve",
    "Answers.recall": "asked by the service",
    "run": "starts a service: test_command and test_serve",
    "Recommender.score": "a protocol",
    "BaseRecommender.score": "abstract",
    "BaseRecommender.positions": "a check of users, which score and recommend call",
    "BaseRecommender.remember": "called by fit with what it has checked",
    "EmbeddingModel": "abstract; its arguments are those of the models, which have entries",
    "LightGCN.embed": "a step of train, whose sampler draws the positions",
    "EmbeddingModel.embed": "a step of train, whose sampler draws the positions",
    "EmbeddingModel.split_nodes": "takes what forward has made",
    "NGCFConv.message": "called by PyG with what forward has checked",
    "NGCFConv.message_and_aggregate": "called by PyG with what forward has checked",
    "LightGCNConv.message": "called by PyG with what forward has checked",
    "LightGCNConv.message_and_aggregate": "called by PyG with what forward has checked",
    "MatrixFactorization.forward": "does not look at its argument",
    "without": "puts minus infinity where evaluate and recommend say",
    "grid": "makes all combinations of any values",
    "download": "given an address by the loaders",
    "fetch_first": "given names and sources by the loaders",
    "fetch_from_authors": "given names and digests by the loaders",
    "item_lists": "given the bytes of a file by the loaders, whose digest covers what it refuses",
    "find_files": "given names and digests by the loaders; checks root",
    "md5": "of bytes",
    "read_table": "given a source by read_interactions",
    "descend": "a step of train, which has checked what reaches it",
    "new_adam": "a step of train, which has checked what reaches it",
    "train_step": "a step of train, which has checked what reaches it",
    "softmax_step": "a step of train, which has checked what reaches it",
    "recipe": "a step of train: test_training calls it by train",
    "suit": "a step of train, which has checked what reaches it",
    "first_embeddings": "a step of train, which has checked what reaches it",
    "Shard.locate": "a step of train_sharded",
    "Shard.own_part": "a step of train_sharded",
    "ShardedSampler.epoch": "a step of train_sharded",
    "ShardedSampler.batch": "a step of train_sharded",
    "Shard.layer_mean": "a step of train_sharded",
    "ShardedLightGCN.forward": "a step of train_sharded",
    "Checkpoints": "a step of train_sharded",
    "Checkpoints.file": "a step of train_sharded",
    "Checkpoints.save": "a step of train_sharded",
    "pairs_sum": "a step of train_sharded",
    "gather": "a step of train_sharded",
    "reduce_scatter": "a step of train_sharded",
    "begin": "a step of train_sharded",
    "named_columns": "of the command line, whose options are text",
    "load_with_digest": "called by load, with what it is given",
    "to_owners": "a step of read_sharded",
    "ask_owners": "a step of read_sharded",
    "text_to_owners": "a step of read_sharded",
    "pieces_of": "a step of read_sharded",
    "open_piece": "a step of read_sharded",
    "Opened": "made by open_piece",
    "together": "a step of read_sharded",
    "all_of": "a step of read_sharded",
    "Log": "made by read_sharded, of what it has checked",
    "join_processes": "in a process of torchrun's; see tests/test_distributed.py",
    "sharded_softmax_step": "a step of train_sharded",
    "sharded_step": "a step of train_sharded",
    "from_all": "a step of train_sharded",
    "identity": "of a checkpoint: given by train",
    "read": "of a checkpoint: given by train, which checks the path",
    "write": "of a checkpoint: given by train, which checks the path",
    "previous": "of a checkpoint: given by train, which checks the path",
    "restore": "of a checkpoint: given by train",
    "step_back": "of a checkpoint: given by train, which checks the path",
    "training_state": "of a checkpoint: given by train",
}
CHECKS = "check_"  # what begins so is a check itself: tests/test_checks.py


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function, class and method that has an argument, by its name."""
    seen: set[int] = set()
    for info in pkgutil.walk_packages([str(PACKAGE)], "recbook."):
        if info.name.startswith("recbook.results") or info.name.endswith("__main__"):
            continue
        module = import_module(info.name)
        for name in module.__all__:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing)) or id(thing) in seen:
                continue
            if inspect.isclass(thing) and issubclass(thing, Exception):
                continue
            seen.add(id(thing))
            yield name, thing
            for inner, member in vars(thing).items() if inspect.isclass(thing) else ():
                function = getattr(member, "__func__", member)
                ours = getattr(function, "__module__", "") == thing.__module__  # PyG adds some
                if not inner.startswith("_") and inspect.isfunction(function) and ours:
                    bound = getattr(thing, inner) if function is not member else function
                    yield f"{name}.{inner}", bound


def arguments_of(call: Callable[..., Any]) -> list[str]:
    return [
        name
        for name in inspect.signature(call).parameters
        if name not in ("self", "args", "kwargs")
    ]


def test_every_public_callable_is_in_the_table() -> None:
    here = {name for name, call in public() if arguments_of(call) and not name.startswith(CHECKS)}
    entries = ENTRIES.keys() | IN_PROCESSES.keys()
    assert here - entries - EXEMPT.keys() == set(), "give each an entry, or say why not"
    assert (entries | EXEMPT.keys()) - here == set(), "these are no longer there"
    assert entries & EXEMPT.keys() == set()


LOOSE = {  # arguments that take anything, and why
    "Split": {"user_ids", "item_ids", "num_dropped"},  # what the splits hand over
    "read_interactions": {"columns"},
    "NewestFile": {"read"},  # called at once
    "train": {"temperature"},  # of the softmax alone: see test_temperature
}


@pytest.mark.parametrize("name", [*ENTRIES, *IN_PROCESSES])
def test_every_argument_has_a_kind(name: str) -> None:
    (call,) = [call for known, call in public() if known == name]
    kinds = (ENTRIES | IN_PROCESSES)[name][2]
    stars = [
        parameter.name
        for parameter in inspect.signature(call).parameters.values()
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    missing = set(arguments_of(call)) - kinds.keys() - LOOSE.get(name, set()) - set(stars)
    assert missing == set()


def frozen(x: Any) -> Any:
    """What a value holds, to be compared with what it holds later."""
    if isinstance(x, Tensor):
        dense = x.detach().to_dense()
        return x.dtype, tuple(x.shape), x.requires_grad, dense.float().numpy().tobytes()
    if isinstance(x, np.ndarray):
        return x.dtype, x.shape, x.tolist()
    if isinstance(x, pd.DataFrame | pd.Series):
        return str(x.dtypes), x.to_csv()
    if isinstance(x, Interactions):
        return frozen(x.user), frozen(x.item), x.num_users, x.num_items
    if isinstance(x, Split):
        return tuple(frozen(part) for part in (x.train, x.val, x.test))
    if isinstance(x, list | tuple):
        return type(x), [frozen(part) for part in x]
    if isinstance(x, dict):
        return [(key, frozen(part)) for key, part in x.items()]
    return None


def innermost(error: BaseException) -> Path:
    trace: TracebackType | None = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return Path(trace.tb_frame.f_code.co_filename)


# What messages call parts of an argument that hold what is wrong.
PARTS = """column columns edge edges edge_index embeddings interactions item item_emb norm pair
part path row rows user""".split()


def fault_of(call: Callable[..., Any], arguments: dict[str, Any]) -> str | None:
    """What is wrong with how a call is refused, or nothing."""
    before = frozen(arguments)
    try:
        with np.errstate(all="ignore"):
            call(**arguments)
    except (TypeError, ValueError, FileNotFoundError) as error:
        message = str(error)
        if PACKAGE not in innermost(error).parents:
            return f"in others' words: {type(error).__name__}: {message[:90]}"
        if not re.search(
            r"(got|^column|^no |duplicate|is not there).*expected", message, re.DOTALL
        ):
            return f"does not say what it got and expected: {message[:90]}"
        if not re.search(rf"\b({'|'.join([*arguments, *PARTS])})\b", message):
            return f"names no argument: {message[:90]}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:90]}"
    else:
        return "accepted"
    return None if frozen(arguments) == before else "changes its arguments"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def faults_of(entry: Entry) -> dict[str, str]:
    """What is wrong with how wrong arguments are refused, by argument and wrong value."""
    call, good, kinds = entry
    arguments = good()
    before = frozen(arguments)
    call(**arguments)
    assert frozen(arguments) == before, "changes its arguments"
    faults = {
        f"{argument}, {label}": fault_of(call, good() | {argument: wrong})
        for argument, kind in kinds.items()
        for label, wrong in kind().items()
    }
    return {where: fault for where, fault in faults.items() if fault}


def told(faults: dict[str, str]) -> str:
    return "\n".join(f"{where}: {fault}" for where, fault in faults.items())


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.filterwarnings("ignore")
def test_what_is_wrong_is_refused_at_the_door(name: str) -> None:
    faults = faults_of(ENTRIES[name])
    assert not faults, told(faults)


@pytest.fixture
def _one_process(tmp_path: Path) -> Iterator[None]:
    store = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("name", IN_PROCESSES)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("_one_process")
def test_what_is_wrong_is_refused_in_each_process(name: str) -> None:
    faults = faults_of(IN_PROCESSES[name])
    assert not faults, told(faults)
