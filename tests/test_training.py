import inspect
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tqdm import tqdm

from recbook import training
from recbook.checks import check_device
from recbook.data import Interactions, MovieLens, Split, random_split, to_implicit
from recbook.evaluation import evaluate
from recbook.graph import smooth_start, train_adjacency
from recbook.models import EASE, NGCF, LightGCN, MatrixFactorization, Popularity
from recbook.recipes import RECIPES, recipe
from recbook.training import check_finite, new_adam, softmax_step, train, train_step
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


@pytest.mark.filterwarnings("ignore:for 39 of 39 users")  # whose scores are all infinite
def test_errors(clusters: Split) -> None:
    with pytest.raises(ValueError, match="patience needs a validation part"):
        train(small(), replace(clusters, val=None), patience=3)
    nobody = torch.zeros(0, dtype=torch.long)
    with pytest.raises(ValueError, match="the validation part is empty"):
        train(small(), replace(clusters, val=Interactions(nobody, nobody, 40, 40)))
    with pytest.raises(ValueError, match="41 users and 40 items, the split 40 and 40"):
        train(LightGCN(41, 40), clusters)
    with pytest.raises(FloatingPointError, match=r"in epoch 2 with lr=1e\+30 and reg=0\.0001; try"):
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
        given = {"hardest": True} if hardest else {}
        losses[negatives] = train_step(model, adj, batch[rows], 0, optimizer, **given).item()
    assert losses[2, 3] == pytest.approx((losses[2,] + losses[3,]) / 2)
    assert losses["hardest"] >= max(losses[2,], losses[3,]) - 1e-6


def test_the_loss_decides_which_negatives_count(clusters: Split) -> None:
    losses = {
        (loss, number): train(small(), clusters, loss, 1, num_negatives=number).frame["loss"][1]
        for loss in ("bpr", "hard_bpr")
        for number in (1, 8)
    }
    assert losses["hard_bpr", 1] == losses["bpr", 1] != losses["bpr", 8]
    assert losses["hard_bpr", 8] > losses["bpr", 8]


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
    message = r"^initial_embeddings: got shape \(80, 3\), expected \(80, 4\); a row a node"
    with pytest.raises(ValueError, match=message):
        train(models[0], clusters, initial_embeddings=start[:, :3])


