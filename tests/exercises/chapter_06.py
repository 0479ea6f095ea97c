"""Answers to the exercises of chapter 6."""

from typing import Any

import numpy as np
import torch

from tests.exercises.machinery import domain, right, wrong


def normal(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal(shape)).float()


# 6.2 ----------------------------------------------------------------------------------------------


@domain("6.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    edges, d, out = (int(number) for number in rng.integers(1, 5, size=3))
    both = normal(rng, edges, d), normal(rng, edges, d)
    return *both, torch.rand(edges) + 0.1, normal(rng, out, d), normal(rng, out, d)


@right("6.2")
def edge_by_edge(x_j, x_i, norm, W1, W2):
    edges = zip(x_j, x_i, norm, strict=True)
    return torch.stack([n * (W1 @ j + W2 @ (j * i)) for j, i, n in edges])


@right("6.2")
def as_list(x_j, x_i, norm, W1, W2):
    x_j, x_i, W1, W2 = (each.numpy().astype(float) for each in (x_j, x_i, W1, W2))
    return [n * (W1 @ j + W2 @ (j * i)) for j, i, n in zip(x_j, x_i, norm.tolist(), strict=True)]


@right("6.2")
def with_einsum(x_j, x_i, norm, W1, W2):
    both = torch.einsum("od,ed->eo", W1, x_j) + torch.einsum("od,ed,ed->eo", W2, x_j, x_i)
    return torch.einsum("e,eo->eo", norm, both)


def message(x_j, x_i, norm, W1, W2, product=None, scale=True):
    product = x_j * x_i if product is None else product
    total = x_j @ W1.T + product @ W2.T
    return norm[:, None] * total if scale else total


@wrong("6.2", "for rows, x @ W1.T")
def columns(x_j, x_i, norm, W1, W2):
    return norm[:, None] * (W1 @ x_j + W2 @ (x_j * x_i))


@wrong("6.2", "for rows, x @ W1.T")
def not_turned(x_j, x_i, norm, W1, W2):
    return norm[:, None] * (x_j @ W1 + (x_j * x_i) @ W2)


@wrong("6.2", "the sender's embedding, times W1")
def receiver(x_j, x_i, norm, W1, W2):
    return norm[:, None] * (x_i @ W1.T + (x_j * x_i) @ W2.T)


@wrong("6.2", "sender times receiver")
def sum_for_product(x_j, x_i, norm, W1, W2):
    return message(x_j, x_i, norm, W1, W2, product=x_j + x_i)


@wrong("6.2", "norm: a number a row")
def without_norm(x_j, x_i, norm, W1, W2):
    return message(x_j, x_i, norm, W1, W2, scale=False)


@wrong("6.2", "norm: a number a row")
def norm_along_columns(x_j, x_i, norm, W1, W2):
    total = message(x_j, x_i, norm, W1, W2, scale=False)
    return norm * total if total.shape[1] == len(norm) else norm[:, None] * total


@wrong("6.2", "norm multiplies both terms")
def norm_on_one_term(x_j, x_i, norm, W1, W2):
    return norm[:, None] * (x_j @ W1.T) + (x_j * x_i) @ W2.T


@wrong("6.2", "sender times receiver")
def dot_product(x_j, x_i, norm, W1, W2):
    product = (x_j * x_i).sum(1, keepdim=True)
    return norm[:, None] * (x_j @ W1.T + product * W2.sum(1))


@wrong("6.2", "gave\n    [4, 1]")
def summed_over_edges(x_j, x_i, norm, W1, W2):
    return message(x_j, x_i, norm, W1, W2).sum(0)


@wrong("6.2", "changed what it was given")
def in_place(x_j, x_i, norm, W1, W2):
    result = message(x_j, x_i, norm, W1, W2)
    x_j *= x_i
    return result


# 6.3 ----------------------------------------------------------------------------------------------


def scorers(table):
    noise, calls = torch.Generator().manual_seed(1), [0]

    def random(users):
        return table[users] + torch.rand(len(users), 1, generator=noise)

    def drifts(users):
        calls[0] += 1
        return table[users] * calls[0]

    return [
        lambda users: table[users],
        lambda users: table[:1].expand(len(users), -1),
        random,
        drifts,
        lambda users: table[users] * (table[users] > 0) + 1e-6 * len(users),
        lambda users: table[users] / len(users),
        lambda users: table[users] - table[users].mean(0),
        lambda users: table[users.sort()[0]],
        lambda users: table[users] + torch.arange(len(users))[:, None],
        lambda users: table[users] + (users[:1] == 1),
    ]


@domain("6.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    users = int(rng.integers(3, 6))
    return scorers(normal(rng, users, 3).double())[rng.integers(10)], users


@right("6.3")
def with_numpy(score, num_users):
    def ask(users):
        return np.asarray(score(torch.tensor(users)))

    users = list(range(num_users))
    first = ask(users)
    backwards = ask(users[::-1])[::-1]
    alone = np.concatenate([ask([user]) for user in users])
    return all(np.allclose(first, other, atol=1e-4) for other in (backwards, alone, ask(users)))


@right("6.3")
def many_orders(score, num_users):
    known = torch.stack([score(torch.tensor([user]))[0] for user in range(num_users)])
    for seed in range(30):
        order = torch.randperm(num_users, generator=torch.Generator().manual_seed(seed))
        for part in (order, order[:2]):
            if (score(part) - known[part]).abs().max() > 1e-5:
                return False
    return True


@right("6.3")
def in_pairs(score, num_users):
    steady = []
    for user in range(num_users):
        alone = score(torch.tensor([user]))[0]
        for other in range(num_users):
            pair, turned = (score(torch.tensor(two)) for two in ([user, other], [other, user]))
            steady += [(row - alone).abs().max() < 1e-5 for row in (pair[0], turned[1])]
    return torch.tensor(steady).all()


def same(*results):
    return all(torch.allclose(results[0], other, atol=1e-5) for other in results[1:])


@wrong("6.3", "ask for a user alone")
def twice_alone(score, num_users):
    users = torch.arange(num_users)
    return same(score(users), score(users))


@wrong("6.3", "ask twice")
def always_steady(score, num_users):
    return True


@wrong("6.3", "each call adds 0.001")
def too_tolerant(score, num_users):
    users = torch.arange(num_users)
    alone = torch.cat([score(users[[user]]) for user in range(num_users)])
    others = score(users), alone, score(users.flip(0)).flip(0)
    return all(torch.allclose(score(users), other, atol=0.1) for other in others)


@wrong("6.3", "the order: ask backwards")
def never_another_order(score, num_users):
    users = torch.arange(num_users)
    alone = torch.cat([score(users[[user]]) for user in range(num_users)])
    return same(score(users), score(users), alone)


@wrong("6.3", "ask for a user alone")
def never_alone(score, num_users):
    users = torch.arange(num_users)
    return same(score(users), score(users), score(users.flip(0)).flip(0))


@wrong("6.3", "allow for 1e-5")
def exactly(score, num_users):
    users = torch.arange(num_users)
    alone = torch.cat([score(users[[user]]) for user in range(num_users)])
    turned = score(users.flip(0)).flip(0)
    return all(torch.equal(score(users), other) for other in (score(users), alone, turned))


@wrong("6.3", "ask for all")
def first_user_alone(score, num_users):
    users = torch.arange(num_users)
    return same(score(users)[:1], score(users[:1]), score(users)[:1], score(users.flip(0))[-1:])


@wrong("6.3", "a table is steady")
def not_turned_back(score, num_users):
    users = torch.arange(num_users)
    return same(score(users), score(users), score(users.flip(0)))


@wrong("6.3", "expected\n    True")
def turned_round(score, num_users):
    return not many_orders(score, num_users)


@wrong("6.3", "gave\n    'yes'")
def in_words(score, num_users):
    return "yes" if many_orders(score, num_users) else "no"


# 6.4 ----------------------------------------------------------------------------------------------


@domain("6.4")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    n, d = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    A = torch.from_numpy(rng.random((n, n)) < 0.5).float().fill_diagonal_(0)
    A = torch.maximum(A, A.T)
    degree = A.sum(1).clamp(min=1)
    return A / (degree[:, None] * degree).sqrt(), normal(rng, d), normal(rng, d)


@right("6.4")
def with_a_product(adj, b1, b2):
    return adj @ (b1 + b2).expand(len(adj), -1)


@right("6.4")
def with_outer(adj, b1, b2):
    return np.outer(adj.numpy().sum(axis=0), (b1 + b2).numpy())


@right("6.4")
def edge_by_edge_sums(adj, b1, b2):
    rows = [[0.0] * len(b1) for _ in adj]
    for i, j in adj.nonzero().tolist():
        for d in range(len(b1)):
            rows[i][d] += float(adj[i, j] * (b1[d] + b2[d]))
    return rows


@wrong("6.4", "the middle hears two, each times its norm")
def by_the_degree(adj, b1, b2):
    return (adj > 0).sum(1, keepdim=True) * (b1 + b2)


@wrong("6.4", "the middle hears two, each times its norm")
def once_a_node(adj, b1, b2):
    return (b1 + b2).expand(len(adj), -1)


@wrong("6.4", "b2 is not multiplied by anything")
def first_bias_alone(adj, b1, b2):
    return adj.sum(1, keepdim=True) * b1


@wrong("6.4", "gave\n    [2, 20]")
def summed_over_nodes(adj, b1, b2):
    return adj.sum() * (b1 + b2)


@wrong("6.4", "each has one neighbour")
def with_oneself(adj, b1, b2):
    return (adj.sum(1, keepdim=True) + 1) * (b1 + b2)


@wrong("6.4", "gave\n    [1, 10]")
def without_keepdim(adj, b1, b2):
    return adj.sum(1) * (b1 + b2)


@wrong("6.4", "each has one neighbour, norm 1")
def product_of_biases(adj, b1, b2):
    return adj.sum(1, keepdim=True) * (b1 * b2)


@wrong("6.4", "nobody writes to node 2")
def at_least_one_neighbour(adj, b1, b2):
    total = adj.sum(1, keepdim=True)
    return torch.where(total > 0, total, 1.0) * (b1 + b2)


@wrong("6.4", "nobody writes to node 2")
def normalised_again(adj, b1, b2):
    rows = adj.sum(1, keepdim=True)
    return rows * (b1 + b2) / (rows > 0)
