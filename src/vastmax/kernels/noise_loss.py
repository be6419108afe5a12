"""The door to the step against shared noise: float32 arrays on the CPU, of numpy or torch, used in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from vastmax.kernels import _native
from vastmax.kernels.targets import choose_target

Array = Any
"""A C-contiguous numpy array or torch tensor on the CPU; the kernels refuse other dtypes than those named."""

Plan = Any
"""The rows in play in a batch; `plan.rows` are their word ids, ascending and distinct, (U,)."""

Kind = Literal["softmax", "logistic"]


def plan(noise_ids: Array, target_ids: Array, vocab_size: int) -> Plan:
    """Which rows a batch has in play.

    Args:
        noise_ids: int64 (K,), ascending and distinct.
        target_ids: int64 (N,).
        vocab_size: V.

    Raises:
        ValueError: word ids out of order or not in [0, V).
    """
    return _native.noise_plan(noise_ids, target_ids, vocab_size)


def slope_step(num_noise: int, *, target: str | None = None) -> int:
    """How many columns the slopes of `num_noise` words want: whole vectors of the instruction set."""
    step: int = _native.noise_slope_step(target or choose_target(), num_noise)
    return step


@dataclass(frozen=True)
class Slopes:
    """What `forward` writes and `backward` reads.

    Attributes:
        noise: (N, slope_step(K)): d loss / d score of the noise, but for the factor `row_scale`; 0 beyond K.
        row_scale: (N,).
        target: (N,): d loss / d score of the target.
        hidden: (N, D): d loss / d hidden; None when it is not wanted.
    """

    noise: Array
    row_scale: Array
    target: Array
    hidden: Array | None


def forward(
    plan: Plan,
    hidden: Array,
    weight: Array,
    bias: Array | None,
    noise_ids: Array,
    target_ids: Array,
    *,
    kind: Kind,
    mask: bool,
    noise_shift: Array | None,
    target_shift: Array | None,
    multiplicity: Array | None,
    loss: Array,
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
        noise_ids: int64 (K,), ascending and distinct.
        target_ids: int64 (N,).
        kind: which loss.
        mask: whether a noise word is left out where it is the target.
        noise_shift: (K,), or None for 0.
        target_shift: (N,), or None for 0.
        multiplicity: (K,) m, or None for 1; "logistic" only.
        loss: (N,) to be overwritten.
        slopes: to be overwritten.
        threads: at most so many; short work takes fewer.
        target: an instruction set, see `vastmax.kernels.targets.available_targets`.

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
    hidden: Array,
    slopes: Slopes,
    *,
    upstream: Array,
    hidden_gradient: Array | None,
    weight_gradient: Array,
    bias_gradient: Array | None,
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
