"""Answers to the exercises of chapter 12."""

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from tests.exercises.machinery import domain, right, wrong

# 12.2 ---------------------------------------------------------------------------------------------


@domain("12.2")
def _(rng: np.random.Generator) -> tuple[Any, ...]:
    lengths = rng.integers(4, size=rng.integers(1, 5))
    column = rng.integers(9, size=lengths.sum()).tolist()
    nodes = rng.integers(len(lengths), size=rng.integers(4)).tolist()
    starts = [0, *lengths.cumsum().tolist()]
    return starts, column, rng.random(len(column)).round(3).tolist(), nodes


@right("12.2")
def row_by_row(row_start, column, value, nodes):
    starts, columns, values = [0], [], []
    for v in nodes:
        columns += column[row_start[v] : row_start[v + 1]]
        values += value[row_start[v] : row_start[v + 1]]
        starts.append(len(columns))
    return starts, columns, values


@right("12.2")
def with_scipy(row_start, column, value, nodes):
    width = max(column, default=0) + 1
    rows = sp.csr_array((value, column, row_start), shape=(len(row_start) - 1, width))
    if not nodes:
        return [[0], [], []]
    rows = rows[nodes]
    return [rows.indptr, rows.indices, rows.data]


@right("12.2")
def with_torch(row_start, column, value, nodes):
    start, v = torch.tensor(row_start), torch.tensor(nodes, dtype=torch.long)
    lengths = start.diff()[v]
    new = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    entry = torch.arange(int(lengths.sum())) + (start[v] - new[:-1]).repeat_interleave(lengths)
    return new, torch.tensor(column)[entry], torch.tensor(value)[entry]


@wrong("12.2", "starts count the new entries, from 0")
def old_starts(row_start, column, value, nodes):
    _, columns, values = row_by_row(row_start, column, value, nodes)
    return [row_start[v] for v in nodes] + [row_start[nodes[-1] + 1]], columns, values


@wrong("12.2", "row 0 has entries 0 and 1")
def without_the_end(row_start, column, value, nodes):
    starts, columns, values = row_by_row(row_start, column, value, nodes)
    return starts[:-1], columns, values


@wrong("12.2", "in the order of nodes")
def sorted_nodes(row_start, column, value, nodes):
    return row_by_row(row_start, column, value, sorted(nodes))


@wrong("12.2", "node 0 comes twice")
def each_once(row_start, column, value, nodes):
    return row_by_row(row_start, column, value, list(dict.fromkeys(nodes)))


@wrong("12.2", "an empty row still has its two starts")
def without_empty_rows(row_start, column, value, nodes):
    full = [v for v in nodes if row_start[v] < row_start[v + 1]]
    return row_by_row(row_start, column, value, full)


@wrong("12.2", "no rows have one start, the end")
def nothing_for_no_rows(row_start, column, value, nodes):
    return row_by_row(row_start, column, value, nodes) if nodes else ([], [], [])


@wrong("12.2", "row 0 has entries 0 and 1")
def lengths_for_starts(row_start, column, value, nodes):
    _, columns, values = row_by_row(row_start, column, value, nodes)
    return [row_start[v + 1] - row_start[v] for v in nodes], columns, values


@wrong("12.2", "row 0 has entries 0 and 1")
def as_pairs(row_start, column, value, nodes):
    starts, columns, values = row_by_row(row_start, column, value, nodes)
    return starts, list(zip(columns, values, strict=True))


@wrong("12.2", "changed what it was given")
def uses_up_the_nodes(row_start, column, value, nodes):
    starts, columns, values = [0], [], []
    while nodes:
        v = nodes.pop(0)
        columns += column[row_start[v] : row_start[v + 1]]
        values += value[row_start[v] : row_start[v + 1]]
        starts.append(len(columns))
    return starts, columns, values
