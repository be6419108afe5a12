"""Kernels that train word vectors: matrices in place, one chunk of text per call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vastmax.kernels import _native
from vastmax.kernels.embedding_tables import InputRows, TreePaths, WordTables, padded_rows, visits_per_exchange
from vastmax.kernels.machine import choose_target

EXCLUDE_CODES = {"none": 0, "target": 1, "window": 2}
"""The codes of the kernels for the noise words to leave out."""

PAIRS_PER_NOISE_WORD = 60
"""The number of (center, context) pairs that share one drawn noise word; see `skipgram_pools`."""

MOST_STALE_PAIRS = 32
"""The maximum number of gradients from the same old row that may update a word at once; see `skipgram_centres`."""

CBOW_CENTRES = 32
"""Center words per block of CBOW if no word is too frequent."""

PREDICTIONS_PER_NOISE_WORD = 10
"""The number of predictions that share one drawn noise word; see `cbow_pool`."""

MOST_STALE_STEPS = 8
"""The maximum number of steps from the same old row that may update a word at once; see `cbow_centres`."""

LONGEST_SEGMENT = 128
"""Center words per segment of text with subwords: the means of its words stay in the second-level cache."""

MOST_STALE_SHARES = 4.0
"""The maximum number of other words' steps from the same old rows that may update a word; see `subword_segment`."""


class ChunkResult(NamedTuple):
    """The result of one call of a kernel."""

    words: int  # in the vocabulary, before subsampling
    kept: int  # after subsampling
    predictions: int  # of a context by a center word in skip-gram, of a center word by its contexts in CBOW
    loss: float  # nats, summed over predictions


class EmbeddingKernel:
    """Trains word vectors by negative sampling, hierarchical softmax, or the sum of both losses.

    Several threads may call `train` at once on one kernel: the matrices are shared without locks (Niu et al. 2011,
    Hogwild).

    Attributes:
        words: (V, stride) float32 with zero padding beyond column D, like the next two; `train` updates them in place.
            With subwords, one row per word and then those of n-grams: the vector of a word is the mean of its rows.
        outputs: (V, stride), the output vectors of negative sampling; no rows without it.
        nodes: (num_nodes, stride), the vectors of tree nodes; no rows without a tree.
        matrices: those with rows, by name: "word_vectors", or "word_rows" and "ngram_rows" with subwords;
            "output_vectors"; "node_vectors".
        untrained_loss: mean nats per prediction before training.
        target: the instruction set.
        tables: the tables of the words.
        paths: the paths of the words in the tree, or None.
        pool_sizes: the number of noise words shared by a block of `centres` center words.
    """

    def __init__(
        self,
        train: Callable[..., tuple[int, int, int, float]],
        tables: WordTables,
        vector_size: int,
        *,
        window: int,
        negative: int,
        exclude: str,
        centres: int,
        pool_sizes: NDArray[np.int32],
        sum_gradient: bool,
        fixed_window: bool,
        paths: TreePaths | None,
        subwords: InputRows | None,
        segment: int,
        threads: int,
        target: str | None,
    ) -> None:
        V, tree, inputs = tables.keep.size, paths or TreePaths.none(), subwords or InputRows.none()
        self.words = padded_rows(inputs.num_rows or V, vector_size)
        self.outputs = padded_rows(V if negative else 0, vector_size)
        self.nodes = padded_rows(tree.num_nodes, vector_size)
        rows = {"word_rows": self.words[:V], "ngram_rows": self.words[V:]}
        named = {
            **(rows if subwords else {"word_vectors": self.words}),
            "output_vectors": self.outputs,
            "node_vectors": self.nodes,
        }
        self.matrices = {name: rows for name, rows in named.items() if len(rows)}
        self.paths = paths
        self.target = target or choose_target()
        self.tables, self.centres, self.pool_sizes = tables, centres, pool_sizes
        self._train = train
        self._model = _native.EmbeddingModel(
            words=self.words,
            outputs=self.outputs,
            keep_threshold=tables.keep,
            alias_threshold=tables.noise.thresholds,
            alias_word=tables.noise.words,
            nodes=self.nodes,
            path_offsets=tree.offsets,
            path_edges=tree.edges,
            visits_per_exchange=visits_per_exchange(threads),
            subword_offsets=inputs.offsets,
            subword_rows=inputs.rows,
            segment=segment,
        )
        self._settings = _native.EmbeddingSettings(
            window=window,
            negative=negative,
            pool_sizes=pool_sizes.tolist(),
            centres=centres,
            sum_gradient=sum_gradient,
            exclude=EXCLUDE_CODES[exclude],
            fixed_window=fixed_window,
        )
        self.untrained_loss = tree.untrained_loss(tables.kept_counts)
        if negative:
            self.untrained_loss += (1 + negative) * math.log(2)

    def train(
        self,
        word_ids: NDArray[np.int32],
        sentence_offsets: NDArray[np.int64],
        *,
        alpha_begin: float,
        alpha_end: float,
        seed: int,
    ) -> ChunkResult:
        """Train on whole sentences; sentence s is word_ids[offsets[s] - offsets[0] : offsets[s + 1] - offsets[0]].

        Ids of V and above are out of vocabulary and skipped. The learning rate runs linearly from `alpha_begin` to
        `alpha_end`. The same arguments on the same matrices give the same bits.
        """
        return ChunkResult(
            *self._train(
                self.target, self._model, self._settings, word_ids, sentence_offsets, alpha_begin, alpha_end, seed
            )
        )


