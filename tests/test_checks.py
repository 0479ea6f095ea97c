"""What a check lets through, what it refuses, and in which words."""

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from recbook.checks import (
    check_choice,
    check_count,
    check_kind,
    check_number,
    check_path,
    check_positions,
    check_seed,
    check_share,
    check_tensor,
)
from recbook.data import Interactions, check_part

NAN, INF = math.nan, math.inf


def words(message: str) -> str:
    return f"^{re.escape(message)}$"


@pytest.mark.parametrize("value", [1, 7, np.int32(3), np.uint8(4)])
def test_counts(value: int) -> None:
    count = check_count("k", value)
    assert count == value and type(count) is int


@pytest.mark.parametrize(
    ("value", "arguments", "message"),
    [
        (0, {}, "got k=0, expected 1 or more"),
        (-1, {"least": 0}, "got k=-1, expected 0 or more"),
        (6, {"most": 5}, "got k=6, expected 1 to 5"),
        (0, {"most": 5, "hint": "ask for less"}, "got k=0, expected 1 to 5; ask for less"),
    ],
)
def test_counts_out_of_range(value: int, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=words(message)):
        check_count("k", value, **arguments)


@pytest.mark.parametrize("value", [True, np.True_, 1.0, NAN, "1", None, [1], torch.tensor(1)])
def test_what_is_no_count(value: object) -> None:
    with pytest.raises(TypeError, match=r"^got k=.*, expected a whole number, 1 or more; try 1$"):
        check_count("k", value, hint="try 1")
    with pytest.raises(TypeError, match="expected 1 to 5"):
        check_count("k", value, most=5)


def test_the_ends_of_a_count_belong_to_it() -> None:
    assert check_count("k", 0, least=0) == 0 and check_count("k", 5, most=5) == 5


def test_seeds() -> None:
    assert check_seed(0) == 0 and check_seed(2**32 - 1) == 2**32 - 1
    for seed in (-1, 2**32):
        with pytest.raises(ValueError, match=f"got seed={seed}, expected 0 to 4294967295"):
            check_seed(seed)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (0, {"least": 0}),
        (1, {"most": 1}),
        (1e-300, {"above": 0}),
        (0.999, {"below": 1}),
        (Fraction(1, 2), {"above": 0, "below": 1}),
        (np.float32(0.5), {}),
        (-3, {}),
    ],
)
def test_numbers(value: float, bounds: dict) -> None:
    number = check_number("lr", value, **bounds)
    assert number == value and type(number) is float


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    [
        (-1e-9, {"least": 0}, "a number of at least 0"),
        (0, {"above": 0}, "a number above 0"),
        (1.5, {"most": 1}, "a number of at most 1"),
        (1, {"below": 1}, "a number below 1"),
        (2, {"least": 0, "below": 1}, "a number of at least 0 and below 1"),
        (NAN, {}, "a number"),
        (INF, {"above": 0}, "a number above 0"),
        (-INF, {"most": 0}, "a number of at most 0"),
        (NAN, {"least": 0, "most": 1}, "a number of at least 0 and of at most 1"),
    ],
)
def test_numbers_out_of_bounds(value: float, bounds: dict, expected: str) -> None:
    with pytest.raises(ValueError, match=words(f"got lr={value}, expected {expected}; try 0.1")):
        check_number("lr", value, **bounds, hint="try 0.1")


@pytest.mark.parametrize("value", [True, "0.1", None, [0.1], 1j, torch.tensor(0.1)])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(TypeError, match=r"^got lr=.*, expected a number above 0$"):
        check_number("lr", value, above=0)


def test_shares() -> None:
    assert check_share("test_size", 0.2) == 0.2 and check_share("val_size", 0, zero=True) == 0
    for value, hint in ((20, "write 20 % as 0.2"), (99.5, "write 99.5 % as 0.995")):
        message = f"got test_size={value}, expected a share between 0 and 1; {hint}"
        with pytest.raises(ValueError, match=words(message)):
            check_share("test_size", value)
    for value in (0, 1, 100, -0.1, NAN, INF):
        message = f"got test_size={value}, expected a share between 0 and 1; e.g. 0.2"
        with pytest.raises(ValueError, match=words(message)):
            check_share("test_size", value)
    for value in (1, -0.1, NAN):
        with pytest.raises(ValueError, match=r"expected a share from 0 to below 1; e\.g\. 0\.2"):
            check_share("val_size", value, zero=True)
    for value in (True, "0.2", None):
        with pytest.raises(TypeError, match=r"^got test_size=.*, expected a share .* 1, e.g. 0.2$"):
            check_share("test_size", value)


