"""Answers to the exercises of chapter 21."""

import math
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import torch

from recbook.exercises import Case
from tests.exercises.machinery import domain, right, wrong

# 21.1 ---------------------------------------------------------------------------------------------


@domain("21.1")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    num_items = int(rng.integers(2, 6))
    sizes = rng.integers(1, num_items, size=rng.integers(1, 4))
    seen = [sorted(rng.choice(num_items, n, replace=False).tolist()) for n in sizes]
    possible = possible_triplets(seen, num_items)
    drawn = [possible[n] for n in rng.integers(len(possible), size=30)]
    if rng.random() < 0.3:
        drawn.append((0, seen[0][0], seen[0][0]))
    return drawn, seen, num_items


def possible_triplets(seen, num_items):
    return [
        (user, item, other)
        for user, films in enumerate(seen)
        for item, other in product(films, range(num_items))
        if other not in films
    ]


def chi_square(drawn, seen, num_items, probability, possible=None):
    """With what a triplet's probability is, and which can be drawn."""
    possible = possible_triplets(seen, num_items) if possible is None else possible
    if not {*drawn} <= {*possible}:
        return math.inf
    total = 0.0
    for triplet in possible:
        expected = len(drawn) * probability(triplet[0])
        total += (drawn.count(triplet) - expected) ** 2 / expected
    return total


def fair(seen, num_items):
    return lambda user: 1 / (len(seen) * len(seen[user]) * (num_items - len(seen[user])))


@right("21.1")
def by_probability(drawn, seen, num_items):
    return chi_square(drawn, seen, num_items, fair(seen, num_items))


@right("21.1")
def with_numpy(drawn, seen, num_items):
    count = np.zeros((len(seen), num_items, num_items))
    np.add.at(count, tuple(np.array(drawn).T), 1)
    has = np.array([[item in films for item in range(num_items)] for films in seen])
    mask = has[:, :, None] & ~has[:, None, :]
    if count[~mask].any():
        return np.inf
    degree = has.sum(1)
    e = len(drawn) / (len(seen) * degree * (num_items - degree))
    return ((count - e[:, None, None]) ** 2 / e[:, None, None])[mask].sum()


@right("21.1")
def by_squares(drawn, seen, num_items):
    count, p = Counter(drawn), fair(seen, num_items)
    if any(i not in seen[u] or j in seen[u] for u, i, j in count):
        return torch.tensor(float("inf"))
    return torch.tensor(sum(n * n / p(t[0]) for t, n in count.items()) / len(drawn) - len(drawn))


@wrong("21.1", "one draw of 6")
def all_alike(drawn, seen, num_items):
    share = 1 / len(possible_triplets(seen, num_items))
    return chi_square(drawn, seen, num_items, lambda user: share)


@wrong("21.1", "one draw of 6")
def interaction_first(drawn, seen, num_items):
    number = sum(map(len, seen))
    return chi_square(
        drawn, seen, num_items, lambda user: 1 / number / (num_items - len(seen[user]))
    )


@wrong("21.1", "a triplet that never came counts, too")
def only_what_came(drawn, seen, num_items):
    if by_probability(drawn, seen, num_items) == math.inf:
        return math.inf
    return chi_square(drawn, seen, num_items, fair(seen, num_items), sorted({*drawn}))


@wrong("21.1", "is not one that it can be")
def what_cannot_be_is_left_out(drawn, seen, num_items):
    possible = possible_triplets(seen, num_items)
    total, p = 0.0, fair(seen, num_items)
    for triplet in possible:
        expected = len(drawn) * p(triplet[0])
        total += (drawn.count(triplet) - expected) ** 2 / expected
    return total


@wrong("21.1", "is not one that it can be")
def the_positive_is_not_looked_at(drawn, seen, num_items):
    if any(j in seen[u] for u, _, j in drawn):
        return math.inf
    return what_cannot_be_is_left_out(drawn, seen, num_items)


@wrong("21.1", "each triplet once, as expected")
def any_negative(drawn, seen, num_items):
    return chi_square(
        drawn, seen, num_items, lambda user: 1 / len(seen) / len(seen[user]) / num_items
    )


@wrong("21.1", "gave\n    5")
def divided_by_the_count(drawn, seen, num_items):
    if by_probability(drawn, seen, num_items) == math.inf:
        return math.inf
    p, count = fair(seen, num_items), Counter(drawn)
    return sum(
        (count[t] - len(drawn) * p(t[0])) ** 2 / max(count[t], 1)
        for t in possible_triplets(seen, num_items)
    )


