"""A step against shared noise by the native kernel: scores, losses and gradients while the scores are in the cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vastmax.eager import eager
from vastmax.kernels import noise_loss
from vastmax.kernels.noise_loss import Slopes
from vastmax.output.base import NoiseStep
from vastmax.output.native_support import kernel_takes
from vastmax.output.rows import gradient_of_rows, require_leaf
from vastmax.tensors.first_derivative import first_derivative_only


class _NativeNoiseLoss(torch.autograd.Function):
    """Forward writes the slopes, and the gradient of hidden but for the factor that comes from above."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        step: NoiseStep,
        wants: tuple[bool, bool, bool],
        sparse_gradients: bool,
    ) -> Tensor:
        num_examples = hidden.shape[0]
        hidden, target = hidden.contiguous(), target.contiguous()
        noise_ids = step.word_ids.contiguous()
        plan = noise_loss.plan(noise_ids, target, weight.shape[0])
        loss = hidden.new_empty(num_examples)
        slopes = Slopes(
            noise=hidden.new_empty(num_examples, noise_loss.slope_step(noise_ids.shape[0])),
            row_scale=torch.empty_like(loss),
            target=torch.empty_like(loss),
            hidden=torch.empty_like(hidden) if wants[0] else None,
        )
        noise_loss.forward(
            plan,
            hidden,
            weight,
            bias,
            noise_ids,
            target,
            kind=step.kind,
            mask=step.mask_target,
            noise_shift=_constant(step.noise_shift),
            target_shift=_constant(step.target_shift),
            multiplicity=_constant(step.multiplicity),
            loss=loss,
            slopes=slopes,
            threads=torch.get_num_threads(),
        )
        ctx.save_for_backward(hidden, slopes.noise, slopes.row_scale, slopes.target, slopes.hidden)
        ctx.plan, ctx.wants, ctx.sparse_gradients, ctx.weight_shape = plan, wants, sparse_gradients, weight.shape
        return loss

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        hidden, *slopes = ctx.saved_tensors
        if not (ctx.wants[1] or ctx.wants[2]):
            return slopes[3] * upstream[:, None], *[None] * 6
        row = torch.from_numpy(ctx.plan.rows.copy())
        weight_rows = hidden.new_empty(row.shape[0], hidden.shape[1])
        bias_rows = hidden.new_empty(row.shape[0]) if ctx.wants[2] else None
        to_hidden = torch.empty_like(hidden) if ctx.wants[0] else None
        noise_loss.backward(
            ctx.plan,
            hidden,
            Slopes(*slopes),
            upstream=upstream.contiguous(),
            hidden_gradient=to_hidden,
            weight_gradient=weight_rows,
            bias_gradient=bias_rows,
            threads=torch.get_num_threads(),
        )
        to_weight = gradient_of_rows(row, weight_rows, ctx.weight_shape, ctx.sparse_gradients) if ctx.wants[1] else None
        to_bias = (
            None if bias_rows is None else gradient_of_rows(row, bias_rows, ctx.weight_shape[:1], ctx.sparse_gradients)
        )
        return to_hidden, to_weight, to_bias, *[None] * 4


def _constant(numbers: Tensor | None) -> Tensor | None:
    """As the kernel reads it: a proposal may compute in float64."""
    return None if numbers is None else numbers.detach().to(torch.float32).contiguous()


@eager  # the kernel takes memory, which a traced tensor does not have
def native_noise_loss(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    step: NoiseStep,
    *,
    sparse_gradients: bool,
) -> Tensor | None:
    """See `FlatOutput.noise_loss`, for scores hidden·weight_w + bias_w; None where there is no kernel for them.

    Args:
        hidden: (N, D).
        weight: (V, D).
        bias: (V,), or None.
        target: (N,) int64.
        step: the noise.
        sparse_gradients: whether weight and bias get sparse gradients, of the rows in play.

    Raises:
        InputError: sparse gradients for a weight that is not a leaf of the graph (sharded or parametrised).

    Cost: 3·N·K·D multiply-adds; N·K numbers are kept for the backward pass.
    """
    if not kernel_takes(hidden, weight, bias):
        return None
    grad = torch.is_grad_enabled()
    wants = (
        grad and hidden.requires_grad,
        grad and weight.requires_grad,
        grad and bias is not None and bias.requires_grad,
    )
    if sparse_gradients and (wants[1] or wants[2]):
        require_leaf(weight)
    loss: Tensor = _NativeNoiseLoss.apply(hidden, weight, bias, target, step, wants, sparse_gradients)  # type: ignore[no-untyped-call]
    return loss
