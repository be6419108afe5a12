"""Compute the nearest words of every word at once, for the page of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import Floats, cosines, tiles
from vastmax.progress import Progress

if TYPE_CHECKING:
    from vastmax.embedding.word_vectors import WordVectors

ABSENT = -1
_GROUP = 64
"""Scores whose maximum stands for them all; 32 to 128 were equally quick, and far quicker than a partition of all."""


@dataclass(frozen=True)
class Nearest:
    """The nearest words of each word, nearest first; `ABSENT`, with cosine 0, if there are too few."""

    word_ids: NDArray[np.int64]
    """(n, topn)"""
    cosines: Floats
    """(n, topn)"""


def nearest_words(vectors: WordVectors, topn: int, progress: Progress) -> Nearest:
    """Return `vectors.most_similar(word, topn=topn)` for every word, computed at once; zero vectors have no neighbors.

    Cost: 2·V²·D operations for the cosines and three passes over them, in tiles of 16 MB.
    """
    V = len(vectors)
    found = Nearest(np.full((V, topn), ABSENT), np.zeros((V, topn), dtype=np.float32))
    if topn == 0:
        return found
    points_somewhere = vectors.inverse_norms > 0
    progress.begin("finding neighbors", V, "words")
    for part in tiles(V, V):
        asked = np.arange(part.start, part.stop)
        scores = cosines(vectors.unit_vectors(asked), vectors.vectors, vectors.inverse_norms)
        scores[:, ~points_somewhere] = -np.inf
        scores[~points_somewhere[part]] = -np.inf
        scores[np.arange(len(asked)), asked] = -np.inf
        rows, word_ids = best_of_each_row(scores, topn)
        order = np.lexsort((word_ids, -scores[rows, word_ids], rows))
        rows, word_ids = rows[order], word_ids[order]
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)  # 0, 1, 2 … within each row
        best = place < topn
        rows, word_ids, place = rows[best], word_ids[best], place[best]
        found.word_ids[asked[rows], place] = word_ids
        found.cosines[asked[rows], place] = np.clip(scores[rows, word_ids], -1.0, 1.0)
        progress.update(part.stop)
    progress.end()
    return found


def best_of_each_row(scores: Floats, topn: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of at least the `topn` greatest scores of each row, including ties with the smallest.

    The topn-th greatest maximum of disjoint groups of scores is never above the topn-th greatest score, and only
    slightly below it if there are many groups. Scores of −inf are excluded.
    """
    num_rows, num_columns = scores.shape
    grouped = num_columns // _GROUP * _GROUP
    # Groups are columns that lie far apart, so that each step takes the maximum of two whole stretches of memory.
    maxima = np.concatenate(
        [scores[:, :grouped].reshape(num_rows, _GROUP, -1).max(axis=1), scores[:, grouped:]], axis=1
    )
    kth = maxima.shape[1] - topn
    least = np.partition(maxima, kth, axis=1)[:, kth] if kth > 0 else np.full(num_rows, -np.inf)
    lowest_number = np.finfo(np.float32).min
    rows, columns = np.divmod(np.flatnonzero(scores >= np.maximum(least, lowest_number)[:, None]), num_columns)
    return rows, columns
