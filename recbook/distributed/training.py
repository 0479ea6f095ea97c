"""Training and validating in several processes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.distributed as dist
from torch import Tensor

from recbook import checkpoint as checkpoints
from recbook.checks import check_count, check_kind, check_path
from recbook.data import Interactions, check_part, pairs_digest
from recbook.distributed.model import ShardedLightGCN, ShardedSampler, sharded_step
from recbook.distributed.processes import from_all, in_turn
from recbook.evaluation import MEASURES, evaluate
from recbook.progress import progress
from recbook.recipes import check_settings
from recbook.training import check_finite, new_adam

__all__ = ["train_sharded", "validate"]


def train_sharded(
    model: ShardedLightGCN,
    val_share: Interactions | None = None,
    epochs: int = 50,
    batch_size: int = 1024,
    lr: float = 0.005,
    reg: float = 1e-4,
    seed: int = 0,
    k: int = 20,
    checkpoint: str | Path | None = None,
) -> pd.DataFrame:
    r"""Train from scratch as :func:`recbook.training.train` does with the BPR loss.

    Args:
        model: its parameters are drawn anew.
        val_share: what this process has read of the validation pairs, or None in all processes.
        epochs: how many.
        batch_size: triplets a step.
        lr: Adam's learning rate.
        reg: weight of the L2 penalty on the layer-0 embeddings of the batch.
        seed: seed of everything that is drawn.
        k: length of the list that the validation measures look at.
        checkpoint: a folder, where each process writes a file of its own after each epoch. Where
            they are there already, training goes on from the last epoch that all processes have.

    Returns:
        One row an epoch, with ``epoch``, ``loss``, ``seconds`` and, with a validation part,
        ``recall``, ``precision``, ``ndcg`` and ``hit_rate``.

    Raises:
        TypeError: on what is no model, no part, or no number.
        ValueError: on numbers out of range, a validation part without a pair, or a checkpoint of
            another run.
        RuntimeError: where no epoch's checkpoint is whole in all processes.
        FloatingPointError: where the loss is no longer finite.
    """
    check_kind("model", model, ShardedLightGCN, "see recbook.training.train for one process")
    ranked = None if val_share is None else model.shard.num_items
    check_count("batch_size", batch_size)
    if checkpoint is not None:
        check_path("checkpoint", checkpoint)
    check_settings(ranked, lr=lr, reg=reg, epochs=epochs, batch_size=batch_size, seed=seed, k=k)
    if val_share is not None:
        check_part("val_share", val_share, model.shard.num_users, model.shard.num_items, empty=True)
    shard = model.shard
    model.reset_parameters(seed)
    sampler = ShardedSampler(shard)
    generator = torch.Generator().manual_seed(seed)
    optimizer = new_adam(model, lr)
    val = None if val_share is None else shard.own_part(*shard.collect(val_share))
    rows: list[dict[str, float]] = []
    if checkpoint is not None:
        file = Path(checkpoint) / f"process-{shard.rank}.pt"
        settings: dict[str, Any] = {
            "processes": shard.world, "num_users": shard.num_users, "num_items": shard.num_items,
            "embedding_dim": model.weight.shape[1], "batch_size": batch_size, "lr": lr, "reg": reg,
            "seed": seed, "k": k,
            "digest of train": pairs_digest(shard.train), "digest of val": pairs_digest(val),
        }  # fmt: skip
        identity = checkpoints.identity(model, settings)
        if (state := _last_common(file, identity)) is not None:
            rows = state["rows"]
            checkpoints.restore(state, model, optimizer, generator)
        checkpoints.check_epochs(checkpoint, len(rows), epochs)
    if val is not None and sum(from_all(len(val))) == 0:
        raise ValueError("no process has a validation pair; pass more rows, or None")
    steps = max(1, shard.num_pairs // batch_size)
    left, what = range(len(rows) + 1, epochs + 1), f"epoch on {shard.device.type}"
    given: dict[str, Any] = {"initial": len(rows), "total": epochs, "disable": shard.rank > 0}
    for epoch in (bar := progress(left, what, every=0, **given)):
        began = time.perf_counter()
        total = torch.zeros((), device=shard.device)
        for batch in sampler.epoch(steps, batch_size, generator):
            total += sharded_step(model, batch, reg, optimizer)
        mean_loss = total.item() / steps
        check_finite(mean_loss, epoch, lr, reg)
        row = {"epoch": epoch, "loss": mean_loss, "seconds": time.perf_counter() - began}
        rows.append(row if val is None else row | validate(model, val, k))
        bar.set_postfix(loss=f"{mean_loss:.3f}", refresh=False)
        if checkpoint is not None:
            state = {"rows": rows} | checkpoints.training_state(model, optimizer, generator)
            checkpoints.write(file, state, identity)
    return pd.DataFrame(rows).set_index("epoch", drop=False)


def _last_common(file: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The checkpoint of the last epoch that all processes have, or None where it is epoch 0.

    Processes step together, so that they are one epoch apart at most: each has the last two.
    """

    def load() -> tuple[dict[str, Any] | None, int]:
        state = checkpoints.read(file, identity)
        return state, 0 if state is None else len(state["rows"])

    state, epoch = load()
    common = min(from_all(epoch))
    if epoch > common and checkpoints.previous(file).exists():
        checkpoints.step_back(file)
        state, epoch = load()
    if epoch == common:
        return state
    if epoch == 1 > common:  # killed before all had their first
        return None
    raise RuntimeError(
        f"{file} has epoch {epoch}, and another process none after {common}: put the other's file "
        "back, or delete all to start from the beginning"
    )


@torch.no_grad()
def validate(model: ShardedLightGCN, target: Interactions, k: int = 20) -> dict[str, float]:
    """Mean recall, precision, NDCG and hit rate over the users of all processes.

    Each process ranks all items for its own users; for that it holds all items' embeddings.

    Args:
        model: the rows of this process.
        target: what its own users are to be shown, from :meth:`Shard.own_part`.
        k: length of the list.

    Raises:
        TypeError: on what is no model, no part, or no number.
        ValueError: on a part of another size, ``k`` out of range, or no pair in all processes.
    """
    check_kind("model", model, ShardedLightGCN)
    shard = model.shard
    check_part("target", target, shard.users_of[shard.rank], shard.num_items, empty=True)
    check_count("k", k, 1, shard.num_items, hint="there are no more items")
    final = model()
    users = shard.users_of[shard.rank]
    item_emb = torch.cat(list(in_turn(final[users:], shard.items_of)))
    sums = torch.zeros(1 + len(MEASURES), dtype=torch.float64)
    if len(target):
        scores = _Scores(final[:users], item_emb)
        measured = evaluate(scores, seen=shard.train, target=target, k=k).per_user[MEASURES]
        sums = torch.tensor([len(measured), *measured.sum()], dtype=torch.float64)
    dist.all_reduce(sums)
    if sums[0] == 0:
        raise ValueError("got no pair to be found in any process, expected one; pass more rows")
    return dict(zip(MEASURES, (sums[1:] / sums[0]).tolist(), strict=True))


@dataclass
class _Scores:
    user_emb: Tensor
    item_emb: Tensor

    def score(self, users: Tensor) -> Tensor:
        return self.user_emb[users.to(self.user_emb.device)] @ self.item_emb.T
