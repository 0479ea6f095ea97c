"""Answers to the exercises of chapter 15."""

from itertools import pairwise, permutations
from typing import Any

import numpy as np
import torch

from tests.exercises.machinery import domain, right, wrong

# 15.2 ---------------------------------------------------------------------------------------------


@domain("15.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    scores = rng.integers(-1, 2, size=rng.integers(2, 6)).tolist()
    return scores, int(rng.integers(len(scores))), int(rng.integers(1, len(scores) + 2))


@right("15.2")
def all_orders(scores, item, k):
    found = []
    for order in permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            found.append(item in order[:k])
    return np.mean(found)


@right("15.2")
def with_torch(scores, item, k):
    scores = torch.tensor(scores)
    above, equal = (scores > scores[item]).sum(), (scores == scores[item]).sum()
    return ((k - above) / equal).clamp(0, 1)


@right("15.2")
def mean_of_places(scores, item, k):
    places = [n for n, score in enumerate(sorted(scores, reverse=True)) if score == scores[item]]
    return sum(place < k for place in places) / len(places)


def places_of(scores, item):
    above = sum(score > scores[item] for score in scores)
    return above, sum(score == scores[item] for score in scores)


@wrong("15.2", "each of four equals may be first")
def forgets_ties(scores, item, k):
    return float(places_of(scores, item)[0] < k)


@wrong("15.2", "each of four equals may be first")
def behind_ties(scores, item, k):
    return float(sum(places_of(scores, item)) <= k)


@wrong("15.2", "each of four equals may be first")
def in_the_middle(scores, item, k):
    above, equal = places_of(scores, item)
    return float(1 + above + (equal - 1) / 2 <= k)


@wrong("15.2", "each of four equals may be first")
def order_of_positions(scores, item, k):
    return float(item in sorted(range(len(scores)), key=lambda i: -scores[i])[:k])


@wrong("15.2", "there is room for all equals")
def above_1(scores, item, k):
    above, equal = places_of(scores, item)
    return max(k - above, 0) / equal if above or equal > k else k / equal


@wrong("15.2", "no chance is below 0")
def below_0(scores, item, k):
    above, equal = places_of(scores, item)
    return min((k - above) / equal, 1) if equal > 1 else float(above < k)


@wrong("15.2", "ZeroDivisionError")
def not_itself(scores, item, k):
    above, equal = places_of(scores, item)
    return min(max((k - above) / (equal - 1), 0), 1)


@wrong("15.2", "one place is left for two equals")
def of_the_whole_list(scores, item, k):
    above, equal = places_of(scores, item)
    return min(k / equal, 1) if above < k else 0