def test_choices() -> None:
    assert check_choice("loss", "bpr", ["bpr"]) == "bpr"
    with pytest.raises(ValueError, match=words("got loss='b', expected 'bpr'")):
        check_choice("loss", "b", ["bpr"])
    with pytest.raises(ValueError, match=words("got loss='b', expected 'x', 'y' or 'z'")):
        check_choice("loss", "b", iter("xyz"))
    with pytest.raises(ValueError, match="got loss='b', expected nothing: there is none"):
        check_choice("loss", "b", [])
    for value in (None, 1, ["x"], b"x"):
        with pytest.raises(TypeError, match="expected 'x' or 'y'"):
            check_choice("loss", value, ["x", "y"])


@pytest.mark.parametrize(
    "values",
    [
        [0, 2],
        (0, 2),
        range(0, 3, 2),
        np.array([0, 2], dtype=np.uint8),
        torch.tensor([0, 2]),
        torch.tensor([0, 2], dtype=torch.int32),
        pd.Series([0, 2], index=[7, 9]),
        pd.Index([0, 2]),
    ],
)
def test_positions(values: object) -> None:
    positions = check_positions("users", values, 3)
    assert positions.dtype == torch.long and positions.tolist() == [0, 2]


def test_no_positions_are_positions() -> None:
    for nothing in ([], (), np.array([]), torch.tensor([], dtype=torch.long)):
        assert check_positions("users", nothing, 3).equal(torch.tensor([], dtype=torch.long))
    assert check_positions("users", [2**40]).tolist() == [2**40]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("ann", "users: got 'ann', expected a list of positions, e.g. [0, 7]; look them up"),
        (b"ann", "users: got b'ann', expected a list of positions, e.g. [0, 7]; look them up"),
        (7, "users: got 7, expected a list of positions, e.g. [0, 7]; look them up"),
        (None, "users: got None, expected a list of positions, e.g. [0, 7]; look them up"),
        ({0, 1}, "users: got {0, 1}, expected a list of positions, e.g. [0, 7]; look them up"),
        (
            ["ann"],
            "users: got values of type <U3, such as np.str_('ann'), expected whole positions "
            "0, 1, 2, ...; look them up",
        ),
        (
            [0.0, 1.0],
            "users: got values of type float64, such as np.float64(0.0), expected whole positions "
            "0, 1, 2, ...; look them up",
        ),
        (
            [True, False],
            "users: got a mask of 2 truth values, expected positions; np.flatnonzero(mask) are "
            "those where it is true",
        ),
        (
            torch.tensor([True, False]),
            "users: got a mask of 2 truth values, expected positions; np.flatnonzero(mask) are "
            "those where it is true",
        ),
        (
            torch.ones(1, requires_grad=True),
            "users: got a tensor of torch.float32, expected positions; look them up",
        ),
    ],
)
def test_what_are_no_positions(values: object, message: str) -> None:
    with pytest.raises(TypeError, match=words(message)):
        check_positions("users", values, 3, hint="look them up")


@pytest.mark.parametrize(
    ("values", "wrong", "expected"),
    [([0, 3], 3, "0 to 2"), ([0, -1], -1, "0 to 2"), ([-2, 9], -2, "0 to 2")],
)
def test_positions_out_of_range(values: list[int], wrong: int, expected: str) -> None:
    for given in (values, np.array(values), torch.tensor(values)):
        message = f"users: got position {wrong}, expected {expected}; look it up"
        with pytest.raises(ValueError, match=words(message)):
            check_positions("users", given, 3, hint="look it up")
    with pytest.raises(ValueError, match=r"^users: got position -1, expected 0 or more$"):
        check_positions("users", [2, -1])
    with pytest.raises(ValueError, match=f"got position {2**63}, expected 0 or more"):
        check_positions("users", np.array([2**63], dtype=np.uint64))


def test_positions_in_two_dimensions() -> None:
    for given in ([[0], [1]], [[0], [1, 2]], np.zeros((2, 1), dtype=int)):
        with pytest.raises(ValueError, match="expected positions in one dimension; look"):
            check_positions("users", given, hint="look")
    with pytest.raises(ValueError, match=words("users: got shape (2, 1), expected (n,)")):
        check_positions("users", torch.zeros(2, 1, dtype=torch.long))


def test_positions_are_a_copy_of_a_list_and_the_index_of_a_series_is_not_looked_at() -> None:
    given = np.array([1, 0])
    check_positions("users", given)[0] = 5
    assert given.tolist() == [1, 0]
    assert check_positions("users", pd.Series([1, 0], index=[1, 0])).tolist() == [1, 0]


