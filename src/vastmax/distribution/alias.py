"""Draws from a fixed discrete distribution in constant time: the alias method (Walker 1977; Vose 1991)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vastmax.errors import InputError


@dataclass(frozen=True)
class AliasTable:
    """V equal slots, each shared by at most two outcomes.

    A draw takes a uniform slot k and a uniform u in [0, 1): the outcome is k if u < threshold[k], else alias[k].
    Build: O(V). Draw: O(1), two lookups.
    """

    threshold: NDArray[np.float64]  # (V,)
    alias: NDArray[np.int32]  # (V,)

    @classmethod
    def from_weights(cls, weights: ArrayLike) -> AliasTable:
        """Build the table of the distribution proportional to `weights` (V,): finite, not negative, not all zero."""
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim != 1 or w.size == 0:
            raise InputError(f"weights have shape {w.shape}; expected one dimension with at least one entry")
        if not np.all(np.isfinite(w)) or np.any(w < 0):
            worst = int(np.argmax(~np.isfinite(w) | (w < 0)))
            raise InputError(f"weight {worst} is {w[worst]}; weights must be finite and not negative")
        total = w.sum()
        if not 0 < total < np.inf:
            raise InputError(f"weights have the sum {total}; at least one must be positive, and the sum finite")
        return cls(*_pair(w * (w.size / total)))

    def probabilities(self) -> NDArray[np.float64]:
        """Return the distribution (V,) that the table draws from, recomputed from its slots."""
        p = self.threshold.copy()
        np.add.at(p, self.alias, 1.0 - self.threshold)
        return p / p.size

    def thresholds_32_bits(self) -> NDArray[np.uint32]:
        """Return thresholds for a kernel that compares 32 random bits: the slot's own outcome if bits <= threshold."""
        return np.clip(np.round(self.threshold * 2.0**32) - 1, 0, 2**32 - 1).astype(np.uint32)


def _pair(scaled: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Fill each slot that is less than full from one that is more than full; `scaled` has mean 1."""
    threshold = scaled.tolist()
    alias = list(range(len(threshold)))
    small = [k for k, x in enumerate(threshold) if x < 1.0]
    large = [k for k, x in enumerate(threshold) if x >= 1.0]
    while small and large:
        k, donor = small.pop(), large[-1]
        alias[k] = donor
        threshold[donor] -= 1.0 - threshold[k]
        if threshold[donor] < 1.0:
            small.append(large.pop())
    for k in small + large:  # left over due to rounding
        threshold[k] = 1.0
    return np.asarray(threshold), np.asarray(alias, dtype=np.int32)
