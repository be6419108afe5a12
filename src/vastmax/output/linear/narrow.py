"""Log-probabilities of targets within one cluster, differentiable, for the narrow vectors of adaptive softmax."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from vastmax.kernels import softmax
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.numbers import at_least_float32, product_dtype
from vastmax.tensors.plain_memory import kernel_takes
from vastmax.tensors.tracing import (
    Passes,
    empty_gradients,
    gradients_or_empty,
    is_transformed_here,
    products_in,
    wanted_only,
)

_NARROW = 16
"""Matrix products with fewer columns than a vector register are slower than padded ones, and the padding can hold the
bias, which then needs no separate pass."""

_TILE_NUMEL_CPU = 2**19
_TILE_NUMEL_GPU = 2**25
_KEPT_NUMEL = 2**22
"""Up to this many probabilities (16 MB in float32) are saved for the backward pass, which avoids their part of one of
four products. This suffices for the head of most vocabularies."""

_TILE_WORDS_UNIT = 1000
"""The number of words in a tile is a multiple of this. With a power of two as row stride, a column occupies few sets of
the cache, and the product along columns takes twice as long."""


def cluster_log_prob(hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor) -> Tensor:
    """Return log p of the word at ``position`` in the cluster for each example; differentiable once.

    Equals ``F.linear(hidden, weight, bias).log_softmax(1).gather(1, position[:, None])[:, 0]`` without allocating
    (n, V_i).

    Args:
        hidden: (n, D_i) projected hidden vectors of the examples whose target is in the cluster; n may be 0.
        weight: (V_i, D_i).
        bias: (V_i,) or None.
        position: (n,) int64 in [0, V_i).

    Returns:
        (n,), in float32 if products are in bfloat16 or float16. With n = 0, the parameters get no gradient, so an
        unused cluster costs neither memory nor an optimizer pass.

    Cost: 6·n·V_i·D_i operations and one exponential per score if n·V_i is small, otherwise 8 and two. Memory besides
    the gradients: at most 16 MB of probabilities and one tile of scores. For vectors of up to 64 numbers in float32 on
    a CPU, a native kernel stores no scores.
    """
    log_prob: Tensor = _function_for(hidden, weight, bias).apply(hidden, weight, bias, position)
    return log_prob


def traced_cluster_log_prob(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor, inside: Tensor
) -> Tensor:
    """Return `cluster_log_prob` for the examples in a cluster and 0 for the others, in a graph.

    How many examples there are in the cluster depends on the targets, which a graph must not look at.

    Args:
        hidden: (N, D_i) projected hidden vectors of all examples.
        weight: (V_i, D_i).
        bias: (V_i,) or None.
        position: (N,) int64; in [0, V_i) for the examples inside.
        inside: (N,) bool.

    Cost: `cluster_log_prob`'s for the examples inside, and its forward pass once more for the backward pass.
    """
    if is_transformed_here(hidden, weight):
        every = linear(hidden, weight, bias).log_softmax(dim=1)
        found = every.gather(1, torch.where(inside, position, 0)[:, None])[:, 0]
        return torch.where(inside, found, torch.zeros_like(found))
    log_prob: Tensor = _operator(hidden, weight, bias, position, inside, product_dtype(hidden))
    return log_prob


def _function_for(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
    return _NativeClusterLogProb if _native_can(hidden, weight, bias) else _TiledClusterLogProb


def _native_can(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return whether the kernel supports these: narrow, float32 on a CPU, and without overflow of scores."""
    if len(hidden) == 0 or weight.shape[1] > softmax.NARROW_WIDTH or not kernel_takes(copied=(hidden, weight, bias)):
        return False
    bound = softmax.score_bound(*_arrays(hidden, weight, bias))
    return bound <= softmax.NARROW_SCORE  # also False where the bound is NaN


