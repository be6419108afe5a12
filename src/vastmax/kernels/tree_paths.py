"""The paths of a binary tree as the training kernels walk them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
            raise ValueError("paths must cover the edges one after the other, and have an edge each")
        if self.edges.min() < 0 or self.edges.max() >= 2 * self.num_nodes:
            raise ValueError(f"edges must be those of {self.num_nodes} nodes, two a node")

    @property
    def longest(self) -> int:
        """The decisions on the longest path."""
        return int(np.diff(self.offsets).max())

    def untrained_loss(self, weights: NDArray[np.floating]) -> float:
        """Return the mean nats of a word under `weights` (V,) while every decision is a coin's: log 2 each."""
        return math.log(2) * float(np.average(np.diff(self.offsets), weights=weights))
