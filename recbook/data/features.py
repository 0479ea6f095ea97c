"""Features: what is known of an item or a user before anybody has interacted with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array, diags_array, issparse
from torch import Tensor

from recbook.checks import check_count, check_kind

__all__ = ["check_features", "one_hot", "weigh_rare"]


def one_hot(table: pd.DataFrame, columns: Sequence[str]) -> tuple[csr_array, list[str]]:
    """A column of zeros and ones for each value of some columns, and what it stands for.

    A text of several words, such as MovieLens' genres, has several values. What is missing has
    none.

    Args:
        table: one row an item, or a user, in the order of their positions.
        columns: whose values become features.

    Returns:
        Sparse, in doubles, shape ``(len(table), num_features)``, and the features' names, in
        order of the columns and then of their values.

    Raises:
        TypeError: on what is no table.
        ValueError: on a column that is not there, or none.

    >>> films = pd.DataFrame({"genres": ["Drama", "Comedy Drama"], "year": [1995, 1996]})
    >>> matrix, names = one_hot(films, ["genres", "year"])
    >>> names
    ['genres Comedy', 'genres Drama', 'year 1995', 'year 1996']
    >>> matrix.toarray().tolist()
    [[0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0]]
    """
    check_kind("table", table, pd.DataFrame)
    check_kind("columns", columns, (list, tuple), hint="e.g. ['genres', 'year']")
    there = list(map(str, table.columns))
    if not columns or not {*columns} <= {*there}:
        raise ValueError(f"got columns={columns}, expected one or more of {', '.join(there)}")
    words = [table[name].astype("string").str.get_dummies(" ") for name in columns]
    names = [f"{name} {word}" for name, part in zip(columns, words, strict=True) for word in part]
    return csr_array(np.hstack([part.to_numpy(dtype=float) for part in words])), names


def weigh_rare(features: Any, least: int = 1) -> csr_array:
    r"""Features weighted by how rare they are, each row then divided by its length.

    .. math:: x_{vf} \ln\frac{n}{n_f}

    with :math:`n_f` of the :math:`n` rows having feature :math:`f` (inverse document frequency).
    A row without features stays empty.

    Args:
        features: shape ``(n, num_features)``, sparse or dense.
        least: how many rows a feature must have; rarer ones are left out.

    Returns:
        Sparse, in doubles, shape ``(n, number of features kept)``.

    Raises:
        TypeError: on what is no table of numbers.
        ValueError: on a number that is not finite, or where no feature is left.

    >>> weigh_rare(np.array([[1, 0, 1], [1, 1, 0]]), least=1).toarray().round(2).tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    matrix = check_features("features", features)
    check_count("least", least)
    have = np.asarray((matrix != 0).sum(0)).ravel()
    kept = np.flatnonzero(have >= least)
    if not len(kept):
        raise ValueError(
            f"got features that {have.max(initial=0)} rows have at most, expected one that "
            f"least={least} have; pass a smaller least"
        )
    matrix = matrix[:, kept] @ diags_array(np.log(matrix.shape[0] / have[kept]))
    length = np.sqrt(matrix.multiply(matrix).sum(1))
    return csr_array(diags_array(1 / np.where(length > 0, length, 1)) @ matrix)


def check_features(
    name: str, value: Any, rows: int | None = None, columns: int | None = None
) -> csr_array:
    """A feature matrix, sparse and in doubles, a row an item or a user.

    Args:
        name: what it is, for the message.
        value: a SciPy sparse matrix, or a two-dimensional array or tensor of numbers.
        rows: how many rows it is to have; None for any number.
        columns: how many columns, likewise.

    Raises:
        TypeError: on what is no table of numbers.
        ValueError: on another shape, or a number that is not finite.

    >>> check_features("item_features", np.eye(2), rows=3)
    Traceback (most recent call last):
    ValueError: item_features: got shape (2, 2), expected (3, any): a row for each position
    """
    if isinstance(value, Tensor) and value.layout == torch.strided:
        value = value.detach().cpu().numpy()
    if not (issparse(value) or isinstance(value, np.ndarray)) or value.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: got {type(value).__name__}, expected a table of numbers, sparse or dense, "
            "e.g. of one_hot"
        )
    expected = ("any" if rows is None else rows, "any" if columns is None else columns)
    if value.ndim != 2 or any(
        there not in ("any", size) for there, size in zip(expected, value.shape, strict=True)
    ):
        raise ValueError(
            f"{name}: got shape {value.shape}, expected ({expected[0]}, {expected[1]}): a row for "
            "each position"
        )
    matrix = csr_array(value).astype(float)
    matrix.sum_duplicates()
    if not np.isfinite(matrix.data).all():
        raise ValueError(f"{name}: got a number that is not finite, expected all finite")
    return matrix
