"""Cosines of a few vectors with all rows of a big matrix, in tiles: no normalised copy of the matrix is ever made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

# Scratch memory of one tile, in numbers: 16 MB of float32.
_TILE_NUMBERS = 1 << 22

# Vectors longer than 2¹⁰⁰ go through float64: their products may overflow float32, and the inverses of their norms are
# of few digits there.
_SMALLEST_INVERSE = 2.0**-100


def tiles(num_rows: int, row_numbers: int) -> Iterator[slice]:
    """Slices that cover 0…num_rows, each of at most 2²² numbers when a row has `row_numbers`, and at least one row."""
    step = max(1, _TILE_NUMBERS // max(1, row_numbers))
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def row_norms(vectors: Floats) -> NDArray[np.float64]:
    """Euclidean norm of each row, shape (V,): `np.linalg.norm(vectors, axis=1)` in float64, never holding a copy.

    A row with a NaN or an infinity gives a norm that is not finite; float32 rows cannot overflow otherwise.
    """
    norms = np.empty(len(vectors), dtype=np.float64)
    for rows in tiles(len(vectors), 8 * vectors.shape[1]):  # 4 MB in float64: it stays in the cache
        tile = vectors[rows].astype(np.float64)
        np.sqrt(np.einsum("vd,vd->v", tile, tile), out=norms[rows])
    return norms


def inverse_norms(norms: NDArray[np.float64]) -> Floats:
    """1 / norm as float32, and 0 for a zero vector, whose cosine with everything is then 0 and not NaN."""
    inverse = np.zeros(len(norms), dtype=np.float64)
    np.divide(1.0, norms, out=inverse, where=norms > 0)
    # The inverse of a norm below 3e-39 does not fit; such a vector is as good as zero at float32 precision.
    inverse[inverse > np.finfo(np.float32).max] = 0.0
    return inverse.astype(np.float32)


def cosines(queries: Floats, vectors: Floats, inverse: Floats) -> Floats:
    """Cosine of each query with each row, shape (n, V).

    Equals `queries @ (vectors * inverse[:, None]).T`; the rows stay where they are (a read-only memory map is fine) and
    the scores are scaled in their place.

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
    """Positions of the `topn` greatest scores of one row, greatest first; equal scores: lowest position first.

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
