"""The vectors of a tree's inner nodes, carried to another tree over more words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import Floats
from vastmax.kernels.embedding_tables import TreePaths
from vastmax.tree import huffman

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_COLUMNS = 16  # carried at a time: memory is some 100 numbers per word


def huffman_paths(counts: NDArray[np.int64]) -> TreePaths:
    """Return the paths to words in the Huffman tree of their counts."""
    tree = huffman(counts)
    return TreePaths(tree.path_offsets, tree.path_edges, tree.num_nodes)


def carry_nodes(old: TreePaths, vectors: Floats, row: NDArray[np.int32], new: TreePaths, out: Floats) -> None:
    """Write vectors for the nodes of a new tree, under which its words are told apart as in the old one.

    Around h = 0, log p(w | h) is linear in h with the slope g_w = Σ ±½ u_n over the path of w, + for branch 1. Node n
    of the new tree decides between the words below its two branches, so that its vector is

        u_n = mean of g_w below branch 1 − mean of g_w below branch 0,

    weighted by p(w | 0) = 2^−depth of the old tree. A node with the same words below its branches in both trees keeps
    its vector, apart from rounding: what lies further down cancels in the means. New words have no weight, and a node
    with nothing else below one branch gets zeros, as in a new tree.

    Args:
        old: paths of V words.
        vectors: (V − 1, D) of its nodes.
        row: (V',) the old word of each new one, −1 for none.
        new: paths of V' words.
        out: (V' − 1, D), to be overwritten.

    Cost: two multiply-adds per number and decision on a path.
    """
    same = len(row) == len(old.offsets) - 1 and np.array_equal(row, np.arange(len(row)))
    if same and np.array_equal(old.edges, new.edges) and np.array_equal(old.offsets, new.offsets):
        out[:] = vectors
        return
    known = row >= 0
    weights = np.zeros(len(row))
    weights[known] = 2.0 ** -np.diff(old.offsets)[row[known]].astype(np.float64)
    below = _incidence(new, np.ones(len(new.edges)), new.edges, 2 * new.num_nodes).T.tocsr()
    mass = below @ weights
    share = np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)[:, None]
    decides = (mass[0::2] > 0) & (mass[1::2] > 0)
    slopes = _incidence(old, np.where(old.edges % 2, 0.5, -0.5), old.edges // 2, old.num_nodes)
    for first in range(0, vectors.shape[1], _COLUMNS):
        columns = slice(first, first + _COLUMNS)
        slope = slopes @ vectors[:, columns].astype(np.float64)
        of_new = np.zeros((len(row), slope.shape[1]))
        of_new[known] = weights[known, None] * slope[row[known]]
        mean = (below @ of_new) * share
        out[:, columns] = np.where(decides[:, None], mean[1::2] - mean[0::2], 0.0)


def _incidence(paths: TreePaths, data: NDArray[Any], columns: NDArray[np.int32], width: int) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array((data, columns, paths.offsets), shape=(len(paths.offsets) - 1, width))
