"""Answers to the exercises of chapter 14."""

from itertools import groupby, pairwise
from math import log
from typing import Any

import numpy as np
import pandas as pd

from tests.exercises.machinery import domain, right, wrong

# 14.1 ---------------------------------------------------------------------------------------------


@domain("14.1")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    number = int(rng.integers(2, 12))
    rows = zip(
        rng.choice(["Ann", "Bob"], number).tolist(),
        rng.choice(["tea", "jam"], number).tolist(),
        rng.integers(30, size=number).tolist(),
        strict=True,
    )
    return list(rows), int(rng.integers(0, 8))


@right("14.1")
def with_groups(rows, gap):
    visits = {}
    for pair, some in groupby(sorted(rows), key=lambda row: row[:2]):
        times = [time for *_, time in some]
        visits[pair] = 1 + sum(after - before > gap for before, after in pairwise(times))
    return visits


@right("14.1")
def with_pandas(rows, gap):
    table = pd.DataFrame(rows, columns=["user", "item", "time"]).sort_values("time")
    apart = table.groupby(["user", "item"])["time"].diff()
    starts = table[apart.isna() | (apart > gap)]
    return starts.groupby(["user", "item"]).size().to_dict()


@right("14.1")
def with_arrays(rows, gap):
    return {
        (user, item): 1 + int((np.diff(sorted(t for u, i, t in rows if (u, i) == (user, item)))
                               > gap).sum())
        for user, item, _ in rows
    }  # fmt: skip


@wrong("14.1", "rows come in any order")
def in_the_order_given(rows, gap):
    visits, last = {}, {}
    for user, item, time in rows:
        pair = user, item
        if pair not in last or time - last[pair] > gap:
            visits[pair] = visits.get(pair, 0) + 1
        last[pair] = time
    return visits


@wrong("14.1", "from the row before it, not from the visit's first")
def from_the_first(rows, gap):
    visits, first = {}, {}
    for user, item, time in sorted(rows, key=lambda row: row[2]):
        pair = user, item
        if pair not in first or time - first[pair] > gap:
            visits[pair] = visits.get(pair, 0) + 1
            first[pair] = time
    return visits


@wrong("14.1", "at most `gap` later is the same visit")
def strictly_less(rows, gap):
    visits, last = {}, {}
    for user, item, time in sorted(rows, key=lambda row: row[2]):
        pair = user, item
        if pair not in last or time - last[pair] >= gap:
            visits[pair] = visits.get(pair, 0) + 1
        last[pair] = time
    return visits


@wrong("14.1", "Bob's visit is his own")
def by_item_alone(rows, gap):
    visits, last = {}, {}
    for user, item, time in sorted(rows, key=lambda row: row[2]):
        if item not in last or time - last[item] > gap:
            visits[user, item] = visits.get((user, item), 0) + 1
        last[item] = time
    return visits


@wrong("14.1", "another product does not end a visit")
def by_user_alone(rows, gap):
    visits, last = {}, {}
    for user, item, time in sorted(rows, key=lambda row: row[2]):
        before, what = last.get(user, (-1e9, None))
        if what != item or time - before > gap:
            visits[user, item] = visits.get((user, item), 0) + 1
        last[user] = time, item
    return visits


@wrong("14.1", "three reloads are one visit")
def counted_rows(rows, gap):
    visits = {}
    for user, item, _ in rows:
        visits[user, item] = visits.get((user, item), 0) + 1
    return visits


@wrong("14.1", "more than `gap` later is another visit")
def one_a_pair(rows, gap):
    return {(user, item): 1 for user, item, _ in rows}


# 14.2 ---------------------------------------------------------------------------------------------


