"""The tree type: leaves are words, inner nodes are decisions. A handful of flat arrays, no Python object a node."""

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
from vastmax.tree.paths import Path
from vastmax.tree.storage import load, save
from vastmax.tree.structure import Structure


class Tree(Structure):
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

    def describe(self, counts: npt.ArrayLike | None = None) -> Description:
        """Depth, expected path and cost against the entropy of `counts` (V,); all words alike when None."""
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
        return draw(self, path, counts=counts, max_rows=max_rows, title=title)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tree to one small file of arrays (safetensors), beside its place and then renamed."""
        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Tree:
        """Read what `save` wrote; InputError when the file is damaged or not a tree."""
        return load(path, Tree)

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
