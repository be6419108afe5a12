"""What a training kernel is to the run that drives it, and what all of them need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vastmax.distribution.alias import AliasTable
from vastmax.kernels import _native

Floats = NDArray[np.float32]

EXCLUDE_CODES = {"none": 0, "target": 1, "window": 2}
"""The noise words that do not count for a prediction, as the kernels number them."""


@dataclass(frozen=True)
class ChunkResult:
    """What one call of the kernel did."""

    words: int  # in the vocabulary, before subsampling
    kept: int  # after it
    predictions: int  # of a context by a centre in skip-gram, of a centre by its contexts in CBOW
    loss: float  # nats, summed over predictions


class EmbeddingKernel(Protocol):
    """Matrices (V or so, stride), float32 with zero padding beyond column D, that `train` updates in place.

    Several threads may call `train` at once on one kernel: the matrices are shared without locks (Niu et al. 2011,
    Hogwild).
    """

    target: str
    """The instruction set it was compiled for."""

    matrices: dict[str, Floats]
    """All that it learns, by name: "word_vectors" (V, stride), and what they are scored against."""

    untrained_loss: float
    """Mean nats a prediction before anything is learned."""

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
        ...


def padded_rows(V: int, D: int) -> Floats:
    """Return zeros (V, D rounded up to whole vectors), rows aligned to 64 bytes."""
    unit: int = _native.row_alignment
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


def kept_counts(counts: NDArray[np.int64], keep: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return how many of each word's occurrences subsampling keeps on average."""
    kept: NDArray[np.float64] = counts * ((keep + 1.0) / 2.0**32)
    return kept


def largest_kept_share(counts: NDArray[np.int64], keep: NDArray[np.uint32]) -> float:
    """Return the share that the most frequent word has of the words that subsampling keeps."""
    kept = kept_counts(counts, keep)
    return float(kept.max() / kept.sum())
