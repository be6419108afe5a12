"""Entropy of a unigram law, and the conversions between bits, perplexity, words and characters."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from vastmax.distribution.counts import Counts, check_counts
from vastmax.errors import InputError

_LARGEST_EXPONENT = 700.0


def entropy_bits(counts: Counts) -> float:
    """Entropy of the unigram law in bits per word: H = −Σ_w p(w) log2 p(w), with p = counts / sum(counts).

    Args:
        counts: (V,) numbers ≥ 0, not all 0. Words with count 0 add nothing.

    Returns:
        H in [0, log2 V], computed as log2 T − (Σ c log2 c) / T so that no tiny p is ever formed.

    Example:
        >>> entropy_bits([2, 1, 1])
        1.5
    """
    array = check_counts(counts)
    seen = array[array > 0].astype(np.float64)
    total = float(seen.sum())
    # Rounding can leave −1e-16 for a law with one word.
    return max(0.0, math.log2(total) - float(np.dot(seen, np.log2(seen))) / total)


def information_bits(counts: Counts) -> npt.NDArray[np.float64]:
    """Information content of each word, −log2 p(w), in bits: (V,) float64; infinite where the count is 0.

    Example:
        >>> information_bits([2, 1, 1]).tolist()
        [1.0, 2.0, 2.0]
    """
    array = check_counts(counts).astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(array.sum()) - np.log2(array))


def perplexity_from_bits(bits: float) -> float:
    """Perplexity of a model that spends `bits` a word: 2^bits.

    Example:
        >>> round(perplexity_from_bits(9.16))
        572
    """
    return math.pow(2.0, bits)


def perplexity_from_nats(nats: float) -> float:
    """Perplexity of a model that spends `nats` a word: e^nats, or e^700 beyond it, near the largest float64.

    A model that has diverged so has a figure too, and no OverflowError; infinite nats included. NaN stays NaN.

    Example:
        >>> round(perplexity_from_nats(4.0), 1)
        54.6
    """
    return math.exp(min(nats, _LARGEST_EXPONENT))


def bits_from_perplexity(perplexity: float) -> float:
    """Bits a word of a model with this perplexity: log2.

    Example:
        >>> round(bits_from_perplexity(24.2), 2)
        4.6
    """
    if not perplexity > 0:
        raise InputError(f"perplexity {perplexity}: a number above 0 was expected")
    return math.log2(perplexity)


def bits_per_word(bits_per_character: float, letters_per_word: float, *, count_space: bool = False) -> float:
    """Bits a word when each character costs `bits_per_character`; with `count_space` a word has one character more.

    Shannon's 0.6 to 1.3 bits per character, at 4.5 letters a word:

    Example:
        >>> [round(bits_per_word(b, 4.5), 2) for b in (0.6, 1.3)]
        [2.7, 5.85]
        >>> [round(bits_per_word(b, 4.5, count_space=True), 2) for b in (0.6, 1.3)]
        [3.3, 7.15]
    """
    return bits_per_character * (letters_per_word + (1 if count_space else 0))
