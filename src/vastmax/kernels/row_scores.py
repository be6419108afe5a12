"""The door to scores of rows of an example's own: float32 arrays on the CPU, of numpy or torch, used in place."""

from __future__ import annotations

from typing import Any

from vastmax.kernels import _native
from vastmax.kernels.targets import choose_target

Array = Any
"""A C-contiguous numpy array or torch tensor on the CPU; the kernels refuse other dtypes than those named."""


def forward(
    hidden: Array,
    weight: Array,
    bias: Array | None,
    position: Array,
    *,
    score: Array,
    threads: int,
    target: str | None = None,
) -> None:
    """Write hidden_n·weight_u + bias_u for u = position[n, k]; the (N, K, D) rows are never gathered.

    Args:
        hidden: (N, D).
        weight: (U, D).
        bias: (U,), or None.
        position: int64 (N, K), each in [0, U).
        score: (N, K) to be overwritten.
        threads: at most so many; short work takes fewer.
        target: an instruction set, see `vastmax.kernels.targets.available_targets`.

    Raises:
        ValueError: shapes that do not fit, or a position out of range.
    """
    _native.row_scores_forward(target or choose_target(), hidden, weight, bias, position, score, threads)


def backward(
    hidden: Array,
    weight: Array,
    position: Array,
    *,
    upstream: Array,
    hidden_gradient: Array | None,
    weight_gradient: Array | None,
    bias_gradient: Array | None,
    threads: int,
    target: str | None = None,
) -> None:
    """Write the gradients of Σ upstream·score; None where one is not wanted.

    Args:
        hidden: (N, D), like all that follows as in `forward`.
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
