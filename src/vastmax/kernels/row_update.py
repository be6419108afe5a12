"""The door to the row update: rows of a float32 table on the CPU, of numpy or torch, moved in place."""

from __future__ import annotations

from typing import Any

from vastmax.kernels import _native
from vastmax.kernels.targets import choose_target

Array = Any
"""A C-contiguous numpy array or torch tensor on the CPU; the kernels refuse other dtypes than those named."""


def is_ascending(rows: Array) -> bool:
    """Whether the numbers of `rows`, int64 (U,), ascend strictly."""
    ascending: bool = _native.is_ascending(rows)
    return ascending


def add_rows(
    table: Array, rows: Array, update: Array, *, scale: float, threads: int, target: str | None = None
) -> None:
    """`table[rows] += scale * update`.

    Args:
        table: float32 (V, D), changed in place.
        rows: int64 (U,), ascending and distinct.
        update: float32 (U, D).
        scale: what the update is multiplied by.
        threads: at most so many; short work takes fewer.
        target: an instruction set, see `vastmax.kernels.targets.available_targets`.

    Raises:
        ValueError: shapes that differ, row ids out of order or out of range; nothing was changed then.
    """
    _native.add_rows(target or choose_target(), table, rows, update, scale, threads)
