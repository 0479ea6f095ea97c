"""How time and memory grow with the number of edges.

`OMP_NUM_THREADS=2 python -m benchmarks.growth` trains LightGCN for a few steps on graphs of 10^5 to
10^7 edges whose degrees follow power laws, each in a process of its own, and stores the seconds a
step, six reads (see floor.py), the peak memory and the exponents of growth in growth.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import describe, read_rows
from recbook.data import Interactions
from recbook.graph import train_adjacency
from recbook.memory import keep_freed_memory, peak_bytes
from recbook.models import LightGCN
from recbook.sampling import TripletSampler
from recbook.training import train_step

EDGES = [100_000, 316_228, 1_000_000, 3_162_278, 10_000_000]
PER_NODE = 25  # edges a user and a user's item: near MovieLens-1M's and Gowalla's means
BATCH, STEPS = 1024, 5


def power_law_graph(num_edges: int, seed: int = 0, exponent: float = 0.7) -> Interactions:
    r"""A random bipartite graph without double edges, whose degrees follow power laws.

    Both ends of an edge are drawn independently, the node of rank :math:`r` with a probability in
    proportion to :math:`r^{-\mathrm{exponent}}`: its expected degree. Pairs that come twice are
    drawn again. There are as many users as items, one for each `PER_NODE` edges.
    """
    rng = np.random.default_rng(seed)
    num_nodes = num_edges // PER_NODE
    share = np.cumsum(np.arange(1, num_nodes + 1) ** -exponent)
    pairs = np.empty(0, dtype=np.int64)
    while len(pairs) < num_edges:
        more = 2 * (num_edges - len(pairs)) + 100
        user, item = np.searchsorted(share, rng.random((2, more)) * share[-1], side="right")
        pairs = np.unique(np.concatenate([pairs, user * num_nodes + item]))
    user, item = np.divmod(rng.permutation(pairs)[:num_edges], num_nodes)
    shuffled = rng.permutation(num_nodes)  # so that a popular item has any position
    return Interactions(
        torch.from_numpy(user), torch.from_numpy(shuffled[item]), num_nodes, num_nodes
    )


def measure(num_edges: int) -> dict[str, float]:
    """Train for some steps; run it in a fresh process, for the memory's sake."""
    train = power_law_graph(num_edges)
    keep_freed_memory()  # as train() does
    model = LightGCN(train.num_users, train.num_items)
    start = time.perf_counter()
    adj, sampler = train_adjacency(train), TripletSampler(train)
    set_up = time.perf_counter() - start
    adam = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    seconds = []
    for batch in sampler.sample(BATCH * (STEPS + 1)).split(BATCH, dim=1):
        start = time.perf_counter()
        train_step(model, adj, batch, 1e-4, adam)
        seconds.append(time.perf_counter() - start)
    memory, floors = peak_bytes(torch.device("cpu")), []
    for _ in range(STEPS):
        start = time.perf_counter()
        read_rows(adj, model.embedding.weight.detach())
        floors.append(2 * model.num_layers * (time.perf_counter() - start))
    return {
        "edges": num_edges,
        "nodes": 2 * train.num_users,
        "set_up": set_up,
        "step": statistics.median(seconds[1:]),  # the first one warms up
        "floor": statistics.median(floors),  # to read the rows that the step's products read
        "memory": memory / 2**20,  # in MiB
    }


def exponent(edges: list[float], values: list[float]) -> float:
    """The slope of the line of least squares through the logarithms."""
    return float(np.polyfit(np.log(edges), np.log(values), 1)[0])


def main() -> None:
    """Measure each size in turn, round by round, and store."""
    parser = argparse.ArgumentParser(description="time and memory against the number of edges")
    parser.add_argument("--one", type=int, metavar="EDGES", help="measure this size and print")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=EDGES[-1], help="leave out larger sizes")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one)))
        return
    machine = describe()
    runs: dict[int, list[dict[str, float]]] = {edges: [] for edges in EDGES if edges <= args.most}
    for _ in range(args.rounds):
        for size, found in runs.items():
            command = [sys.executable, "-m", "benchmarks.growth", "--one", str(size)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(found[-1])
    sizes = []
    for found in runs.values():
        medians = {key: statistics.median(one[key] for one in found) for key in found[0]}
        counts = {key: int(medians.pop(key)) for key in ("edges", "nodes")}
        sizes.append(counts | {key: float(f"{value:.4g}") for key, value in medians.items()})
    first, last = sizes[0], sizes[-1]
    edges = [one["edges"] for one in sizes]
    result = {
        "command": "python -m benchmarks.growth",
        "what": f"LightGCN, 3 layers, dimension 64, steps of {BATCH:,} triplets",
        "machine": machine,
        "rounds": args.rounds,
        "sizes": sizes,
        "exponent": round(exponent(edges, [one["step"] for one in sizes]), 3),
        "exponent_of_floor": round(exponent(edges, [one["floor"] for one in sizes]), 3),
        "bytes_an_edge": round(
            (last["memory"] - first["memory"]) * 2**20 / (last["edges"] - first["edges"])
        ),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    print(
        json.dumps({key: result[key] for key in ("exponent", "exponent_of_floor", "bytes_an_edge")})
    )


if __name__ == "__main__":
    main()
