"""recbook's own models, PyG's LightGCN, and the code path of the original: messages."""

import torch
import torch.nn.functional as F
from harness import serve
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.models import LightGCN as PyGLightGCN
from torch_geometric.utils import to_torch_csr_tensor

from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import bipartite_edge_index
from recbook.memory import keep_freed_memory
from recbook.models import NGCF, LightGCN
from recbook.models.ngcf import NGCFConv
from recbook.sampling import TripletSampler
from recbook.training import train_step
from recbook.tuning import FAMILIES

BATCH = 1024


def pyg(graph_of, normalize, kept=False):
    """How to train PyG's LightGCN as its documentation does; an epoch is the steps that are timed.

    With ``kept`` it trains as recbook does, see :func:`recbook.memory.keep_freed_memory`.
    """

    def run(data, settings, watch):
        train = split_of(data).train
        if kept:
            keep_freed_memory()
        torch.manual_seed(watch.seed)
        num_users, graph = data.num_users, graph_of(train)
        model = PyGLightGCN(num_users + data.num_items, 64, num_layers=3, normalize=normalize)
        sampler = TripletSampler(train)
        adam = torch.optim.Adam(model.parameters(), lr=settings["lr"])

        def score():
            emb = model.get_embedding(graph).detach()
            return (emb[:num_users] @ emb[num_users:].T).numpy()

        watch.start()
        for _ in range(settings["epochs"]):
            for user, item, neg_item in steps_of(sampler, watch):
                items = torch.cat([item, neg_item]) + num_users
                pairs = torch.stack([user.repeat(2), items])
                rank, neg_rank = model(graph, pairs).chunk(2)
                loss = model.recommendation_loss(rank, neg_rank, pairs.unique(), settings["reg"])
                adam.zero_grad()
                loss.backward()
                adam.step()
            watch.lap(score)
        return score, None

    return run


def family(name):
    """How to train a model of recbook's, as the book does."""

    def run(data, settings, watch):
        split = split_of(data)
        watch.start()
        model, _ = FAMILIES[name].fit(split, settings, watch.seed)

        def score():
            return model.score(torch.arange(data.num_users)).detach().numpy()

        watch.lap(score)
        return score, lambda: len(evaluate(model, split.train, split.test).per_user)

    return run


def sweeps(data, settings, watch):
    """How to train recbook's iALS; an epoch is a sweep."""
    own = {key: value for key, value in settings.items() if key != "epochs"}
    return family("iALS")(data, own | {"num_sweeps": settings["epochs"]}, watch)


def messages(build):
    """How to train with recbook's step along an edge list; an epoch is the steps that are timed."""

    def run(data, settings, watch):
        train = split_of(data).train
        torch.manual_seed(watch.seed)
        model, graph = build(data.num_users, data.num_items), edge_list(train)
        sampler = TripletSampler(train)
        adam = torch.optim.Adam(model.parameters(), lr=settings["lr"], fused=True)

        def score():
            model.finalize(graph)
            with_all = model.score(torch.arange(data.num_users)).numpy()
            model.train()
            return with_all

        watch.start()
        for _ in range(settings["epochs"]):
            for batch in steps_of(sampler, watch):
                train_step(model, graph, batch, settings["reg"], adam)
            watch.lap(score)
        return score, None

    return run


class FactoredConv(NGCFConv):
    """Messages without maps: both stand behind the sum, once a node instead of once an edge."""

    def message(self, x_j, norm):
        # The last column sums the norms, for the biases that each message would carry.
        return norm.view(-1, 1) * F.pad(x_j, (0, 1), value=1)

    def update(self, inputs, x):
        neighbours, row_sum = inputs[:, :-1], inputs[:, -1:]
        out = neighbours @ self.lin_1.weight.T + (neighbours * x) @ self.lin_2.weight.T
        return out + row_sum * (self.lin_1.bias + self.lin_2.bias)


def factored(num_users, num_items):
    """NGCF of layers that differ from its own in nothing but the place of the maps."""
    model = NGCF(num_users, num_items, bias=True)
    for place, conv in enumerate(model.convs):
        model.convs[place] = FactoredConv(64, 64, conv.dropout, bias=True)
    model.reset_parameters()
    return model


def steps_of(sampler, watch):
    """The triplets of the steps that are timed."""
    return sampler.sample(BATCH * watch.steps).split(BATCH, dim=1)


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


def sparse_tensor(train):
    """The graph as PyG's sparse tensor, its weights computed once and not at every layer."""
    num_nodes = train.num_users + train.num_items
    edges, weight = gcn_norm(edge_list(train), num_nodes=num_nodes, add_self_loops=False)
    return to_torch_csr_tensor(edges, weight, size=num_nodes)


MODELS = {
    name: family(name) for name in ("LightGCN", "LightGCN, softmax", "NGCF", "MF-BPR", "EASE")
}
MODELS["iALS"] = sweeps
MODELS["LightGCN in PyG, edge list"] = pyg(edge_list, normalize=True)
MODELS["LightGCN in PyG, edge list, kept"] = pyg(edge_list, normalize=True, kept=True)
MODELS["LightGCN in PyG, sparse"] = pyg(sparse_tensor, normalize=False)
MODELS["LightGCN by messages"] = messages(LightGCN)
MODELS["NGCF by messages"] = messages(lambda *size: NGCF(*size, bias=True))
MODELS["NGCF by messages, factored"] = messages(factored)

if __name__ == "__main__":
    serve(MODELS)
