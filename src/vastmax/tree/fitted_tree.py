"""Adaptation of a tree to another vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError
from vastmax.tree.huffman_tree import huffman
from vastmax.tree.joined_tree import grafted, top_of
from vastmax.tree.tree import Tree


def fitted(tree: Tree, words: Sequence[str], counts: npt.ArrayLike) -> Tree:
    """Return a tree over `words` that places them as `tree` does.

    Words that are not in `tree`, such as the sentence end and the unknown word of a language model, form a Huffman tree
    next to the others under a common root. Leaves of words that are not among `words` are removed, and so are nodes
    that then have one child. The remaining nodes keep their labels.

    Args:
        tree: a tree that knows its words.
        words: (V,) the vocabulary in id order.
        counts: (V,) word counts.

    Raises:
        InputError: the tree does not know its words, or has none of these.

    Cost: a few passes over the leaves.

    Example:
        >>> from vastmax import tree
        >>> known = tree.balanced(3).with_words(["b", "a", "gone"])
        >>> [fitted(known, ["a", "b", "</s>"], [3, 2, 1]).path(word).code for word in ("a", "b", "</s>")]
        ['01', '00', '1']
    """
    if tree.words is None:
        raise InputError("the tree does not know its words; use tree.with_words(words)")
    if list(tree.words) == list(words):
        return tree
    ids = {word: word_id for word_id, word in enumerate(words)}
    new_ids = np.array([ids.get(word, -1) for word in tree.words])
    held = np.sort(new_ids[new_ids >= 0])
    if not held.size:
        raise InputError(
            f"none of the {len(tree.words):,} words of the tree (the first is {tree.words[0]!r}) is among the "
            f"{len(words):,} of the vocabulary; build a tree from this text"
        )
    place = np.where(new_ids >= 0, np.searchsorted(held, new_ids), -1)  # among the words that both have
    kept = _pruned(tree, place)
    lacking = np.setdiff1d(np.arange(len(words)), held, assume_unique=True)
    if not lacking.size:
        return kept.with_words(words)
    others = huffman(np.maximum(np.asarray(counts)[lacking], np.finfo(np.float64).tiny))
    return grafted(top_of(2, binary=kept.is_binary), [(kept, held), (others, lacking)], words=words)


def _pruned(tree: Tree, new_ids: npt.NDArray[np.int64]) -> Tree:
    """Return the tree over the words whose new id is not −1, without nodes with fewer than two children."""
    below = tree.edge_sums((new_ids[tree.leaf_words] >= 0).astype(np.float64)) > 0
    live = np.add.reduceat(below.astype(np.int64), tree.child_offsets[:-1]) if tree.num_nodes else np.empty(0, np.int64)
    # The target of each edge, skipping nodes with one child: a node, or ~new_id. Children have higher numbers.
    leads = np.where(tree.children < 0, ~new_ids[tree.leaf_words[np.where(tree.children < 0, ~tree.children, 0)]], 0)
    inner = tree.children >= 0
    leads[inner] = tree.children[inner]
    end = np.arange(tree.num_nodes)
    single = np.flatnonzero(live == 1)
    if single.size:
        only = np.flatnonzero(below & (live == 1)[tree.edge_nodes])  # their edges, in the order of nodes
        for node, edge in zip(single[::-1].tolist(), only[::-1].tolist(), strict=True):
            target = int(leads[edge])
            end[node] = end[target] if target >= 0 else target
    if not tree.num_nodes or end[0] < 0:
        return Tree([], [])
    leads[inner] = end[leads[inner]]
    stays = live > 1
    number = np.cumsum(stays) - 1
    edges = np.flatnonzero(below & stays[tree.edge_nodes])
    targets = leads[edges]
    children = np.where(targets >= 0, number[np.maximum(targets, 0)], targets)
    labels = None if tree.labels is None else [tree.labels[node] for node in np.flatnonzero(stays).tolist()]
    return Tree.from_links(children, live[stays], root=int(number[end[0]]), labels=labels)
