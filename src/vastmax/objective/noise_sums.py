"""Sums over the (N, K) scores of noise, in one buffer, forward and backward.

The scores are fresh and may be overwritten (see `Rows.score`). They are the only large tensor in a sampled step. A
second buffer of that size would cost as much in page faults as a tenth of the step's matrix products.
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
"""Squares of this many numbers, 128 KB, stay in the cache until they are added."""

# Whether the current backward pass was called with retain_graph. PyTorch's compiler uses it for the same purpose; if a
# version lacks it, we allocate a new buffer.
_keeps_graph = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", lambda: True)


def scaled_rows(buffer: Tensor, scale: Tensor) -> Tensor:
    """Return `buffer * scale[:, None]` for a saved buffer, in place if no second backward pass can follow."""
    if _keeps_graph():
        return buffer * scale[:, None]
    return buffer.mul_(scale[:, None])


class _SoftmaxLoss(torch.autograd.Function):
    """−t + log(e^t + Σ_k e^{x_k}) without the entries in `hit`; one buffer for forward and backward."""

    @staticmethod
    def forward(ctx: Any, noise_score: Tensor, target_score: Tensor, hit: tuple[Tensor, Tensor] | None) -> Tensor:
        share = noise_score.detach()  # may be overwritten: see Rows.score
        if hit is not None:
            share[hit] = -torch.inf
        largest = target_score if share.shape[1] == 0 else torch.maximum(share.amax(dim=1), target_score)
        share.sub_(largest[:, None]).exp_()
        of_target = (target_score - largest).exp()
        total = share.sum(dim=1).add_(of_target)
        ctx.share = share  # neither input nor output, so backward may overwrite it
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
    """Return −t + log(e^t + Σ_k e^{x_k}), (N,), for `target_score` t (N,) and `noise_score` x (N, K').

    The noise scores are overwritten. `hit` is (example, column) of noise to leave out.
    """
    loss: Tensor = _SoftmaxLoss.apply(noise_score, target_score, hit)  # type: ignore[no-untyped-call]
    return loss


class _NoiseLogistic(torch.autograd.Function):
    """Σ_k m_k·(−log σ(−x_k)) without the entries in `hit`; backward is one product with the saved buffer."""

    @staticmethod
    def forward(
        ctx: Any,
        noise_logit: Tensor,
        multiplicity: Tensor | None,
        hit: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        logit = noise_logit.detach()  # may be overwritten: see Rows.score
        if hit is not None:
            logit[hit] = -torch.inf
        total = _softplus_sum(logit, multiplicity)
        slope = logit.sigmoid_()
        if multiplicity is not None:
            slope *= multiplicity
        ctx.slope = slope  # neither input nor output, so backward may overwrite it
        return total

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return scaled_rows(ctx.slope, gradient), None, None


def _softplus_sum(logit: Tensor, multiplicity: Tensor | None) -> Tensor:
    """Return Σ_k m_k·softplus(logit_k), on a CPU in chunks of rows: new memory would cost more than the sum."""
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
    """Return −log σ(target_logit) − Σ_k m_k·log σ(−noise_logit_k), (N,).

    Args:
        target_logit: (N,).
        noise_logit: (N, K'), overwritten.
        multiplicity: (K',) weights m; ones if None.
        hit: (example, column) of noise to leave out.
    """
    if multiplicity is not None:
        multiplicity = multiplicity.to(noise_logit.dtype)
    return softplus(-target_logit) + noise_loss(noise_logit, multiplicity, hit=hit)


def noise_loss(
    noise_logit: Tensor, multiplicity: Tensor | None = None, *, hit: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Return the noise's part of `binary_loss`, (N,); the logits (N, K') are overwritten."""
    loss: Tensor = _NoiseLogistic.apply(noise_logit, multiplicity, hit)  # type: ignore[no-untyped-call]
    return loss


class _LogSumExp(torch.autograd.Function):
    """(log Σ_k e^{x_k}, log Σ_k e^{2·x_k}/m_k or None, e^{x_k}/Σ or None), of which the first is differentiable.

    The exponentials, or the shares e^{x_k}/Σ if requested, overwrite the scores and are saved for the backward pass,
    which overwrites them again.
    """

    @staticmethod
    def forward(
        ctx: Any, noise_score: Tensor, multiplicity: Tensor | None, wants_squares: bool, wants_weight: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        share = noise_score.detach()  # may be overwritten: see Rows.score
        largest = share.amax(dim=1) if share.shape[1] > 0 else share.new_zeros(share.shape[0])
        share.sub_(largest[:, None]).exp_()
        total = share.sum(dim=1)
        log_sum = total.log().add_(largest)
        log_squares = None
        if wants_squares:
            log_squares = _sum_of_squares(share, multiplicity).log_().add_(largest, alpha=2)
            ctx.mark_non_differentiable(log_squares)
        ctx.share = share  # neither input nor output, so backward may overwrite it
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
    """Return Σ_k x_k²/divisor_k by row, (N,), without a second (N, K) in memory."""
    if divisor is None:
        squares: Tensor = torch.linalg.vecdot(x, x)
        return squares
    factor = divisor.reciprocal().to(x.dtype)
    num_rows = max(1, _NUMEL_AT_ONCE // max(1, x.shape[1])) if x.device.type == "cpu" else max(1, x.shape[0])
    return torch.cat([rows.square() @ factor for rows in torch.split(x, num_rows)])


def log_sum(noise_score: Tensor) -> Tensor:
    """Return `noise_score.logsumexp(1)`, (N,), differentiable; the scores (N, K) are overwritten."""
    result: Tensor = _LogSumExp.apply(noise_score, None, False, False)[0]  # type: ignore[no-untyped-call]
    return result


def log_sum_and_squares(
    noise_score: Tensor, multiplicity: Tensor | None, *, wants_weight: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return (`noise_score.logsumexp(1)`, log of the sum of squared weights, shares); the first is differentiable.

    Args:
        noise_score: (N, K), K ≥ 1, overwritten: log(m·r/K) for a word drawn m times with weight r.
        multiplicity: (K,) m, or None for ones. The squares are those of *draws*, m·(r/K)² for such a word.
        wants_weight: whether to return the shares e^x/Σ e^x, (N, K), instead of None. Read them before the backward
            pass, which overwrites them.
    """
    result: tuple[Tensor, Tensor, Tensor | None] = _LogSumExp.apply(  # type: ignore[no-untyped-call]
        noise_score, multiplicity, True, wants_weight
    )
    return result
