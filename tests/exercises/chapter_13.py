"""Answers to the exercises of chapter 13."""

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import torch

from tests.exercises.machinery import domain, right, wrong

# 13.1 ---------------------------------------------------------------------------------------------


@domain("13.1")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    receivers, senders, a, b, c = rng.integers(1, 5, size=5)
    edges = [
        (int(rng.integers(senders)), int(rng.integers(receivers))) for _ in range(rng.integers(7))
    ]
    sizes = ((receivers, a), (senders, b), (a, c), (b, c))
    own, sent, V, W = (torch.from_numpy(rng.normal(size=size)).float() for size in sizes)
    return own, sent, edges, V, W


@right("13.1")
def by_loop(own, sent, edges, V, W):
    out = []
    for v in range(len(own)):
        heard = [sent[w] @ W for w, target in edges if target == v]
        out.append(own[v] @ V + (sum(heard) / len(heard) if heard else 0))
    return torch.stack(out)


@right("13.1")
def edge_by_edge(own, sent, edges, V, W):
    inbox = defaultdict(list)
    for sender, receiver in edges:
        inbox[receiver].append(sender)
    result = own @ V
    for receiver, senders in inbox.items():
        result[receiver] += sent[senders].mean(0) @ W
    return result.tolist()


@right("13.1")
def in_numpy(own, sent, edges, V, W):
    total, number = np.zeros((len(own), sent.shape[1])), np.zeros((len(own), 1))
    for sender, receiver in edges:
        total[receiver] += sent[sender].numpy()
        number[receiver] += 1
    return own.numpy() @ V.numpy() + total / np.maximum(number, 1) @ W.numpy()


@wrong("13.1", "the mean of what arrives, not the sum")
def the_sum(own, sent, edges, V, W):
    return own @ V + sum_of(own, sent, edges) @ W


def sum_of(own, sent, edges):
    total = torch.zeros(len(own), sent.shape[1])
    for sender, receiver in edges:
        total[receiver] += sent[sender]
    return total


@wrong("13.1", "1 hears nobody: zeros")
def nan_of_nothing(own, sent, edges, V, W):
    number = torch.zeros(len(own), 1)
    for _, receiver in edges:
        number[receiver] += 1
    return own @ V + sum_of(own, sent, edges) / number @ W


@wrong("13.1", "a pair that occurs twice counts twice")
def each_pair_once(own, sent, edges, V, W):
    return by_loop(own, sent, {*edges}, V, W)


@wrong("13.1", "this is before ReLU")
def with_relu(own, sent, edges, V, W):
    return by_loop(own, sent, edges, V, W).relu()


@wrong("13.1", "1 hears nobody: zeros")
def with_itself(own, sent, edges, V, W):
    number = torch.ones(len(own), 1)
    for _, receiver in edges:
        number[receiver] += 1
    return own @ V + sum_of(own, sent, edges) / number @ W


@wrong("13.1", "1 hears nobody: zeros")
def without_its_own(own, sent, edges, V, W):
    return by_loop(0 * own, sent, edges, V, W)


@wrong("13.1", "the mean of what arrives, not the sum")
def turned_round(own, sent, edges, V, W):
    return by_loop(own, sent, [(b, a) for a, b in edges if b < len(sent)], V, W)


# 13.2 ---------------------------------------------------------------------------------------------


