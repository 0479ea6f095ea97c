"""The processes: starting them, and what they send each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor

from recbook.data import Interactions, check_part

__all__ = ["from_all", "in_turn", "join_processes", "processes_here", "read_share"]


def join_processes() -> torch.device:
    """Join the processes that torchrun has started; NCCL carries what is on GPUs, gloo the rest.

    On several machines, set ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1`` in torchrun's environment:
    each machine counts its own restarts, and without it one restart may fail and take another
    (PyTorch's issue 135712).

    Returns:
        The device of this process.

    Raises:
        RuntimeError: where torchrun has not started it.
    """
    if "LOCAL_RANK" not in os.environ:
        raise RuntimeError(
            "this process was not started by torchrun; call torchrun --nproc-per-node 2 -m "
            "recbook.distributed"
        )
    store, rank, world_size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        # torchrun keeps its store when it restarts processes: without a prefix they would find
        # there the addresses of those that were killed.
        attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
        store = dist.PrefixStore(attempt, store)  # type: ignore[attr-defined]
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    return device


def read_share(part: Interactions) -> Interactions:
    """This process's share of a part that all have read: every ``P``-th pair."""
    check_part("part", part, empty=True)
    rank, world = dist.get_rank(), dist.get_world_size()
    return replace(part, user=part.user[rank::world], item=part.item[rank::world])


def in_turn(mine: Tensor, lengths: list[int]) -> Iterator[Tensor]:
    """The rows of each process, one process after the other, of which each has ``mine``."""
    for sender, length in enumerate(lengths):
        own = sender == dist.get_rank()
        rows = mine.contiguous() if own else mine.new_empty(length, *mine.shape[1:])
        dist.broadcast(rows, sender)
        yield rows


def from_all(number: int) -> list[int]:
    """This number of each process."""
    numbers = torch.zeros(dist.get_world_size(), dtype=torch.long)
    numbers[dist.get_rank()] = number
    dist.all_reduce(numbers)
    return numbers.tolist()


def processes_here() -> int:
    """How many processes torchrun has started on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))
