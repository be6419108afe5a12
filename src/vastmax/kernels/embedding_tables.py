"""Tables for the kernels that train word vectors: padded rows, subsampling, the noise distribution, tree paths."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.distribution.alias import AliasTable
from vastmax.kernels import _native

Floats = NDArray[np.float32]

MOST_VISITS_PER_EXCHANGE = 32
"""The number of visits to a node near the root after which a thread exchanges its updates with the others."""


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
    """Return the mean number of occurrences of each word that subsampling keeps."""
    kept: NDArray[np.float64] = counts * ((keep + 1.0) / 2.0**32)
    return kept


@dataclass(frozen=True)
class NoiseTable:
    """The distribution of noise words, for drawing in the kernels."""

    thresholds: NDArray[np.uint32]  # (V,) of an alias table
    words: NDArray[np.int32]  # (V,)
    largest_share: float  # the probability of the most likely word

    @classmethod
    def of(cls, counts: NDArray[np.int64], ns_exponent: float) -> NoiseTable:
        """Return the distribution proportional to count^ns_exponent."""
        # Relative to the count with the largest weight, so no power overflows.
        count = np.maximum(counts, 1)
        law = (count / (count.max() if ns_exponent >= 0 else count.min())) ** ns_exponent
        table = AliasTable.from_weights(law)
        return cls(table.thresholds_32_bits(), table.alias, float(law.max() / law.sum()))


@dataclass(frozen=True)
class WordTables:
    """Tables of the words that are computed before training."""

    keep: NDArray[np.uint32]  # (V,) thresholds of subsampling
    noise: NoiseTable
    kept_counts: NDArray[np.float64]  # (V,)

    @classmethod
    def of(cls, counts: NDArray[np.int64], *, sample: float, ns_exponent: float) -> WordTables:
        """Return the tables for these word counts."""
        keep = keep_thresholds(counts, sample)
        return cls(keep, NoiseTable.of(counts, ns_exponent), kept_counts(counts, keep))

    @property
    def crowding(self) -> float:
        """The largest share of one word among the kept words or the noise."""
        return max(self.noise.largest_share, float(self.kept_counts.max() / self.kept_counts.sum()))


@dataclass(frozen=True)
class TreePaths:
    """The edges from the root to each word, root first; edge e is branch e % 2 of node e // 2.

    A kernel rejects paths outside the arrays.
    """

    offsets: NDArray[np.int64]
    """(V + 1,) the offset of each word's edges."""
    edges: NDArray[np.int32]
    """(decisions,)"""
    num_nodes: int

    @classmethod
    def none(cls) -> TreePaths:
        """Return empty paths, without a tree."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), 0)

    def untrained_loss(self, weights: NDArray[np.floating]) -> float:
        """Return the mean nats per word under `weights` (V,) if every decision has probability ½: log 2 each."""
        return math.log(2) * float(np.average(np.diff(self.offsets), weights=weights)) if self.num_nodes else 0.0


@dataclass(frozen=True)
class InputRows:
    """The rows of a matrix whose mean is the vector of a word: its own, and those of its n-grams.

    A kernel rejects rows outside the matrix, and words without rows.
    """

    offsets: NDArray[np.int64]
    """(V + 1,) the offset of each word's rows; empty: word w has row w."""
    rows: NDArray[np.int32]
    """The rows, which may repeat."""
    num_rows: int
    """The number of rows of the matrix. The first V belong to the words."""

    @classmethod
    def none(cls) -> InputRows:
        """Return empty rows, without subwords."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), 0)

    def crowding(self, weights: NDArray[np.floating]) -> float:
        """Return the mean share of a word's rows that the next word has, too, if words have `weights` (V,)."""
        if not self.num_rows:
            return 0.0
        law, counts = weights / weights.sum(), np.diff(self.offsets)
        of_row = np.bincount(
            self.rows, np.repeat(law, counts), self.num_rows
        )  # P(a word has the row), repeats included
        of_row[: len(law)] = 0.0  # words do not share their own rows
        shared = np.add.reduceat(of_row[self.rows], self.offsets[:-1]) / counts
        return float(law @ shared)


def visits_per_exchange(threads: int) -> int:
    """Return the number of visits to a node near the root before a thread exchanges its updates with the others.

    The updates of all threads start from the same rows and add up, so many threads must exchange often. For one thread,
    it is 0.
    """
    return 0 if threads == 1 else max(1, min(MOST_VISITS_PER_EXCHANGE, 2 * MOST_VISITS_PER_EXCHANGE // threads))
