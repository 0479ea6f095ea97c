"""One training loop for three losses, so that nothing but the loss differs between them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from experiments.models.epochs import triplets_in_batches
from recbook.data import Interactions
from recbook.graph import smooth_start, train_adjacency
from recbook.losses import bpr_loss, l2_penalty
from recbook.models import LightGCN
from recbook.sampling import TripletSampler
from recbook.training import descend, new_adam

__all__ = ["LOSSES", "start_factors"]

LOSSES = ("BPR", "BPR of cosines", "softmax of cosines")


def start_factors(
    train: Interactions,
    seed: int,
    loss: str,
    num_layers: int,
    start: str,
    batch_size: int,
    lr: float,
    reg: float,
    temperature: float = 1.0,
    embedding_dim: int = 64,
) -> tuple[LightGCN, Callable[[], float]]:
    r"""LightGCN on one of ``LOSSES``, all on the same triplets, penalty, optimizer and epochs.

    .. math:: L = \frac1B \sum_{(u, i, j)} \ln\bigl(1 + e^{(s_{uj} - s_{ui}) / \tau}\bigr)
              \quad\text{or}\quad
              \frac1B \sum_{(u, i)} \Bigl(\ln \sum_{j} e^{s_{uj} / \tau} - s_{ui} / \tau\Bigr)

    and ``reg`` times half the mean squared length of all layer-0 embeddings. Users are drawn
    evenly, then one of their items; an epoch draws as many triplets as there are interactions.

    Args:
        train: the interactions.
        seed: of the initial embeddings and the triplets.
        loss: one of ``LOSSES``; the first scores with dot products.
        num_layers: 0 is matrix factorisation.
        start: ``"random"``, or ``"smooth"`` for :func:`recbook.graph.smooth_start`.
        batch_size: triplets a step; 0 for as many as there are interactions.
        lr: Adam's learning rate.
        reg: weight of the penalty.
        temperature: :math:`\tau`, of the cosines.
        embedding_dim: length of an embedding.

    Returns:
        The model, and what trains it for an epoch.
    """
    cosine = loss != "BPR"
    model = LightGCN(train.num_users, train.num_items, embedding_dim, num_layers, cosine=cosine)
    model.reset_parameters(seed)
    if start == "smooth":
        with torch.no_grad():
            model.embedding.weight.copy_(smooth_start(train, embedding_dim))
    adj, sampler = train_adjacency(train), TripletSampler(train)
    generator = torch.Generator().manual_seed(seed)
    optimizer = new_adam(model, lr)

    def loss_of(batch: Tensor) -> Tensor:
        user, item, neg_item = batch
        user_emb, item_emb = model(adj)
        if loss == "softmax of cosines":
            some, row = user.unique(return_inverse=True)
            score = user_emb.index_select(0, some) @ item_emb.T / temperature
            main = (score.logsumexp(1).index_select(0, row) - score[row, item]).mean()
        else:
            vec = user_emb.index_select(0, user)
            both = ((vec * item_emb.index_select(0, i)).sum(1) for i in (item, neg_item))
            main = bpr_loss(*(score / temperature for score in both))
        return main + reg * l2_penalty(model.embedding.weight)

    def train_epoch() -> float:
        batches = triplets_in_batches(train, sampler, batch_size or len(train), generator)
        losses = [descend(loss_of(batch), optimizer) for batch in batches]
        model.finalize(adj)
        return torch.stack(losses).mean().item()

    return model, train_epoch
