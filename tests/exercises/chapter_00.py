"""Answers to the exercises of chapter 0."""

import statistics
from typing import Any

import numpy as np
import pandas as pd
import torch

from tests.exercises.machinery import domain, right, wrong

FILMS = ["Alien", "Brazil", "Casablanca", "Dumbo"]

# 0.2 ----------------------------------------------------------------------------------------------


@domain("0.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    names = ["Ann", "Bob", "Cem"][: rng.integers(1, 4)]
    scores = {
        name: dict(zip(FILMS, (rng.normal(size=4) * 10 ** rng.integers(3)).tolist(), strict=True))
        for name in names
    }
    likes = {name: {FILMS[rng.integers(4)]} for name in names if rng.random() < 0.6}
    return scores, likes


@right("0.2")
def with_pandas(scores, likes):
    table = pd.DataFrame(scores)
    lowest = ((table - table.mean()) / table.std()).min(axis=1)
    return lowest.drop([film for some in likes.values() for film in some], errors="ignore").idxmax()


@right("0.2")
def with_statistics(scores, likes):
    films = list(next(iter(scores.values())))
    rows = [
        (statistics.mean(row.values()), statistics.pstdev(row.values()), row)
        for row in scores.values()
    ]
    free = [film for film in films if not any(film in some for some in likes.values())]
    return max(free, key=lambda film: min((row[film] - m) / sd for m, sd, row in rows))


@right("0.2")
def with_torch(scores, likes):
    films = list(next(iter(scores.values())))
    table = torch.tensor([[row[film] for film in films] for row in scores.values()]).double()
    table = (table - table.mean(1, keepdim=True)) / table.std(1, keepdim=True)
    lowest = table.amin(0)
    for some in likes.values():
        lowest[[films.index(film) for film in some]] = -torch.inf
    return films[lowest.argmax()]


def choose(scores, likes, how=min, standard=True, centred=True, scaled=True):
    table = pd.DataFrame(scores)
    table = (table - table.mean() * centred) / (table.std() if scaled else 1)
    of_all = table.apply(how, axis=1)
    out = [film for some in likes.values() for film in some]
    return of_all.drop(out, errors="ignore").idxmax()


@wrong("0.2", "the lowest counts, not the mean")
def the_mean(scores, likes):
    return choose(scores, likes, how=np.mean)


@wrong("0.2", "the lowest counts, not the mean")
def the_best_loved(scores, likes):
    return choose(scores, likes, how=max)


@wrong("0.2", "Bob's are all higher: subtract the mean")
def raw_scores(scores, likes):
    return choose(scores, likes, centred=False, scaled=False)


@wrong("0.2", "Bob's lie further apart: divide")
def mean_alone(scores, likes):
    return choose(scores, likes, scaled=False)


@wrong("0.2", "Bob's are all higher: subtract the mean")
def deviation_alone(scores, likes):
    return choose(scores, likes, centred=False)


@wrong("0.2", "she likes Brazil already")
def forgets_the_likes(scores, likes):
    return choose(scores, {})


@wrong("0.2", "Ann likes one of them, Bob another")
def liked_by_all(scores, likes):
    return choose(scores, {"all": set.intersection(*likes.values())} if likes else {})


@wrong("0.2", "mean and deviation are over all films")
def takes_them_out_first(scores, likes):
    out = {film for some in likes.values() for film in some}
    left = {n: {f: s for f, s in row.items() if f not in out} for n, row in scores.items()}
    return choose(left, {})


@wrong("0.2", "one friend alone takes the favourite")
def most_misery(scores, likes):
    table = {n: {f: -s for f, s in row.items()} for n, row in scores.items()}
    return choose(table, likes, how=max)


@wrong("0.2", "gave\n    0.3873")
def its_score(scores, likes):
    table = pd.DataFrame(scores)
    return ((table - table.mean()) / table.std()).min(axis=1).max() / 3


@wrong("0.2", "scores may all be negative")
def starts_from_zero(scores, likes):
    best, choice = 0, FILMS[-1]
    for film in FILMS:
        lowest = min(row[film] for row in scores.values())
        if lowest > best and not any(film in some for some in likes.values()):
            best, choice = lowest, film
    return choice


@wrong("0.2", "changed what it was given")
def takes_out_of_the_scores(scores, likes):
    chosen = with_pandas(scores, likes)
    for row in scores.values():
        row.pop(chosen)
    return chosen
