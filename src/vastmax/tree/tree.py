"""The tree type: leaves are words, inner nodes are decisions. A handful of flat arrays, no Python object a node."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vastmax.distribution.counts import floored_counts
from vastmax.errors import InputError, UnknownWordError
from vastmax.tree.links import breadth_first, check_tree
from vastmax.tree.paths import Path, Paths

if TYPE_CHECKING:
    from vastmax.tree.description import Description

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class Tree:
    """A tree whose leaves are the words of a vocabulary.

    Inner nodes are numbered breadth first, the root being node 0, so that a level is a stretch of node ids and the
    nodes that every word passes lie together. The children of all nodes stand in one array of *edges*, node by node; an
    edge holds the id of the inner node it leads to, or ``~leaf_id`` (negative) when it leads to a leaf. Leaves are
    numbered in the order of their words, and a word may have several of them (its probability is then their sum).
    A vocabulary of one word makes a tree of one leaf and no inner node.

    Args:
        children: (E,) integers, the edges as above; leaves and inner nodes each occur exactly once, inner nodes in
            breadth-first order.
        child_counts: (M,) integers of at least 1, the number of children of each inner node.
        leaf_words: (leaves,) word ids, ascending; None when leaf i is word i.
        words: the vocabulary in id order, so that words can be named; see also `with_words`.
        labels: names for the inner nodes (M,), for pictures; the empty string where a node has none.

    Raises:
        InputError: the arrays do not describe a tree, or a word has no leaf.

    Cost: O(V) memory; about 30 bytes a word of a binary tree, and the paths when they are asked for.

    Example:
        >>> from vastmax import tree
        >>> t = tree.balanced(8)
        >>> t.path(3).code
        '011'
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

    @classmethod
    def from_links(
        cls,
        children: npt.NDArray[np.integer],
        child_counts: npt.NDArray[np.integer],
        *,
        root: int = 0,
        words: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
    ) -> Tree:
        """Build from nodes numbered in any order, a negative child being ``~word_id``; a word may occur repeatedly.

        Args:
            children: (E,) the children of all nodes, node by node.
            child_counts: (M,) how many of them each node has.
            root: the number of the root among the nodes.
            words: names of the words.
            labels: names of the nodes, in the given order.

        Raises:
            InputError: a node that is out of reach of the root, or reached twice.
        """
        ordered = breadth_first(children, child_counts, root=root)
        named = None if labels is None else [labels[i] for i in ordered.nodes]
        return cls(ordered.children, ordered.child_counts, ordered.leaf_words, words=words, labels=named)

    # Sizes.

    @property
    def vocab_size(self) -> int:
        """V, the number of words."""
        return int(self.leaf_words[-1]) + 1

    @property
    def num_leaves(self) -> int:
        """V, or more when words have several leaves."""
        return int(self.leaf_words.size)

    @property
    def num_nodes(self) -> int:
        """M, the number of inner nodes."""
        return int(self.child_counts.size)

    @property
    def num_edges(self) -> int:
        """E, the number of children of all inner nodes together."""
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

    # Derived arrays; each is made when first asked for.

    @cached_property
    def child_offsets(self) -> Int64:
        """(M + 1,) where the edges of each node begin."""
        return np.concatenate([[0], np.cumsum(self.child_counts, dtype=np.int64)])

    @cached_property
    def edge_nodes(self) -> Int32:
        """(E,) the node each edge starts from."""
        return np.repeat(np.arange(self.num_nodes, dtype=np.int32), self.child_counts)

    @cached_property
    def level_offsets(self) -> Int64:
        """(max_depth + 1,) the nodes of depth d are those from ``level_offsets[d]`` to ``level_offsets[d + 1]``."""
        inner_before = np.concatenate([[0], np.cumsum(self.children >= 0)])  # inner edges before an edge
        offsets = [0]
        stop = min(1, self.num_nodes)
        while offsets[-1] < stop:
            offsets.append(stop)
            stop = 1 + int(inner_before[self.child_offsets[stop]])
        return np.array(offsets, dtype=np.int64)

    @cached_property
    def word_offsets(self) -> Int64:
        """(V + 1,) the leaves of word w are those from ``word_offsets[w]`` to ``word_offsets[w + 1]``."""
        return np.searchsorted(self.leaf_words, np.arange(self.vocab_size + 1)).astype(np.int64)

    @cached_property
    def node_depths(self) -> Int32:
        """(M,) the number of decisions before each node; 0 for the root."""
        return np.repeat(np.arange(self.max_depth, dtype=np.int32), np.diff(self.level_offsets))

    @cached_property
    def leaf_edges(self) -> Int64:
        """(leaves,) the edge that leads to each leaf; -1 in a tree without inner nodes."""
        edges = np.full(self.num_leaves, -1, dtype=np.int64)
        at = np.flatnonzero(self.children < 0)
        edges[~self.children[at]] = at
        return edges

    @cached_property
    def node_edges(self) -> Int64:
        """(M,) the edge that leads to each inner node; -1 for the root."""
        return np.concatenate([np.full(min(1, self.num_nodes), -1), np.flatnonzero(self.children >= 0)])

    @cached_property
    def leaf_depths(self) -> Int32:
        """(leaves,) the number of decisions on the path to each leaf."""
        if not self.num_nodes:
            return np.zeros(1, dtype=np.int32)
        return self.node_depths[self.edge_nodes[self.leaf_edges]] + np.int32(1)

    @cached_property
    def path_offsets(self) -> Int64:
        """(leaves + 1,) where the decisions of each leaf begin when all paths stand end to end."""
        return np.concatenate([[0], np.cumsum(self.leaf_depths, dtype=np.int64)])

    @cached_property
    def path_edges(self) -> Int32:
        """(decisions,) the edges on the path to each leaf, root first, leaf after leaf; see `path_offsets`.

        Cost: 4 bytes a decision, some 90 MB for a million words in a binary tree.
        """
        edges = np.empty(self.path_offsets[-1], dtype=np.int32)
        edge, position = self.leaf_edges, self.path_offsets[1:] - 1
        if not self.num_nodes:
            return edges
        while edge.size:  # all leaves climb together, one level a round
            edges[position] = edge
            node = self.edge_nodes[edge]
            below_root = node > 0
            edge, position = self.node_edges[node[below_root]], position[below_root] - 1
        return edges

    @property
    def paths(self) -> Paths:
        """The paths of all leaves by node and branch, made anew at each call."""
        nodes = self.edge_nodes[self.path_edges]
        widest = int(self.child_counts.max(initial=1)) - 1
        branches = (self.path_edges - self.child_offsets[nodes]).astype(np.min_scalar_type(widest))
        return Paths(self.path_offsets, nodes, branches)

    def edge_sums(self, leaf_values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """For each edge (E,) the sum of a value (leaves,) over the leaves below it."""
        below = np.zeros(self.num_edges)
        is_leaf = self.children < 0
        below[is_leaf] = leaf_values[~self.children[is_leaf]]
        for start, stop in reversed(list(zip(self.level_offsets[1:-1], self.level_offsets[2:], strict=True))):
            first, last = self.child_offsets[start], self.child_offsets[stop]
            below[self.node_edges[start:stop]] = np.add.reduceat(
                below[first:last], self.child_offsets[start:stop] - first
            )
        return below

    # Questions a person asks.

    def path(self, word: str | int, *, copy: int = 0) -> Path:
        """The path to a word, given by name (when the tree knows its words) or by id.

        Args:
            word: a word or a word id.
            copy: which of the word's leaves, when it has several.

        Raises:
            InputError: an id or a copy out of range, or a name asked of a tree without names.
            UnknownWordError: a name the vocabulary does not hold.

        Example:
            >>> from vastmax import tree
            >>> t = tree.nested({"sports": {"ball games": ["Football", "golf"]}, "music": ["piano"]})
            >>> t.path("golf").branches
            (0, 0, 1)
        """
        leaves = self.leaves(word)
        if not 0 <= copy < leaves.size:
            raise InputError(f"word {word!r} has {leaves.size} leaves; copy {copy} does not exist, count from 0")
        return self._leaf_path(int(leaves[copy]))

    def word_paths(self, word: str | int) -> tuple[Path, ...]:
        """The paths to all leaves of a word: one, but for trees that place words repeatedly. Raises as `path` does."""
        return tuple(self._leaf_path(int(leaf)) for leaf in self.leaves(word))

    def _leaf_path(self, leaf: int) -> Path:
        nodes, branches = [], []
        edge = int(self.leaf_edges[leaf])
        while edge >= 0:
            node = int(self.edge_nodes[edge])
            nodes.append(node)
            branches.append(edge - int(self.child_offsets[node]))
            edge = int(self.node_edges[node])
        return Path(tuple(reversed(nodes)), tuple(reversed(branches)))

    def leaves(self, word: str | int) -> Int64:
        """The ids of a word's leaves; one, but for trees that place words repeatedly. Raises as `path` does."""
        if isinstance(word, str):
            if self.words is None:
                raise InputError(f"this tree does not know its words, so not {word!r}; give an id, or with_words first")
            if word not in self._word_ids:
                raise UnknownWordError(f"no word {word!r} in this tree of {self.vocab_size} words")
            word = self._word_ids[word]
        if not 0 <= word < self.vocab_size:
            raise InputError(f"word id {word} is not in this tree; its {self.vocab_size} words count from 0")
        return np.arange(self.word_offsets[word], self.word_offsets[word + 1])

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {word: word_id for word_id, word in enumerate(self.words or ())}

    def with_words(self, words: Sequence[str]) -> Tree:
        """The same tree, knowing what its words are called: ``words[i]`` is the word of id i."""
        return Tree(self.children, self.child_counts, self.leaf_words, words=words, labels=self.labels)

    def word_weights(self, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Counts (V,) as positive float64, zeros floored; InputError where they are no counts of this tree's words."""
        weights = floored_counts(counts)
        if weights.size != self.vocab_size:
            raise InputError(f"found {weights.size} counts for {self.vocab_size} words; give one a word, in id order")
        return weights

    def describe(self, counts: npt.ArrayLike | None = None) -> Description:
        """Depth, expected path and cost against the entropy of `counts` (V,); all words alike when None."""
        from vastmax.tree.description import describe

        return describe(self, counts)

    def draw(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        counts: npt.ArrayLike | None = None,
        max_rows: int = 40,
        title: str | None = None,
    ) -> str:
        """Draw the tree as SVG, or its top when it has more than `max_rows` leaves; see `vastmax.tree.drawing.draw`."""
        from vastmax.tree.drawing import draw

        return draw(self, path, counts=counts, max_rows=max_rows, title=title)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tree to one small file of arrays (safetensors), beside its place and then renamed."""
        from vastmax.tree.storage import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Tree:
        """Read what `save` wrote; InputError when the file is damaged or not a tree."""
        from vastmax.tree.storage import load

        return load(path)

    def __copy__(self) -> Tree:
        return self  # nothing in it can be changed

    def __deepcopy__(self, memo: dict[int, Any]) -> Tree:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # What can be derived again is not pickled.
        return _rebuilt, (self.children, self.child_counts, self.leaf_words, self.words, self.labels)

    def __repr__(self) -> str:
        kind = "binary" if self.is_binary else f"up to {self.child_counts.max()} children a node"
        leaves = "" if self.one_leaf_a_word else f", {self.num_leaves} leaves"
        return f"Tree({self.vocab_size} words{leaves}, {self.num_nodes} inner nodes, {kind}, depth {self.max_depth})"


def _rebuilt(
    children: Int32,
    child_counts: Int32,
    leaf_words: Int32,
    words: Sequence[str] | None,
    labels: Sequence[str] | None,
) -> Tree:
    return Tree(children, child_counts, leaf_words, words=words, labels=labels)


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
        raise InputError(f"the tree has {expected} {kind}, found {len(names)} names for them; give one each")
    return tuple(names)
