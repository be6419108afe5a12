"""Distributions of words after contexts, restricted to the words of a step: arrays on the CPU."""

from __future__ import annotations

import numpy as np

from vastmax.distribution.ngrams import NGrams
from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix

RowLaws = _native.RowLaws
"""The probabilities of a step's noise words after its contexts, as a sparse matrix; `len` is the number of entries."""


def row_laws(
    ngrams: NGrams,
    rows: Column[np.int64],
    row_weight: Column[np.float32],
    *,
    words: Column[np.int64],
    noise_of_word: Column[np.int32],
    mean: Column[np.float64],
) -> RowLaws:
    """Add Σ_r row_weight_r·p(word | context r) to `mean`, and return the probabilities of the noise words.

    Args:
        ngrams: the table.
        rows: (P,) rows of the contexts.
        row_weight: (P,).
        words: (U,), ascending and distinct.
        noise_of_word: (U,) the index among the noise words, or −1.
        mean: (U,), added to.

    Raises:
        ValueError: shapes that do not match, rows or words out of range or order.

    Cost: each row is read once, or searched for each word if it is much longer than the list of words.
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
    laws: RowLaws,
    share: Column[np.float32],
    unigram: Column[np.float32],
    example_row: Column[np.int64],
    weight: Matrix[np.float32],
    *,
    claimed: Column[np.float64],
) -> None:
    """Add Σ_i Σ_w weight_iw·λ_r·p(w | r)/(λ_r·p(w | r) + (1 − λ_r)·unigram_w) over the examples i of each row r.

    Args:
        laws: of P rows and K noise words.
        share: (P,) λ.
        unigram: (K,).
        example_row: (N,) in [0, P), or −1 for none.
        weight: (N, K), with contiguous rows, which may be parts of wider ones.
        claimed: (P,), added to.

    Raises:
        ValueError: shapes that do not match.
    """
    _native.row_responsibilities(laws, share, unigram, example_row, weight, claimed)
