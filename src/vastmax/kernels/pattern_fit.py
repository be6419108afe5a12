"""Kernels for filter responses in spellings: float32 arrays on the CPU, used in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Cube, Matrix
from vastmax.kernels.machine import choose_target


@dataclass(frozen=True)
class SpelledWords:
    """The words of a call: word w is symbols[offsets[w] : offsets[w + 1]], followed by any number of `nothing`.

    Attributes:
        symbols: those of all words, concatenated.
        offsets: (V + 1,).
        nothing: the padding symbol.
        word_ids: (U,), the words to process.
    """

    symbols: Column[np.int16]
    offsets: Column[np.int64]
    nothing: int
    word_ids: Column[np.int64]

    @property
    def arguments(self) -> tuple[Column[np.int16], Column[np.int64], int, Column[np.int64]]:
        """The fields as arguments of the kernels."""
        return self.symbols, self.offsets, self.nothing, self.word_ids


def forward(
    words: SpelledWords,
    widths: Column[np.int32],
    table: Cube[np.float32],
    *,
    fit: Matrix[np.float32],
    place: Matrix[np.int32] | None,
    threads: int,
    target: str | None = None,
) -> None:
    """Compute the maximum response of each filter to each word: max over p of Σ_o table[symbol(p + o), o, f].

    Args:
        words: the words.
        widths: (F,) ≥ 1: filter f covers the offsets o < widths[f].
        table: (symbols, widest, F): the contribution of a symbol at an offset; 0 beyond the width of a filter.
        fit: (U, F) output.
        place: (U, F) output: the first p with the maximum; None if it is not needed.
        threads: the maximum number; short work uses fewer.
        target: an instruction set, see `vastmax.kernels.machine.available_targets`.

    Raises:
        ValueError: shapes that do not match; word ids, symbols or widths out of range; a word without symbols.

    Cost: Σ widths additions per symbol.
    """
    _native.pattern_fit_forward(target or choose_target(), *words.arguments, widths, table, fit, place, threads)


def backward(
    words: SpelledWords,
    widths: Column[np.int32],
    *,
    place: Matrix[np.int32],
    upstream: Matrix[np.float32],
    table_gradient: Cube[np.float32],
    threads: int,
    target: str | None = None,
) -> None:
    """Compute the gradient of Σ upstream·fit by the table.

    Args:
        words: as in `forward`.
        widths: as in `forward`.
        place: from `forward`.
        upstream: (U, F).
        table_gradient: (F, widest, symbols) output, with dimensions in a different order than `table`.
        threads: the maximum number.
        target: an instruction set.

    Raises:
        ValueError: as in `forward`, or a place that is not in its word.

    Cost: Σ widths additions per word.
    """
    _native.pattern_fit_backward(
        target or choose_target(), *words.arguments, widths, place, upstream, table_gradient, threads
    )
