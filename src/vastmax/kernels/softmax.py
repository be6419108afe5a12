"""The door to the softmax of a linear layer over all its words: float32 arrays on the CPU, used in place.

Two kernels with one contract: the usual one for any width, and one for vectors of at most `NARROW_WIDTH` numbers whose
scores lie within ± `NARROW_SCORE`, which is faster there.
"""

from __future__ import annotations

import numpy as np

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target

NARROW_WIDTH: int = _native.narrow_softmax_widest
"""The largest width of a word's vector that the narrow kernel takes."""

NARROW_SCORE = 75.0
"""Scores beyond ± this, by `score_bound`, are not for the narrow kernel: it subtracts no maximum before exponentials,
and sums of e^75 and e^−75 are well within float32."""


def score_bound(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    *,
    target: str | None = None,
) -> float:
    """Return at least the largest absolute score, max‖h‖·max‖w‖ + max|b|; NaN where an input is. O((n + V)·D).

    Args:
        hidden: (n, D), D ≤ NARROW_WIDTH.
        weight: (V, D).
        bias: (V,), or None.
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
    """Write logsumexp(hidden @ weight.T + bias) by example, holding no (n, V) scores.

    Args:
        hidden: (n, D).
        weight: (V, D).
        bias: (V,), or None.
        narrow: which kernel.
        log_normaliser: (n,) to be overwritten.
        threads: at most so many; short work takes fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit.
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
    """Write the gradients of Σ upstream·log_normaliser; None where one is not wanted.

    Args:
        hidden: (n, D), like all that follows as in `forward`.
        weight: (V, D).
        bias: (V,), or None.
        narrow: which kernel; the narrow one leaves out no gradient but that of the bias.
        log_normaliser: (n,) what `forward` wrote.
        upstream: (n,).
        hidden_gradient: (n, D) to be overwritten.
        weight_gradient: (V, D) to be overwritten.
        bias_gradient: (V,) to be overwritten.
        threads: at most so many; each sums up to 1024 gradients of hidden vectors for itself.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit.
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
