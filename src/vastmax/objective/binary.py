"""The loss that tells targets from noise, one word at a time: what NCE and negative sampling have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus


class _NoiseLoss(torch.autograd.Function):
    """Σ_k m_k·(−log σ(−(x_k + shift_k))), entries in `hit` left out; backward is one product with what is kept."""

    @staticmethod
    def forward(
        ctx: Any,
        noise_logit: Tensor,
        shift: Tensor | None,
        multiplicity: Tensor | None,
        hit: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        logit = noise_logit.clone() if shift is None else noise_logit + shift
        if hit is not None:
            logit[hit] = -torch.inf
        loss = softplus(logit)
        total = loss.sum(dim=1) if multiplicity is None else loss @ multiplicity
        slope = logit.sigmoid_()
        if multiplicity is not None:
            slope *= multiplicity
        ctx.save_for_backward(slope)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradient[:, None], None, None, None


def binary_loss(
    target_logit: Tensor,
    noise_logit: Tensor,
    *,
    shift: Tensor | None = None,
    multiplicity: Tensor | None = None,
    hit: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """−log σ(target_logit) − Σ_k m_k·log σ(−(noise_logit_k + shift_k)), (N,).

    Args:
        target_logit: (N,).
        noise_logit: (N, K').
        shift: (K',) or (N, K'), a constant.
        multiplicity: (K',) weights m; ones if None.
        hit: (example, column) of noise to leave out.
    """
    if multiplicity is not None:
        multiplicity = multiplicity.to(noise_logit.dtype)
    if shift is not None:
        shift = shift.to(noise_logit.dtype)
    noise_loss: Tensor = _NoiseLoss.apply(noise_logit, shift, multiplicity, hit)  # type: ignore[no-untyped-call]
    return softplus(-target_logit) + noise_loss
