"""Target scores and log Z of a linear layer, differentiable, without the (N, V) scores."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from vastmax.output.linear.native import native_exact_takes, native_log_normaliser, native_normaliser_gradients
from vastmax.output.linear.tiles import TileScores, spans, tile_shape
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.numbers import at_least_float32, product_dtype
from vastmax.tensors.tracing import (
    Passes,
    check_ids,
    empty_gradients,
    gradients_or_empty,
    is_traced,
    is_transformed_here,
    products_in,
    wanted_only,
)


class _Inputs(NamedTuple):
    """The arguments of `linear_exact`."""

    hidden: Tensor
    weight: Tensor
    bias: Tensor | None
    target: Tensor
    target_example: Tensor | None
    normaliser_example: Tensor | None

    def normalised(self, dtype: torch.dtype) -> Tensor:
        """Return the examples whose log Z is needed, in the dtype of the product."""
        rows = self.hidden if self.normaliser_example is None else self.hidden.index_select(0, self.normaliser_example)
        return rows.to(dtype)


class _LinearExact(torch.autograd.Function):
    """Forward: one pass over the words for log Z. Backward: scores again, tile by tile, then both gradients.

    Storing the scores would save the second of four products but need N·V numbers. Words are the outer loop, so the
    gradient of the weight, the largest array here, is written once. The native kernel works in the same way; with wide
    vector instructions, its products are faster than those of the library, and its scores stay in the cache.
    """

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor | None) -> tuple[Tensor, Tensor]:
        inputs = _Inputs(*tensors)  # type: ignore[arg-type]
        hidden, weight, bias, target, target_example, _ = inputs
        dtype = product_dtype(hidden)
        with torch.autocast(hidden.device.type, enabled=False):
            of_target = hidden if target_example is None else hidden.index_select(0, target_example)
            target_score = _row_dot(of_target, weight.index_select(0, target), at_least_float32(dtype))
            if bias is not None:
                target_score += bias.index_select(0, target)
            normalised = inputs.normalised(dtype)
            native = native_exact_takes(normalised, weight, bias)
            log_normaliser = (native_log_normaliser if native else _log_normaliser)(normalised, weight, bias)
        ctx.save_for_backward(*inputs, log_normaliser)
        ctx.dtype = dtype
        return target_score, log_normaliser

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, target_gradient: Tensor, normaliser_gradient: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, log_normaliser = ctx.saved_tensors
        inputs = _Inputs(*tensors)
        with torch.autocast(inputs.hidden.device.type, enabled=False):
            normalised = inputs.normalised(ctx.dtype)
            native = native_exact_takes(normalised, inputs.weight, inputs.bias)
            of_normaliser = (native_normaliser_gradients if native else _normaliser_gradients)(
                normalised,
                inputs.weight,
                inputs.bias,
                log_normaliser,
                normaliser_gradient,
                wanted=ctx.needs_input_grad,
            )
            gradients = _add_target_part(inputs, target_gradient, *of_normaliser)
        return *gradients, None, None, None


def _row_dot(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    return (a.to(dtype) * b.to(dtype)).sum(-1)


def _log_normaliser(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    dtype = at_least_float32(hidden.dtype)
    num_examples, vocab_size = hidden.shape[0], weight.shape[0]
    largest = hidden.new_full((num_examples,), -torch.inf, dtype=dtype)
    total = hidden.new_zeros(num_examples, dtype=dtype)
    tile_examples, tile_words = tile_shape(num_examples, hidden.device)
    tile_scores = TileScores(hidden)
    for words in spans(vocab_size, tile_words):
        tile_weight = weight[words].to(hidden.dtype)
        tile_bias = None if bias is None else bias[words]
        for examples in spans(num_examples, tile_examples):
            scores = tile_scores(hidden[examples], tile_weight, tile_bias)
            before = largest[examples]
            now = torch.maximum(before, scores.amax(dim=1))
            tile_total = scores.sub_(now[:, None]).exp_().sum(dim=1)
            total[examples] = total[examples] * (before - now).exp() + tile_total
            largest[examples] = now
    return largest + total.log()


def _normaliser_gradients(
    normalised: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    log_normaliser: Tensor,
    normaliser_gradient: Tensor,
    *,
    wanted: tuple[bool, ...],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return the gradients of Σ normaliser_gradient·log Z by `normalised` (in the dtype of scores), weight and bias."""
    dtype = normalised.dtype
    precise = at_least_float32(dtype)
    grad_normalised = torch.zeros_like(normalised, dtype=precise) if wanted[0] else None
    grad_weight = torch.empty_like(weight) if wanted[1] else None
    grad_bias = torch.empty_like(bias) if bias is not None and wanted[2] else None
    num_examples = normalised.shape[0]
    # The gradient of log Z scales rows of size D before and after the products, not the (N, V) probabilities.
    upstream = (normalised * normaliser_gradient[:, None]).to(dtype)
    tile_examples, tile_words = tile_shape(num_examples, normalised.device)
    tile_scores = TileScores(normalised)
    for words in spans(weight.shape[0], tile_words):
        tile_weight = weight[words].to(dtype)
        tile_bias = None if bias is None else bias[words]
        for examples in spans(num_examples, tile_examples):
            first = examples.start == 0
            scores = tile_scores(normalised[examples], tile_weight, tile_bias)
            share = scores.sub_(log_normaliser[examples, None]).exp_()  # p(w | h), in place of the scores
            low = share.to(dtype)
            if grad_normalised is not None:
                _add_product(grad_normalised[examples], low, tile_weight)
            if grad_weight is not None:
                _put_product(grad_weight[words], low.T, upstream[examples], add=not first)
            if grad_bias is not None:
                column = normaliser_gradient[examples] @ share
                grad_bias[words] = column if first else grad_bias[words] + column
    if grad_normalised is not None:
        grad_normalised *= normaliser_gradient[:, None]
    if num_examples == 0:
        for gradient in (grad_weight, grad_bias):
            if gradient is not None:
                gradient.zero_()
    return grad_normalised, grad_weight, grad_bias


