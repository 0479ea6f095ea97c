"""The one training loop of the book."""

from __future__ import annotations

import copy
import hashlib
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from recbook import checkpoint as checkpoints
from recbook.data import Interactions, Split, pairs_digest
from recbook.evaluation import evaluate
from recbook.graph import train_adjacency
from recbook.losses import bpr_loss, l2_penalty, softmax_loss_in_blocks
from recbook.memory import check_memory, keep_freed_memory
from recbook.models.base import EmbeddingModel
from recbook.sampling import TripletSampler

__all__ = [
    "History",
    "check_finite",
    "check_numbers",
    "descend",
    "softmax_step",
    "train",
    "train_step",
]


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
    num_negatives: int = 1,
    temperature: float = 0.25,
    start: Tensor | None = None,
    checkpoint: str | Path | None = None,
) -> History:
    r"""Train from scratch with Adam on :math:`L + \mathrm{reg} \cdot L_2`.

    With ``"bpr"`` an epoch is ``len(split.train) // batch_size`` steps (at least one) of
    ``batch_size`` triplets; ``"hard_bpr"`` draws ``num_negatives`` items for each pair and keeps
    the one that scores highest. With ``"softmax"`` an epoch takes each user with all their items
    once, ``batch_size`` users a step, against all items. Each step propagates over the whole train
    graph. ``seed`` fixes the initial parameters, the batches and what dropout drops: the same seed
    gives the same run, whatever ran before. Only ``split.train`` and ``split.val`` are ever read,
    never ``split.test``.

    Args:
        model: its parameters are drawn anew, and it is ready to score afterwards.
        split: ``val`` may be None, then nothing is validated.
        loss: ``"bpr"``, ``"hard_bpr"`` or ``"softmax"``.
        epochs: how many, at most.
        batch_size: triplets a step; with ``"softmax"``, users a step.
        lr: Adam's learning rate.
        reg: weight of the L2 penalty on the layer-0 embeddings, those of the batch; with
            ``"softmax"``, where every item is in every batch, those of all nodes.
        seed: seed of everything that is drawn.
        patience: stop after this many epochs without a better validation recall, and go back to
            the parameters of the best epoch; None trains all epochs and keeps the last.
        k: length of the list that the validation measures look at.
        num_negatives: negatives a pair, for the two BPR losses.
        temperature: what the scores are divided by, for ``"softmax"``.
        start: layer-0 embeddings to begin with in place of random ones, shape ``(num_users +
            num_items, embedding_dim)``; see :func:`recbook.graph.smooth_start`.
        checkpoint: a file that is written after each epoch; see :mod:`recbook.checkpoint`. Where it
            is there already, training goes on from it, and ends like a run that was never stopped,
            bit for bit. More ``epochs`` than it was made with are trained as well.

    Returns:
        A :class:`History`.

    Raises:
        ValueError: on an unknown loss, numbers out of range, a model and a split or a start of
            different sizes, ``patience`` without a validation part, or an empty one, or a
            checkpoint of another run.
        MemoryError: where graph and embeddings cannot fit, before they are allocated.
        FloatingPointError: where the loss is no longer finite.
    """
    settings: dict[str, Any] = {
        "loss": loss,
        "batch_size": batch_size,
        "lr": lr,
        "reg": reg,
        "seed": seed,
        "patience": patience,
        "k": k,
        "num_negatives": num_negatives,
        "temperature": temperature,
    }
    _check(model, split, epochs=epochs, **settings)
    _check_memory(model, split.train)
    keep_freed_memory()
    model.reset_parameters(seed)
    if start is not None:
        if start.shape != model.embedding.weight.shape:
            raise ValueError(
                f"got a start of shape {tuple(start.shape)}, expected "
                f"{tuple(model.embedding.weight.shape)}: a row a node, users first"
            )
        model.embedding.weight.data.copy_(start)
    device = model.embedding.weight.device
    adj = train_adjacency(split.train).to(device)
    sampler = TripletSampler(split.train)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    num_pairs = max(1, len(split.train) // batch_size) * batch_size
    run = _Run()
    if checkpoint is not None:
        identity = settings | _identity(model, split, start)
        if (state := checkpoints.load(checkpoint, identity)) is not None:
            run = _Run(**state["run"])
            checkpoints.restore(state, model, optimizer, generator)
        checkpoints.check_epochs(checkpoint, len(run.rows), epochs)
    done = len(run.rows)
    quiet = "TQDM_DISABLE" in os.environ  # which the notebook's bar does not look at by itself
    left = range(done + 1, epochs + 1)
    bar = tqdm(left, "epoch", initial=done, total=epochs, leave=False, disable=quiet)
    for epoch in bar:
        if run.is_over(patience):
            break
        began = time.perf_counter()
        if loss == "softmax":
            order = torch.randperm(len(sampler.users), generator=generator)
            batches = sampler.users[order].split(batch_size)
        else:
            drawn = sampler.sample(num_pairs, generator, num_negatives).to(device)
            batches = drawn.split(batch_size, dim=1)
        total = torch.zeros((), device=device)
        model.train()
        with torch.random.fork_rng():  # dropout draws from the global generator
            torch.manual_seed(seed + epoch)
            for batch in batches:
                if loss == "softmax":
                    pairs = split.train.pairs_of(batch)
                    total += softmax_step(model, adj, batch, pairs, reg, optimizer, temperature)
                else:
                    total += train_step(model, adj, batch, reg, optimizer, loss == "hard_bpr")
        mean_loss = total.item() / len(batches)
        check_finite(mean_loss, epoch, lr)
        row = {"epoch": epoch, "loss": mean_loss, "seconds": time.perf_counter() - began}
        if split.val is not None:
            model.finalize(adj)
            report = evaluate(model, seen=split.train, target=split.val, k=k)
            row |= report.as_dict()
            if report.recall > run.best_recall:
                run.best_recall, run.best_epoch = report.recall, epoch
                if patience is not None:
                    run.best_state = copy.deepcopy(model.state_dict())
            bar.set_postfix(loss=f"{mean_loss:.3f}", recall=f"{report.recall:.3f}")
        run.rows.append(row)
        if checkpoint is not None:
            state = {"run": vars(run)} | checkpoints.training_state(model, optimizer, generator)
            checkpoints.save(checkpoint, state, identity)
    if run.best_state is not None:
        model.load_state_dict(run.best_state)
    model.finalize(adj)
    return History(pd.DataFrame(run.rows).set_index("epoch", drop=False), run.best_epoch)


@dataclass
class _Run:
    """Where a run is, besides its parameters, its optimizer and its generator."""

    rows: list[dict[str, float]] = field(default_factory=list)  # one an epoch
    best_recall: float = -1.0
    best_epoch: int | None = None
    best_state: dict[str, Tensor] | None = None  # with a patience

    def is_over(self, patience: int | None) -> bool:
        """Whether no epoch of the last ``patience`` was better than all before."""
        if patience is None or self.best_epoch is None:
            return False
        return len(self.rows) - self.best_epoch >= patience


def _identity(model: EmbeddingModel, split: Split, start: Tensor | None) -> dict[str, Any]:
    """What decides a run, besides the settings of ``train``."""
    numbers = {
        f"model.{name}": value
        for name, value in vars(model).items()
        if isinstance(value, int | float | str) and name != "training" and name[0] != "_"
    }
    shapes = {f"shape of {name}": str(tuple(x.shape)) for name, x in model.named_parameters()}
    began = None if start is None else hashlib.sha256(start.cpu().numpy().tobytes()).hexdigest()
    return {
        "model": type(model).__name__,
        **numbers,
        **shapes,
        "start": began,
        "digest of train": pairs_digest(split.train),
        "digest of val": pairs_digest(split.val),
    }


def _check_memory(model: EmbeddingModel, train: Interactions) -> None:
    """Refuse, from the sizes alone, what cannot fit; what is needed is estimated from below."""
    (num_nodes, dim), device = model.embedding.weight.shape, model.embedding.weight.device
    advice = "use a smaller embedding_dim or fewer interactions, or recbook.distributed"
    check_memory({"sorting the edges": (2 * len(train), 80)}, advice)
    layers = 3 if getattr(model, "num_layers", 0) else 2  # the last, the next, their sum
    check_memory(
        {
            "edges": (2 * len(train), 4 + 4),
            "the rows' starts": (num_nodes + 1, 4),
            "gradient and Adam's two moments": (num_nodes, dim, 3, 4),
            "layers": (num_nodes, dim, layers, 4),
        },
        advice,
        device,
    )


def _check(model: EmbeddingModel, split: Split, **settings: Any) -> None:
    loss = settings["loss"]
    if loss not in ("bpr", "hard_bpr", "softmax"):
        raise ValueError(f"got loss={loss!r}, expected 'bpr', 'hard_bpr' or 'softmax'")
    counts = ("epochs", "batch_size", "patience", "num_negatives")
    check_numbers(settings["lr"], settings["reg"], **{name: settings[name] for name in counts})
    if settings["patience"] is not None and split.val is None:
        raise ValueError(
            "patience needs a validation part to watch: split with val_size=0.1, or leave it None"
        )
    if split.val is not None and len(split.val) == 0:
        raise ValueError(
            "the validation part is empty, so that nothing can be validated; split with more rows "
            "or a larger val_size, or without one"
        )
    if (model.num_users, model.num_items) != (split.train.num_users, split.train.num_items):
        raise ValueError(
            f"the model has {model.num_users} users and {model.num_items} items, the split "
            f"{split.train.num_users} and {split.train.num_items}; build it with the split's"
        )


def check_numbers(lr: float, reg: float, **counts: int | None) -> None:
    """Raise a ValueError on a count below 1 (None is no count), or lr or reg out of range."""
    for name, value in counts.items():
        if value is not None and value < 1:
            raise ValueError(f"got {name}={value}, expected 1 or more")
    if lr <= 0 or reg < 0:
        raise ValueError(f"got lr={lr} and reg={reg}, expected lr > 0 and reg >= 0")


def check_finite(loss: float, epoch: int, lr: float) -> None:
    """Raise a FloatingPointError where training has diverged."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {epoch} with lr={lr}; try a smaller lr"
        )


def train_step(
    model: EmbeddingModel,
    adj: Tensor,
    batch: Tensor,
    reg: float,
    optimizer: torch.optim.Optimizer,
    hardest: bool = False,
) -> Tensor:
    """Propagate, then one step of Adam on the BPR loss; returns it.

    Args:
        model: what is trained.
        adj: what it propagates over.
        batch: ``user``, ``item`` and one row or more of ``neg_item``, shape ``(2 + n, B)``.
        reg: weight of the L2 penalty.
        optimizer: of the model's parameters.
        hardest: of each pair's negatives take only the one that scores highest.
    """
    user, items = batch[0], batch[1:].flatten()
    user_vec, item_vec = model.embed(adj, user, items)
    score = (user_vec * item_vec.unflatten(0, (len(batch) - 1, -1))).sum(-1)
    pos_score, neg_score = score[0], score[1:]
    if hardest:
        neg_score = neg_score.amax(0)
    nodes = torch.cat([user, items + model.num_users])
    layer0 = model.embedding.weight.index_select(0, nodes)
    penalty = l2_penalty(*layer0.chunk(len(batch)))
    return descend(bpr_loss(pos_score, neg_score) + reg * penalty, optimizer)


def softmax_step(
    model: EmbeddingModel,
    adj: Tensor,
    users: Tensor,
    positive: tuple[Tensor, Tensor],
    reg: float,
    optimizer: torch.optim.Optimizer,
    temperature: float,
) -> Tensor:
    """Propagate, then one step of Adam on the softmax loss of some users; returns it."""
    user_emb, item_emb = model(adj)
    row, item = (x.to(user_emb.device) for x in positive)
    user_vec = user_emb.index_select(0, users.to(user_emb.device))
    loss = softmax_loss_in_blocks(user_vec, item_emb, (row, item), temperature)
    return descend(loss + reg * l2_penalty(model.embedding.weight), optimizer)


def descend(loss: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
    """One step of the optimizer on a loss; returns it."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()
