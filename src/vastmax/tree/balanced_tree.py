"""The balanced tree: every word after ⌊log2 V⌋ or ⌈log2 V⌉ decisions, whatever its frequency."""

from __future__ import annotations

import numpy as np

from vastmax.arguments import MOST_WORDS, whole
from vastmax.tree.tree import Tree


def balanced(vocab_size: int) -> Tree:
    """A binary tree whose leaf depths differ by one at most, in word order: the truncated binary code.

    With d = ⌈log2 V⌉ and u = 2^d − V, word i < u has the d − 1 bits of i for its code, any other the d bits of i + u.

    Args:
        vocab_size: V ≥ 1.

    Returns:
        A `Tree` of V − 1 inner nodes.

    Raises:
        InputError: V < 1.

    Cost: O(V), arithmetic on arrays.

    Example:
        >>> balanced(5).path(4).code
        '111'
    """
    check_vocab_size(vocab_size)
    if vocab_size == 1:
        return Tree([], [])
    depth = (vocab_size - 1).bit_length()
    short_codes = 2**depth - vocab_size  # u
    # Breadth first the nodes of the full levels come in numerical order, each level doubling; in the level of depth
    # d − 1 the first u places are leaves and the rest are inner nodes with two leaves each.
    last_level = 2 ** (depth - 1)
    inner_edges = np.arange(1, last_level - 1)  # edges into the levels above depth d − 1
    long_codes = np.arange(short_codes, vocab_size)
    children = np.concatenate(
        [
            inner_edges,
            ~np.arange(short_codes),
            np.arange(max(1, last_level - 1), vocab_size - 1),
            ~long_codes,
        ]
    )
    return Tree(children, np.full(vocab_size - 1, 2))


def check_vocab_size(vocab_size: int) -> None:
    """Raise InputError unless there is a word at least, and no more than ids can number."""
    whole("vocab_size", vocab_size, 1, MOST_WORDS)
