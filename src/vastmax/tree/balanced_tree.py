"""The balanced tree: every word takes ⌊log2 V⌋ or ⌈log2 V⌉ decisions, whatever its frequency."""

from __future__ import annotations

import numpy as np

from vastmax.arguments import MOST_WORDS, whole
from vastmax.tree.tree import Tree


def balanced(vocab_size: int) -> Tree:
    """Return a binary tree in word order whose leaf depths differ by at most one: the truncated binary code.

    With d = ⌈log2 V⌉ and u = 2^d − V, the code of word i < u is the d − 1 bits of i, of others the d bits of i + u.

    Args:
        vocab_size: V ≥ 1.

    Returns:
        A `Tree` with V − 1 inner nodes.

    Raises:
        InputError: V < 1.

    Cost: O(V), arithmetic on arrays.

    Example:
        >>> balanced(5).path(4).code
        '111'
    """
    whole("vocab_size", vocab_size, 1, MOST_WORDS)
    if vocab_size == 1:
        return Tree([], [])
    depth = (vocab_size - 1).bit_length()
    short_codes = 2**depth - vocab_size  # u
    # Full levels contain the nodes in numerical order, and each level doubles. At depth d − 1, the first u places are
    # leaves and the rest are inner nodes with two leaves each.
    last_level = 2 ** (depth - 1)
    inner_edges = np.arange(1, last_level - 1)  # into the levels above depth d − 1
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
