"""A tree of meanings: WordNet's hierarchy, restricted to the words of a vocabulary."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError
from vastmax.tree.binary_tree import binarised
from vastmax.tree.tree import Tree
from vastmax.tree.wordnet_files import Dictionary, SynsetId, find_dictionary

_NAMES = {"noun": "noun", "verb": "verb", "adj": "adjective", "adv": "adverb"}
LACKING = "not in WordNet"
"""The label of the subtree of words that are not in the dictionary."""


def wordnet(
    words: Sequence[str], counts: npt.ArrayLike | None = None, path: str | os.PathLike[str] | None = None
) -> Tree:
    """Return a binary tree that follows WordNet's hierarchy of meanings (Morin & Bengio 2005).

    A word is below its most common sense, which is below its hypernym, and so on: a dog is a canine, a canine is a
    carnivore, … an entity. Inflected forms are next to their lemma. Of several hypernyms the first is kept, which makes
    the graph of meanings a tree. Verbs, adjectives and adverbs without hypernyms are grouped by WordNet's lexicographer
    files (verbs of motion, of perception, …); words that are not in WordNet form a separate subtree. Nodes with one
    child are left out, and nodes with many are split by frequency; see `vastmax.tree.binarised`.

    Args:
        words: the vocabulary in id order.
        counts: (V,) word counts; None: equal counts.
        path: the folder of the dictionary; None searches the usual places, see `find_dictionary`.

    Returns:
        A binary `Tree` with one leaf per word, which knows its words; the labels of inner nodes are the first words of
        their synsets.

    Raises:
        InputError: the dictionary is missing or damaged; a word occurs twice; counts do not fit.

    Cost: about a second for ten thousand words, mostly to read the index.
    """
    repeated = [word for word, times in Counter(words).items() if times > 1]
    if repeated or not words:
        raise InputError(f"{repeated[0]!r} occurs twice among the words" if repeated else "no words; pass at least one")
    dictionary = Dictionary(find_dictionary(path))
    forest = _Forest(dictionary)
    senses = dictionary.senses(words)
    for word_id, word in enumerate(words):
        forest.place(word_id, senses.get(word))
    return binarised(forest.tree(words), counts)


class _Forest:
    """The content and the label of nodes, in the order of creation. Node 0 is the root."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._held: list[list[int]] = [[]]  # inner nodes, and ~word for words
        self._labels = [""]
        self._node: dict[SynsetId | str, int] = {}

    def place(self, word_id: int, sense: SynsetId | None) -> None:
        """Add a word below its sense."""
        node = self._group(LACKING) if sense is None else self._synset_node(sense)
        self._held[node].append(~word_id)

    def _synset_node(self, sense: SynsetId) -> int:
        """Return the node of a synset; create it and the nodes above it if they are new."""
        new: list[SynsetId] = []
        names: list[str] = []
        at: SynsetId | None = sense
        parent = 0
        while at is not None and at not in self._node:
            synset = self._dictionary.synset(at)
            new.append(at)
            names.append(synset.words[0].replace("_", " "))
            # Skip those already visited: some verbs in WordNet 3.0 are kinds of each other.
            higher = next((above for above in synset.above if above not in new), None)
            if higher is None:
                parent = self._group(_NAMES[at.part_of_speech])
                if synset.lexicographer_file:
                    parent = self._group(synset.lexicographer_file, below=parent)
            at = higher
        if at is not None:
            parent = self._node[at]
        for synset_id, name in zip(reversed(new), reversed(names), strict=True):
            parent = self._add(synset_id, name, parent)
        return parent

    def _group(self, name: str, *, below: int = 0) -> int:
        return self._node[name] if name in self._node else self._add(name, name, below)

    def _add(self, key: SynsetId | str, label: str, parent: int) -> int:
        node = len(self._held)
        self._held.append([])
        self._labels.append(label)
        self._node[key] = node
        self._held[parent].append(node)
        return node

    def tree(self, words: Sequence[str]) -> Tree:
        """Return the tree of all nodes, before it is made binary."""
        if len(words) == 1:
            return Tree([], [], words=words)
        child_counts = np.array([len(held) for held in self._held])
        links = np.array([link for held in self._held for link in held])
        return Tree.from_links(links, child_counts, words=words, labels=self._labels)
