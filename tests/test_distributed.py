import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
import torch.distributed as dist

from recbook import checkpoint, distributed, memory, training
from recbook.data import Interactions
from recbook.distributed import Shard, ShardedLightGCN, ShardedSampler
from recbook.distributed import __main__ as command
from recbook.models import LightGCN
from recbook.sampling import TripletSampler
from tests.distributed_worker import BATCH, DIM, EPOCHS, LAYERS, STEPS, toy_split

WORKER = Path(__file__).with_name("distributed_worker.py")
Found = list[dict[str, Any]]  # what each process has stored


def run(*command: object) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=env | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(WORKER.parents[1])},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done


def read(folder: Path) -> Found:
    return [torch.load(file) for file in sorted(folder.glob("[0-9].pt"))]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forked")
    run(WORKER, folder)
    return folder


@pytest.fixture(params=[2, 3])
def found(request: pytest.FixtureRequest, results: Path) -> Found:
    found = read(results / str(request.param))
    assert len(found) == request.param
    return found


def together(found: Found, name: str) -> torch.Tensor:
    """The rows of all processes in LightGCN's order: all users, then all items."""
    users, items = [], []
    for rank, one in enumerate(found):
        own_users = (rank + 1) * 41 // len(found) - rank * 41 // len(found)
        users.append(one[name][:own_users])
        items.append(one[name][own_users:])
    return torch.cat(users + items)


def test_twenty_steps_are_those_of_one_process(found: Found) -> None:
    train = toy_split().train
    model = LightGCN(41, 37, DIM, LAYERS)
    model.reset_parameters(7)
    first = model.embedding.weight.detach().clone()
    assert torch.equal(together(found, "first"), first)
    generator = torch.Generator().manual_seed(5)
    drawn = TripletSampler(train).sample(STEPS * BATCH, generator)
    following = torch.rand(3, generator=generator)
    adam = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    adj = training.train_adjacency(train)
    losses = [training.train_step(model, adj, b, 0.1, adam) for b in drawn.split(BATCH, dim=1)]
    for one in found:
        assert torch.equal(one["batches"], drawn)
        assert torch.equal(one["next"], following)
        torch.testing.assert_close(torch.tensor(one["losses"]), torch.stack(losses))
    # Adam does not see a gradient that is twice as large, so it is compared itself.
    torch.testing.assert_close(
        together(found, "gradient"), model.embedding.weight.grad, atol=1e-6, rtol=1e-3
    )
    weight = together(found, "after steps")
    torch.testing.assert_close(weight, model.embedding.weight.detach(), atol=1e-5, rtol=0)
    assert (weight - first).abs().max() > 0.05


def test_training_is_that_of_one_process(found: Found) -> None:
    split = toy_split()
    model = LightGCN(41, 37, DIM, LAYERS)
    history = training.train(model, split, epochs=EPOCHS, batch_size=BATCH, k=5, seed=3)
    expected = history.frame.drop(columns="seconds")
    for one in found:
        pd.testing.assert_frame_equal(
            pd.DataFrame(one["frame"]), expected.reset_index(drop=True), check_exact=False
        )
    torch.testing.assert_close(together(found, "final"), torch.cat(model.final), atol=1e-5, rtol=0)


def test_each_process_has_the_edges_of_its_own_rows(found: Found) -> None:
    edges = [one["edges"] for one in found]
    assert sum(edges) == 2 * len(toy_split().train)
    assert max(edges) < 1.2 * sum(edges) / len(found)


def test_a_killed_process_is_restarted_and_ends_the_same(results: Path, tmp_path: Path) -> None:
    steps = len(toy_split().train) // BATCH
    torchrun = "-m torch.distributed.run --standalone --nproc-per-node 2 --max-restarts 1".split()
    done = run(*torchrun, WORKER, tmp_path, 2 * steps - 1)  # late in the second epoch
    assert "exitcode: -9" in done.stderr
    epochs = re.findall(r"^epoch on cpu (\d+) of", done.stderr, re.MULTILINE)
    assert epochs == [str(epoch) for epoch in range(1, EPOCHS + 1)]  # one process writes the log
    for never_killed, killed in zip(read(results / "2"), read(tmp_path), strict=True):
        assert never_killed["steps"] == EPOCHS * steps
        assert killed["steps"] == (EPOCHS - 1) * steps  # from the checkpoint of the first epoch
        assert killed["frame"] == never_killed["frame"]
        assert torch.equal(killed["final"], never_killed["final"])


