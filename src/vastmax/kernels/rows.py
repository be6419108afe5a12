"""Kernels for rows of a table: scores of each example's rows, and updates in place; float32 arrays on the CPU."""

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
    """Compute hidden_n·weight_u + bias_u for u = position[n, k] without gathering the (N, K, D) rows.

    Args:
        hidden: (N, D).
        weight: (U, D).
        bias: (U,) or None.
        position: (N, K), each in [0, U).
        score: (N, K) output.
        threads: the maximum number; short work uses fewer.
        target: an instruction set, see `vastmax.kernels.machine.available_targets`.

    Raises:
        ValueError: shapes that do not match, or a position out of range.
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
    """Compute the gradients of Σ upstream·score; None for those that are not needed.

    Args:
        hidden: (N, D), as in `scores_forward`, and so are the others.
        weight: (U, D).
        position: (N, K).
        upstream: (N, K).
        hidden_gradient: (N, D) output, or None.
        weight_gradient: (U, D) output, or None.
        bias_gradient: (U,) output, or None.
        threads: the maximum number.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match, or a position out of range.
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
    """Return whether `rows`, (U,), is strictly ascending."""
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
        scale: the factor of the update.
        threads: the maximum number; short work uses fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that differ, row ids out of order or out of range; the table is then unchanged.
    """
    _native.add_rows(target or choose_target(), table, rows, update, scale, threads)
