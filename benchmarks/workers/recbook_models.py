"""recbook's own models, PyG's LightGCN, and the code path of the original: messages."""

import torch
from harness import serve
from torch_geometric.nn.models import LightGCN as PyGLightGCN

from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import bipartite_edge_index
from recbook.models import NGCF, EmbeddingModel, LightGCN
from recbook.sampling import TripletSampler
from recbook.training import train_adjacency, train_step
from recbook.tuning import FAMILIES

BATCH = 1024


class PyG(EmbeddingModel):
    """PyG's LightGCN, called as recbook's is."""

    def __init__(self, num_users, num_items, normalize):
        super().__init__(num_users, num_items, embedding_dim=64)
        self.model = PyGLightGCN(num_users + num_items, 64, num_layers=3, normalize=normalize)
        self.model.embedding = self.embedding
        self.reset_parameters()

    def forward(self, graph):
        return self.split_nodes(self.model.get_embedding(graph))


def family(name):
    """How to train a model of recbook's, as the book does."""

    def run(data, settings, watch):
        split = split_of(data)
        watch.start()
        model, _ = FAMILIES[name].fit(split, settings, 0)

        def score():
            return model.score(torch.arange(data.num_users)).detach().numpy()

        watch.lap(score)
        return score, lambda: len(evaluate(model, split.train, split.test).per_user)

    return run


def steps(build, graph_of):
    """How to train with recbook's step on another graph; an epoch is as many steps as are timed."""

    def run(data, settings, watch):
        train = split_of(data).train
        model, graph = build(data.num_users, data.num_items), graph_of(train)
        sampler = TripletSampler(train)
        adam = torch.optim.Adam(model.parameters(), lr=settings["lr"], fused=True)

        def score():
            model.finalize(graph)
            with_all = model.score(torch.arange(data.num_users)).numpy()
            model.train()
            return with_all

        watch.start()
        for _ in range(settings["epochs"]):
            for batch in sampler.sample(BATCH * watch.steps).split(BATCH, dim=1):
                train_step(model, graph, batch, settings["reg"], adam)
            watch.lap(score)
        return score, None

    return run


def split_of(data):
    """The split; its test part is the target."""
    parts = [
        Interactions(torch.from_numpy(user), torch.from_numpy(item), data.num_users, data.num_items)
        for user, item in (
            (data.train_user, data.train_item),
            (data.target_user, data.target_item),
        )
    ]
    return Split(*parts)


def edge_list(train):
    """The graph as an edge list."""
    return bipartite_edge_index(train.user, train.item, train.num_users)


MODELS = {
    name: family(name) for name in ("LightGCN", "LightGCN, softmax", "NGCF", "MF-BPR", "EASE")
}
MODELS["LightGCN in PyG, edge list"] = steps(lambda *size: PyG(*size, normalize=True), edge_list)
# PyG at its best: the weights of the edges are in the matrix, not computed at every layer.
MODELS["LightGCN in PyG, sparse"] = steps(
    lambda *size: PyG(*size, normalize=False), train_adjacency
)
MODELS["LightGCN by messages"] = steps(LightGCN, edge_list)
MODELS["NGCF by messages"] = steps(lambda *size: NGCF(*size, bias=True), edge_list)

serve(MODELS)
