"""How PyTorch's threads wait for each other on a machine that does something else besides."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

__all__ = ["busy_elsewhere", "threads_beside_others"]


@contextmanager
def threads_beside_others(fewer: bool = False) -> Iterator[None]:
    """Where a core that PyTorch works on does something else besides, wait for it little.

    A thread that has finished its part of a product waits for the others. GNU's OpenMP library,
    which PyTorch has on Linux, first lets it turn round 300,000 times: quickest where nothing else
    runs. Where other work runs on one of the cores, the turning takes time from those that are
    waited for: with one of two cores busy an epoch of LightGCN took four to nine times as long.
    ``python -m benchmarks.threads`` measures what is left of that.

    The library makes it 1,000 turns where it has more threads than there are processors (its
    manual, under GOMP_SPINCOUNT). So a few more are started here, once, which sleep and never get
    work. That can be done at any time, where a variable of the environment is looked at only while
    PyTorch is imported. ``train`` asks at each epoch.

    Nothing is done where the cores are free, where the user has decided, by ``OMP_WAIT_POLICY`` or
    ``GOMP_SPINCOUNT``, where PyTorch works with one thread (``OMP_NUM_THREADS=1`` or
    ``torch.set_num_threads(1)``), or on other systems than Linux, whose libraries wait in other
    ways.

    Args:
        fewer: whether to work on the free cores alone, with a thread for each. That is for work in
            which each row is the sum of one thread, so that their number decides no digit; a dense
            product may be cut and added up in another order.
    """
    decided = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    number = torch.get_num_threads()
    free: float = number
    if sys.platform == "linux" and not decided and number > 1:
        free = (os.cpu_count() or 1) + 0.25 - busy_elsewhere()
    if free < number:
        _start_sleepers(number)
    if free >= number or not fewer:
        yield
        return
    torch.set_num_threads(max(1, int(free)))
    try:
        yield
    finally:
        torch.set_num_threads(number)


def busy_elsewhere() -> float:
    """How many processors others have kept busy since this was last asked, or since the import."""
    global _last
    before, _last = _last, _clocks()
    wall, all_of_them, ours = (now - then for now, then in zip(_last, before, strict=True))
    return max(0.0, all_of_them - ours) / wall if wall > 0.05 else 0.0  # clocks tick each 10 ms


def _clocks() -> tuple[float, float, float]:
    """Seconds on the wall, of work on all processors, and of this process's."""
    own = os.times()
    try:
        with open("/proc/stat") as table:
            user, nice, system, _, _, *interrupts = map(int, table.readline().split()[1:8])
    except (OSError, ValueError):  # not Linux, or hidden
        return own.elapsed, 0.0, own.user + own.system
    ticks = user + nice + system + sum(interrupts)
    return own.elapsed, ticks / os.sysconf("SC_CLK_TCK"), own.user + own.system


_last = _clocks()


@cache
def _start_sleepers(num_threads: int) -> None:
    """Teams of threads, until there are more of them than processors."""
    there = num_threads
    while there <= len(os.sched_getaffinity(0)):
        ready = threading.Event()
        threading.Thread(target=_sleep, args=(num_threads, ready), daemon=True).start()
        ready.wait()
        there += num_threads - 1


def _sleep(num_threads: int, ready: threading.Event) -> None:
    torch.ones(num_threads * 2**15)  # so much work that a team is called together for it
    ready.set()
    threading.Event().wait()  # the team lasts as long as this thread
