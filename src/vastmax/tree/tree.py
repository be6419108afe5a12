"""The tree type: leaves are words, inner nodes are decisions. A few flat arrays, no Python object per node."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError, UnknownWordError
from vastmax.tree.description import Description, describe
from vastmax.tree.drawing import draw
from vastmax.tree.links import Int32, Int64, breadth_first
from vastmax.tree.storage import load, save
from vastmax.tree.structure import Path, Structure


class Tree(Structure):
    """A tree whose leaves are the words of a vocabulary.

    Inner nodes are numbered breadth first from the root, node 0, so each level is a range of node ids. The children of
    all nodes form one array of *edges*, node by node; an edge is the id of the inner node it leads to, or ``~leaf_id``
    (negative) for a leaf. Leaves are numbered in the order of their words. A word may have several leaves; its
    probability is then their sum. The tree of one word is one leaf without inner nodes.

    Args:
        children: (E,) integers, the edges as above; leaves and inner nodes each occur exactly once, inner nodes in
            breadth-first order.
        child_counts: (M,) integers of at least 1, the number of children of each inner node.
        leaf_words: (leaves,) word ids, ascending; None if leaf i is word i.
        words: the vocabulary in id order, for lookups by word; see also `with_words`.
        labels: names of the inner nodes (M,), for pictures; the empty string for a node without a name.

    Raises:
        InputError: the arrays do not describe a tree, or a word has no leaf.

    Cost: O(V) memory; about 30 bytes per word for a binary tree, plus the paths once they are used.

    Example:
        >>> from vastmax import tree
        >>> t = tree.balanced(8)
        >>> t.path(3).code
        '011'
    """

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
        """Build from nodes in any order, where a negative child is ``~word_id``; a word may occur repeatedly.

        Args:
            children: (E,) the children of all nodes, node by node.
            child_counts: (M,) the number of children of each node.
            root: the index of the root among the nodes.
            words: names of the words.
            labels: names of the nodes, in the given order.

        Raises:
            InputError: a node is not reached from the root, or reached twice.
        """
        ordered = breadth_first(children, child_counts, root=root)
        named = None if labels is None else [labels[i] for i in ordered.nodes]
        return cls(ordered.children, ordered.child_counts, ordered.leaf_words, words=words, labels=named)

    # Queries.

    def path(self, word: str | int, *, copy: int = 0) -> Path:
        """Return the path to a word, given by name (if the tree knows its words) or by id.

        Args:
            word: a word or a word id.
            copy: the index of the leaf, if the word has several.

        Raises:
            InputError: an id or a copy out of range, or a name for a tree without names.
            UnknownWordError: a name that is not in the vocabulary.

        Example:
            >>> from vastmax import tree
            >>> t = tree.nested({"sports": {"ball games": ["Football", "golf"]}, "music": ["piano"]})
            >>> t.path("golf").branches
            (0, 0, 1)
        """
        leaves = self.leaves(word)
        if not 0 <= copy < leaves.size:
            raise InputError(f"word {word!r} has {leaves.size} leaves; copy {copy} does not exist, copies count from 0")
        return self._leaf_path(int(leaves[copy]))

    def word_paths(self, word: str | int) -> tuple[Path, ...]:
        """Return the paths to all leaves of a word: one, unless the tree repeats words. Raises as `path`."""
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
        """Return the ids of all leaves of a word: one, unless the tree repeats words. Raises as `path`."""
        if isinstance(word, str):
            if self.words is None:
                raise InputError(
                    f"this tree does not know its words, such as {word!r}; pass an id, or use with_words first"
                )
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
        """Return the same tree with names for its words: ``words[i]`` is the word with id i."""
        return Tree(self.children, self.child_counts, self.leaf_words, words=words, labels=self.labels)

    def describe(self, counts: npt.ArrayLike | None = None) -> Description:
        """Return depth, expected path length and cost under `counts` (V,), None for equal counts, and the entropy."""
        return describe(self, counts)

    def draw(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        counts: npt.ArrayLike | None = None,
        max_rows: int = 40,
        title: str | None = None,
    ) -> str:
        """Draw the tree as SVG, or its top if it has more than `max_rows` leaves; see `vastmax.tree.drawing.draw`."""
        return draw(self, path, counts=counts, max_rows=max_rows, title=title)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tree to a file of arrays (safetensors), under a temporary name that is then renamed."""
        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Tree:
        """Read a tree from a file written by `save`; raise InputError if it is damaged or not a tree."""
        return load(path, Tree)

    def __copy__(self) -> Tree:
        return self  # immutable

    def __deepcopy__(self, memo: dict[int, Any]) -> Tree:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Derived arrays are not pickled.
        return _rebuilt, (self.children, self.child_counts, self.leaf_words, self.words, self.labels)

    def __repr__(self) -> str:
        kind = "binary" if self.is_binary else f"up to {self.child_counts.max()} children per node"
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
