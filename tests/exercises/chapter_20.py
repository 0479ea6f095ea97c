"""Answers to the exercises of chapter 20."""

from functools import cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from tests.exercises.machinery import domain, right, wrong

# 20.2 ---------------------------------------------------------------------------------------------


@domain("20.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.integers(1, 9, size=rng.integers(1, 8)).tolist(), int(rng.integers(1, 5))


def blocks(degrees, limit):
    number, load = 1, 0
    for degree in degrees:
        if load + degree > limit:
            number, load = number + 1, 0
        load += degree
    return number


@right("20.2")
def table_of_best(degrees, H):
    sums = np.concatenate([[0], np.cumsum(degrees)])
    best = sums.astype(float)
    for _ in range(H - 1):
        best = [
            min(max(best[m], sums[n] - sums[m]) for m in range(n + 1)) for n in range(len(sums))
        ]
    return best[-1]


@right("20.2")
def limit_by_limit(degrees, H):
    limit = max(degrees)
    while blocks(degrees, limit) > H:
        limit += 1
    return limit


@right("20.2")
def recursively(degrees, H):
    @cache
    def best(first, left):
        if left == 1:
            return sum(degrees[first:])
        load, found = 0, sum(degrees[first:])
        for n in range(first, len(degrees)):
            load += degrees[n]
            if load >= found:
                break
            found = min(found, max(load, best(n + 1, left - 1)))
        return found

    return best(0, H)


@wrong("20.2", "not as many users each")
def as_many_users(degrees, H):
    return max(block.sum() for block in np.array_split(degrees, H) if len(block))


@wrong("20.2", "15 / 3 is 5, but no block has 5")
def the_mean(degrees, H):
    return max(max(degrees), -(-sum(degrees) // H))


@wrong("20.2", "not as many users each")
def the_mean_alone(degrees, H):
    return -(-sum(degrees) // H)


@wrong("20.2", "4 + 1 twice cannot be had")
def largest_first(degrees, H):
    loads = [0] * H
    for degree in sorted(degrees, reverse=True):
        loads[loads.index(min(loads))] += degree
    return max(loads)


@wrong("20.2", "many cuts: do not try all")
def all_cuts(degrees, H):
    if len(degrees) < H:
        return max(degrees)
    sums = np.concatenate([[0], np.cumsum(degrees)]).tolist()
    best = sum(degrees)
    for cuts in combinations(range(1, len(degrees)), H - 1):
        ends = [sums[n] for n in (0, *cuts, len(degrees))]
        best = min(best, max(b - a for a, b in pairwise(ends)))
    return best


@wrong("20.2", "4 + 1 twice cannot be had")
def full_at_the_mean(degrees, H):
    mean, loads = sum(degrees) / H, [0]
    for degree in degrees:
        if loads[-1] >= mean and len(loads) < H:
            loads.append(0)
        loads[-1] += degree
    return max(loads)


@wrong("20.2", "two processes have nothing to do")
def one_for_each(degrees, H):
    if len(degrees) < H:
        raise ValueError("more processes than users")
    return limit_by_limit(degrees, H)


@wrong("20.2", "gave\n    [4, 4]")
def all_blocks(degrees, H):
    limit, loads = limit_by_limit(degrees, H), [0]
    for degree in degrees:
        if loads[-1] + degree > limit:
            loads.append(0)
        loads[-1] += degree
    return loads
