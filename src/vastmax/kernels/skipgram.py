"""The door to the skip-gram kernel: matrices in place, one chunk of text a call."""

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

PAIRS_PER_NOISE_WORD = 60
"""How many (centre, context) pairs' worth of noise one drawn word stands for; see `pool_sizes_for`."""

MOST_STALE_PAIRS = 32
"""How many gradients computed from the same old row one word may move by at once; see `centres_for`."""


def centres_for(crowding: float, window: int, negative: int) -> int:
    """Return how many centres a block may have, at most the kernel's `block_size`.

    `crowding` is the largest share that one word has of the centres or of the noise. In a block of B centres that word
    moves by about B·(window + 1)·negative·crowding stale gradients at once; only a vocabulary of a few dozen words gets
    near the number at which such a step overshoots, and then blocks are made smaller.
    """
    block_size: int = _native.block_size
    band_width: int = _native.band_width
    stale_pairs_a_centre = min(window + 1, 2 * band_width) * max(negative, 1) * crowding
    return int(np.clip(MOST_STALE_PAIRS / stale_pairs_a_centre, 1, block_size))


def pool_sizes_for(window: int, negative: int, centres: int) -> NDArray[np.int32]:
    """Return P, the noise words that a block of centres shares, for each band of distances; multiples of 8.

    A centre has 2·(window + 1 − d)/window contexts at distance d on average and each wants `negative` noise words; each
    drawn word stands for `PAIRS_PER_NOISE_WORD` of those of a block. Keeping that number fixed keeps the step that a
    noise word takes at once the same for every window and every K, and the cost a pair linear in K.
    """
    if negative == 0:
        return np.zeros(0, np.int32)
    band_width: int = _native.band_width
    contexts = 2 * (window - np.arange(window)) / window  # at distance 1, 2, …
    a_band = np.add.reduceat(contexts, np.arange(0, window, band_width))
    wanted = centres * a_band * negative / PAIRS_PER_NOISE_WORD
    sizes: NDArray[np.int32] = np.maximum(8, 8 * np.round(wanted / 8)).astype(np.int32)
    return sizes


class SkipgramKernel:
    """Skip-gram with negative sampling, hierarchical softmax, or the sum of both losses.

    An `EmbeddingKernel` with the matrix `centre` (V, stride); for negative sampling, which `negative` = 0 turns off,
    `context` (V, stride); and where there are `paths`, `nodes` (num_nodes, stride).
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
        exclude: str = "target",
        paths: TreePaths | None = None,
        threads: int = 1,
        centres: int | None = None,
        pool_sizes: NDArray[np.int32] | None = None,
        target: str | None = None,
    ) -> None:
        self.centre = padded_rows(counts.size, vector_size)
        self.context = padded_rows(counts.size if negative else 0, vector_size)
        self._tree = WalkedTree(paths, vector_size, threads)
        self.nodes = self._tree.nodes
        outputs = {"output_vectors": self.context, "node_vectors": self.nodes}
        self.matrices = {"word_vectors": self.centre, **{name: rows for name, rows in outputs.items() if len(rows)}}
        self.target = target or choose_target()
        self._window = window
        self._negative = negative
        self._keep = keep_thresholds(counts, sample)
        self._noise = NoiseTable.of(counts, ns_exponent)
        self._exclude = EXCLUDE_CODES[exclude]
        self.untrained_loss = self._tree.untrained_loss(kept_counts(counts, self._keep))
        if negative:
            self.untrained_loss += (1 + negative) * math.log(2)
        crowding = max(self._noise.largest_share, largest_kept_share(counts, self._keep))
        self._centres = centres_for(crowding, window, negative) if centres is None else centres
        self._pool_sizes = pool_sizes_for(window, negative, self._centres) if pool_sizes is None else pool_sizes

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
        result = _native.train_skipgram(
            self.target,
            self.centre,
            self.context,
            self._keep,
            self._noise.thresholds,
            self._noise.words,
            self._window,
            self._negative,
            self._pool_sizes,
            self._centres,
            self._exclude,
            *self._tree.arguments,
            word_ids,
            sentence_offsets,
            alpha_begin,
            alpha_end,
            seed,
        )
        return ChunkResult(**result)
