"""Sparse matrices: rows of CSR, products with dense ones, singular vectors.

What stands here knows nothing of users and items.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array, issparse
from scipy.sparse.linalg import svds
from torch import Tensor

from recbook.checks import INT32_MAX, check_count, check_kind, check_tensor

__all__ = [
    "check_csr",
    "constant_product",
    "inv_sqrt",
    "largest_singular",
    "mean_of_neighbors",
    "row_entries",
    "sparse_product",
    "sparse_rows",
    "transpose",
]


def check_csr(name: str, matrix: Any) -> None:
    """Raise a TypeError unless a matrix is a sparse CSR tensor.

    >>> check_csr("adj", torch.eye(2))
    Traceback (most recent call last):
    TypeError: got adj of torch.strided, expected a sparse CSR tensor, e.g. of normalized_adjacency
    """
    if not isinstance(matrix, Tensor) or matrix.layout != torch.sparse_csr:
        given = matrix.layout if isinstance(matrix, Tensor) else type(matrix).__name__
        raise TypeError(
            f"got {name} of {given}, expected a sparse CSR tensor, e.g. of normalized_adjacency"
        )


def sparse_rows(row: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    """A sparse CSR matrix from its entries, in order of rows and then of columns.

    Args:
        row: the row of each entry, shape ``(n,)``.
        column: its column, shape ``(n,)``.
        value: its value, shape ``(n,)``.
        size: the numbers of rows and of columns.

    Returns:
        A sparse CSR tensor of this size; its positions have 32 bits.

    Raises:
        TypeError: on positions that are no whole numbers, or values that are no floats.
        ValueError: on a position that is out of range, entries that are out of order or there
            twice, or more entries or columns than 32 bits can count.

    >>> row, column = torch.tensor([0, 1, 1]), torch.tensor([1, 0, 2])
    >>> sparse_rows(row, column, torch.tensor([5.0, 6.0, 7.0]), size=(2, 3)).to_dense()
    tensor([[0., 5., 0.],
            [6., 0., 7.]])
    """
    num_rows, num_columns = _checked_size(size)
    check_tensor("row", row, "n", of="positions", number=num_rows)
    if max(len(row), num_columns) > INT32_MAX:  # or positions would overflow
        given = f"{len(row):,} entries in {num_columns:,} columns"
        raise ValueError(f"got {given}, expected at most {INT32_MAX:,}; cut it into blocks")
    check_tensor("column", column, len(row), of="positions", number=num_columns)
    check_tensor("value", value, len(row))
    key = row.long() * num_columns + column
    if not (key[1:] > key[:-1]).all():
        raise ValueError(
            "got entries out of order, or one twice, expected each once, in order of rows and then "
            "of columns; sort row * num_columns + column"
        )
    row_start = torch.zeros(size[0] + 1, dtype=torch.int32, device=row.device)
    row_start[1:] = torch.bincount(row, minlength=size[0]).cumsum(0)
    return _unchecked(row_start, column.int(), value, size)  # half as much to read as 64 bits


def _unchecked(row_start: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    """A sparse CSR tensor whose invariants hold."""
    # torch 2.11 warns that nobody opted in or out even where the argument check_invariants says so;
    # it heeds this switch.
    unchecked = torch.sparse.check_sparse_tensor_invariants(enable=False)
    with warnings.catch_warnings(), unchecked:
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(row_start, column, value, size=size)


def transpose(matrix: Tensor) -> Tensor:
    """The transpose of a sparse CSR matrix, as one that stands by itself.

    On a CPU it is SciPy's, which takes a fifth of the time of PyTorch's, and a sixth of the memory.

    Args:
        matrix: sparse CSR, shape ``(n, m)``, of floats.

    Returns:
        Sparse CSR, shape ``(m, n)``; columns are in order within a row.

    Raises:
        TypeError: on another matrix.

    >>> row, column = torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1])
    >>> transpose(sparse_rows(row, column, torch.tensor([5.0, 6.0, 7.0]), size=(2, 2))).to_dense()
    tensor([[0., 6.],
            [5., 7.]])
    """
    check_csr("matrix", matrix)
    if not matrix.is_cpu or matrix.dtype not in (torch.float32, torch.float64):
        return matrix.t().to_sparse_csr()
    parts = matrix.values().detach(), matrix.col_indices(), matrix.crow_indices()
    turned = csr_array(tuple(part.numpy() for part in parts), matrix.shape).tocsc()
    row_start, column, value = map(torch.from_numpy, (turned.indptr, turned.indices, turned.data))
    return _unchecked(row_start, column, value, (matrix.shape[1], len(matrix)))


def _checked_size(size: Any) -> tuple[int, int]:
    check_kind("size", size, (tuple, list, torch.Size), hint="e.g. (num_rows, num_columns)")
    if len(size) != 2:
        raise ValueError(f"got size={size}, expected the numbers of rows and of columns")
    num_rows, num_columns = (check_count("size", number, least=0) for number in size)
    return num_rows, num_columns


def mean_of_neighbors(row: Tensor, column: Tensor, size: tuple[int, int]) -> Tensor:
    r"""The sparse matrix that averages: :math:`M_{vj} = 1/|\mathcal{N}_v|` for each neighbour.

    Args:
        row: the node that averages, for each edge, shape ``(E,)``.
        column: its neighbour, shape ``(E,)``.
        size: how many nodes average, and how many can be neighbours.

    Returns:
        Sparse CSR tensor of this size; the row of a node without neighbours is empty.

    Raises:
        TypeError: on what are no positions.
        ValueError: on a position that is out of range, or an edge that is there twice.

    >>> row, column = torch.tensor([1, 0, 0]), torch.tensor([2, 1, 0])
    >>> mean_of_neighbors(row, column, size=(2, 3)).to_dense()
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 1.0000]])
    """
    num_rows, num_columns = _checked_size(size)
    check_tensor("row", row, "E", of="positions", number=num_rows)
    check_tensor("column", column, len(row), of="positions", number=num_columns)
    order = torch.argsort(row * num_columns + column)
    row, column = row[order], column[order]
    share = 1 / torch.bincount(row, minlength=num_rows)
    return sparse_rows(row, column, share[row], size)


def row_entries(row_start: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where the entries of some CSR rows stand: ``row``, counting along ``rows``, and ``entry``.

    Args:
        row_start: where each row starts, and at its end the number of entries, shape ``(num_rows +
            1,)``.
        rows: which rows, shape ``(n,)``; one may come twice.

    Returns:
        Two tensors with an element an entry, in order of ``rows``.

    Raises:
        TypeError: on what are no positions.
        ValueError: on a row that is not there, or starts in descending order.

    >>> row_entries(torch.tensor([0, 2, 3]), torch.tensor([1, 0]))
    (tensor([0, 1, 1]), tensor([2, 0, 1]))
    """
    check_tensor("row_start", row_start, "num_rows + 1", of="positions")
    check_tensor("rows", rows, "n", of="positions", number=len(row_start) - 1)
    rows = rows.long()
    start, count = row_start[rows], row_start[rows + 1] - row_start[rows]
    if (count < 0).any():
        raise ValueError("row_start: got starts that descend, expected those of a CSR matrix")
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
        TypeError: on a matrix that is not sparse CSR, or an ``x`` of another type of floats.
        ValueError: where ``x`` has not one row for each column of ``matrix``, or is on another
            device.

    >>> matrix = sparse_rows(*torch.tensor([[0, 1], [2, 0]]), torch.ones(2), size=(2, 3))
    >>> sparse_product(matrix, torch.tensor([[1.0], [2.0], [3.0]]))
    tensor([[3.],
            [1.]])
    """
    check_csr("matrix", matrix)
    check_tensor("x", x, matrix.shape[1], "embedding_dim", hint="a row for each column of matrix")
    if (matrix.dtype, matrix.device) != (x.dtype, x.device):
        raise TypeError(
            f"got a matrix of {matrix.dtype} on {matrix.device} and x of {x.dtype} on {x.device}, "
            "expected the same; call x.to(matrix.device, matrix.dtype)"
        )
    if x.device.type != "cpu" or x.shape[1] == 0:  # which embedding_bag refuses on two threads
        return matrix @ x
    return F.embedding_bag(
        matrix.col_indices(),
        x.contiguous(),  # an expanded x, as the gradient of a sum is, would take a slow way
        matrix.crow_indices(),
        mode="sum",
        per_sample_weights=matrix.values(),
        include_last_offset=True,
    )


def constant_product(matrix: Tensor, x: Tensor) -> Tensor:
    r""":func:`sparse_product` with a gradient, :math:`M^\top G`, for a matrix that stays as it is.

    PyTorch would sort the matrix's entries at every backward; here its transpose is made once.

    Args:
        matrix: sparse CSR, shape ``(n, m)``; it is treated as a constant.
        x: shape ``(m, embedding_dim)``.

    Returns:
        Shape ``(n, embedding_dim)``.

    Raises:
        TypeError, ValueError: as :func:`sparse_product`.

    >>> x = torch.ones(2, 1, requires_grad=True)
    >>> matrix = sparse_rows(*torch.tensor([[0, 0], [0, 1]]), torch.tensor([3.0, 4.0]), size=(1, 2))
    >>> constant_product(matrix, x).sum().backward()
    >>> x.grad.flatten().tolist()
    [3.0, 4.0]
    """
    check_csr("matrix", matrix)
    check_tensor("x", x, matrix.shape[1], "embedding_dim", hint="a row for each column of matrix")
    return _ConstantProduct.apply(matrix, x)


class _ConstantProduct(torch.autograd.Function):
    """See :func:`constant_product`."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return sparse_product(matrix, x.detach())

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, Tensor]:
        if not hasattr(ctx.matrix, "turned"):
            ctx.matrix.turned = transpose(ctx.matrix)
        return None, sparse_product(ctx.matrix.turned, grad[0])


