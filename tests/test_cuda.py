"""On a GPU: the same code, the same answers. Skipped where there is none."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import recbook
from recbook.beyond_accuracy import coverage
from recbook.data import Split
from recbook.evaluation import evaluate
from recbook.graph import propagate, train_adjacency
from recbook.models import NGCF, EmbeddingModel, LightGCN, MatrixFactorization
from recbook.testing import check_recommender
from recbook.training import train
from tests.distributed_worker import toy_split

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"),
]
CUDA = torch.device("cuda", 0)
TRAINED: dict[str, tuple[Callable[..., EmbeddingModel], dict[str, Any]]] = {
    "MatrixFactorization": (MatrixFactorization, {}),
    "MatrixFactorization, softmax": (MatrixFactorization, {"loss": "softmax", "batch_size": 64}),
    "LightGCN": (LightGCN, {"batch_size": 64}),
    "LightGCN, softmax": (LightGCN, {"loss": "softmax", "batch_size": 64}),
    "NGCF without dropout": (partial(NGCF, dropout=0.0), {"batch_size": 64}),
}
DROPPING = {"NGCF": (NGCF, {"batch_size": 64})}  # which draws other numbers on a GPU


@pytest.fixture
def split() -> Split:
    return toy_split()


def new(name: str) -> tuple[EmbeddingModel, dict[str, Any]]:
    kind, settings = (TRAINED | DROPPING)[name]
    return kind(41, 37, embedding_dim=8), {"epochs": 4, "seed": 3} | settings


@pytest.mark.parametrize("name", TRAINED)
def test_a_gpu_learns_what_a_cpu_learns(name: str, split: Split) -> None:
    here, settings = new(name)
    there, _ = new(name)
    expected = train(here, split, **settings)
    found = train(there, split, device="cuda", **settings)
    assert all(parameter.device == CUDA for parameter in there.parameters())
    assert found.frame["loss"].tolist() == pytest.approx(expected.frame["loss"], rel=1e-3)
    users = torch.arange(41)
    torch.testing.assert_close(there.score(users).cpu(), here.score(users), rtol=0.02, atol=0.002)


@pytest.mark.parametrize("name", TRAINED | DROPPING)
def test_what_is_trained_there_keeps_the_contract(name: str, split: Split) -> None:
    model, settings = new(name)
    train(model, split, device="cuda", **settings)
    check_recommender(model, split.train)


def test_it_goes_on_from_a_checkpoint(split: Split, tmp_path: Path) -> None:
    def run(epochs: int, checkpoint: Path | None) -> list[float]:
        model = NGCF(41, 37, embedding_dim=8)
        return list(
            train(model, split, epochs=epochs, device="cuda", checkpoint=checkpoint).frame["loss"]
        )

    expected = run(4, None)
    run(2, tmp_path / "run")
    assert run(4, tmp_path / "run") == pytest.approx(expected, rel=1e-4)


def test_random_numbers_of_the_gpu_are_left_as_they_were(split: Split) -> None:
    torch.cuda.manual_seed(7)
    before = torch.cuda.get_rng_state()
    train(NGCF(41, 37, embedding_dim=8), split, epochs=1, device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_a_model_moved_there_is_trained_there_and_comes_back(split: Split) -> None:
    model = LightGCN(41, 37, embedding_dim=8).to("cuda")
    train(model, split, epochs=2, batch_size=64)
    lists = model.recommend([0, 1, 2], exclude=split.train)
    assert lists.device.type == "cpu"
    back = copy.deepcopy(model).cpu()
    assert torch.equal(back.recommend([0, 1, 2], exclude=split.train), lists)


def test_saved_there_and_loaded_here(split: Split, tmp_path: Path) -> None:
    model = LightGCN(41, 37, embedding_dim=8)
    train(model, split, epochs=2, batch_size=64, device="cuda")
    again, known = recbook.load(recbook.save(model, split, tmp_path / "model"))
    assert all(parameter.device.type == "cpu" for parameter in again.parameters())
    users = [0, 4, 9]
    columns = ["user_id", "rank", "item_id"]
    lists = split.recommend(model, users)
    assert known.recommend(again, users)[columns].equals(lists[columns])
    assert torch.equal(again.score(users), model.cpu().score(users))


def test_evaluation_and_lists_are_the_same(split: Split) -> None:
    model = LightGCN(41, 37, embedding_dim=8)
    train(model, split, epochs=2, batch_size=64)
    expected = evaluate(model, seen=split.train, target=split.test, k=5)
    moved = copy.deepcopy(model).to("cuda")
    found = evaluate(moved, seen=split.train, target=split.test, k=5)
    assert found.per_user.round(4).equals(expected.per_user.round(4))
    lists = moved.recommend(torch.arange(5, device="cuda"), k=5)
    assert coverage(lists, 37) == coverage(model.recommend(range(5), k=5), 37)


def test_where_the_gpu_is_everybodys_default(split: Split) -> None:
    with CUDA, pytest.raises(RuntimeError, match=r"set_default_device.'cuda:0'.*pass device="):
        train(LightGCN(41, 37, embedding_dim=8), split, epochs=1)


def test_gradients_of_propagation(split: Split) -> None:
    adj = train_adjacency(split.train)
    emb = torch.rand(78, 4, generator=torch.Generator().manual_seed(0))
    grads = []
    for device in ("cpu", "cuda"):
        x = emb.to(device).detach().requires_grad_()
        (propagate(adj.to(device), x) ** 2).sum().backward()
        grads.append(x.grad.cpu())
    torch.testing.assert_close(*grads)


def test_no_memory_is_said_before_it_is_taken(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (1000, 1000))
    with pytest.raises(MemoryError, match=r"needed .* GiB, free 0\.0 GiB"):
        train(LightGCN(41, 37, embedding_dim=8), split, epochs=1, device="cuda")


def test_one_process_with_nccl(tmp_path: Path) -> None:
    """NCCL wants a GPU for each process; here it is one, beside one without."""
    worker = Path(__file__).with_name("distributed_worker.py")
    paths = os.pathsep.join([str(worker.parents[1]), *filter(None, [os.getenv("PYTHONPATH")])])
    found = []
    for visible in ("0", ""):
        folder = tmp_path / f"sees {visible}"
        folder.mkdir()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1"),
                *(str(worker), str(folder)),
            ],
            env=os.environ | {"PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": visible},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.append(torch.load(folder / "0.pt", map_location="cpu"))
    there, here = found
    for side in ("steps", "turned steps"):
        steps = there[side], here[side]
        for name in ("losses", "softmax losses"):
            assert steps[0][name] == pytest.approx(steps[1][name], rel=1e-4)
        weights = (one["after steps"] for one in steps)
        torch.testing.assert_close(*weights, rtol=1e-2, atol=1e-4)
    assert there["frame"]["loss"] == pytest.approx(here["frame"]["loss"], rel=1e-3)
