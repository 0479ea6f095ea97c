"""Memory a process, time and bytes a step of `recbook.distributed` with 1, 2 and 4 processes.

`python -m benchmarks.distributed` (or `make bench`) starts them with torchrun, one thread each, on
a generated graph whose degrees follow power laws; it needs Linux. A process reads its part of the
graph alone. Its memory is the peak above what it has after the imports. What it receives a step is
counted, and measured where it may have a network of its own (`unshare --net`), which carries
nothing else. Figures go to distributed.json; where there are fewer cores than processes, the times
say what a process more costs, not what it gains.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch._dynamo  # which Adam imports: before memory is measured
import torch.distributed as dist
from tqdm.auto import tqdm

from benchmarks.machine import describe
from recbook.data import Interactions
from recbook.distributed import Shard, ShardedLightGCN, ShardedSampler, join_processes, sharded_step
from recbook.memory import peak_bytes

PROCESSES = 1, 2, 4
USERS, ITEMS, PARTS, DRAWN = 200_000, 20_000, 64, 2_500_000
DIM, LAYERS, BATCH, STEPS = 64, 3, 1024, 6
OWN_NETWORK = ["unshare", "--map-root-user", "--net", "sh", "-c"]


def read_share() -> Interactions:
    """Some of the graph's parts, each of which has some users with all their items."""
    shuffled = torch.randperm(ITEMS, generator=torch.Generator().manual_seed(0))
    keys = []
    for part in range(dist.get_rank(), PARTS, dist.get_world_size()):
        generator = torch.Generator().manual_seed(part)
        users = torch.arange(part, USERS, PARTS)
        share = torch.rand(len(users), generator=generator).pow(-0.5)  # P(degree > x) ~ x^-2
        degree = (share / share.sum() * DRAWN / PARTS).ceil().long().clamp(max=1000)
        user = users.repeat_interleave(degree)
        uniform = torch.rand(len(user), generator=generator, dtype=torch.float64)
        item = shuffled[(uniform.square() * ITEMS).long()]  # the r-th item's degree ~ r^-0.5
        keys.append(torch.unique(user * ITEMS + item))
    key = torch.cat(keys)
    return Interactions(key // ITEMS, key % ITEMS, USERS, ITEMS)


def received() -> int:
    """Bytes that have come in over the loopback, from all processes."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    (line,) = [line for line in lines if line.strip().startswith("lo:")]
    return int(line.split()[1])


def counted(shard: Shard, nodes: float) -> dict[str, float]:
    """MiB that a process receives in a step: this way, and cut by rows as (20.2) counts them.

    One table of the copied side travels twice in a sum over all, and once where all rows go to
    everybody, or parts to their owner. The last layer's sum and the first of the way back have the
    rows of the batch alone.
    """
    row, others = 4 * DIM / 2**20, (shard.world - 1) / shard.world
    tables = 1 + 2 * (LAYERS - 1) + 2 * (LAYERS - 1) + 1
    batch = 2 * nodes * 2 * row + 2 * (3 * 8 + 2 * 4) * BATCH / 2**20  # rows; triplets and scores
    by_rows = 2 * LAYERS * (USERS + ITEMS) * row + 2 * 3 * BATCH * row
    return {
        "MiB received a step, counted": round((tables * shard.copied * row + batch) * others, 1),
        "cut by rows": round(by_rows * others, 1),
    }


def work() -> None:
    """What one process does; the first prints what all have measured."""
    imported = peak_bytes(torch.device("cpu"))
    join_processes()
    shard = Shard(read_share())
    graph = peak_bytes(torch.device("cpu"))
    model = ShardedLightGCN(shard, DIM, LAYERS)
    adam = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    seconds, nodes = [], []
    before = received()
    for batch in ShardedSampler(shard).epoch(STEPS, BATCH, torch.Generator().manual_seed(0)):
        began = time.perf_counter()
        sharded_step(model, batch, 1e-4, adam)
        seconds.append(round(time.perf_counter() - began, 3))
        nodes.append(len(batch[1:].unique()))
    dist.barrier()
    came = (received() - before) / STEPS / shard.world / 2**20
    trained = peak_bytes(torch.device("cpu"))
    both = torch.tensor([graph - imported, trained - imported, 2 * shard.to_copied._nnz()])
    each = [torch.empty_like(both) for _ in range(shard.world)]
    dist.all_gather(each, both)
    if shard.rank == 0:
        building, peak, edges = torch.stack(each).T.tolist()
        result = {
            "pairs": shard.num_pairs,
            "edges a process": edges,
            "peak MiB a process": [round(value / 2**20) for value in peak],
            "of it until the graph is there": [round(value / 2**20) for value in building],
            "seconds a step": statistics.median(seconds[1:]),
            "all": seconds,
            **counted(shard, statistics.mean(nodes)),
            "measured": round(came, 1) if "OWN_NETWORK" in os.environ else None,
        }
        print(json.dumps(result))
    dist.destroy_process_group()


def own_network() -> bool:
    """Whether this machine lets a process have one."""
    try:
        subprocess.run([*OWN_NETWORK, "ip link set lo up"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def main() -> None:
    """Measure, print and store."""
    result = {
        "command": "python -m benchmarks.distributed",
        "what": f"{USERS:,} users, {ITEMS:,} items, dimension {DIM}, {LAYERS} layers, steps of "
        f"{BATCH:,} triplets, gloo; the first step warms up",
        "rounds": 1,
        "machine": describe() | {"threads": 1},
        "processes": {},
    }
    for number in tqdm(PROCESSES, leave=False):
        torchrun = f"-m torch.distributed.run --master-addr 127.0.0.1 --nproc-per-node {number} -m"
        command = [sys.executable, *torchrun.split(), "benchmarks.distributed"]
        # glibc else keeps what is freed, up to 32 MiB at a time.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "1000000"}
        if own_network():
            environment["OWN_NETWORK"] = "1"
            command = [*OWN_NETWORK, 'ip link set lo up; exec "$@"', "-", *command]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
        result["processes"][number] = json.loads(done.stdout)
        print(number, done.stdout.decode().strip())
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    work() if "LOCAL_RANK" in os.environ else main()
