"""What one process does in tests/test_distributed.py: distributed_worker.py FOLDER [KILLED_AT].

It stores what it has in FOLDER. With KILLED_AT, in torchrun's first attempt process 1 kills itself
at this training step.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch._dynamo  # which Adam imports: here once for all forks
import torch.distributed as dist

from recbook import distributed
from recbook.data import Interactions, Split
from recbook.distributed import (
    Shard,
    ShardedLightGCN,
    ShardedSampler,
    read_share,
    sharded_step,
    train_sharded,
)

DIM, LAYERS, BATCH, STEPS, EPOCHS = 8, 2, 64, 20, 3


def toy_split() -> Split:
    """41 users and 37 items that no number of processes divides; user 3 and item 5 have nothing."""
    like = torch.rand(41, 37, generator=torch.Generator().manual_seed(0)) < 0.3
    like[3] = like[:, 5] = False
    user, item = like.nonzero().T
    order = torch.randperm(len(user), generator=torch.Generator().manual_seed(1))
    train, val = (Interactions(user[n], item[n], 41, 37) for n in (order[60:], order[:60]))
    return Split(train, test=val, val=val)


def work(folder: Path) -> None:
    """Twenty steps, then three epochs with checkpoints; a file for each process."""
    split = toy_split()
    shard = Shard(read_share(split.train))
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
    if shard.rank == 0:  # the others have read nothing: who has read a pair makes no difference
        share = split.val
    else:
        nothing = torch.zeros(0, dtype=torch.long)
        share = replace(split.val, user=nothing, item=nothing)
    steps = count_steps()
    frame = train_sharded(
        model, share, EPOCHS, BATCH, k=5, seed=3, checkpoint=folder / "checkpoint"
    )
    found["frame"] = frame.drop(columns="seconds").to_dict("list")
    found["final"] = model().detach()
    found["steps"], found["edges"] = len(steps), sum(block._nnz() for block in shard.blocks)
    torch.save(found, folder / f"{shard.rank}.pt")
    dist.destroy_process_group()


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
            work(folder)
            os._exit(0)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0] * world, codes


if __name__ == "__main__":
    if "LOCAL_RANK" in os.environ:
        distributed.join_processes()
        work(Path(sys.argv[1]))
    else:
        for world in (2, 3):
            folder = Path(sys.argv[1]) / str(world)
            folder.mkdir()
            fork(folder, world)
