"""Processes that do the same work side by side, each replaced when it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from threading import Thread
from typing import Any

from recbook.checks import check_count

__all__ = ["keep_working"]

_LOOK = 0.25  # seconds


def keep_working(number: int, work: Callable[[], None], meanwhile: Callable[[], None]) -> None:
    """Have so many processes work until this one is interrupted, by Ctrl-C or SIGTERM.

    One that ends, for whatever reason, is replaced at once. On Linux a process is a copy of this
    one, so that its successor has all imports, and what ``meanwhile`` has changed, within
    milliseconds; on other systems it has to import first.

    Args:
        number: how many.
        work: what each does until SIGTERM, which it gets when this process is gone as well.
        meanwhile: what this process does four times a second.

    Raises:
        TypeError, ValueError: on what is no number above 0.
    """
    check_count("number", number)
    how: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    workers: list[Any] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        try:
            while True:
                workers = [one for one in workers if one.is_alive()]
                while len(workers) < number:
                    workers.append(how.Process(target=_work, args=[work]))
                    workers[-1].start()
                wait([one.sentinel for one in workers], _LOOK)
                meanwhile()
        finally:
            for one in workers:
                one.terminate()
            for one in workers:
                one.join()


def _work(work: Callable[[], None]) -> None:
    def follow() -> None:
        multiprocessing.parent_process().join()  # type: ignore[union-attr]
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Thread(target=follow, daemon=True).start()
    with suppress(KeyboardInterrupt):
        work()
