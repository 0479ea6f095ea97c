"""Answers to the exercises of chapter 17."""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from tests.exercises.machinery import domain, right, wrong

# 17.2 ---------------------------------------------------------------------------------------------


@domain("17.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.integers(-3, 4, size=rng.integers(1, 5)).tolist(), int(rng.integers(1, 6))


@right("17.2")
def in_fractions(errors, n):
    values, total, size = sorted(errors), 0, len(errors)
    for m, value in enumerate(values):
        total += value * (Fraction(m + 1, size) ** n - Fraction(m, size) ** n)
    return float(total)


@right("17.2")
def different_values(errors, n):
    e = np.array(errors)
    values = np.unique(e)
    below = np.array([(e <= v).mean() for v in values]) ** n
    return values @ np.diff(below, prepend=0)


@right("17.2")
def by_steps(errors, n):
    values, mean = sorted(errors), min(errors)
    for m in range(1, len(values)):
        mean += (values[m] - values[m - 1]) * (1 - (m / len(values)) ** n)
    return mean


@wrong("17.2", "was stopped")
def all_tuples(errors, n):
    total = count = 0
    for drawn in product(errors, repeat=n):
        total, count = total + max(drawn), count + 1
    return total / count


@wrong("17.2", "the toy above")
def simulated(errors, n):
    rng = np.random.default_rng(0)
    return rng.choice(errors, (1_000, n)).max(1).mean() if n > 1 else np.mean(errors)


@wrong("17.2", "one draw is right on average")
def the_largest(errors, n):
    return max(errors)


@wrong("17.2", "the toy above")
def mean_whatever_n(errors, n):
    return sum(errors) / len(errors)


@wrong("17.2", "exercise 17.1, in another order")
def never_sorted(errors, n):
    chance = np.arange(len(errors) + 1) / len(errors)
    return float((np.array(errors) * np.diff(chance**n)).sum())


@wrong("17.2", "equal values: 5 of 9 pairs hold the 3")
def equal_values_once(errors, n):
    values = sorted(set(errors))
    chance = np.arange(len(values) + 1) / len(values)
    return float((values * np.diff(chance**n)).sum())


@wrong("17.2", "the toy above")
def without_putting_back(errors, n):
    values, n = sorted(errors), min(n, len(errors))
    size = len(values)
    if n == 1:
        return sum(values) / size
    weight = [np.prod([(m - j) / (size - 1 - j) for j in range(n - 1)]) for m in range(size)]
    return float(np.dot(values, weight) * n / size)


@wrong("17.2", "the toy above")
def one_power_too_few(errors, n):
    return in_fractions(errors, max(n - 1, 1))


@wrong("17.2", "one draw is right on average")
def the_smallest(errors, n):
    return -in_fractions([-e for e in errors], n) - (n == 1)


# 17.4 ---------------------------------------------------------------------------------------------


@domain("17.4")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    s, q = float(rng.uniform(0.002, 0.01)), float(rng.choice([0, 0.1, 0.2, 0.5]))
    floor = 1.96 * s * (q / (1 - q)) ** 0.5
    lead = floor * rng.choice([0.7, 1.05, 1.2, 2, 4]) if q else s * rng.choice([-1, 0.4, 1, 3])
    return float(lead), s, q


def half(s, q, n):
    return stats.t.ppf(0.975, n - 1) * s * np.sqrt(1 / n + q / (1 - q))


@right("17.4")
def bisected(lead, s, q):
    if lead <= 0 or half(s, q, 10**9) >= lead:
        return float("inf")
    if half(s, q, 2) < lead:
        return 2
    return int(np.ceil(brentq(lambda n: half(s, q, n) - lead, 2, 10**9)))


@right("17.4")
def with_a_table(lead, s, q):
    n = np.arange(2, 100_000)
    enough = np.flatnonzero(half(s, q, n) < lead)
    return n[enough[0]] if len(enough) else np.inf


@right("17.4")
def in_a_loop(lead, s, q):
    for n in range(2, 500):
        low, _ = stats.t.interval(0.95, n - 1, loc=lead, scale=s * (1 / n + q / (1 - q)) ** 0.5)
        if low > 0:
            return n
    return np.inf


def first(lead, width):
    return next((n for n in range(2, 5_000) if width(n) < lead), np.inf)


@wrong("17.4", "t = 12.7 for two splits")
def splits_taken_for_independent(lead, s, q):
    return first(lead, lambda n: half(s, 0, n))


@wrong("17.4", "t = 12.7 for two splits")
def normal_quantile(lead, s, q):
    return first(lead, lambda n: 1.96 * s * (1 / n + q / (1 - q)) ** 0.5)


@wrong("17.4", "t = 12.7 for two splits")
def ninety_percent(lead, s, q):
    return first(lead, lambda n: stats.t.ppf(0.95, n - 1) * s * (1 / n + q / (1 - q)) ** 0.5)


@wrong("17.4", "t = 12.7 for two splits")
def degrees_of_freedom(lead, s, q):
    return first(lead, lambda n: stats.t.ppf(0.975, n) * s * (1 / n + q / (1 - q)) ** 0.5)


@wrong("17.4", "never falls below 1.96 s sqrt(q / (1 - q))")
def share_not_odds(lead, s, q):
    return first(lead, lambda n: stats.t.ppf(0.975, n - 1) * s * (1 / n + q) ** 0.5)


@wrong("17.4", "was stopped")
def for_ever(lead, s, q):
    n = 2
    while half(s, q, n) >= lead:
        n += 1
    return n


@wrong("17.4", "t = 12.7 for two splits")
def one_further(lead, s, q):
    return bisected(lead, s, q) + 1


@wrong("17.4", "stopped with an error in its line 4:\n    ZeroDivisionError")
def no_answer_for_never(lead, s, q):
    floor = 1.96 * s * (q / (1 - q)) ** 0.5
    return bisected(lead, s, q) if lead > floor else 1 / 0


@wrong("17.4", "this model is behind")
def size_of_the_lead(lead, s, q):
    return bisected(abs(lead), s, q)


@wrong("17.4", "t = 12.7 for two splits")
def without_the_root(lead, s, q):
    return first(lead, lambda n: stats.t.ppf(0.975, n - 1) * s * (1 / n + q / (1 - q)))
