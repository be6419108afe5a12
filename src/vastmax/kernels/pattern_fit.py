"""The door to the search for patterns in spellings: float32 arrays on the CPU, of numpy or torch, used in place."""

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
        symbols: those of all words end to end.
        offsets: (V + 1,).
        nothing: a symbol.
        word_ids: (U,), the words asked about.
    """

    symbols: Column[np.int16]
    offsets: Column[np.int64]
    nothing: int
    word_ids: Column[np.int64]


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
    """Write how well each pattern fits each word where it fits best: max over p of Σ_o table[symbol(p + o), o, f].

    Args:
        words: which.
        widths: (F,) ≥ 1: pattern f looks at the offsets o < widths[f].
        table: (symbols, widest, F): what a symbol at an offset adds to the fit; 0 beyond a pattern's width.
        fit: (U, F) to be overwritten.
        place: (U, F) to be overwritten with the first p that is best; None: not wanted.
        threads: at most so many; short work takes fewer.
        target: an instruction set, see `vastmax.kernels.machine.available_targets`.

    Raises:
        ValueError: shapes that do not fit; word ids, symbols or widths out of range; a word without symbols.

    Cost: Σ widths additions for each symbol of each word.
    """
    _native.pattern_fit_forward(
        target or choose_target(),
        words.symbols,
        words.offsets,
        words.nothing,
        words.word_ids,
        widths,
        table,
        fit,
        place,
        threads,
    )


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
    """Write the gradient of Σ upstream·fit by the table.

    Args:
        words: as in `forward`.
        widths: as in `forward`.
        place: what `forward` wrote.
        upstream: (U, F).
        table_gradient: (F, widest, symbols) to be overwritten: another order of axes than `table` has.
        threads: at most so many.
        target: an instruction set.

    Raises:
        ValueError: as in `forward`, or a place that is not in its word.

    Cost: Σ widths additions for each word.
    """
    _native.pattern_fit_backward(
        target or choose_target(),
        words.symbols,
        words.offsets,
        words.nothing,
        words.word_ids,
        widths,
        place,
        upstream,
        table_gradient,
        threads,
    )
