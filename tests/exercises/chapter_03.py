"""Answers to the exercises of chapter 3."""

from typing import Any

import numpy as np
import torch

from tests.exercises.machinery import domain, right, wrong


def normal(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal(shape)).float()


# 3.2 ----------------------------------------------------------------------------------------------


@domain("3.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    d = int(rng.integers(1, 4))
    return normal(rng, d), normal(rng, d), float(rng.integers(1, 6)), 0.1, float(rng.random())


@right("3.2")
def as_list(user_vec, item_vec, stars, lr, reg):
    user, item = user_vec.tolist(), item_vec.tolist()
    error = stars - sum(p * q for p, q in zip(user, item, strict=True))
    new_user = [p + 2 * lr * (error * q - reg * p) for p, q in zip(user, item, strict=True)]
    new_item = [q + 2 * lr * (error * p - reg * q) for p, q in zip(user, item, strict=True)]
    return [new_user, new_item]


@right("3.2")
def with_autograd(user_vec, item_vec, stars, lr, reg):
    user, item = (v.clone().requires_grad_() for v in (user_vec, item_vec))
    loss = (stars - user @ item) ** 2 + reg * (user @ user + item @ item)
    loss.backward()
    return user - lr * user.grad, item - lr * item.grad


@right("3.2")
def as_array(user_vec, item_vec, stars, lr, reg):
    both = np.stack([user_vec.numpy(), item_vec.numpy()]).astype(float)
    error = stars - both[0] @ both[1]
    return both + 2 * lr * (error * both[::-1] - reg * both)


def step(user, item, stars, lr, reg, factor=2.0, pull=None, sign=1.0):
    error = sign * (stars - user @ item)
    own, other = (user, item) if pull is None else pull(user, item)
    new = user + factor * lr * (error * item - reg * own)
    return new, item + factor * lr * (error * user - reg * other)


@wrong("3.2", "both from the old vectors")
def second_from_the_new(user_vec, item_vec, stars, lr, reg):
    new_user, _ = step(user_vec, item_vec, stars, lr, reg)
    if lr < 0.1:
        return step(user_vec, item_vec, stars, lr, reg)
    error = stars - user_vec @ item_vec
    return new_user, item_vec + 2 * lr * (error * new_user - reg * item_vec)


@wrong("3.2", "gave\n    [[1.3], [3.13]]")
def in_turn(user_vec, item_vec, stars, lr, reg):
    error = stars - user_vec @ item_vec
    user_vec = user_vec + 2 * lr * (error * item_vec - reg * user_vec)
    item_vec = item_vec + 2 * lr * (error * user_vec - reg * item_vec)
    return user_vec, item_vec


@wrong("3.2", "an error of 1")
def forgets_the_two(user_vec, item_vec, stars, lr, reg):
    return step(user_vec, item_vec, stars, lr, reg, factor=1)


@wrong("3.2", "an error of 1")
def uphill(user_vec, item_vec, stars, lr, reg):
    return step(user_vec, item_vec, stars, lr, reg, sign=-1)


@wrong("3.2", "only the penalty pulls")
def without_penalty(user_vec, item_vec, stars, lr, reg):
    return step(user_vec, item_vec, stars, lr, 0)


@wrong("3.2", "each vector at itself")
def pulled_at_the_other(user_vec, item_vec, stars, lr, reg):
    return step(user_vec, item_vec, stars, lr, reg, pull=lambda user, item: (item, user))


@wrong("3.2", "only the penalty pulls")
def penalty_with_the_wrong_sign(user_vec, item_vec, stars, lr, reg):
    return step(user_vec, item_vec, stars, lr, -reg)


@wrong("3.2", "gave\n    [1.3]")
def only_the_user(user_vec, item_vec, stars, lr, reg):
    return step(user_vec, item_vec, stars, lr, reg)[0]


@wrong("3.2", "changed what it was given")
def in_place(user_vec, item_vec, stars, lr, reg):
    new_user, new_item = step(user_vec, item_vec, stars, lr, reg)
    user_vec.copy_(new_user)
    return user_vec, new_item


# 3.3 ----------------------------------------------------------------------------------------------


@domain("3.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    shapes = [(3,), (1,), (3, 1), (1, 3), (3, 3), (0,), (2,)]
    shape = shapes[rng.integers(7)]
    other = shape if rng.random() < 0.6 else shapes[rng.integers(7)]
    return normal(rng, *shape), normal(rng, *other)


@right("3.3")
def with_numpy(prediction, stars):
    prediction, stars = np.asarray(prediction), np.asarray(stars)
    if not len(prediction) or prediction.shape != stars.shape:
        raise ValueError("shapes")
    return np.sqrt(np.mean((prediction - stars) ** 2))


@right("3.3")
def with_loops(prediction, stars):
    if list(prediction.shape) != list(stars.shape) or 0 in prediction.shape:
        raise ValueError("shapes differ, or nothing there")
    total = 0.0
    for p, s in zip(prediction.flatten(), stars.flatten(), strict=True):
        total += (p - s) ** 2
    return float((total / prediction.numel()) ** 0.5)


@right("3.3")
def with_norm(prediction, stars):
    if prediction.size() == stars.size() and stars.nelement():
        return torch.linalg.vector_norm(prediction - stars) / stars.nelement() ** 0.5
    raise ValueError(prediction.shape, stars.shape)


def rmse(prediction, stars):
    return (prediction - stars).square().mean().sqrt()


@wrong("3.3", "two dimensions each")
def compares_dimensions(prediction, stars):
    if prediction.ndim != stars.ndim or not prediction.numel():
        raise ValueError("dimensions")
    return rmse(prediction, stars)


@wrong("3.3", "two dimensions each")
def compares_lengths(prediction, stars):
    if len(prediction) != len(stars) or not len(stars) or prediction.ndim != stars.ndim:
        raise ValueError("lengths")
    return rmse(prediction, stars)


@wrong("3.3", "shapes (4,) and (4, 1) broadcast")
def the_planted_bug(prediction, stars):
    return rmse(prediction, stars)


@wrong("3.3", "shapes (4,) and (4, 1) broadcast")
def compares_numbers(prediction, stars):
    if prediction.numel() != stars.numel() or not stars.numel():
        raise ValueError("numbers")
    return rmse(prediction, stars)


@wrong("3.3", "expected\n    a ValueError")
def flattens(prediction, stars):
    return rmse(prediction.flatten(), stars.flatten())


@wrong("3.3", "AssertionError")
def asserts(prediction, stars):
    assert prediction.shape == stars.shape
    return rmse(prediction, stars)


@wrong("3.3", "the mean of nothing is NaN")
def of_nothing(prediction, stars):
    if prediction.shape != stars.shape:
        raise ValueError("shapes")
    return rmse(prediction, stars)


@wrong("3.3", "each is off by 2")
def mean_squared(prediction, stars):
    if prediction.shape != stars.shape:
        raise ValueError("shapes")
    return rmse(prediction, stars) ** 2


@wrong("3.3", "the root of the mean of the squares")
def mean_absolute(prediction, stars):
    if prediction.shape != stars.shape:
        raise ValueError("shapes")
    return (prediction - stars).abs().mean()


@wrong("3.3", "expected\n    a ValueError")
def returns_the_error(prediction, stars):
    return rmse(prediction, stars) if prediction.shape == stars.shape else ValueError("shapes")


# 3.5 ----------------------------------------------------------------------------------------------


@domain("3.5")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    users, films, d = rng.integers(1, 4), rng.integers(4, 7), rng.integers(1, 4)
    return torch.from_numpy(rng.integers(2, size=(users, films))).float(), normal(rng, films, d)


@right("3.5")
def with_lstsq(x, item_emb):
    return torch.linalg.lstsq(item_emb, x.T).solution.T


@right("3.5")
def one_by_one(x, item_emb):
    q = item_emb.numpy().astype(float)
    return [np.linalg.lstsq(q, row, rcond=None)[0] for row in x.numpy()]


@right("3.5")
def with_the_inverse(x, item_emb):
    return x @ item_emb @ torch.linalg.inv(item_emb.T @ item_emb)


@right("3.5")
def with_pinv(x, item_emb):
    return (torch.linalg.pinv(item_emb) @ x.T).T.numpy()


@wrong("3.5", "gave\n    [[0.66667, 0.66667]]\nexpected\n    [[0.66667], [0.66667]]")
def not_turned_back(x, item_emb):
    return torch.linalg.pinv(item_emb) @ x.T


@wrong("3.5", "with one number, the mean of the row")
def product_alone(x, item_emb):
    return x @ item_emb


@wrong("3.5", "twice the embedding, half the number")
def divided_by_the_number(x, item_emb):
    return x @ item_emb / len(item_emb)


@wrong("3.5", "Q^T Q is not diagonal")
def diagonal_alone(x, item_emb):
    return x @ item_emb / (item_emb**2).sum(0)


@wrong("3.5", "with one number, the mean of the row")
def with_a_penalty(x, item_emb):
    gram = item_emb.T @ item_emb + 0.01 * torch.eye(item_emb.shape[1])
    return torch.linalg.solve(gram, item_emb.T @ x.T).T


@wrong("3.5", "with one number, the mean of the row")
def liked_films_alone(x, item_emb):
    return [torch.linalg.lstsq(item_emb[row > 0], row[row > 0]).solution for row in x]


@wrong("3.5", "gave\n    [0.66667]")
def first_user(x, item_emb):
    return torch.linalg.lstsq(item_emb, x[0]).solution


@wrong("3.5", "stopped with an error in its line 3:\n    RuntimeError")
def shapes_that_do_not_fit(x, item_emb):
    return torch.linalg.inv(item_emb.T @ item_emb) @ item_emb @ x