def _arrays(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return contiguous arrays for the kernel."""
    contiguous_bias = None if bias is None else bias.detach().contiguous()
    return hidden.detach().contiguous(), weight.detach().contiguous(), contiguous_bias


def _target_score(hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor, dtype: torch.dtype) -> Tensor:
    score = (hidden.to(dtype) * weight.index_select(0, position).to(dtype)).sum(1)
    return score if bias is None else score + bias.index_select(0, position)


class _NativeClusterLogProb(torch.autograd.Function):
    """The kernel computes log Z and its gradients; the part of the target is added here."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor) -> Tensor:
        log_normaliser = hidden.new_empty(len(hidden))
        softmax.forward(
            *_arrays(hidden, weight, bias),
            narrow=True,
            log_normaliser=log_normaliser,
            threads=torch.get_num_threads(),
        )
        ctx.save_for_backward(hidden, weight, bias, position, log_normaliser)
        return _target_score(hidden, weight, bias, position, hidden.dtype) - log_normaliser

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, position, log_normaliser = ctx.saved_tensors
        grad_hidden = torch.empty_like(hidden, memory_format=torch.contiguous_format)
        grad_weight = torch.empty_like(weight, memory_format=torch.contiguous_format)
        grad_bias = None if bias is None else torch.empty_like(bias, memory_format=torch.contiguous_format)
        softmax.backward(
            *_arrays(hidden, weight, bias),
            narrow=True,
            log_normaliser=log_normaliser,
            upstream=gradient.neg(),
            hidden_gradient=grad_hidden,
            weight_gradient=grad_weight,
            bias_gradient=grad_bias,
            threads=torch.get_num_threads(),
        )
        grad_hidden.addcmul_(weight.index_select(0, position), gradient[:, None])
        grad_weight.index_add_(0, position, hidden * gradient[:, None])
        if grad_bias is not None:
            grad_bias.index_add_(0, position, gradient)
        return grad_hidden, grad_weight, grad_bias, None


class _TiledClusterLogProb(torch.autograd.Function):
    """Both passes use the softmax of a tile of words, PyTorch's fastest pass over scores.

    The log normalizer of a tile is max s − log max p. The backward pass gets p(w) as the softmax of the tile times one
    number per example, which scales the narrow factors of the two products instead of the tile.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor) -> Tensor:
        dtype = product_dtype(hidden)
        precise = at_least_float32(dtype)
        ctx.dtype = dtype
        if len(hidden) == 0:
            ctx.save_for_backward(hidden, weight, bias, position)
            return hidden.new_empty(0, dtype=precise)
        room = _KEPT_NUMEL if any(ctx.needs_input_grad) else 0
        normalisers, kept = [], []
        with torch.autocast(hidden.device.type, enabled=False):
            target_score = _target_score(hidden, weight, bias, position, precise)
            factors = _Factors(hidden, weight, bias, dtype)
            for words in factors.tiles():
                scores = factors.scores(words)
                share = scores.softmax(1)
                normalisers.append(scores.amax(1) - share.amax(1).log())
                room -= share.numel()
                if room >= 0:
                    kept.append(share.to(dtype))
            tile_normaliser = torch.stack(normalisers)
            log_normaliser = tile_normaliser.logsumexp(0)
        ctx.save_for_backward(hidden, weight, bias, position, tile_normaliser, log_normaliser, *kept)
        return target_score - log_normaliser

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, position, *sums = ctx.saved_tensors
        if len(hidden) == 0:
            return torch.zeros_like(hidden), None, None, None
        want_hidden, want_weight, want_bias, _ = ctx.needs_input_grad
        tile_normaliser, log_normaliser, *kept = sums
        width = weight.shape[1]
        with torch.autocast(hidden.device.type, enabled=False):
            factors = _Factors(hidden, weight, bias, ctx.dtype)
            # −gradient · p(w) = scale · softmax of the tile
            scales = (tile_normaliser - log_normaliser).exp_().mul_(-gradient)
            grad_hidden = weight.index_select(0, position).to(gradient.dtype) * gradient[:, None]
            grad_weight = torch.empty_like(weight)
            grad_bias = torch.empty_like(bias) if want_bias else None
            for i, words in enumerate(factors.tiles()):
                share = kept[i] if i < len(kept) else factors.scores(words).softmax(1).to(ctx.dtype)
                if want_hidden:
                    grad_hidden += (share @ factors.words(words))[:, :width] * scales[i, :, None]
                if want_weight or (factors.narrow and want_bias):
                    of_words = share.T @ (factors.hidden * scales[i, :, None]).to(ctx.dtype)
                    grad_weight[words] = of_words[:, :width]
                if grad_bias is not None:
                    grad_bias[words] = of_words[:, width] if factors.narrow else share.T @ scales[i].to(ctx.dtype)
            grad_weight.index_add_(0, position, (hidden.to(gradient.dtype) * gradient[:, None]).to(weight.dtype))
            if grad_bias is not None:
                grad_bias.index_add_(0, position, gradient.to(grad_bias.dtype))
        return (
            grad_hidden.to(hidden.dtype) if want_hidden else None,
            grad_weight if want_weight else None,
            grad_bias,
            None,
        )


class _Factors:
    """hidden and weight in the dtype of products; narrow ones are padded, with the bias as a column."""

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        self.narrow = weight.shape[1] < _NARROW
        self.weight, self.bias, self.dtype = weight, bias, dtype
        self.padding = _NARROW - weight.shape[1]
        self.hidden = hidden.to(dtype)
        if self.narrow:
            self.hidden = pad(self.hidden, (0, self.padding))
            self.hidden[:, weight.shape[1]] = 1.0

    def tiles(self) -> list[slice]:
        numel = _TILE_NUMEL_CPU if self.hidden.device.type == "cpu" else _TILE_NUMEL_GPU
        step = max(1, numel // max(len(self.hidden), 1) // _TILE_WORDS_UNIT) * _TILE_WORDS_UNIT
        return [slice(start, start + step) for start in range(0, len(self.weight), step)]

    def words(self, words: slice) -> Tensor:
        """Return the vectors of a tile of words, (words, D_i) or padded (words, 16)."""
        tile = self.weight[words].to(self.dtype)
        if self.narrow:
            tile = pad(tile, (0, self.padding))
            if self.bias is not None:
                tile[:, self.weight.shape[1]] = self.bias[words]
        return tile

    def scores(self, words: slice) -> Tensor:
        """Return (n, words) in the dtype of scores."""
        tile = self.words(words)
        if self.bias is None or self.narrow:
            scores = self.hidden @ tile.T
        else:
            scores = torch.addmm(self.bias[words].to(self.dtype), self.hidden, tile.T)
        return scores.to(at_least_float32(self.dtype))


@torch.library.custom_op("vastmax::cluster_log_prob", mutates_args=())
def _operator(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor, inside: Tensor, dtype: torch.dtype
) -> Tensor:
    """Return what `traced_cluster_log_prob` does; `dtype` is that of products."""
    (example,) = inside.nonzero(as_tuple=True)
    of_inside = hidden.index_select(0, example), weight, bias, position.index_select(0, example)
    with products_in(dtype, hidden):
        log_prob: Tensor = _function_for(*of_inside[:3]).forward(Passes(), *of_inside)
    every: Tensor = log_prob.new_zeros(len(hidden)).index_copy_(0, example, log_prob)
    return every


@torch.library.custom_op("vastmax::cluster_log_prob_backward", mutates_args=())
def _operator_backward(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    position: Tensor,
    inside: Tensor,
    gradient: Tensor,
    dtype: torch.dtype,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    (example,) = inside.nonzero(as_tuple=True)
    if len(example) == 0:
        return gradients_or_empty(
            [
                torch.zeros_like(tensor) if tensor is not None and wants else None
                for tensor, wants in zip((hidden, weight, bias), wanted, strict=True)
            ],
            hidden,
        )
    of_inside = hidden.index_select(0, example), weight, bias, position.index_select(0, example)
    passes = Passes([*wanted, False])
    with products_in(dtype, hidden):
        function = _function_for(*of_inside[:3])
        function.forward(passes, *of_inside)
        of_example, *others = function.backward(passes, gradient.index_select(0, example))[:3]
        if of_example is not None:
            of_example = torch.zeros_like(hidden).index_copy_(0, example, of_example)
        return gradients_or_empty([of_example, *others], hidden)


@_operator.register_fake
def _(*inputs: Any) -> Tensor:
    hidden: Tensor = inputs[0]
    return hidden.new_empty(hidden.shape[:1], dtype=at_least_float32(inputs[-1]))


@_operator_backward.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    return empty_gradients(*inputs[:3], wanted=inputs[-1])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.dtype = inputs
    ctx.save_for_backward(*tensors)


def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    wanted = list(ctx.needs_input_grad[:3])
    found = _operator_backward(*ctx.saved_tensors, gradient, ctx.dtype, wanted)
    return *wanted_only(found, wanted), None, None, None


_operator.register_autograd(_gradients, setup_context=_keep)
