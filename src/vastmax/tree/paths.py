"""Ways down a tree: one as a person reads it, all of them as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Path(NamedTuple):
    """The decisions from the root to one leaf."""

    nodes: tuple[int, ...]
    """The inner nodes passed, root first."""
    branches: tuple[int, ...]
    """Which child is taken at each of them: 0 is the left one."""

    @property
    def code(self) -> str:
        """The branches as text: ``"011"`` is left, right, right; branches of ten and more are set apart by dots."""
        return ("" if max(self.branches, default=0) < 10 else ".").join(map(str, self.branches))


@dataclass(frozen=True)
class Paths:
    """The paths of many leaves, end to end; leaf i owns the stretch from ``offsets[i]`` to ``offsets[i + 1]``."""

    offsets: npt.NDArray[np.int64]
    """(leaves + 1,)"""
    nodes: npt.NDArray[np.int32]
    """(decisions,) node ids, root first within a leaf."""
    branches: npt.NDArray[Any]
    """(decisions,) the child taken, in the smallest unsigned integer type that holds them."""
