"""Cosines of a few vectors with all rows of a large matrix, in tiles, without a normalized copy of the matrix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

# Scratch memory of one tile, in numbers: 16 MB of float32.
_TILE_NUMBERS = 1 << 22

# Vectors longer than 2¹⁰⁰ are converted to float64: in float32 their products may overflow, and the inverses of their
# norms have few digits.
_SMALLEST_INVERSE = 2.0**-100


def tiles(num_rows: int, row_numbers: int) -> Iterator[slice]:
    """Yield slices that cover 0…num_rows, each of at least one row and at most 2²² numbers at `row_numbers` per row."""
    step = max(1, _TILE_NUMBERS // max(1, row_numbers))
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def row_norms(vectors: Floats) -> NDArray[np.float64]:
    """Return the Euclidean norm of each row, (V,): `np.linalg.norm(vectors, axis=1)` in float64, without a copy.

    The norm is not finite if the row contains a NaN or an infinity; other float32 rows cannot overflow.
    """
    norms = np.empty(len(vectors), dtype=np.float64)
    for rows in tiles(len(vectors), 8 * vectors.shape[1]):  # 4 MB in float64: it stays in the cache
        tile = vectors[rows].astype(np.float64)
        np.sqrt(np.einsum("vd,vd->v", tile, tile), out=norms[rows])
    return norms


def inverse_norms(norms: NDArray[np.float64]) -> Floats:
    """Return 1 / norm as float32, and 0 for a zero vector, whose cosines are then 0, not NaN."""
    inverse = np.zeros(len(norms), dtype=np.float64)
    np.divide(1.0, norms, out=inverse, where=norms > 0)
    # The inverse of a norm below 3e-39 is too large; at float32 precision such a vector is zero.
    inverse[inverse > np.finfo(np.float32).max] = 0.0
    return inverse.astype(np.float32)


def cosines(queries: Floats, vectors: Floats, inverse: Floats) -> Floats:
    """Return the cosine of each query with each row, (n, V).

    Equals `queries @ (vectors * inverse[:, None]).T`, without a copy of the rows (which may be a read-only memory map):
    the scores are scaled in place.

    Args:
        queries: (n, D), each of norm 1.
        vectors: (V, D).
        inverse: (V,), from `inverse_norms`.

    Cost: one matrix product, 2·n·V·D operations; n·V numbers for the result; a copy of rows longer than 2¹⁰⁰.
    """
    scores = np.empty((len(queries), len(vectors)), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        np.matmul(queries, vectors.T, out=scores)
        scores *= inverse
    (huge,) = np.nonzero((inverse > 0) & (inverse < _SMALLEST_INVERSE))
    if huge.size:
        rows = vectors[huge].astype(np.float64)
        scores[:, huge] = queries.astype(np.float64) @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
    return scores


def top_ids(scores: Floats, topn: int) -> Ids:
    """Return the positions of the `topn` greatest scores of one row, greatest first; for equal scores the lower first.

    Equals `np.argsort(-scores, kind="stable")[:topn]` at the cost of a partition. Scores of −inf are never returned.
    """
    topn = min(topn, len(scores))
    if topn <= 0:
        return np.empty(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - topn)[len(scores) - topn]
    if threshold == -np.inf:
        candidates = np.flatnonzero(scores > -np.inf)
    else:
        candidates = np.flatnonzero(scores >= threshold)  # more than topn of them when scores tie
    order = np.argsort(-scores[candidates], kind="stable")
    return candidates[order[:topn]]
