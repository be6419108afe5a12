"""Facts about a corpus that matter for choosing a method: its entropy, and the code lengths of its words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vastmax.distribution.code_length import balanced_expected_bits, huffman_expected_bits
from vastmax.distribution.counts import Counts, check_counts
from vastmax.distribution.entropy import entropy_bits, perplexity_from_bits


@dataclass(frozen=True)
class CorpusFacts:
    """Figures computed from the counts alone; bits are bits (or binary decisions) per token."""

    tokens: int
    types: int
    entropy_bits: float
    unigram_perplexity: float
    """2^entropy: the perplexity of a model that knows only the word frequencies."""
    log2_types: float
    """Bits to encode a word if all are equally likely."""
    balanced_code_bits: float
    """Expected path length in the balanced tree under these counts."""
    huffman_code_bits: float
    """Expected path length in the Huffman tree, the shortest possible: in [entropy, entropy + 1)."""
    ideal_saving: float
    """1 − entropy / log2_types: the share of the path that a perfect code would save."""
    huffman_saving: float
    """1 − huffman_code_bits / balanced_code_bits: the share that the Huffman tree saves."""


def facts_of(counts: Counts) -> CorpusFacts:
    """Return the facts of a vocabulary with these counts, (V,) in id order."""
    array = check_counts(counts)
    entropy = entropy_bits(array)
    balanced = balanced_expected_bits(array)
    huffman = huffman_expected_bits(array)
    log2_types = math.log2(array.size)
    return CorpusFacts(
        tokens=int(array.sum()),
        types=int(array.size),
        entropy_bits=entropy,
        unigram_perplexity=perplexity_from_bits(entropy),
        log2_types=log2_types,
        balanced_code_bits=balanced,
        huffman_code_bits=huffman,
        ideal_saving=1 - entropy / log2_types if log2_types else 0.0,
        huffman_saving=1 - huffman / balanced if balanced else 0.0,
    )
