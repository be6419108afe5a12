"""Kernels for the softmax of a linear layer over all words: float32 arrays on the CPU, used in place.

There are two with the same interface: one for any size, and a faster one for vectors of at most `NARROW_WIDTH` numbers
whose scores are within ± `NARROW_SCORE`.
"""

from __future__ import annotations

import numpy as np

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target

NARROW_WIDTH: int = _native.narrow_softmax_widest
"""The maximum vector size of the narrow kernel."""

NARROW_SCORE = 75.0
"""The maximum absolute score, by `score_bound`, of the narrow kernel: it does not subtract the maximum before
exponentials, and sums of e^75 and e^−75 are well within float32."""


def score_bound(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    *,
    target: str | None = None,
) -> float:
    """Return a bound of the absolute scores, max‖h‖·max‖w‖ + max|b|; NaN if an input is. O((n + V)·D).

    Args:
        hidden: (n, D), D ≤ NARROW_WIDTH.
        weight: (V, D).
        bias: (V,) or None.
        target: an instruction set, see `vastmax.kernels.machine.available_targets`.
    """
    return _native.narrow_softmax_bound(target or choose_target(), hidden, weight, bias)


def forward(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    *,
    narrow: bool,
    log_normaliser: Column[np.float32],
    threads: int,
    target: str | None = None,
) -> None:
    """Compute logsumexp(hidden @ weight.T + bias) by example without storing (n, V) scores.

    Args:
        hidden: (n, D).
        weight: (V, D).
        bias: (V,) or None.
        narrow: whether to use the narrow kernel.
        log_normaliser: (n,) output.
        threads: the maximum number; short work uses fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match.
    """
    _native.softmax_forward(target or choose_target(), narrow, hidden, weight, bias, log_normaliser, threads)


def backward(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    *,
    narrow: bool,
    log_normaliser: Column[np.float32],
    upstream: Column[np.float32],
    hidden_gradient: Matrix[np.float32] | None,
    weight_gradient: Matrix[np.float32] | None,
    bias_gradient: Column[np.float32] | None,
    threads: int,
    target: str | None = None,
) -> None:
    """Compute the gradients of Σ upstream·log_normaliser; None for those that are not needed.

    Args:
        hidden: (n, D), as in `forward`, and so are the others.
        weight: (V, D).
        bias: (V,) or None.
        narrow: whether to use the narrow kernel, which can omit only the gradient of the bias.
        log_normaliser: (n,) from `forward`.
        upstream: (n,).
        hidden_gradient: (n, D) output.
        weight_gradient: (V, D) output.
        bias_gradient: (V,) output.
        threads: the maximum number; each has its own sums of up to 1024 gradients of hidden vectors.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match.
    """
    _native.softmax_backward(
        target or choose_target(),
        narrow,
        hidden,
        weight,
        bias,
        log_normaliser,
        upstream,
        hidden_gradient,
        weight_gradient,
        bias_gradient,
        threads,
    )
