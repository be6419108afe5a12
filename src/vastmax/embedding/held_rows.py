"""Words whose vectors training moves less than others, or not at all."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import Floats


class HeldRows:
    """Takes back, after every piece of text, the share (1 − factor) of what training did to a word's vector.

    Within a piece, of at most some ten thousand words, the vectors move; where factor is 0 they are afterward what they
    were, to the bit.

    Args:
        matrix: (V, stride), changed in place.
        factor: (V,) in [0, 1]; words of factor 1 are left alone.
    """

    def __init__(self, matrix: Floats, factor: NDArray[np.float32]) -> None:
        self._matrix = matrix
        self._rows = np.flatnonzero(factor != 1)
        self._factor = factor[self._rows, None].astype(np.float32)
        self._before = matrix[self._rows]
        self._lock = threading.Lock()

    def hold(self) -> None:
        """Take back what was done since the last call."""
        if not len(self._rows):
            return
        with self._lock:
            moved = self._matrix[self._rows] - self._before
            self._before += self._factor * moved
            self._matrix[self._rows] = self._before
