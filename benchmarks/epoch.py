"""One epoch of the original's protocol: a sparse product against messages along an edge list.

`python -m benchmarks.epoch` (or `make bench`) compares recbook's LightGCN with PyG's on an edge
list, and recbook's NGCF with the same NGCF on an edge list. Each pair runs alternately in one
process, with the same training step and one thread setting; medians go to epoch.json. The slow
side's epoch is a few of its 64 steps, scaled up: its steps all cost the same.
"""

import json
import platform
import statistics
import time
from pathlib import Path

import torch
import torch_geometric
from torch import Tensor
from torch_geometric.nn.models import LightGCN as PyGLightGCN
from tqdm.auto import trange

from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.graph import bipartite_edge_index
from recbook.models import NGCF, EmbeddingModel, LightGCN
from recbook.sampling import TripletSampler
from recbook.training import train_adjacency, train_step

BATCH, STEPS, ROUNDS = 1024, 64, 5


class PyG(EmbeddingModel):
    """PyG's LightGCN, called as recbook's is."""

    def __init__(self, num_users: int, num_items: int) -> None:
        super().__init__(num_users, num_items, embedding_dim=64)
        self.model = PyGLightGCN(num_users + num_items, embedding_dim=64, num_layers=3)
        self.embedding = self.model.embedding

    def forward(self, graph: Tensor) -> tuple[Tensor, Tensor]:
        return self.split_nodes(self.model.get_embedding(graph))


def main() -> None:
    """Measure, print and store."""
    train = random_split(to_implicit(load_movielens_100k().ratings)).train
    size = train.num_users, train.num_items
    adj = train_adjacency(train)
    edge_index = bipartite_edge_index(train.user, train.item, train.num_users)
    sampler = TripletSampler(train)

    def seconds_an_epoch(model: EmbeddingModel, graph: Tensor, steps: int) -> float:
        adam = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
        start = time.perf_counter()
        for batch in sampler.sample(BATCH * steps).split(BATCH, dim=1):
            train_step(model, graph, batch, 1e-4, adam)
        return (time.perf_counter() - start) * STEPS / steps

    result = {
        "command": "python -m benchmarks.epoch",
        "what": f"seconds an epoch: {STEPS} steps of {BATCH:,} triplets, 3 layers, dimension 64",
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "torch_geometric": torch_geometric.__version__},
        "processor": platform.machine(),
    }
    pairs = {"LightGCN": (LightGCN(*size), PyG(*size), 8), "NGCF": (NGCF(*size), NGCF(*size), 2)}
    for name, (ours, theirs, steps) in pairs.items():
        sparse, edges = [], []
        for _ in trange(ROUNDS + 1, desc=name, leave=False):
            sparse.append(seconds_an_epoch(ours, adj, STEPS))
            edges.append(seconds_an_epoch(theirs, edge_index, steps))
        del sparse[0], edges[0]  # the first round warms up
        ratio = statistics.median(slow / fast for fast, slow in zip(sparse, edges, strict=True))
        result[name] = {
            "edge list": "PyG's" if name == "LightGCN" else "the same layer's messages",
            "edge list, steps timed": steps,
            "median": {
                "sparse": round(statistics.median(sparse), 3),
                "edge list": round(statistics.median(edges), 3),
            },
            "all": {
                "sparse": [round(value, 3) for value in sparse],
                "edge list": [round(value, 3) for value in edges],
            },
            "ratio": round(ratio, 1),
        }
        print(name, json.dumps(result[name]["median"]), "ratio", result[name]["ratio"])
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
