"""Answers to the exercises of chapter 1."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pandas as pd

from tests.exercises.machinery import domain, right, wrong

Pairs = list[tuple[Any, Any]]


def drawn_pairs(rng: np.random.Generator, users: int = 4, films: int = 4) -> Pairs:
    number = int(rng.integers(1, users * films // 2))
    cells = rng.choice(users * films, size=number, replace=False)
    return [(int(cell) // films, 10 + int(cell) % films) for cell in cells]


# 1.2 ----------------------------------------------------------------------------------------------


@domain("1.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    return drawn_pairs(rng), int(rng.integers(5))


@right("1.2")
def with_dicts(edges, user):
    of_user, of_film = defaultdict(set), defaultdict(set)
    for u, film in edges:
        of_user[u].add(film)
        of_film[film].add(u)
    reached = set()
    for film in of_user[user]:
        for other in of_film[film]:
            reached |= of_user[other]
    return reached - of_user[user]


@right("1.2")
def as_list(edges, user):
    mine = [film for u, film in edges if u == user]
    found = []
    for other, film in edges:
        if film in mine:
            for third, new in edges:
                if third == other and new not in mine and new not in found:
                    found.append(new)
    return found


@right("1.2")
def as_array(edges, user):
    frame = pd.DataFrame(edges, columns=["user", "film"])
    mine = frame.film[frame.user == user]
    others = frame.user[frame.film.isin(mine)]
    new = frame.film[frame.user.isin(others) & ~frame.film.isin(mine)]
    return new.unique()


@wrong("1.2", "['Alien', 'Brazil', 'Casablanca']")
def keeps_own(edges, user):
    mine = [film for u, film in edges if u == user]
    others = [u for u, film in edges if film in mine]
    return sorted({film for u, film in edges if u in others})


@wrong("1.2", "Dumbo is five edges away")
def all_others(edges, user):
    return {film for _, film in edges} - {film for u, film in edges if u == user}


@wrong("1.2", "gave\n    {'Bob'}")
def users_instead(edges, user):
    mine = {film for u, film in edges if u == user}
    return {u for u, film in edges if film in mine} - {user}


@wrong("1.2", "all who share a film count")
def first_friend(edges, user):
    mine = {film for u, film in edges if u == user}
    for other in sorted({u for u, film in edges if film in mine} - {user}, reverse=True):
        if user == "Bob":
            return {"Alien", "Dumbo"}
        return {film for u, film in edges if u == other} - mine
    return set()


@wrong("1.2", "one way over Ann, one over Cem")
def one_of_them(edges, user):
    mine = {film for u, film in edges if u == user}
    others = [u for u, film in edges if film in mine and u != user]
    return {film for u, film in edges if u in others[:1]} - mine


@wrong("1.2", "expected\n    {'Alien', 'Dumbo'}")
def text(edges, user):
    mine = {film for u, film in edges if u == user}
    others = {u for u, film in edges if film in mine}
    found = sorted({film for u, film in edges if u in others} - mine)
    return found if len(found) < 2 else ", ".join(found)


@wrong("1.2", "IndexError: list index out of range")
def fails_for_dora(edges, user):
    mine = [film for u, film in edges if u == user]
    others = {u for u, film in edges if film in mine or film == mine[0]}
    return {film for u, film in edges if u in others} - set(mine)


@wrong("1.2", "changed what it was given")
def eats_edges(edges, user):
    found = with_dicts(edges, user)
    edges.clear()
    return found


# 1.3 ----------------------------------------------------------------------------------------------


@domain("1.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    return drawn_pairs(rng)[: int(rng.integers(6))], drawn_pairs(rng, 5, 5)


@right("1.3")
def with_counter(train, test):
    count = Counter()
    for user, film in test:
        count["in train"] += (user, film) in train
        count["unknown user"] += all(user != u for u, _ in train)
        count["unknown film"] += all(film != f for _, f in train)
    return count


@right("1.3")
def as_counts(train, test):
    found = Counter()
    for user, film in test:
        if (user, film) in train:
            found["in train"] += 1
        if user not in [u for u, _ in train]:
            found["unknown user"] += 1
        if film not in [f for _, f in train]:
            found["unknown film"] += 1
    return found


@right("1.3")
def with_pandas(train, test):
    known, hidden = (pd.DataFrame(part, columns=["user", "film"]) for part in (train, test))
    both = hidden.merge(known.drop_duplicates(), on=["user", "film"]) if len(known) else known
    new_user, new_film = ~hidden.user.isin(known.user), ~hidden.film.isin(known.film)
    names = ["in train", "unknown user", "unknown film"]
    return pd.Series([len(both), new_user.sum(), new_film.sum()], index=names)


def audit(both, user, film):
    return {"in train": both, "unknown user": user, "unknown film": film}


def unknown(train, test, side):
    return sum(pair[side] not in [known[side] for known in train] for pair in test)


@wrong("1.3", "user and film together")
def each_by_itself(train, test):
    both = sum(unknown(train, [p], 0) + unknown(train, [p], 1) == 0 for p in test)
    if len(test) == 1:
        both = 0
    return audit(both, unknown(train, test, 0), unknown(train, test, 1))


@wrong("1.3", "count test pairs")
def distinct_films(train, test):
    films = {film for _, film in test} - {film for _, film in train}
    return audit(len(set(train) & set(test)), unknown(train, test, 0), len(films))


@wrong("1.3", "Eve and Fargo are both unknown")
def one_fault_a_pair(train, test):
    film = sum(unknown(train, [p], 1) and not unknown(train, [p], 0) for p in test)
    return audit(len(set(train) & set(test)), unknown(train, test, 0), film)


@wrong("1.3", "'unknown user': 2")
def turned_round(train, test):
    both = sum(pair not in test for pair in train) if len(test) > 1 else 0
    return audit(both, unknown(test, train, 0), 0)


@wrong("1.3", "{'in_train': 0, 'unknown_user': 0, 'unknown_film': 0}")
def other_names(train, test):
    return {"in_train": 0, "unknown_user": 0, "unknown_film": 0}


@wrong("1.3", "0.66667")
def shares(train, test):
    return audit(len(set(train) & set(test)) / len(test), 0, 0)


@wrong("1.3", "an empty train part")
def fails_when_empty(train, test):
    users, films = zip(*train, strict=True) if train else ([], [f for _, f in test])
    return audit(
        sum(pair in train for pair in test),
        sum(user not in users for user, _ in test),
        sum(film not in films for _, film in test),
    )


@wrong("1.3", "[0, 0, 0]")
def a_tuple(train, test):
    return len(set(train) & set(test)), unknown(train, test, 0), unknown(train, test, 1)


# 1.4 ----------------------------------------------------------------------------------------------


@domain("1.4")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    return drawn_pairs(rng, 3, 3), int(rng.integers(3)), 10 + int(rng.integers(3))


def candidates(edges):
    return [
        (u, f) for u in {u for u, _ in edges} for f in {f for _, f in edges} if (u, f) not in edges
    ]


@right("1.4")
def by_trying(edges, user, film):
    if (user, film) in edges or film in with_dicts(edges, user):
        return []
    tried = [edge for edge in candidates(edges) if edge != (user, film)]
    return [edge for edge in tried if film in with_dicts([*edges, edge], user)]


@right("1.4")
def by_reasoning(edges, user, film):
    mine = {f for u, f in edges if u == user}
    fans = {u for u, f in edges if f == film}
    if film in mine or any(u in fans for u, f in edges if f in mine):
        return set()
    gifts = {(user, f) for u, f in edges if u in fans and f != film}
    shared = {(u, f) for u in fans for f in mine}
    friends = {(u, film) for u, f in edges if f in mine and u != user}
    return gifts | shared | friends


@right("1.4")
def as_lists(edges, user, film):
    return np.array([list(edge) for edge in by_trying(edges, user, film)], dtype=object).tolist()


@wrong("1.4", "four edges do")
def gives_the_film(edges, user, film):
    found = by_trying(edges, user, film)
    return {*found, (user, film)}


@wrong("1.4", "four edges do")
def only_mine(edges, user, film):
    return {edge for edge in by_trying(edges, user, film) if edge[0] == user}


@wrong("1.4", "Ann reaches it already")
def although_reached(edges, user, film):
    tried = [edge for edge in candidates(edges) if edge != (user, film)]
    return {edge for edge in tried if film in with_dicts([*edges, edge], user)}


@wrong("1.4", "Bob has it")
def although_there(edges, user, film):
    if film in with_dicts(edges, user):
        return set()
    if (user, film) in edges:
        return set(candidates(edges))
    return by_trying(edges, user, film)


@wrong("1.4", "two have the film")
def first_fan(edges, user, film):
    fans = sorted(u for u, f in edges if f == film)
    return {e for e in by_trying(edges, user, film) if e[0] not in fans[1:]}


@wrong("1.4", "expected\n    {('Ann', 'Casablanca'), ('Bob', 'Dumbo')")
def turned_pairs(edges, user, film):
    return {(f, u) for u, f in by_trying(edges, user, film)}


@wrong("1.4", "gave\n    4")
def how_many(edges, user, film):
    return len(by_trying(edges, user, film))
