"""The content of a fastText model: settings, words, and an input and an output matrix, perhaps quantized.

A quantized matrix is a product quantizer's codes (Jégou et al. 2011; Joulin et al. 2016, FastText.zip) and, optionally,
codes of the rows' norms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import tiles

Floats: TypeAlias = NDArray[np.float32]

MODELS = {1: "cbow", 2: "skipgram", 3: "supervised"}
LOSSES = {1: "hierarchical-softmax", 2: "negative-sampling", 3: "softmax", 4: "one-vs-all"}
NUM_CENTROIDS = 256


@dataclass(frozen=True)
class FastTextSettings:
    """The settings that a model was trained with, under this library's names where there is one.

    Attributes:
        vector_size: D.
        window: the largest distance between a word and its context.
        epochs: passes over the text.
        min_count: words that occur less often were left out.
        negative: noise words per prediction.
        word_ngrams: of a supervised model: the longest word n-gram that is a feature.
        loss: one of `LOSSES`.
        model: one of `MODELS`.
        bucket: how many rows character n-grams are hashed to.
        min_n: characters in the shortest n-gram.
        max_n: characters in the longest n-gram; 0: there are none.
        rate_updates: words between two updates of the learning rate.
        sample: threshold of subsampling.
    """

    vector_size: int
    window: int = 5
    epochs: int = 5
    min_count: int = 5
    negative: int = 5
    word_ngrams: int = 1
    loss: str = "negative-sampling"
    model: str = "skipgram"
    bucket: int = 0
    min_n: int = 0
    max_n: int = 0
    rate_updates: int = 100
    sample: float = 1e-4


@dataclass(frozen=True)
class Quantizer:
    """A product quantizer: the D numbers of a row in pieces, each one of 256 centroids.

    Attributes:
        centroids: per piece the (256, numbers of the piece) values.
    """

    centroids: tuple[Floats, ...]

    def decode(self, codes: NDArray[np.uint8]) -> Floats:
        """Return the rows (n, D) of codes (n, pieces)."""
        pieces = [centroids[codes[:, piece]] for piece, centroids in enumerate(self.centroids)]
        return np.concatenate(pieces, axis=1)


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix whose rows are codes.

    Attributes:
        codes: (rows, pieces) uint8.
        quantizer: of the rows.
        norm_codes: (rows,) uint8, or None where norms are part of the rows.
        norm_quantizer: of the norms.
    """

    codes: NDArray[np.uint8]
    quantizer: Quantizer
    norm_codes: NDArray[np.uint8] | None = None
    norm_quantizer: Quantizer | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and D."""
        return len(self.codes), sum(centroids.shape[1] for centroids in self.quantizer.centroids)

    def decoded(self) -> Floats:
        """Return the matrix as float32, (rows, D)."""
        rows = self.quantizer.decode(self.codes)
        if self.norm_codes is not None and self.norm_quantizer is not None:
            rows *= self.norm_quantizer.decode(self.norm_codes[:, None])
        return rows


@dataclass(frozen=True)
class ScatteredMatrix:
    """A matrix to be written whose last rows are mostly zero.

    Attributes:
        first: (V, D) rows.
        others: (U, D) rows among the `num_others` that follow.
        places: (U,) ascending, where these are among them.
        num_others: how many rows follow the first ones.
    """

    first: Floats
    others: Floats
    places: NDArray[np.int32]
    num_others: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and D."""
        return len(self.first) + self.num_others, self.first.shape[1]

    def blocks(self) -> Iterator[Floats]:
        """Yield the rows in order, a few MB at a time."""
        D = self.first.shape[1]
        for rows in tiles(*self.first.shape):
            yield self.first[rows]
        for rows in tiles(self.num_others, D):
            block = np.zeros((rows.stop - rows.start, D), dtype=np.float32)
            begin, end = np.searchsorted(self.places, (rows.start, rows.stop))
            block[self.places[begin:end] - rows.start] = self.others[begin:end]
            yield block


@dataclass(frozen=True)
class FastTextModel:
    """The content of a fastText file.

    Attributes:
        settings: how it was trained.
        words: V words, most frequent first.
        counts: (V,) their counts.
        labels: of a supervised model.
        num_tokens: words read in training.
        input: the words' own rows, then those of n-grams: (V + bucket, D), or (V + kept n-grams, D) if it was pruned.
        kept_ngrams: (hash, row) pairs of a pruned model, (n, 2) int32; row 0 is the one after the words'. None: all are
            there, in the order of their hashes.
        output: (V, D), or a row per label; for hierarchical softmax a row per inner node. None where it was not read.
    """

    settings: FastTextSettings
    words: list[str]
    counts: NDArray[np.int64]
    input: Floats | QuantizedMatrix | ScatteredMatrix
    labels: list[str] = field(default_factory=list)
    label_counts: NDArray[np.int64] | None = None
    num_tokens: int = 0
    kept_ngrams: NDArray[np.int32] | None = None
    output: Floats | QuantizedMatrix | None = None

    def input_rows(self) -> Floats:
        """Return the input matrix as float32."""
        if isinstance(self.input, np.ndarray):
            return self.input
        return (
            self.input.decoded() if isinstance(self.input, QuantizedMatrix) else np.concatenate([*self.input.blocks()])
        )