@domain("14.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    items = ["tea", "jam", "pot", "cup", "rye"]
    scores = dict(zip(items, rng.random(5).round(4).tolist(), strict=True))
    kinds = dict(zip(items, rng.choice(["food", "ware"], 5).tolist(), strict=True))
    share = round(float(rng.uniform(0.1, 0.9)), 3)
    wanted = {"food": share, "ware": 1 - share}
    return scores, kinds, wanted, int(rng.integers(1, 5)), round(float(rng.random()), 3)


def greedy(scores, k, value):
    chosen = []
    while len(chosen) < k:
        left = [item for item in scores if item not in chosen]
        chosen.append(max(left, key=lambda item: value([*chosen, item])))
    return chosen


def far_off(chosen, kinds, wanted, mixed=0.01):
    return sum(
        p * log(p / ((1 - mixed) * sum(kinds[i] == kind for i in chosen) / len(chosen) + mixed * p))
        for kind, p in wanted.items()
    )


@right("14.2")
def item_by_item(scores, kinds, wanted, k, weight):
    return greedy(
        scores,
        k,
        lambda some: (
            (1 - weight) * sum(scores[i] for i in some) - weight * far_off(some, kinds, wanted)
        ),
    )


@right("14.2")
def by_what_an_item_adds(scores, kinds, wanted, k, weight):
    chosen = []
    for _ in range(k):
        best = max(
            (item for item in scores if item not in chosen),
            key=lambda item: (
                (1 - weight) * scores[item] - weight * far_off([*chosen, item], kinds, wanted)
            ),
        )
        chosen.append(best)
    return chosen


@right("14.2")
def with_arrays_of_shares(scores, kinds, wanted, k, weight):
    items, names = list(scores), list(wanted)
    p = np.array([wanted[name] for name in names])
    of = np.array([[kinds[item] == name for name in names] for item in items], dtype=float)
    total, count, chosen = 0.0, np.zeros(len(names)), []
    for place in range(1, k + 1):
        values = np.full(len(items), -np.inf)
        for n, item in enumerate(items):
            if item not in chosen:
                q = (count + of[n]) / place
                far = (p * np.log(p / (0.99 * q + 0.01 * p))).sum()
                values[n] = (1 - weight) * (total + scores[item]) - weight * far
        best = int(values.argmax())
        chosen.append(items[best])
        total, count = total + scores[items[best]], count + of[best]
    return np.array(chosen)


@wrong("14.2", "the mixture counts most")
def the_best_scores(scores, kinds, wanted, k, weight):
    return sorted(scores, key=lambda item: -scores[item])[:k]


@wrong("14.2", "weight 0 looks at the scores alone")
def weights_turned_round(scores, kinds, wanted, k, weight):
    return item_by_item(scores, kinds, wanted, k, 1 - weight)


@wrong("14.2", "no product comes twice")
def with_repeats(scores, kinds, wanted, k, weight):
    chosen = []
    for _ in range(k):
        chosen.append(
            max(
                scores,
                key=lambda item: (
                    (1 - weight) * scores[item] - weight * far_off([*chosen, item], kinds, wanted)
                ),
            )
        )
    return chosen


@wrong("14.2", "subtract the divergence, 0 is perfect")
def divergence_added(scores, kinds, wanted, k, weight):
    return greedy(
        scores,
        k,
        lambda some: (
            (1 - weight) * sum(scores[i] for i in some) + weight * far_off(some, kinds, wanted)
        ),
    )


@wrong("14.2", "of the whole list so far, not of the product alone")
def the_item_alone(scores, kinds, wanted, k, weight):
    value = {
        item: (1 - weight) * scores[item] - weight * far_off([item], kinds, wanted)
        for item in scores
    }
    return sorted(value, key=lambda item: -value[item])[:k]


@wrong("14.2", "do not take their mean")
def mean_of_scores(scores, kinds, wanted, k, weight):
    return greedy(
        scores,
        k,
        lambda some: (
            (1 - weight) * sum(scores[i] for i in some) / len(some)
            - weight * far_off(some, kinds, wanted)
        ),
    )


@wrong("14.2", "from the mixture wanted to the list's, not the other way")
def divergence_turned_round(scores, kinds, wanted, k, weight):
    def far(chosen):
        found = {kind: sum(kinds[i] == kind for i in chosen) / len(chosen) for kind in wanted}
        return sum(q * log(q / wanted[kind]) for kind, q in found.items() if q > 0)

    return greedy(
        scores,
        k,
        lambda some: (1 - weight) * sum(scores[i] for i in some) - weight * far(some),
    )
