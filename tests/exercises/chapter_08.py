"""Answers to the exercises of chapter 8."""

from collections.abc import Callable
from itertools import product
from math import sqrt
from typing import Any

import numpy as np
import torch

from tests.exercises.machinery import domain, right, wrong

Interval = Callable[..., Any]

# 8.1 ----------------------------------------------------------------------------------------------


@domain("8.1")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    low, width = rng.normal(), rng.random()
    return low, low + width, int(rng.integers(2, 30)), float(rng.uniform(0.05, 0.5))


def corrected(low, high, factor):
    middle, half = (low + high) / 2, (high - low) / 2
    return middle - factor * half, middle + factor * half


@right("8.1")
def as_a_ratio_of_roots(low, high, n, q):
    more = (sqrt(1 / n + q / (1 - q)) / sqrt(1 / n) - 1) * (high - low) / 2
    return [low - more, high + more]


@right("8.1")
def by_way_of_t_times_s(low, high, n, q):
    t_times_s = (high - low) / 2 * n**0.5
    return np.mean([low, high]) + np.array([-1, 1]) * t_times_s * (1 / n + q / (1 - q)) ** 0.5


@right("8.1")
def with_a_tensor(low, high, n, q):
    ends = torch.tensor([low, high], dtype=torch.double)
    return ends.mean() + (ends - ends.mean()) * (1 + n * q / (1 - q)) ** 0.5


@wrong("8.1", "root of 1/12 + 1/4")
def always_half_as_wide_again(low, high, n, q):
    return corrected(low, high, 1.5)


@wrong("8.1", "gave\n    [-1.8284, 3.8284]")
def share_for_odds(low, high, n, q):
    return corrected(low, high, sqrt(1 + n * q))


@wrong("8.1", "gave\n    [-1.5, 4.5]")
def ends_times_the_factor(low, high, n, q):
    factor = sqrt(1 + n * q / (1 - q))
    return low * factor, high * factor


@wrong("8.1", "gave\n    [-3.5, 5.5]")
def without_the_root(low, high, n, q):
    return corrected(low, high, 1 + n * q / (1 - q))


@wrong("8.1", "gave\n    [-0.34164, 2.3416]")
def takes_the_width_for_a_spread(low, high, n, q):
    return corrected(low, high, sqrt(1 / n + q / (1 - q)))


@wrong("8.1", "the middle stays")
def narrower(low, high, n, q):
    return corrected(low, high, 1 / sqrt(1 + n * q / (1 - q)))


@wrong("8.1", "expected\n    [-2, 4]")
def high_end_first(low, high, n, q):
    return corrected(low, high, -sqrt(1 + n * q / (1 - q)))


@wrong("8.1", "gave\n    3")
def half_width_alone(low, high, n, q):
    return (high - low) / 2 * sqrt(1 + n * q / (1 - q))


@wrong("8.1", "gave\n    [-3, 3]")
def around_zero(low, high, n, q):
    half = half_width_alone(low, high, n, q)
    return -half, half


# 8.2 ----------------------------------------------------------------------------------------------


def students(a, b, root=0.5, t=1.96):
    lead = np.asarray(a) - np.asarray(b)
    half = t * np.std(lead, ddof=1) / len(lead) ** root
    return np.mean(lead) - half, np.mean(lead) + half


@domain("8.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    first, t = int(rng.integers(1, 20)), float(rng.uniform(1, 3))
    kinds: list[Interval] = [
        lambda a, b: students(a, b, t=t),
        lambda a, b: students(np.sort(a), np.sort(b), t=t),
        lambda a, b: students(a[first:], b[first:], t=t),
        lambda a, b: students(a[:-first], b[:-first], t=t),
        lambda a, b: students(a, b, root=0, t=t),
    ]
    return (kinds[rng.integers(len(kinds))],)


@right("8.2")
def by_shuffling(interval):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=60), rng.normal(size=60)
    ends = np.array(interval(a, b))
    if max(abs(ends - interval(a, rng.permutation(b)))) < 1e-9:
        return "pairs"
    order = rng.permutation(60)
    if max(abs(ends - interval(a[order], b[order]))) > 1e-9:
        return "users"
    more = np.diff(interval(np.repeat(a, 9), np.repeat(b, 9)))
    return "none" if more < np.diff(ends) / 2 else "width"


@right("8.2")
def from_a_few_users(interval):
    a, b = np.arange(24.0) ** 2 % 17, np.zeros(24)
    low, high = interval(a, b)
    noticed = [interval(a + 5 * np.eye(24)[user], b) for user in range(24)]
    if any(np.allclose(ends, (low, high)) for ends in noticed):
        return "users"
    one, other = interval(a, a), interval(a, a[::-1])
    if abs(one[1] - one[0] - other[1] + other[0]) < 1e-9:
        return "pairs"
    last = interval(np.tile(a, 100), np.tile(b, 100))
    return "width" if last[1] - last[0] > (high - low) / 5 else "none"


