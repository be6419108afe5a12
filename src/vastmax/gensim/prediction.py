"""Predictions of a trained model: the words between others, and the likelihood of sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import top_ids
from vastmax.kernels.embedding_tables import Floats, TreePaths


def output_words(
    vectors: Floats, outputs: Floats, rows: list[int], *, mean: bool, topn: int
) -> list[tuple[int, float]]:
    """Return the most probable words between those of some rows, by softmax(u_w · h), as (row, probability).

    h is the mean of the rows' vectors, or their sum.
    """
    hidden = vectors[rows].astype(np.float64).sum(axis=0) / (len(rows) if mean else 1)
    scores = outputs.astype(np.float64) @ hidden
    probability = np.exp(scores - scores.max())
    probability /= probability.sum()
    return [(int(row), float(probability[row])) for row in top_ids(probability.astype(np.float32), topn)]


class SentenceScorer:
    """Scores sentences by hierarchical softmax: Σ log p(word | context) over all pairs in full windows.

    Args:
        vectors: (V, D).
        nodes: (V − 1, D), + for branch 1.
        paths: of the V words.
        window: the largest distance.
        skipgram: each context predicts the word; else their mean does.
        mean: whether CBOW takes the mean, or the sum.
    """

    def __init__(
        self, vectors: Floats, nodes: Floats, paths: TreePaths, *, window: int, skipgram: bool, mean: bool
    ) -> None:
        self._vectors, self._nodes, self._paths = vectors, nodes, paths
        self._window, self._skipgram, self._mean = window, skipgram, mean

    def score(self, rows: list[int]) -> float:
        """Return the log-likelihood of a sentence, given as the rows of its known words."""
        return sum(self._log_probability(word, hidden) for word, hidden in self._predictions(rows))

    def _predictions(self, rows: list[int]) -> Iterator[tuple[int, NDArray[Any]]]:
        for place, word in enumerate(rows):
            near = [*rows[max(0, place - self._window) : place], *rows[place + 1 : place + 1 + self._window]]
            if not near:
                continue
            contexts = self._vectors[near].astype(np.float64)
            if self._skipgram:
                yield word, contexts
            else:
                yield word, (contexts.mean(axis=0) if self._mean else contexts.sum(axis=0))[None]

    def _log_probability(self, word: int, hidden: NDArray[Any]) -> float:
        edges = self._paths.edges[self._paths.offsets[word] : self._paths.offsets[word + 1]]
        scores = hidden @ self._nodes[edges // 2].astype(np.float64).T
        return -float(np.logaddexp(0, np.where(edges % 2, -scores, scores)).sum())
