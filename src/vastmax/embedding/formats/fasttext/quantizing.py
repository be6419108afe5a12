"""Product quantization of a matrix, as fastText's `.ftz` files hold it (Jégou et al. 2011; Joulin et al. 2016)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import row_norms, tiles
from vastmax.embedding.formats.fasttext.model import NUM_CENTROIDS, Floats, QuantizedMatrix, Quantizer

_ROUNDS = 25
_SAMPLE = 256 * NUM_CENTROIDS  # rows that centroids are fitted to, at most


def quantized(matrix: Floats, *, piece_size: int = 2, norms: bool = True, seed: int = 1) -> QuantizedMatrix:
    """Return a matrix as codes of a byte per piece of each row.

    Equals, per piece, the nearest of 256 centroids that Lloyd's algorithm (k-means) finds among at most 65,536 rows.

    Args:
        matrix: (rows, D) float32, finite.
        piece_size: numbers per piece; the last piece has what is left over. More make a smaller file and a larger
            error: a row takes ceil(D / piece_size) bytes.
        norms: code each row's norm by itself, in one more byte, and its direction by the pieces.
        seed: of the sample and of the first centroids.

    Cost: 256·D multiply-adds per row, and 25·65,536 times as many to fit the centroids.
    """
    random = np.random.default_rng(seed)
    directions: Floats = matrix
    norm_codes, norm_quantizer = None, None
    if norms:
        lengths = row_norms(matrix).astype(np.float32)
        directions = matrix / np.where(lengths > 0, lengths, 1).astype(np.float32)[:, None]
        norm_quantizer = Quantizer((_fitted(lengths[:, None], random),))
        norm_codes = _nearest(lengths[:, None], norm_quantizer.centroids[0])
    begins = range(0, matrix.shape[1], piece_size)
    pieces = [np.ascontiguousarray(directions[:, begin : begin + piece_size]) for begin in begins]
    quantizer = Quantizer(tuple(_fitted(piece, random) for piece in pieces))
    codes = np.stack(
        [_nearest(piece, centroids) for piece, centroids in zip(pieces, quantizer.centroids, strict=True)], axis=1
    )
    return QuantizedMatrix(codes, quantizer, norm_codes, norm_quantizer)


def _fitted(points: Floats, random: np.random.Generator) -> Floats:
    """Return 256 centroids of points (n, d): the points themselves, some twice, where there are no more than that."""
    if len(points) <= NUM_CENTROIDS:
        return np.resize(points, (NUM_CENTROIDS, points.shape[1]))
    if len(points) > _SAMPLE:
        points = points[random.choice(len(points), _SAMPLE, replace=False)]
    centroids = points[random.choice(len(points), NUM_CENTROIDS, replace=False)]
    for _ in range(_ROUNDS):
        codes = _nearest(points, centroids)
        sizes = np.bincount(codes, minlength=NUM_CENTROIDS)
        for column in range(points.shape[1]):
            sums = np.bincount(codes, weights=points[:, column], minlength=NUM_CENTROIDS)
            np.divide(sums, sizes, out=centroids[:, column], where=sizes > 0, casting="same_kind")
        empty = np.flatnonzero(sizes == 0)
        if len(empty):  # moved to points of the largest clusters, which they split
            crowded = np.flatnonzero(sizes[codes] > 1)
            if len(crowded) == 0:
                break
            weights = sizes[codes[crowded]].astype(np.float64)
            chosen = random.choice(crowded, len(empty), p=weights / weights.sum())
            centroids[empty] = points[chosen]
    return centroids


def _nearest(points: Floats, centroids: Floats) -> NDArray[np.uint8]:
    """Return the number of the nearest centroid for each point, the first of equals."""
    half_squares = 0.5 * np.einsum("kd,kd->k", centroids, centroids)
    codes = np.empty(len(points), dtype=np.uint8)
    for rows in tiles(len(points), NUM_CENTROIDS):
        codes[rows] = np.argmin(half_squares - points[rows] @ centroids.T, axis=1)
    return codes
