"""Scores of examples that each have rows of their own, by the native kernel, which never gathers the (N, K, D) rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vastmax.eager import eager
from vastmax.kernels import row_scores
from vastmax.tensors.first_derivative import first_derivative_only


class _NativeRowScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor) -> Tensor:
        hidden, position = hidden.contiguous(), position.contiguous()
        score = hidden.new_empty(position.shape)
        row_scores.forward(hidden, weight, bias, position, score=score, threads=torch.get_num_threads())
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
        row_scores.backward(
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
    """`(weight[position] @ hidden[:, :, None]).squeeze(2) + bias[position]`, for what `kernel_takes`.

    Args:
        hidden: (N, D).
        weight: (U, D).
        bias: (U,), or None.
        position: (N, K) int64, each in [0, U).

    Returns:
        (N, K), new memory that nothing keeps.

    Cost: N·K·D multiply-adds forward, twice that backward.
    """
    scores: Tensor = _NativeRowScores.apply(hidden, weight, bias, position)  # type: ignore[no-untyped-call]
    return scores
