"""Native kernels for products of hidden vectors with rows of words, and their derivatives.

Every loss here has an equivalent in PyTorch operations, for what `kernel_takes` rejects.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vastmax.eager import eager
from vastmax.kernels import noise_loss, rows, softmax
from vastmax.kernels.noise_loss import Slopes
from vastmax.output.base import NoiseStep
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.plain_memory import kernel_takes
from vastmax.tensors.row_sparse import gradient_of_rows, wanted_gradients

_FEWEST_EXAMPLES = 32
"""With fewer, reading the words costs more than multiplying them, and the kernel's packing reads them once more."""


def native_exact_takes(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return whether to use the kernel for these; `hidden` (n, D) is in the dtype of the product."""
    return hidden.shape[0] >= _FEWEST_EXAMPLES and kernel_takes(weight, bias, copied=(hidden,), on_baseline=False)


def native_log_normaliser(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return logsumexp(hidden @ weight.T + bias) by example, (n,); not differentiable by itself."""
    log_normaliser = hidden.new_empty(hidden.shape[0])
    softmax.forward(
        hidden.detach().contiguous(),
        weight.detach(),
        None if bias is None else bias.detach(),
        narrow=False,
        log_normaliser=log_normaliser,
        threads=torch.get_num_threads(),
    )
    return log_normaliser


def native_normaliser_gradients(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    log_normaliser: Tensor,
    upstream: Tensor,
    *,
    wanted: tuple[bool, ...],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return the `wanted` gradients of Σ upstream·log Z by hidden, weight and bias."""
    grad_hidden = hidden.new_empty(hidden.shape) if wanted[0] else None
    grad_weight = torch.empty_like(weight) if wanted[1] else None
    grad_bias = torch.empty_like(bias) if bias is not None and wanted[2] else None
    softmax.backward(
        hidden.detach().contiguous(),
        weight.detach(),
        None if bias is None else bias.detach(),
        narrow=False,
        log_normaliser=log_normaliser,
        upstream=upstream.contiguous(),
        hidden_gradient=grad_hidden,
        weight_gradient=grad_weight,
        bias_gradient=grad_bias,
        threads=torch.get_num_threads(),
    )
    return grad_hidden, grad_weight, grad_bias


class _NativeRowScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor) -> Tensor:
        hidden, position = hidden.contiguous(), position.contiguous()
        score = hidden.new_empty(position.shape)
        rows.scores_forward(hidden, weight, bias, position, score=score, threads=torch.get_num_threads())
        ctx.save_for_backward(hidden, weight, position)
        return score

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        hidden, weight, position = ctx.saved_tensors
        wants_hidden, wants_weight, wants_bias, _ = ctx.needs_input_grad
        to_hidden = torch.empty_like(hidden) if wants_hidden else None
        to_weight = torch.empty_like(weight) if wants_weight else None
        to_bias = weight.new_empty(weight.shape[0]) if wants_bias else None
        rows.scores_backward(
            hidden,
            weight,
            position,
            upstream=upstream.contiguous(),
            hidden_gradient=to_hidden,
            weight_gradient=to_weight,
            bias_gradient=to_bias,
            threads=torch.get_num_threads(),
        )
        return to_hidden, to_weight, to_bias, None


@eager  # the kernel takes memory, which a traced tensor does not have
def native_row_scores(hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor) -> Tensor:
    """Return `(weight[position] @ hidden[:, :, None]).squeeze(2) + bias[position]`, for what `kernel_takes`.

    Args:
        hidden: (N, D).
        weight: (U, D).
        bias: (U,) or None.
        position: (N, K) int64, each in [0, U).

    Returns:
        (N, K), which the caller may overwrite.

    Cost: N·K·D multiply-adds forward, twice that backward.
    """
    scores: Tensor = _NativeRowScores.apply(hidden, weight, bias, position)  # type: ignore[no-untyped-call]
    return scores


class _NativeNoiseLoss(torch.autograd.Function):
    """Forward computes the slopes and the gradient of hidden up to the factor from upstream."""

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
    """Return a float32 constant for the kernel; a proposal may use float64."""
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
    """Return the losses of `FlatOutput.noise_loss` for scores hidden·weight_w + bias_w, None without a kernel.

    Args:
        hidden: (N, D).
        weight: (V, D).
        bias: (V,) or None.
        target: (N,) int64.
        step: the noise.
        sparse_gradients: whether weight and bias get sparse gradients for the rows used in the step.

    Raises:
        InputError: sparse gradients for a weight that is not a leaf of the graph (sharded or parametrised).

    Cost: 3·N·K·D multiply-adds; N·K numbers are saved for the backward pass.
    """
    if step.target_among_noise or not kernel_takes(weight, bias, copied=(hidden,), on_baseline=False):
        return None
    wants = wanted_gradients(hidden, weight, bias, sparse=sparse_gradients)
    loss: Tensor = _NativeNoiseLoss.apply(hidden, weight, bias, target, step, wants, sparse_gradients)  # type: ignore[no-untyped-call]
    return loss
