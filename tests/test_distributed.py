import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
from hypothesis import HealthCheck, example, settings
from hypothesis import strategies as st

import recbook
from recbook import checkpoint, distributed, memory, training
from recbook.data import Interactions, global_time_split
from recbook.distributed import Shard, ShardedLightGCN, ShardedSampler, read_sharded, resuming
from recbook.distributed import __main__ as command
from recbook.evaluation import evaluate
from recbook.losses import l2_penalty
from recbook.models import LightGCN
from recbook.sampling import TripletSampler
from tests.distributed_worker import (
    BATCH,
    DIM,
    EPOCHS,
    LAYERS,
    STEPS,
    WARM,
    toy_log,
    toy_split,
    turned,
)  # fmt: skip

WORKER = Path(__file__).with_name("distributed_worker.py")
ROOT = WORKER.parents[1]
Found = list[dict[str, Any]]  # what each process has stored


def run(*command: object) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=env | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
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


@pytest.fixture(params=[1, 2, 3])
def found(request: pytest.FixtureRequest, results: Path) -> Found:
    found = read(results / str(request.param))
    assert len(found) == request.param
    return found


def together(parts: list[torch.Tensor], num_users: int = 41) -> torch.Tensor:
    """The rows of all processes in LightGCN's order: all users, then all items."""
    block, users, items = -(-num_users // len(parts)), [], []
    for rank, rows in enumerate(parts):
        own_users = min(block, num_users - rank * block)
        users.append(rows[:own_users])
        items.append(rows[own_users:])
    return torch.cat(users + items)


@pytest.mark.parametrize("side", ["steps", "turned steps"])
def test_steps_are_those_of_one_process(found: Found, side: str) -> None:
    train = toy_split().train if side == "steps" else turned(toy_split().train)
    each = [one[side] for one in found]

    def whole(name: str) -> torch.Tensor:
        return together([one[name] for one in each], train.num_users)

    model = LightGCN(train.num_users, train.num_items, DIM, LAYERS)
    model.reset_parameters(7)
    first = model.embedding.weight.detach().clone()
    assert torch.equal(whole("first"), first)
    generator = torch.Generator().manual_seed(5)
    drawn = TripletSampler(train).sample(STEPS * BATCH, generator)
    following = torch.rand(3, generator=generator)
    adam = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    adj = training.train_adjacency(train)
    losses = [training.train_step(model, adj, b, 0.1, adam) for b in drawn.split(BATCH, dim=1)]
    for one in each:
        assert torch.equal(one["batches"], drawn)
        assert torch.equal(one["next"], following)
        torch.testing.assert_close(torch.tensor(one["losses"]), torch.stack(losses))
    # Adam does not see a gradient that is twice as large, so it is compared itself.
    torch.testing.assert_close(whole("gradient"), model.embedding.weight.grad, atol=1e-6, rtol=1e-3)
    weight = whole("after steps")
    torch.testing.assert_close(weight, model.embedding.weight.detach(), atol=1e-5, rtol=0)
    assert (weight - first).abs().max() > 0.05
    # And the softmax over the batch's items, corrected as chapter 19 does it.
    model.cosine = True
    log_q = (train.item_degree / len(train)).log()
    for user, item in each[0]["pairs"]:
        user_emb, item_emb = model(adj)
        score = user_emb[user] @ item_emb[item].T / WARM
        loss = ((score - log_q[item]).logsumexp(1) - score.diagonal()).mean()
        weight = model.embedding.weight
        penalty = 2 * l2_penalty(torch.cat([weight[user], weight[item + train.num_users]]))
        losses.append(training.descend(loss + 0.1 * penalty, adam))
    expected = torch.stack(losses[STEPS:])
    for one in each:
        assert torch.equal(one["pairs"], each[0]["pairs"])
        torch.testing.assert_close(torch.tensor(one["softmax losses"]), expected)
    gradient = model.embedding.weight.grad
    torch.testing.assert_close(whole("softmax gradient"), gradient, atol=1e-5, rtol=1e-3)


def test_pairs_are_drawn_alike_by_any_number_of_processes(results: Path) -> None:
    drawn = [read(results / str(world))[0]["steps"]["pairs"] for world in (1, 2, 3)]
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2])
    train = toy_split().train
    assert {*zip(*drawn[0].permute(1, 0, 2).flatten(1).tolist(), strict=True)} <= {
        *zip(train.user.tolist(), train.item.tolist(), strict=True)
    }


