"""Vectors for building a tree: checked and matched with the words of a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vastmax.distribution.counts import floored_counts
from vastmax.errors import InputError

# The squares of such numbers, summed over a vector, fit float32.
_LARGEST = 1e16


class WordRows(NamedTuple):
    """The words of a vocabulary with and without vectors."""

    vectors: npt.NDArray[np.float32]
    """(n, D) C-contiguous and finite."""
    word_ids: npt.NDArray[np.int64]
    """(n,) the words of the vectors, ascending."""
    lacking: npt.NDArray[np.int64]
    """(V − n,) the words without a vector, ascending."""
    words: Sequence[str] | None
    """(V,) names."""
    counts: npt.NDArray[np.float64] | None
    """(V,) positive."""

    @property
    def weights(self) -> npt.NDArray[np.float32] | None:
        """The counts of the words with vectors, (n,), scaled to mean 1."""
        if self.counts is None:
            return None
        own = self.counts[self.word_ids]
        weights: npt.NDArray[np.float32] = (own / own.mean()).astype(np.float32)
        return weights


def word_rows(vectors: Any, words: Sequence[str] | None, counts: npt.ArrayLike | None) -> WordRows:
    """Match vectors with words.

    Args:
        vectors: (V, D) numbers in id order, or `WordVectors` (anything with `.vectors` and `.key_to_index`).
        words: the vocabulary in id order. With `WordVectors`, rows are looked up by word, and words without one are
            allowed; None means the words of the vectors.
        counts: (V,) word counts, or None.

    Raises:
        InputError: not a matrix of numbers, no rows, NaN or infinity, unequal numbers of words, no word with a vector.
    """
    index = getattr(vectors, "key_to_index", None)
    matrix = np.asarray(vectors if index is None else vectors.vectors)
    if matrix.ndim != 2 or not matrix.size or matrix.dtype.kind not in "iuf":
        raise InputError(
            f"vectors have shape {matrix.shape} of {matrix.dtype}; expected numbers (V, D), one row per word"
        )
    if index is not None and words is None:
        words = list(index)
    if index is None or words is None or list(index) == list(words):
        V, row_ids = len(matrix), None
        if words is not None and len(words) != V:
            raise InputError(f"found {len(words)} words for {V} vectors; pass one per row, or WordVectors for lookups")
        word_ids = np.arange(V)
    else:
        V = len(words)
        rows = np.array([index.get(word, -1) for word in words])
        word_ids = np.flatnonzero(rows >= 0)
        row_ids = rows[word_ids]
        if not row_ids.size:
            raise InputError(f"none of the {V} words (the first is {words[0]!r}) has a vector; train them on this text")
    weights = None if counts is None else floored_counts(counts)
    if weights is not None and weights.size != V:
        raise InputError(f"found {weights.size} counts for {V} words; pass one per word, in id order")
    used = np.ascontiguousarray(matrix if row_ids is None else matrix[row_ids], dtype=np.float32)
    broken = np.flatnonzero(~np.isfinite(used).all(axis=1))
    if broken.size:
        word_id = int(word_ids[broken[0]])
        name = f"word {word_id}" if words is None else repr(words[word_id])
        raise InputError(
            f"the vector of {name} contains NaN or infinity; repair or leave out {broken.size} such vectors"
        )
    largest = max(float(used.max()), -float(used.min()))
    if largest > _LARGEST:
        raise InputError(f"vectors contain numbers up to {largest:.3g}, whose squares overflow; scale them down")
    lacking = np.setdiff1d(np.arange(V), word_ids, assume_unique=True)
    return WordRows(used, word_ids, lacking, words, weights)
