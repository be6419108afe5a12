"""The door to the softmax over narrow vectors: float32 arrays on the CPU, of numpy or torch, used in place."""

from __future__ import annotations

from typing import Any

from vastmax.kernels import _native
from vastmax.kernels.targets import choose_target

Array = Any
"""A C-contiguous numpy array or torch tensor on the CPU; the kernels refuse other dtypes than those named."""

WIDEST: int = _native.narrow_softmax_widest
"""The largest width of a word's vector."""

LARGEST_SCORE = 75.0
"""Scores beyond ± this, by `score_bound`, must be left to others: no maximum is subtracted before they are
exponentiated, and sums of e^75 and e^−75 are well within float32."""


def score_bound(hidden: Array, weight: Array, bias: Array | None, *, target: str | None = None) -> float:
    """At least the largest absolute score, max‖h‖·max‖w‖ + max|b|; NaN where an input is. O((n + V)·D).

    Args:
        hidden: (n, D), D ≤ WIDEST.
        weight: (V, D).
        bias: (V,), or None.
        target: an instruction set, see `vastmax.kernels.skipgram.available_targets`.
    """
    bound: float = _native.narrow_softmax_bound(target or choose_target(), hidden, weight, bias)
    return bound


def forward(
    hidden: Array,
    weight: Array,
    bias: Array | None,
    *,
    log_normaliser: Array,
    threads: int,
    target: str | None = None,
) -> None:
    """Write logsumexp(hidden @ weight.T + bias) by example, holding no (n, V) scores.

    Args:
        hidden: (n, D).
        weight: (V, D).
        bias: (V,), or None.
        log_normaliser: (n,) to be overwritten.
        threads: at most so many; short work takes fewer.
        target: an instruction set.
    """
    _native.narrow_softmax_forward(target or choose_target(), hidden, weight, bias, log_normaliser, threads)


def backward(
    hidden: Array,
    weight: Array,
    bias: Array | None,
    *,
    log_normaliser: Array,
    upstream: Array,
    hidden_gradient: Array,
    weight_gradient: Array,
    bias_gradient: Array | None,
    threads: int,
    target: str | None = None,
) -> None:
    """Write the gradients of Σ upstream·log_normaliser.

    Args:
        hidden: (n, D), like all that follows as in `forward`.
        weight: (V, D).
        bias: (V,), or None.
        log_normaliser: (n,) what `forward` wrote.
        upstream: (n,).
        hidden_gradient: (n, D) to be overwritten.
        weight_gradient: (V, D) to be overwritten.
        bias_gradient: (V,) to be overwritten; None if `bias` is.
        threads: at most so many.
        target: an instruction set.
    """
    _native.narrow_softmax_backward(
        target or choose_target(),
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