def test_training_is_that_of_one_process(found: Found) -> None:
    split = toy_split()
    model = LightGCN(41, 37, DIM, LAYERS)
    history = training.train(model, split, epochs=EPOCHS, batch_size=BATCH, k=5, seed=3)
    expected = history.frame.drop(columns="seconds").reset_index(drop=True)
    for one in found:
        for name in ("frame", "frame of 3 to 1"):
            frame = pd.DataFrame(one[name])
            pd.testing.assert_frame_equal(frame, expected[: len(frame)], check_exact=False)
    final = together([one["final"] for one in found])
    torch.testing.assert_close(final, model.embedding.weight.detach(), atol=1e-5, rtol=0)


def test_three_processes_begin_two_go_on_and_one_ends(results: Path) -> None:
    epochs = [len(read(results / str(n))[0]["frame of 3 to 1"]["loss"]) for n in (3, 2, 1)]
    assert epochs == [1, 2, 3]


def test_each_process_has_the_edges_of_its_own_rows(found: Found) -> None:
    for side in ("steps", "turned steps"):
        edges = [one[side]["edges"] for one in found]
        assert sum(edges) == 2 * len(toy_split().train)
        assert max(edges) < 1.2 * sum(edges) / len(found)


# A log of one's own.


def pairs_in(found: Found, log: str, part: str) -> list[tuple[Any, ...]]:
    """The pairs of raw ids that all processes have, in order of positions."""
    told = [one[log] for one in found]
    user, item = torch.cat([one[part] for one in told], dim=1).tolist()
    users, items = ([id for one in told for id in one[f"{x}_ids"]] for x in ("user", "item"))
    assert (len(users), len(items)) == told[0]["size"] and len({*users}) == len(users)
    return sorted((u, i, users[u], items[i]) for u, i in zip(user, item, strict=True))


@pytest.mark.parametrize("log", ["log.parquet", "pieces"])
def test_any_number_of_processes_reads_the_same(results: Path, log: str) -> None:
    one, *more = (read(results / str(world)) for world in (1, 2, 3))
    for other in more:
        for part in ("train", "val"):
            assert pairs_in(other, log, part) == pairs_in(one, log, part)
        assert other[0][log]["numbers"] == one[0][log]["numbers"]
        # Each keeps its part of the ids and of the rows.
        assert max(len(each[log]["user_ids"]) for each in other) < 41 * 0.75
        assert (
            max(each[log]["train"].shape[1] for each in other)
            < 0.75 * one[0][log]["train"].shape[1]
        )


def test_the_moment_is_that_of_the_package(results: Path) -> None:
    frame = toy_log().astype({"item_id": str})
    liked = frame[frame["rating"] >= 3].sort_values("timestamp", kind="stable")
    first = liked.drop_duplicates(["user_id", "item_id"])
    split = global_time_split(first, test_size=0.1)
    found = read(results / "2")
    for part, expected in (("train", split.train), ("val", split.test)):
        users, items = split.user_ids[expected.user], split.item_ids[expected.item]
        raw = [pair[2:] for pair in pairs_in(found, "pieces", part)]
        assert sorted(raw) == sorted(zip(users, items, strict=True))
    *numbers, dropped = found[0]["pieces"]["numbers"]
    assert numbers == [len(frame), len(frame) - len(liked), len(liked) - len(first)]
    assert dropped == split.num_dropped["test"]


