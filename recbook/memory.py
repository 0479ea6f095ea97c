"""Memory: what is free, what was used, keeping it, and refusing beforehand what cannot fit."""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from recbook.checks import check_kind

__all__ = [
    "check_memory",
    "free_bytes",
    "keep_freed_memory",
    "peak_bytes",
    "peak_tensor_bytes",
]

PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
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
    """What is free on a GPU, or in memory; None where nobody says (not Linux).

    In memory it is what the machine has left, or the container or job that this process is in,
    where that has a limit and less is left of it.
    """
    check_kind("device", device, torch.device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    machine = _kernel_says(PROC / "meminfo", "MemAvailable")
    left = [*_left_in_groups(), *([] if machine is None else [machine])]
    return min(left, default=None)


def peak_bytes(device: torch.device) -> int | None:
    """The most that this process has held on a GPU, or in memory; None where nobody says."""
    check_kind("device", device, torch.device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _kernel_says(PROC / "self" / "status", "VmHWM") if device.type == "cpu" else None


def peak_tensor_bytes(step: Callable[[], object]) -> int:
    """The most bytes that what PyTorch returns to a step holds at once.

    Every dense tensor that one of its operations returns counts, those of the way back too, as long
    as something keeps its memory alive; a view counts as the memory that it looks at.

    Args:
        step: what is measured; its result is dropped.

    Raises:
        TypeError: on what is no function.

    >>> x = torch.ones(1000)
    >>> peak_tensor_bytes(lambda: x + 1), peak_tensor_bytes(lambda: (x + 1) * 2 + 3)
    (4000, 8000)
    """
    check_kind("step", step, Callable, hint="a function without arguments")
    with _Alive() as alive:
        step()
    return alive.peak


class _Alive(TorchDispatchMode):
    """Sees each tensor that an operation returns, and remembers the most bytes alive at once."""

    def __init__(self) -> None:
        super().__init__()
        self.peak, self.alive = 0, dict[int, tuple[StorageWeakRef, int]]()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided:
                storage = tensor.untyped_storage()
                self.alive[storage.data_ptr()] = StorageWeakRef(storage), len(storage)
        self.alive = {at: one for at, one in self.alive.items() if not one[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))
        return result


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


def _left_in_groups() -> Iterator[int]:
    """What is left in each control group with a limit that this process is in: cgroup 2, or 1.

    A limit holds for all groups below, so that those above count too. A container sees its own
    group at the root, whatever path it is told. Files that are cached only count as free.
    """
    try:
        lines = (PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds == "":
            root, limit, used, cached = CGROUP, "memory.max", "memory.current", "inactive_file"
        elif "memory" in kinds.split(","):
            root, cached = CGROUP / "memory", "total_inactive_file"
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        own = root / path.lstrip("/")
        for group in (own, *own.parents) if root != own else (root,):
            if group != root and root not in group.parents:
                break
            try:
                most = (group / limit).read_text().strip()
                taken = int((group / used).read_text())
                table = dict(x.split() for x in (group / "memory.stat").read_text().splitlines())
            except OSError:  # the root has no limit, and a container does not see what is above
                continue
            if most != "max":
                yield max(0, int(most) - taken + int(table.get(cached, 0)))


def _kernel_says(table: Path, name: str) -> int | None:
    if not table.exists():
        return None
    lines = dict(line.split(":", 1) for line in table.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def _gib(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB"
