"""log Z and the mean score of a linear layer, with an optional map of the scores, in tiles."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vastmax.eager import eager
from vastmax.output.linear.tiles import TileScores, spans, tile_shape
from vastmax.output.score_map import ScoreMap
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.numbers import at_least_float32, product_dtype


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


@eager  # tiles are written in place
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
    moments: tuple[Tensor, Tensor] = _LinearMoments.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, ScoreMap() if score_map is None else score_map
    )
    return moments
