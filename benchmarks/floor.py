"""How near a training step is to what the machine's memory allows.

`OMP_NUM_THREADS=2 python -m benchmarks.floor` measures how fast this machine reads rows of 64
floats by the graph's own column indices. Whatever multiplies by the adjacency has to read one row
for each stored edge, and that time, which the files call floor, is a yardstick for a product: no
bound, since a product may come out below it. The ratios go to floor.json.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm.auto import trange

from benchmarks.growth import BATCH, power_law_graph
from benchmarks.machine import describe, read_rows
from recbook.data import Interactions, load_movielens_100k, random_split, to_implicit
from recbook.graph import propagate, train_adjacency
from recbook.memory import keep_freed_memory
from recbook.models import LightGCN
from recbook.sampling import TripletSampler
from recbook.training import train_step

ROUNDS, DIM, LAYERS, BYTES = 9, 64, 3, 4  # BYTES of a float


def measure(train: Interactions) -> dict[str, float]:
    """Read, multiply and step by turns; medians in milliseconds."""
    keep_freed_memory()  # as train() does
    adj = train_adjacency(train)
    model = LightGCN(train.num_users, train.num_items, DIM, LAYERS)
    x = model.embedding.weight.detach()
    batch = TripletSampler(train).sample(BATCH)
    adam = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    work: dict[str, Callable[[], object]] = {
        "floor": lambda: read_rows(adj, x),
        "product": lambda: propagate(adj, x),
        "step": lambda: train_step(model, adj, batch, 1e-4, adam),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in trange(ROUNDS + 2, leave=False):
        for name, do in work.items():
            start = time.perf_counter()
            do()
            times[name].append((time.perf_counter() - start) * 1000)
    ms = {name: statistics.median(found[2:]) for name, found in times.items()}  # two warm up
    moved = adj.values().numel() * DIM * BYTES
    products = 2 * LAYERS  # there, and back for the gradient
    return {
        "edges": len(train),
        "nodes": len(x),
        "read_by_a_product_mb": round(moved / 1e6, 1),
        "floor_gb_a_second": round(moved / ms["floor"] / 1e6, 2),
        **{f"{name}_ms": round(value, 2) for name, value in ms.items()},
        "product_over_floor": round(ms["product"] / ms["floor"], 2),
        "step_over_floor": round(ms["step"] / (products * ms["floor"]), 2),
    }


def main() -> None:
    """Measure on MovieLens and on a graph that no cache holds; print and store."""
    machine = describe()
    movielens = random_split(to_implicit(load_movielens_100k().ratings)).train
    graphs = {"MovieLens-100K": movielens, "generated": power_law_graph(1_000_000)}
    result = {
        "command": "python -m benchmarks.floor",
        "what": f"{LAYERS} layers, dimension {DIM}: {2 * LAYERS} products a step",
        "machine": machine,
        "rounds": ROUNDS,
        "graphs": {name: measure(train) for name, train in graphs.items()},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["graphs"], indent=1))


if __name__ == "__main__":
    main()
