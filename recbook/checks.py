"""Checks of arguments at the door, in one voice: what was given, what was expected, what to do.

A wrong kind of thing is a TypeError, a wrong value a ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["check_choice", "check_count", "check_number", "check_positions", "check_share"]


def check_count(
    name: str, value: Any, least: int = 1, most: int | None = None, hint: str = ""
) -> int:
    """A whole number from ``least`` to ``most``.

    >>> check_count("k", 0)
    Traceback (most recent call last):
    ValueError: got k=0, expected 1 or more
    """
    expected = f"a whole number, {least} or more" if most is None else f"{least} to {most}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"got {name}={value!r}, expected {expected}{_then(hint)}")
    count = int(value)
    if count < least or (most is not None and count > most):
        expected = f"{least} or more" if most is None else expected
        raise ValueError(f"got {name}={value}, expected {expected}{_then(hint)}")
    return count


def check_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    hint: str = "",
) -> float:
    """A finite number within bounds, both ends of which may be open.

    >>> check_number("lr", float("nan"), above=0, hint="try 0.005")
    Traceback (most recent call last):
    ValueError: got lr=nan, expected a number above 0; try 0.005
    """
    ends = {"of at least": least, "above": above, "of at most": most, "below": below}
    limits = " and ".join(f"{word} {end:g}" for word, end in ends.items() if end is not None)
    expected = f"expected a number {limits}".rstrip() + _then(hint)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"got {name}={value!r}, {expected}")
    number = float(value)
    within = (
        math.isfinite(number)  # which NaN is not, nor does it compare
        and (least is None or number >= least)
        and (above is None or number > above)
        and (most is None or number <= most)
        and (below is None or number < below)
    )
    if not within:
        raise ValueError(f"got {name}={value}, {expected}")
    return number


def check_share(name: str, value: Any, zero: bool = False) -> float:
    """A share between 0 and 1, both left out; with ``zero`` 0 is one, too.

    >>> check_share("test_size", 20)
    Traceback (most recent call last):
    ValueError: got test_size=20, expected a share between 0 and 1; write 20 % as 0.2
    """
    expected = f"expected a share {'from 0 to below' if zero else 'between 0 and'} 1"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"got {name}={value!r}, {expected}, e.g. 0.2")
    share = float(value)
    if not (0 < share < 1 or (zero and share == 0)):
        hint = f"write {share:g} % as {share / 100:g}" if 1 < share < 100 else "e.g. 0.2"
        raise ValueError(f"got {name}={value}, {expected}; {hint}")
    return share


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """One of some names.

    >>> check_choice("loss", "hinge", ["bpr", "softmax"])
    Traceback (most recent call last):
    ValueError: got loss='hinge', expected 'bpr' or 'softmax'
    """
    names = list(choices)
    if not isinstance(value, str) or value not in names:
        *others, last = map(repr, names)
        expected = f"{', '.join(others)} or {last}" if others else last
        kind = ValueError if isinstance(value, str) else TypeError
        raise kind(f"got {name}={value!r}, expected {expected}")
    return value


def check_positions(name: str, values: Any, number: int | None = None, hint: str = "") -> Tensor:
    """Positions as a ``LongTensor`` of shape ``(n,)``, each in ``0 .. number-1``.

    Args:
        name: what they are, for the message.
        values: a list, tuple, range, array, tensor or Series of whole numbers; a Series' index is
            not looked at. A mask is none: ``True`` is not position 1.
        number: how many positions there are; None for no upper end.
        hint: what to do where they are no positions.

    Raises:
        TypeError: on what is no sequence of whole numbers.
        ValueError: on more than one dimension, a negative position, or one that is too large.

    >>> check_positions("users", [0, 943], 943, hint="split.position looks up raw ids")
    Traceback (most recent call last):
    ValueError: users: got position 943, expected 0 to 942; split.position looks up raw ids
    """
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError(
            f"{name}: got {values!r}, expected a list of positions, e.g. [0, 7]{_then(hint)}"
        )
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim != 1:
        raise ValueError(
            f"{name}: got an array of shape {array.shape}, expected positions in one dimension"
            + _then(hint)
        )
    if len(array) == 0:
        return torch.zeros(0, dtype=torch.long)
    if array.dtype == bool:
        raise TypeError(
            f"{name}: got a mask of {len(array)} truth values, expected positions; "
            "np.flatnonzero(mask) are those where it is true"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"{name}: got values of type {array.dtype}, such as {array[0]!r}, expected whole "
            f"positions 0, 1, 2, ...{_then(hint)}"
        )
    lowest, highest = int(array.min()), int(array.max())
    if lowest < 0 or (number is not None and highest >= number):
        wrong = lowest if lowest < 0 else highest
        largest = "or more" if number is None else f"to {number - 1}"
        raise ValueError(f"{name}: got position {wrong}, expected 0 {largest}{_then(hint)}")
    return torch.from_numpy(array.astype(np.int64))


def _then(hint: str) -> str:
    return f"; {hint}" if hint else ""
