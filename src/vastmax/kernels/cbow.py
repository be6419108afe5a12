"""The door to the CBOW kernel: matrices in place, one chunk of text a call."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vastmax.kernels import _native
from vastmax.kernels.embedding_kernel import (
    EXCLUDE_CODES,
    ChunkResult,
    NoiseTable,
    keep_thresholds,
    kept_counts,
    largest_kept_share,
    padded_rows,
)
from vastmax.kernels.targets import choose_target
from vastmax.kernels.tree_paths import TreePaths, WalkedTree

CENTRES = 32
"""Centres of a block where no word crowds it."""

PREDICTIONS_PER_NOISE_WORD = 10
"""How many predictions' worth of noise one drawn word stands for; see `pool_size_for`."""

MOST_STALE_STEPS = 8
"""How many steps computed from the same old row one word may take at once; see `centres_for`."""


def centres_for(crowding: float, negative: int) -> int:
    """Return how many centres a block may have, at most `CENTRES`.

    `crowding` is the largest share that one word has of the centres or of the noise. In a block of B centres that word
    moves by about B·negative·crowding stale gradients at once; only a vocabulary of a few dozen words gets near the
    number at which such a step overshoots, and then blocks are made smaller.
    """
    return int(np.clip(MOST_STALE_STEPS / (max(negative, 1) * crowding), 1, CENTRES))


def pool_size_for(negative: int, centres: int) -> int:
    """Return P, the noise words that a block of centres shares; a multiple of 8.

    Each drawn word stands for `PREDICTIONS_PER_NOISE_WORD` of the `negative` ones that every centre wants.
    """
    if negative == 0:
        return 0
    return max(8, 8 * round(centres * negative / PREDICTIONS_PER_NOISE_WORD / 8))


class CbowKernel:
    """CBOW with negative sampling, hierarchical softmax, or the sum of both losses.

    An `EmbeddingKernel` with the matrix `input` (V, stride); for negative sampling, which `negative` = 0 turns off,
    `output` (V, stride); and where there are `paths`, `nodes` (num_nodes, stride).
    """

    def __init__(
        self,
        counts: NDArray[np.int64],
        vector_size: int,
        *,
        window: int,
        negative: int,
        sample: float,
        ns_exponent: float,
        gradient: str = "exact",
        exclude: str = "target",
        paths: TreePaths | None = None,
        threads: int = 1,
        centres: int | None = None,
        pool_size: int | None = None,
        target: str | None = None,
    ) -> None:
        self.input = padded_rows(counts.size, vector_size)
        self.output = padded_rows(counts.size if negative else 0, vector_size)
        self._tree = WalkedTree(paths, vector_size, threads)
        self.nodes = self._tree.nodes
        outputs = {"output_vectors": self.output, "node_vectors": self.nodes}
        self.matrices = {"word_vectors": self.input, **{name: rows for name, rows in outputs.items() if len(rows)}}
        self.target = target or choose_target()
        self._window = window
        self._negative = negative
        self._sum_gradient = gradient == "word2vec"
        self._exclude = EXCLUDE_CODES[exclude]
        self._keep = keep_thresholds(counts, sample)
        self._noise = NoiseTable.of(counts, ns_exponent)
        self.untrained_loss = self._tree.untrained_loss(kept_counts(counts, self._keep))
        if negative:
            self.untrained_loss += (1 + negative) * math.log(2)
        crowding = max(self._noise.largest_share, largest_kept_share(counts, self._keep))
        self._centres = centres_for(crowding, negative) if centres is None else centres
        self._pool_size = pool_size_for(negative, self._centres) if pool_size is None else pool_size

    def train(
        self,
        word_ids: NDArray[np.int32],
        sentence_offsets: NDArray[np.int64],
        *,
        alpha_begin: float,
        alpha_end: float,
        seed: int,
    ) -> ChunkResult:
        """Train on whole sentences: see `EmbeddingKernel.train`."""
        result = _native.train_cbow(
            self.target,
            self.input,
            self.output,
            self._keep,
            self._noise.thresholds,
            self._noise.words,
            self._window,
            self._negative,
            self._pool_size,
            self._centres,
            self._sum_gradient,
            self._exclude,
            *self._tree.arguments,
            word_ids,
            sentence_offsets,
            alpha_begin,
            alpha_end,
            seed,
        )
        return ChunkResult(**result)
