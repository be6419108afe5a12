"""Trees with nodes of many children made of one with few: decisions that lie below each other become one."""

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
    """Return the tree with up to `fan_out` children for every node, words that were together staying together.

    From the root down, the heaviest inner child of a node gives way to its own children as long as no more than
    `fan_out` come of it (the greedy code of Tunstall 1967). So a word is reached by fewer decisions, each among more
    children: each is one softmax in place of several decisions in a fixed order, and costs a score for every child.
    Labels stay with the nodes that are left.

    Args:
        tree: any tree; nodes that have more than `fan_out` children keep them.
        fan_out: C ≥ 2; 2 changes no binary tree.
        counts: (V,) of the words, zeros floored; None: all words alike. The mass of a child is that of its words, of
            each leaf an equal part where a word has several.

    Raises:
        InputError: fan_out out of range, or counts that do not fit the tree.

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
    kept = [0]  # the nodes that are left, in the order of their numbers
    children: list[int] = []
    child_counts: list[int] = []
    for node in kept:  # grows as it is walked
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
    """Return a tree of two decisions, the class and the word in it, whose classes are parts of `tree`.

    The root is unfolded as in `widened`, into `num_classes` parts of about equal mass; what is below each is a class,
    flat. With counts^½ for `counts`, frequent words get small classes and rare ones large, which keeps the expected
    class small. A class of one word is a leaf of the root.

    Args:
        tree: any tree with one leaf per word.
        num_classes: C in [1, V].
        counts: (V,) weights of the words; None: all words alike.

    Raises:
        InputError: num_classes out of range, weights that do not fit, or a tree with several leaves for a word.

    Cost: a Python loop over the nodes that are unfolded, then arrays.

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
    """A tree as lists, which a loop in Python reads faster than arrays, and the mass below each edge."""

    def __init__(self, tree: Tree, counts: npt.ArrayLike | None) -> None:
        weights = np.ones(tree.vocab_size) if counts is None else tree.word_weights(counts)
        mass = tree.edge_sums((weights / np.diff(tree.word_offsets))[tree.leaf_words])
        self.mass: list[float] = mass.tolist()
        self.first: list[int] = tree.child_offsets.tolist()
        self.sizes: list[int] = tree.child_counts.tolist()
        self.children: list[int] = tree.children.tolist()
        self.leaf_words: list[int] = tree.leaf_words.tolist()

    def unfolded(self, node: int, most: int) -> list[int]:
        """Return the edges, from left to right, that become those of `node` when its heaviest parts are unfolded."""
        edges = list(self._edges(node))
        count = len(edges)
        below: dict[int, range] = {}  # what each edge that gave way is replaced by
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
    """Return the words (V,) as they stand from left to right, so that those below any edge stand together."""
    size = tree.edge_sums(np.ones(tree.num_leaves)).astype(np.int64)
    before = np.cumsum(size) - size  # leaves below the edges before each one, all nodes together
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
