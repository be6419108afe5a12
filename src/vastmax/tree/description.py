"""The cost of a tree in numbers: its depth, and its distance from the entropy that bounds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vastmax.tree.structure import Structure


@dataclass(frozen=True)
class Description:
    """The shape of a tree and the cost of its paths; expectations are under the counts passed to `describe`."""

    num_words: int
    num_leaves: int
    num_nodes: int
    max_children: int
    mean_depth: float
    """Decisions per leaf, with equal weights."""
    max_depth: int
    expected_depth: float
    """Decisions per word."""
    expected_scores: float
    """Scores computed per word: one for a binary node, one per child for any other."""
    expected_bits: float
    """Σ log2(children) along the path to a word: in a binary tree its depth."""
    entropy_bits: float
    """H of the words, a lower bound of the expected bits."""
    num_rows: int
    """Rows of weights: V − 1 for a binary tree."""

    @property
    def excess_bits(self) -> float:
        """Expected bits minus the entropy: how much longer the code is than an ideal one."""
        return self.expected_bits - self.entropy_bits

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures with their names, for a table."""
        return [
            ("words", f"{self.num_words:,}"),
            ("leaves", f"{self.num_leaves:,}"),
            ("inner nodes", f"{self.num_nodes:,}"),
            ("children of a node, at most", f"{self.max_children:,}"),
            ("depth of a leaf, mean", f"{self.mean_depth:.2f}"),
            ("depth of a leaf, largest", f"{self.max_depth}"),
            ("decisions to a word, expected", f"{self.expected_depth:.2f}"),
            ("scores for a word, expected", f"{self.expected_scores:,.1f}"),
            ("bits of a word's path, expected", f"{self.expected_bits:.2f}"),
            ("entropy of the words in bits", f"{self.entropy_bits:.2f}"),
            ("bits above the entropy", f"{self.excess_bits:.2f}"),
            ("rows of weights", f"{self.num_rows:,}"),
        ]

    def __str__(self) -> str:
        return "\n".join(f"{name:<32}{value:>12}" for name, value in self.rows())


def describe(tree: Structure, counts: npt.ArrayLike | None = None) -> Description:
    """Return the description of a tree under word counts (V,) in id order, or equal counts if None.

    For a word with several leaves, depth and bits are the mean over the leaves, and scores their sum.

    Raises:
        InputError: the number of counts is wrong, or `floored_counts` rejects them.

    Example:
        >>> from vastmax import tree
        >>> tree.huffman([8, 4, 2, 1, 1]).describe([8, 4, 2, 1, 1]).expected_depth
        1.875
    """
    weights = np.ones(tree.vocab_size) if counts is None else tree.word_weights(counts)
    p = weights / weights.sum()
    scores_here = np.where(tree.is_binary, 1, tree.child_counts).astype(np.float64)
    leaf_share = (p / np.diff(tree.word_offsets))[tree.leaf_words]
    depths = tree.leaf_depths
    return Description(
        num_words=tree.vocab_size,
        num_leaves=tree.num_leaves,
        num_nodes=tree.num_nodes,
        max_children=int(tree.child_counts.max(initial=0)),
        mean_depth=float(depths.mean()),
        max_depth=tree.max_depth,
        expected_depth=float(leaf_share @ depths),
        expected_scores=float(p[tree.leaf_words] @ _path_sums(tree, scores_here)),
        expected_bits=float(leaf_share @ _path_sums(tree, np.log2(tree.child_counts))),
        entropy_bits=float(-(p @ np.log2(p))),
        num_rows=tree.num_nodes if tree.is_binary else tree.num_edges,
    )


def _path_sums(tree: Structure, node_values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return for each leaf the sum of a value over the nodes on its path."""
    if not tree.num_nodes:
        return np.zeros(1)
    sums = node_values.copy()
    for start, stop in zip(tree.level_offsets[1:-1], tree.level_offsets[2:], strict=True):
        sums[start:stop] += sums[tree.edge_nodes[tree.node_edges[start:stop]]]
    return sums[tree.edge_nodes[tree.leaf_edges]]