def test_tensors_come_back_as_they_are() -> None:
    x = torch.zeros(2, 3, requires_grad=True)
    assert check_tensor("x", x, "B", 3) is x
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        check_tensor("x", x.to(dtype), "B", 3)
    small = torch.tensor([0, 2], dtype=torch.uint8)
    assert check_tensor("x", small, "B", of="positions", number=3) is small
    assert check_tensor("x", small, "B", of="numbers") is small
    check_tensor("x", torch.empty(0, dtype=torch.long), "B", of="positions", number=0)
    check_tensor("x", torch.zeros(3, dtype=torch.bool), 3, of="truth values")


@pytest.mark.parametrize(
    ("value", "of", "message"),
    [
        ([0.5], "floats", "x: got [0.5], expected a tensor of floats, shape (B,); see"),
        (None, "numbers", "x: got None, expected a tensor of numbers, shape (B,); see"),
        (np.ones(2), "floats", "x: got an array of shape (2,), expected a tensor of floats, "
         "shape (B,); see"),
        (torch.tensor([1]), "floats", "x: got a tensor of torch.int64, expected floats; see"),
        (torch.tensor([1j]), "numbers", "x: got a tensor of torch.complex64, expected numbers; "
         "see"),
        (torch.tensor([True]), "numbers", "x: got a tensor of torch.bool, expected numbers; see"),
        (torch.tensor([1]), "truth values", "x: got a tensor of torch.int64, expected truth values;"
         " see"),
        (torch.tensor([1.0]), "positions", "x: got a tensor of torch.float32, expected positions; "
         "see"),
        (torch.eye(2).to_sparse(), "floats", "x: got a tensor of torch.sparse_coo, expected floats;"
         " see"),
    ],
)  # fmt: skip
def test_tensors_of_another_kind(value: object, of: str, message: str) -> None:
    with pytest.raises(TypeError, match=words(message)):
        check_tensor("x", value, "B", of=of, hint="see")


def test_tensors_of_another_shape() -> None:
    for shape, expected in (
        ((3,), "(B, 2)"),
        ((3, 3), "(B, 2)"),
        ((3, 2, 1), "(B, 2)"),
        ((), "(B, 2)"),
    ):
        message = f"x: got shape {shape}, expected {expected}; see"
        with pytest.raises(ValueError, match=words(message)):
            check_tensor("x", torch.zeros(shape), "B", 2, hint="see")


def test_positions_in_a_tensor_out_of_range() -> None:
    for row, wrong in (([0, 3], 3), ([-1, 0], -1)):
        with pytest.raises(ValueError, match=f"x: got position {wrong}, expected 0 to 2; see"):
            check_tensor("x", torch.tensor([row]), 1, "n", of="positions", number=3, hint="see")


def test_kinds() -> None:
    check_kind("x", True, int)
    check_kind("x", None, (int, type(None)))
    with pytest.raises(TypeError, match=words("got x='a', expected int or None; see")):
        check_kind("x", "a", (int, type(None)), hint="see")
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(TypeError, match=words("got x=a value of type DataFrame, expected int")):
        check_kind("x", frame, int)
    with pytest.raises(TypeError, match="got x=a value of type list, expected int"):
        check_kind("x", ["a long list of words"] * 9, int)


def test_paths(tmp_path: Path) -> None:
    assert check_path("path", tmp_path) == tmp_path
    assert check_path("path", tmp_path / "new", file=True) == tmp_path / "new"
    with pytest.raises(ValueError, match=r"got path='.*', a folder, expected the path of a file"):
        check_path("path", tmp_path, file=True)
    assert check_path("path", "a/b") == check_path("path", Path("a/b")) == Path("a/b")
    for value in (7, None, ["a"], b"a"):
        with pytest.raises(TypeError, match=r"got path=.*, expected the path of a file"):
            check_path("path", value)
    for value in ("", "a\0b"):
        with pytest.raises(ValueError, match=r"got path=.*, expected the path of a file"):
            check_path("path", value)


def test_parts(toy: Interactions) -> None:
    check_part("train", toy)
    check_part("train", toy, 3, 4)
    none = torch.zeros(0, dtype=torch.long)
    empty = Interactions(none, none, 3, 4)
    check_part("train", empty, empty=True)
    with pytest.raises(ValueError, match="train: got no interaction, expected at least one"):
        check_part("train", empty, 3, 4)
    for sizes in ((2, 4), (3, 5), (2, None), (None, 5)):
        with pytest.raises(ValueError, match="train: got 3 users and 4 items, expected"):
            check_part("train", toy, *sizes)
    for other in (None, "train", [(0, 1)], toy.matrix):
        with pytest.raises(TypeError, match=r"got train=.*, expected Interactions; see"):
            check_part("train", other)
