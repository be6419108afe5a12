"""The top of a tree as plain data, for a drawing that unfolds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.tree.drawing import heaviest_words
from vastmax.tree.tree import Tree

DEPTH = 6
"""Levels below the root: 64 parts of a binary tree, more than fit on a screen."""

EXAMPLES = 5
"""Example words per node."""


def tree_top(tree: Tree, counts: npt.ArrayLike, *, depth: int = DEPTH) -> dict[str, Any]:
    """Return nested {"words": the heaviest words, "share": of the text, "size": number of words, "children": […]}.

    Leaves and nodes at the last level have no children; "size" tells how many words are below.

    Args:
        tree: with words.
        counts: (V,) of the words.
        depth: levels below the root.

    Example:
        >>> from vastmax import tree
        >>> top = tree_top(tree.huffman([5, 3, 2]).with_words(["a", "b", "c"]), [5, 3, 2], depth=1)
        >>> [(child["words"], child["share"], child["size"]) for child in top["children"]]
        [(['b', 'c'], 0.5, 2), (['a'], 0.5, 1)]
    """
    mass = tree.leaf_weights(counts)
    share, size = tree.edge_sums(mass / mass.sum()), tree.edge_sums(np.ones(tree.num_leaves))

    def below(node: int, levels: int) -> list[dict[str, Any]]:
        if levels == 0 or node < 0:
            return []
        edges = range(int(tree.child_offsets[node]), int(tree.child_offsets[node + 1]))
        return [
            {
                "words": heaviest_words(tree, edge, share, EXAMPLES),
                "share": float(share[edge]),
                "size": int(size[edge]),
                "children": below(int(tree.children[edge]), levels - 1),
            }
            for edge in edges
        ]

    children = below(0, depth) if tree.num_nodes else []
    heaviest = np.argsort(-tree.word_weights(counts), kind="stable")[:EXAMPLES]
    words = [tree.words[word_id] if tree.words is not None else f"word {word_id}" for word_id in heaviest.tolist()]
    return {"words": words, "share": 1.0, "size": tree.vocab_size, "children": children}
