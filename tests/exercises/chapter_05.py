"""Answers to the exercises of chapter 5."""

from typing import Any

import numpy as np
import torch

from tests.exercises.machinery import domain, right, wrong


def drawn_graph(rng: np.random.Generator, symmetric: bool = True) -> torch.Tensor:
    n = int(rng.integers(3, 6))
    A = torch.from_numpy(rng.random((n, n)) < 0.4).float().fill_diagonal_(0)
    return torch.maximum(A, A.T) if symmetric else A


# 5.1 ----------------------------------------------------------------------------------------------


def layers(A):
    def loudest(X):
        return torch.where(A > 0, X.T, -1e9).amax(1, keepdim=True)

    return [
        lambda X: A @ X,
        lambda X: X + 0.01 * A @ X,
        lambda X: A @ A @ X,
        lambda X: (A @ X).relu() * X,
        lambda X: (X - 2).relu(),
        loudest,
    ]


@domain("5.1")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    A = drawn_graph(rng, symmetric=False)
    return layers(A)[rng.integers(6)], len(A), int(rng.integers(len(A)))


@right("5.1")
def with_gradients(layer, num_nodes, node):
    heard = torch.zeros(num_nodes, dtype=torch.bool)
    for seed in range(25):
        torch.manual_seed(seed)
        X = (5 * torch.randn(num_nodes, 1)).requires_grad_()
        y = layer(X)[node, 0]
        if y.requires_grad:
            y.backward()
            heard |= X.grad[:, 0] != 0
    return heard.nonzero().flatten()


@right("5.1")
def loud_and_quiet(layer, num_nodes, node):
    rng, heard = np.random.default_rng(0), []
    for other in range(num_nodes):
        for _ in range(20):
            base = torch.from_numpy(rng.standard_normal((num_nodes, 1)) * 8).float()
            many = base.repeat(1, 1)
            many[other] = -2 * base[other] + 7
            if (layer(base)[node] - layer(many)[node]).abs().item() > 1e-3:
                heard.append(other)
                break
    return heard


@right("5.1")
def with_numbers(layer, num_nodes, node):
    heard = set()
    for seed in range(20):
        X = torch.randn(num_nodes, 1, generator=torch.Generator().manual_seed(seed)) * 6
        for other in range(num_nodes):
            row = torch.arange(num_nodes)[:, None] == other
            for step in (-9, 9):
                if layer(X + step * row)[node].item() != layer(X)[node].item():
                    heard.add(other)
    return frozenset(heard)


def measured(layer, num_nodes, node, tries=30, base=10.0, step=5.0, differs=None, out=None):
    generator, heard = torch.Generator().manual_seed(0), set()
    for _ in range(tries):
        X = base * torch.randn(num_nodes, 1, generator=generator)
        for other in range(num_nodes):
            nudged = X.clone()
            nudged[other] += step
            old, new = layer(X), layer(nudged)
            sender, receiver = (other, node) if out is None else (node, other)
            if out is not None:
                nudged = X.clone()
                nudged[node] += step
                new = layer(nudged)
            if (
                (new[receiver] - old[receiver]).abs() > 1e-4
                if differs is None
                else differs(new[receiver], old[receiver])
            ):
                heard.add(receiver if out is not None else sender)
    return heard


@wrong("5.1", "a product is silent at zero")
def at_zero(layer, num_nodes, node):
    return measured(layer, num_nodes, node, base=0.0)


@wrong("5.1", "a change may be downwards")
def upwards_alone(layer, num_nodes, node):
    return measured(layer, num_nodes, node, differs=lambda new, old: new > old)


@wrong("5.1", "a faint voice counts")
def loud_alone(layer, num_nodes, node):
    return measured(layer, num_nodes, node, differs=lambda new, old: (new - old).abs() > 1)


@wrong("5.1", "who hears whom has a direction")
def who_hears_me(layer, num_nodes, node):
    return measured(layer, num_nodes, node, out=True)


@wrong("5.1", "Hint: ")
def one_try(layer, num_nodes, node):
    return measured(layer, num_nodes, node, tries=1)


@wrong("5.1", "relu again: silent below 3")
def small_numbers(layer, num_nodes, node):
    return measured(layer, num_nodes, node, base=0.1, step=0.1)


@wrong("5.1", "two layers: itself")
def never_oneself(layer, num_nodes, node):
    return measured(layer, num_nodes, node) - {node}


@wrong("5.1", "a constant hears nobody")
def always_oneself(layer, num_nodes, node):
    heard = measured(layer, num_nodes, node)
    return heard or {node}


@wrong("5.1", "sums of neighbours")
def at_any_node(layer, num_nodes, node):
    return {other for n in range(num_nodes) for other in measured(layer, num_nodes, n)}


# 5.2 ----------------------------------------------------------------------------------------------


