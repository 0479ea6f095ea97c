"""Answers to the exercises of chapter 2."""

import math
from typing import Any

import numpy as np
import torch
from sklearn.metrics.pairwise import cosine_similarity

from tests.exercises.machinery import domain, right, wrong

# 2.2 ----------------------------------------------------------------------------------------------


@domain("2.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    users, k = int(rng.integers(1, 4)), int(rng.integers(1, 6))
    shown = [rng.choice(9, size=5, replace=False).tolist() for _ in range(users)]
    for one in shown:
        for place in range(int(rng.integers(2, 7)), 5):
            one[place] = -1
    hidden = [set(rng.choice(9, size=rng.integers(4), replace=False).tolist()) for _ in shown]
    hidden[0] |= {3}
    return shown, hidden, k


def shares(lists, hidden, k, of=lambda shown, wanted: len(wanted)):
    found = [
        sum(film in wanted for film in shown[:k]) / max(of(shown[:k], wanted), 1)
        for shown, wanted in zip(lists, hidden, strict=True)
    ]
    return found, [len(wanted) for wanted in hidden]


@right("2.2")
def with_loops(lists, hidden, k):
    found, number = shares(lists, hidden, k)
    return np.mean([share for share, many in zip(found, number, strict=True) if many])


@right("2.2")
def with_sets(lists, hidden, k):
    return np.nanmean(
        [
            len(set(shown[:k]) & wanted) / len(wanted) if wanted else np.nan
            for shown, wanted in zip(lists, hidden, strict=True)
        ]
    )


@right("2.2")
def with_tensors(lists, hidden, k):
    wanted = torch.zeros(len(hidden), 20)
    for user, films in enumerate(hidden):
        wanted[user, list(films)] = 1
    some = wanted.sum(1) > 0
    top = torch.tensor(lists)[:, :k]
    hits = wanted.gather(1, top.clamp(min=0)) * (top >= 0)
    return (hits.sum(1)[some] / wanted.sum(1)[some]).mean()


@wrong("2.2", "each user counts the same")
def pooled(lists, hidden, k):
    hits = sum(len(set(s[:k]) & w) for s, w in zip(lists, hidden, strict=True))
    return hits / sum(map(len, hidden))


@wrong("2.2", "ZeroDivisionError")
def divides_by_zero(lists, hidden, k):
    total = 0
    for shown, wanted in zip(lists, hidden, strict=True):
        total += len(wanted & set(shown[:k])) / len(wanted)
    return total / len(lists)


@wrong("2.2", "who has no hidden film does not count")
def counts_everybody(lists, hidden, k):
    return np.mean(shares(lists, hidden, k)[0])


@wrong("2.2", "stands below rank k")
def whole_list(lists, hidden, k):
    return with_loops(lists, hidden, 100)


@wrong("2.2", "divide by all 4 hidden films")
def precision(lists, hidden, k):
    found = [sum(f in w for f in s[:k]) / k for s, w in zip(lists, hidden, strict=True) if w]
    return sum(found) / len(found)


@wrong("2.2", "divide by all 4 hidden films")
def of_the_most_possible(lists, hidden, k):
    found = [len(set(s[:k]) & w) / min(k, len(w)) for s, w in zip(lists, hidden, strict=True) if w]
    return sum(found) / len(found)


@wrong("2.2", "-1 is no film")
def last_for_minus_one(lists, hidden, k):
    films = sorted(set().union(*hidden))
    return with_loops([[films[-1] if f == -1 else f for f in s] for s in lists], hidden, k)


@wrong("2.2", "gave\n    [0.66667]")
def one_a_user(lists, hidden, k):
    return shares(lists, hidden, k)[0]


# 2.3 ----------------------------------------------------------------------------------------------


@domain("2.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    shown = rng.permutation(list("abcdef"))[: rng.integers(1, 7)].tolist()
    hidden = set(rng.permutation(list("abcdefgh"))[: rng.integers(1, 6)].tolist())
    return shown, hidden, int(rng.integers(1, 7))


def gains(n, base=2):
    return [math.log(base) / math.log(rank + 2) for rank in range(n)]


@right("2.3")
def with_numpy(recommended, relevant, k):
    hit = np.array([item in relevant for item in recommended[:k]], dtype=float)
    weight = 1 / np.log2(np.arange(2, k + 2))
    return (hit @ weight[: len(hit)]) / weight[: len(relevant)].sum()


@right("2.3")
def with_torch(recommended, relevant, k):
    best = [1.0] * min(k, len(relevant))
    hit = [float(item in relevant) for item in recommended][:k]
    gain, most = (torch.tensor(x) @ torch.tensor(gains(len(x))) for x in (hit, best))
    return gain / most


@right("2.3")
def natural_logarithm(recommended, relevant, k):
    own = best = 0
    for rank in range(1, k + 1):
        if rank <= len(recommended) and recommended[rank - 1] in relevant:
            own += 1 / math.log(rank + 1)
        if rank <= len(relevant):
            best += 1 / math.log(rank + 1)
    return own / best


def ndcg(recommended, relevant, k, most, weight=gains):
    hits = [item in relevant for item in recommended[:k]]
    return sum(h * g for h, g in zip(hits, weight(k), strict=False)) / sum(weight(most))


@wrong("2.3", "the best list is k long")
def ideal_cut_at_the_list(recommended, relevant, k):
    return ndcg(recommended, relevant, k, min(k, len(relevant), len(recommended)))


@wrong("2.3", "the best list has 2 hits, not 5")
def ideal_of_k(recommended, relevant, k):
    return ndcg(recommended, relevant, k, k)


@wrong("2.3", "with k=1 the best list has 1 hit")
def ideal_of_all(recommended, relevant, k):
    return ndcg(recommended, relevant, k, len(relevant))


@wrong("2.3", "the best list has 3 hits")
def ideal_of_own_hits(recommended, relevant, k):
    hits = sum(item in relevant for item in recommended[:k])
    return ndcg(recommended, relevant, k, hits) if hits else 0


@wrong("2.3", "all hits come first")
def no_ideal(recommended, relevant, k):
    return ndcg(recommended, relevant, k, 1)


@wrong("2.3", "rank 4 weighs 1/log2(5)")
def other_weights(recommended, relevant, k):
    def weight(n):
        return [1 / (rank + 1) for rank in range(n)]

    return ndcg(recommended, relevant, k, min(k, len(relevant)), weight)


@wrong("2.3", "stands below rank k")
def forgets_k(recommended, relevant, k):
    return ndcg(recommended, relevant, max(k, len(recommended)), min(k, len(relevant)))


@wrong("2.3", "ZeroDivisionError")
def ranks_from_0(recommended, relevant, k):
    return sum(1 / math.log2(r + 1) for r, i in enumerate(recommended[:k]) if i in relevant)


# 2.4 ----------------------------------------------------------------------------------------------


@domain("2.4")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    users = int(rng.integers(1, 5))
    lists = [rng.choice(20, size=4, replace=False).tolist() for _ in range(users)]
    for shown in lists:
        chance = rng.integers(5)
        if chance == 0:
            shown[3] = shown[rng.integers(3)]
        elif chance < 4:
            shown[rng.integers(4) :] = []
            shown += [-1] * (4 - len(shown))
        if chance == 3:
            shown[rng.integers(4)] = 7
    return lists, [set(rng.choice(20, size=3, replace=False).tolist()) for _ in lists]


def is_broken(shown, films):
    end = shown.index(-1) if -1 in shown else len(shown)
    listed = shown[:end]
    return any(f != -1 for f in shown[end:]) or len({*listed} - films) < len(listed)


@right("2.4")
def in_a_list(lists, seen):
    return [user for user, shown in enumerate(lists) if is_broken(shown, seen[user])]


@right("2.4")
def film_by_film(lists, seen):
    broken = set()
    for user, (shown, films) in enumerate(zip(lists, seen, strict=True)):
        met, over = set(), False
        for film in shown:
            if film == -1:
                over = True
            elif over or film in met or film in films:
                broken.add(user)
            met.add(film)
    return broken


@right("2.4")
def with_numpy_masks(lists, seen):
    shown = np.array(lists)
    holes = ((shown[:, :-1] == -1) & (shown[:, 1:] != -1)).any(1)
    known = np.array(
        [np.isin(row, list(films)).any() for row, films in zip(shown, seen, strict=True)]
    )
    kept = [row[row >= 0] for row in shown]
    twice = np.array([len(np.unique(row)) < len(row) for row in kept])
    return np.flatnonzero(holes | known | twice)


@wrong("2.4", "film 4 is shown twice")
def only_seen(lists, seen):
    return {user for user, shown in enumerate(lists) if seen[user].intersection(shown)}


@wrong("2.4", "-1 may fill the end")
def minus_one_is_a_film(lists, seen):
    return {u for u, shown in enumerate(lists) if len({*shown} - seen[u]) < len(shown)}


@wrong("2.4", "a film comes after a -1")
def forgets_holes(lists, seen):
    return in_a_list([sorted(shown, reverse=True) for shown in lists], seen)


@wrong("2.4", "seen by this user")
def seen_by_anybody(lists, seen):
    return in_a_list(lists, [set().union(*seen) for _ in seen])


@wrong("2.4", "user 1 has seen film 5")
def whole_lists(lists, seen):
    return {user for user, shown in enumerate(lists) if not is_broken(shown, seen[user])} - {0}


@wrong("2.4", "gave\n    [False]")
def one_for_each(lists, seen):
    return [is_broken(shown, films) for shown, films in zip(lists, seen, strict=True)]


@wrong("2.4", "gave\n    0")
def how_many(lists, seen):
    return len(in_a_list(lists, seen))


# 2.5 ----------------------------------------------------------------------------------------------


@domain("2.5")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    users = int(rng.integers(3, 6))
    likes = torch.from_numpy(rng.integers(2, size=(users, 5))).float()
    return likes, int(rng.integers(1, users))


@right("2.5")
def with_sklearn(likes, m):
    x = likes.numpy()
    near = cosine_similarity(x).round(6)
    np.fill_diagonal(near, -1)
    points = np.zeros_like(x)
    for user, row in enumerate(near):
        for other in np.argsort(-row, kind="stable")[:m]:
            points[user] += row[other] * x[other]
    return points


@right("2.5")
def slowly(likes, m):
    rows = likes.tolist()
    points = []
    for u, mine in enumerate(rows):
        near = []
        for v, theirs in enumerate(rows):
            shared = sum(a * b for a, b in zip(mine, theirs, strict=True))
            if u != v:
                near.append((-shared / math.sqrt(max(sum(mine) * sum(theirs), 1)), v))
        nearest = sorted(near)[:m]
        points.append([sum(-c * rows[v][f] for c, v in nearest) for f in range(len(mine))])
    return points


@right("2.5")
def with_weights(likes, m):
    unit = likes.double() / likes.double().norm(dim=1, keepdim=True).clamp(min=1e-12)
    near = (unit @ unit.T).fill_diagonal_(-1).round(decimals=9)
    place = near.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return (near * (place < m)) @ likes.double()


def neighbours(likes, m, own=-1.0, near=None, gives=None):
    near = torch.nan_to_num(cosine(likes)) if near is None else near
    value, other = near.fill_diagonal_(own).sort(dim=1, descending=True, stable=True)
    gives = value if gives is None else gives
    return sum(gives[:, n : n + 1] * likes[other[:, n]] for n in range(m))


def cosine(likes):
    degree = likes.sum(1)
    return likes @ likes.T / (degree[:, None] * degree).sqrt()


@wrong("2.5", "the one neighbour is another user")
def own_neighbour(likes, m):
    return neighbours(likes, m, own=2.0)


@wrong("2.5", "not NaN")
def without_films(likes, m):
    return neighbours(likes, m, near=cosine(likes))


@wrong("2.5", "expected\n    [[0.8165, 0.8165, 0.8165, 0]")
def shared_films(likes, m):
    return neighbours(likes, m, near=likes @ likes.T)


@wrong("2.5", "the one neighbour is another user")
def everybody(likes, m):
    return torch.nan_to_num(cosine(likes)).fill_diagonal_(0) @ likes


@wrong("2.5", "the one neighbour is another user")
def all_count_one(likes, m):
    return neighbours(likes, m, gives=torch.ones(len(likes), len(likes)))


@wrong("2.5", "the one neighbour is another user")
def jaccard(likes, m):
    shared, degree = likes @ likes.T, likes.sum(1)
    return neighbours(likes, m, near=shared / (degree[:, None] + degree - shared).clamp(min=1))


@wrong("2.5", "each neighbour's films get that one's cosine")
def mean_of_neighbours(likes, m):
    return neighbours(likes, m) / m


@wrong("2.5", "changed what it was given")
def in_place(likes, m):
    points = neighbours(likes, m)
    likes /= 2
    return points
