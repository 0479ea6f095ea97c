"""One model and one split of what all processes have, for :func:`recbook.save` and the service."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recbook.checks import check_kind, check_path
from recbook.data import Interactions, Split
from recbook.distributed.model import ShardedLightGCN
from recbook.distributed.processes import text_to_owners, to_owners, together
from recbook.distributed.reading import Log
from recbook.memory import check_memory
from recbook.models import LightGCN
from recbook.saving import save

__all__ = ["save_sharded"]


@torch.no_grad()
def save_sharded(model: ShardedLightGCN, log: Log, path: str | Path) -> None:
    """Store a trained model for :func:`recbook.load`, with the raw ids and pairs of its log.

    The file has all of it, as whoever loads it will: the first process holds it once, to write it.

    Args:
        model: the rows of this process.
        log: what it was trained on; its held-out pairs become the split's ``val``.
        path: of the file; one that is there is replaced once the new one is whole.

    Raises:
        TypeError: on what is no model, no log or no path.
        MemoryError: where the first process cannot hold it all.
        OSError: where it cannot be written.
    """
    check_kind("model", model, ShardedLightGCN)
    check_kind("log", log, Log, hint="of read_sharded")
    path = check_path("path", path, file=True)
    shard, dim = model.shard, model.weight.shape[1]
    size = shard.num_users, shard.num_items
    first = shard.rank == 0
    needed = {
        "embeddings, first and final, three times": (sum(size), dim, 2 * 3, 4),
        "pairs, three times": (shard.num_pairs, 2 * 3, 8),
    }
    advice = "train without --out, or save where more is free"
    together(lambda: check_memory(needed, advice) if first else None)
    users = [shard.own_users, shard.own_items]
    weight = torch.cat([_collected(part) for part in model.weight.detach().split(users)])
    copied, divided = model()
    divided = _collected(divided)
    user_emb, item_emb = (divided, copied) if shard.users_divided else (copied, divided)
    both = log.train, log.val
    pairs = [_collected(torch.stack([part.user, part.item], dim=1)) for part in both]
    user_ids, item_ids = (_collected_ids(part) for part in (log.user_ids, log.item_ids))

    def write() -> None:
        whole = LightGCN(*size, dim, model.num_layers, model.std, model.cosine)
        whole.embedding.weight.copy_(weight)
        train, val = (Interactions(user, item, *size) for user, item in (x.T for x in pairs))
        split = Split(train, None, val, user_ids, item_ids, {"val": log.num_dropped})
        whole.keep(user_emb.cpu(), item_emb.cpu(), train.user_degree > 0)
        whole.fitted_on = train
        save(whole, split, path)

    together(write if first else lambda: None)


def _collected(rows: Tensor) -> Tensor:
    """What all processes have, one after the other, in the first process; nothing in the others."""
    rows = rows.cpu()
    return to_owners(rows, torch.zeros(len(rows), dtype=torch.long))


def _collected_ids(ids: np.ndarray) -> np.ndarray:
    if ids.dtype != object:
        return _collected(torch.from_numpy(ids)).numpy()
    texts = text_to_owners(ids.tolist(), torch.zeros(len(ids), dtype=torch.long))
    return np.array(texts, dtype=object)
