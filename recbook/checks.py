"""Checks of arguments at the door, in one voice: what was given, what was expected, what to do.

A wrong kind of thing is a TypeError, a wrong value a ValueError. NaN is within no bounds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "INT32_MAX",
    "check_choice",
    "check_count",
    "check_default_device",
    "check_device",
    "check_kind",
    "check_number",
    "check_path",
    "check_positions",
    "check_seed",
    "check_share",
    "check_shares",
    "check_tensor",
]

#: The largest number of 32 bits.
INT32_MAX = torch.iinfo(torch.int32).max
_NO_MASK = "expected positions; np.flatnonzero(mask) are those where it is true"
_DTYPES = {
    "positions": (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
    "truth values": (torch.bool,),
    "floats": (torch.float64, torch.float32, torch.float16, torch.bfloat16),
}
_DTYPES["numbers"] = _DTYPES["floats"] + _DTYPES["positions"]


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


def check_shares(**shares: Any) -> list[float]:
    """Shares of one whole that leave some of it to train on; all but the first may be 0.

    >>> check_shares(test_size=0.8, val_size=0.2)
    Traceback (most recent call last):
    ValueError: got test_size=0.8 and val_size=0.2, expected shares that leave some to train on, \
e.g. 0.1 for each
    """
    checked = [check_share(name, one, n > 0) for n, (name, one) in enumerate(shares.items())]
    if sum(checked) >= 1:
        given = " and ".join(f"{name}={one}" for name, one in shares.items())
        raise ValueError(
            f"got {given}, expected shares that leave some to train on, e.g. 0.1 for each"
        )
    return checked


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """One of some names.

    >>> check_choice("loss", "hinge", ["bpr", "softmax"])
    Traceback (most recent call last):
    ValueError: got loss='hinge', expected 'bpr' or 'softmax'
    """
    names = list(choices)
    if not isinstance(value, str) or value not in names:
        *others, last = map(repr, names) if names else ["nothing: there is none"]
        expected = f"{', '.join(others)} or {last}" if others else last
        kind = ValueError if isinstance(value, str) else TypeError
        raise kind(f"got {name}={value!r}, expected {expected}")
    return value


def check_device(name: str, value: Any) -> torch.device:
    """A device that this machine has.

    >>> check_device("device", "cpu")
    device(type='cpu')
    """
    there = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    there += ["mps"] if torch.backends.mps.is_available() else []
    expected = f"expected what this machine has: {', '.join(map(repr, there))}"
    if not isinstance(value, str | torch.device):
        raise TypeError(f"got {name}={value!r}, {expected}")
    try:
        device = torch.device(value)
    except RuntimeError as error:
        raise ValueError(f"got {name}={value!r}, {expected}") from error
    numbered = {name if ":" in name else f"{name}:0" for name in there}
    if f"{device.type}:{device.index or 0}" not in numbered:
        raise ValueError(
            f"got {name}={str(value)!r}, {expected}; leave {name} out, or install a PyTorch that "
            "was built for it"
        )
    return device


def check_default_device() -> None:
    """The device on which PyTorch makes tensors, where nobody says which."""
    device = torch.get_default_device()
    if device.type != "cpu":
        raise RuntimeError(
            f"got torch.set_default_device({str(device)!r}), expected 'cpu', where pairs, graphs "
            f"and lists are; set it back, and pass device={str(device)!r} to train"
        )


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
    if isinstance(values, Tensor):
        check_tensor(name, values, "n", of="positions", number=number, hint=hint)
        return values.cpu().long()
    try:
        array = np.asarray(values)
    except ValueError:  # lists of unlike lengths
        array = np.empty(0, dtype=object)[None]
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__") or array.ndim == 0:
        raise TypeError(
            f"{name}: got {_short(values)}, expected a list of positions, e.g. [0, 7]{_then(hint)}"
        )
    if array.ndim != 1:
        raise ValueError(
            f"{name}: got {_short(values)}, expected positions in one dimension{_then(hint)}"
        )
    if len(array) == 0:
        return torch.zeros(0, dtype=torch.long)
    if array.dtype == bool:
        raise TypeError(f"{name}: got a mask of {len(array)} truth values, {_NO_MASK}")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"{name}: got values of type {array.dtype}, such as {array[0]!r}, expected whole "
            f"positions 0, 1, 2, ...{_then(hint)}"
        )
    _check_range(name, int(array.min()), int(array.max()), number, hint)
    return torch.from_numpy(array.astype(np.int64))


def check_tensor(
    name: str,
    value: Any,
    *shape: int | str,
    of: str = "floats",
    number: int | None = None,
    hint: str = "",
) -> Tensor:
    """A tensor, as it is: on its device, with its gradient.

    Args:
        name: what it is, for the message.
        value: the tensor.
        *shape: the size of each dimension, or a name for one that may have any size.
        of: ``"floats"``, ``"numbers"``, ``"positions"`` or ``"truth values"``.
        number: of positions, how many there are; None for no upper end.
        hint: what to do where it is none.

    Raises:
        TypeError: on what is no tensor, or one of other values.
        ValueError: on another shape, or positions out of range.

    >>> check_tensor("score", torch.zeros(3, 1), "B")
    Traceback (most recent call last):
    ValueError: score: got shape (3, 1), expected (B,)
    """
    sizes = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name}: got {_short(value)}, expected a tensor of {of}, shape {sizes}{_then(hint)}"
        )
    if value.dtype not in _DTYPES[of] or value.layout != torch.strided:
        if value.dtype == torch.bool and of == "positions":
            raise TypeError(f"{name}: got a mask of {value.numel()} truth values, {_NO_MASK}")
        kind = value.dtype if value.layout == torch.strided else value.layout
        raise TypeError(f"{name}: got a tensor of {kind}, expected {of}{_then(hint)}")
    fits = value.ndim == len(shape) and all(
        isinstance(size, str) or size == there
        for size, there in zip(shape, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: got shape {tuple(value.shape)}, expected {sizes}{_then(hint)}")
    if of == "positions" and value.numel():
        lowest, highest = value.aminmax()
        _check_range(name, int(lowest), int(highest), number, hint)
    return value


def check_kind(name: str, value: Any, kind: Any, hint: str = "") -> None:
    """An instance of a class, or of one of several.

    >>> check_kind("train", [0, 1], dict, hint="see Interactions.from_pairs")
    Traceback (most recent call last):
    TypeError: got train=[0, 1], expected dict; see Interactions.from_pairs
    """
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join("None" if one is type(None) else one.__name__ for one in kinds)
        raise TypeError(f"got {name}={_short(value)}, expected {expected}{_then(hint)}")


def check_path(name: str, value: Any, file: bool = False) -> Path:
    """A path of a file or folder, there or not; with ``file`` not that of a folder.

    >>> check_path("path", 7)
    Traceback (most recent call last):
    TypeError: got path=7, expected the path of a file, e.g. 'films.csv'
    """
    expected = "expected the path of a file, e.g. 'films.csv'"
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"got {name}={_short(value)}, {expected}")
    if not os.fspath(value) or "\0" in str(value):
        raise ValueError(f"got {name}={_short(value)}, {expected}")
    path = Path(value)
    if file and path.is_dir():
        raise ValueError(f"got {name}={str(path)!r}, a folder, {expected}")
    return path


def check_seed(value: Any) -> int:
    """A seed of a generator: a whole number that each library takes.

    >>> check_seed(-1)
    Traceback (most recent call last):
    ValueError: got seed=-1, expected 0 to 4294967295
    """
    return check_count("seed", value, 0, 2**32 - 1)  # scikit-learn takes no more


def _check_range(name: str, lowest: int, highest: int, number: int | None, hint: str) -> None:
    if lowest < 0 or highest >= (2**63 if number is None else number):
        wrong = lowest if lowest < 0 else highest
        largest = "or more" if number is None else f"to {number - 1}"
        raise ValueError(f"{name}: got position {wrong}, expected 0 {largest}{_then(hint)}")


def _short(value: Any) -> str:
    """A value as it is written, or what it is where that is long."""
    if isinstance(value, np.ndarray | Tensor):
        return f"an array of shape {tuple(value.shape)}"
    text = repr(value)
    short = len(text) <= 60 and "\n" not in text
    return text if short else f"a value of type {type(value).__name__}"


def _then(hint: str) -> str:
    return f"; {hint}" if hint else ""