class Watched(LightGCN):
    """Draws a number from the global generator at each forward of training, as dropout does."""

    def __init__(self) -> None:
        super().__init__(40, 40, embedding_dim=8, num_layers=1)
        self._drawn: list[float] = []

    def forward(self, graph: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.training:
            self._drawn.append(torch.rand(()).item())
        return super().forward(graph)


def test_dropout_draws_other_numbers_in_each_epoch_and_leaves_the_generator(
    clusters: Split,
) -> None:
    runs = []
    for seed in (0, 0, 5):
        model = Watched()
        before = torch.get_rng_state()
        train(model, clusters, "softmax", epochs=4, seed=seed, k=5)
        assert torch.equal(torch.get_rng_state(), before)
        runs.append(model._drawn)
    assert len(set(runs[0])) == 4
    assert runs[0] == runs[1] and not set(runs[0]) & set(runs[2])
    ours = [torch.Generator().manual_seed(0 + epoch) for epoch in (1, 2, 3, 4)]
    assert runs[0] == [torch.rand((), generator=one).item() for one in ours]  # as in the ledger


def test_devices_that_take_no_part_are_not_touched(
    clusters: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(*args: object) -> None:
        raise AssertionError("a training on the processor touched a GPU")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("get_rng_state", "set_rng_state", "manual_seed", "manual_seed_all"):
        monkeypatch.setattr(torch.cuda, name, touched)
    train(small(), clusters, epochs=1, k=5)


def test_dropout_on_a_gpu_draws_from_that_gpus_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {torch.device("cuda", number): f"as before {number}" for number in (0, 1)}
    before = dict(states)
    fake = SimpleNamespace(
        device_count=lambda: 2,
        get_rng_state=states.__getitem__,
        set_rng_state=lambda state, device: states.__setitem__(device, state),
    )
    seeded = SimpleNamespace(
        manual_seed=lambda seed: SimpleNamespace(get_state=lambda: f"seed {seed}")
    )
    monkeypatch.setattr(torch, "cuda", fake)
    monkeypatch.setattr(torch, "get_device_module", lambda device: fake)  # which remembers
    monkeypatch.setattr(torch, "Generator", lambda device: seeded)
    with training._seeded(5, torch.device("cuda", 1)):
        assert states == before | {torch.device("cuda", 1): "seed 5"}
        assert torch.initial_seed() == 5
    assert states == before


def test_the_softmax_takes_users_in_another_order_each_epoch(
    clusters: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[int]] = []

    def step(model: LightGCN, adj: object, users: torch.Tensor, *rest: object) -> torch.Tensor:
        batches.append(users.tolist())
        return torch.zeros(())

    monkeypatch.setattr(training, "softmax_step", step)
    train(small(), clusters, "softmax", epochs=2, batch_size=16, k=5)
    assert [len(batch) for batch in batches] == [16, 16, 8] * 2
    first, second = [*chain(*batches[:3])], [*chain(*batches[3:])]
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second and first != sorted(first)


def test_memory_is_kept_and_threads_sleep(clusters: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []

    @contextmanager
    def threads(fewer: bool) -> Iterator[None]:
        called.append(fewer)
        yield

    monkeypatch.setattr(training, "keep_freed_memory", lambda: called.append("kept"))
    monkeypatch.setattr(training, "threads_beside_others", threads)
    for model, loss, fewer in ((small(), "bpr", True), (small(), "softmax", False)):
        train(model, clusters, loss, epochs=1, k=5)
        assert called[-2:] == ["kept", fewer]
    train(NGCF(40, 40, 8), clusters, epochs=1, k=5)
    assert called[-1] is False


@pytest.mark.parametrize("kind", [LightGCN, MatrixFactorization])
def test_the_number_of_threads_decides_no_digit(kind: type, clusters: Split) -> None:
    before, found = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            model = kind(40, 40, embedding_dim=64)
            history = train(model, clusters, epochs=2, batch_size=2048, k=5)
            found.append((model.embedding.weight, history.frame.drop(columns="seconds")))
    finally:
        torch.set_num_threads(before)
    for weight, frame in found[1:]:
        assert torch.equal(weight, found[0][0]) and frame.equals(found[0][1])


# What naming a loss gives.


def test_the_table_in_the_docstring_is_what_a_loss_gives() -> None:
    lines = [re.split(r"  +", line.strip()) for line in inspect.getdoc(train).splitlines()]
    table = {line[0]: line[1:] for line in lines if len(line) == 4 and "=" not in line[0]}
    losses = [name.strip('`"') for name in table.pop("setting")]
    assert losses == list(RECIPES)
    for name, cells in table.items():
        for loss, cell in zip(losses, cells, strict=True):
            value = RECIPES[loss].get(name, "--")
            text = "all users" if value is None else str(value)
            assert cell.strip('`"').removesuffix(" triplets") == text
    assert {name for recipe in RECIPES.values() for name in recipe} == set(table)


def test_a_model_that_leaves_it_to_the_loss_scores_as_the_loss_wants(clusters: Split) -> None:
    for build in (LightGCN, MatrixFactorization):
        for asked, after in ((None, {"softmax": True, "bpr": False}), (False, {"softmax": False})):
            model = build(40, 40, embedding_dim=8, cosine=asked)
            for loss in [*after, *after]:  # a model may be trained again
                train(model, clusters, loss, epochs=1, k=5)
                length = model.final[0].norm(dim=1)
                assert torch.allclose(length, torch.ones(40), atol=1e-5) == after[loss]


def test_a_model_without_that_choice_gets_none(clusters: Split) -> None:
    model = NGCF(40, 40, embedding_dim=8)
    train(model, clusters, "softmax", epochs=1)
    assert not hasattr(model, "cosine")


def test_the_softmax_begins_with_smooth_embeddings_where_there_are_enough(clusters: Split) -> None:
    model, given = small(), {"epochs": 1, "lr": 1e-6, "reg": 0, "k": 5}
    train(model, clusters, "softmax", **given)
    smooth = smooth_start(clusters.train, 8)
    torch.testing.assert_close(model.embedding.weight, smooth, atol=1e-5, rtol=0)
    train(model, clusters, "bpr", initial_embeddings="smooth", **given)
    torch.testing.assert_close(model.embedding.weight, smooth, atol=1e-4, rtol=0)
    wide = LightGCN(40, 40, embedding_dim=40)  # a matrix of 40 columns has no 40 of them to find
    train(wide, clusters, "softmax", **given)
    drawn = LightGCN(40, 40, embedding_dim=40)
    torch.testing.assert_close(wide.embedding.weight, drawn.embedding.weight, atol=1e-5, rtol=0)


def test_naming_the_softmax_is_ahead_of_ease(movielens: MovieLens) -> None:
    split = random_split(to_implicit(movielens.ratings), seed=7)
    model = LightGCN(split.train.num_users, split.train.num_items)
    train(model, split, loss="softmax")
    ours, ease = (
        evaluate(one, split.train, split.test).recall for one in (model, EASE(400).fit(split.train))
    )
    assert ours > ease > 0.36


# Refused at the door.


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"lr": float("nan")}, ValueError, "lr=nan, expected a number above 0"),
        ({"lr": "0.1"}, TypeError, "lr='0.1'"),
        ({"reg": float("inf")}, ValueError, "reg=inf"),
        ({"epochs": 2.5}, TypeError, r"epochs=2\.5, expected a whole number"),
        ({"batch_size": True}, TypeError, "batch_size=True"),
        ({"patience": -1}, ValueError, "patience=-1"),
        ({"k": 41}, ValueError, "k=41, expected 1 to 40; there are no more items"),
        ({"k": 0}, ValueError, "k=0"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"loss": None}, TypeError, "loss=None, expected 'bpr', 'hard_bpr' or 'softmax'"),
        ({"num_negatives": 0}, ValueError, "num_negatives=0"),
        ({"temperature": 0.2}, ValueError, "temperature=0.2, but loss='bpr' has none; leave it"),
        ({"loss": "softmax", "temperature": 0}, ValueError, "temperature=0"),
        ({"loss": "softmax", "num_negatives": 2}, ValueError, "num_negatives=2, but loss='soft"),
        ({"initial_embeddings": "warm"}, ValueError, "'warm', expected 'random' or 'smooth'"),
        ({"initial_embeddings": 3}, TypeError, "initial_embeddings=3"),
        ({"initial_embeddings": torch.full((80, 8), torch.nan)}, ValueError, "is not finite"),
        (
            {"device": "cuda:7"},
            ValueError,
            "device='cuda:7', expected what this machine has: 'cpu'",
        ),
        ({"device": "gpu"}, ValueError, "device='gpu', expected what this machine has"),
        ({"device": 0}, TypeError, "device=0, expected what this machine has"),
        ({"checkpoint": 3}, TypeError, "checkpoint=3"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_changes(
    clusters: Split, given: dict, error: type[Exception], message: str
) -> None:
    model = small()
    model.embedding.weight.data.fill_(7)
    with pytest.raises(error, match=message):
        train(model, clusters, **given)
    assert (model.embedding.weight == 7).all() and model.cosine is None


def test_parts_that_cannot_be_trained_or_validated_on(clusters: Split) -> None:
    none = torch.zeros(0, dtype=torch.long)
    empty = Interactions(none, none, 40, 40)
    for model, split, error, message in (
        (EASE(), clusters, TypeError, r"expected EmbeddingModel; call its fit\(train\)"),
        (None, clusters, TypeError, "model=None, expected EmbeddingModel; build e.g. a LightGCN"),
        (small(), clusters.train, TypeError, "expected Split; make one with random_split"),
        (small(), Split(empty), ValueError, "split.train: got no interaction"),
        (small(), replace(clusters, val=empty), ValueError, "the validation part is empty"),
        (
            small(),
            replace(clusters, val=clusters.train),
            ValueError,
            f"{len(clusters.train)} pairs are both in train and in validation",
        ),
    ):
        with pytest.raises(error, match=message):
            train(model, split)
    train(small(), Split(clusters.train), epochs=1, k=99)  # nothing is ranked


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    for name in ("cpu", "cuda", "cuda:1", "mps", torch.device("cuda", 0)):
        assert check_device("device", name) == torch.device(name)
    with pytest.raises(ValueError, match="has: 'cpu', 'cuda:0', 'cuda:1', 'mps'; leave device out"):
        check_device("device", "cuda:2")
    with pytest.raises(ValueError, match="device='meta'"):
        check_device("device", "meta")


def test_batches_go_where_the_model_is_and_adam_is_fused_where_it_can_be(clusters: Split) -> None:
    settings = recipe("bpr", {}) | {"seed": 0, "patience": None, "k": 5}
    run = training._Run(small(), clusters, settings, "cpu")
    assert new_adam(small(), 0.1).defaults["fused"] is True
    run.device = torch.device("meta")  # stands for one that is not here
    assert {batch.device.type for batch in run.batches()} == {"meta"}
    assert new_adam(small().to("meta"), 0.1).defaults["fused"] is None


# What is shown.


def test_no_bar_where_the_environment_says_so(
    clusters: Split, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    train(small(), clusters, epochs=1)
    assert capsys.readouterr().err == ""


def test_the_bar_of_a_run_that_goes_on_begins_where_it_was(
    clusters: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    class Seen(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            shown.append((self.n, self.total))

    monkeypatch.setattr(training, "progress", lambda *args, every, **given: Seen(*args, **given))
    for epochs in (2, 3):
        train(LightGCN(40, 40, 8), clusters, epochs=epochs, k=5, checkpoint=tmp_path / "run.pt")
    assert shown == [(0, 2), (2, 3)]


def test_the_bar_leaves_nothing(
    clusters: Split, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    train(small(), clusters, epochs=40, lr=0.05, patience=2, k=5)  # which ends before the bar
    with pytest.raises(FloatingPointError):
        train(small(), Split(clusters.train), epochs=3, lr=1e30)
    captured = capsys.readouterr()
    assert "epoch on cpu:" in captured.err and captured.out == ""
    assert captured.err.rstrip(" ").endswith("\r")
    assert captured.err.split("\r")[-2].strip() == ""


def test_the_row_of_an_epoch(clusters: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = []

    def step(*args: Any) -> torch.Tensor:
        losses.append(train_step(*args))
        return losses[-1]

    monkeypatch.setattr(training, "train_step", step)
    model, began = small(), time.perf_counter()
    (row,) = train(model, clusters, epochs=1, batch_size=64).frame.to_dict("records")
    assert len(losses) > 1 and row["loss"] == pytest.approx(torch.stack(losses).mean().item())
    assert 0 < row["seconds"] < time.perf_counter() - began
    assert row["recall"] == evaluate(model, clusters.train, clusters.val, k=20).recall


def test_the_first_of_equal_epochs_is_the_best(
    clusters: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = SimpleNamespace(recall=0.5, as_dict=lambda: {"recall": 0.5})
    monkeypatch.setattr(training, "evaluate", lambda *args, **given: report)
    history = train(small(), clusters, epochs=9, patience=3)
    assert history.best_epoch == 1 and len(history.frame) == 4


def test_history_says_what_happened(clusters: Split) -> None:
    history = train(small(), clusters, epochs=3, k=5)
    best = history.frame["recall"].max()
    assert repr(history) == (
        f"History(3 epochs, last loss {history.frame['loss'][3]:.4f}, best epoch "
        f"{history.best_epoch} with validation recall {best:.4f})"
    )
    plain = train(small(), Split(clusters.train), epochs=1)
    assert repr(plain) == f"History(1 epochs, last loss {plain.frame['loss'][1]:.4f})"


def test_gradients_are_taken_whatever_the_caller_has_set(clusters: Split) -> None:
    expected, model = small(), small()
    train(expected, clusters, epochs=1)
    with torch.no_grad():
        train(model, clusters, epochs=1)
    assert torch.equal(model.embedding.weight, expected.embedding.weight)


@pytest.mark.parametrize("to", [torch.float16, torch.float64, "meta"], ids=str)
def test_models_of_other_numbers_or_of_none(clusters: Split, to: Any) -> None:
    with pytest.raises(ValueError, match=r"got a model of torch\.float.* expected torch.float32"):
        train(small().to(to), clusters, epochs=1)


def test_a_step_that_does_not_fit(clusters: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recbook.memory.free_bytes", lambda _: 10**7)
    train(small(), clusters, epochs=1, batch_size=64)
    with pytest.raises(MemoryError, match=r"gradients 2,002 x 64 x 8 x 3 x 4 B .* or batch"):
        train(small(), clusters, loss="hard_bpr", epochs=1, batch_size=64, num_negatives=2000)


@pytest.mark.parametrize(("setting", "advice"), [("lr", "smaller lr"), ("reg", "smaller reg")])
def test_what_to_make_smaller(setting: str, advice: str) -> None:
    with pytest.raises(FloatingPointError, match=advice):
        check_finite(math.nan, 3, **{"lr": 0.1, "reg": 0.1, setting: 100.0})