@domain("5.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    A = drawn_graph(rng, symmetric=False)
    return A, torch.from_numpy(rng.standard_normal((len(A), 2))).float()


@right("5.2")
def with_loops(A, X):
    rows = []
    for heard in A.bool():
        rows.append(X[heard].mean(0) if heard.any() else torch.zeros(X.shape[1]))
    return torch.stack(rows)


@right("5.2")
def with_numpy(A, X):
    A, X = A.numpy(), X.numpy()
    count = A.sum(axis=1)
    return np.divide(A @ X, count[:, None], out=np.zeros_like(X), where=count[:, None] > 0)


@right("5.2")
def nan_to_num(A, X):
    return torch.nan_to_num((A / A.sum(dim=1, keepdim=True)) @ X).tolist()


@wrong("5.2", "zeros, not NaN")
def without_neighbours(A, X):
    return A @ X / A.sum(1, keepdim=True)


@wrong("5.2", "node 0 hears 1 and 2")
def sums(A, X):
    return A @ X


@wrong("5.2", "not who hears")
def turned(A, X):
    return A.T @ X / A.T.sum(1, keepdim=True).clamp(min=1)


@wrong("5.2", "RuntimeError")
def without_keepdim(A, X):
    return A @ X / A.sum(1).clamp(min=1)


@wrong("5.2", "node 0 hears 1 and 2")
def divided_by_columns(A, X):
    return A @ (X / A.sum(0)[:, None].clamp(min=1))


@wrong("5.2", "node 0 hears 1 and 2")
def with_itself(A, X):
    return (A @ X + X) / (A.sum(1, keepdim=True) + 1)


@wrong("5.2", "node 0 hears 1 and 2")
def over_all_nodes(A, X):
    return A @ X / len(A)


@wrong("5.2", "zeros, not NaN")
def keeps_its_own(A, X):
    mean = A @ X / A.sum(1, keepdim=True).clamp(min=1)
    return torch.where(A.sum(1, keepdim=True) > 0, mean, X)


@wrong("5.2", "changed what it was given")
def in_place(A, X):
    A /= A.sum(1, keepdim=True).clamp(min=1)
    return A @ X


# 5.3 ----------------------------------------------------------------------------------------------


@domain("5.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    return drawn_graph(rng), int(rng.integers(5))


@right("5.3")
def by_comparing(A, num_layers):
    columns = [torch.ones(len(A))]
    for _ in range(num_layers):
        columns.append(A @ columns[-1])
    table = torch.stack(columns, dim=1)
    return [int((table == row).all(1).nonzero()[0]) for row in table]


@right("5.3")
def with_dict(A, num_layers):
    x = np.ones(len(A))
    told = [()] * len(A)
    for _ in range(num_layers):
        x = A.numpy() @ x
        told = [(*before, number) for before, number in zip(told, x, strict=True)]
    first = {}
    for node, key in enumerate(told):
        first.setdefault(key, node)
    return np.array([first[key] for key in told])


@right("5.3")
def by_colours(A, num_layers):
    colour = [0] * len(A)
    for _ in range(num_layers):
        seen = [
            (colour[v], sorted(colour[w] for w in A[v].nonzero().flatten().tolist()))
            for v in range(len(A))
        ]
        colour = [seen.index(one) for one in seen]
    return colour


def histories(A, num_layers, last=False, start=None):
    x, rows = torch.ones(len(A)) if start is None else start, []
    for _ in range(num_layers):
        x = A @ x
        rows.append(x.tolist())
    rows = rows[-1:] if last else rows
    return [[row[node] for row in rows] for node in range(len(A))]


@wrong("5.3", "in layer 1 not all")
def last_layer_alone(A, num_layers):
    told = histories(A, num_layers, last=True)
    return [told.index(one) for one in told]


@wrong("5.3", "how many those have")
def degrees_alone(A, num_layers):
    degree = A.sum(1).tolist()
    return [degree.index(d) if num_layers else 0 for d in degree]


@wrong("5.3", "before the first layer all are alike")
def own_rows(A, num_layers):
    return list(range(len(A)))


@wrong("5.3", "one layer counts the neighbours")
def one_layer_less(A, num_layers):
    told = histories(A, num_layers - 1)
    return [told.index(one) for one in told]


@wrong("5.3", "before the first layer all are alike")
def one_layer_more(A, num_layers):
    told = histories(A, num_layers + 1)
    return [told.index(one) for one in told]


@wrong("5.3", "before the first layer all are alike")
def numbers_of_groups(A, num_layers):
    told = histories(A, num_layers)
    groups = sorted({tuple(one) for one in told})
    return [groups.index(tuple(one)) + 1 for one in told]


@wrong("5.3", "one layer counts the neighbours")
def highest_twin(A, num_layers):
    told = histories(A, num_layers)
    if not num_layers:
        return [0] * len(A)
    return [len(A) - 1 - told[::-1].index(one) for one in told]


@wrong("5.3", "one layer counts the neighbours")
def means_for_sums(A, num_layers):
    told = histories(A / A.sum(1, keepdim=True).clamp(min=1), num_layers)
    return [told.index(one) for one in told]


@wrong("5.3", "gave\n    {0}")
def a_set(A, num_layers):
    told = histories(A, num_layers)
    return {told.index(one) for one in told}
