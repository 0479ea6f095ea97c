"""Answers to the exercises of chapter 19."""

import heapq
import math
from typing import Any

import numpy as np
import torch

from tests.exercises.machinery import domain, right, wrong

# 19.1 ---------------------------------------------------------------------------------------------


@domain("19.1")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    positions, cells = rng.permutation(20).tolist(), []
    for _ in range(rng.integers(1, 5)):
        items = [(float(rng.integers(10)) / 10, positions.pop()) for _ in range(rng.integers(1, 5))]
        cells.append((max(items)[0] + float(rng.integers(4)) / 10, items))
    return cells, int(rng.integers(1, 6))


@right("19.1")
def with_a_heap(cells, k):
    heap, looked = [], 0  # the worst of the best k on top
    for n in sorted(range(len(cells)), key=lambda n: (-cells[n][0], n)):
        bound, items = cells[n]
        if len(heap) >= k and heap[0][0] > bound:
            break
        looked += len(items)
        for score, position in items:
            heapq.heappush(heap, (score, -position))
            if len(heap) > k:
                heapq.heappop(heap)
    return [-negative for _, negative in sorted(heap, reverse=True)], looked


@right("19.1")
def one_cell_after_the_other(cells, k):
    left, found, looked = list(cells), [], 0
    while left:
        highest = max(bound for bound, _ in left)
        if sum(score > highest for score, _ in found) >= k:
            break
        n = [bound for bound, _ in left].index(highest)
        items = left.pop(n)[1]
        found, looked = found + items, looked + len(items)
    return np.array([p for _, p in sorted(found, key=lambda x: (-x[0], x[1]))][:k]), looked


@right("19.1")
def with_numpy(cells, k):
    scores, positions = np.zeros(0), np.zeros(0, dtype=int)
    for n in np.argsort([-bound for bound, _ in cells], kind="stable"):
        bound, items = cells[n]
        if len(scores) >= k and np.sort(scores)[-k] > bound:
            break
        scores = np.append(scores, [s for s, _ in items])
        positions = np.append(positions, [p for _, p in items]).astype(int)
    return positions[np.lexsort((positions, -scores))][:k], len(scores)


def ordered(items, k):
    return [p for _, p in sorted(items, key=lambda pair: (-pair[0], pair[1]))][:k]


@wrong("19.1", "0.9 is above the bound 0.6")
def looks_everywhere(cells, k):
    items = [pair for _, items in cells for pair in items]
    return ordered(items, k), len(items)


def best_first(cells):
    return sorted(cells, key=lambda cell: -cell[0])


def searched(cells, k, enough):
    """An answer that goes through the cells until, with k items, ``enough(found, bound)``."""
    found = []
    for bound, items in cells:
        if len(found) >= k and enough(found, bound):
            break
        found = found + items
    return ordered(found, k), len(found)


def last_of(found, k):
    return sorted(found, reverse=True)[k - 1][0]


@wrong("19.1", "0.9 may hide behind a bound")
def stops_when_full(cells, k):
    return searched(best_first(cells), k, lambda found, bound: True)


@wrong("19.1", "an equal score at a lower position comes first, so look")
def stops_at_a_tie(cells, k):
    return searched(best_first(cells), k, lambda found, bound: last_of(found, k) >= bound)


@wrong("19.1", "0.2 is not above 0.8")
def best_against_bound(cells, k):
    return searched(best_first(cells), k, lambda found, bound: max(found)[0] > bound)


@wrong("19.1", "0.9 is above the bound 0.6")
def in_the_given_order(cells, k):
    return searched(cells, k, lambda found, bound: last_of(found, k) > bound)


@wrong("19.1", "an equal score at a lower position comes first")
def ties_to_the_higher(cells, k):
    _, looked = with_numpy(cells, k)
    items = [pair for _, items in cells for pair in items]
    return [p for _, p in sorted(items, reverse=True)[:k]], looked


@wrong("19.1", "expected\n    [[1, 0], 2]")
def the_list_alone(cells, k):
    return with_numpy(cells, k)[0]


