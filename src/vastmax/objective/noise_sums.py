"""Sums over the (N, K) scores of noise, the only large thing in a sampled step: one buffer, forward and backward.

The scores come as fresh numbers that may be overwritten (see `Rows.score`). Memory new to the process costs as much as
a tenth of the step's matrix products, in page faults, and so nothing here takes a second buffer of that size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from vastmax.output.linear.tiles import spans
from vastmax.tensors.first_derivative import first_derivative_only

_CHUNK_NUMEL = 2**17

_NUMEL_AT_ONCE = 1 << 15
"""Squares of so many numbers, 128 KB, stay in a processor's cache until they are added up."""

# Says whether the backward pass now running was called with retain_graph. PyTorch's own compiler asks it for the same
# purpose; where a version lacks it, we take a new buffer.
_keeps_graph = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", lambda: True)


def scaled_rows(buffer: Tensor, scale: Tensor) -> Tensor:
    """`buffer * scale[:, None]` for a buffer saved by forward: in its place where no second backward pass can come."""
    if _keeps_graph():
        return buffer * scale[:, None]
    return buffer.mul_(scale[:, None])


class _SoftmaxLoss(torch.autograd.Function):
    """−t + log(e^t + Σ_k e^{x_k}), entries in `hit` left out; one buffer from forward to backward."""

    @staticmethod
    def forward(ctx: Any, noise_score: Tensor, target_score: Tensor, hit: tuple[Tensor, Tensor] | None) -> Tensor:
        share = noise_score.detach()  # ours to overwrite: see Rows.score
        if hit is not None:
            share[hit] = -torch.inf
        largest = target_score if share.shape[1] == 0 else torch.maximum(share.amax(dim=1), target_score)
        share.sub_(largest[:, None]).exp_()
        of_target = (target_score - largest).exp()
        total = share.sum(dim=1).add_(of_target)
        ctx.share = share  # no input or output, and ours to overwrite
        ctx.save_for_backward(of_target, total)
        loss: Tensor = total.log().add_(largest).sub_(target_score)
        return loss

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        of_target, total = ctx.saved_tensors
        scale = gradient / total
        return scaled_rows(ctx.share, scale), of_target * scale - gradient, None


def softmax_loss(target_score: Tensor, noise_score: Tensor, *, hit: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """−t + log(e^t + Σ_k e^{x_k}), (N,), of `target_score` t (N,) and `noise_score` x (N, K'), ours to overwrite.

    `hit` is (example, column) of noise to leave out.
    """
    loss: Tensor = _SoftmaxLoss.apply(noise_score, target_score, hit)  # type: ignore[no-untyped-call]
    return loss


class _NoiseLogistic(torch.autograd.Function):
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
    noise_loss: Tensor = _NoiseLogistic.apply(noise_logit, multiplicity, hit)  # type: ignore[no-untyped-call]
    return softplus(-target_logit) + noise_loss


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
