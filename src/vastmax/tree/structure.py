"""The data of a tree: flat arrays of nodes, edges and leaves, and arrays derived from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vastmax.distribution.counts import floored_counts
from vastmax.errors import InputError
from vastmax.tree.links import Int32, Int64, check_tree


class Path(NamedTuple):
    """The decisions from the root to one leaf."""

    nodes: tuple[int, ...]
    """The inner nodes on the path, root first."""
    branches: tuple[int, ...]
    """The index of the child taken at each of them: 0 is the left one."""

    @property
    def code(self) -> str:
        """The branches as text: ``"011"`` is left, right, right. If one is 10 or more, dots separate them."""
        return ("" if max(self.branches, default=0) < 10 else ".").join(map(str, self.branches))


@dataclass(frozen=True)
class Paths:
    """The concatenated paths of many leaves; that of leaf i is from ``offsets[i]`` to ``offsets[i + 1]`` − 1."""

    offsets: npt.NDArray[np.int64]
    """(leaves + 1,)"""
    nodes: npt.NDArray[np.int32]
    """(decisions,) node ids, root first within a leaf."""
    branches: npt.NDArray[Any]
    """(decisions,) the index of the child taken, in the smallest unsigned integer type."""


class Structure:
    """The checked arrays of a tree, for descriptions, drawings and files. See `vastmax.tree.Tree`.

    Args:
        children: (E,), as in `Tree`, and so are the others.
        child_counts: (M,)
        leaf_words: (leaves,), or None.
        words: (V,) names, or None.
        labels: (M,) names of inner nodes, or None.

    Raises:
        InputError: the arrays do not describe a tree, or a word has no leaf.
    """

    def __init__(
        self,
        children: npt.ArrayLike,
        child_counts: npt.ArrayLike,
        leaf_words: npt.ArrayLike | None = None,
        *,
        words: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        self.children: Int32 = _integers(children, "children")
        self.child_counts: Int32 = _integers(child_counts, "child_counts")
        num_leaves = max(1, int((self.children < 0).sum()))
        self.leaf_words: Int32 = (
            np.arange(num_leaves, dtype=np.int32) if leaf_words is None else _integers(leaf_words, "leaf_words")
        )
        check_tree(self.children, self.child_counts, self.leaf_words)
        for array in (self.children, self.child_counts, self.leaf_words):
            array.flags.writeable = False
        self.words = _names(words, self.vocab_size, "words") if words is not None else None
        self.labels = _names(labels, self.num_nodes, "labels of inner nodes") if labels is not None else None

    # Sizes.

    @property
    def vocab_size(self) -> int:
        """V, the number of words."""
        return int(self.leaf_words[-1]) + 1

    @property
    def num_leaves(self) -> int:
        """The number of leaves: V, or more if words have several."""
        return int(self.leaf_words.size)

    @property
    def num_nodes(self) -> int:
        """M, the number of inner nodes."""
        return int(self.child_counts.size)

    @property
    def num_edges(self) -> int:
        """E, the total number of children of all inner nodes."""
        return int(self.children.size)

    @cached_property
    def is_binary(self) -> bool:
        """Whether every inner node has exactly two children."""
        return bool((self.child_counts == 2).all())

    @property
    def one_leaf_a_word(self) -> bool:
        """Whether no word has several leaves; leaf ids are then word ids."""
        return self.num_leaves == self.vocab_size

    @property
    def max_depth(self) -> int:
        """The number of decisions on the longest path."""
        return len(self.level_offsets) - 1

    # Derived arrays, computed on first use.

    @cached_property
    def child_offsets(self) -> Int64:
        """The index of the first edge of each node, (M + 1,)."""
        return np.concatenate([[0], np.cumsum(self.child_counts, dtype=np.int64)])

    @cached_property
    def edge_nodes(self) -> Int32:
        """The node that each edge starts from, (E,)."""
        return np.repeat(np.arange(self.num_nodes, dtype=np.int32), self.child_counts)

    @cached_property
    def level_offsets(self) -> Int64:
        """Offsets (max_depth + 1,): nodes of depth d are ``level_offsets[d]`` to ``level_offsets[d + 1]`` − 1."""
        inner_before = np.concatenate([[0], np.cumsum(self.children >= 0)])  # inner edges before an edge
        offsets = [0]
        stop = min(1, self.num_nodes)
        while offsets[-1] < stop:
            offsets.append(stop)
            stop = 1 + int(inner_before[self.child_offsets[stop]])
        return np.array(offsets, dtype=np.int64)

    @cached_property
    def word_offsets(self) -> Int64:
        """Offsets (V + 1,): leaves of word w are ``word_offsets[w]`` to ``word_offsets[w + 1]`` − 1."""
        return np.searchsorted(self.leaf_words, np.arange(self.vocab_size + 1)).astype(np.int64)

    @cached_property
    def node_depths(self) -> Int32:
        """The number of decisions before each node, (M,); 0 for the root."""
        return np.repeat(np.arange(self.max_depth, dtype=np.int32), np.diff(self.level_offsets))

    @cached_property
    def leaf_edges(self) -> Int64:
        """The edge that leads to each leaf, (leaves,); -1 in a tree without inner nodes."""
        edges = np.full(self.num_leaves, -1, dtype=np.int64)
        at = np.flatnonzero(self.children < 0)
        edges[~self.children[at]] = at
        return edges

    @cached_property
    def node_edges(self) -> Int64:
        """The edge that leads to each inner node, (M,); -1 for the root."""
        return np.concatenate([np.full(min(1, self.num_nodes), -1), np.flatnonzero(self.children >= 0)])

    @cached_property
    def leaf_depths(self) -> Int32:
        """The number of decisions on the path to each leaf, (leaves,)."""
        if not self.num_nodes:
            return np.zeros(1, dtype=np.int32)
        return self.node_depths[self.edge_nodes[self.leaf_edges]] + np.int32(1)

    @cached_property
    def path_offsets(self) -> Int64:
        """The index of the first decision of each leaf in the concatenated paths, (leaves + 1,)."""
        return np.concatenate([[0], np.cumsum(self.leaf_depths, dtype=np.int64)])

    @cached_property
    def path_edges(self) -> Int32:
        """The edges on the path to each leaf, root first, leaf after leaf, (decisions,); see `path_offsets`.

        Cost: 4 bytes per decision, about 90 MB for a million words in a binary tree.
        """
        edges = np.empty(self.path_offsets[-1], dtype=np.int32)
        edge, position = self.leaf_edges, self.path_offsets[1:] - 1
        if not self.num_nodes:
            return edges
        while edge.size:  # all leaves move up together, one level per round
            edges[position] = edge
            node = self.edge_nodes[edge]
            below_root = node > 0
            edge, position = self.node_edges[node[below_root]], position[below_root] - 1
        return edges

    @property
    def paths(self) -> Paths:
        """The paths of all leaves by node and branch, computed again in each call."""
        nodes = self.edge_nodes[self.path_edges]
        widest = int(self.child_counts.max(initial=1)) - 1
        branches = (self.path_edges - self.child_offsets[nodes]).astype(np.min_scalar_type(widest))
        return Paths(self.path_offsets, nodes, branches)

    def edge_sums(self, leaf_values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return for each edge (E,) the sum of a value (leaves,) over the leaves below it."""
        below = np.zeros(self.num_edges)
        is_leaf = self.children < 0
        below[is_leaf] = leaf_values[~self.children[is_leaf]]
        for start, stop in reversed(list(zip(self.level_offsets[1:-1], self.level_offsets[2:], strict=True))):
            first, last = self.child_offsets[start], self.child_offsets[stop]
            below[self.node_edges[start:stop]] = np.add.reduceat(
                below[first:last], self.child_offsets[start:stop] - first
            )
        return below

    def word_weights(self, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return counts (V,) as float64, zeros raised to the smallest positive; raise InputError if they do not fit."""
        weights = floored_counts(counts)
        if weights.size != self.vocab_size:
            raise InputError(f"found {weights.size} counts for {self.vocab_size} words; pass one per word, in id order")
        return weights

    def leaf_weights(self, counts: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
        """Return the weights of leaves, (leaves,): the count of the word (1 if None) divided among its leaves."""
        weights = np.ones(self.vocab_size) if counts is None else self.word_weights(counts)
        shares: npt.NDArray[np.float64] = (weights / np.diff(self.word_offsets))[self.leaf_words]
        return shares


def _integers(values: npt.ArrayLike, name: str) -> Int32:
    array = np.array(values) if np.size(values) else np.empty(0, dtype=np.int32)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{name} of a tree must be a list of integers, found shape {array.shape} of {array.dtype}")
    limits = np.iinfo(np.int32)
    if array.size and not (limits.min <= array.min() and array.max() <= limits.max):
        raise InputError(f"{name} of a tree must fit 32 bits, found values from {array.min()} to {array.max()}")
    return array.astype(np.int32, copy=False)


def _names(names: Sequence[str], expected: int, kind: str) -> tuple[str, ...]:
    if len(names) != expected:
        raise InputError(f"the tree has {expected} {kind}, found {len(names)} names for them; pass one for each")
    return tuple(names)
