"""Entropy of a unigram distribution, and conversions between bits, perplexity, words and characters."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from vastmax.distribution.counts import Counts, check_counts
from vastmax.errors import InputError

_LARGEST_EXPONENT = 700.0


def entropy_bits(counts: Counts) -> float:
    """Return the entropy of the unigram distribution in bits per word: H = −Σ_w p(w) log2 p(w), p = counts / sum.

    Args:
        counts: (V,) numbers ≥ 0, not all 0. Words with count 0 contribute nothing.

    Returns:
        H in [0, log2 V], computed as log2 T − (Σ c log2 c) / T to avoid tiny p.

    Example:
        >>> entropy_bits([2, 1, 1])
        1.5
    """
    array = check_counts(counts)
    seen = array[array > 0].astype(np.float64)
    total = float(seen.sum())
    # Rounding can leave −1e-16 for a distribution over one word.
    return max(0.0, math.log2(total) - float(np.dot(seen, np.log2(seen))) / total)


def information_bits(counts: Counts) -> npt.NDArray[np.float64]:
    """Return the information content of each word, −log2 p(w), in bits: (V,) float64; infinite for a count of 0.

    Example:
        >>> information_bits([2, 1, 1]).tolist()
        [1.0, 2.0, 2.0]
    """
    array = check_counts(counts).astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(array.sum()) - np.log2(array))


def perplexity_from_bits(bits: float) -> float:
    """Return the perplexity of a model with `bits` per word: 2^bits.

    Example:
        >>> round(perplexity_from_bits(9.16))
        572
    """
    return math.pow(2.0, bits)


def perplexity_from_nats(nats: float) -> float:
    """Return the perplexity of a model with `nats` per word: e^nats, but at most e^700, near the largest float64.

    So a diverged model, even with infinite nats, has a perplexity and raises no OverflowError. NaN stays NaN.

    Example:
        >>> round(perplexity_from_nats(4.0), 1)
        54.6
    """
    return math.exp(min(nats, _LARGEST_EXPONENT))


def bits_from_perplexity(perplexity: float) -> float:
    """Return the bits per word of a model with this perplexity: log2.

    Example:
        >>> round(bits_from_perplexity(24.2), 2)
        4.6
    """
    if not perplexity > 0:
        raise InputError(f"perplexity {perplexity}: a number above 0 was expected")
    return math.log2(perplexity)


def bits_per_word(bits_per_character: float, letters_per_word: float, *, count_space: bool = False) -> float:
    """Return the bits per word given the bits per character; with `count_space`, a word has one more character.

    Shannon's 0.6 to 1.3 bits per character, at 4.5 letters per word:

    Example:
        >>> [round(bits_per_word(b, 4.5), 2) for b in (0.6, 1.3)]
        [2.7, 5.85]
        >>> [round(bits_per_word(b, 4.5, count_space=True), 2) for b in (0.6, 1.3)]
        [3.3, 7.15]
    """
    return bits_per_character * (letters_per_word + (1 if count_space else 0))
