"""Memory: what is free, what was used, keeping it, and refusing beforehand what cannot fit."""

from __future__ import annotations

import ctypes
import math
import sys
from pathlib import Path

import torch

__all__ = ["check_memory", "free_bytes", "keep_freed_memory", "peak_bytes"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # numbers of glibc's malloc.h, see man mallopt


def check_memory(
    needed: dict[str, tuple[int, ...]],
    advice: str,
    device: str | torch.device = "cpu",
    share: int = 1,
) -> None:
    """Raise a MemoryError, with the arithmetic, unless what is needed is free.

    Args:
        needed: what for, and the numbers whose product is its bytes, e.g. ``{"embeddings":
            (num_nodes, embedding_dim, 4)}``.
        advice: what to do about it.
        device: where it is to be.
        share: how many processes ask for as much on this machine.

    Raises:
        MemoryError: where less is free; nothing is raised where that is not known.

    >>> check_memory({"embeddings": (10**9, 10**6, 4)}, "use less")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    MemoryError: embeddings 1,000,000,000 x 1,000,000 x 4 B = 3,725,290.3 GiB: needed ...
    """
    free = free_bytes(torch.device(device))
    total = sum(map(math.prod, needed.values())) * share
    if free is None or total <= free:
        return
    parts = [
        f"{name} {' x '.join(f'{number:,}' for number in numbers)} B = {_gib(math.prod(numbers))}"
        for name, numbers in needed.items()
    ]
    times = f" in each of {share} processes" if share > 1 else ""
    raise MemoryError(
        f"{', '.join(parts)}{times}: needed {_gib(total)}, free {_gib(free)}; {advice}"
    )


def free_bytes(device: torch.device) -> int | None:
    """What is free on a GPU, or in the machine's memory; None where nobody says (not Linux)."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return _kernel_says("/proc/meminfo", "MemAvailable") if device.type == "cpu" else None


def peak_bytes(device: torch.device) -> int | None:
    """The most that this process has held on a GPU, or in memory; None where nobody says."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _kernel_says("/proc/self/status", "VmHWM") if device.type == "cpu" else None


def keep_freed_memory() -> None:
    """Keep what this process frees for what it allocates next; only glibc, Linux's usual C library.

    Left alone, glibc gives a freed tensor of more than 32 MB back to the kernel, which clears every
    page of the next one: a sum of two tensors of 52 MB then takes six times as long. The price is
    room between what is kept: up to twice the memory of large tensors was seen.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)  # what is smaller is taken from the heap
        mallopt(M_TRIM_THRESHOLD, -1)  # and the heap's free end is never given back


def _kernel_says(table: str, name: str) -> int | None:
    if not Path(table).exists():
        return None
    lines = dict(line.split(":", 1) for line in Path(table).read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def _gib(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB"
