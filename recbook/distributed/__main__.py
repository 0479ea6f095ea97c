"""``torchrun -m recbook.distributed``: train on a log of your own, or on MovieLens-100K."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from recbook.data import load_movielens_100k
from recbook.data.logs import named_columns
from recbook.distributed.collecting import save_sharded
from recbook.distributed.model import ShardedLightGCN
from recbook.distributed.processes import from_all, join_processes, together
from recbook.distributed.reading import read_sharded
from recbook.distributed.shard import Shard
from recbook.distributed.training import SETTINGS, train_sharded
from recbook.memory import peak_bytes

__all__ = ["main"]

EXAMPLE = """example:
  torchrun --nproc-per-node 2 -m recbook.distributed --data clicks.parquet --loss softmax \\
      --columns user_id=who,item_id=what --out clicks.safetensors
  recbook recommend clicks.safetensors --user ann
"""
SHARED = (ValueError, TypeError, ImportError, ArithmeticError)  # all have them: the first says it
FAULTS = (*SHARED, OSError, RuntimeError, MemoryError)


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    top = argparse.ArgumentParser(
        "torchrun -m recbook.distributed",
        description=main.__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    log = top.add_argument_group("the log; MovieLens-100K where there is none")
    log.add_argument("--data", help="a file, or a folder of them: Parquet, CSV or JSON lines")
    log.add_argument(
        "--columns",
        default="",
        metavar="NAME=COLUMN,...",
        help="where user_id, item_id, rating, timestamp, event have names that are not found",
    )
    log.add_argument("--events", metavar="KIND,...", help="kinds of events that count [all]")
    log.add_argument("--min-rating", type=float, default=3, help="what counts as liked [3]")
    log.add_argument("--split", choices=["random", "time"], default="random")
    log.add_argument("--hold-out", type=float, default=0.1, help="share to measure with")
    train = top.add_argument_group("training; what is left out is as the loss wants it")
    train.add_argument("--loss", choices=[*SETTINGS], default="bpr")
    train.add_argument("--embedding-dim", type=int, default=64)
    train.add_argument("--num-layers", type=int, default=3)
    train.add_argument("--epochs", type=int)
    train.add_argument("--batch-size", type=int, help="of all processes together")
    train.add_argument("--lr", type=float)
    train.add_argument("--reg", type=float)
    train.add_argument("--temperature", type=float)
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--checkpoint", type=Path, help="folder of the checkpoints")
    train.add_argument("--out", type=Path, help="file of the model, for recbook.load")
    top.add_argument("--timeout", type=float, default=600, help="seconds to wait for a process")
    return top


def main() -> None:
    """Train LightGCN in several processes and print the last epoch's measures."""
    given = parser().parse_args()
    try:
        device = join_processes(given.timeout)
        run(given, device)
    except FAULTS as error:
        if not (isinstance(error, SHARED) and dist.is_initialized() and dist.get_rank() > 0):
            print(f"recbook.distributed: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    dist.destroy_process_group()


def run(given: argparse.Namespace, device: torch.device) -> None:
    """What one process does; the first says what all have found."""
    source = given.data or together(lambda: load_movielens_100k().ratings)
    columns: dict[str, Any] = named_columns(given.columns)
    asked = {name: getattr(given, name) for name in ("split", "hold_out", "seed", "min_rating")}
    events = given.events.split(",") if given.events else None
    log = read_sharded(source, **asked, events=events, **columns)
    train, held_out = sum(from_all(len(log.train))), sum(from_all(len(log.val)))
    if given.data:
        say(", ".join(f"{name} is {column!r}" for name, column in log.columns.items()))
    if "event" in log.columns and not events:
        say(f"all kinds of {log.columns['event']!r} count; --events names those that do")
    other = f"{log.num_other:,} of other events, " if events else ""
    low = f"{log.num_below:,} rated below {given.min_rating:g}, " if "rating" in log.columns else ""
    say(
        f"{log.num_rows:,} rows of {log.train.num_users:,} users and {log.train.num_items:,} "
        f"items: {train:,} pairs to train on, {held_out:,} held out; left out: {other}{low}"
        f"{log.num_twice:,} rows of a pair that was there, {log.num_dropped:,} held out that train "
        "cannot know"
    )
    cosine = given.loss == "softmax"
    model = ShardedLightGCN(
        Shard(log.train, device), given.embedding_dim, given.num_layers, cosine=cosine
    )
    asked = {name: getattr(given, name) for name in (*SETTINGS["softmax"], "seed", "checkpoint")}
    k = min(20, log.train.num_items)
    last = train_sharded(model, log.val, given.loss, k=k, **asked).iloc[-1]
    if given.out:
        save_sharded(model, log, given.out)
    peak = max(from_all(peak_bytes(device) or 0))
    say(
        f"{dist.get_world_size()} processes, epoch {last.epoch:.0f}: validation recall@{k} "
        f"{last.recall:.4f}, NDCG@{k} {last.ndcg:.4f}; peak memory {peak / 2**20:.0f} MiB a process"
    )


def say(line: str) -> None:
    """Print it once."""
    if dist.get_rank() == 0:
        print(line, flush=True)


if __name__ == "__main__":
    main()