@wrong("21.1", "expected\n    4")
def the_mean(drawn, seen, num_items):
    number = len(possible_triplets(seen, num_items))
    return by_probability(drawn, seen, num_items) / number


# 21.2 ---------------------------------------------------------------------------------------------


@domain("21.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    number = int(rng.integers(3, 8))
    seen = np.flatnonzero(rng.random(number) < 0.4)[:-1].tolist()
    hidden = np.flatnonzero(rng.random(number) < 0.4).tolist()
    return seen, hidden, rng.integers(1, 9, size=number).tolist()


@right("21.2")
def with_masks(seen, hidden, weight):
    weight = np.array(weight, dtype=float)
    weight[seen] = 0
    return weight[hidden].sum() / weight.sum()


@right("21.2")
def with_sets(seen, hidden, weight):
    others = {*range(len(weight))} - {*seen}
    return sum(weight[f] for f in others & {*hidden}) / sum(weight[f] for f in others)


@right("21.2")
def with_torch(seen, hidden, weight):
    share = torch.tensor(weight, dtype=torch.float64)
    share[torch.tensor(seen, dtype=torch.long)] = 0
    return (share / share.sum())[torch.tensor(hidden, dtype=torch.long)].sum()


def shared(seen, hidden, weight, over=(), of=()):
    left = sum(each for film, each in enumerate(weight) if film not in over)
    return sum(weight[film] for film in hidden if film not in of) / left


@wrong("21.2", "one of three films is hidden")
def among_all_films(seen, hidden, weight):
    return shared(seen, hidden, weight, of=seen)


@wrong("21.2", "in proportion to the weights")
def by_number(seen, hidden, weight):
    return shared(seen, hidden, [1] * len(weight), seen, seen)


@wrong("21.2", "that is both seen and hidden is never drawn")
def seen_and_hidden(seen, hidden, weight):
    return shared(seen, hidden, weight, over=seen)


@wrong("21.2", "expected\n    0.33333")
def odds(seen, hidden, weight):
    return shared(seen, hidden, weight, over=[*seen, *hidden], of=seen)


@wrong("21.2", "expected\n    0.33333")
def weights_alone(seen, hidden, weight):
    return sum(weight[film] for film in hidden if film not in seen)


@wrong("21.2", "expected\n    0.33333")
def what_is_not_hidden(seen, hidden, weight):
    return 1 - with_masks(seen, hidden, weight)


# 21.3 ---------------------------------------------------------------------------------------------


@domain("21.3")
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


@right("21.3")
def with_shares(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed)


@right("21.3")
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


@right("21.3")
def with_multinomial(users, train_user, train_item, seed):
    count = torch.bincount(train_item).float()
    weight = count.repeat(int(users.max()) + 1, 1)
    here = train_user < len(weight)
    weight[train_user[here], train_item[here]] = 0
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(weight[users], 1, generator=generator).flatten()


@wrong("21.3", "film 0 is 100% of the negatives of user 0, expected near 57%")
def always_the_most_popular(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, lambda count: count**50)


@wrong("21.3", "expected near 57%")
def uniform(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, np.ones_like)


@wrong("21.3", "expected near 57%")
def root_of_popularity(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, np.sqrt)


@wrong("21.3", "of the negatives of user 0")
def seen_films_too(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, known=False)


@wrong("21.3", "of the negatives of user 0")
def drawn_again_once(users, train_user, train_item, seed):
    draws = [by_shares(users, train_user, train_item, seed + n, known=False) for n in range(2)]
    pairs = users * 10 + draws[0]
    bad = torch.isin(pairs, train_user * 10 + train_item)
    return torch.where(bad, draws[1], draws[0])


@wrong("21.3", "of the negatives of user 1")
def seen_by_user_0(users, train_user, train_item, seed):
    return by_shares(users * 0, train_user, train_item, seed)


@wrong("21.3", "1 films, expected 6000, one for each entry")
def one_film(users, train_user, train_item, seed):
    return by_shares(users[:1], train_user, train_item, seed)


@wrong("21.3", "expected near 57%")
def popularity_of_users(users, train_user, train_item, seed):
    return by_shares(users, train_user, train_item, seed, lambda count: 1 / count)