class SkipgramKernel(EmbeddingKernel):
    """Skip-gram: the center word predicts each of its contexts."""

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
        fixed_window: bool = False,
        paths: TreePaths | None = None,
        subwords: InputRows | None = None,
        segment: int | None = None,
        threads: int = 1,
        centres: int | None = None,
        pool_sizes: NDArray[np.int32] | None = None,
        target: str | None = None,
    ) -> None:
        tables = WordTables.of(counts, sample=sample, ns_exponent=ns_exponent)
        centres = skipgram_centres(tables.crowding, window, negative, fixed_window) if centres is None else centres
        super().__init__(
            _native.train_skipgram,
            tables,
            vector_size,
            window=window,
            negative=negative,
            exclude=exclude,
            centres=centres,
            pool_sizes=skipgram_pools(window, negative, centres, fixed_window) if pool_sizes is None else pool_sizes,
            sum_gradient=False,
            fixed_window=fixed_window,
            paths=paths,
            subwords=subwords,
            segment=subword_segment(subwords, tables, centres) if segment is None else segment,
            threads=threads,
            target=target,
        )


class CbowKernel(EmbeddingKernel):
    """CBOW: the mean of a window predicts its center word."""

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
        fixed_window: bool = False,
        paths: TreePaths | None = None,
        subwords: InputRows | None = None,
        segment: int | None = None,
        threads: int = 1,
        centres: int | None = None,
        pool_size: int | None = None,
        target: str | None = None,
    ) -> None:
        tables = WordTables.of(counts, sample=sample, ns_exponent=ns_exponent)
        centres = cbow_centres(tables.crowding, negative) if centres is None else centres
        pool_size = cbow_pool(negative, centres) if pool_size is None else pool_size
        super().__init__(
            _native.train_cbow,
            tables,
            vector_size,
            window=window,
            negative=negative,
            exclude=exclude,
            centres=centres,
            pool_sizes=np.array([pool_size] if negative else [], np.int32),
            sum_gradient=gradient == "word2vec",
            fixed_window=fixed_window,
            paths=paths,
            subwords=subwords,
            segment=subword_segment(subwords, tables, centres) if segment is None else segment,
            threads=threads,
            target=target,
        )


def skipgram_centres(crowding: float, window: int, negative: int, fixed_window: bool = False) -> int:
    """Return the maximum number of center words in a block of skip-gram.

    `crowding` is the largest share of one word among the center words or the noise. In a block of B center words, about
    B·(window + 1)·negative·crowding stale gradients update this word at once. Only in a vocabulary of a few dozen words
    could such a step overshoot; blocks are then smaller.
    """
    contexts = 2 * window if fixed_window else window + 1
    stale_pairs_per_centre = min(contexts, 2 * _native.band_width) * max(negative, 1) * crowding
    return int(np.clip(MOST_STALE_PAIRS / stale_pairs_per_centre, 1, _native.most_skipgram_centres))


def skipgram_pools(window: int, negative: int, centres: int, fixed_window: bool = False) -> NDArray[np.int32]:
    """Return P, the number of noise words shared by a block, for each band of distances; multiples of 8.

    A center word has on average 2·(window + 1 − d)/window contexts at distance d, each with `negative` noise words; one
    drawn word serves `PAIRS_PER_NOISE_WORD` of them. With this number fixed, the step of a noise word is the same for
    every window and K, and the cost per pair is linear in K.
    """
    if negative == 0:
        return np.zeros(0, np.int32)
    contexts = (
        np.full(window, 2.0) if fixed_window else 2 * (window - np.arange(window)) / window
    )  # at distance 1, 2, …
    per_band = np.add.reduceat(contexts, np.arange(0, window, _native.band_width))
    wanted = centres * per_band * negative / PAIRS_PER_NOISE_WORD
    sizes: NDArray[np.int32] = np.maximum(8, 8 * np.round(wanted / 8)).astype(np.int32)
    return sizes


def subword_segment(subwords: InputRows | None, tables: WordTables, centres: int) -> int:
    """Return how many center words are trained before shared rows are updated: whole blocks, at least one.

    In a segment of B center words, about B·crowding stale steps of other words update a word, where `crowding` is the
    share of its rows that the next word has, too.
    """
    if subwords is None:
        return 0
    most = MOST_STALE_SHARES / max(subwords.crowding(tables.kept_counts), 1e-9)
    return centres * int(np.clip(most // centres, 1, max(1, LONGEST_SEGMENT // centres)))


def cbow_centres(crowding: float, negative: int) -> int:
    """Return the maximum number of center words in a block of CBOW, at most `CBOW_CENTRES`.

    It is derived as in `skipgram_centres`, with about B·negative·crowding stale gradients.
    """
    return int(np.clip(MOST_STALE_STEPS / (max(negative, 1) * crowding), 1, CBOW_CENTRES))


def cbow_pool(negative: int, centres: int) -> int:
    """Return P, the number of noise words shared by a block; a multiple of 8.

    Each drawn word serves `PREDICTIONS_PER_NOISE_WORD` of the `negative` ones that every center word needs.
    """
    if negative == 0:
        return 0
    return max(8, 8 * round(centres * negative / PREDICTIONS_PER_NOISE_WORD / 8))
