"""What one process does in tests/test_distributed.py: distributed_worker.py FOLDER [KILLED_AT].

It stores what it has in FOLDER. With KILLED_AT, in torchrun's first attempt process 1 kills itself
at this training step.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
import torch._dynamo  # which Adam imports: here once for all forks
import torch.distributed as dist

from recbook import distributed
from recbook.data import Interactions, Split
from recbook.distributed import (
    Log,
    Shard,
    ShardedLightGCN,
    ShardedSampler,
    read_sharded,
    save_sharded,
    sharded_softmax_step,
    sharded_step,
    train_sharded,
)

DIM, LAYERS, BATCH, STEPS, EPOCHS, WARM = 8, 2, 64, 20, 3, 0.25


def toy_split() -> Split:
    """41 users and 37 items that no number of processes divides; user 3 and item 5 have nothing."""
    like = torch.rand(41, 37, generator=torch.Generator().manual_seed(0)) < 0.3
    like[3] = like[:, 5] = False
    user, item = like.nonzero().T
    order = torch.randperm(len(user), generator=torch.Generator().manual_seed(1))
    train, val = (Interactions(user[n], item[n], 41, 37) for n in (order[60:], order[:60]))
    return Split(train, test=val, val=val)


def turned(part: Interactions) -> Interactions:
    """Users as items and items as users, so that the other side is divided."""
    return Interactions(part.item, part.user, part.num_items, part.num_users)


def toy_log() -> pd.DataFrame:
    """The same pairs as a log with ids of text, times and ratings; some twice, with another one."""
    train = toy_split().train
    frame = pd.DataFrame({"user_id": train.user.numpy(), "item_id": train.item.numpy()})
    frame["user_id"] = frame["user_id"].map("u{}".format)
    frame["timestamp"] = frame.index * 7919 % 101
    frame["rating"] = frame.index * 7 // 10 % 5 + 1
    again = frame[::10].assign(timestamp=frame["timestamp"] + 50, rating=6 - frame["rating"])
    return pd.concat([frame, again], ignore_index=True)


def write_logs(folder: Path) -> None:
    """The log as a folder of CSV files, and as one Parquet file of five row groups."""
    (folder / "pieces").mkdir()
    frame = toy_log()
    frame.to_parquet(folder / "log.parquet", row_group_size=len(frame) // 5 + 1)
    for n in range(4):
        frame[n::4].to_csv(folder / "pieces" / f"{n}.csv", index=False)
    (folder / "pieces" / "_SUCCESS").touch()
    (folder / "broken").mkdir()
    frame.to_csv(folder / "broken" / "0.csv", index=False)
    (folder / "broken" / "1.csv").write_text("user_id,colour\nann,7\n")


def steps_on(train: Interactions) -> dict[str, object]:
    """Twenty steps of BPR, then five of the softmax."""
    shard = Shard(every(train))
    model = ShardedLightGCN(shard, DIM, LAYERS)
    model.reset_parameters(7)
    found: dict[str, object] = {"first": model.weight.detach().clone()}
    adam = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    generator = torch.Generator().manual_seed(5)
    batches = list(ShardedSampler(shard).epoch(STEPS, BATCH, generator))
    found["batches"], found["next"] = torch.cat(batches, dim=1), torch.rand(3, generator=generator)
    found["losses"] = [sharded_step(model, batch, 0.1, adam).item() for batch in batches]
    found["gradient"] = model.weight.grad.clone()
    found["after steps"] = model.weight.detach().clone()
    model.cosine = True
    pairs = list(ShardedSampler(shard, pairs=True).epoch(5, BATCH, generator))
    found["pairs"] = torch.stack(pairs)
    found["softmax losses"] = [
        sharded_softmax_step(model, pair, 0.1, adam, WARM).item() for pair in pairs
    ]
    found["softmax gradient"] = model.weight.grad.clone()
    found["edges"] = shard.to_copied._nnz() + shard.to_divided._nnz()
    return found


def every(part: Interactions) -> Interactions:
    """This process's share of what all have."""
    rank, world = dist.get_rank(), dist.get_world_size()
    return replace(part, user=part.user[rank::world], item=part.item[rank::world])


