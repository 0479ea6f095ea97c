"""Answers to the exercises of chapter 18."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import torch

from tests.exercises.machinery import domain, right, wrong

# 18.2 ---------------------------------------------------------------------------------------------


@domain("18.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    num_items = int(rng.integers(1, 6))
    lists = [rng.integers(num_items, size=rng.integers(1, 4)).tolist() for _ in range(3)]
    return lists, num_items


def from_counts(counts):
    c, n = np.sort(counts), len(counts)
    return 2 * (np.arange(1, n + 1) * c).sum() / (n * c.sum()) - (n + 1) / n


@right("18.2")
def with_bincount(lists, num_items):
    return from_counts(np.bincount(np.concatenate(lists).astype(int), minlength=num_items))


@right("18.2")
def all_pairs(lists, num_items):
    counts = Counter(item for shown in lists for item in shown)
    c = torch.tensor([counts[item] for item in range(num_items)]).double()
    return (c[:, None] - c).abs().sum() / (2 * num_items * c.sum())


@right("18.2")
def with_pandas(lists, num_items):
    counts = pd.Series([item for shown in lists for item in shown]).value_counts()
    counts = counts.reindex(range(num_items), fill_value=0).sort_values()
    place = np.arange(1, num_items + 1)
    return 2 * (place @ counts) / (num_items * counts.sum()) - 1 - 1 / num_items


@wrong("18.2", "items that are never shown have the count 0")
def only_what_is_shown(lists, num_items):
    return from_counts(list(Counter(item for shown in lists for item in shown).values()))


@wrong("18.2", "the counts 1, 2, 1 in order are 1, 1, 2")
def not_sorted(lists, num_items):
    counts = np.bincount(np.concatenate(lists).astype(int), minlength=num_items)
    n = num_items
    return 2 * (np.arange(1, n + 1) * counts).sum() / (n * counts.sum()) - (n + 1) / n


@wrong("18.2", "the counts 1, 2, 1 in order are 1, 1, 2")
def largest_first(lists, num_items):
    counts = np.sort(np.bincount(np.concatenate(lists).astype(int), minlength=num_items))[::-1]
    n = num_items
    return 2 * (np.arange(1, n + 1) * counts).sum() / (n * counts.sum()) - (n + 1) / n


@wrong("18.2", "each of four items is shown once")
def places_from_zero(lists, num_items):
    counts = np.bincount(np.concatenate(lists).astype(int), minlength=num_items)
    return from_counts(counts) - 2 / num_items


@wrong("18.2", "the counts 1, 2, 1 in order are 1, 1, 2")
def coverage_for_gini(lists, num_items):
    return 1 - len({item for shown in lists for item in shown}) / num_items


@wrong("18.2", "each of four items is shown once")
def without_the_last_term(lists, num_items):
    counts = np.bincount(np.concatenate(lists).astype(int), minlength=num_items)
    return from_counts(counts) + (num_items + 1) / num_items


@wrong("18.2", "lists of any length")
def as_a_table(lists, num_items):
    k, c = len(lists[0]), np.zeros(num_items)
    for shown in lists:
        c[shown] += 1
    c, n = np.sort(c), num_items
    return 2 * (np.arange(1, n + 1) * c).sum() / (n * len(lists) * k) - (n + 1) / n


@wrong("18.2", "items that are never shown have the count 0")
def length_for_number(lists, num_items):
    counts = np.bincount(np.concatenate(lists).astype(int))
    return from_counts(counts[counts > 0])
