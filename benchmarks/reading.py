"""A log of 100 million rows in pieces on disk: memory a process and seconds to read and train.

`python -m benchmarks.reading [--rows 1e8] [--processes 2]` (or `make bench`) writes the pieces, 1
million rows of Parquet each, starts the processes with torchrun, one thread each, and deletes the
pieces. It needs Linux, and about 1 GB of disk for the largest log. Users and items are drawn by
power laws. Beside each peak, above what the imports take, stands the arithmetic of chapters 12 and
20 for what has to be held then. Figures go to reading.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch._dynamo  # which Adam imports: before memory is measured
import torch.distributed as dist
from tqdm.auto import tqdm

from benchmarks.machine import describe
from recbook.distributed import (
    Shard,
    ShardedLightGCN,
    ShardedSampler,
    join_processes,
    read_sharded,
    sharded_softmax_step,
)
from recbook.memory import peak_bytes

PIECE, ROWS_A_USER, USERS_AN_ITEM = 10**6, 50, 10
DIM, LAYERS, BATCH, STEPS = 16, 3, 2048, 3


def write_pieces(folder: Path, rows: int) -> None:
    """Raw ids are numbers without order; the r-th user's and item's share falls as r^-0.5."""
    users = max(rows // ROWS_A_USER, USERS_AN_ITEM)
    for piece in tqdm(range(-(-rows // PIECE)), leave=False):
        drawn = np.random.default_rng(piece).random((2, min(PIECE, rows - piece * PIECE)))
        user, item = (
            (share**2 * number).astype(np.int64) * 7919 + 104_729
            for share, number in zip(drawn, (users, users // USERS_AN_ITEM), strict=True)
        )
        frame = pd.DataFrame({"user_id": user, "item_id": item})
        frame.to_parquet(folder / f"{piece:03}.parquet", index=False)


def work(folder: str) -> None:
    """What one process does; the first prints what all have measured."""
    found, began = dict[str, list[float]](), time.perf_counter()
    imported = peak_bytes(torch.device("cpu")) or 0
    join_processes()

    def note(what: str, *needed: float) -> None:
        peak = (peak_bytes(torch.device("cpu")) or 0) - imported
        found[what] = [round(x / 2**20) for x in (peak, sum(needed))]
        found[what].append(round(time.perf_counter() - began, 1))

    log = read_sharded(folder)
    share = log.num_rows / dist.get_world_size()
    note("reading and numbering", 2 * 8 * share, 8 * share)  # two keys a row, and their order
    shard = Shard(log.train)
    del log
    pairs = len(shard.train)
    starts = 4 * (shard.own_users + shard.copied)
    edges = 2 * pairs * (4 + 4), 2 * 8 * pairs, starts  # both ways, and the pairs themselves
    note("the graph", *edges)
    model = ShardedLightGCN(shard, DIM, LAYERS, cosine=True)
    adam = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    generator = torch.Generator().manual_seed(0)
    for batch in ShardedSampler(shard, pairs=True).epoch(STEPS, BATCH, generator):
        sharded_softmax_step(model, batch, 0, adam, 0.25)
    tables = 7 * 4 * DIM * len(model.weight), 2 * 4 * DIM * shard.copied
    scores = 3 * 4 * BATCH**2 / shard.world  # scores, shares, their gradient
    note(f"{STEPS} steps", *edges, *tables, scores)
    each: list[dict[str, list[float]]] = [{}] * dist.get_world_size()
    dist.all_gather_object(each, found)
    if shard.rank == 0:
        phases = {
            what: {
                "peak MiB a process": [one[what][0] for one in each],
                "arithmetic, MiB": each[0][what][1],
                "seconds since the start": max(one[what][2] for one in each),
            }
            for what in found
        }
        size = {"users": shard.num_users, "items": shard.num_items, "pairs": shard.num_pairs}
        print(json.dumps(size | {"phases": phases}))
    dist.destroy_process_group()


def main() -> None:
    """Write the pieces, measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, default=1e8)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    result = {
        "command": f"python -m benchmarks.reading --rows {given.rows:.0e}",
        "what": f"{given.rows:,.0f} rows in pieces of {PIECE:,}, {given.processes} processes, "
        f"dimension {DIM}, {LAYERS} layers, {STEPS} steps of {BATCH:,} pairs, gloo",
        "rounds": 1,
        "machine": describe() | {"threads": 1},
    }
    with tempfile.TemporaryDirectory() as folder:
        write_pieces(Path(folder), int(given.rows))
        torchrun = f"-m torch.distributed.run --standalone --nproc-per-node {given.processes} -m"
        command = [sys.executable, *torchrun.split(), "benchmarks.reading", folder]
        # glibc else keeps what is freed, up to 32 MiB at a time.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "1000000"}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    result |= json.loads(done.stdout)
    print(json.dumps(result, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    work(sys.argv[1]) if "LOCAL_RANK" in os.environ else main()