def work(folder: Path, together: Path | None = None) -> None:
    """Steps both ways round, then three epochs with checkpoints; a file for each process."""
    split = toy_split()
    rank, world = dist.get_rank(), dist.get_world_size()
    found: dict[str, object] = {"steps": steps_on(split.train)}
    found["turned steps"] = steps_on(turned(split.train))
    if rank == 0:  # the others have read nothing: who has read a pair makes no difference
        share = split.val
    else:
        nothing = torch.zeros(0, dtype=torch.long)
        share = replace(split.val, user=nothing, item=nothing)
    steps = count_steps()
    model = ShardedLightGCN(Shard(every(split.train)), DIM, LAYERS)
    given = {"batch_size": BATCH, "k": 5, "seed": 3}
    frame = train_sharded(model, share, epochs=EPOCHS, checkpoint=folder / "checkpoint", **given)
    found["frame"] = frame.drop(columns="seconds").to_dict("list")
    found["final"] = model.weight.detach().clone()
    found["number of steps"] = len(steps)
    if together is not None:
        for name in ("log.parquet", "pieces"):
            log = read_sharded(together / name, split="time" if name == "pieces" else "random")
            found[name] = told(log)
            model = ShardedLightGCN(Shard(log.train), DIM, LAYERS, cosine=True)
            frame = train_sharded(model, log.val, "softmax", epochs=2, batch_size=BATCH, k=5)
            found[f"{name} recall"] = frame["recall"].tolist()
            save_sharded(model, log, folder / f"{name}.safetensors")
        try:
            read_sharded(together / "broken")
        except ValueError as error:
            found["error"] = str(error)
        model = ShardedLightGCN(Shard(every(split.train)), DIM, LAYERS)
        epochs = 4 - world  # three processes train the first, two the second, one the third
        frame = train_sharded(model, share, epochs=epochs, checkpoint=together / "run", **given)
        found["frame of 3 to 1"] = frame.drop(columns="seconds").to_dict("list")
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


def told(log: Log) -> dict[str, object]:
    """A log as tensors and lists."""
    parts = {
        name: torch.stack([part.user, part.item])
        for name, part in (("train", log.train), ("val", log.val))
    }
    size = log.train.num_users, log.train.num_items
    numbers = log.num_rows, log.num_below, log.num_twice, log.num_dropped
    ids = {name: getattr(log, name).tolist() for name in ("user_ids", "item_ids")}
    return parts | ids | {"numbers": numbers, "size": size}


def count_steps() -> list[int]:
    """A list that grows with each training step; where asked to, one step is the last."""
    steps, step = [], sharded_step
    first = os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0"
    killed_at = int(sys.argv[2]) if first and len(sys.argv) > 2 else 0

    def counted(*args: object) -> torch.Tensor:
        steps.append(1)
        if len(steps) == killed_at and dist.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args)

    distributed.training.sharded_step = counted
    return steps


def fork(folder: Path, world: int) -> None:
    """As many processes as asked for, without a start of Python for each."""
    children = []
    for rank in range(world):
        if (child := os.fork()) == 0:
            store = dist.FileStore(str(folder / "store"), world)
            dist.init_process_group("gloo", store=store, rank=rank, world_size=world)
            work(folder, folder.parent)
            os._exit(0)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0] * world, codes


if __name__ == "__main__":
    if "LOCAL_RANK" in os.environ:
        distributed.join_processes()
        work(Path(sys.argv[1]))
    else:
        write_logs(Path(sys.argv[1]))
        for world in (3, 2, 1):
            folder = Path(sys.argv[1]) / str(world)
            folder.mkdir()
            fork(folder, world)
