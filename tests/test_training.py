from dataclasses import replace

import pytest
import torch

from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.models import LightGCN, Popularity
from recbook.training import train


def small() -> LightGCN:
    return LightGCN(40, 40, embedding_dim=8, num_layers=2)


def test_learns_two_groups(clusters: Split) -> None:
    model = small()
    history = train(model, clusters, epochs=30, batch_size=64, k=5)
    assert history.frame["loss"].iloc[-1] < history.frame["loss"].iloc[0] / 2
    popular = Popularity().fit(clusters.train)
    learned, counted = (
        evaluate(m, clusters.train, clusters.test, k=5).recall for m in (model, popular)
    )
    assert learned > 1.5 * counted


def test_seed_decides_the_run(clusters: Split) -> None:
    losses = []
    for seed in (0, 0, 1):
        torch.rand(7)  # whatever ran before
        losses.append(train(small(), clusters, epochs=3, seed=seed, k=5).frame["loss"].tolist())
    assert losses[0] == losses[1] != losses[2]


def test_patience_restores_the_best_epoch(clusters: Split) -> None:
    model = small()
    history = train(model, clusters, epochs=200, batch_size=64, lr=0.05, patience=3, k=5)
    recall = history.frame["recall"]
    assert len(recall) == history.best_epoch + 3 < 200
    assert recall.idxmax() == history.best_epoch
    assert evaluate(model, clusters.train, clusters.val, k=5).recall == recall.max()
    assert recall.iloc[-1] < recall.max()


def test_without_patience_the_last_epoch_stays(clusters: Split) -> None:
    model = small()
    history = train(model, clusters, epochs=5, lr=0.05, k=5)
    assert (
        evaluate(model, clusters.train, clusters.val, k=5).recall
        == history.frame["recall"].iloc[-1]
    )


def test_without_validation_nothing_is_validated(clusters: Split) -> None:
    history = train(small(), replace(clusters, val=None), epochs=2)
    assert list(history.frame) == ["epoch", "loss", "seconds"]
    assert history.frame["epoch"].tolist() == [1, 2]
    assert history.best_epoch is None


def test_the_test_part_is_never_read(clusters: Split) -> None:
    class Sealed(Interactions):
        def __getattribute__(self, name: str) -> object:
            if name in ("user", "item", "by_user", "dense_rows", "user_degree", "item_degree"):
                raise AssertionError(f"training read test.{name}")
            return super().__getattribute__(name)

    sealed = replace(clusters, test=Sealed(clusters.test.user, clusters.test.item, 40, 40))
    train(small(), sealed, epochs=2, k=5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "hinge"}, "loss='hinge', expected 'bpr'"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"patience": 0}, "patience=0"),
        ({"lr": 0}, "lr=0"),
        ({"reg": -1}, "reg=-1"),
    ],
)
def test_bad_numbers(clusters: Split, given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(small(), clusters, **given)


def test_errors(clusters: Split) -> None:
    with pytest.raises(ValueError, match="patience needs a validation part"):
        train(small(), replace(clusters, val=None), patience=3)
    with pytest.raises(ValueError, match="41 users and 40 items, the split 40 and 40"):
        train(LightGCN(41, 40), clusters)
    with pytest.raises(FloatingPointError, match="smaller lr"):
        train(small(), clusters, lr=1e30, epochs=3, k=5)
