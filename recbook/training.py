"""The one training loop of the book."""

from __future__ import annotations

import copy
import os
import time
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import trange

from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import bipartite_edge_index, normalized_adjacency
from recbook.losses import bpr_loss, l2_penalty
from recbook.models.base import EmbeddingModel
from recbook.sampling import TripletSampler

__all__ = ["History", "train", "train_adjacency", "train_step"]


@dataclass(frozen=True, eq=False)
class History:
    """What happened in training.

    Args:
        frame: one row an epoch: ``epoch`` (from 1), ``loss``, ``seconds`` and, with a validation
            part, ``recall``, ``precision``, ``ndcg`` and ``hit_rate`` on it.
        best_epoch: the epoch with the highest validation recall, the first of equals; None without
            a validation part.
    """

    frame: pd.DataFrame
    best_epoch: int | None


def train_adjacency(train: Interactions) -> Tensor:
    """The normalised adjacency of the train graph, users first."""
    edge_index = bipartite_edge_index(train.user, train.item, train.num_users)
    return normalized_adjacency(edge_index, train.num_users + train.num_items)


def train(
    model: EmbeddingModel,
    split: Split,
    loss: str = "bpr",
    epochs: int = 50,
    batch_size: int = 1024,
    lr: float = 0.005,
    reg: float = 1e-4,
    seed: int = 0,
    patience: int | None = None,
    k: int = 20,
) -> History:
    r"""Train from scratch with Adam on :math:`L_\mathrm{BPR} + \mathrm{reg} \cdot L_2`.

    An epoch is ``len(split.train) // batch_size`` steps (at least one) of ``batch_size`` triplets,
    each step propagating over the whole train graph. ``seed`` fixes the initial parameters, the
    triplets and what dropout drops: the same seed gives the same run, whatever ran before. Only
    ``split.train`` and ``split.val`` are ever read, never ``split.test``.

    Args:
        model: its parameters are drawn anew, and it is ready to score afterwards.
        split: ``val`` may be None, then nothing is validated.
        loss: ``"bpr"``.
        epochs: how many, at most.
        batch_size: triplets a step.
        lr: Adam's learning rate.
        reg: weight of the L2 penalty on the batch's layer-0 embeddings.
        seed: seed of everything that is drawn.
        patience: stop after this many epochs without a better validation recall, and go back to
            the parameters of the best epoch; None trains all epochs and keeps the last.
        k: length of the list that the validation measures look at.

    Returns:
        A :class:`History`.

    Raises:
        ValueError: on an unknown loss, numbers out of range, a model and a split of different
            sizes, ``patience`` without a validation part.
        FloatingPointError: where the loss is no longer finite.
    """
    if loss != "bpr":
        raise ValueError(f"got loss={loss!r}, expected 'bpr'")
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if value is not None and value < 1:
            raise ValueError(f"got {name}={value}, expected 1 or more")
    if lr <= 0 or reg < 0:
        raise ValueError(f"got lr={lr} and reg={reg}, expected lr > 0 and reg >= 0")
    if patience is not None and split.val is None:
        raise ValueError(
            "patience needs a validation part to watch: split with val_size=0.1, or leave it None"
        )
    if (model.num_users, model.num_items) != (split.train.num_users, split.train.num_items):
        raise ValueError(
            f"the model has {model.num_users} users and {model.num_items} items, the split "
            f"{split.train.num_users} and {split.train.num_items}; build it with the split's"
        )
    model.reset_parameters(seed)
    device = model.embedding.weight.device
    adj = train_adjacency(split.train).to(device)
    sampler = TripletSampler(split.train)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    num_steps = max(1, len(split.train) // batch_size)
    rows: list[dict[str, float]] = []
    best_recall, best_epoch, best_state = -1.0, None, None
    quiet = "TQDM_DISABLE" in os.environ  # which the notebook's bar does not look at by itself
    for epoch in (bar := trange(1, epochs + 1, desc="epoch", leave=False, disable=quiet)):
        start = time.perf_counter()
        triplets = sampler.sample(num_steps * batch_size, generator).to(device)
        total = torch.zeros((), device=device)
        model.train()
        with torch.random.fork_rng():  # dropout draws from the global generator
            torch.manual_seed(seed + epoch)
            for batch in triplets.split(batch_size, dim=1):
                total += train_step(model, adj, batch, reg, optimizer)
        mean_loss = total.item() / num_steps
        if mean_loss != mean_loss or mean_loss == float("inf"):
            raise FloatingPointError(
                f"the loss is {mean_loss} in epoch {epoch} with lr={lr}; try a smaller lr"
            )
        model.finalize(adj)
        row = {"epoch": epoch, "loss": mean_loss, "seconds": time.perf_counter() - start}
        if split.val is not None:
            report = evaluate(model, seen=split.train, target=split.val, k=k)
            row |= report.as_dict()
            if report.recall > best_recall:
                best_recall, best_epoch = report.recall, epoch
                if patience is not None:
                    best_state = copy.deepcopy(model.state_dict())
            bar.set_postfix(loss=f"{mean_loss:.3f}", recall=f"{report.recall:.3f}")
        rows.append(row)
        if patience is not None and best_epoch is not None and epoch - best_epoch >= patience:
            break
    if best_state is not None:
        model.load_state_dict(best_state)
        model.finalize(adj)
    return History(pd.DataFrame(rows).set_index("epoch", drop=False), best_epoch)


def train_step(
    model: EmbeddingModel,
    adj: Tensor,
    batch: Tensor,
    reg: float,
    optimizer: torch.optim.Optimizer,
) -> Tensor:
    """Propagate, then one step of Adam on triplets of shape ``(3, B)``; returns their loss."""
    user, item, neg_item = batch
    user_emb, item_emb = model(adj)
    user_vec = user_emb[user]
    pos_score = (user_vec * item_emb[item]).sum(1)
    neg_score = (user_vec * item_emb[neg_item]).sum(1)
    layer0 = model.embedding.weight
    nodes = torch.cat([user, item + model.num_users, neg_item + model.num_users])
    loss = bpr_loss(pos_score, neg_score) + reg * l2_penalty(*layer0[nodes].chunk(3))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()
