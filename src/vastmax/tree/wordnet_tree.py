"""A tree of meanings: the kinds of things that WordNet knows, cut down to the words of a vocabulary."""

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
"""The label of the subtree of words that the dictionary lacks."""


def wordnet(
    words: Sequence[str], counts: npt.ArrayLike | None = None, path: str | os.PathLike[str] | None = None
) -> Tree:
    """A binary tree that follows WordNet's hierarchy of meanings (Morin & Bengio 2005).

    A word stands under its commonest sense, that under what it is a kind of, and so on up: a dog is a canine, a canine
    a carnivore, … an entity. Inflected forms stand with their lemma. From the graph of meanings a tree is cut by
    keeping the first of several hypernyms. Verbs, adjectives and adverbs above which nothing stands are grouped by
    WordNet's lexicographer files (verbs of motion, of perception, …); words that WordNet lacks form a subtree of their
    own. Nodes of one child are left out, and nodes of many split by frequency, see `vastmax.tree.binarised`.

    Args:
        words: the vocabulary in id order.
        counts: (V,) of the words; None: all words alike.
        path: the folder of the dictionary; None looks in the usual places, see `find_dictionary`.

    Returns:
        A binary `Tree` with one leaf a word, which knows its words; inner nodes are labelled by the first word of their
        synset.

    Raises:
        InputError: no dictionary or a damaged one; a word given twice; counts that do not fit.

    Cost: about a second for ten thousand words, mostly to read the index.
    """
    repeated = [word for word, times in Counter(words).items() if times > 1]
    if repeated or not words:
        raise InputError(f"{repeated[0]!r} stands twice among the words" if repeated else "no words; give one at least")
    dictionary = Dictionary(find_dictionary(path))
    forest = _Forest(dictionary)
    senses = dictionary.senses(words)
    for word_id, word in enumerate(words):
        forest.place(word_id, senses.get(word))
    return binarised(forest.tree(words), counts)


class _Forest:
    """Nodes as they are first met: what each holds, and what it is called. Node 0 is the root."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._held: list[list[int]] = [[]]  # inner nodes, and ~word for words
        self._labels = [""]
        self._node: dict[SynsetId | str, int] = {}

    def place(self, word_id: int, sense: SynsetId | None) -> None:
        """Hang a word under its sense."""
        node = self._group(LACKING) if sense is None else self._synset_node(sense)
        self._held[node].append(~word_id)

    def _synset_node(self, sense: SynsetId) -> int:
        """The node of a synset, and if it is new the nodes above it."""
        new: list[SynsetId] = []
        names: list[str] = []
        at: SynsetId | None = sense
        parent = 0
        while at is not None and at not in self._node:
            synset = self._dictionary.synset(at)
            new.append(at)
            names.append(synset.words[0].replace("_", " "))
            # Not one that has been passed: there are verbs in WordNet 3.0 that are kinds of each other.
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
        """The tree of all nodes, each with as many children as it happens to have."""
        if len(words) == 1:
            return Tree([], [], words=words)
        child_counts = np.array([len(held) for held in self._held])
        links = np.array([link for held in self._held for link in held])
        return Tree.from_links(links, child_counts, words=words, labels=self._labels)
