"""The entries found are those a dense matrix shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax.kernels.sparse_entries import sparse_entries


def sparse(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.concatenate([[0], np.cumsum((dense > 0).sum(axis=1))])
    return offsets, np.nonzero(dense)[1].astype(np.int32)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    columns=st.sampled_from([1, 63, 64, 65, 300]),
    density=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    num_wanted=st.integers(0, 40),
)
def test_entries(seed: int, columns: int, density: float, num_wanted: int) -> None:
    """Rows are read where they are short beside the wanted columns, and searched where they are long."""
    rng = np.random.default_rng(seed)
    dense = rng.random((7, columns)) < density
    offsets, column = sparse(dense)
    rows = rng.integers(0, 7, size=5)
    wanted = np.sort(rng.choice(columns, size=min(num_wanted, columns), replace=False)).astype(np.int64)
    row_position, column_position, entry = sparse_entries(offsets, column, columns, rows, wanted)
    expected = np.nonzero(dense[np.ix_(rows, wanted)])
    np.testing.assert_array_equal(row_position, expected[0])
    np.testing.assert_array_equal(column_position, expected[1])
    np.testing.assert_array_equal(column[entry], wanted[column_position])
    of_row = np.searchsorted(offsets, entry, side="right") - 1
    np.testing.assert_array_equal(of_row, rows[row_position])


def test_bad_arguments_are_refused() -> None:
    offsets, column = sparse(np.ones((2, 3)))
    good = np.array([0, 2])
    with pytest.raises(ValueError, match="a row is out of range"):
        sparse_entries(offsets, column, 3, np.array([2]), good)
    for wanted in ([0, 3], [1, 1], [2, 0], [-1, 0]):
        with pytest.raises(ValueError, match="do not ascend, or are out of range"):
            sparse_entries(offsets, column, 3, np.array([0]), np.array(wanted))
    with pytest.raises(ValueError, match="do not cover the entries"):
        sparse_entries(offsets[:-1], column, 3, np.array([0]), good)
    with pytest.raises(TypeError):
        sparse_entries(offsets, column.astype(np.int64), 3, np.array([0]), good)
