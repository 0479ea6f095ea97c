import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from recbook import sparse
from recbook.sparse import (
    check_csr,
    inv_sqrt,
    largest_singular,
    row_entries,
    sparse_product,
    sparse_rows,
    transpose,
)

WHOLE = torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0], [0.0, 0.0, 0.0]])


def compressed(whole: torch.Tensor) -> torch.Tensor:
    row, column = whole.nonzero(as_tuple=True)
    return sparse_rows(row, column, whole[row, column], tuple(whole.shape))


def test_rows_by_hand() -> None:
    matrix = compressed(WHOLE)
    assert matrix.layout == torch.sparse_csr and matrix.shape == (4, 3)
    assert matrix.crow_indices().tolist() == [0, 1, 1, 3, 3]
    assert matrix.col_indices().tolist() == [1, 0, 2]
    assert matrix.values().tolist() == [2, 1, 3]
    assert matrix.crow_indices().dtype == matrix.col_indices().dtype == torch.int32
    assert matrix.to_dense().equal(WHOLE)


def test_a_matrix_without_entries_or_rows() -> None:
    none, nothing = torch.zeros(0, dtype=torch.long), torch.zeros(0)
    assert sparse_rows(none, none, nothing, (2, 3)).to_dense().equal(torch.zeros(2, 3))
    assert sparse_product(sparse_rows(none, none, nothing, (0, 3)), torch.ones(3, 2)).shape == (
        0,
        2,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_transpose_is_torchs(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    whole = (torch.rand(7, 5, generator=generator) - 0.5).relu().to(dtype)
    ours, theirs = transpose(compressed(whole)), compressed(whole).t().to_sparse_csr()
    for part in ("crow_indices", "col_indices", "values"):
        one, other = (getattr(matrix, part)() for matrix in (ours, theirs))
        assert one.dtype == other.dtype and one.equal(other)
    assert transpose(ours).to_dense().equal(whole)
    nothing = sparse_rows(*torch.zeros(2, 0, dtype=torch.long), torch.zeros(0), (2, 3))
    assert transpose(nothing).shape == (3, 2)


@pytest.mark.parametrize("enabled", [True, False])
def test_torchs_own_checks_stay_as_they_were(enabled: bool) -> None:
    with torch.sparse.check_sparse_tensor_invariants(enabled):
        compressed(WHOLE)
        assert torch.sparse.check_sparse_tensor_invariants.is_enabled() == enabled


def test_rows_that_are_none() -> None:
    row, column, value = torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2)
    for wrong in (row.flip(0), torch.tensor([1, 1])):  # descending; columns 1, 0 of one row
        with pytest.raises(ValueError, match="entries out of order, or one twice, expected each"):
            sparse_rows(wrong, column, value, (2, 2))
    with pytest.raises(ValueError, match="or one twice"):
        sparse_rows(row * 0, column * 0, value, (2, 2))
    for wrong in ([0, 2, 1], [0, 1, 1]):  # what is wrong is not the first
        with pytest.raises(ValueError, match="or one twice"):
            sparse_rows(
                torch.tensor(wrong), torch.zeros(3, dtype=torch.long), torch.ones(3), (3, 1)
            )
    with pytest.raises(ValueError, match=r"row: got shape \(1, 2\), expected \(n,\)"):
        sparse_rows(row[None], column, value, (2, 2))
    with pytest.raises(ValueError, match="row: got position 1, expected 0 to 0"):
        sparse_rows(row, column, value, (1, 2))
    with pytest.raises(ValueError, match="column: got position 1, expected 0 to 0"):
        sparse_rows(row, column, value, (2, 1))
    with pytest.raises(ValueError, match=r"column: got shape \(1,\), expected \(2,\)"):
        sparse_rows(row, column[:1], value, (2, 2))
    with pytest.raises(ValueError, match=r"value: got shape \(2, 1\), expected \(2,\)"):
        sparse_rows(row, column, value[:, None], (2, 2))
    with pytest.raises(ValueError, match="expected the numbers of rows and of columns"):
        sparse_rows(row, column, value, (2, 2, 2))
    with pytest.raises(ValueError, match="got size=-1, expected 0 or more"):
        sparse_rows(row, column, value, (2, -1))


def test_more_entries_than_32_bits_count_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sparse.INT32_MAX == 2**31 - 1
    monkeypatch.setattr(sparse, "INT32_MAX", 3)
    row, column = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])
    assert sparse_rows(row, column, torch.ones(3), (2, 3)).values().numel() == 3
    with pytest.raises(ValueError, match="got 3 entries in 4 columns, expected at most 3;"):
        sparse_rows(row, column, torch.ones(3), (2, 4))
    row, column = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 2])
    with pytest.raises(ValueError, match="got 4 entries in 3 columns, expected at most 3;"):
        sparse_rows(row, column, torch.ones(4), (2, 3))


def test_narrow_positions_do_not_overflow() -> None:
    row, column = torch.tensor([[99, 100], [0, 1]], dtype=torch.int8)
    assert sparse_rows(row, column, torch.ones(2), (101, 100)).to_dense()[100, 1] == 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=6))
