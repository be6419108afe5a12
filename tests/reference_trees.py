"""Hierarchical softmax in float64, one decision at a time; imports nothing from vastmax."""

from __future__ import annotations

import numpy as np


def log_probs(
    children: np.ndarray,
    child_counts: np.ndarray,
    leaf_words: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    h: np.ndarray,
) -> np.ndarray:
    """log p of every word for one hidden vector h (D,): walk down from the root, multiplying.

    `children` holds the edges of all nodes, node by node, ``~leaf`` for a leaf. All nodes having two children, weight
    and bias have a row a node and branch 1 has p = σ(v·h + b); otherwise a row an edge, and a softmax at every node.
    """
    binary = bool((child_counts == 2).all())
    first = np.concatenate([[0], np.cumsum(child_counts)]).astype(int)
    probability = np.zeros(int(leaf_words.max()) + 1)
    reached = {0: 1.0} if len(child_counts) else {}
    if not reached:
        probability[0] = 1.0
    for node in range(len(child_counts)):
        edges = range(first[node], first[node + 1])
        if binary:
            right = 1 / (1 + np.exp(-(weight[node] @ h + bias[node])))
            choice = [1 - right, right]
        else:
            scores = np.array([weight[e] @ h + bias[e] for e in edges])
            choice = np.exp(scores - scores.max())
            choice = choice / choice.sum()
        for e, p in zip(edges, choice, strict=True):
            if children[e] < 0:
                probability[leaf_words[~children[e]]] += reached[node] * p
            else:
                reached[int(children[e])] = reached[node] * p
    return np.log(probability)
