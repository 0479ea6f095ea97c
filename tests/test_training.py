from dataclasses import replace

import pytest
import torch

from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import smooth_start, train_adjacency
from recbook.models import NGCF, LightGCN, MatrixFactorization, Popularity
from recbook.training import softmax_step, train, train_step
from tests.conftest import Sealed


def small() -> LightGCN:
    return LightGCN(40, 40, embedding_dim=8, num_layers=2)


def test_one_step_by_plain_autograd(toy: Interactions) -> None:
    model = LightGCN(3, 4, embedding_dim=5, num_layers=2)
    adj = train_adjacency(toy)
    weight = model.embedding.weight.detach().clone().requires_grad_()
    dense = adj.to_dense()
    emb = (weight + dense @ weight + dense @ dense @ weight) / 3
    expected = torch.zeros(())
    for user, item, neg_item in ((0, 1, 3), (2, 2, 0)):
        item, neg_item = item + 3, neg_item + 3
        difference = emb[user] @ emb[item] - emb[user] @ emb[neg_item]
        penalty = weight[[user, item, neg_item]].square().sum() / 2
        expected = expected + (0.3 * penalty - torch.sigmoid(difference).log()) / 2
    (gradient,) = torch.autograd.grad(expected, weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    model.embedding.weight.grad = torch.ones_like(weight)  # left over from another step
    loss = train_step(model, adj, torch.tensor([[0, 2], [1, 2], [3, 0]]), 0.3, optimizer)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(model.embedding.weight, weight - 2 * gradient)


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


def test_patience_restores_the_best_epoch_at_the_end_too(clusters: Split) -> None:
    model = small()
    history = train(model, clusters, epochs=40, batch_size=64, lr=0.05, patience=40, k=5)
    recall = history.frame["recall"]
    assert len(recall) == 40 and recall.iloc[-1] < recall.max()
    assert evaluate(model, clusters.train, clusters.val, k=5).recall == recall.max()


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
    train(small(), replace(clusters, test=Sealed(clusters.test)), epochs=2, k=5)


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
    nobody = torch.zeros(0, dtype=torch.long)
    with pytest.raises(ValueError, match="the validation part is empty"):
        train(small(), replace(clusters, val=Interactions(nobody, nobody, 40, 40)))
    with pytest.raises(ValueError, match="41 users and 40 items, the split 40 and 40"):
        train(LightGCN(41, 40), clusters)
    with pytest.raises(FloatingPointError, match="smaller lr"):
        train(small(), clusters, lr=1e30, epochs=3, k=5)


def test_dropout_repeats_with_the_seed(clusters: Split) -> None:
    def final(before: int) -> torch.Tensor:
        torch.manual_seed(before)  # what ran before must not matter
        model = NGCF(40, 40, embedding_dim=8, num_layers=1, dropout=0.5)
        train(model, clusters, epochs=2, batch_size=64, seed=3)
        return model.score(torch.arange(40))

    torch.testing.assert_close(final(0), final(1), rtol=0, atol=0)


@pytest.mark.parametrize("model", [MatrixFactorization, NGCF])
def test_other_models_learn_the_clusters(
    clusters: Split, model: type[MatrixFactorization | NGCF]
) -> None:
    recommender = model(40, 40, embedding_dim=16)
    train(recommender, clusters, epochs=40, batch_size=64, lr=0.02, seed=0)
    report = evaluate(recommender, seen=clusters.train, target=clusters.test, k=10)
    bar = evaluate(Popularity().fit(clusters.train), clusters.train, clusters.test, k=10)
    assert report.recall > 1.5 * bar.recall


def test_one_softmax_step_by_plain_autograd(toy: Interactions) -> None:
    model = LightGCN(3, 4, embedding_dim=5, num_layers=1, cosine=True)
    adj, weight = train_adjacency(toy), model.embedding.weight.detach().clone().requires_grad_()
    mean = (weight + adj.to_dense() @ weight) / 2
    unit = mean / mean.norm(dim=1, keepdim=True)
    expected = 0.3 * weight.square().sum() / (2 * 7)
    for user, item in ((0, 0), (0, 1), (2, 2), (2, 3)):
        scores = unit[user] @ unit[3:].T / 0.2
        expected = expected - (scores[item] - scores.logsumexp(0)) / 4
    (gradient,) = torch.autograd.grad(expected, weight)
    users = torch.tensor([2, 0])
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    loss = softmax_step(model, adj, users, toy.pairs_of(users), 0.3, optimizer, 0.2)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(model.embedding.weight, weight - 2 * gradient)


def test_the_hardest_of_the_negatives_is_the_one_that_counts(toy: Interactions) -> None:
    adj, losses = train_adjacency(toy), {}
    batch = torch.tensor([[0, 1], [1, 2], [3, 0], [2, 3]])  # two negatives for each pair
    for negatives in ((2,), (3,), (2, 3), "hardest"):
        model = LightGCN(3, 4, embedding_dim=5)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        hardest = negatives == "hardest"
        rows = [0, 1, 2, 3] if hardest else [0, 1, *negatives]
        losses[negatives] = train_step(model, adj, batch[rows], 0, optimizer, hardest).item()
    assert losses[2, 3] == pytest.approx((losses[2,] + losses[3,]) / 2)
    assert losses["hardest"] >= max(losses[2,], losses[3,]) - 1e-6


@pytest.mark.parametrize(
    "given", [{"loss": "softmax", "lr": 0.05}, {"loss": "hard_bpr", "num_negatives": 4}]
)
def test_other_losses_learn_the_clusters(clusters: Split, given: dict) -> None:
    model = LightGCN(40, 40, embedding_dim=8, num_layers=2, cosine="lr" in given)
    history = train(model, clusters, epochs=60, batch_size=16, k=5, **given)
    assert history.frame["loss"].iloc[-1] < history.frame["loss"].iloc[0]
    popular = Popularity().fit(clusters.train)
    learned, counted = (
        evaluate(m, clusters.train, clusters.test, k=5).recall for m in (model, popular)
    )
    assert learned > 1.4 * counted
    again = train(model, clusters, epochs=60, batch_size=16, k=5, **given)
    assert again.frame["loss"].tolist() == history.frame["loss"].tolist()


def test_a_start_is_where_training_begins(clusters: Split) -> None:
    start = smooth_start(clusters.train, 4)
    models = [LightGCN(40, 40, embedding_dim=4, num_layers=1) for _ in range(2)]
    for seed, model in enumerate(models):  # the seed's own numbers are not used
        train(model, clusters, "softmax", 1, lr=1e-6, reg=0, seed=seed, initial_embeddings=start)
        torch.testing.assert_close(model.embedding.weight, start, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match=r"got shape \(80, 3\), expected \(80, 4\); a row a node"):
        train(models[0], clusters, initial_embeddings=start[:, :3])
