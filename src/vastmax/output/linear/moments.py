"""log Z and the mean score of a linear layer, with an optional map of the scores, in tiles."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from vastmax.output.linear.tiles import TileScores, spans, tile_shape
from vastmax.output.score_map import ScoreMap
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.numbers import at_least_float32, product_dtype
from vastmax.tensors.tracing import (
    Passes,
    empty_gradients,
    gradients_or_empty,
    is_traced,
    is_transformed_here,
    products_in,
    wanted_only,
)


class _LinearMoments(torch.autograd.Function):
    """Forward: one pass over the words. Backward: scores again, tile by tile, then both gradients; nothing (N, V)."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, score_map: ScoreMap
    ) -> tuple[Tensor, Tensor]:
        ctx.dtype = product_dtype(hidden)
        with torch.autocast(hidden.device.type, enabled=False):
            low = hidden.to(ctx.dtype)
            largest = low.new_full((len(low),), -torch.inf, dtype=at_least_float32(ctx.dtype))
            total, weighted = torch.zeros_like(largest), torch.zeros_like(largest)
            for examples, _, scores in _tiles(low, weight, bias, score_map):
                before = largest[examples]
                now = torch.maximum(before, scores.amax(dim=1))
                share = (scores - now[:, None]).exp_()
                shrink = (before - now).exp()
                total[examples] = total[examples] * shrink + share.sum(dim=1)
                weighted[examples] = weighted[examples] * shrink + share.mul_(scores).sum(dim=1)
                largest[examples] = now
            log_normaliser, mean = largest + total.log(), weighted / total
        ctx.save_for_backward(hidden, weight, bias, log_normaliser, mean)
        ctx.score_map = score_map
        return log_normaliser, mean

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, normaliser_gradient: Tensor, mean_gradient: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, log_normaliser, mean = ctx.saved_tensors
        wants_hidden, wants_weight, wants_bias, _ = ctx.needs_input_grad
        with torch.autocast(hidden.device.type, enabled=False):
            low = hidden.to(ctx.dtype)
            grad_hidden = torch.zeros_like(low, dtype=log_normaliser.dtype) if wants_hidden else None
            grad_weight = torch.zeros_like(weight) if wants_weight else None
            grad_bias = torch.zeros_like(bias) if wants_bias else None
            # By the mapped score of word w: p_w·(g_Z + g_E·(1 + s_w − E)).
            constant = normaliser_gradient + mean_gradient * (1 - mean)
            for examples, words, scores in _tiles(low, weight, bias, ctx.score_map):
                share = (scores - log_normaliser[examples, None]).exp_()
                share.mul_(torch.addcmul(constant[examples, None], scores, mean_gradient[examples, None]))
                slope = ctx.score_map.slope_times(share, scores)
                if grad_bias is not None:
                    grad_bias[words] += slope.sum(dim=0)
                slope = slope.to(ctx.dtype)
                if grad_hidden is not None:
                    grad_hidden[examples] += slope @ weight[words].to(ctx.dtype)
                if grad_weight is not None:
                    grad_weight[words] += slope.T @ low[examples]
        return None if grad_hidden is None else grad_hidden.to(hidden.dtype), grad_weight, grad_bias, None


def _tiles(hidden: Tensor, weight: Tensor, bias: Tensor | None, score_map: ScoreMap) -> Any:
    """Yield (examples, words, mapped scores) with words in the outer loop; the next tile overwrites the scores."""
    tile_examples, tile_words = tile_shape(len(hidden), hidden.device)
    tile_scores = TileScores(hidden)
    for words in spans(len(weight), tile_words):
        tile_weight = weight[words].to(hidden.dtype)
        tile_bias = None if bias is None else bias[words]
        for examples in spans(len(hidden), tile_examples):
            yield examples, words, score_map.in_place(tile_scores(hidden[examples], tile_weight, tile_bias))


@torch.library.custom_op("vastmax::linear_moments", mutates_args=())
def _operator(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, cap: float | None, temperature: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return what `linear_moments` does, in a graph; `dtype` is that of products."""
    with products_in(dtype, hidden):
        return _LinearMoments.forward(Passes(), hidden, weight, bias, ScoreMap(cap, temperature))


@torch.library.custom_op("vastmax::linear_moments_backward", mutates_args=())
def _operator_backward(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    log_normaliser: Tensor,
    mean: Tensor,
    normaliser_gradient: Tensor,
    mean_gradient: Tensor,
    cap: float | None,
    temperature: float,
    dtype: torch.dtype,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    passes = Passes([*wanted, False], dtype=dtype, score_map=ScoreMap(cap, temperature))
    passes.save_for_backward(hidden, weight, bias, log_normaliser, mean)
    with products_in(dtype, hidden):
        return gradients_or_empty(_LinearMoments.backward(passes, normaliser_gradient, mean_gradient), hidden)


@_operator.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor]:
    hidden, *_, dtype = inputs
    moment = hidden.new_empty(hidden.shape[:1], dtype=at_least_float32(dtype))
    return moment, torch.empty_like(moment)


@_operator_backward.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    return empty_gradients(*inputs[:3], wanted=inputs[-1])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.cap, ctx.temperature, ctx.dtype = inputs
    ctx.save_for_backward(*tensors, *output)


def _gradients(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
    wanted = list(ctx.needs_input_grad[:3])
    found = _operator_backward(*ctx.saved_tensors, *upstream, ctx.cap, ctx.temperature, ctx.dtype, wanted)
    return *wanted_only(found, wanted), None, None, None


_operator.register_autograd(_gradients, setup_context=_keep)


def linear_moments(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, score_map: ScoreMap | None = None
) -> tuple[Tensor, Tensor]:
    """Return log Z and the mean score E[s] under the softmax, both (N,), differentiable once.

    Equals, with `scores = score_map(F.linear(hidden, weight, bias))`: `scores.logsumexp(1)` and
    `(scores.softmax(1) * scores).sum(1)`, without allocating (N, V). Their difference is the entropy.

    Args:
        hidden: (N, D).
        weight: (V, D).
        bias: (V,) or None.
        score_map: the map of the scores, or None.

    Cost: N·V·D multiply-adds forward, 3·N·V·D backward. Memory besides the gradients: two tiles.
    """
    score_map = ScoreMap() if score_map is None else score_map
    if is_transformed_here(hidden, weight):
        scores = score_map(linear(hidden, weight, None if bias is None else bias.to(weight.dtype)))
        return scores.logsumexp(dim=1), (scores.softmax(dim=1) * scores).sum(dim=1)
    if is_traced():
        found: tuple[Tensor, Tensor] = _operator(
            hidden, weight, bias, score_map.cap, score_map.temperature, product_dtype(hidden)
        )
        return found
    moments: tuple[Tensor, Tensor] = _LinearMoments.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, score_map
    )
    return moments
