"""Where to cut a vocabulary into a head and tail clusters, so that an adaptive softmax step is cheapest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.distribution.counts import counts_array
from vastmax.errors import InputError

GRID_SIZE = 384
"""Candidate cut-offs of the dynamic programme: every rank when there are no more, else spread evenly over log rank."""

MAX_CLUSTERS = 4
"""Grave et al. (2017) found no gain beyond two to five clusters."""


@dataclass(frozen=True)
class ProductCost:
    """Seconds that the scores of k words for n examples take, with all that follows: softmax and both gradients.

    ::

        g(k, n) = fixed + max(small_cells, k * n) * (per_cell + per_cell_and_width * width)

    Below ``small_cells`` = k0 * n0 a product takes as long as one of that size. With ``per_cell_and_width = 0`` this is
    equation 4 of Grave et al. (2017), which gives a narrow cluster the price of a wide one; the term in the width is
    ours, because a cell of width 4 costs a tenth of one of width 256.

    Attributes:
        fixed: seconds of any product, > 0 or 0.
        small_cells: k0 * n0.
        per_cell: seconds a score, whatever the width.
        per_cell_and_width: seconds a score and unit of width.
    """

    fixed: float
    small_cells: float
    per_cell: float
    per_cell_and_width: float

    def seconds(self, cells: NDArray[np.float64] | float, width: float) -> NDArray[np.float64]:
        """g for products of ``cells`` = k * n scores of vectors of ``width``."""
        per_cell = self.per_cell + self.per_cell_and_width * width
        return self.fixed + np.maximum(self.small_cells, np.asarray(cells, dtype=np.float64)) * per_cell


DEFAULT_COST = ProductCost(fixed=4e-4, small_cells=16_384, per_cell=2.0e-9, per_cell_and_width=0.11e-9)
"""CPU-seconds on one AVX-512 server core (2026), see ``benchmarks/output_layers.py``; ratios, not absolutes, decide."""


def best_cutoffs(
    counts: Any,
    *,
    hidden_size: int,
    batch_size: int = 1024,
    div_value: float = 4.0,
    max_clusters: int = MAX_CLUSTERS,
    cost: ProductCost = DEFAULT_COST,
) -> list[int]:
    r"""The cut-offs that minimise the cost of a training step under the counts.

    The words in count order are cut at ``c_1 < c_2 < … < c_J``: a head of c_1 words, and J tail clusters
    [c_1, c_2), …, [c_J, V). Minimised, over J and the cut-offs, is::

        g(c_1 + J, n) + sum_i g(V_i, p_i * n)

    with n the batch size, V_i the size and p_i the probability mass of cluster i, whose width is hidden_size / div^i
    (Grave et al. 2017, section 4; g: see ``ProductCost``). By dynamic programming over candidate cut-offs, every rank
    of a small vocabulary, else ``GRID_SIZE`` ranks evenly spread over their logarithm; then each cut-off in turn is
    moved to the best rank between its neighbours on the grid, until none moves.

    Args:
        counts: (V,) in any order, or what has such ``.counts``.
        hidden_size: D, > 0.
        batch_size: n, examples a step, > 0.
        div_value: by how much each cluster is narrower than the one before, >= 1.
        max_clusters: the largest J tried, >= 0; J is also kept so low that no width falls below 1.
        cost: the device's constants.

    Returns:
        [c_1, …, c_J], strictly ascending in [1, V); empty when one plain softmax is cheapest.

    Raises:
        InputError: counts or an argument out of range.

    Cost: O(J² · GRID_SIZE²), about 0.1 s whatever V, and a sort of the counts.

    Example:
        >>> zipf = [1e6 / (rank + 1) for rank in range(100_000)]
        >>> cutoffs = best_cutoffs(zipf, hidden_size=256)
        >>> 1 <= len(cutoffs) <= MAX_CLUSTERS and cutoffs == sorted(cutoffs) and cutoffs[-1] < 100_000
        True
        >>> best_cutoffs([5, 3, 2], hidden_size=256)  # nothing to be saved on three words
        []
    """
    if hidden_size < 1 or batch_size < 1 or max_clusters < 0:
        raise InputError(
            f"hidden_size {hidden_size}, batch_size {batch_size}, max_clusters {max_clusters}: at least one is too "
            "small; expected at least 1, 1 and 0"
        )
    widths = cluster_widths(hidden_size, div_value, max_clusters)
    problem = _Problem(counts, batch_size, widths, cost)
    best = min((problem.best_of(J) for J in range(min(len(widths) - 1, problem.vocab_size - 1) + 1)), key=problem.total)
    return problem.refine(best)


def cluster_widths(hidden_size: int, div_value: float, max_clusters: int) -> list[int]:
    """[D, D // div, D // div², …] for the head and up to ``max_clusters`` clusters, as long as they are at least 1.

    Raises:
        InputError: div_value below 1 or not finite.
    """
    if not (np.isfinite(div_value) and div_value >= 1):
        raise InputError(f"div_value is {div_value!r}; expected a finite number of at least 1, such as 4.0")
    widths = (int(hidden_size // div_value**i) for i in range(max_clusters + 1))
    return list(itertools.takewhile(lambda width: width >= 1, widths))


def step_seconds(
    counts: Any,
    cutoffs: Sequence[int],
    *,
    hidden_size: int,
    batch_size: int = 1024,
    div_value: float = 4.0,
    cost: ProductCost = DEFAULT_COST,
) -> float:
    """What a step with these cut-offs costs under the model that ``best_cutoffs`` minimises; arguments as there."""
    cut = check_cutoffs(cutoffs, vocab_size=len(counts_array(counts)), hidden_size=hidden_size, div_value=div_value)
    widths = cluster_widths(hidden_size, div_value, len(cut))
    return _Problem(counts, batch_size, widths, cost).total(cut)


def check_cutoffs(cutoffs: Sequence[int], *, vocab_size: int, hidden_size: int, div_value: float) -> list[int]:
    """The cut-offs as a list of ints, after making sure that they cut.

    Raises:
        InputError: not strictly ascending integers in [1, V), or so many that a cluster would have no width.
    """
    cut = [int(c) for c in cutoffs]
    edges = [0, *cut, vocab_size]
    if cut != list(cutoffs) or any(a >= b for a, b in itertools.pairwise(edges)):
        raise InputError(
            f"cutoffs {list(cutoffs)} do not cut {vocab_size} words; expected strictly ascending integers from 1 to "
            f"{vocab_size - 1} (V itself is not among them)"
        )
    if len(cluster_widths(hidden_size, div_value, len(cut))) <= len(cut):
        raise InputError(
            f"{len(cut)} cut-offs with hidden_size {hidden_size} and div_value {div_value} make a cluster narrower "
            "than 1: pass fewer cut-offs or a smaller div_value"
        )
    return cut


class _Problem:
    """The cost of any cut, from prefix sums of the sorted counts."""

    def __init__(self, counts: Any, batch_size: int, widths: list[int], cost: ProductCost) -> None:
        ordered = np.sort(counts_array(counts))[::-1]
        self.vocab_size = len(ordered)
        self.batch_size, self.widths, self.cost = batch_size, widths, cost
        self.mass = np.concatenate([[0.0], np.cumsum(ordered) / ordered.sum()])
        self.grid = _grid(self.vocab_size)

    def head(self, size: NDArray[np.int64] | int, num_clusters: int) -> NDArray[np.float64]:
        return self.cost.seconds((np.asarray(size) + num_clusters) * float(self.batch_size), self.widths[0])

    def cluster(self, start: NDArray[np.int64] | int, stop: NDArray[np.int64] | int, index: int) -> NDArray[np.float64]:
        """Cost of cluster number ``index`` (1 … J) of the ranks [start, stop)."""
        examples = self.batch_size * (self.mass[stop] - self.mass[start])
        return self.cost.seconds((np.asarray(stop) - start) * np.asarray(examples), self.widths[index])

    def total(self, cutoffs: list[int]) -> float:
        edges = [*cutoffs, self.vocab_size]
        parts = [self.cluster(edges[i], edges[i + 1], i + 1) for i in range(len(cutoffs))]
        return float(self.head(edges[0], len(cutoffs)) + sum(parts))

    def best_of(self, num_clusters: int) -> list[int]:
        """The best cut into exactly ``num_clusters`` clusters with cut-offs on the grid."""
        if num_clusters == 0:
            return []
        start, stop = self.grid[:, None], self.grid[None, :]
        # The last cluster ends at V; each one before it ends where a later one starts.
        tail = self.cluster(self.grid, self.vocab_size, num_clusters)
        choices = []
        for index in range(num_clusters - 1, 0, -1):
            seconds = np.where(stop > start, self.cluster(start, stop, index) + tail[None, :], np.inf)
            choices.append(seconds.argmin(axis=1))
            tail = seconds.min(axis=1)
        place = int((self.head(self.grid, num_clusters) + tail).argmin())
        cutoffs = [int(self.grid[place])]
        for choice in reversed(choices):
            place = int(choice[place])
            cutoffs.append(int(self.grid[place]))
        return cutoffs

    def refine(self, cutoffs: list[int]) -> list[int]:
        """Move each cut-off to the best rank between the grid points beside it, until none moves."""
        cutoffs, moved = list(cutoffs), True
        while moved:
            moved = False
            for i, old in enumerate(cutoffs):
                previous = cutoffs[i - 1] if i else 0
                following = cutoffs[i + 1] if i + 1 < len(cutoffs) else self.vocab_size
                beside = int(np.searchsorted(self.grid, old))
                low = max(previous + 1, int(self.grid[max(beside - 1, 0)]))
                high = min(following - 1, int(self.grid[min(beside + 1, len(self.grid) - 1)]))
                ranks = np.arange(low, high + 1)
                seconds = self.cluster(ranks, following, i + 1)
                seconds = seconds + (self.cluster(previous, ranks, i) if i else self.head(ranks, len(cutoffs)))
                at = int(seconds.argmin())
                # Only a real gain counts as a move, so that ties cannot go round in circles.
                if seconds[at] < seconds[old - low] * (1 - 1e-12):
                    cutoffs[i], moved = int(ranks[at]), True
        return cutoffs


def _grid(vocab_size: int) -> NDArray[np.int64]:
    """Candidate cut-offs in [1, V)."""
    if vocab_size - 1 <= GRID_SIZE:
        return np.arange(1, vocab_size, dtype=np.int64)
    return np.unique(np.round(np.geomspace(1, vocab_size - 1, GRID_SIZE)).astype(np.int64))
