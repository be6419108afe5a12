"""The loss that tells targets from noise, one word at a time: what NCE and negative sampling have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from vastmax.objective.buffers import scaled_rows
from vastmax.output.linear_exact import spans
from vastmax.tensors.first_derivative import first_derivative_only

_CHUNK_NUMEL = 2**17


class _NoiseLoss(torch.autograd.Function):
    """Σ_k m_k·(−log σ(−x_k)), entries in `hit` left out; backward is one product with what is kept."""

    @staticmethod
    def forward(
        ctx: Any,
        noise_logit: Tensor,
        multiplicity: Tensor | None,
        hit: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        logit = noise_logit.detach()  # ours to overwrite: see Rows.score
        if hit is not None:
            logit[hit] = -torch.inf
        total = _softplus_sum(logit, multiplicity)
        slope = logit.sigmoid_()
        if multiplicity is not None:
            slope *= multiplicity
        ctx.slope = slope  # no input or output, and ours to overwrite
        return total

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return scaled_rows(ctx.slope, gradient), None, None


def _softplus_sum(logit: Tensor, multiplicity: Tensor | None) -> Tensor:
    """Σ_k m_k·softplus(logit_k), on a CPU a few rows at a time: memory new to the process costs more than the sum."""
    num_examples, width = logit.shape
    step = num_examples if logit.is_cuda else _CHUNK_NUMEL // max(1, width)
    total = logit.new_empty(num_examples)
    for rows in spans(num_examples, max(1, step)):
        loss = softplus(logit[rows])
        total[rows] = loss.sum(dim=1) if multiplicity is None else loss @ multiplicity
    return total


def binary_loss(
    target_logit: Tensor,
    noise_logit: Tensor,
    *,
    multiplicity: Tensor | None = None,
    hit: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """−log σ(target_logit) − Σ_k m_k·log σ(−noise_logit_k), (N,).

    Args:
        target_logit: (N,).
        noise_logit: (N, K'), ours to overwrite.
        multiplicity: (K',) weights m; ones if None.
        hit: (example, column) of noise to leave out.
    """
    if multiplicity is not None:
        multiplicity = multiplicity.to(noise_logit.dtype)
    noise_loss: Tensor = _NoiseLoss.apply(noise_logit, multiplicity, hit)  # type: ignore[no-untyped-call]
    return softplus(-target_logit) + noise_loss
