"""Rows of a linear layer: the arithmetic of a sampled step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from vastmax.output.base import Rows
from vastmax.output.linear.native import native_row_scores
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.numbers import at_least_float32, product_dtype
from vastmax.tensors.plain_memory import kernel_takes

_ROW_ALIGNMENT = 16


class LinearRows(Rows):
    """Scores hidden·weight_u + bias_u.

    Attributes:
        word_ids: (U,) int64, sorted and distinct.
        weight: (U, D).
        bias: (U,) or None.
    """

    def __init__(self, word_ids: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        self.word_ids = word_ids
        self.weight = weight
        self.bias = bias

    def score(self, hidden: Tensor, position: Tensor | None = None) -> Tensor:
        """See `Rows.score`."""
        weight, bias = self.weight, self.bias
        if position is not None:
            weight = weight.index_select(0, position)
            bias = None if bias is None else bias.index_select(0, position)
        if bias is not None:
            bias = bias.to(weight.dtype)
        scores = linear(hidden, weight, bias)
        return scores.to(at_least_float32(scores.dtype))

    def score_at(self, hidden: Tensor, position: Tensor) -> Tensor:
        """See `Rows.score_at`."""
        if position.ndim == 2 and kernel_takes(self.weight, self.bias, copied=(hidden,), on_baseline=False):
            return native_row_scores(hidden, self.weight, self.bias, position)
        flat = position.reshape(-1)
        dtype = at_least_float32(self.weight.dtype)
        weight = self.weight.index_select(0, flat).view(*position.shape, self.weight.shape[1]).to(dtype)
        hidden = hidden.to(dtype)
        if position.ndim == 1:
            scores: Tensor = torch.linalg.vecdot(hidden, weight)
        else:
            scores = torch.bmm(weight, hidden[:, :, None]).squeeze(2)
        if self.bias is not None:
            scores = scores + self.bias.index_select(0, flat).view(position.shape)
        return scores.to(at_least_float32(scores.dtype))

    def score_both(
        self, hidden: Tensor, noise_position: Tensor, target_position: Tensor, *, noise_shift: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """See `Rows.score_both`."""
        scores: tuple[Tensor, Tensor] = _ScoreBoth.apply(  # type: ignore[no-untyped-call]
            hidden, self.weight, self.bias, noise_position, target_position, noise_shift
        )
        return scores


def _padded_product(a: Tensor, b: Tensor) -> Tensor:
    """Return `a @ b` with rows that begin on cache lines; with an odd width, the product takes 1.5 times as long."""
    width = b.shape[1]
    padded = -(-width // _ROW_ALIGNMENT) * _ROW_ALIGNMENT
    return torch.mm(a, b, out=a.new_empty(a.shape[0], padded)[:, :width])


class _ScoreBoth(torch.autograd.Function):
    """Scores of shared noise and of targets, with one gradient buffer for the rows of both.

    Autograd would allocate two (U, D) gradients and add them, and new memory costs more here than arithmetic.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        noise_position: Tensor,
        target_position: Tensor,
        noise_shift: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        dtype = product_dtype(hidden)
        precise = at_least_float32(dtype)
        with torch.autocast(hidden.device.type, enabled=False):
            noise_weight = weight.index_select(0, noise_position).to(dtype)
            noise_score = _padded_product(hidden.to(dtype), noise_weight.T).to(precise)
            if bias is not None:
                noise_bias = bias.index_select(0, noise_position).to(precise)
                noise_shift = noise_bias if noise_shift is None else noise_bias + noise_shift
            if noise_shift is not None:
                noise_score += noise_shift
            of_target = weight.index_select(0, target_position).to(precise)
            target_score = torch.linalg.vecdot(hidden.to(precise), of_target)
            if bias is not None:
                target_score += bias.index_select(0, target_position)
        ctx.save_for_backward(hidden, weight, bias, noise_weight, of_target, noise_position, target_position)
        ctx.dtype = dtype
        return noise_score, target_score

    @staticmethod
    @first_derivative_only
    def backward(
        ctx: Any, noise_gradient: Tensor, target_gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None, None]:
        hidden, weight, bias, noise_weight, of_target, noise_position, target_position = ctx.saved_tensors
        precise = target_gradient.dtype
        grad_hidden, grad_weight, grad_bias = None, None, None
        with torch.autocast(hidden.device.type, enabled=False):
            low = noise_gradient.to(ctx.dtype)
            if ctx.needs_input_grad[0]:
                grad_hidden = (low @ noise_weight).to(precise)
                grad_hidden.addcmul_(of_target, target_gradient[:, None])
                grad_hidden = grad_hidden.to(hidden.dtype)
            if ctx.needs_input_grad[1]:
                grad_weight = weight.new_zeros(weight.shape, dtype=precise)
                grad_weight.index_copy_(0, noise_position, (low.T @ hidden.to(ctx.dtype)).to(precise))
                grad_weight.index_add_(0, target_position, hidden * target_gradient[:, None])
                grad_weight = grad_weight.to(weight.dtype)
            if bias is not None and ctx.needs_input_grad[2]:
                grad_bias = bias.new_zeros(bias.shape, dtype=precise)
                grad_bias.index_copy_(0, noise_position, noise_gradient.sum(dim=0))
                grad_bias.index_add_(0, target_position, target_gradient)
                grad_bias = grad_bias.to(bias.dtype)
        return grad_hidden, grad_weight, grad_bias, None, None, None
