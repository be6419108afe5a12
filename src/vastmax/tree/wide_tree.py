"""Trees with many children per node from one with few: several successive decisions become one."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from vastmax.arguments import MOST_WORDS, whole
from vastmax.errors import InputError
from vastmax.tree.links import Int64
from vastmax.tree.tree import Tree
from vastmax.tree.two_levels import two_levels


def widened(tree: Tree, fan_out: int, counts: npt.ArrayLike | None = None) -> Tree:
    """Return the tree with up to `fan_out` children per node, which keeps words together.

    From the root down, the heaviest inner child of a node is replaced by its children as long as there are no more than
    `fan_out` (the greedy code of Tunstall 1967). So a word takes fewer decisions, each among more children: one softmax
    instead of several decisions in a fixed order, at the cost of one score per child. The remaining nodes keep their
    labels.

    Args:
        tree: any tree; nodes with more than `fan_out` children keep them.
        fan_out: C ≥ 2; 2 does not change a binary tree.
        counts: (V,) word counts, as in `binarised`.

    Raises:
        InputError: fan_out out of range, or counts do not fit the tree.

    Cost: a Python loop over edges, about a second for 300,000 words.

    Example:
        >>> from vastmax import tree
        >>> wide = widened(tree.balanced(8), 4)
        >>> wide.path(3).code, wide.max_depth
        ('11', 2)
    """
    whole("fan_out", fan_out, 2, MOST_WORDS)
    if not tree.num_nodes:
        return tree
    links = _Links(tree, counts)
    kept = [0]  # the remaining nodes, in the order of their numbers
    children: list[int] = []
    child_counts: list[int] = []
    for node in kept:  # grows during the loop
        edges = links.unfolded(node, fan_out)
        child_counts.append(len(edges))
        for edge in edges:
            child = links.children[edge]
            if child < 0:
                children.append(~links.leaf_words[~child])
            else:
                children.append(len(kept))
                kept.append(child)
    labels = None if tree.labels is None else [tree.labels[node] for node in kept]
    return Tree.from_links(np.array(children), np.array(child_counts), words=tree.words, labels=labels)


def in_classes(tree: Tree, num_classes: int, counts: npt.ArrayLike | None = None) -> Tree:
    """Return a tree of two decisions, the class and then the word, whose classes are subtrees of `tree`.

    The root is expanded as in `widened` into `num_classes` parts of about equal mass, and the words below each are a
    class. With counts^½ as `counts`, classes of frequent words are small and those of rare words large, which keeps the
    expected class small. A class of one word is a leaf of the root.

    Args:
        tree: any tree with one leaf per word.
        num_classes: C in [1, V].
        counts: (V,) weights of the words; None: equal weights.

    Raises:
        InputError: num_classes out of range, weights do not fit, or a word has several leaves.

    Cost: a Python loop over the expanded nodes, then arrays.

    Example:
        >>> from vastmax import tree
        >>> in_classes(tree.balanced(8), 4).path(3).branches
        (1, 1)
    """
    whole("num_classes", num_classes, 1, tree.vocab_size, why=f"there are {tree.vocab_size} words")
    if not tree.one_leaf_a_word:
        raise InputError(
            f"the tree has {tree.num_leaves:,} leaves for {tree.vocab_size:,} words; classes need a tree with one leaf "
            "per word: leave out overlap and copies"
        )
    if not tree.num_nodes:
        return tree
    words = _leaves_from_left(tree)
    if num_classes == 1:
        return two_levels(words, np.array([words.size]), names=tree.words)
    below = tree.edge_sums(np.ones(tree.num_leaves)).astype(np.int64)
    edges = _Links(tree, counts).unfolded(0, num_classes)
    return two_levels(words, below[edges], names=tree.words)


class _Links:
    """A tree as lists, which Python loops read faster than arrays, and the mass below each edge."""

    def __init__(self, tree: Tree, counts: npt.ArrayLike | None) -> None:
        self.mass: list[float] = tree.edge_sums(tree.leaf_weights(counts)).tolist()
        self.first: list[int] = tree.child_offsets.tolist()
        self.sizes: list[int] = tree.child_counts.tolist()
        self.children: list[int] = tree.children.tolist()
        self.leaf_words: list[int] = tree.leaf_words.tolist()

    def unfolded(self, node: int, most: int) -> list[int]:
        """Return the edges of `node`, from left to right, after its heaviest parts are expanded to `most` edges."""
        edges = list(self._edges(node))
        count = len(edges)
        below: dict[int, range] = {}  # the replacement of each expanded edge
        waiting = [(-self.mass[edge], edge) for edge in edges if self.children[edge] >= 0]
        heapq.heapify(waiting)
        while waiting and count < most:
            _, edge = heapq.heappop(waiting)
            child = self.children[edge]
            if count - 1 + self.sizes[child] > most:
                continue  # one with fewer children may still fit
            below[edge] = self._edges(child)
            count += self.sizes[child] - 1
            for lower in below[edge]:
                if self.children[lower] >= 0:
                    heapq.heappush(waiting, (-self.mass[lower], lower))
        found: list[int] = []
        stack = edges[::-1]
        while stack:
            edge = stack.pop()
            if edge in below:
                stack.extend(reversed(below[edge]))
            else:
                found.append(edge)
        return found

    def _edges(self, node: int) -> range:
        return range(self.first[node], self.first[node] + self.sizes[node])


def _leaves_from_left(tree: Tree) -> Int64:
    """Return the words (V,) from left to right, so those below any edge are contiguous."""
    size = tree.edge_sums(np.ones(tree.num_leaves)).astype(np.int64)
    before = np.cumsum(size) - size  # leaves below the edges before each one
    place = np.zeros(tree.num_edges, dtype=np.int64)  # of the first leaf below each edge
    for start, stop in zip(tree.level_offsets[:-1], tree.level_offsets[1:], strict=True):
        edges = slice(int(tree.child_offsets[start]), int(tree.child_offsets[stop]))
        node = tree.edge_nodes[edges]
        above = tree.node_edges[node]
        own_first = np.where(above < 0, 0, place[above])
        place[edges] = own_first + before[edges] - before[tree.child_offsets[node]]
    words = np.empty(tree.num_leaves, dtype=np.int64)
    words[place[tree.leaf_edges]] = tree.leaf_words
    return words
