"""How PyTorch's threads wait for each other on a machine that does something else besides."""

from __future__ import annotations

import os
import sys
import threading
from functools import cache

import torch

__all__ = ["let_threads_sleep"]


def let_threads_sleep() -> None:
    """Let PyTorch's threads sleep soon when they wait, so that a busy core slows them little.

    A thread that has finished its part of a product waits for the others. GNU's OpenMP library,
    which PyTorch has on Linux, first lets it turn round 300,000 times. Where other work runs on one
    of the cores, the turning takes time from those that are waited for: with one of two cores busy
    an epoch of LightGCN took four to nine times as long. ``python -m benchmarks.threads`` measures
    what is left of that.

    The library makes it 1,000 turns where it has more threads than there are processors (its
    manual, under GOMP_SPINCOUNT). So a few more are started here, once, which sleep and never get
    work. That can be done at any time, where a variable of the environment is looked at only while
    PyTorch is imported. The number of threads that work stays as it is, and with it every result.

    Nothing is done where the user has decided, by ``OMP_WAIT_POLICY`` or ``GOMP_SPINCOUNT``, where
    PyTorch works with one thread (``OMP_NUM_THREADS=1`` or ``torch.set_num_threads(1)``), or on
    other systems than Linux, whose libraries wait in other ways.
    """
    decided = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    if sys.platform == "linux" and not decided and torch.get_num_threads() > 1:
        _start_sleepers(torch.get_num_threads())


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
