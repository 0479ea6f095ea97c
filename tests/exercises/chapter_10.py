"""Answers to the exercises of chapter 10."""

import math
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from tests.exercises.machinery import domain, right, wrong

# 10.3 ---------------------------------------------------------------------------------------------


@domain("10.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    scores = rng.normal(scale=3, size=rng.integers(1, 5)) + rng.choice([0, 0, 1000, -1000])
    return scores.tolist(), float(rng.choice([0.1, 0.23, 1, 2]))


@right("10.3")
def plain(scores, tau):
    top = max(scores)
    e = [math.exp((s - top) / tau) for s in scores]
    return [one / sum(e) for one in e]


@right("10.3")
def with_torch(scores, tau):
    return torch.softmax(torch.tensor(scores, dtype=torch.double) / tau, dim=0)


@right("10.3")
def with_differences(scores, tau):
    z = np.array(scores) / tau
    with np.errstate(over="ignore"):
        return tuple(1 / np.exp(z[None] - z[:, None]).sum(1))


@wrong("10.3", "exp(1000) overflows")
def as_written(scores, tau):
    e = np.exp(np.array(scores) / tau)
    return e / e.sum()


@wrong("10.3", "subtract the largest first")
def fails_on_overflow(scores, tau):
    e = [math.exp(s / tau) for s in scores]
    return [one / sum(e) for one in e]


@wrong("10.3", "cut off, they tie")
def clipped(scores, tau):
    e = np.exp(np.clip(np.array(scores) / tau, -700, 700))
    return e / e.sum()


@wrong("10.3", "exp(-1000) is 0")
def clipped_above(scores, tau):
    z = np.array(scores) / tau
    e = np.exp(z - max(z.max(), 0))
    return e / e.sum()


@wrong("10.3", "10 / tau is 1000")
def shifted_by_the_wrong_scale(scores, tau):
    z = np.array(scores)
    e = np.exp(z / tau - z.max())
    return e / e.sum()


@wrong("10.3", "the toy's squares")
def without_tau(scores, tau):
    return softmax(scores)


@wrong("10.3", "the toy's squares")
def times_tau(scores, tau):
    return softmax(np.array(scores) * tau)


@wrong("10.3", "equal scores, equal shares")
def not_divided_by_the_sum(scores, tau):
    z = np.array(scores) / tau
    return np.exp(z - z.max())


@wrong("10.3", "the toy above")
def linear(scores, tau):
    z = np.array(scores) / tau
    return z / z.sum() if z.sum() else np.full(len(z), 1 / len(z))


@wrong("10.3", "equal scores, equal shares")
def logarithms(scores, tau):
    return np.log(softmax(np.array(scores) / tau))


# 10.4 ---------------------------------------------------------------------------------------------


@domain("10.4")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    scores = rng.normal(size=rng.integers(2, 5)) + rng.choice([0, 1000])
    mine = rng.random(len(scores)) < 0.5
    mine[rng.integers(len(mine))] = True
    return scores.tolist(), mine.tolist(), float(rng.choice([0.1, 0.5, 1, 2]))


@right("10.4")
def with_loops(scores, mine, tau):
    p, n = plain(scores, tau), sum(mine)
    return [(share - (1 / n if own else 0)) / tau for share, own in zip(p, mine, strict=True)]


@right("10.4")
def film_by_film(scores, mine, tau):
    p, total = softmax(np.array(scores) / tau), np.zeros(len(scores))
    for i in np.flatnonzero(mine):
        push = p.copy()
        push[i] -= 1
        total += push
    return total / np.sum(mine) / tau


@right("10.4")
def in_torch(scores, mine, tau):
    wanted = torch.tensor(mine).double()
    return torch.softmax(torch.tensor(scores).double() / tau, 0) / tau - wanted / wanted.sum() / tau


@wrong("10.4", "each wants 1/2")
def sum_of_losses(scores, mine, tau):
    n = sum(mine)
    return (n * softmax(np.array(scores) / tau) - np.array(mine)) / tau


@wrong("10.4", "each wants 1/2")
def one_from_each(scores, mine, tau):
    return (softmax(np.array(scores) / tau) - np.array(mine)) / tau


@wrong("10.4", "divides by tau")
def without_the_chain_rule(scores, mine, tau):
    return softmax(np.array(scores) / tau) - np.array(mine) / np.sum(mine)


@wrong("10.4", "divides by tau")
def times_the_temperature(scores, mine, tau):
    return (softmax(np.array(scores) / tau) - np.array(mine) / np.sum(mine)) * tau


@wrong("10.4", "shares of a half, less 1")
def turned_round(scores, mine, tau):
    return (np.array(mine) / np.sum(mine) - softmax(np.array(scores) / tau)) / tau


@wrong("10.4", "exercise 10.2")
def tau_outside_alone(scores, mine, tau):
    return (softmax(scores) - np.array(mine) / np.sum(mine)) / tau


@wrong("10.4", "overflows, as in 10.3")
def overflows(scores, mine, tau):
    return (as_written(scores, tau) - np.array(mine) / np.sum(mine)) / tau


@wrong("10.4", "for the third film")
def always_the_first(scores, mine, tau):
    return (softmax(np.array(scores) / tau) - (np.arange(len(scores)) == 0)) / tau


@wrong("10.4", "shares of a half, less 1")
def negatives_alone(scores, mine, tau):
    return softmax(np.array(scores) / tau) * ~np.array(mine) / tau
