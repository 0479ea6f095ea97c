"""Exercises: whether a learner's answer is right and, where it is not, what the mistake may be.

A chapter shows its check: a call of :func:`is_right` with a few :class:`Case`. What a learner wrote
may fail, run for ever or return anything, and what is right is taken in whatever form it comes.
"""

from __future__ import annotations

import copy
import inspect
import math
import sys
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from numbers import Real
from types import FrameType
from typing import Any, NamedTuple

import pandas as pd
from torch import Tensor

from recbook.checks import check_count, check_kind, check_number

__all__ = ["Case", "compare_guess", "is_right"]

_LINES, _SECONDS = 1_000_000, 10  # after which a loop is taken for one that never ends
_ROOM = 10_000  # numbers for which any function may need room
_TOLERANCE = 1e-5  # of decimals: relative, absolute below 1


class Case(NamedTuple):
    """One call of the learner's function, and what it has to give.

    Attributes:
        given: the arguments, of which the function gets copies; none where the answer is a value.
        expected: the result; a set or dict where order does not matter; a class of exceptions where
            one must be raised; or a function that is handed the result, in plain Python, and
            returns what is wrong with it, "" for nothing.
        hint: the likely mistake, or how the right result comes about.
        work: how many lines of Python the function may run, and numbers it may hold, where it must
            not go through all there is.
    """

    given: tuple[Any, ...]
    expected: Any
    hint: str
    work: int | None = None


class _StoppedError(BaseException):
    """The function ran too long; what a learner catches with ``except Exception`` is not this."""


def is_right(exercise: str, answer: object, cases: Sequence[Case]) -> bool:
    """Print "Right.", or the first case that goes wrong, and return whether all are right.

    Lists, tuples, arrays, tensors and Series are the same, and so are a set and a list of different
    elements, a Counter and a dict, and numbers of any type. Decimals agree to 1e-5. NaN is right
    only where it is expected, and arguments must be left as they were.

    Args:
        exercise: its number, such as "3.5".
        answer: the learner's function, or value. ``...`` and ``None`` say that there is none yet.
        cases: what is tried, in this order.

    Raises:
        TypeError, ValueError: where ``exercise`` or ``cases`` is none; never for an answer.

    >>> is_right("0.1", lambda x: x + x, [Case((3,), 6, "twice"), Case((0.5,), 1, "twice")])
    Right.
    True
    >>> is_right("0.1", lambda x: x + 2, [Case((3,), 6, "twice the number")])
    Not yet (exercise 0.1). For
        x = 3
    your function gave
        5
    expected
        6
    Hint: twice the number.
    False
    """
    check_kind("exercise", exercise, str, hint="its number, such as '3.5'")
    if not exercise:
        raise ValueError("got exercise='', expected its number, such as '3.5'")
    check_kind("cases", cases, (list, tuple))
    for number, case in enumerate(cases):
        check_kind(f"cases[{number}]", case, Case)
    if not cases:
        raise ValueError("got no cases, expected one or more")
    for number, case in enumerate(cases):
        wrong = _fault(answer, case, number == 0)
        if wrong:
            print(f"Not yet (exercise {exercise}). {wrong}")
            return False
    print("Right.")
    return True


def compare_guess(guess: object, value: float, digits: int = 3) -> None:
    """Print what came out beside what the reader had guessed before.

    Args:
        guess: the reader's number; ``...`` and ``None`` say that there is none.
        value: what came out.
        digits: decimals to show.

    Raises:
        TypeError, ValueError: where ``value`` is no finite number, or ``digits`` not 0 to 15; never
            for a guess.

    >>> compare_guess(0.2, 0.31342)
    It is 0.313. You said 0.2, which is 0.113 too low.
    >>> compare_guess(..., 52, digits=0)
    It is 52. (Put your guess in place of the dots, and run both cells again.)
    """
    value = check_number("value", value)
    check_count("digits", digits, 0, 15)
    told = f"It is {value:.{digits}f}."
    guess = _plain(guess)
    if guess is None or guess is ...:
        print(told, "(Put your guess in place of the dots, and run both cells again.)")
    elif not isinstance(guess, Real) or isinstance(guess, bool) or math.isnan(guess):
        print(told, f"You said {_text(guess)}, which is no number.")
    else:
        off = round(float(guess) - value, digits)
        way = f"{abs(off):.{digits}f} too {'high' if off > 0 else 'low'}" if off else "right"
        print(told, f"You said {_text(guess)}, which is {way}.")


def _fault(answer: Any, case: Case, first: bool) -> str:
    """What to tell about the first thing that is wrong with a case, or nothing."""
    given, expected, hint = copy.deepcopy(case.given), case.expected, f"Hint: {case.hint}."
    if answer is None or answer is ...:
        return "There is no answer so far: put yours in place of the dots."
    if not callable(answer) and given:
        return f"Expected a function, got {_text(answer)}."
    where = _where(answer, given)
    raises = isinstance(expected, type) and issubclass(expected, Exception)
    try:
        got = _run(answer, given, case)
    except _StoppedError as error:
        return f"{where} was stopped: {error}.\n{hint}"
    except (Exception, SystemExit) as error:
        if raises and isinstance(error, expected):
            return ""
        code = getattr(answer, "__code__", None)
        walk = traceback.walk_tb(error.__traceback__)
        lines = [n - code.co_firstlineno + 1 for frame, n in walk if frame.f_code is code]
        place = f" in its line {lines[-1]}" if lines else ""
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        return f"{where} stopped with an error{place}:\n    {told}\n{hint}"
    if got is None and expected is not None:
        where = "Your function" if first else where
        return f"{where} returned nothing: put your code in place of the dots, and end with return."
    wrong = f"\nexpected\n    a {expected.__name__}" if raises else _difference(got, expected)
    if wrong:
        return f"{where} gave\n    {_text(got)}{wrong}\n{hint}"
    if not _same(_plain(given), _plain(case.given)):
        return f"{where} gave the right result, but changed what it was given: work on a copy."
    return ""