def test_entries_of_rows(rows: list[int]) -> None:
    matrix = compressed(WHOLE)
    row, entry = row_entries(matrix.crow_indices(), torch.tensor(rows, dtype=torch.long))
    expected = [(n, column) for n, r in enumerate(rows) for column in WHOLE[r].nonzero().flatten()]
    assert row.tolist() == [n for n, _ in expected]
    assert matrix.col_indices()[entry].tolist() == [int(column) for _, column in expected]


def test_entries_of_rows_that_are_none() -> None:
    start = torch.tensor([0, 2, 3])
    for rows, wrong in (([0, 2], 2), ([-1], -1)):
        with pytest.raises(ValueError, match=f"rows: got position {wrong}, expected 0 to 1"):
            row_entries(start, torch.tensor(rows))
    with pytest.raises(ValueError, match=r"rows: got shape \(1, 1\), expected \(n,\)"):
        row_entries(start, torch.tensor([[0]]))
    with pytest.raises(TypeError, match="rows: got a mask of 2 truth values"):
        row_entries(start, torch.tensor([True, False]))
    with pytest.raises(ValueError, match="row_start: got starts that descend"):
        row_entries(torch.tensor([0, 3, 2]), torch.tensor([1]))


def test_product_with_a_matrix_that_is_not_square() -> None:
    matrix, x = compressed(WHOLE), torch.arange(6.0).view(3, 2)
    assert sparse_product(matrix, x).tolist() == (WHOLE @ x).tolist()
    assert sparse_product(matrix, x.T.contiguous().T).tolist() == (WHOLE @ x).tolist()
    with pytest.raises(ValueError, match=r"x: got shape \(4, 2\), expected \(3, embedding_dim\)"):
        sparse_product(matrix, torch.ones(4, 2))
    with pytest.raises(ValueError, match=r"x: got shape \(3,\), expected"):
        sparse_product(matrix, torch.ones(3))
    with pytest.raises(TypeError, match=r"torch\.float32 on cpu and x of torch\.float64 on cpu"):
        sparse_product(matrix, x.double())
    with pytest.raises(TypeError, match=r"x of torch\.float32 on meta, expected the same"):
        sparse_product(matrix, x.to("meta"))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_matrix_without_columns_has_a_product(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert sparse_product(compressed(WHOLE), torch.ones(3, 0)).shape == (len(WHOLE), 0)
    finally:
        torch.set_num_threads(before)


def test_what_is_no_sparse_matrix() -> None:
    check_csr("adj", compressed(WHOLE))
    for other, name in (
        (WHOLE, r"torch\.strided"),
        (WHOLE.to_sparse(), r"torch\.sparse_coo"),
        (csr_array(WHOLE.numpy()), "csr_array"),
        (None, "NoneType"),
    ):
        with pytest.raises(TypeError, match=f"got adj of {name}, expected a sparse CSR tensor"):
            check_csr("adj", other)
        with pytest.raises(TypeError, match="got matrix of"):
            sparse_product(other, torch.ones(3, 1))


def test_inverse_roots() -> None:
    root = inv_sqrt(torch.tensor([4, 0, 16]))
    assert root.tolist() == [0.5, 0, 0.25] and root.dtype == np.float64
    for wrong in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="degree: got one below 0 or not finite"):
            inv_sqrt(torch.tensor([1.0, wrong]))
    with pytest.raises(ValueError, match=r"degree: got shape \(1, 3\), expected \(n,\)"):
        inv_sqrt(torch.ones(1, 3))


def test_singular_triplets_are_numpys() -> None:
    matrix = np.random.default_rng(0).normal(size=(6, 5))
    left, size, right = largest_singular(csr_array(matrix), 3)
    assert (left.shape, size.shape, right.shape) == ((6, 3), (3,), (5, 3))
    u, s, vt = np.linalg.svd(matrix)
    assert size == pytest.approx(s[:3][::-1])
    best = u[:, :3] * s[:3] @ vt[:3]
    assert left * size @ right.T == pytest.approx(best)
    again = largest_singular(coo_array(matrix), 3)
    for one, other in zip(again, (left, size, right), strict=True):
        assert one == pytest.approx(other)


def test_what_has_no_singular_triplets() -> None:
    matrix = csr_array(np.eye(3, 4))
    assert largest_singular(matrix, 2)[0].shape == (3, 2)
    for number in (0, 3):
        with pytest.raises(
            ValueError, match=f"got number={number}, expected 1 to 2; a matrix of 3"
        ):
            largest_singular(matrix, number)
    zeros = csr_array(np.eye(3))
    zeros.data[:] = 0  # stored, and yet nothing
    for empty in (csr_array((3, 4)), zeros, csr_array(np.eye(3) * math.nan)):
        with pytest.raises(ValueError, match="a matrix that is empty or not finite"):
            largest_singular(empty, 1)
    with pytest.raises(TypeError, match="got a matrix of ndarray, expected SciPy's csr_array"):
        largest_singular(np.eye(3), 1)
