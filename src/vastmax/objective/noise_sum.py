"""Sums over the noise alone, where the target has no place of its own beside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vastmax.objective.buffers import scaled_rows
from vastmax.tensors.first_derivative import first_derivative_only

_NUMEL_AT_ONCE = 1 << 15
"""Squares of so many numbers, 128 KB, stay in a processor's cache until they are added up."""


class _LogSumExp(torch.autograd.Function):
    """(log Σ_k e^{x_k}, log Σ_k e^{2·x_k}/m_k or None, e^{x_k}/Σ or None), the first differentiable.

    The exponentials overwrite the scores, and so do the shares e^{x_k}/Σ where they are wanted; they are kept for the
    backward pass, which overwrites them in its turn. New memory of their size costs more than the arithmetic on it.
    """

    @staticmethod
    def forward(
        ctx: Any, noise_score: Tensor, multiplicity: Tensor | None, wants_squares: bool, wants_weight: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        share = noise_score.detach()  # ours to overwrite: see Rows.score
        largest = share.amax(dim=1) if share.shape[1] > 0 else share.new_zeros(share.shape[0])
        share.sub_(largest[:, None]).exp_()
        total = share.sum(dim=1)
        log_sum = total.log().add_(largest)
        log_squares = None
        if wants_squares:
            log_squares = _sum_of_squares(share, multiplicity).log_().add_(largest, alpha=2)
            ctx.mark_non_differentiable(log_squares)
        ctx.share = share  # no input or output, and ours to overwrite
        if not wants_weight:
            ctx.save_for_backward(total)
            return log_sum, log_squares, None
        ctx.save_for_backward(None)
        weight = share.div_(total[:, None]).detach()
        ctx.mark_non_differentiable(weight)
        return log_sum, log_squares, weight

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, None, None, None]:
        (total,) = ctx.saved_tensors
        return scaled_rows(ctx.share, gradient if total is None else gradient / total), None, None, None


def _sum_of_squares(x: Tensor, divisor: Tensor | None) -> Tensor:
    """Σ_k x_k²/divisor_k by row, (N,), with no second (N, K) in memory."""
    if divisor is None:
        squares: Tensor = torch.linalg.vecdot(x, x)
        return squares
    factor = divisor.reciprocal().to(x.dtype)
    num_rows = max(1, _NUMEL_AT_ONCE // max(1, x.shape[1])) if x.device.type == "cpu" else max(1, x.shape[0])
    return torch.cat([rows.square() @ factor for rows in torch.split(x, num_rows)])


def log_sum(noise_score: Tensor) -> Tensor:
    """`noise_score.logsumexp(1)`, (N,), differentiable; the scores (N, K) are overwritten."""
    result: Tensor = _LogSumExp.apply(noise_score, None, False, False)[0]  # type: ignore[no-untyped-call]
    return result


def log_sum_and_squares(
    noise_score: Tensor, multiplicity: Tensor | None, *, wants_weight: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """What importance weights tell: (`noise_score.logsumexp(1)`, log of the sum of squared weights, shares).

    Args:
        noise_score: (N, K), K ≥ 1, overwritten: log(m·r/K) for a word drawn m times with weight r.
        multiplicity: (K,) m, or None for ones. The squares are those of *draws*, m·(r/K)² for such a word.
        wants_weight: whether the shares e^x/Σ e^x, (N, K), are asked for; else None. They are to be read before the
            backward pass runs.

    Only the first is differentiable.
    """
    result: tuple[Tensor, Tensor, Tensor | None] = _LogSumExp.apply(  # type: ignore[no-untyped-call]
        noise_score, multiplicity, True, wants_weight
    )
    return result
