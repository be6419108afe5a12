"""Numbers of binary decisions per word for balanced (truncated binary) and Huffman codes, without building a tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vastmax.arguments import whole
from vastmax.distribution.counts import Counts, check_counts


def balanced_depths(vocab_size: int) -> npt.NDArray[np.int64]:
    """Return the depth of each word in the balanced tree, (V,): d − 1 for the first 2^d − V words, else d = ⌈log2 V⌉.

    This is the truncated binary code: every inner node has two children.

    Example:
        >>> balanced_depths(5).tolist()
        [2, 2, 2, 3, 3]
    """
    whole("vocab_size", vocab_size, 1, None)
    longest = (vocab_size - 1).bit_length()
    depths = np.full(vocab_size, longest, dtype=np.int64)
    depths[: (1 << longest) - vocab_size] -= 1
    return depths


def balanced_mean_depth(vocab_size: int) -> float:
    """Return the mean depth over the words, each counted once: d − (2^d − V) / V.

    Example:
        >>> round(balanced_mean_depth(10_000), 2)
        13.36
    """
    whole("vocab_size", vocab_size, 1, None)
    longest = (vocab_size - 1).bit_length()
    return longest - ((1 << longest) - vocab_size) / vocab_size


def balanced_expected_bits(counts: Counts) -> float:
    """Return the expected depth of a token in the balanced tree: Σ_w p(w) depth(w), words in `counts` order."""
    array = check_counts(counts)
    return float(np.dot(array.astype(np.float64), balanced_depths(array.size)) / array.sum(dtype=np.float64))


@dataclass(frozen=True)
class HuffmanMerges:
    """The V − 1 merges that build a Huffman tree, in order; the last one creates the root.

    Nodes 0 … V − 1 are the words; merge m creates node V + m from `children[m]`, branch 0 first.
    """

    children: npt.NDArray[np.int64]  # (V − 1, 2) nodes
    weights: (
        npt.NDArray[np.float64] | npt.NDArray[np.int64]
    )  # (V − 1,) count of each new node, of the dtype of the counts


def huffman_merges(counts: Counts) -> HuffmanMerges:
    """Merge the two lightest nodes until one is left: the code of minimum expected length (Huffman 1952).

    Two queues suffice (van Leeuwen 1976): words from the rarest up, and merged nodes, which are created in order of
    weight. Ties follow word2vec: a word is chosen only if its count is strictly less than the merged node's; among
    words of equal count, the one with the higher id comes first; the second of the two lightest gets branch 1.

    Args:
        counts: (V,) numbers ≥ 0, not all 0, in any order.

    Cost: one sort, then 2V steps in Python: about 1 s for a million words.
    """
    array = check_counts(counts)
    vocab_size = array.size
    rarest_first = np.argsort(-array, kind="stable")[::-1]
    words: list[int] = rarest_first.tolist()
    word_weights: list[float] = array[rarest_first].tolist()
    weights: list[float] = []
    left: list[int] = []
    right: list[int] = []
    next_word = next_node = 0
    for merge in range(vocab_size - 1):
        # Each of the two picks, written out: this is the inner loop.
        if next_word < vocab_size and (next_node >= merge or word_weights[next_word] < weights[next_node]):
            left.append(words[next_word])
            weight = word_weights[next_word]
            next_word += 1
        else:
            left.append(vocab_size + next_node)
            weight = weights[next_node]
            next_node += 1
        if next_word < vocab_size and (next_node >= merge or word_weights[next_word] < weights[next_node]):
            right.append(words[next_word])
            weight += word_weights[next_word]
            next_word += 1
        else:
            right.append(vocab_size + next_node)
            weight += weights[next_node]
            next_node += 1
        weights.append(weight)
    return HuffmanMerges(
        children=np.array([left, right], dtype=np.int64).T.reshape(-1, 2),
        weights=np.array(weights, dtype=array.dtype),
    )


def huffman_expected_bits(counts: Counts) -> float:
    """Return the expected length of the Huffman code in bits per token: the sum of merged weights over the total count.

    (Each token passes once through every merged node above its word.) It is in [H, H + 1), where H is the unigram
    entropy; a word with count 0 can make it H + 1, and a vocabulary of one word needs no decisions and gets 0.

    Example:
        >>> huffman_expected_bits([2, 1, 1])
        1.5
    """
    array = check_counts(counts)
    weights = huffman_merges(array).weights
    return float(weights.sum(dtype=np.float64) / array.sum(dtype=np.float64))
