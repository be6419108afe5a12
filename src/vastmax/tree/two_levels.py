"""Trees of two levels: the root chooses a class, the class a word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vastmax.tree.links import Int64
from vastmax.tree.tree import Tree


def two_levels(words: Int64, sizes: Int64, *, names: Sequence[str] | None = None) -> Tree:
    """Return the tree over `words` (V,), sorted by class, whose classes have `sizes` (C,), each at least 1.

    A class of one word becomes a leaf of the root: the same model with one decision less.
    """
    V, C = words.size, sizes.size
    if V == 1:
        return Tree([], [], words=names)
    if C == 1:
        return Tree.from_links(~words, np.array([V]), words=names)
    is_class = sizes > 1
    root_edges = np.where(is_class, np.cumsum(is_class), ~words[np.cumsum(sizes) - sizes])
    class_words = words[np.repeat(is_class, sizes)]
    children, child_counts = np.concatenate([root_edges, ~class_words]), np.concatenate([[C], sizes[is_class]])
    return Tree.from_links(children, child_counts, words=names)
