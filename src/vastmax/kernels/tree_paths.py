"""The paths of a binary tree as the training kernels walk them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.kernels.embedding_kernel import Floats, padded_rows

MOST_VISITS_AN_EXCHANGE = 32
"""After how many visits to a node near the root a thread adds what it learnt there to what the others learnt."""


@dataclass(frozen=True)
class TreePaths:
    """The edges from the root to each word, root first; edge e leads out of node e // 2 by branch e % 2.

    The kernels trust them, so they are checked here: ValueError for paths that would lead out of the arrays.
    """

    offsets: NDArray[np.int64]
    """(V + 1,) where each word's edges begin."""
    edges: NDArray[np.int32]
    """(decisions,)"""
    num_nodes: int

    def __post_init__(self) -> None:
        lengths = np.diff(self.offsets)
        if self.offsets[0] != 0 or self.offsets[-1] != self.edges.size or (lengths < 1).any():
            raise ValueError("paths must cover the edges one after the other, and each have an edge")
        if self.edges.min() < 0 or self.edges.max() >= 2 * self.num_nodes:
            raise ValueError(f"edges must be those of {self.num_nodes} nodes, two a node")

    @property
    def longest(self) -> int:
        """The decisions on the longest path."""
        return int(np.diff(self.offsets).max())

    def untrained_loss(self, weights: NDArray[np.floating]) -> float:
        """Return the mean nats of a word under `weights` (V,) while every decision is a coin's: log 2 each."""
        return math.log(2) * float(np.average(np.diff(self.offsets), weights=weights))


def visits_an_exchange(threads: int) -> int:
    """Return how often a thread visits a node near the root before it exchanges what it learnt there with the others.

    What `threads` threads learn meanwhile starts from the same rows and adds up, so many threads must exchange often.
    One thread has nobody to exchange with: 0.
    """
    return 0 if threads == 1 else max(1, min(MOST_VISITS_AN_EXCHANGE, 2 * MOST_VISITS_AN_EXCHANGE // threads))


class WalkedTree:
    """The tree that a kernel trains, or none: its node vectors, and what the compiled kernels are told of it."""

    def __init__(self, paths: TreePaths | None, vector_size: int, threads: int) -> None:
        self.paths = paths
        self.nodes: Floats = padded_rows(paths.num_nodes if paths else 0, vector_size)
        if paths:
            self._rest = (paths.offsets, paths.edges, paths.longest, visits_an_exchange(threads))
        else:
            self._rest = (np.zeros(0, np.int64), np.zeros(0, np.int32), 0, 0)

    @property
    def arguments(self) -> tuple[object, ...]:
        """nodes, path_offsets, path_edges, longest_path, visits_an_exchange."""
        return (self.nodes, *self._rest)

    def untrained_loss(self, weights: NDArray[np.floating]) -> float:
        """Return `TreePaths.untrained_loss`; 0 without a tree."""
        return self.paths.untrained_loss(weights) if self.paths else 0.0
