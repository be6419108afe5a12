"""The door to the exact softmax over a linear layer: float32 arrays on the CPU, of numpy or torch, used in place."""

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
        target: an instruction set, see `vastmax.kernels.targets.available_targets`.

    Raises:
        ValueError: shapes that do not fit.
    """
    _native.linear_softmax_forward(target or choose_target(), hidden, weight, bias, log_normaliser, threads)


def backward(
    hidden: Array,
    weight: Array,
    bias: Array | None,
    *,
    log_normaliser: Array,
    upstream: Array,
    hidden_gradient: Array | None,
    weight_gradient: Array | None,
    bias_gradient: Array | None,
    threads: int,
    target: str | None = None,
) -> None:
    """Write the gradients of Σ upstream·log_normaliser; None where one is not wanted.

    Args:
        hidden: (n, D), like all that follows as in `forward`.
        weight: (V, D).
        bias: (V,), or None.
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
    _native.linear_softmax_backward(
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
