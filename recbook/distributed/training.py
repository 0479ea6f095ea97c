"""Training and validating in several processes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.distributed as dist
from torch import Tensor

from recbook import checkpoint as checkpoints
from recbook.checks import check_choice, check_count, check_kind, check_path
from recbook.data import Interactions, check_part
from recbook.distributed.model import (
    ShardedLightGCN,
    ShardedSampler,
    sharded_softmax_step,
    sharded_step,
)
from recbook.distributed.processes import begin, from_all, gather
from recbook.distributed.resuming import Checkpoints, pairs_sum
from recbook.evaluation import MEASURES, evaluate
from recbook.progress import progress
from recbook.recipes import check_settings
from recbook.training import check_finite, new_adam

__all__ = ["SETTINGS", "train_sharded", "validate"]

#: What naming a loss gives, for BPR as in :data:`recbook.recipes.RECIPES`; the softmax's are those
#: of chapter 19, trained for as long as recall rose on MovieLens-100K's validation part.
SETTINGS: dict[str, dict[str, Any]] = {
    "bpr": {"epochs": 50, "batch_size": 1024, "lr": 0.005, "reg": 1e-4},
    "softmax": {"epochs": 8, "batch_size": 1024, "lr": 0.01, "reg": 0.0, "temperature": 0.25},
}


def train_sharded(
    model: ShardedLightGCN,
    val_share: Interactions | None = None,
    loss: str = "bpr",
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    reg: float | None = None,
    temperature: float | None = None,
    seed: int = 0,
    k: int = 20,
    checkpoint: str | Path | None = None,
) -> pd.DataFrame:
    r"""Train from scratch; with BPR as :func:`recbook.training.train` does.

    What is None is taken from :data:`recbook.distributed.training.SETTINGS`.

    Args:
        model: its parameters are drawn anew.
        val_share: what this process has read of the validation pairs, or None in all processes.
        loss: ``"bpr"``, or ``"softmax"`` over the items of a batch; see
            :func:`recbook.distributed.sharded_softmax_step`.
        epochs: how many.
        batch_size: triplets a step, with ``"softmax"`` pairs, of all processes together.
        lr: Adam's learning rate.
        reg: weight of the L2 penalty on the layer-0 embeddings of the batch.
        temperature: what the scores are divided by, for ``"softmax"``.
        seed: seed of everything that is drawn.
        k: length of the list that the validation measures look at.
        checkpoint: a folder, where each process writes a file of its own after each epoch. Where
            they are there already, training goes on from the last epoch that all have. Another
            number of processes may go on, too, where all see all of these files.

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
    own = SETTINGS[check_choice("loss", loss, SETTINGS)]
    asked = {
        "epochs": epochs, "batch_size": batch_size, "lr": lr, "reg": reg, "temperature": temperature
    }  # fmt: skip
    given = own | {name: value for name, value in asked.items() if value is not None}
    if temperature is not None and "temperature" not in own:
        raise ValueError(f"got temperature={temperature}, but loss={loss!r} has none; leave it out")
    if checkpoint is not None:
        checkpoint = check_path("checkpoint", checkpoint)
    ranked = None if val_share is None else model.shard.num_items
    check_settings(ranked, **given, seed=seed, k=k)
    if val_share is not None:
        check_part("val_share", val_share, model.shard.num_users, model.shard.num_items, empty=True)
    epochs, batch_size, lr, reg = (given[name] for name in ("epochs", "batch_size", "lr", "reg"))
    shard = model.shard
    model.reset_parameters(seed)
    sampler = ShardedSampler(shard, pairs=loss == "softmax")
    step = sharded_step
    if loss == "softmax":
        step = partial(sharded_softmax_step, temperature=given["temperature"])
    generator = torch.Generator().manual_seed(seed)
    optimizer = new_adam(model, lr)
    val = None if val_share is None else shard.own_part(val_share)
    if val is not None and sum(from_all(len(val))) == 0:
        raise ValueError("no process has a validation pair; pass more rows, or None")
    rows: list[dict[str, float]] = []
    kept = None
    if checkpoint is not None:
        identity: dict[str, Any] = {
            **{name: value for name, value in given.items() if name != "epochs"},
            "loss": loss, "seed": seed, "k": k, "layers": model.num_layers, "std": model.std,
            "embedding_dim": model.weight.shape[1], "cosine": model.cosine,
            "device": shard.device.type, "torch": str(torch.__version__),
            "users": shard.num_users, "items": shard.num_items,
            "sum of train": pairs_sum(shard.train, shard.first_user),
            "sum of val": None if val is None else pairs_sum(val, shard.first_user),
        }  # fmt: skip
        kept = Checkpoints(Path(checkpoint), model, optimizer, generator, identity)
        rows = kept.resume()
        checkpoints.check_epochs(checkpoint, len(rows), epochs)
    steps = max(1, shard.num_pairs // batch_size)
    left, what = range(len(rows) + 1, epochs + 1), f"epoch on {shard.device.type}"
    shown: dict[str, Any] = {"initial": len(rows), "total": epochs, "disable": shard.rank > 0}
    for epoch in (bar := progress(left, what, every=0, **shown)):
        began = time.perf_counter()
        total = torch.zeros((), device=shard.device)
        for batch in sampler.epoch(steps, batch_size, generator):
            total += step(model, batch, reg, optimizer)
        mean_loss = total.item() / steps
        check_finite(mean_loss, epoch, lr, reg)
        row = {"epoch": epoch, "loss": mean_loss, "seconds": time.perf_counter() - began}
        rows.append(row if val is None else row | validate(model, val, k))
        bar.set_postfix(loss=f"{mean_loss:.3f}", refresh=False)
        if kept is not None:
            kept.save(rows)
    return pd.DataFrame(rows).set_index("epoch", drop=False)


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
    check_part("target", target, shard.own_users, shard.num_items, empty=True)
    check_count("k", k, 1, shard.num_items, hint="there are no more items")
    copied, divided = model()
    if shard.users_divided:
        scores = _Scores(divided, copied)
    else:
        item_emb, arrived = gather(divided, shard.item_block, shard.num_items)
        arrived()
        scores = _Scores(copied[shard.first_user :][: shard.own_users], item_emb)
    sums = torch.zeros(1 + len(MEASURES), dtype=torch.float64)
    if len(target):
        measured = evaluate(scores, seen=shard.train, target=target, k=k).per_user[MEASURES]
        sums = torch.tensor([len(measured), *measured.sum()], dtype=torch.float64)
    begin(dist.all_reduce, sums)()
    if sums[0] == 0:
        raise ValueError("got no pair to be found in any process, expected one; pass more rows")
    return dict(zip(MEASURES, (sums[1:] / sums[0]).tolist(), strict=True))


@dataclass
class _Scores:
    user_emb: Tensor
    item_emb: Tensor

    def score(self, users: Tensor) -> Tensor:
        return self.user_emb[users.to(self.user_emb.device)] @ self.item_emb.T
