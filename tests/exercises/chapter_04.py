"""Answers to the exercises of chapter 4."""

import bisect
import itertools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from recbook.exercises import Case
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


# 4.5 ----------------------------------------------------------------------------------------------


@domain("4.5")
def _(rng: np.random.Generator) -> Case:
    """A user with other films each time, and how often each film has to be drawn."""
    films, number = 5, 500
    table = rng.integers(2, size=(4, films))
    table[1:, 0], table[0, 0], table[1, 1], table[0, 1] = 1, 0, 1, 0
    user, film = (torch.from_numpy(side) for side in table.nonzero())
    user = torch.cat([torch.tensor([4]), user])  # somebody who has the last film
    film = torch.cat([torch.tensor([2]), film])
    share = np.bincount(film, minlength=films) * (1 - table[0])
    share = share / share.sum()

    def off(drawn: list[int]) -> str:
        got = np.bincount(drawn, minlength=films) / number
        wrong = len(drawn) != number or len(got) > films or np.abs(got - share).max() > 0.1
        return "wrong" if wrong or (got * (share == 0)).any() else ""

    users = torch.zeros(number, dtype=torch.long)
    return Case((users, user, film, int(rng.integers(100))), off, "shares")


def by_shares(users, train_user, train_item, seed, weigh=lambda count: count, known=True):
    rng = np.random.default_rng(seed)
    count = np.bincount(train_item.numpy()).astype(float)
    drawn = torch.zeros_like(users)
    for user in users.unique():
        weight = weigh(count)
        if known:
            weight = weight * ~np.isin(np.arange(len(count)), train_item[train_user == user])
        where = users == user
        number = int(where.sum())
        drawn[where] = torch.from_numpy(rng.choice(len(count), number, p=weight / weight.sum()))
    return drawn


@right("4.5")
def with_shares(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed)


@right("4.5")
def one_at_a_time(users, train_user, train_item, seed):
    rng = np.random.default_rng(seed)
    known, films = set(zip(train_user.tolist(), train_item.tolist(), strict=True)), train_item
    drawn = []
    for user in users.tolist():
        film = int(films[rng.integers(len(films))])
        while (user, film) in known:
            film = int(films[rng.integers(len(films))])
        drawn.append(film)
    return drawn


@right("4.5")
def with_multinomial(users, train_user, train_item, seed):
    count = torch.bincount(train_item).float()
    weight = count.repeat(int(users.max()) + 1, 1)
    here = train_user < len(weight)
    weight[train_user[here], train_item[here]] = 0
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(weight[users], 1, generator=generator).flatten()


@wrong("4.5", "film 0 is 100% of the negatives of user 0, expected near 57%")
def always_the_most_popular(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, lambda count: count**50)


@wrong("4.5", "expected near 57%")
def uniform(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, np.ones_like)


@wrong("4.5", "expected near 57%")
def root_of_popularity(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, np.sqrt)


@wrong("4.5", "of the negatives of user 0")
def seen_films_too(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, known=False)


@wrong("4.5", "of the negatives of user 0")
def drawn_again_once(users, train_user, train_item, seed):
    draws = [by_shares(users, train_user, train_item, seed + n, known=False) for n in range(2)]
    pairs = users * 10 + draws[0]
    bad = torch.isin(pairs, train_user * 10 + train_item)
    return torch.where(bad, draws[1], draws[0])


@wrong("4.5", "of the negatives of user 1")
def seen_by_user_0(users, train_user, train_item, seed):
    return by_shares(users * 0, train_user, train_item, seed)


@wrong("4.5", "1 films, expected 6000, one for each entry")
def one_film(users, train_user, train_item, seed):
    return by_shares(users[:1], train_user, train_item, seed)


@wrong("4.5", "expected near 57%")
def popularity_of_users(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, lambda count: 1 / count)