def _difference(got: Any, expected: Any) -> str:
    """What is wrong with a result, or nothing."""
    try:
        if inspect.isfunction(expected):
            told = str(expected(got))
            return told and f"\n{told}"
        plain = _plain(expected)
        if _same(got, plain):
            return ""
    except (TypeError, ValueError, LookupError, OverflowError, AttributeError):
        if inspect.isfunction(expected):
            return "\nwhich is not of the form that the task asks for"
    if _text(got) != _text(plain):
        return f"\nexpected\n    {_text(plain)}"
    return f"\nor rather {got!r}, expected\n    {plain!r}"


def _run(answer: Any, given: tuple[Any, ...], case: Case) -> Any:
    """What the answer gives, in plain Python; stopped where that takes too much."""
    if not callable(answer):
        return _plain(answer)
    most = _LINES if case.work is None else case.work
    count, before, end = 0, sys.gettrace(), time.monotonic() + _SECONDS

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename.startswith("<frozen"):
            return None  # an import's, which would lose the error, or be left half done by it
        count += 1
        if count > most or time.monotonic() > end:
            raise _StoppedError(f"it ran {count:,} lines of Python and did not end")
        return trace

    if case.work is not None:
        tracemalloc.start()
    sys.settrace(trace)
    try:
        got = answer(*given)
        if isinstance(got, Iterator):
            got = list(islice(got, _LINES))
    finally:
        sys.settrace(before)
        if case.work is not None:
            held = tracemalloc.get_traced_memory()[1] // 8
            tracemalloc.stop()
            if held > most + _ROOM:
                raise _StoppedError(f"it held room for {held:,} numbers at once")
    if isinstance(case.expected, dict) and isinstance(got, pd.Series):
        got = got.to_dict()
    return _plain(got)


def _plain(value: Any) -> Any:
    """The same in numbers, texts, lists, sets and dicts, whatever library it is of."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().to_dense()
    if isinstance(value, pd.DataFrame):
        value = value.to_numpy()
    if callable(getattr(value, "tolist", None)):  # arrays, tensors, their numbers, Series
        value = value.tolist()
    if isinstance(value, Mapping):
        kind = Counter if isinstance(value, Counter) else dict
        return kind({_fixed(_plain(key)): _plain(each) for key, each in value.items()})
    if isinstance(value, Set):
        return {_fixed(_plain(each)) for each in value}
    if isinstance(value, list | tuple | range | Iterator):
        return [_plain(each) for each in islice(value, _LINES)]
    return value


def _fixed(value: Any) -> Any:
    """The same with tuples for lists, as sets need it."""
    if isinstance(value, list | set):
        return (tuple if isinstance(value, list) else frozenset)(map(_fixed, value))
    return value


def _same(got: Any, expected: Any) -> bool:
    """Whether two plain values agree, where the second says whether order matters."""
    if isinstance(expected, set):
        several = list(map(_fixed, got)) if isinstance(got, list | set) else []
        return isinstance(got, list | set) and len(got) == len(expected) == len(
            {*several} & expected
        )
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return False
        zeros = isinstance(got, Counter) or isinstance(expected, Counter)
        if not zeros and got.keys() != expected.keys():
            return False
        return all(_same(got.get(k, 0), expected.get(k, 0)) for k in got.keys() | expected.keys())
    if isinstance(expected, list):
        fits = isinstance(got, list) and len(got) == len(expected)
        return fits and all(map(_same, got, expected))
    if isinstance(expected, Real) and isinstance(got, Real) and got != expected:
        if math.isnan(expected) or math.isinf(expected):
            return math.isnan(expected) and math.isnan(got)
        return abs(float(got) - float(expected)) <= _TOLERANCE * max(1.0, abs(float(expected)))
    return bool(got is expected or got == expected)


def _where(answer: Any, given: tuple[Any, ...]) -> str:
    """The call that went wrong, as the beginning of a sentence."""
    if not callable(answer):
        return "Your answer"
    try:
        names = list(inspect.signature(answer).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"argument {n + 1}" for n in range(len(names), len(given))]
    lines = [f"    {name} = {_text(each)}" for name, each in zip(names, given, strict=False)]
    return "\n".join(["For", *lines, "your function"]) if lines else "Your function"


def _text(value: Any, most: int = 200) -> str:
    """What a person reads of a value."""
    value = value if isinstance(value, list | tuple | set | dict) else _plain(value)
    if isinstance(value, float):
        text = f"{value:.5g}"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{_text(k)}: {_text(each)}" for k, each in value.items()) + "}"
    elif isinstance(value, list | tuple | set):
        several = sorted(map(_text, value)) if isinstance(value, set) else map(_text, value)
        ends = "()" if isinstance(value, tuple) else "{}" if isinstance(value, set) else "[]"
        text = (
            ends[0] + ", ".join(several) + ends[1] if value or type(value) is not set else "set()"
        )
    elif value is None or isinstance(value, str | bool | int):
        text = repr(value)
    else:
        text = f"a {type(value).__name__}"
    return text if len(text) <= most else text[:most] + " ..."