def test_held_out_at_random(results: Path) -> None:
    found = read(results / "3")
    train, val = (
        {pair[2:] for pair in pairs_in(found, "log.parquet", x)} for x in ("train", "val")
    )
    liked = toy_log().query("rating >= 3").drop_duplicates(["user_id", "item_id"])
    assert train | val <= {*zip(liked["user_id"], liked["item_id"], strict=True)}
    assert not train & val
    assert len(train | val) == len(liked) - found[0]["log.parquet"]["numbers"][-1]
    assert 0.05 < len(val) / len(train) < 0.2


@pytest.mark.parametrize("log", ["log.parquet", "pieces"])
def test_what_is_saved_gives_the_lists_of_one_process(results: Path, log: str) -> None:
    recalls, lists = [], []
    for world in (1, 2, 3):
        model, split = recbook.load(results / str(world) / f"{log}.safetensors")
        report = evaluate(model, split.train, split.val, k=5)
        recalls += [report.recall, read(results / str(world))[0][f"{log} recall"][-1]]
        lists.append(split.recommend(model, ["u0", "u17"], k=4))
    assert recalls == pytest.approx([recalls[0]] * 6)
    assert lists[0]["item_id"].map(type).unique().tolist() == [str if log == "pieces" else int]
    for other in lists[1:]:
        pd.testing.assert_frame_equal(other, lists[0], check_exact=False, rtol=1e-4)


def test_all_processes_have_the_error_of_one(results: Path) -> None:
    for world in (1, 2, 3):
        errors = {one["error"] for one in read(results / str(world))}
        assert len(errors) == 1
        assert "1.csv: got the columns ['user_id', 'colour'], none of which" in errors.pop()


def test_a_killed_process_is_restarted_and_ends_the_same(results: Path, tmp_path: Path) -> None:
    steps = len(toy_split().train) // BATCH
    torchrun = "-m torch.distributed.run --standalone --nproc-per-node 2 --max-restarts 1".split()
    done = run(*torchrun, WORKER, tmp_path, 2 * steps - 1)  # late in the second epoch
    assert "exitcode: -9" in done.stderr
    epochs = re.findall(r"^epoch on cpu (\d+) of", done.stderr, re.MULTILINE)
    assert epochs == [str(epoch) for epoch in range(1, EPOCHS + 1)]  # one process writes the log
    for never_killed, killed in zip(read(results / "2"), read(tmp_path), strict=True):
        assert never_killed["number of steps"] == EPOCHS * steps
        assert (
            killed["number of steps"] == (EPOCHS - 1) * steps
        )  # from the checkpoint of the first epoch
        assert killed["frame"] == never_killed["frame"]
        assert torch.equal(killed["final"], never_killed["final"])


