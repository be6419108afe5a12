"""The work of methods over trees: decisions on paths, classes and the words in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vastmax.methods.parts import rows_in_play
from vastmax.methods.words import Law, Words, expected_distinct
from vastmax.methods.work import FLOAT_BYTES, MethodWork, Setting, Work
from vastmax.tree.frequency_class_tree import frequency_classes


def binary_tree_work(setting: Setting, masses: Law) -> MethodWork:
    """Return the work over a binary tree whose inner nodes are passed by these shares of the text, (V − 1,)."""
    V, D, N = setting.V, setting.hidden_size, setting.batch_size
    decisions = N * float(masses.sum())  # each example passes a node with the node's mass
    touched = float(expected_distinct(masses, N).sum())
    forward = Work(decisions * D, decisions, scattered_bytes=FLOAT_BYTES * decisions * D, operations=15.0)
    step = Work(3 * decisions * D, decisions, FLOAT_BYTES * decisions * D, operations=60.0)
    # A node is unfolded only if all below it together are likelier than the best word.
    unfolded = N * float((masses >= setting.words.law.max()).sum())
    search = Work(unfolded * D, unfolded, scattered_bytes=FLOAT_BYTES * unfolded * D, operations=15.0)
    return MethodWork(
        step + rows_in_play(touched, D),
        forward,
        search,
        parameters=(V - 1) * (D + 1.0),
        state=2.0 * (V - 1),
        gradient=touched * (D + 1.0),
        best_of_unigrams=True,
    )


def class_work(setting: Setting, sizes: NDArray[np.int64], masses: Law) -> MethodWork:
    """Return the work of two softmaxes, over classes (C,) of these sizes and shares of the text, and in one of them."""
    D, N = setting.hidden_size, setting.batch_size
    inner = sizes > 1
    num_rows = len(sizes) + float(sizes[inner].sum())
    cells = N * (len(sizes) + float((masses * sizes)[inner].sum()))
    in_play = expected_distinct(masses, N) * sizes
    touched = len(sizes) + float(in_play[inner].sum())
    forward = Work(cells * D, cells, FLOAT_BYTES * touched * D, operations=20.0)
    step = Work(3 * cells * D, cells, operations=60.0) + rows_in_play(touched, D)
    unfolded = N * (len(sizes) + float(sizes[inner & (masses >= setting.words.law.max())].sum()))
    return MethodWork(
        step,
        forward,
        Work(unfolded * D, unfolded, FLOAT_BYTES * unfolded * D, operations=20.0),
        parameters=num_rows * (D + 1.0),
        state=2.0 * num_rows,
        gradient=touched * (D + 1.0),
        best_of_unigrams=True,
    )


def halved_node_masses(words: Words) -> Law:
    """Return the shares of the text that pass the nodes of a tree that halves Σ √count at every split.

    A word lies log2(Σ √count / √count) decisions deep. Which words share a node nobody knows before they are clustered:
    the nodes of a depth are taken to be passed equally often.
    """
    root = np.sqrt(words.law)
    root /= root.sum()
    depth = np.maximum(np.round(-np.log2(root)), 1).astype(np.int64)
    levels = int(depth.max())
    # Of the words that lie deeper than each level: their share of the text, and of the root masses.
    below = [np.cumsum(np.bincount(depth, law, levels + 1)[::-1])[::-1][1:] for law in (words.law, root)]
    nodes = np.maximum(np.round(2.0 ** np.arange(levels) * below[1]), 1).astype(np.int64)
    masses: Law = np.repeat(np.minimum(below[0] / nodes, 1.0), nodes)
    return masses


SPREAD = 0.13
"""Share of a text that is spread evenly over classes of similar words; the rest follows frequency, because words of
similar frequency are similar. Measured on a tree of 345,000 words of Wikipedia, split into 587 and 1,024 classes."""


def alike_classes(words: Words, num_classes: int) -> tuple[NDArray[np.int64], Law]:
    """Return (sizes, masses) of classes from a clustered tree with equal shares of Σ √count, both (C,)."""
    tree = frequency_classes(words.counts, num_classes)
    first = int(tree.child_counts[0])
    child = tree.children[:first]
    sizes = np.where(child < 0, 1, tree.child_counts[np.maximum(child, 0)]).astype(np.int64)
    masses: Law = (1 - SPREAD) * tree.edge_sums(words.law[tree.leaf_words])[:first] + SPREAD / first
    return sizes, masses
