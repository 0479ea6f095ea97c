"""DirectAU: a user near their items, users far from each other, and items too; no negatives."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.models.epochs import pairs_in_batches
from recbook.data import Interactions
from recbook.graph import train_adjacency
from recbook.models import LightGCN
from recbook.training import descend

__all__ = ["alignment", "start_direct_au", "uniformity"]


def alignment(user_vec: Tensor, item_vec: Tensor) -> Tensor:
    r"""Mean squared distance of each pair, :math:`\frac{1}{B} \sum_b \|e_{u_b} - e_{i_b}\|^2`.

    Args:
        user_vec: of length 1, shape ``(B, embedding_dim)``.
        item_vec: likewise.
    """
    return (user_vec - item_vec).square().sum(1).mean()


def uniformity(vec: Tensor) -> Tensor:
    r"""How evenly a batch is spread over the sphere; the lower, the more.

    .. math:: \ln \frac{1}{B(B-1)} \sum_{a \ne b} \exp(-2 \|e_a - e_b\|^2),
              \qquad \|e_a - e_b\|^2 = 2 - 2 e_a^\top e_b

    A node that is twice in the batch counts as two that coincide, as in the authors' code.

    Args:
        vec: of length 1, shape ``(B, embedding_dim)``, at least two.
    """
    near = torch.exp(4 * (vec @ vec.T) - 4)
    others = near.sum() - near.diagonal().sum()
    return (others / (len(vec) * (len(vec) - 1))).log()


def start_direct_au(
    train: Interactions,
    seed: int,
    lr: float = 1e-3,
    reg: float = 1e-6,
    gamma: float = 1.0,
    embedding_dim: int = 64,
    batch_size: int = 1024,
) -> tuple[LightGCN, Callable[[], float]]:
    r"""LightGCN without layers, which is matrix factorisation, on alignment and uniformity.

    .. math:: L = \mathrm{alignment} + \gamma \cdot \tfrac12
              (\mathrm{uniformity}_{users} + \mathrm{uniformity}_{items})

    of final embeddings that are divided by their length. An epoch takes each pair once.

    Args:
        train: the interactions.
        seed: of the initial embeddings and the batches.
        lr: Adam's learning rate.
        reg: Adam's weight decay, on all embeddings.
        gamma: weight of uniformity; where it is too low, all embeddings fall on one point, at a
            loss of 0.
        embedding_dim: length of an embedding.
        batch_size: pairs a step.

    Returns:
        The model, and what trains it for an epoch.

    Reference: Wang et al., Towards Representation Alignment and Uniformity in Collaborative
    Filtering, KDD 2022, section 4. Scores are dot products of embeddings that are not normalised,
    as in the authors' code, whose start is kept too: the shorter the first embeddings, the sooner
    those of popular items, which move most, become long. That code draws users and items apart, and
    keeps the last, smaller batch of an epoch.
    """
    num_nodes = train.num_users + train.num_items
    std = (2 / (num_nodes + embedding_dim)) ** 0.5  # Xavier's
    model = LightGCN(train.num_users, train.num_items, embedding_dim, 0, std, cosine=False)
    model.reset_parameters(seed)
    adj = train_adjacency(train)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=reg)

    def train_epoch() -> float:
        losses = []
        for user, item in pairs_in_batches(train, batch_size, generator):
            user_vec, item_vec = (F.normalize(vec) for vec in model.embed(adj, user, item))
            spread = (uniformity(user_vec) + uniformity(item_vec)) / 2
            losses.append(descend(alignment(user_vec, item_vec) + gamma * spread, optimizer))
        model.finalize(adj)
        return torch.stack(losses).mean().item()

    return model, train_epoch
