"""The door to the search for entries of sparse rows: integer arrays on the CPU, of numpy or torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.kernels import _native

Array = Any
"""A C-contiguous numpy array or torch tensor on the CPU; the kernel refuses other dtypes than those named."""


def sparse_entries(
    offsets: Array, columns: Array, num_columns: int, rows: Array, wanted: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The entries of `matrix[rows][:, wanted]` that a sparse matrix holds.

    Args:
        offsets: (R + 1,) int64: row r has the entries `offsets[r]` … `offsets[r + 1] − 1`.
        columns: (E,) int32 in [0, num_columns), ascending within a row. Trusted; all else is checked.
        num_columns: how many columns the matrix has.
        rows: (n,) int64.
        wanted: (U,) int64, ascending and distinct.

    Returns:
        (position in rows, position in wanted, entry), int64, row after row.

    Cost: each row is read through, or searched for each wanted column where it is much longer than their list.
    """
    found: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] = _native.sparse_entries(
        offsets, columns, num_columns, rows, wanted
    )
    return found
