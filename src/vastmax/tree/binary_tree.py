"""Conversion of any tree to a binary one: words below a node stay together, frequent ones get shorter paths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vastmax.distribution.code_length import huffman_merges
from vastmax.tree.tree import Tree


def binarised(tree: Tree, counts: npt.ArrayLike | None = None) -> Tree:
    """Return the tree with every node of more than two children replaced by a Huffman tree over these children.

    The words below a node stay below one node, which keeps its label. Nodes with two children stay, nodes with one
    child vanish. A binary tree has one row of weights per decision and faster kernels, and a node with many children of
    unequal mass costs about its entropy in decisions instead of one score per child.

    Args:
        tree: any tree.
        counts: (V,) word counts, zeros raised to the smallest positive one; None: equal counts. The mass of a child is
            that of its words; a word with several leaves is divided equally among them.

    Raises:
        InputError: counts do not fit the tree.

    Cost: a Python loop over edges.

    Example:
        >>> from vastmax import tree
        >>> wide = tree.nested({"fruit": ["apple", "pear", "quince"], "tree": ["oak"]})
        >>> [binarised(wide, [5, 1, 1, 9]).path(word).code for word in ("oak", "apple", "pear")]
        ['1', '01', '001']
    """
    mass = tree.edge_sums(tree.leaf_weights(counts))
    num_children = tree.child_counts.tolist()
    offsets = tree.child_offsets.tolist()
    is_leaf = tree.children < 0
    targets = np.where(is_leaf, ~tree.leaf_words[np.where(is_leaf, ~tree.children, 0)], tree.children).tolist()
    # A node with C children becomes C − 1 nodes, the last of which is the top.
    base = np.concatenate([[0], np.cumsum(tree.child_counts - 1, dtype=np.int64)]).tolist()
    children: list[list[int]] = [[] for _ in range(base[-1])]
    labels = [""] * base[-1]
    top = [0] * tree.num_nodes  # the replacement of each node: a new node, or ~word
    for node in reversed(range(tree.num_nodes)):  # children have higher numbers than their parent
        C, first = num_children[node], offsets[node]
        links = [target if target < 0 else top[target] for target in targets[first : first + C]]
        if C == 1:
            top[node] = links[0]
        elif C == 2:
            top[node] = base[node]
            children[base[node]] = links
        else:
            merged = huffman_merges(mass[first : first + C]).children.tolist()
            for i, pair in enumerate(merged):
                children[base[node] + i] = [links[part] if part < C else base[node] + part - C for part in pair]
            top[node] = base[node] + C - 2
        if tree.labels and top[node] >= 0 and not labels[top[node]]:
            labels[top[node]] = tree.labels[node]
    if not children:
        return Tree([], [], words=tree.words)
    return Tree.from_links(
        np.array(children).reshape(-1),
        np.full(len(children), 2),
        root=top[0],
        words=tree.words,
        labels=labels if tree.labels else None,
    )
