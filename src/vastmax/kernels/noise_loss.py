"""Kernels of a step with shared noise: float32 arrays on the CPU, used in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target

Plan = _native.NoisePlan
"""The rows used by a batch; `plan.rows` are their word ids, ascending and distinct, (U,)."""

Kind = Literal["softmax", "logistic"]


def plan(noise_ids: Column[np.int64], target_ids: Column[np.int64], vocab_size: int) -> Plan:
    """Return the rows used by a batch.

    Args:
        noise_ids: (K,), ascending and distinct.
        target_ids: (N,).
        vocab_size: V.

    Raises:
        ValueError: word ids out of order or not in [0, V).
    """
    return _native.noise_plan(noise_ids, target_ids, vocab_size)


def slope_step(num_noise: int, *, target: str | None = None) -> int:
    """Return the number of columns for the slopes of `num_noise` words: whole vectors of the instruction set."""
    return _native.noise_slope_step(target or choose_target(), num_noise)


@dataclass(frozen=True)
class Slopes:
    """The output of `forward` that `backward` needs.

    Attributes:
        noise: (N, slope_step(K)): d loss / d score of the noise without the factor `row_scale`; 0 beyond K.
        row_scale: (N,).
        target: (N,): d loss / d score of the target.
        hidden: (N, D): d loss / d hidden; None if it is not needed.
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
    """Compute the losses of a step and their slopes.

    With x = hidden·weight + bias + shift for noise words and t for the target, "softmax" is −t + log(e^t + Σ e^x) and
    "logistic" is −log σ(t) − Σ m·log σ(−x); with `mask`, a noise word that is the example's target is left out.

    Args:
        plan: the plan of `noise_ids` and `target_ids`.
        hidden: (N, D).
        weight: (V, D).
        bias: (V,) or None.
        noise_ids: (K,), ascending and distinct.
        target_ids: (N,).
        kind: the loss.
        mask: whether to leave out a noise word that is the target.
        noise_shift: (K,) or None for 0.
        target_shift: (N,) or None for 0.
        multiplicity: (K,) m, or None for 1; "logistic" only.
        loss: (N,) output.
        slopes: output.
        threads: the maximum number; short work uses fewer.
        target: an instruction set, see `vastmax.kernels.machine.available_targets`.

    Raises:
        ValueError: shapes that do not match, or the plan of another batch.
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
    """Compute the gradients of Σ upstream·loss.

    Args:
        plan: as in `forward`.
        hidden: as in `forward`.
        slopes: from `forward`.
        upstream: (N,).
        hidden_gradient: (N, D) output, or None.
        weight_gradient: (U, D) output, one row for each of `plan.rows`.
        bias_gradient: (U,) output, or None.
        threads: the maximum number.
        target: the instruction set of `forward`.

    Raises:
        ValueError: shapes that do not match, or the plan of another batch.
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
