"""Several trees as one, over the same words or over different words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError
from vastmax.tree.balanced_tree import balanced
from vastmax.tree.tree import Tree

Ids = npt.NDArray[np.integer]


def joined(trees: Sequence[Tree]) -> Tree:
    """Return the trees under one root, so a word has its leaves in all of them and p(word) is their sum.

    The decision at the root chooses a tree given the context: a mixture of trees. Mnih & Hinton (2008) joined
    clusterings from different seeds; any trees can be joined, such as a Huffman tree and one of meanings. Binary trees
    are joined by binary decisions, others are the children of one root.

    Args:
        trees: one or more over the same number of words. Words and labels are those of the trees that have them.

    Raises:
        InputError: there are no trees, or their vocabularies have different sizes or words.

    Cost: O(leaves). A training step costs as much as in all trees together.

    Example:
        >>> from vastmax import tree
        >>> two = tree.joined([tree.huffman([4, 2, 1, 1]), tree.balanced(4)])
        >>> [path.code for path in two.word_paths(0)]
        ['01', '100']
    """
    if not trees:
        raise InputError("no trees to join; pass at least one")
    sizes = {tree.vocab_size for tree in trees}
    if len(sizes) > 1:
        raise InputError(f"found trees over {' and '.join(f'{V:,}' for V in sorted(sizes))} words; expected one size")
    names = {tree.words for tree in trees if tree.words is not None}
    if len(names) > 1:
        raise InputError("the trees have different words; join trees over one vocabulary")
    if len(trees) == 1:
        return trees[0]
    top = top_of(len(trees), binary=all(tree.is_binary for tree in trees))
    word_ids = np.arange(trees[0].vocab_size)
    return grafted(top, [(tree, word_ids) for tree in trees], words=next(iter(names), None))


def top_of(num_parts: int, *, binary: bool) -> Tree:
    """Return a tree with `num_parts` leaves, to be replaced by subtrees."""
    return balanced(num_parts) if binary else Tree(~np.arange(num_parts), [num_parts])


def grafted(top: Tree, parts: Sequence[tuple[Tree, Ids]], *, words: Sequence[str] | None = None) -> Tree:
    """Return `top` with leaf i replaced by the i-th part, whose word w becomes ``word_ids[w]``; parts may share words.

    Nodes keep their labels.
    """
    # The nodes of the top come first, then those of each part.
    starts = top.num_nodes + np.concatenate([[0], np.cumsum([part.num_nodes for part, _ in parts])])
    roots = [start if part.num_nodes else ~ids[0] for (part, ids), start in zip(parts, starts, strict=False)]
    links = [np.where(top.children < 0, np.array(roots)[~top.children], top.children)]
    for (part, ids), start in zip(parts, starts, strict=False):
        leaf_words = np.asarray(ids)[part.leaf_words]
        links.append(np.where(part.children < 0, ~leaf_words[~part.children], part.children + start))
    labels = None
    trees = [top, *(part for part, _ in parts)]
    if any(tree.labels is not None for tree in trees):
        labels = [label for tree in trees for label in tree.labels or [""] * tree.num_nodes]
    return Tree.from_links(
        np.concatenate(links), np.concatenate([tree.child_counts for tree in trees]), words=words, labels=labels
    )
