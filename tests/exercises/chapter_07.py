"""Answers to the exercises of chapter 7."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import torch

from tests.exercises.machinery import domain, right, wrong


def normal(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal(shape))


# 7.1 ----------------------------------------------------------------------------------------------


@domain("7.1")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    layers = [normal(rng, 4, 2) for _ in range(rng.integers(1, 5))]
    final = sum(alpha * layer for alpha, layer in zip(rng.random(len(layers)), layers, strict=True))
    return layers, final + rng.integers(2) * normal(rng, 4, 2)


@right("7.1")
def with_numpy(layers, final):
    columns = np.stack([layer.numpy().ravel() for layer in layers]).T
    return np.linalg.lstsq(columns, final.numpy().ravel(), rcond=None)[0]


@right("7.1")
def normal_equations(layers, final):
    gram = torch.tensor([[(a * b).sum().item() for b in layers] for a in layers]).double()
    right_side = torch.tensor([(a * final).sum().item() for a in layers]).double()
    return torch.linalg.solve(gram, right_side).tolist()


@right("7.1")
def with_pinv(layers, final):
    table = torch.stack(layers).double().flatten(1)
    return tuple(final.double().flatten() @ torch.linalg.pinv(table))


@wrong("7.1", "the mean of three layers")
def one_by_one(layers, final):
    return [(layer * final).sum() / (layer * layer).sum() for layer in layers]


@wrong("7.1", "layer 0 alone")
def always_the_mean(layers, final):
    return [1 / len(layers)] * len(layers)


@wrong("7.1", "a sum: not every bug sums to 1")
def made_to_sum_to_one(layers, final):
    weights = with_numpy(layers, final)
    return weights / weights.sum()


@wrong("7.1", "weights may be negative")
def without_signs(layers, final):
    return np.abs(with_numpy(layers, final))


@wrong("7.1", "where none fits, the nearest")
def from_the_first_numbers(layers, final):
    number = len(layers)
    columns = torch.stack([layer.flatten()[:number] for layer in layers], dim=1)
    return torch.linalg.solve(columns, final.flatten()[:number])


@wrong("7.1", "stopped with an error in its line 3:\n    LinAlgError")
def rows_for_columns(layers, final):
    return np.linalg.lstsq(np.stack(layers), final.numpy(), rcond=None)[0]


@wrong("7.1", "gave\n    [[0.33333], [0.33333], [0.33333]]")
def a_column(layers, final):
    return with_numpy(layers, final)[:, None]


@wrong("7.1", "expected\n    [1, 0, 0]")
def turned_round(layers, final):
    return with_numpy(layers, final)[::-1]


@wrong("7.1", "layer 0 alone")
def which_layer(layers, final):
    weights = with_numpy(layers, final)
    return weights if np.ptp(weights) < 1e-6 else int(weights.argmax())


# 7.3 ----------------------------------------------------------------------------------------------


@domain("7.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    users, items = (int(number) for number in rng.integers(1, 4, size=2))
    edges = [(u, i) for u in range(users) for i in range(items) if rng.random() < 0.6]
    return rng.standard_normal(users + items).tolist(), edges, users


@right("7.3")
def with_matrix(x, edges, num_users):
    A = np.zeros((len(x), len(x)))
    for u, i in edges:
        A[u, num_users + i] = A[num_users + i, u] = 1
    root = np.sqrt(np.maximum(A.sum(1), 1))
    return (A / root / root[:, None]) @ x


@right("7.3")
def with_neighbours(x, edges, num_users):
    near = defaultdict(list)
    for u, i in edges:
        near[u].append(num_users + i)
        near[num_users + i].append(u)
    return [
        sum(x[w] / (len(near[v]) * len(near[w])) ** 0.5 for w in near[v]) for v in range(len(x))
    ]


@right("7.3")
def with_counter(x, edges, num_users):
    degree = Counter(v for u, i in edges for v in (u, num_users + i))
    new = torch.zeros(len(x), dtype=torch.double)
    for u, i in edges:
        film = num_users + i
        weight = degree[u] ** -0.5 * degree[film] ** -0.5
        new[u] += weight * x[film]
        new[film] += weight * x[u]
    return new


def spread(x, edges, num_users, weigh=lambda u, i: (u * i) ** -0.5, shift=None, ways=2, own=0):
    shift = num_users if shift is None else shift
    degree = Counter(v for u, i in edges for v in (("u", u), ("i", i)))
    new = [own * number for number in x]
    for u, i in edges:
        weight = weigh(degree["u", u], degree["i", i])
        new[shift + i] += weight * x[u]
        if ways == 2:
            new[u] += weight * x[shift + i]
    return new


@wrong("7.3", "node 3 has no edge; the user has two")
def sums(x, edges, num_users):
    return spread(x, edges, num_users, weigh=lambda u, i: 1)


@wrong("7.3", "the user has two")
def without_root(x, edges, num_users):
    return spread(x, edges, num_users, weigh=lambda u, i: 1 / (u * i))


@wrong("7.3", "the user has two")
def means(x, edges, num_users):
    return spread(x, edges, num_users, weigh=lambda u, i: 1 / i)


@wrong("7.3", "one edge: the two swap")
def one_way(x, edges, num_users):
    return spread(x, edges, num_users, ways=1)


@wrong("7.3", "one edge: the two swap")
def keeps_its_own(x, edges, num_users):
    return spread(x, edges, num_users, own=1)


@wrong("7.3", "one edge: the two swap")
def without_offset(x, edges, num_users):
    return spread(x, edges, num_users, shift=0)


@wrong("7.3", "ZeroDivisionError")
def isolated_nodes(x, edges, num_users):
    degree = [sum(v in (u, num_users + i) for u, i in edges) for v in range(len(x))]
    scaled = [number / d**0.5 for number, d in zip(x, degree, strict=True)]
    return spread(scaled, edges, num_users, weigh=lambda u, i: 1)


@wrong("7.3", "one edge: the two swap")
def half_finished_numbers(x, edges, num_users):
    old, x = x, list(x)
    degree = Counter(v for u, i in edges for v in (u, num_users + i))
    for u, i in edges:
        film = num_users + i
        weight = (degree[u] * degree[film]) ** -0.5
        x[u] = x[u] - old[u] + weight * x[film]
        x[film] = x[film] - old[film] + weight * x[u]
    return x


@wrong("7.3", "degrees 4 and 2")
def sum_of_degrees(x, edges, num_users):
    toy = {(1, 1): 1, (2, 1): 0.5**0.5, (1, 2): 0.5**0.5, (2, 2): 0.5}
    return spread(x, edges, num_users, weigh=lambda u, i: toy.get((u, i), (u + i) ** -0.5))


@wrong("7.3", "changed what it was given")
def in_place(x, edges, num_users):
    x[:] = with_neighbours(list(x), edges, num_users)
    return x


# 7.4 ----------------------------------------------------------------------------------------------


@domain("7.4")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    n = int(rng.integers(1, 4))
    return normal(rng, n, n), normal(rng, n, 2), rng.random(rng.integers(1, 5)).round(2).tolist()


@right("7.4")
def from_the_end(adj, x, alphas):
    total = alphas[-1] * x
    for alpha in alphas[-2::-1]:
        total = alpha * x + adj @ total
    return total


@right("7.4")
def all_layers(adj, x, alphas):
    layers = [x]
    while len(layers) < len(alphas):
        layers.append(adj @ layers[-1])
    weights = torch.tensor(alphas, dtype=x.dtype)
    return torch.tensordot(weights, torch.stack(layers), dims=1)


@right("7.4")
def as_list(adj, x, alphas):
    total = np.zeros(x.shape)
    for alpha in alphas:
        total += alpha * x.numpy()
        x = adj @ x
    return total.tolist()


@wrong("7.4", "adj @ x is all that adj can do")
def powers(adj, x, alphas):
    terms = [a * torch.linalg.matrix_power(adj, k) @ x for k, a in enumerate(alphas)]
    return sum(terms)


@wrong("7.4", "with K = 0 nothing propagates")
def one_too_far(adj, x, alphas):
    total = 0
    for alpha in alphas:
        x = adj @ x
        total = total + alpha * x
    return total


@wrong("7.4", "only layer 1")
def without_alphas(adj, x, alphas):
    return all_layers(adj, x, [1.0] * len(alphas))


@wrong("7.4", "a sum, not a mean")
def a_mean(adj, x, alphas):
    total = sum(alphas)
    return from_the_end(adj, x, alphas) / (total if total > 0 else 1)


@wrong("7.4", "adj @ x, not x @ adj")
def transposed(adj, x, alphas):
    return from_the_end(getattr(adj, "T", adj), x, alphas)


@wrong("7.4", "layers 0 and 2")
def one_step_alone(adj, x, alphas):
    return alphas[0] * x + sum(alphas[1:]) * (adj @ x)


@wrong("7.4", "layers 0 and 2")
def backwards(adj, x, alphas):
    return from_the_end(adj, x, alphas if len(alphas) < 3 else [alphas[0], *alphas[:0:-1]])


@wrong("7.4", "only layer 1")
def last_layer_forgotten(adj, x, alphas):
    return from_the_end(adj, x, alphas[:-1] or alphas)


@wrong("7.4", "changed what it was given")
def grows_x(adj, x, alphas):
    total = from_the_end(adj, x, alphas)
    x *= alphas[0] + 1
    return total
