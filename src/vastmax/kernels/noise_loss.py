"""The door to the step against shared noise: float32 arrays on the CPU, of numpy or torch, used in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target

Plan = _native.NoisePlan
"""The rows in play in a batch; `plan.rows` are their word ids, ascending and distinct, (U,)."""

Kind = Literal["softmax", "logistic"]


def plan(noise_ids: Column[np.int64], target_ids: Column[np.int64], vocab_size: int) -> Plan:
    """Return which rows a batch has in play.

    Args:
        noise_ids: (K,), ascending and distinct.
        target_ids: (N,).
        vocab_size: V.

    Raises:
        ValueError: word ids out of order or not in [0, V).
    """
    return _native.noise_plan(noise_ids, target_ids, vocab_size)


def slope_step(num_noise: int, *, target: str | None = None) -> int:
    """Return how many columns the slopes of `num_noise` words want: whole vectors of the instruction set."""
    return _native.noise_slope_step(target or choose_target(), num_noise)


@dataclass(frozen=True)
class Slopes:
    """What `forward` writes and `backward` reads.

    Attributes:
        noise: (N, slope_step(K)): d loss / d score of the noise, but for the factor `row_scale`; 0 beyond K.
        row_scale: (N,).
        target: (N,): d loss / d score of the target.
        hidden: (N, D): d loss / d hidden; None when it is not wanted.
    """

    noise: Matrix[np.float32]
    row_scale: Column[np.float32]
    target: Column[np.float32]
    hidden: Matrix[np.float32] | None


def forward(
    plan: Plan,
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    noise_ids: Column[np.int64],
    target_ids: Column[np.int64],
    *,
    kind: Kind,
    mask: bool,
    noise_shift: Column[np.float32] | None,
    target_shift: Column[np.float32] | None,
    multiplicity: Column[np.float32] | None,
    loss: Column[np.float32],
    slopes: Slopes,
    threads: int,
    target: str | None = None,
) -> None:
    """Write the losses of a step and their slopes.

    With x = hidden·weight + bias + shift of each noise word and t of each target, "softmax" is −t + log(e^t + Σ e^x),
    "logistic" −log σ(t) − Σ m·log σ(−x), without a noise word that is the example's target if `mask`.

    Args:
        plan: of `noise_ids` and `target_ids`.
        hidden: (N, D).
        weight: (V, D).
        bias: (V,), or None.
        noise_ids: (K,), ascending and distinct.
        target_ids: (N,).
        kind: which loss.
        mask: whether a noise word is left out where it is the target.
        noise_shift: (K,), or None for 0.
        target_shift: (N,), or None for 0.
        multiplicity: (K,) m, or None for 1; "logistic" only.
        loss: (N,) to be overwritten.
        slopes: to be overwritten.
        threads: at most so many; short work takes fewer.
        target: an instruction set, see `vastmax.kernels.machine.available_targets`.

    Raises:
        ValueError: shapes that do not fit, or the plan of another batch.
    """
    _native.noise_loss_forward(
        target or choose_target(),
        plan,
        kind == "softmax",
        mask,
        hidden,
        weight,
        bias,
        noise_ids,
        target_ids,
        noise_shift,
        target_shift,
        multiplicity,
        loss,
        slopes.noise,
        slopes.row_scale,
        slopes.target,
        slopes.hidden,
        threads,
    )


def backward(
    plan: Plan,
    hidden: Matrix[np.float32],
    slopes: Slopes,
    *,
    upstream: Column[np.float32],
    hidden_gradient: Matrix[np.float32] | None,
    weight_gradient: Matrix[np.float32],
    bias_gradient: Column[np.float32] | None,
    threads: int,
    target: str | None = None,
) -> None:
    """Write the gradients of Σ upstream·loss.

    Args:
        plan: as in `forward`.
        hidden: as in `forward`.
        slopes: what `forward` wrote.
        upstream: (N,).
        hidden_gradient: (N, D) to be overwritten, or None.
        weight_gradient: (U, D) to be overwritten, a row for each of `plan.rows`.
        bias_gradient: (U,) to be overwritten, or None.
        threads: at most so many.
        target: an instruction set, the same as in `forward`.

    Raises:
        ValueError: shapes that do not fit, or the plan of another batch.
    """
    _native.noise_loss_backward(
        target or choose_target(),
        plan,
        hidden,
        slopes.noise,
        slopes.row_scale,
        slopes.target,
        slopes.hidden,
        upstream,
        hidden_gradient,
        weight_gradient,
        bias_gradient,
        threads,
    )
