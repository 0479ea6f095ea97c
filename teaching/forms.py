"""Values as JSON: arguments on their way to a submission, results on their way back.

Nothing here runs what it reads. Arguments keep their type. Results become numbers, texts, lists,
sets and dicts first, whatever library they are of; tensors among them are never made again.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from itertools import islice
from numbers import Real
from typing import Any

_LONGEST = 1_000_000  # items of an iterator
_SIMPLE = (int, float, str, bool, type(None))
_MOST_KEYS = 1_000  # of a set or dict: more could be chosen so that each meets all the others
_ARRAYS = ("tensor", "array", "interactions")


def plain(value: Any) -> Any:
    """The same in numbers, texts, lists, sets and dicts."""
    if type(value) in _SIMPLE:
        return value
    kind = type(value).__name__
    if kind in ("Tensor", "Parameter"):
        value = value.detach().cpu().to_dense().tolist()
    elif kind == "DataFrame":
        value = value.to_numpy().tolist()
    elif kind == "Series":
        value = value.to_dict()
    elif callable(getattr(value, "toarray", None)):  # SciPy's sparse matrices
        value = value.toarray().tolist()
    elif callable(getattr(value, "tolist", None)):
        value = value.tolist()
    if isinstance(value, Mapping):
        whole = Counter if isinstance(value, Counter) else dict
        return whole({_fixed(plain(key)): plain(each) for key, each in value.items()})
    if isinstance(value, Set):
        return {_fixed(plain(each)) for each in value}
    if isinstance(value, list | tuple | range | Iterator):
        several = islice(value, _LONGEST)
        return [each if type(each) in _SIMPLE else plain(each) for each in several]
    if isinstance(value, int | float | str):
        return value
    if value is ...:  # a part without an answer
        return None
    raise TypeError(f"a {kind} is no plain data; give numbers, texts, lists, sets, dicts, ...")


def pack(value: Any) -> Any:
    """``value`` as JSON has it; what JSON has no word for becomes an object with one name."""
    if type(value) in _SIMPLE:
        return value
    kind = type(value).__name__
    if kind in ("Tensor", "Parameter"):
        return {"tensor": [value.to_dense().tolist(), str(value.dtype).removeprefix("torch.")]}
    if kind == "ndarray":
        return {"array": [value.tolist(), str(value.dtype)]}
    if kind == "Interactions":
        rows = [value.user.tolist(), value.item.tolist()]
        return {"interactions": [*rows, value.num_users, value.num_items]}
    if isinstance(value, Mapping):
        word = "counter" if isinstance(value, Counter) else "dict"
        return {word: [[pack(key), pack(each)] for key, each in value.items()]}
    if isinstance(value, Set):
        return {"set": sorted(map(pack, value), key=repr)}
    if isinstance(value, tuple):
        return {"tuple": [pack(each) for each in value]}
    if isinstance(value, list):
        return [each if type(each) in _SIMPLE else pack(each) for each in value]
    if isinstance(value, int | float | str):
        return value
    return pack(plain(value))


def unpack(form: Any, arrays: bool = False) -> Any:
    """The value again.

    Args:
        form: what ``pack`` made, read from JSON.
        arrays: whether tensors, arrays and interactions are made, and dicts of any size. Only a
            box does that: a few characters can ask for more memory or time than there is.
    """
    if isinstance(form, list):
        return [each if type(each) in _SIMPLE else unpack(each, arrays) for each in form]
    if not isinstance(form, dict):
        return form
    [(word, content)] = form.items()
    if word in ("dict", "counter", "set") and len(content) > _MOST_KEYS and not arrays:
        raise ValueError(f"a {word} of {len(content):,} elements")
    if word in _ARRAYS and arrays:
        return _array(word, content)
    if word in ("dict", "counter"):
        pairs = {_fixed(unpack(k, arrays)): unpack(each, arrays) for k, each in content}
        return Counter(pairs) if word == "counter" else pairs
    if word == "set":
        return {_fixed(unpack(each, arrays)) for each in content}
    if word == "tuple":
        return tuple(unpack(each, arrays) for each in content)
    raise ValueError("not a result's form")


def same(got: Any, expected: Any, tolerance: float) -> bool:
    """Whether a result agrees; ``expected`` says whether order matters.

    Lists, tuples, arrays, tensors and Series are the same, and so are a set and a list of different
    elements, a Counter and a dict, and numbers of any type. NaN is right only where it is expected.
    """
    if isinstance(expected, set):
        several = list(map(_fixed, got)) if isinstance(got, list | set) else []
        return (
            bool(several or not expected)
            and isinstance(got, list | set)
            and (len(several) == len(expected) == len({*several} & expected))
        )
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return False
        zeros = isinstance(got, Counter) or isinstance(expected, Counter)
        if not zeros and got.keys() != expected.keys():
            return False
        keys = got.keys() | expected.keys()
        return all(same(got.get(k, 0), expected.get(k, 0), tolerance) for k in keys)
    if isinstance(expected, list | tuple):
        if isinstance(got, dict):
            got = list(got.values())
        fits = isinstance(got, list | tuple) and len(got) == len(expected)
        return fits and all(same(a, b, tolerance) for a, b in zip(got, expected, strict=True))
    if isinstance(expected, Real) and isinstance(got, Real) and got != expected:
        try:
            got, expected = float(got), float(expected)
        except OverflowError:
            return False
        if not math.isfinite(expected):
            return math.isnan(expected) and math.isnan(got)
        return abs(got - expected) <= tolerance * max(1.0, abs(expected))
    return type(got) in _SIMPLE and bool(got == expected)


def _fixed(value: Any) -> Any:
    """The same with tuples for lists, as sets and keys need it."""
    if isinstance(value, list | tuple):
        return tuple(map(_fixed, value))
    return frozenset(map(_fixed, value)) if isinstance(value, Set) else value


def _array(word: str, content: list) -> Any:
    if word == "array":
        import numpy as np

        return np.array(content[0], dtype=content[1])
    import torch

    if word == "tensor":
        return torch.tensor(content[0], dtype=getattr(torch, content[1]))
    from recbook.data import Interactions

    return Interactions.from_pairs(*content)
