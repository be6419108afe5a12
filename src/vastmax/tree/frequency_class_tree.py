"""Two-level trees: words of similar frequency share a class."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from vastmax.arguments import whole
from vastmax.distribution.counts import floored_counts
from vastmax.errors import InputError
from vastmax.tree.tree import Tree
from vastmax.tree.two_levels import two_levels

Mass = Literal["count", "sqrt-count"]


def frequency_classes(counts: npt.ArrayLike, num_classes: int | None = None, *, mass: Mass = "sqrt-count") -> Tree:
    """Return a tree of two decisions, the class and then the word, with classes of equal mass in count order.

    Class-based language models use it (Goodman 2001; Mikolov et al. 2011). If the mass of a word is its count, every
    class is chosen equally often. With its square root, the default, classes of frequent words are smaller and those of
    rare words larger, so the expected class is much smaller. A class of one word is a leaf of the root.

    Args:
        counts: (V,) word counts in id order, in any order of frequency; zeros are raised to the smallest positive one.
        num_classes: C in [1, V]; about √V if None.
        mass: ``"count"`` or ``"sqrt-count"``, which every class has in equal parts, as nearly as possible.

    Raises:
        InputError: the counts are empty, negative, NaN or all zero; num_classes out of range; an unknown mass.

    Cost: a sort of V counts.

    Example:
        >>> frequency_classes([8, 4, 2, 2, 1, 1, 1, 1], 4, mass="count").path(7).branches
        (3, 3)
    """
    weights = floored_counts(counts)
    V = weights.size
    C = max(1, round(V**0.5)) if num_classes is None else num_classes
    C = whole("num_classes", C, 1, V, why=f"there are {V} words")
    if mass not in ("count", "sqrt-count"):
        raise InputError(f'mass is {mass!r}; choose "count" or "sqrt-count"')
    order = np.argsort(-weights, kind="stable")
    starts = _equal_mass_cuts((weights if mass == "count" else np.sqrt(weights))[order], C)
    return two_levels(order, np.diff(np.append(starts, V)))


def _equal_mass_cuts(mass: npt.NDArray[np.float64], num_parts: int) -> npt.NDArray[np.int64]:
    """Return the starts of `num_parts` non-empty ranges of about equal mass; each takes its share of the rest."""
    total = np.concatenate([[0.0], np.cumsum(mass)])
    starts = [0]
    for parts_left in range(num_parts, 1, -1):
        start = starts[-1]
        goal = total[start] + (total[-1] - total[start]) / parts_left
        stop = int(np.searchsorted(total, goal))
        if stop > start and goal - total[stop - 1] < total[stop] - goal:  # the nearer of the two cuts around the goal
            stop -= 1
        starts.append(min(max(stop, start + 1), mass.size - parts_left + 1))
    return np.array(starts, dtype=np.int64)
