"""Answers to the exercises of chapter 9."""

from typing import Any

import numpy as np
import torch

from tests.exercises.machinery import domain, right, wrong

# 9.3 ----------------------------------------------------------------------------------------------


@domain("9.3")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    num_users, num_items, length = rng.integers(1, 6, 3)
    x = rng.integers(0, 2, (num_users, num_items)).astype(float)
    emb = rng.standard_normal((num_users, length))
    return x, emb, rng.uniform(0.1, 1), rng.uniform(0.1, 2), float(rng.choice([0, 0.5, 1]))


@right("9.3")
def least_squares(x, user_emb, alpha0, reg, nu):
    films, length = [], user_emb.shape[1]
    for column in x.T:
        own = user_emb[column > 0]
        penalty = reg * (len(own) + alpha0 * len(x)) ** nu
        rows = np.vstack([own, alpha0**0.5 * user_emb, penalty**0.5 * np.eye(length)])
        target = np.concatenate([np.ones(len(own)), np.zeros(len(x) + length)])
        films.append(np.linalg.lstsq(rows, target, rcond=None)[0].tolist())
    return films


@right("9.3")
def all_at_once(x, user_emb, alpha0, reg, nu):
    x, emb = torch.as_tensor(x), torch.as_tensor(user_emb)
    penalty = reg * (x.sum(0) + alpha0 * len(x)) ** nu
    left = torch.einsum("ui,ud,ue->ide", x, emb, emb) + alpha0 * emb.T @ emb
    left = left + penalty[:, None, None] * torch.eye(emb.shape[1], dtype=emb.dtype)
    return torch.linalg.solve(left, x.T @ emb)


@right("9.3")
def with_weights_for_all_cells(x, user_emb, alpha0, reg, nu):
    def one(column):
        weight = column + alpha0
        left = (user_emb * weight[:, None]).T @ user_emb
        left += reg * weight.sum() ** nu * np.eye(user_emb.shape[1])
        return np.linalg.inv(left) @ (user_emb.T @ column)

    return np.stack([one(column) for column in x.T])


@wrong("9.3", "a film weighs its users plus alpha0 times the number of all users")
def nu_forgotten(x, user_emb, alpha0, reg, nu):
    return least_squares(x, user_emb, alpha0, reg, 0)


@wrong("9.3", "a film weighs its users plus alpha0 times the number of all users")
def the_number_of_films(x, user_emb, alpha0, reg, nu):
    penalty = reg * (x.sum(0) + alpha0 * x.shape[1]) ** nu
    return [
        least_squares(column[:, None], user_emb, alpha0, one, 0)[0]
        for column, one in zip(x.T, penalty, strict=True)
    ]


@wrong("9.3", "nu = 0: all alike")
def the_degree_alone(x, user_emb, alpha0, reg, nu):
    return least_squares(x, user_emb, 0.0, reg, nu)


@wrong("9.3", "nu = 0: all alike")
def zeros_of_its_own_users(x, user_emb, alpha0, reg, nu):
    films = []
    for column in x.T:
        own = user_emb[column > 0]
        left = (1 + alpha0) * own.T @ own + reg * np.eye(user_emb.shape[1])
        films.append(np.linalg.solve(left, own.sum(0)))
    return films


@wrong("9.3", "d = 2: solve")
def divided_not_solved(x, user_emb, alpha0, reg, nu):
    films = []
    for column in x.T:
        own = user_emb[column > 0]
        weight = len(own) + alpha0 * len(x)
        left = own.T @ own + alpha0 * user_emb.T @ user_emb
        films.append(own.sum(0) / (np.diag(left) + reg * weight**nu))
    return films


@wrong("9.3", "nu = 0: all alike")
def on_its_side(x, user_emb, alpha0, reg, nu):
    return np.array(least_squares(x, user_emb, alpha0, reg, nu)).T