def _add_target_part(
    inputs: _Inputs,
    target_gradient: Tensor,
    grad_normalised: Tensor | None,
    grad_weight: Tensor | None,
    grad_bias: Tensor | None,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    hidden, weight, _, target, target_example, normaliser_example = inputs
    grad_hidden = None
    precise = target_gradient.dtype
    if grad_normalised is not None:
        if normaliser_example is None:
            grad_hidden = grad_normalised
        else:
            grad_hidden = torch.zeros_like(hidden, dtype=precise).index_copy_(0, normaliser_example, grad_normalised)
        of_target = weight.index_select(0, target).to(precise) * target_gradient[:, None]
        if target_example is None:
            grad_hidden += of_target
        else:
            grad_hidden.index_add_(0, target_example, of_target)
        grad_hidden = grad_hidden.to(hidden.dtype)
    if grad_weight is not None:
        of_target = hidden if target_example is None else hidden.index_select(0, target_example)
        update = (of_target.to(precise) * target_gradient[:, None]).to(weight.dtype)
        grad_weight.index_add_(0, target, update)
    if grad_bias is not None:
        grad_bias.index_add_(0, target, target_gradient.to(grad_bias.dtype))
    return grad_hidden, grad_weight, grad_bias


def _add_product(into: Tensor, a: Tensor, b: Tensor) -> None:
    if into.dtype == a.dtype:
        into.addmm_(a, b)
    else:
        into += a @ b


def _put_product(into: Tensor, a: Tensor, b: Tensor, *, add: bool) -> None:
    if into.dtype == a.dtype:
        torch.addmm(into, a, b, beta=float(add), out=into)
    elif add:
        into += a @ b
    else:
        into.copy_(a @ b)


def _by_all_scores(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    target_example: Tensor | None,
    normaliser_example: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return what `linear_exact` does from (N, V) scores, for transformations of `torch.func`."""
    scores = linear(hidden, weight, None if bias is None else bias.to(weight.dtype))
    scores = scores.to(at_least_float32(scores.dtype))
    example = torch.arange(len(hidden), device=hidden.device) if target_example is None else target_example
    normalised = scores if normaliser_example is None else scores.index_select(0, normaliser_example)
    return scores[example, target], normalised.logsumexp(dim=1)


@torch.library.custom_op("vastmax::linear_exact", mutates_args=())
def _operator(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    target_example: Tensor | None,
    normaliser_example: Tensor | None,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Return what `linear_exact` does, in a graph; `dtype` is that of products."""
    check_ids(target, len(weight))
    with products_in(dtype, hidden):
        return _LinearExact.forward(Passes(), hidden, weight, bias, target, target_example, normaliser_example)


@torch.library.custom_op("vastmax::linear_exact_backward", mutates_args=())
def _operator_backward(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    target_example: Tensor | None,
    normaliser_example: Tensor | None,
    log_normaliser: Tensor,
    target_gradient: Tensor,
    normaliser_gradient: Tensor,
    dtype: torch.dtype,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    passes = Passes(wanted, dtype=dtype)
    passes.save_for_backward(hidden, weight, bias, target, target_example, normaliser_example, log_normaliser)
    with products_in(dtype, hidden):
        return gradients_or_empty(_LinearExact.backward(passes, target_gradient, normaliser_gradient), hidden)


@_operator.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor]:
    hidden, _, _, target, _, normaliser_example, dtype = inputs
    dtype = at_least_float32(dtype)
    normalised = hidden if normaliser_example is None else normaliser_example
    return hidden.new_empty(target.shape, dtype=dtype), hidden.new_empty(normalised.shape[:1], dtype=dtype)


@_operator_backward.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    return empty_gradients(*inputs[:3], wanted=inputs[-1])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.dtype = inputs
    ctx.save_for_backward(*tensors, output[1])


def _gradients(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
    wanted = list(ctx.needs_input_grad[:3])
    found = _operator_backward(*ctx.saved_tensors, *upstream, ctx.dtype, wanted)
    return *wanted_only(found, wanted), *[None] * 4


_operator.register_autograd(_gradients, setup_context=_keep)


def linear_exact(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    *,
    target_example: Tensor | None = None,
    normaliser_example: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return target scores and log Z, both differentiable once in hidden, weight and bias.

    Equals, with `scores = F.linear(hidden, weight, bias)`: `scores[target_example, target]` and
    `scores[normaliser_example].logsumexp(1)`, without allocating (N, V).

    Args:
        hidden: (N, D).
        weight: (V, D).
        bias: (V,) or None.
        target: (M,) int64.
        target_example: (M,) the example of each target; None for 0 … N−1.
        normaliser_example: (n,) the distinct examples whose log Z is needed; None for all.

    Returns:
        (M,) and (n,), in float32 if products are in bfloat16 or float16.

    Cost: n·V·D multiply-adds forward, 3·n·V·D backward (scores are computed again). Memory besides the gradients: one
    tile, a few MB on a CPU, or with the native kernel a tile and min(n, 1024)·D numbers per thread.
    """
    if is_transformed_here(hidden, weight):
        return _by_all_scores(hidden, weight, bias, target, target_example, normaliser_example)
    if is_traced():
        found: tuple[Tensor, Tensor] = _operator(
            hidden, weight, bias, target, target_example, normaliser_example, product_dtype(hidden)
        )
        return found
    scores: tuple[Tensor, Tensor] = _LinearExact.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, target, target_example, normaliser_example
    )
    return scores
