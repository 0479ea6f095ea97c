"""Sparse matrices: rows of CSR, products with dense ones, singular vectors.

What stands here knows nothing of users and items.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from torch import Tensor

__all__ = ["inv_sqrt", "largest_singular", "row_entries", "sparse_product", "sparse_rows"]


def sparse_rows(row: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    """A sparse CSR matrix from its entries, in order of rows and then of columns."""
    row_start = torch.zeros(size[0] + 1, dtype=torch.int32, device=row.device)
    row_start[1:] = torch.bincount(row, minlength=size[0]).cumsum(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(
            row_start,
            column.int(),  # 32 bits: half as much to read
            value,
            size=size,
            check_invariants=True,
        )


def row_entries(row_start: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where the entries of some CSR rows stand: ``row``, counting along ``rows``, and ``entry``."""
    start, count = row_start[rows], row_start[rows + 1] - row_start[rows]
    row = torch.arange(len(rows), device=rows.device).repeat_interleave(count)
    entry = torch.arange(len(row), device=rows.device) + (start - count.cumsum(0) + count)[row]
    return row, entry


def sparse_product(matrix: Tensor, x: Tensor) -> Tensor:
    r"""The product of a sparse and a dense matrix.

    Row :math:`v` is :math:`\sum_j M_{vj} x_j` over the entries that are stored. On a processor
    ``embedding_bag`` adds them up, in a half to a quarter of the time of ``matrix @ x``: it asks
    the memory for rows of ``x`` before it needs them, where the product of MKL waits for each.

    Args:
        matrix: sparse CSR, shape ``(n, m)``; see :func:`sparse_rows`.
        x: shape ``(m, embedding_dim)``.

    Returns:
        Shape ``(n, embedding_dim)``.

    Raises:
        ValueError: where ``x`` has not one row for each column of ``matrix``.
    """
    if len(x) != matrix.shape[1]:
        raise ValueError(
            f"got {len(x)} rows for a matrix of shape {tuple(matrix.shape)}, expected one row for "
            "each of its columns"
        )
    if x.device.type != "cpu":
        return matrix @ x
    return F.embedding_bag(
        matrix.col_indices(),
        x.contiguous(),  # an expanded x, as the gradient of a sum is, would take a slow way
        matrix.crow_indices(),
        mode="sum",
        per_sample_weights=matrix.values(),
        include_last_offset=True,
    )


def inv_sqrt(degree: Tensor) -> np.ndarray:
    """One over the root of each degree, and 0 for what has no neighbour."""
    return degree.double().pow(-0.5).nan_to_num(posinf=0).numpy()


def largest_singular(matrix: csr_array, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest singular triplets: shapes ``(num_rows, n)``, ``(n,)``, ``(num_columns, n)``."""
    if number >= min(matrix.shape):
        raise ValueError(
            f"got a request for {number} singular vectors of a matrix of {matrix.shape[0]} rows "
            f"and {matrix.shape[1]} columns, expected at most {min(matrix.shape) - 1}"
        )
    start = np.ones(min(matrix.shape))  # where the iteration begins: the same on every run
    left, size, right = svds(matrix, k=number, v0=start)
    return left, size, right.T.copy()
