"""XSimGCL: LightGCN with noise in each layer, and a contrast of one layer with the mean of all."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.models.epochs import triplets_in_batches
from recbook.data import Interactions
from recbook.graph import propagate, train_adjacency
from recbook.losses import bpr_loss, l2_penalty
from recbook.models import EmbeddingModel
from recbook.sampling import TripletSampler
from recbook.training import descend, new_adam

__all__ = ["XSimGCL", "contrast", "perturb", "start_xsimgcl"]


def perturb(x: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    r"""Move each row by a vector of length ``noise`` in its own orthant.

    .. math:: x_v \leftarrow x_v + \epsilon \, \mathrm{sign}(x_v) \odot \frac{r_v}{\|r_v\|},
              \qquad r_v \sim U(0, 1)^d

    Args:
        x: shape ``(num_nodes, embedding_dim)``.
        noise: :math:`\epsilon`.
        generator: what draws.
    """
    drawn = torch.rand(x.shape, generator=generator)
    return x + noise * x.detach().sign() * F.normalize(drawn)


def contrast(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    r"""InfoNCE: a node's two views should be nearer than its view and another node's.

    .. math:: -\frac{1}{n} \sum_v \ln \frac{\exp(\cos(z_v, z'_v) / \tau)}
              {\sum_w \exp(\cos(z_v, z'_w) / \tau)}

    Args:
        one: :math:`z`, shape ``(n, embedding_dim)``, a row a node.
        other: :math:`z'`, likewise.
        temperature: :math:`\tau`.
    """
    score = F.normalize(one) @ F.normalize(other).T / temperature
    return F.cross_entropy(score, torch.arange(len(one)))


class XSimGCL(EmbeddingModel):
    """LightGCN without layer 0 in its mean; :meth:`layers` can be asked for noise.

    Args:
        num_users: number of users.
        num_items: number of items.
        embedding_dim: length of an embedding.
        num_layers: the number of propagations, 1 or more.
    """

    def __init__(
        self, num_users: int, num_items: int, embedding_dim: int = 64, num_layers: int = 2
    ) -> None:
        super().__init__(num_users, num_items, embedding_dim)
        self.num_layers = num_layers
        self.reset_parameters()

    def layers(self, graph: Tensor, noise: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
        """Layers 1 to the last, shape ``(num_layers, num_nodes, embedding_dim)``.

        Args:
            graph: sparse adjacency.
            noise: what becomes of a layer, before it is propagated further.
        """
        x, layers = self.embedding.weight, []
        for _ in range(self.num_layers):
            x = noise(propagate(graph, x))
            layers.append(x)
        return torch.stack(layers)

    def forward(self, graph: Tensor) -> tuple[Tensor, Tensor]:
        """Final embeddings of all users and items, without noise."""
        return self.split_nodes(self.layers(graph).mean(0))


def start_xsimgcl(
    train: Interactions,
    seed: int,
    lr: float = 1e-3,
    reg: float = 1e-4,
    weight: float = 0.2,
    noise: float = 0.2,
    temperature: float = 0.15,
    num_layers: int = 2,
    layer: int = 1,
    embedding_dim: int = 64,
    batch_size: int = 1024,
) -> tuple[XSimGCL, Callable[[], float]]:
    r"""XSimGCL on BPR, and ``weight`` times the contrast of the batch's users and of its items.

    Both are of the same, perturbed pass: a node's two views are the mean of its layers and layer
    :math:`l^*` alone.

    Args:
        train: the interactions.
        seed: of the initial embeddings, the batches and the noise.
        lr: Adam's learning rate.
        reg: weight of the L2 penalty on the batch's layer-0 embeddings.
        weight: :math:`\lambda`, of the contrast.
        noise: :math:`\epsilon`, see :func:`perturb`.
        temperature: :math:`\tau`, of the contrast.
        num_layers: the number of propagations.
        layer: :math:`l^*`, from 1.
        embedding_dim: length of an embedding.
        batch_size: triplets a step.

    Returns:
        The model, and what trains it for an epoch.

    Reference: Yu et al., XSimGCL: Towards Extremely Simple Graph Contrastive Learning for
    Recommendation, TKDE 36(2), 2024, section 3; the defaults are those of SELFRec, the authors'
    code, for Yelp2018. Triplets, start and penalty are those of this book's LightGCN, so that the
    two differ in the contrast alone: the authors take each pair once an epoch, start with Xavier's
    uniform distribution, and penalise final embeddings, by their norm and not its square.
    """
    model = XSimGCL(train.num_users, train.num_items, embedding_dim, num_layers)
    model.reset_parameters(seed)
    adj, sampler = train_adjacency(train), TripletSampler(train)
    generator = torch.Generator().manual_seed(seed)
    optimizer = new_adam(model, lr)

    def loss_of(batch: Tensor) -> Tensor:
        layers = model.layers(adj, lambda x: perturb(x, noise, generator))
        final = layers.mean(0)
        nodes = batch + torch.tensor([[0], [train.num_users], [train.num_users]])
        user_vec, item_vec, neg_vec = final.index_select(0, nodes.flatten()).chunk(3)
        loss = bpr_loss((user_vec * item_vec).sum(1), (user_vec * neg_vec).sum(1))
        for positive in nodes[:2]:
            views = (x.index_select(0, positive.unique()) for x in (final, layers[layer - 1]))
            loss = loss + weight * contrast(*views, temperature)
        layer0 = model.embedding.weight.index_select(0, nodes.flatten())
        return loss + reg * l2_penalty(*layer0.chunk(3))

    def train_epoch() -> float:
        batches = triplets_in_batches(train, sampler, batch_size, generator)
        losses = [descend(loss_of(batch), optimizer) for batch in batches]
        model.finalize(adj)
        return torch.stack(losses).mean().item()

    return model, train_epoch