def inv_sqrt(degree: Tensor) -> np.ndarray:
    """One over the root of each degree, and 0 for what has no neighbour, in doubles.

    Args:
        degree: shape ``(n,)``.

    Raises:
        TypeError: on what is no tensor of numbers.
        ValueError: on a degree below 0, or one that is not finite.

    >>> inv_sqrt(torch.tensor([4, 0, 1])).tolist()
    [0.5, 0.0, 1.0]
    """
    check_tensor("degree", degree, "n", of="numbers")
    if not ((degree >= 0) & (degree < torch.inf)).all():  # NaN is neither
        raise ValueError("degree: got one below 0 or not finite, expected how many neighbours")
    return degree.double().pow(-0.5).nan_to_num(posinf=0).cpu().numpy()


def largest_singular(matrix: csr_array, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""The largest singular triplets: :math:`M \approx U \Sigma V^\top`.

    Args:
        matrix: sparse, shape ``(num_rows, num_columns)``.
        number: how many, below both.

    Returns:
        Arrays of shapes ``(num_rows, number)``, ``(number,)``, ascending, and ``(num_columns,
        number)``; the same on every run, but for rounding.

    Raises:
        TypeError: on a matrix that is not SciPy's.
        ValueError: on more triplets than there can be, or a matrix without entries, or with one
            that is not finite.

    >>> left, size, right = largest_singular(csr_array(np.diag([3.0, 2.0, 1.0])), number=2)
    >>> size.round(6).tolist()
    [2.0, 3.0]
    """
    if not issparse(matrix):
        raise TypeError(f"got a matrix of {type(matrix).__name__}, expected SciPy's csr_array")
    rows, columns = matrix.shape
    check_count(
        "number",
        number,
        1,
        min(rows, columns) - 1,
        f"a matrix of {rows} rows and {columns} columns has no more singular vectors",
    )
    if not (matrix.count_nonzero() and np.isfinite(matrix.data).all()):
        raise ValueError("got a matrix that is empty or not finite, expected one with numbers")
    start = np.ones(min(matrix.shape))  # where the iteration begins: the same on every run
    left, size, right = svds(matrix, k=number, v0=start)
    return left, size, right.T.copy()
