"""How far something long has come: a bar, or lines of a log where there is no terminal."""

from __future__ import annotations

import builtins
import os
import sys
from typing import Any

from tqdm import auto, std

__all__ = ["progress"]


def progress(
    steps: Any = None, what: str = "", every: float = 10, disable: bool = False, **given: Any
) -> Any:
    """A tqdm bar with an estimate that leaves nothing; in a log, a line each ``every`` seconds.

    Where ``TQDM_DISABLE`` is set, nothing is shown. A line tells how far it is, how long the rest
    will take, and what ``set_postfix`` was given.

    Args:
        steps: what to go through, or None where ``total`` and ``update`` say how far it is.
        what: what a step is.
        every: the least number of seconds between lines; 0 gives a line to each step.
        disable: show nothing.
        given: what else tqdm takes, e.g. ``delay``, the seconds before anything is shown.
    """
    # The environment has to be asked, since the notebook's bar does not look at it by itself.
    quiet = disable or "TQDM_DISABLE" in os.environ
    given |= {"desc": what, "leave": False, "disable": quiet}
    if sys.stderr.isatty() or hasattr(builtins, "__IPYTHON__"):
        return auto.tqdm(steps, **given)
    return _Lines(steps, gui=True, mininterval=every, **given)  # so that tqdm draws nothing itself


class _Lines(std.tqdm):
    """A bar whose each state is a line."""

    def display(self, *_: Any) -> None:
        """Write the line."""
        self.bar_format = "{desc} {n_fmt} of {total_fmt}, {remaining} left{postfix}"
        print(self, file=sys.stderr, flush=True)