@wrong("19.1", "expected\n    [[1, 0], 2]")
def number_of_cells(cells, k):
    found, number = [], 0
    for bound, items in sorted(cells, key=lambda cell: -cell[0]):
        if len(found) >= k and sorted(found, reverse=True)[k - 1][0] > bound:
            break
        found, number = found + items, number + 1
    return ordered(found, k), number


@wrong("19.1", "IndexError")
def assumes_enough(cells, k):
    found = list(cells[0][1])
    for bound, items in cells[1:]:
        if sorted(found, reverse=True)[k - 1][0] <= bound:
            found = found + items
    return ordered(found, k), len(found)


@wrong("19.1", "changed what it was given")
def grows_the_first_cell(cells, k):
    result = with_numpy(cells, k)
    cells.sort(reverse=True)
    return result


# 19.2 ---------------------------------------------------------------------------------------------


@domain("19.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    number, shift = rng.integers(1, 5), float(rng.choice([0, 1000, -1000]))
    return shift + rng.normal(), shift + rng.normal(size=number), rng.uniform(0.01, 1, size=number)


@right("19.2")
def in_torch(pos_score, neg_score, neg_q):
    corrected = torch.from_numpy(neg_score) - torch.from_numpy(neg_q).log()
    return corrected.logsumexp(0) - math.log(len(neg_q)) - pos_score


@right("19.2")
def adding_up(pos_score, neg_score, neg_q):
    return np.logaddexp.reduce(neg_score - np.log(neg_q) - np.log(len(neg_q))) - pos_score


@right("19.2")
def in_plain_python(pos_score, neg_score, neg_q):
    terms = [s - math.log(q) - pos_score for s, q in zip(neg_score, neg_q, strict=True)]
    top = max(terms)
    return top + math.log(sum(math.exp(t - top) for t in terms) / len(terms))


@wrong("19.2", "subtract the largest corrected score before exp")
def overflows(pos_score, neg_score, neg_q):
    return np.log(np.mean(np.exp(neg_score) / neg_q)) - pos_score


@wrong("19.2", "subtract the largest corrected score before exp")
def relative_to_the_positive(pos_score, neg_score, neg_q):
    return np.log(np.mean(np.exp(neg_score - pos_score) / neg_q))


@wrong("19.2", "two items, equal scores")
def not_corrected(pos_score, neg_score, neg_q):
    return np.logaddexp.reduce(neg_score) - np.log(len(neg_q)) - pos_score


@wrong("19.2", "two items, equal scores")
def a_sum(pos_score, neg_score, neg_q):
    return np.logaddexp.reduce(neg_score - np.log(neg_q)) - pos_score


@wrong("19.2", "two items, equal scores")
def wrong_sign(pos_score, neg_score, neg_q):
    return adding_up(pos_score, neg_score, 1 / neg_q)


@wrong("19.2", "two items, equal scores")
def positive_among_them(pos_score, neg_score, neg_q):
    return np.logaddexp(pos_score, adding_up(0.0, neg_score, neg_q)) - pos_score


@wrong("19.2", "one stands for 100")
def forgets_the_positive(pos_score, neg_score, neg_q):
    return adding_up(0.0, neg_score, neg_q)


@wrong("19.2", "the rarer one stands for more")
def weighted_by_q(pos_score, neg_score, neg_q):
    corrected = neg_score - np.log(neg_q)
    return np.log(np.exp(corrected) @ neg_q / neg_q.sum()) - pos_score


@wrong("19.2", "the rarer one stands for more")
def mean_of_logs(pos_score, neg_score, neg_q):
    return np.mean(neg_score - np.log(neg_q)) - pos_score


@wrong("19.2", "subtract the largest corrected score before exp")
def clipped(pos_score, neg_score, neg_q):
    corrected = np.clip(neg_score - np.log(neg_q), -700, 700)
    return np.log(np.exp(corrected).mean()) - np.clip(pos_score, -700, 700)