# One process by itself.


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As torchrun would start it."""
    for name in ("RANK", "LOCAL_RANK", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


@pytest.fixture
def model(started: None) -> ShardedLightGCN:
    distributed.join_processes()
    return ShardedLightGCN(Shard(toy_split().train), DIM, LAYERS)


def test_not_started_by_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(RuntimeError, match="call torchrun --nproc-per-node 2 -m"):
        distributed.join_processes()


def test_bad_graphs(model: ShardedLightGCN, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = Interactions(torch.tensor([0, 1, 0]), torch.tensor([2, 2, 2]), 41, 37)
    with pytest.raises(ValueError, match="the same pair twice"):
        Shard(twice)
    full = Interactions(torch.zeros(2, dtype=torch.long), torch.arange(2), 2, 2)
    with pytest.raises(ValueError, match="user 0 has all 2 items"):
        ShardedSampler(Shard(full))
    monkeypatch.setattr(dist, "get_world_size", lambda: 38)
    with pytest.raises(ValueError, match="38 processes for 41 users and 37 items"):
        Shard(toy_split().train)


def test_what_cannot_fit_is_refused(
    model: ShardedLightGCN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**6)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(MemoryError, match=r"moments 78 x 900 x 4 x 4 B .* in each of 2 processes"):
        ShardedLightGCN(model.shard, 900)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    with pytest.raises(MemoryError, match="sorting its edges"):
        Shard(toy_split().train)


def test_bad_numbers(model: ShardedLightGCN) -> None:
    with pytest.raises(ValueError, match="embedding_dim=0"):
        ShardedLightGCN(model.shard, 0, 2)
    for given, message in (
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": 0}, "lr=0"),
        ({"val_share": replace(toy_split().val, user=torch.zeros(0).long(),
                               item=torch.zeros(0).long())}, "no process has a validation pair"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            distributed.train_sharded(model, **given)
    with pytest.raises(FloatingPointError, match="smaller lr"):
        distributed.train_sharded(model, lr=1e30)


def epochs_in(folder: Path, *epochs: int) -> Path:
    folder.mkdir()
    for epoch in epochs:
        checkpoint.write(folder / "process-0.pt", {"rows": [{}] * epoch}, {})
    return folder / "process-0.pt"


@pytest.mark.parametrize(
    ("mine", "other", "common"),
    [((), 0, 0), ((), 1, 0), ((1,), 0, 0), ((1, 2), 1, 1), ((1, 2), 2, 2), ((1, 2), 3, 2)],
)
def test_the_last_epoch_that_all_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mine: tuple[int], other: int, common: int
) -> None:
    file = epochs_in(tmp_path / "run", *mine)
    monkeypatch.setattr(distributed.training, "from_all", lambda number: [number, other])
    state = distributed.training._last_common(file, {})
    assert len(state["rows"] if state else []) == common
    # After the next epoch, and a kill before the other process has it as well, all is there again.
    checkpoint.write(file, {"rows": [{}] * (common + 1)}, {})
    monkeypatch.setattr(distributed.training, "from_all", lambda number: [number, common])
    state = distributed.training._last_common(file, {})
    assert len(state["rows"] if state else []) == common


def test_no_epoch_that_all_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = epochs_in(tmp_path / "run", 1, 2, 3)
    monkeypatch.setattr(distributed.training, "from_all", lambda number: [number, 1])
    with pytest.raises(RuntimeError, match="has epoch 2, and another process none after 1"):
        distributed.training._last_common(file, {})


def test_a_run_goes_on_from_the_epoch_before_a_damaged_one(
    model: ShardedLightGCN, tmp_path: Path
) -> None:
    given = {"batch_size": BATCH, "checkpoint": tmp_path}
    expected = distributed.train_sharded(model, epochs=3, batch_size=BATCH)
    distributed.train_sharded(model, epochs=2, **given)
    file = tmp_path / "process-0.pt"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.warns(UserWarning, match="going on from the one before"):
        frame = distributed.train_sharded(model, epochs=3, **given)
    assert frame["loss"].tolist() == expected["loss"].tolist()
    with pytest.raises(ValueError, match="has 3 epochs, epochs=2 were asked for"):
        distributed.train_sharded(model, epochs=2, **given)
    with pytest.raises(ValueError, match=r"embedding_dim is 8 there, 4 .*; lr is 0.005 there, 1 "):
        distributed.train_sharded(ShardedLightGCN(model.shard, 4, LAYERS), epochs=3, lr=1, **given)


def test_the_command(
    started: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = toy_split().train
    ratings = pd.DataFrame(
        {"user_id": part.user, "item_id": part.item, "rating": 5, "timestamp": 0}
    )
    monkeypatch.setattr(command, "load_movielens_100k", lambda: SimpleNamespace(ratings=ratings))
    monkeypatch.setattr(sys, "argv", "distributed --epochs 2 --embedding-dim 4".split())
    command.main()
    assert re.fullmatch(
        r"1 processes, epoch 2: validation recall@20 0\.\d{4}, NDCG@20 0\.\d{4}; peak memory \d+ "
        r"MiB a process\n",
        capsys.readouterr().out,
    )
