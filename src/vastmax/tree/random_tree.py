"""The random tree, a control that shows the value of arranging words in a tree."""

from __future__ import annotations

import numpy as np

from vastmax.arguments import MOST_SEED, whole
from vastmax.tree.balanced_tree import balanced
from vastmax.tree.tree import Tree


def random(vocab_size: int, seed: int = 0) -> Tree:
    """Return a balanced tree with the words on its leaves in random order.

    Args:
        vocab_size: V ≥ 1.
        seed: the seed of the shuffle, ≥ 0; equal seeds give equal trees.

    Raises:
        InputError: V < 1 or a negative seed.

    Example:
        >>> random(8, seed=1).max_depth
        3
    """
    whole("seed", seed, 0, MOST_SEED)
    ordered = balanced(vocab_size)
    if not ordered.num_nodes:
        return ordered
    words = np.random.default_rng(seed).permutation(vocab_size)
    children = ordered.children.copy()
    is_leaf = children < 0
    children[is_leaf] = ~words[~children[is_leaf]]
    return Tree(children, ordered.child_counts)