@right("8.2")
def by_known_leads(interval):
    a = np.linspace(0, 1, 50)
    low, high = interval(a, a)  # the same recalls: each lead is 0
    turned = interval(a, a[::-1])
    if turned[1] - turned[0] < 1e-9 or high - low > 1e-9:
        return "pairs"
    if any(np.ptp(interval(a + (np.arange(50) == user), a)) < 1e-9 for user in range(50)):
        return "users"
    small, large = (np.tile([0.0, 1.0], n) for n in (25, 100))
    shrinks = np.ptp(interval(large, 0 * large)) / np.ptp(interval(small, 0 * small))
    return "none" if shrinks < 0.7 else "width"


@wrong("8.2", "has none of the bugs")
def always_pairs(interval):
    return "pairs"


@wrong("8.2", "give b in another order")
def sees_none(interval):
    return "none"


@wrong("8.2", "two intervals made one")
def sees_sorting_alone(interval):
    a = np.linspace(0, 1, 50)
    ends = interval(a, a[::-1])
    return "pairs" if np.ptp(ends) < 1e-9 else by_shuffling(interval).replace("pairs", "none")


@wrong("8.2", "the last is out")
def tries_the_first_user_alone(interval):
    found = by_shuffling(interval)
    a, b = np.random.default_rng(1).random((2, 50))
    same = np.allclose(interval(a, b), interval(a + (np.arange(50) == 0), b))
    return "none" if found == "users" and not same else found


@wrong("8.2", "all but 20")
def takes_twenty_users(interval):
    a, b = np.random.default_rng(1).random((2, 20))
    found = by_shuffling(interval)
    unlike = np.ptp([sum(interval(a, b)), 2 * np.mean(a - b)]) > 1e-9
    return "none" if found == "users" and not unlike else found


@wrong("8.2", "the interval must be half as wide")
def never_adds_users(interval):
    return by_shuffling(interval).replace("width", "none")


@wrong("8.2", "gave\n    True")
def whether_it_is_good(interval):
    return by_shuffling(interval) == "none"


@wrong("8.2", "stopped with an error")
def calls_it_with_leads(interval):
    a, b = np.random.default_rng(1).random((2, 50))
    return "none" if np.ptp(interval(a - b)) else "pairs"


# 8.3 ----------------------------------------------------------------------------------------------


@domain("8.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.integers(1, 5))
    return rng.integers(0, 7, size=n).tolist(), rng.integers(0, 7, size=n).tolist()


@right("8.3")
def with_numpy(a, b):
    lead = np.subtract(a, b)
    signs = np.array(list(product([-1, 1], repeat=len(lead))))
    return np.mean(np.abs(signs @ lead) > abs(lead.sum()) - 1e-9)


@right("8.3")
def by_recursion(a, b):
    def larger(rest, total):
        if not rest:
            return abs(total) >= least
        return larger(rest[1:], total + rest[0]) + larger(rest[1:], total - rest[0])

    lead = [x - y for x, y in zip(a, b, strict=True)]
    least = abs(sum(lead)) * (1 - 1e-12) - 1e-12
    return larger(lead, 0) / 2 ** len(lead)


@right("8.3")
def by_bits(a, b):
    lead = [round(1000 * (x - y)) for x, y in zip(a, b, strict=True)]
    sums = [
        sum(g if bits >> n & 1 else -g for n, g in enumerate(lead)) for bits in range(2 ** len(a))
    ]
    return torch.tensor([abs(s) >= abs(sum(lead)) for s in sums]).double().mean()


def shares(lead, large):
    choices = list(product([-1, 1], repeat=len(lead)))
    sums = [sum(s * g for s, g in zip(choice, lead, strict=True)) for choice in choices]
    return sum(map(large, sums)) / len(sums)


def leads(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


@wrong("8.3", "count leads as large either way")
def one_side(a, b):
    return shares(leads(a, b), lambda total: total >= sum(leads(a, b)) - 1e-9)


@wrong("8.3", "gave\n    0.125")
def larger_alone(a, b):
    return shares(leads(a, b), lambda total: abs(total) > abs(sum(leads(a, b))) + 1e-9)


@wrong("8.3", "compare sizes, not signs")
def signed(a, b):
    return shares(leads(a, b), lambda total: abs(total) >= sum(leads(a, b)) - 1e-9)


@wrong("8.3", "forgive 1e-9")
def exact(a, b):
    return shares(leads(a, b), lambda total: abs(total) >= abs(sum(leads(a, b))))


@wrong("8.3", "the pairs as they stand")
def sorted_first(a, b):
    return with_numpy(sorted(a), sorted(b)) if len(a) == 3 else with_numpy(a, b)


@wrong("8.3", "gave\n    6\nexpected")
def a_count(a, b):
    return with_numpy(a, b) * 2 ** len(a)


@wrong("8.3", "gave\n    0.625")
def the_rest(a, b):
    return 1 - with_numpy(a, b)


@wrong("8.3", "both signs give a lead as large")
def without_the_given_signs(a, b):
    p, number = with_numpy(a, b), 2 ** len(a)
    return p if len(a) > 1 else (p * number - 1) / number
