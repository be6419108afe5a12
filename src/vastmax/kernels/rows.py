"""The door to rows of a table: scores with an example's own rows, and updates in place; float32 arrays on the CPU."""

from __future__ import annotations

import numpy as np

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target


def scores_forward(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    position: Matrix[np.int64],
    *,
    score: Matrix[np.float32],
    threads: int,
    target: str | None = None,
) -> None:
    """Write hidden_n·weight_u + bias_u for u = position[n, k]; the (N, K, D) rows are never gathered.

    Args:
        hidden: (N, D).
        weight: (U, D).
        bias: (U,), or None.
        position: (N, K), each in [0, U).
        score: (N, K) to be overwritten.
        threads: at most so many; short work takes fewer.
        target: an instruction set, see `vastmax.kernels.machine.available_targets`.

    Raises:
        ValueError: shapes that do not fit, or a position out of range.
    """
    _native.row_scores_forward(target or choose_target(), hidden, weight, bias, position, score, threads)


def scores_backward(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    position: Matrix[np.int64],
    *,
    upstream: Matrix[np.float32],
    hidden_gradient: Matrix[np.float32] | None,
    weight_gradient: Matrix[np.float32] | None,
    bias_gradient: Column[np.float32] | None,
    threads: int,
    target: str | None = None,
) -> None:
    """Write the gradients of Σ upstream·score; None where one is not wanted.

    Args:
        hidden: (N, D), like all that follows as in `scores_forward`.
        weight: (U, D).
        position: (N, K).
        upstream: (N, K).
        hidden_gradient: (N, D) to be overwritten, or None.
        weight_gradient: (U, D) to be overwritten, or None.
        bias_gradient: (U,) to be overwritten, or None.
        threads: at most so many.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit, or a position out of range.
    """
    _native.row_scores_backward(
        target or choose_target(),
        hidden,
        weight,
        position,
        upstream,
        hidden_gradient,
        weight_gradient,
        bias_gradient,
        threads,
    )


def is_ascending(rows: Column[np.int64]) -> bool:
    """Return whether the numbers of `rows`, (U,), ascend strictly."""
    return _native.is_ascending(rows)


def add_rows(
    table: Matrix[np.float32],
    rows: Column[np.int64],
    update: Matrix[np.float32],
    *,
    scale: float,
    threads: int,
    target: str | None = None,
) -> None:
    """Compute `table[rows] += scale * update`.

    Args:
        table: (V, D), changed in place.
        rows: (U,), ascending and distinct.
        update: (U, D).
        scale: what the update is multiplied by.
        threads: at most so many; short work takes fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that differ, row ids out of order or out of range; nothing was changed then.
    """
    _native.add_rows(target or choose_target(), table, rows, update, scale, threads)
