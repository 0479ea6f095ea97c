"""What a check of an exercise takes, what it refuses, and what it says."""

import math
import sys
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from recbook.exercises import Case, compare_guess, is_right

NAN, INF = math.nan, math.inf
ROWS = [[1.0, 2.0], [3.0, 4.0]]


def gives(got: Any, expected: Any) -> bool:
    return is_right("0.1", lambda x: got, [Case((1,), expected, "a hint")])


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (2, 2.0), (np.int8(2), 2), (np.float32(0.1), 0.1), (torch.tensor(0.5), 0.5),
        (Fraction(1, 2), 0.5), (True, True), (np.True_, True), (torch.tensor(True), True),
        (NAN, NAN), (INF, INF), (1e6 + 1, 1e6), (1e-6, 0), (10**400, 10**400), ("a", "a"),
        ([1, 2], (1, 2)), (np.array([1, 2]), [1, 2]), (pd.Series([1, 2], index=[3, 4]), [1, 2]),
        (torch.tensor(ROWS, requires_grad=True), ROWS), (torch.tensor(ROWS).to_sparse(), ROWS),
        ([torch.tensor(row) for row in ROWS], ROWS), (pd.DataFrame(ROWS), ROWS),
        ((x for x in (1, 2)), [1, 2]), (map(abs, [-1, 2]), [1, 2]), (range(3), [0, 1, 2]),
        ([], []), (set(), set()), ([], set()), ({}, {}), (np.array(["a", "b"]), ["a", "b"]),
        ([2, 1], {1, 2}), ((1, 2), {1, 2}), (np.array([2, 1]), {1, 2}), ({1, 2}, {1, 2}),
        ({np.int64(1), 2}, {1, 2}), ([[1, 2]], {(1, 2)}), ({frozenset("a")}, {frozenset("a")}),
        ({1: 2}.keys(), {1}), (Counter("aab"), {"a": 2, "b": 1}), (Counter(), {"a": 0}),
        ({"a": 2, "b": 0}, Counter("aa")), (pd.Series({"a": 0.5}), {"a": 0.5}),
        ({np.int64(3): torch.tensor([1.0])}, {3: [1]}), (None, None),
        ([{1, 2}, [3]], [{1, 2}, {3}]),
    ],
)  # fmt: skip
def test_what_is_right_in_another_form_is_taken(
    got: Any, expected: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gives(got, expected) is True
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        (3, 2, "gave\n    3\nexpected\n    2\nHint: a hint."),
        (0.5001, 0.5, "gave\n    0.5001\nexpected\n    0.5"),
        (1.00002, 1.0, "or rather 1.00002, expected\n    1.0"), ("2", 2, "'2'"),
        (NAN, 1, "nan"), (1, NAN, "nan"), (INF, 1.0, "inf"), (1.0, INF, "inf"), (-INF, INF, "-inf"),
        (10**400, 0.5, "expected\n    0.5"), (1j, 1.0, "complex"), ([2], 2, "[2]"), (2, [2], "[2]"),
        ([1, 2], [2, 1], "[1, 2]"), ([1], [1, 1], "[1, 1]"), ([[1, 2]], [1, 2], "[[1, 2]]"),
        ({1, 2}, [1, 2], "{1, 2}"), ([1, 1, 2], {1, 2}, "[1, 1, 2]"), ("ab", {"a", "b"}, "'ab'"),
        ([{1: 2}], {1, 2}, "[{1: 2}]"), ([1, 2], {1: 2}, "[1, 2]"), ({"a": 1}, {"a": 2}, "'a': 2"),
        ({}, {"a": 0}, "{'a': 0}"), ({"a": 1, "b": 1}, {"a": 1}, "'b': 1"),
        ({"b": 0}, {"a": 0}, "{'b': 0}"), (Counter("a"), {"a": 1, "b": 1}, "'b': 1"),
        (None, 2, "Your function returned nothing: put your code in place of the dots"),
        (object(), 2, "a object"), (lambda: 2, 2, "a function"), (set(), {1}, "set()"),
        (list(range(1000)), 2, " ..."), (2, lambda got: f"{got} is even" * (got % 2 == 0), "2 is"),
        ("x", lambda got: "" if got > 1 else "small", "not of the form that the task asks for"),
        (2, ValueError, "expected\n    a ValueError"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(
    got: Any, expected: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gives(got, expected) is False
    printed = capsys.readouterr().out
    assert printed.startswith("Not yet (exercise 0.1). ") and says in printed
    assert "0x" not in printed and "Traceback" not in printed


def test_a_function_of_the_result_may_accept_it() -> None:
    assert gives(torch.tensor([3]), lambda got: "" if got == [3] else "no") is True


def grows(x: list[int]) -> list[int]:
    x.append(3)
    return x


def fails(x: list[int]) -> int:
    y = x[0]
    return x[7] + y


def hides(x: list[int]) -> int:
    while True:
        try:
            x[0] += 1
        except Exception:
            return 0


def leaves(x: list[int]) -> None:
    sys.exit()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (..., "There is no answer so far: put yours in place of the dots."),
        (None, "There is no answer so far"),
        (3, "Expected a function, got 3."),
        (
            fails,
            "For\n    x = [1, 2]\nyour function stopped with an error in its line 3:\n    Index",
        ),
        (lambda: 1, "stopped with an error:\n    TypeError: "),
        (hides, "was stopped: it ran 1,000,001 lines of Python and did not end.\nHint"),
        (leaves, "stopped with an error in its line 2:\n    SystemExit"),
        (grows, "gave the right result, but changed what it was given: work on a copy."),
        (max, "gave\n    2"),
    ],
)
def test_whatever_a_learner_wrote_is_survived(
    answer: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case, before = Case(([1, 2],), [1, 2, 3], "add a 3"), sys.gettrace()
    for _ in range(2):  # the first call changes nothing for the second
        assert is_right("0.1", answer, [case]) is False
        assert says in capsys.readouterr().out
    assert case.given == ([1, 2],) and sys.gettrace() is before


def test_the_first_wrong_case_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    cases = [Case((n, [n]), n < 2, f"case {n}") for n in range(4)]
    assert is_right("0.1", lambda n, list_of_n: True, cases) is False
    told = (
        "Not yet (exercise 0.1). For\n    n = 2\n    list_of_n = [2]\nyour function gave\n    True"
    )
    assert capsys.readouterr().out == told + "\nexpected\n    False\nHint: case 2.\n"
    assert is_right("0.1", lambda n, _: None if n else True, cases) is False
    assert "n = 1\n    _ = [1]\nyour function returned nothing" in capsys.readouterr().out


def test_an_expected_error() -> None:
    cases = [Case((0,), ZeroDivisionError, "nothing divides by 0"), Case((2,), 0.5, "1 / 2")]
    assert is_right("0.1", lambda x: 1 / x, cases) is True
    assert is_right("0.1", lambda x: 1 / x if x else 0, cases) is False
    assert is_right("0.1", lambda x: [][x], cases) is False


def test_an_answer_may_be_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert is_right("0.1", {"b", "a"}, [Case((), {"a", "b"}, "both")]) is True
    assert is_right("0.1", ["a"], [Case((), {"a", "b"}, "both")]) is False
    assert "Your answer gave\n    ['a']\nexpected\n    {'a', 'b'}" in capsys.readouterr().out


def test_work_is_limited(capsys: pytest.CaptureFixture[str]) -> None:
    cases = [Case((10**6,), 10**6 - 1, "do not list them", work=500)]
    assert is_right("0.1", lambda n: n - 1, cases) is True
    assert is_right("0.1", lambda n: list(range(n))[-1], cases) is False
    assert "it held room for 4," in capsys.readouterr().out
    assert is_right("0.1", lambda n: max(x for x in range(n)), cases) is False
    assert "it ran 501 lines" in capsys.readouterr().out


@pytest.mark.parametrize("cases", [[], None, [(1,)], Case((1,), 1, "")])
def test_no_cases(cases: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="expected"):
        is_right("0.1", max, cases)


@pytest.mark.parametrize(
    ("guess", "says"),
    [
        (0.25, "You said 0.25, which is 0.063 too low."), ([0.3], "no number"),
        (1, "You said 1, which is 0.687 too high."), (np.float32(0.5), "0.187 too high"),
        (0.3131, "You said 0.3131, which is right."), (torch.tensor(0.5), "0.187 too high"),
        ("half", "You said 'half', which is no number."), (True, "no number"), (NAN, "no number"),
        (INF, "inf too high"), (..., "in place of the dots"), (None, "in place of the dots"),
    ],
)  # fmt: skip
def test_a_guess_is_compared_whatever_it_is(
    guess: object, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    compare_guess(guess, 0.31342)
    told = capsys.readouterr().out
    assert told.startswith("It is 0.313. ") and says in told
