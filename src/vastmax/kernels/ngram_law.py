"""The door to the laws of words after contexts, at the few words of a step: arrays on the CPU, of numpy or torch."""

from __future__ import annotations

from typing import Any

from vastmax.distribution.ngrams import NGrams
from vastmax.kernels import _native

Array = Any
"""A C-contiguous numpy array or torch tensor on the CPU; the kernels refuse other dtypes than those named."""

RowLaws = Any
"""The probabilities of a step's noise words after its contexts, sparse; what `row_laws` returns. `len`: entries."""


def row_laws(
    ngrams: NGrams, rows: Array, row_weight: Array, *, words: Array, noise_of_word: Array, mean: Array
) -> RowLaws:
    """Add Σ_r row_weight_r·p(word | context r) to `mean`, and keep the probabilities of the noise words.

    Args:
        ngrams: the table; its words were checked when it was made.
        rows: (P,) int64: rows of its contexts.
        row_weight: (P,) float32.
        words: (U,) int64, ascending and distinct.
        noise_of_word: (U,) int32: which noise word each is; −1: none.
        mean: (U,) float64, added to.

    Raises:
        ValueError: shapes that do not fit, rows or words out of range or order.

    Cost: each row is read through, or searched for each word where it is much longer than their list.
    """
    return _native.row_laws(
        ngrams.offsets,
        ngrams.word_ids,
        ngrams.cumulative,
        ngrams.small_counts,
        ngrams.vocab_size,
        rows,
        row_weight,
        words,
        noise_of_word,
        mean,
    )


def row_responsibilities(
    laws: RowLaws, share: Array, unigram: Array, example_row: Array, weight: Array, *, claimed: Array
) -> None:
    """Add Σ_i Σ_w weight_iw·λ_r·p(w | r)/(λ_r·p(w | r) + (1 − λ_r)·unigram_w) over the examples i of each row r.

    Args:
        laws: of P rows and K noise words.
        share: (P,) float32 λ.
        unigram: (K,) float32.
        example_row: (N,) int64 in [0, P), or −1 for none.
        weight: (N, K) float32; its rows, each contiguous, may be parts of wider ones.
        claimed: (P,) float64, added to.

    Raises:
        ValueError: shapes that do not fit.
    """
    _native.row_responsibilities(laws, share, unigram, example_row, weight, claimed)
