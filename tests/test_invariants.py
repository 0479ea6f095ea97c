"""What holds for every recommender and every measure: the order of rows decides nothing, NaN never
passes, and an empty part is noticed before anything is trained on it.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from recbook.data import Interactions, Split, given_split, pairs_digest, random_split
from recbook.evaluation import RankingReport, evaluate, top_k
from recbook.graph import smooth_start, train_adjacency
from recbook.ledger import split_digest
from recbook.models import (
    EASE,
    EDLAE,
    GFCF,
    IALS,
    NGCF,
    SLIM,
    BaseRecommender,
    GraphSAGE,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.ranking import ScoreTable
from recbook.sampling import TripletSampler
from recbook.stats import bootstrap_interval, compare, t_interval
from recbook.training import train
from recbook.tuning import Family, closed_form, tune

NONE = torch.zeros(0, dtype=torch.long)


def shuffled(part: Interactions) -> Interactions:
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(5))
    return Interactions(part.user[order], part.item[order], part.num_users, part.num_items)


def trained(model: type, split: Split, loss: str, **settings: Any) -> BaseRecommender:
    fresh = model(split.train.num_users, split.train.num_items, embedding_dim=4, **settings)
    train(fresh, split, loss, epochs=2, batch_size=16)
    return fresh


FITTED = {
    "Popularity": Popularity,
    "ItemKNN": partial(ItemKNN, 3),
    "UserKNN": partial(UserKNN, 3),
    "RP3beta": partial(RP3beta, 0.5, 3),
    "PureSVD": partial(PureSVD, 4),
    "EASE": partial(EASE, 2),
    "EDLAE": partial(EDLAE, 2),
    "SLIM": partial(SLIM, 0.5, 2),
    "GFCF": partial(GFCF, 4),
    "IALS": partial(IALS, 4),
    "GraphSAGE": partial(GraphSAGE, np.eye(40), embedding_dim=4, steps=2),
}
TRAINED = {
    "MatrixFactorization": partial(trained, MatrixFactorization, loss="bpr"),
    "NGCF": partial(trained, NGCF, loss="bpr"),
    "LightGCN": partial(trained, LightGCN, loss="hard_bpr"),
    "LightGCN, softmax": partial(trained, LightGCN, loss="softmax"),
}
MAKE: dict[str, Callable[[Split], BaseRecommender]] = {
    name: (lambda split, fresh=fresh: fresh().fit(split.train)) for name, fresh in FITTED.items()
} | {name: (lambda split, make=make: make(split=split)) for name, make in TRAINED.items()}


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.filterwarnings("ignore")
def test_the_order_of_rows_decides_nothing(name: str, clusters: Split) -> None:
    assert clusters.val is not None and clusters.test is not None
    turned = Split(shuffled(clusters.train), shuffled(clusters.test), shuffled(clusters.val))
    users = torch.arange(40)
    one, other = (MAKE[name](split) for split in (clusters, turned))
    torch.testing.assert_close(one.score(users), other.score(users), rtol=1e-4, atol=1e-5)
    reports = [
        evaluate(model, split.train, split.test, k=5).per_user.sort_index()
        for model, split in ((one, clusters), (other, turned))
    ]
    pd.testing.assert_frame_equal(*reports)


def test_the_order_of_rows_decides_nothing_before_a_model(clusters: Split) -> None:
    part, turned = clusters.train, shuffled(clusters.train)
    assert pairs_digest(part) == pairs_digest(turned)
    assert split_digest(clusters) == split_digest(Split(turned, clusters.test, clusters.val))
    assert train_adjacency(part).to_dense().equal(train_adjacency(turned).to_dense())
    drawn = [
        TripletSampler(rows).sample(99, torch.Generator().manual_seed(0)) for rows in (part, turned)
    ]
    assert drawn[0].equal(drawn[1])
    starts = [smooth_start(rows, 4) for rows in (part, turned)]
    torch.testing.assert_close(*[start @ start.T for start in starts])  # whatever the signs
    frame = pd.DataFrame({"user_id": part.user, "item_id": part.item})
    splits = [given_split(rows) for rows in (frame, frame.sample(frac=1, random_state=1))]
    assert split_digest(splits[0]) == split_digest(splits[1])
    assert (splits[0].item_ids == splits[1].item_ids).all()


def test_nan_never_passes(toy: Interactions) -> None:
    score = torch.zeros(3, 4)
    score[1, 2] = math.nan
    with pytest.raises(ValueError, match="NaN"):
        top_k(score, 2)
    with pytest.raises(ValueError, match="NaN"):
        evaluate(ScoreTable(score), None, toy, k=2)
    for interval in (bootstrap_interval, t_interval):
        with pytest.raises(ValueError, match="missing or infinite"):
            interval([0.1, 0.2, math.nan])
    report = RankingReport(2, pd.DataFrame({"recall": [0.1, math.nan, 0.3]}))
    with pytest.raises(ValueError, match="missing or infinite"):
        compare(report, report)


@pytest.mark.parametrize("name", FITTED)
def test_nothing_is_fitted_to_an_empty_part(name: str) -> None:
    with pytest.raises(ValueError, match=r"got no interaction, expected at least one"):
        FITTED[name]().fit(Interactions(NONE, NONE, 40, 40))


def test_an_empty_part_is_noticed_before_training(
    clusters: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.optim, "Adam", lambda *_, **__: pytest.fail("it began to train"))
    empty = Interactions(NONE, NONE, 40, 40)
    with pytest.raises(ValueError, match=r"train: got no interaction, expected at least one"):
        train(LightGCN(40, 40, 2), Split(empty))
    with pytest.raises(ValueError, match=r"val.* empty|val: got no interaction"):
        train(LightGCN(40, 40, 2), Split(clusters.train, val=empty))
    family = Family(closed_form(lambda: pytest.fail("it began to fit")), [{}])
    for split in (Split(clusters.train, val=empty), Split(clusters.train, clusters.test)):
        with pytest.raises(ValueError, match="validation part"):
            tune(family, split)
    with pytest.raises(ValueError, match=r"got no interaction|no interaction, so that"):
        evaluate(Popularity().fit(clusters.train), clusters.train, empty)


def test_a_split_that_leaves_a_part_empty_is_refused() -> None:
    lonely = pd.DataFrame({"user_id": range(6), "item_id": range(6)})  # no test row can be scored
    with pytest.raises(ValueError, match=r"got a test part that is empty|test part empty"):
        random_split(lonely)


def test_a_share_is_a_share_of_rows() -> None:
    rows = pd.DataFrame({"user_id": np.repeat(range(10), 10), "item_id": np.tile(range(10), 10)})
    split = random_split(rows, test_size=0.2, val_size=0.1)
    assert {name: len(part) for name, part in split.parts.items()} == {
        "train": 70, "val": 10, "test": 20
    }  # fmt: skip
