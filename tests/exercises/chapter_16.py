"""Answers to the exercises of chapter 16."""

from typing import Any

import numpy as np

from tests.exercises.machinery import domain, right, wrong

# 16.2 ---------------------------------------------------------------------------------------------


@domain("16.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    return (rng.standard_normal(rng.integers(1, 7)).round(2).tolist(),)


def square(alphas):
    found = [0.0] * (2 * len(alphas) - 1)
    for j, one in enumerate(alphas):
        for k, two in enumerate(alphas):
            found[j + k] += one * two
    return found


@right("16.2")
def two_loops(alphas):
    return square(alphas)[1::2]


@right("16.2")
def with_polynomials(alphas):
    h = np.polynomial.Polynomial(alphas)
    odd = (h**2 - h(np.polynomial.Polynomial([0, -1])) ** 2) / 2
    return np.array(
        [odd.coef[k] if k < len(odd.coef) else 0 for k in range(1, 2 * len(alphas), 2)]
    )[: len(alphas) - 1]


@right("16.2")
def pair_by_pair(alphas):
    last = len(alphas) - 1
    return [
        2 * sum(alphas[j] * alphas[n - j] for j in range(n // 2 + 1) if n - j <= last)
        for n in range(1, 2 * last, 2)
    ]


@wrong("16.2", "one layer: (1 + s)^2 / 4 has s / 2")
def the_even_part(alphas):
    return square(alphas)[::2]


@wrong("16.2", "one layer: (1 + s)^2 / 4 has s / 2")
def all_powers(alphas):
    return square(alphas)


@wrong("16.2", "one layer: (1 + s)^2 / 4 has s / 2")
def not_doubled(alphas):
    return [value / 2 for value in square(alphas)[1::2]]


@wrong("16.2", "two layers: 2/9 (s + s^3)")
def too_short(alphas):
    return square(alphas)[1 : len(alphas) : 2]


@wrong("16.2", "with K = 0 there is no odd power")
def one_at_least(alphas):
    return square(alphas)[1::2] or [0.0]


@wrong("16.2", "layer 1 alone: s^2 is even")
def without_zeros(alphas):
    return [value for value in square(alphas)[1::2] if value]