def test_a_cut_link_is_said_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    unshare = ["unshare", "--map-root-user", "--net"]
    try:
        cable = [*unshare, "ip", "link", "add", "cable0", "type", "veth", "peer", "cable1"]
        subprocess.run(cable, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no namespaces with a cable here: {getattr(error, 'stderr', error)}")
    toy_log().to_parquet(tmp_path / "log.parquet")
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [*unshare, "bash", WORKER.with_name("cut_link.sh"), tmp_path],
        env=os.environ | {"PATH": paths, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert "process 0 ended with 1\nprocess 1 ended with 1\n" in done.stdout
    assert int(done.stdout.split()[-1]) < 100  # of which each waits 3; this machine may be busy
    for process in (0, 1):
        said = (tmp_path / f"said-{process}").read_text()
        assert f"recbook.distributed: process {process} of 2 has lost the others" in said
        assert "Traceback" not in said


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
    with pytest.raises(ValueError, match="timeout=0"):
        distributed.join_processes(0)


def test_bad_graphs(model: ShardedLightGCN, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = Interactions(torch.tensor([0, 1, 0]), torch.tensor([2, 2, 2]), 41, 37)
    with pytest.raises(ValueError, match="the same pair twice"):
        Shard(twice)
    full = Interactions(torch.zeros(2, dtype=torch.long), torch.arange(2), 2, 2)
    with pytest.raises(ValueError, match="user 0 has all 2 items"):
        ShardedSampler(Shard(full))
    monkeypatch.setattr(dist, "get_world_size", lambda: 38)
    with pytest.raises(ValueError, match="38 processes for 41 users and 37 items, of which"):
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
        ({"loss": "hinge"}, "'bpr' or 'softmax'"),
        ({"temperature": 0.2}, "loss='bpr' has none"),
        ({"loss": "softmax", "temperature": 0}, "temperature=0"),
        ({"val_share": replace(toy_split().val, user=torch.zeros(0).long(),
                               item=torch.zeros(0).long())}, "no process has a validation pair"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            distributed.train_sharded(model, **given)
    with pytest.raises(FloatingPointError, match="smaller lr"):
        distributed.train_sharded(model, lr=1e30)


def kept_in(folder: Path, model: ShardedLightGCN, *wrote: tuple[int, ...]) -> resuming.Checkpoints:
    """Files of some processes, each of which has written after some epochs, of 2 or as said."""
    for process, epochs in enumerate(wrote):
        for epoch in epochs:
            processes, done = (3, 1) if epoch == -1 else (2, epoch)
            state = {"rows": [{}] * done, "processes": processes}
            checkpoint.write(folder / f"process-{process}.pt", state, {})
    adam = training.new_adam(model, 0.1)
    return resuming.Checkpoints(folder, model, adam, torch.Generator(), {})


@pytest.mark.parametrize(
    ("wrote", "common"),
    [
        ([(), ()], None),
        ([(1,), ()], None),
        ([(1, 2), (1,)], (2, 1)),
        ([(1,), (1, 2)], (2, 1)),
        ([(1, 2), (1, 2)], (2, 2)),
        ([(-1, 2), (-1,), (-1,)], (3, 1)),  # two go on where three were: killed while they wrote
        ([(-1, 2), (-1, 2), (-1,)], (2, 2)),
    ],
)
def test_the_last_epoch_that_all_have(
    model: ShardedLightGCN,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrote: list[tuple[int, ...]],
    common: tuple[int, int] | None,
) -> None:
    kept = kept_in(tmp_path, model, *wrote)
    monkeypatch.setattr(kept, "_load", lambda *found: found)
    assert (kept.resume() or None) == common
    if common is not None:  # no process has a newer one now
        assert kept.resume() == common
        epochs = [len(checkpoint.read(kept.file(n), {})["rows"]) for n in range(common[0])]
        assert epochs == [common[1]] * common[0]


@pytest.mark.parametrize("wrote", [[(1, 2, 3), (1,)], [(1, 2), ()], [(), (1, 2)]])
def test_no_epoch_that_all_have(
    model: ShardedLightGCN, tmp_path: Path, wrote: list[tuple[int, ...]]
) -> None:
    newest = max(max(epochs, default=0) for epochs in wrote)
    with pytest.raises(RuntimeError, match=f"has epoch {newest} of one process and none after"):
        kept_in(tmp_path, model, *wrote).resume()


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
    with pytest.raises(ValueError, match=r"lr is 0.005 there, 1 .*; embedding_dim is 8 there, 4 "):
        distributed.train_sharded(ShardedLightGCN(model.shard, 4, LAYERS), epochs=3, lr=1, **given)


def commanded(monkeypatch: pytest.MonkeyPatch, *given: object) -> None:
    arguments = ["distributed", "--epochs", "2", "--embedding-dim", "4", *map(str, given)]
    monkeypatch.setattr(sys, "argv", arguments)
    command.main()


def test_the_command(
    started: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = toy_split().train
    stars = np.where(np.arange(len(part)) < 7, 2, 5)
    ratings = pd.DataFrame({"user_id": part.user, "item_id": part.item, "rating": stars})
    monkeypatch.setattr(command, "load_movielens_100k", lambda: SimpleNamespace(ratings=ratings))
    commanded(monkeypatch)
    assert re.fullmatch(
        rf"{len(part)} rows of 40 users and 36 items: \d+ pairs to train on, \d+ held out; "
        r"left out: 7 rated below 3, 0 rows of a pair that was there, 0 held out that train cannot "
        r"know\n"
        r"1 processes, epoch 2: validation recall@20 0\.\d{4}, NDCG@20 0\.\d{4}; peak memory \d+ "
        r"MiB a process\n",
        capsys.readouterr().out,
    )


def test_the_command_on_a_file_of_ones_own(
    started: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    renamed = {"user_id": "reader", "item_id": "text", "timestamp": "at", "rating": "grade"}
    dated = pd.Timestamp("2026-01-01") + pd.to_timedelta(toy_log()["timestamp"], unit="D")
    kinds = {"what": np.where(np.arange(len(toy_log())) % 7, "read", "skipped")}
    log = toy_log().assign(timestamp=dated, **kinds).rename(columns=renamed)
    log.to_csv(tmp_path / "clicks.csv")
    names = "--columns user_id=reader,item_id=text,rating=grade,event=what --events read".split()
    names += ["--min-rating", "2.5"]
    names += "--split time --loss softmax".split()
    out = tmp_path / "clicks.safetensors"
    commanded(monkeypatch, "--data", tmp_path / "clicks.csv", *names, "--out", out)
    said = capsys.readouterr().out
    assert said.startswith(
        "user_id is 'reader', item_id is 'text', timestamp is 'at', rating is 'grade', "
        "event is 'what'\n"
    )
    assert re.search(
        r" left out: \d\d+ of other events, \d\d+ rated below 2\.5, [1-9]\d* rows of a pair that",
        said,
    )
    recall = re.search(r"recall@20 (0\.\d{4})", said)
    assert "all kinds" not in said
    model, split = recbook.load(out)
    assert recall and float(recall[1]) == pytest.approx(
        evaluate(model, split.train, split.val).recall, abs=1e-4
    )
    assert len(split.recommend(model, "u0", k=3)) == 3


def test_the_command_says_that_all_kinds_of_events_count(
    started: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    GOOD.assign(action="view").to_csv(tmp_path / "clicks.csv")
    commanded(monkeypatch, "--data", tmp_path / "clicks.csv", "--hold-out", 0.3)
    assert "\nall kinds of 'action' count; --events names those" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(
    started: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        commanded(monkeypatch, "--data", tmp_path / "clicks.csv")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(
        f"recbook.distributed: got {tmp_path / 'clicks.csv'}, which is not there"
    )
    assert "Traceback" not in said


GOOD = pd.DataFrame(  # six users with nine items each
    {"user_id": np.arange(54) // 9, "item_id": np.arange(54) % 9, "timestamp": np.arange(54)}
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user_id": [1.5] * 54}, "column 'user_id': got ids of mixed types or another type"),
        ({"user_id": [None, *range(53)]}, "column 'user_id': got 1 missing values"),
        ({"item_id": ["a", *range(53)]}, "column 'item_id': got ids of mixed types"),
        ({"item_id": [2**64 - 1, *range(53)]}, "expected ids below 2\\*\\*63"),
        ({"timestamp": [np.nan, *range(53)]}, "column 'timestamp': got 1 missing values"),
        ({"timestamp": [np.inf, *range(53)]}, "an infinite number"),
        ({"timestamp": 7}, "54 different pairs that count, of which 54 are held out"),
        ({"rating": [np.nan, *range(53)]}, "column 'rating': got 1 missing values"),
        ({"rating": [np.inf, *range(53)]}, "column 'rating': got an infinite number"),
        ({"rating": ["good", *range(53)]}, "column 'rating': got 'good' in row 1, expected numb"),
        ({"rating": True}, "column 'rating': got bool, expected numbers"),
        ({"rating": 1, "stars": 5}, "got min_rating=3, expected at most the highest rating"),
        ({"rating": [3] + [1] * 53}, "1 different pairs that count, of which 1 are held out"),
    ],
)
def test_bad_columns(model: ShardedLightGCN, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_sharded(GOOD.assign(**change), split="time")


def test_bad_rows(model: ShardedLightGCN, tmp_path: Path) -> None:
    for source, message in (
        (GOOD[:0], "the table: got no rows, expected"),
        (GOOD[:1], "1 different pairs that count, of which [01] are held out"),
        (GOOD.drop(columns="item_id"), r"\['user_id', 'timestamp'\], none of which is the item_id"),
        (tmp_path, "a folder without a file"),
        (pd.DataFrame({"user_id": range(50), "item_id": range(50)}), "of none of which the others"),
    ):
        with pytest.raises(ValueError, match=message):
            read_sharded(source, hold_out=0.5)
    for given, message in (
        ({"split": "user"}, "'random' or 'time'"),
        ({"hold_out": 20}, "write 20 % as 0.2"),
        ({"seed": -1}, "seed=-1"),
        ({"min_rating": np.nan}, "got min_rating=nan"),
    ):
        with pytest.raises(ValueError, match=message):
            read_sharded(GOOD, **given)
    with pytest.raises(TypeError, match="expected the path of a file"):
        read_sharded(7)
    with pytest.raises(TypeError, match="the name of a column"):
        read_sharded(GOOD, user_id=3)
    with pytest.raises(ValueError, match="none of which is the timestamp, expected one for a spl"):
        read_sharded(GOOD.drop(columns="timestamp"), split="time")


@pytest.mark.parametrize(("column", "named"), [("stars", {}), ("grade", {"rating": "grade"})])
def test_what_is_rated_low_is_left_out(
    model: ShardedLightGCN, column: str, named: dict[str, str]
) -> None:
    rated = GOOD.assign(**{column: np.arange(54) % 5 + 1})
    log = read_sharded(rated, min_rating=4, hold_out=0.3, **named)
    pairs = torch.cat([torch.stack([part.user, part.item]) for part in (log.train, log.val)], dim=1)
    kept = {*zip(log.user_ids[pairs[0]], log.item_ids[pairs[1]], strict=True)}
    liked = rated[rated[column] >= 4]
    assert kept <= {*zip(liked["user_id"], liked["item_id"], strict=True)}
    assert len(kept) == len(liked) - log.num_dropped and log.num_below == 54 - len(liked)
    commas = rated.assign(**{column: rated[column].map("{},0".format)})  # as read_log reads them
    assert read_sharded(commas, min_rating=4, **named).num_below == log.num_below
    if named:  # else a column of this name says nothing, and every row counts
        assert read_sharded(rated, min_rating=4).num_below == 0


@pytest.mark.parametrize(("column", "named"), [("event", {}), ("what", {"event": "what"})])
def test_some_kinds_of_events_count(
    model: ShardedLightGCN, tmp_path: Path, column: str, named: dict[str, str]
) -> None:
    kinds = np.array(["buy", "view", "return"])
    log = GOOD.assign(**{column: kinds[np.arange(54) % 9 // 3]})
    log[log[column] != "view"].to_parquet(tmp_path / "a", row_group_size=7)
    log[log[column] == "view"].to_parquet(tmp_path / "b")  # a piece of which no row counts
    kept = read_sharded(tmp_path, events=["buy"], hold_out=0.3, **named)
    assert (kept.num_rows, kept.num_other) == (54, 36)
    assert kept.item_ids.max() <= 2 and kept.columns["event"] == column
    assert len(kept.train) + len(kept.val) == 18 - kept.num_dropped
    two = read_sharded(log, events=["buy", "view"], hold_out=0.3, **named)
    assert two.num_other == 18 and {*two.item_ids} == {*range(6)}
    assert read_sharded(log, hold_out=0.3).num_other == 0  # as long as nobody says which count
    rated = log.assign(rating=np.where(log[column] == "buy", 4, np.nan))  # others have none
    low = rated.assign(rating=rated["rating"].mask(rated["item_id"] == 0, 1))
    assert read_sharded(low, events=["buy"], hold_out=0.3, **named).num_below == 6


def test_bad_events(model: ShardedLightGCN) -> None:
    log = GOOD.assign(event="view")
    for source, events, message in (
        (GOOD, ["view"], r"none of which is the event, expected one for events=\['view'\]"),
        (log, ["buy"], r"got the event 'buy', expected some of \['view'\]"),
        (log, [], "got no kind of event, expected at least one"),
    ):
        with pytest.raises(ValueError, match=message):
            read_sharded(source, events=events)
    with pytest.raises(TypeError, match="got events='view'"):
        read_sharded(log, events="view")


def test_bad_files(model: ShardedLightGCN, tmp_path: Path) -> None:
    GOOD.to_parquet(tmp_path / "a.parquet")
    log = read_sharded(tmp_path)
    assert log.num_rows == 54 and log.user_ids.dtype == np.int64
    GOOD[:0].to_parquet(tmp_path / "empty.parquet")  # as some writers leave them
    assert read_sharded(tmp_path).num_rows == 54
    GOOD.to_csv(tmp_path / "b.csv")
    text, number = "text in 'user_id'", "whole numbers in 'user_id'"
    with pytest.raises(ValueError, match=f"got {text} in one part of .* and {number} in another"):
        read_sharded(tmp_path)
    GOOD.rename(columns={"item_id": "page"}).to_parquet(tmp_path / "b.csv")
    with pytest.raises(ValueError, match=r"got whole numbers in 'item_id' in one .* in 'page' in"):
        read_sharded(tmp_path)
    GOOD.assign(stars=5).to_parquet(tmp_path / "b.csv")
    with pytest.raises(
        ValueError, match=r"got nothing in 'rating' in one .* numbers in 'stars' in"
    ):
        read_sharded(tmp_path)
    (tmp_path / "b.csv").write_bytes((tmp_path / "a.parquet").read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"b\.csv: got a Parquet file that cannot be read"):
        read_sharded(tmp_path)


def test_a_row_group_that_does_not_fit(
    model: ShardedLightGCN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    GOOD.to_parquet(tmp_path / "a.parquet")
    monkeypatch.setattr("recbook.memory.free_bytes", lambda _: 9)
    with pytest.raises(MemoryError, match=r"row group 54 x 2 x 8 B .*; write smaller ones"):
        read_sharded(tmp_path)


def test_two_texts_of_one_hash(model: ShardedLightGCN, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = pd.util.hash_array

    def alike(values: np.ndarray, **given: Any) -> np.ndarray:
        same = np.where(values == "u1", "u2", values) if values.dtype == object else values
        return hashed(same, **given)

    monkeypatch.setattr(pd.util, "hash_array", alike)
    with pytest.raises(ValueError, match=r"the ids 'u[12]' and 'u[12]', whose hashes are the same"):
        read_sharded(toy_log())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@hypothesis.given(
    st.sampled_from(["csv", "parquet"]), st.lists(st.tuples(st.integers(0, 3000), st.binary())),
    st.sampled_from(["random", "time"]),
)  # fmt: skip
@example("csv", [(0, b"\x00")], "time")
@pytest.mark.filterwarnings("ignore")
def test_whatever_is_in_the_file(
    model: ShardedLightGCN, tmp_path: Path, kind: str, put: list[tuple[int, bytes]], split: str
) -> None:
    """A log comes out, or an error of the package's own kind."""
    file = tmp_path / f"log.{kind}"
    getattr(GOOD.assign(rating=4), f"to_{kind}")(file, index=False)
    content = file.read_bytes()
    for place, new in put:
        content = content[:place] + new + content[place + len(new) // 2 :]
    file.write_bytes(content)
    try:
        log = read_sharded(file, split=split)
    except ValueError as error:
        assert "expected" in str(error) or "close it" in str(error)
    else:
        left_out = log.num_twice + log.num_below + log.num_dropped
        assert len(log.train) + len(log.val) + left_out == log.num_rows
