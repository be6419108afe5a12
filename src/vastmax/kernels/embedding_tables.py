"""What the kernels that train word vectors read: padded rows, subsampling, the law of noise words, paths of a tree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.distribution.alias import AliasTable
from vastmax.kernels import _native

Floats = NDArray[np.float32]

MOST_VISITS_PER_EXCHANGE = 32
"""After how many visits to a node near the root a thread adds what it learnt there to what the others learnt."""


def padded_rows(V: int, D: int) -> Floats:
    """Return zeros (V, D rounded up to whole vectors), rows aligned to 64 bytes."""
    unit = _native.row_alignment
    stride = -(-D // unit) * unit
    memory = np.zeros(V * stride + unit, dtype=np.float32)
    offset = (-memory.ctypes.data % (4 * unit)) // 4
    return memory[offset : offset + V * stride].reshape(V, stride)


def keep_thresholds(counts: NDArray[np.int64], sample: float) -> NDArray[np.uint32]:
    """Return the 32-bit thresholds of subsampling: a word of relative frequency f is kept with min(1, √(t/f) + t/f).

    `sample` is t; 0 keeps all. (Mikolov et al. 2013 print √(t/f) alone; the program they released uses the sum.)
    """
    keep = np.ones(counts.size)
    if sample > 0:
        ratio = min(sample, 1.0) * counts.sum() / np.maximum(counts, 1)  # no share is above 1: all are kept
        keep = np.minimum(1.0, np.sqrt(ratio) + ratio)
    return np.clip(np.round(keep * 2.0**32) - 1, 0, 2**32 - 1).astype(np.uint32)


def kept_counts(counts: NDArray[np.int64], keep: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return how many of each word's occurrences subsampling keeps on average."""
    kept: NDArray[np.float64] = counts * ((keep + 1.0) / 2.0**32)
    return kept


@dataclass(frozen=True)
class NoiseTable:
    """The law that noise words are drawn from, as the kernels draw."""

    thresholds: NDArray[np.uint32]  # (V,) of an alias table
    words: NDArray[np.int32]  # (V,)
    largest_share: float  # the probability of the likeliest word

    @classmethod
    def of(cls, counts: NDArray[np.int64], ns_exponent: float) -> NoiseTable:
        """Return the law proportional to count^ns_exponent."""
        # Relative to the count that weighs most, so that no power overflows.
        count = np.maximum(counts, 1)
        law = (count / (count.max() if ns_exponent >= 0 else count.min())) ** ns_exponent
        table = AliasTable.from_weights(law)
        return cls(table.thresholds_32_bits(), table.alias, float(law.max() / law.sum()))


@dataclass(frozen=True)
class WordTables:
    """What is known of the words before training."""

    keep: NDArray[np.uint32]  # (V,) thresholds of subsampling
    noise: NoiseTable
    kept_counts: NDArray[np.float64]  # (V,)

    @classmethod
    def of(cls, counts: NDArray[np.int64], *, sample: float, ns_exponent: float) -> WordTables:
        """Return the tables of words that occur so often."""
        keep = keep_thresholds(counts, sample)
        return cls(keep, NoiseTable.of(counts, ns_exponent), kept_counts(counts, keep))

    @property
    def crowding(self) -> float:
        """The largest share that one word has of the words kept or of the noise."""
        return max(self.noise.largest_share, float(self.kept_counts.max() / self.kept_counts.sum()))


@dataclass(frozen=True)
class TreePaths:
    """The edges from the root to each word, root first; edge e leads out of node e // 2 by branch e % 2.

    A kernel that is made with them refuses paths that lead out of the arrays.
    """

    offsets: NDArray[np.int64]
    """(V + 1,) where each word's edges begin."""
    edges: NDArray[np.int32]
    """(decisions,)"""
    num_nodes: int

    @classmethod
    def none(cls) -> TreePaths:
        """Return what stands for no tree."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), 0)

    def untrained_loss(self, weights: NDArray[np.floating]) -> float:
        """Return the mean nats per word under `weights` (V,) while every decision is a coin's: log 2 each."""
        return math.log(2) * float(np.average(np.diff(self.offsets), weights=weights)) if self.num_nodes else 0.0


@dataclass(frozen=True)
class InputRows:
    """The rows of a matrix that each word's vector is the mean of: its own, and those of its n-grams.

    A kernel that is made with them refuses rows outside the matrix, and words without one.
    """

    offsets: NDArray[np.int64]
    """(V + 1,) where each word's rows begin; none: word w has row w."""
    rows: NDArray[np.int32]
    """Rows may come twice."""
    num_rows: int
    """Of the matrix. The first V are the words' own."""

    @classmethod
    def none(cls) -> InputRows:
        """Return what stands for no subwords."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), 0)

    def crowding(self, weights: NDArray[np.floating]) -> float:
        """Return how much of what one word learns reaches another on average, for words that occur by `weights` (V,).

        Of two words that occur one after the other, the share of the rows of the first that also the second has.
        """
        if not self.num_rows:
            return 0.0
        law, counts = weights / weights.sum(), np.diff(self.offsets)
        of_row = np.bincount(
            self.rows, np.repeat(law, counts), self.num_rows
        )  # P(a word has the row), repeats included
        of_row[: len(law)] = 0.0  # a word itself is not another one
        shared = np.add.reduceat(of_row[self.rows], self.offsets[:-1]) / counts
        return float(law @ shared)


def visits_per_exchange(threads: int) -> int:
    """Return how often a thread visits a node near the root before it exchanges what it learnt there with the others.

    What `threads` threads learn meanwhile starts from the same rows and adds up, so many threads must exchange often.
    One thread has nobody to exchange with: 0.
    """
    return 0 if threads == 1 else max(1, min(MOST_VISITS_PER_EXCHANGE, 2 * MOST_VISITS_PER_EXCHANGE // threads))
