"""``torchrun -m recbook.distributed``: train on MovieLens-100K."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch.distributed as dist

from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.distributed.model import ShardedLightGCN
from recbook.distributed.processes import from_all, join_processes, read_share
from recbook.distributed.shard import Shard
from recbook.distributed.training import train_sharded
from recbook.memory import peak_bytes

__all__ = ["main"]


def main() -> None:
    """Train on MovieLens-100K and print the last epoch's measures."""
    parser = argparse.ArgumentParser(
        prog="torchrun -m recbook.distributed", description=main.__doc__
    )
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--embedding-dim", type=int, default=64)
    parser.add_argument("--num-layers", type=int, default=3)
    parser.add_argument("--reg", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, help="folder of the checkpoints")
    given = parser.parse_args()
    device = join_processes()
    split = random_split(to_implicit(load_movielens_100k().ratings), val_size=0.1)
    assert split.val is not None
    train_share, val_share = (read_share(part) for part in (split.train, split.val))
    model = ShardedLightGCN(Shard(train_share, device), given.embedding_dim, given.num_layers)
    frame = train_sharded(
        model, val_share, given.epochs, reg=given.reg, seed=given.seed, checkpoint=given.checkpoint
    )
    peak = max(from_all(peak_bytes(device) or 0))
    if dist.get_rank() == 0:
        last = frame.iloc[-1]
        print(
            f"{dist.get_world_size()} processes, epoch {last.epoch:.0f}: validation recall@20 "
            f"{last.recall:.4f}, NDCG@20 {last.ndcg:.4f}; peak memory {peak / 2**20:.0f} MiB a "
            "process"
        )
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
