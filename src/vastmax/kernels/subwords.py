"""Kernels for the n-grams of words: their hash buckets, and the means of their rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vastmax.kernels import _native


def ngram_buckets(
    blob: bytes, word_offsets: NDArray[np.int64], *, min_n: int, max_n: int, buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the buckets of each word's n-grams: those of word w are ``found[offsets[w] : offsets[w + 1]]``.

    Args:
        blob: the words in UTF-8, end to end.
        word_offsets: (V + 1,) word w is ``blob[word_offsets[w] : word_offsets[w + 1]]``.
        min_n, max_n: characters of an n-gram, at least 1.
        buckets: at least 1.

    Returns:
        (offsets, found): (V + 1,) int64 and int32 in [0, buckets), one for each n-gram, repeated ones included.

    Raises:
        ValueError: arguments out of range, offsets that do not cover the blob.

    Cost: about 20 ns per n-gram, on one core.
    """
    return _native.ngram_buckets(np.frombuffer(blob, np.uint8), word_offsets, min_n, max_n, buckets)


def mean_rows(
    words: NDArray[np.float32], ngrams: NDArray[np.float32], offsets: NDArray[np.int64], rows: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Return the mean of each word's rows, (n, D); zeros for one without rows.

    Args:
        words: (V, D), rows 0 … V − 1; each contiguous, they may be part of wider ones.
        ngrams: (U, D), rows V and on, as `words`.
        offsets: (n + 1,) those of word w are ``rows[offsets[w] : offsets[w + 1]]``.
        rows: in [0, V + U).

    Raises:
        ValueError: shapes that do not fit, a row out of range.
    """
    out = np.empty((len(offsets) - 1, words.shape[1]), np.float32)
    _native.mean_rows(words, ngrams, offsets, rows, out)
    return out