@domain("13.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    size = int(rng.integers(1, 6))
    weights = np.triu(rng.random((size, size)) * (rng.random((size, size)) < 0.6), 1)
    A = torch.from_numpy(weights + weights.T).float()
    steps, top = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    return A, int(rng.integers(size)), steps, top


@right("13.2")
def by_powers(A, start, steps, top):
    total = A.sum(1, keepdim=True)
    step = torch.nan_to_num(A / total)
    share = sum(torch.linalg.matrix_power(step, t + 1)[start] for t in range(steps)).tolist()
    found = sorted(((n, s) for n, s in enumerate(share) if n != start and s > 0), key=by_share)
    whole = sum(s for _, s in found[:top])
    return {n: s / whole for n, s in found[:top]}


def by_share(pair):
    return -pair[1]


@right("13.2")
def in_doubles(A, start, steps, top):
    return by_powers(A.double(), start, steps, top)


@right("13.2")
def walk_by_walk(A, start, steps, top):
    at, visits = {start: 1.0}, defaultdict(float)
    for _ in range(steps):
        then = defaultdict(float)
        for node, chance in at.items():
            whole = float(A[node].sum())
            for other, weight in enumerate(A[node].tolist()):
                if weight > 0:
                    then[other] += chance * weight / whole
        at = then
        for node, chance in at.items():
            visits[node] += chance
    visits.pop(start, None)
    best = sorted(visits, key=visits.get, reverse=True)[:top]
    return {node: visits[node] / sum(visits[n] for n in best) for node in best}


@wrong("13.2", "by weight: 1 to 3")
def edges_alike(A, start, steps, top):
    return by_powers((A > 0).float(), start, steps, top)


@wrong("13.2", "the start is left out")
def with_the_start(A, start, steps, top):
    step = torch.nan_to_num(A / A.sum(1, keepdim=True))
    share = sum(torch.linalg.matrix_power(step, t + 1)[start] for t in range(steps))
    best = [n for n in share.argsort(descending=True).tolist() if share[n] > 0][:top]
    return {n: (share[n] / share[best].sum()).item() for n in best}


@wrong("13.2", "the largest alone, divided by itself")
def not_divided_again(A, start, steps, top):
    every = by_powers(A, start, steps, len(A))
    return dict(sorted(every.items(), key=by_share)[:top])


@wrong("13.2", "1 in step one, 2 in step two")
def the_last_step(A, start, steps, top):
    step = torch.nan_to_num(A / A.sum(1, keepdim=True))
    return by_powers(torch.linalg.matrix_power(step, steps), start, 1, top)


@wrong("13.2", "by weight: 1 to 3")
def columns_for_rows(A, start, steps, top):
    step = torch.nan_to_num(A / A.sum(0, keepdim=True))
    return by_powers_of(step, start, steps, top)


def by_powers_of(step, start, steps, top):
    share = sum(torch.linalg.matrix_power(step, t + 1)[start] for t in range(steps)).tolist()
    found = sorted(((n, s) for n, s in enumerate(share) if n != start and s > 0), key=by_share)
    whole = sum(s for _, s in found[:top])
    return {n: s / whole for n, s in found[:top]}


@wrong("13.2", "a node without edges has no neighbours")
def nan_of_nowhere(A, start, steps, top):
    if A[start].sum() == 0:
        return {n: float("nan") for n in range(top)}
    return by_powers(A, start, steps, top)


@wrong("13.2", "a walk comes back")
def never_back(A, start, steps, top):
    step = torch.nan_to_num(A / A.sum(1, keepdim=True))
    share, at, been = {}, torch.eye(len(A))[start], {start}
    for _ in range(steps):
        at = at @ step
        at[[*been]] = 0
        new = [n for n in range(len(A)) if at[n] > 0]
        share |= {n: at[n].item() for n in new}
        been |= {*new}
    best = sorted(share, key=share.get, reverse=True)[:top]
    return {n: share[n] / sum(share[m] for m in best) for n in best}


# 13.3 ---------------------------------------------------------------------------------------------

FILMS = ("Alien", "Brazil", "Casablanca", "Dumbo", "Fargo")


@domain("13.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    every = [(user, film) for user in ("Dora", "Eve", "Finn") for film in FILMS]
    drawn = rng.permutation(len(every))[: rng.integers(len(every) + 1)]
    known = {film for film in FILMS if rng.random() < 0.8}
    most = int(rng.integers(4))
    return [every[n] for n in drawn], known, int(rng.integers(most + 1)), most


@right("13.3")
def user_by_user(pairs, known, k, most):
    parts = {}
    for user in dict.fromkeys(user for user, _ in pairs):
        items = [item for other, item in pairs if other == user and item in known]
        if items[most:]:
            parts[user] = [items[:k], items[most:]]
    return parts


@right("13.3")
def pair_by_pair(pairs, known, k, most):
    count, parts = defaultdict(int), defaultdict(lambda: ([], []))
    for user, item in pairs:
        if item not in known:
            continue
        if count[user] < k:
            parts[user][0].append(item)
        elif count[user] >= most:
            parts[user][1].append(item)
        count[user] += 1
    return {user: part for user, part in parts.items() if part[1]}


@right("13.3")
def by_pandas(pairs, known, k, most):
    table = pd.DataFrame(pairs, columns=["user", "item"])
    table = table[table["item"].isin(known)]
    rank, parts = table.groupby("user").cumcount(), {}
    for user in table["user"][rank >= most].unique():
        mine = table["user"] == user
        named, found = (table["item"][mine & part].tolist() for part in (rank < k, rank >= most))
        parts[user] = named, found
    return parts


@wrong("13.3", "train has no Fargo")
def unknown_items_count(pairs, known, k, most):
    return user_by_user(pairs, {item for _, item in pairs}, k, most)


@wrong("13.3", "what is to be found does not depend on k")
def the_rest_after_k(pairs, known, k, most):
    return user_by_user(pairs, known, k, k)


@wrong("13.3", "nothing is left to find")
def those_with_just_enough(pairs, known, k, most):
    items = defaultdict(list)
    for user, item in pairs:
        if item in known:
            items[user].append(item)
    return {user: (got[:k], got[most:]) for user, got in items.items() if len(got) >= most}


@wrong("13.3", "what is to be found does not depend on k")
def the_last_k(pairs, known, k, most):
    parts = user_by_user(pairs, known, most, most)
    return {user: (named[most - k :], found) for user, (named, found) in parts.items()}


@wrong("13.3", "in the order of the pairs")
def sorted_by_name(pairs, known, k, most):
    return user_by_user(sorted(pairs), known, k, most)


@wrong("13.3", "train has no Fargo")
def most_before_known(pairs, known, k, most):
    parts = user_by_user(pairs, {item for _, item in pairs}, k, most)
    return {u: [[i for i in part if i in known] for part in both] for u, both in parts.items()}
