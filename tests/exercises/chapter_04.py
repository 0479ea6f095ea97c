"""Answers to the exercises of chapter 4."""

import bisect
import itertools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tests.exercises.machinery import domain, right, wrong


def normal(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal(shape)).float()


# 4.2 ----------------------------------------------------------------------------------------------


@domain("4.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    d = int(rng.integers(1, 4))
    return normal(rng, d), normal(rng, d), normal(rng, d), float(rng.random())


@right("4.2")
def with_autograd(user_vec, item_vec, neg_vec, lr):
    vectors = [v.clone().requires_grad_() for v in (user_vec, item_vec, neg_vec)]
    user, item, neg = vectors
    F.softplus(user @ neg - user @ item).backward()
    return [v - lr * v.grad for v in vectors]


@right("4.2")
def with_numpy(user_vec, item_vec, neg_vec, lr):
    u, i, j = (v.numpy() for v in (user_vec, item_vec, neg_vec))
    surprise = 1 / (1 + np.exp(u @ i - u @ j))
    return u + lr * surprise * (i - j), i + lr * surprise * u, j - lr * surprise * u


@right("4.2")
def as_table(user_vec, item_vec, neg_vec, lr):
    delta = torch.dot(user_vec, item_vec - neg_vec)
    slopes = torch.stack([item_vec - neg_vec, user_vec, -user_vec])
    return torch.stack([user_vec, item_vec, neg_vec]) + lr * (1 - delta.sigmoid()) * slopes


def step(u, i, j, lr, surprise=None, towards=None):
    surprise = torch.sigmoid(-(u @ (i - j))) if surprise is None else surprise
    return (
        u + lr * surprise * (i - j if towards is None else towards),
        i + lr * surprise * u,
        (j - lr * surprise * u),
    )


@wrong("4.2", "smaller where the order is right")
def confidence_for_surprise(u, i, j, lr):
    return step(u, i, j, lr, torch.sigmoid(u @ (i - j)))


@wrong("4.2", "gave\n    [[1], [-0.5], [0.5]]")
def uphill(u, i, j, lr):
    return step(u, i, j, -lr)


@wrong("4.2", "a tie has surprise 1/2")
def without_surprise(u, i, j, lr):
    return step(u, i, j, lr, 1.0)


@wrong("4.2", "the user moves along the positive minus the negative")
def towards_the_positive(u, i, j, lr):
    return step(u, i, j, lr, towards=i)


@wrong("4.2", "gave\n    [[1, -0.25], [1.5, 0.875], [0.5, 1.625]]")
def films_from_the_new_user(u, i, j, lr):
    surprise = torch.sigmoid(-(u @ (i - j)))
    u = u + lr * surprise * (i - j)
    if len(u) == 1:
        return step(torch.ones(1), i, j, lr)
    return u, i + lr * surprise * u, j - lr * surprise * u


@wrong("4.2", "the two films move apart")
def negative_left_alone(u, i, j, lr):
    return *step(u, i, j, lr)[:2], j


@wrong("4.2", "the two films move apart")
def films_first(u, i, j, lr):
    u, i, j = step(u, i, j, lr)
    return i, j, u


@wrong("4.2", "one surprise")
def a_surprise_for_each_number(u, i, j, lr):
    return step(u, i, j, lr, torch.sigmoid(-(u * (i - j))))


@wrong("4.2", "smaller where the order is right")
def always_half(u, i, j, lr):
    return step(u, i, j, lr, 0.5)


@wrong("4.2", "changed what it was given")
def in_place(u, i, j, lr):
    new = step(u, i, j, lr)
    for old, fresh in zip((u, i, j), new, strict=True):
        old[:] = fresh
    return u, i, j


# 4.3 ----------------------------------------------------------------------------------------------


@domain("4.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    number, size = int(rng.integers(1, 4)), float(10 ** rng.integers(4))
    return size * normal(rng, number), size * normal(rng, number)


@right("4.3")
def log_sigmoid(pos_score, neg_score):
    return -F.logsigmoid(pos_score - neg_score).mean()


@right("4.3")
def log_add_exp(pos_score, neg_score):
    return np.logaddexp(0, (neg_score - pos_score).numpy()).mean()


@right("4.3")
def by_cases(pos_score, neg_score):
    delta = (pos_score - neg_score).double()
    return float((torch.clamp(-delta, min=0) + torch.log1p(torch.exp(-delta.abs()))).mean())


@wrong("4.3", "gave\n    inf")
def naive(pos_score, neg_score):
    return -torch.sigmoid(pos_score - neg_score).log().mean()


@wrong("4.3", "sigmoid(-200) is 0 in floats")
def with_an_epsilon(pos_score, neg_score):
    return -(torch.sigmoid(pos_score - neg_score) + 1e-10).log().mean()


@wrong("4.3", "no clipping")
def clipped(pos_score, neg_score):
    delta = (pos_score - neg_score).double().clamp(-700, 700)
    return torch.log1p(torch.exp(-delta)).mean()


@wrong("4.3", "the right order costs little")
def turned_round(pos_score, neg_score):
    return F.softplus(pos_score - neg_score).mean()


@wrong("4.3", "the mean of the losses")
def loss_of_the_mean(pos_score, neg_score):
    return F.softplus((neg_score - pos_score).mean())


@wrong("4.3", "and not the sum")
def sum_of_losses(pos_score, neg_score):
    return F.softplus(neg_score - pos_score).sum()


@wrong("4.3", "a tie costs ln 2")
def hinge(pos_score, neg_score):
    return F.relu(1 - pos_score + neg_score).mean()


@wrong("4.3", "expected\n    0.69315")
def without_the_sign(pos_score, neg_score):
    return F.logsigmoid(pos_score - neg_score).mean()


@wrong("4.3", "gave\n    [0.048587, 1.3133]")
def one_a_triplet(pos_score, neg_score):
    losses = F.softplus(neg_score - pos_score)
    return losses if len(losses) > 1 else losses[0]


# 4.4 ----------------------------------------------------------------------------------------------


@domain("4.4")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    seen = np.sort(rng.choice(12, size=rng.integers(8), replace=False)).tolist()
    return seen, int(rng.integers(9))


@right("4.4")
def by_halving(seen, rank):
    low, high = 0, len(seen)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if seen[middle] - middle <= rank else (low, middle)
    return rank + low


@right("4.4")
def with_bisect(seen, rank):
    return rank + bisect.bisect_right([film - n for n, film in enumerate(seen)], rank)


@right("4.4")
def with_search(seen, rank):
    before = np.array(seen, dtype=np.int64) - np.arange(len(seen))
    return rank + np.searchsorted(before, rank, side="right")


@right("4.4")
def by_gaps(seen, rank):
    previous = -1
    for film in seen:
        gap = film - previous - 1
        if rank < gap:
            break
        rank, previous = rank - gap, film
    return previous + 1 + rank


@wrong("4.4", "it ran 20,001 lines")
def one_after_the_other(seen, rank):
    film = 0
    while True:
        if film not in seen:
            if rank == 0:
                return film
            rank -= 1
        film += 1


@wrong("4.4", "it held room for")
def with_a_list(seen, rank):
    return sorted({*range(rank + len(seen) + 1)} - {*seen})[rank]


@wrong("4.4", "it held room for")
def with_an_array(seen, rank):
    return np.setdiff1d(np.arange(rank + len(seen) + 1), seen)[rank]


@wrong("4.4", "RuntimeError")
def with_a_mask(seen, rank):
    size = rank + max([*seen, 0]) + 3
    free = torch.ones(size, dtype=torch.bool)
    free[seen] = False
    return free.nonzero().flatten()[rank]


@wrong("4.4", "it ran 20,001 lines")
def lazily(seen, rank):
    known = set(seen)
    free = (film for film in itertools.count() if film not in known)
    return next(itertools.islice(free, rank, None))


@wrong("4.4", "both seen films come before it")
def strictly_below(seen, rank):
    film = rank
    for position in seen:
        film += position < film
    return film


@wrong("4.4", "both seen films come before it")
def below_the_rank(seen, rank):
    return rank + sum(film <= rank for film in seen)


@wrong("4.4", "unseen are 1, 3, 5, 7, ...")
def pushed_once(seen, rank):
    film = rank + sum(other <= rank for other in seen)
    return film + (film in seen)


@wrong("4.4", "no seen film comes before film 0")
def all_seen(seen, rank):
    return rank + len(seen)


@wrong("4.4", "nothing is seen")
def from_one(seen, rank):
    return with_bisect(seen, rank) + 1
