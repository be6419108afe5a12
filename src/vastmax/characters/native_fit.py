"""Filter responses of words by the native kernel: each symbol's contribution is computed once for all positions."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from vastmax.eager import eager
from vastmax.kernels import pattern_fit
from vastmax.kernels.pattern_fit import SpelledWords
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.plain_memory import kernel_takes

_first_derivative_only = functools.partial(first_derivative_only, otherwise="convert the layer by .double()")


class _NativeFit(torch.autograd.Function):
    """Forward stores the position of each maximum; the gradient flows only through these positions."""

    @staticmethod
    def forward(
        ctx: Any, symbol: Tensor, patterns: Tensor, words: SpelledWords, widths: Tensor, wants_gradient: bool
    ) -> Tensor:
        num_patterns, symbol_size = patterns.shape[0], symbol.shape[1]
        columns = patterns.view(num_patterns, -1, symbol_size).transpose(0, 1).reshape(-1, symbol_size)
        table = (symbol @ columns.T).view(symbol.shape[0], -1, num_patterns)
        num_words = words.word_ids.shape[0]
        fit = symbol.new_empty(num_words, num_patterns)
        place = symbol.new_empty(num_words, num_patterns, dtype=torch.int32) if wants_gradient else None
        pattern_fit.forward(words, widths, table, fit=fit, place=place, threads=torch.get_num_threads())
        ctx.save_for_backward(symbol, patterns, place)
        ctx.words, ctx.widths = words, widths
        return fit

    @staticmethod
    @_first_derivative_only
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        symbol, patterns, place = ctx.saved_tensors
        num_symbols, symbol_size = symbol.shape
        to_table = symbol.new_empty(patterns.shape[0], patterns.shape[1] // symbol_size, num_symbols)
        pattern_fit.backward(
            ctx.words,
            ctx.widths,
            place=place,
            upstream=upstream.contiguous(),
            table_gradient=to_table,
            threads=torch.get_num_threads(),
        )
        by_column = to_table.view(-1, num_symbols)
        to_symbol = by_column.T @ patterns.view(-1, symbol_size) if ctx.needs_input_grad[0] else None
        to_patterns = (by_column @ symbol).view(patterns.shape) if ctx.needs_input_grad[1] else None
        return to_symbol, to_patterns, None, None, None


def native_fit_takes(symbol: Tensor, patterns: Tensor) -> bool:
    """Return whether the kernel supports these tensors: float32 on a CPU, without a lower precision from autocast.

    On any instruction set, it needs a fraction of the additions of a library product.
    """
    return kernel_takes(copied=(symbol, patterns))


@eager  # the kernel takes memory, which a traced tensor does not have
def native_fit(symbol: Tensor, patterns: Tensor, words: SpelledWords, widths: Tensor) -> Tensor:
    """Return max over p of Σ_o patterns[f, o]·symbol[word[p + o]], (U, F), differentiable in `symbol` and `patterns`.

    Args:
        symbol: (symbols, S) float32 on the CPU.
        patterns: (F, widest·S), 0 beyond a filter's width.
        words: the words and their symbols.
        widths: (F,) int32 on the CPU.

    Cost: symbols·widest·S·F multiply-adds, independent of the number of words; then Σ widths additions for each symbol
    of each word, and as many per word in the backward pass.
    """
    wants_gradient = torch.is_grad_enabled() and (symbol.requires_grad or patterns.requires_grad)
    fit: Tensor = _NativeFit.apply(symbol, patterns.contiguous(), words, widths, wants_gradient)  # type: ignore[no-untyped-call]
    return fit
