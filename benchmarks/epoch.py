"""One epoch of the original's protocol: recbook's LightGCN against PyG's on an edge list.

`python -m benchmarks.epoch` (or `make bench`) runs both alternately in one process, with the same
sampler, the same optimiser and one thread setting, and writes the medians to epoch.json. PyG's
epoch is 8 of its 64 steps, times 8.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch_geometric
from torch_geometric.nn.models import LightGCN as PyGLightGCN
from tqdm.auto import tqdm

from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.graph import bipartite_edge_index
from recbook.losses import bpr_loss, l2_penalty
from recbook.models import LightGCN
from recbook.sampling import TripletSampler
from recbook.training import train_adjacency, train_step

BATCH, STEPS, ROUNDS = 1024, 64, 5
PYG_STEPS = 8  # of the 64; its steps all cost the same


def main() -> None:
    """Measure, print and store."""
    train = random_split(to_implicit(load_movielens_100k().ratings)).train
    num_nodes = train.num_users + train.num_items
    ours = LightGCN(train.num_users, train.num_items)
    theirs = PyGLightGCN(num_nodes, embedding_dim=64, num_layers=3)
    adj = train_adjacency(train)
    edge_index = bipartite_edge_index(train.user, train.item, train.num_users)
    sampler = TripletSampler(train)
    our_adam = torch.optim.Adam(ours.parameters(), lr=0.005, fused=True)
    their_adam = torch.optim.Adam(theirs.parameters(), lr=0.005, fused=True)

    def recbook_epoch() -> None:
        for batch in sampler.sample(BATCH * STEPS).split(BATCH, dim=1):
            train_step(ours, adj, batch, 1e-4, our_adam)

    def pyg_steps() -> None:
        for user, item, neg_item in sampler.sample(BATCH * PYG_STEPS).split(BATCH, dim=1):
            emb = theirs.get_embedding(edge_index)
            pos_score = (emb[user] * emb[item + train.num_users]).sum(1)
            neg_score = (emb[user] * emb[neg_item + train.num_users]).sum(1)
            layer0 = theirs.embedding.weight
            nodes = (user, item + train.num_users, neg_item + train.num_users)
            loss = bpr_loss(pos_score, neg_score) + 1e-4 * l2_penalty(*(layer0[n] for n in nodes))
            their_adam.zero_grad()
            loss.backward()
            their_adam.step()

    recbook_epoch()
    pyg_steps()  # warm up both
    seconds: dict[str, list[float]] = {"recbook": [], "pyg": []}
    for _ in tqdm(range(ROUNDS), desc="rounds", leave=False):
        seconds["recbook"].append(timed(recbook_epoch))
        seconds["pyg"].append(timed(pyg_steps) * STEPS / PYG_STEPS)
    result = {
        "command": "python -m benchmarks.epoch",
        "what": "seconds an epoch: 64 steps of 1,024 triplets, 3 layers, dimension 64; for PyG "
        f"{PYG_STEPS} of the steps, times {STEPS // PYG_STEPS}",
        "median": {name: round(statistics.median(values), 3) for name, values in seconds.items()},
        "all": {name: [round(value, 3) for value in values] for name, values in seconds.items()},
        "ratio": round(
            statistics.median(
                p / r for p, r in zip(seconds["pyg"], seconds["recbook"], strict=True)
            ),
            1,
        ),
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "torch_geometric": torch_geometric.__version__},
        "processor": platform.machine(),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["median"]), f"PyG / recbook = {result['ratio']}")


def timed(run: Callable[[], None]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
