"""Choose the cutoffs between the head and the tail clusters that make an adaptive softmax step cheapest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.arguments import MOST_WORDS, whole
from vastmax.distribution.counts import counts_array
from vastmax.errors import InputError

GRID_SIZE = 384
"""The number of candidate cutoffs of the dynamic program: all ranks if there are no more, else evenly in log rank."""

MAX_CLUSTERS = 3
"""Not counting the head. Grave et al. (2017) found little gain beyond 3; with div_value 4, a fourth has width D/256."""

DIV_VALUE = 4.0
"""The ratio of the widths of consecutive clusters (Grave et al. 2017)."""


@dataclass(frozen=True)
class ProductCost:
    """The cost of a product of n hidden vectors with k word vectors, including softmax and gradients.

    ::

        g(k, n) = max(c + lambda * k0 * n0, c + lambda * k * n)      (Grave et al. 2017, section 4)

    Below k0 * n0 scores, a product takes as long as one of that size. The cost does not depend on the width: a narrow
    cluster counts like a wide one, though it is cheaper. This is the published model, and its error is harmless: with
    costs by width, all but a few dozen words would be in the tails and lose their full width.

    Attributes:
        fixed: c, seconds of any product, >= 0.
        small_cells: k0 * n0, >= 0.
        per_cell: lambda, seconds per score, > 0.
    """

    fixed: float
    small_cells: float
    per_cell: float

    def seconds(self, cells: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return g for products of ``cells`` = k * n scores."""
        return self.fixed + self.per_cell * np.maximum(self.small_cells, np.asarray(cells, dtype=np.float64))


DEFAULT_COST = ProductCost(fixed=4e-4, small_cells=16_384, per_cell=3e-8)
"""CPU-seconds of an AVX-512 server core at a width of 256 (2026); only the ratios of the three matter."""


def best_cutoffs(
    counts: Any,
    *,
    batch_size: int = 1024,
    max_clusters: int = MAX_CLUSTERS,
    cost: ProductCost = DEFAULT_COST,
) -> list[int]:
    r"""Return the cutoffs that minimize the cost of a training step under the counts.

    The words in count order are divided at ``c_1 < c_2 < … < c_J`` into a head of c_1 words and J tail clusters
    [c_1, c_2), …, [c_J, V). The objective, minimized over J and the cutoffs, is::

        g(c_1 + J, n) + sum_i g(V_i, p_i * n)

    where n is the batch size, V_i the size and p_i the probability mass of cluster i (Grave et al. 2017, section 4; for
    g see ``ProductCost``). The method is dynamic programming over candidate cutoffs: all ranks of a small vocabulary,
    else ``GRID_SIZE`` ranks evenly spaced in their logarithm. Then each cutoff is moved to the best rank between its
    neighbors on the grid, until none moves.

    Args:
        counts: (V,) in any order, or an object with such ``.counts``.
        batch_size: n, examples per step, > 0.
        max_clusters: the largest J tried, >= 0.
        cost: the device's constants; ``vastmax.output.measure_product_cost`` measures them.

    Returns:
        [c_1, …, c_J], strictly ascending in [1, V); empty when one plain softmax is cheapest.

    Raises:
        InputError: counts or an argument out of range.

    Cost: O(J² · GRID_SIZE²), about 0.1 s for any V, and a sort of the counts.

    Example:
        >>> zipf = [1e6 / (rank + 1) for rank in range(100_000)]
        >>> cutoffs = best_cutoffs(zipf)
        >>> len(cutoffs), 1000 < cutoffs[0] < 2000
        (3, True)
        >>> best_cutoffs([5, 3, 2])  # nothing to be saved on three words
        []
    """
    whole("batch_size", batch_size, 1, MOST_WORDS)
    whole("max_clusters", max_clusters, 0, MOST_WORDS)
    problem = _Problem(counts, batch_size, cost)
    most = min(max_clusters, problem.vocab_size - 1)
    best = min((problem.best_of(num_clusters) for num_clusters in range(most + 1)), key=problem.total)
    return problem.refine(best)


def step_seconds(
    counts: Any, cutoffs: Sequence[int], *, batch_size: int = 1024, cost: ProductCost = DEFAULT_COST
) -> float:
    """Return the cost of a step with these cutoffs in the model of ``best_cutoffs``; see there for the arguments."""
    problem = _Problem(counts, batch_size, cost)
    return problem.total(check_cutoffs(cutoffs, problem.vocab_size))


def check_cutoffs(cutoffs: Sequence[int], vocab_size: int) -> list[int]:
    """Check the cutoffs and return them as a list of ints.

    Raises:
        InputError: not strictly ascending integers in [1, V).
    """
    cut = [int(c) for c in cutoffs]
    edges = [0, *cut, vocab_size]
    if cut != list(cutoffs) or any(a >= b for a, b in itertools.pairwise(edges)):
        raise InputError(
            f"cutoffs {list(cutoffs)} do not divide {vocab_size} words; expected strictly ascending integers from 1 to "
            f"{vocab_size - 1} (V itself is not among them)"
        )
    return cut


def tail_width(hidden_size: int, i: int, *, div_value: float = DIV_VALUE) -> int:
    """Return the vector size in tail cluster i = 1, 2, …: D / div_value^i, rounded down."""
    return int(hidden_size // div_value**i)


def most_clusters(hidden_size: int, *, div_value: float = DIV_VALUE) -> int:
    """Return the maximum number of tail clusters: `MAX_CLUSTERS`, unless one of them would have width 0."""
    return sum(tail_width(hidden_size, i, div_value=div_value) >= 1 for i in range(1, MAX_CLUSTERS + 1))


class _Problem:
    """The cost of any cutoffs, from prefix sums of the sorted counts."""

    def __init__(self, counts: Any, batch_size: int, cost: ProductCost) -> None:
        ordered = np.sort(counts_array(counts))[::-1]
        self.vocab_size = len(ordered)
        self.batch_size, self.cost = batch_size, cost
        self.mass = np.concatenate([[0.0], np.cumsum(ordered) / ordered.sum()])
        self.grid = _grid(self.vocab_size)

    def head(self, size: NDArray[np.int64] | int, num_clusters: int) -> NDArray[np.float64]:
        return self.cost.seconds((np.asarray(size) + num_clusters) * float(self.batch_size))

    def cluster(self, start: NDArray[np.int64] | int, stop: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """Return the cost of a cluster of the ranks [start, stop)."""
        examples = self.batch_size * (self.mass[stop] - self.mass[start])
        return self.cost.seconds((np.asarray(stop) - start) * np.asarray(examples))

    def total(self, cutoffs: list[int]) -> float:
        edges = [*cutoffs, self.vocab_size]
        parts = [self.cluster(edges[i], edges[i + 1]) for i in range(len(cutoffs))]
        return float(self.head(edges[0], len(cutoffs)) + sum(parts))

    def best_of(self, num_clusters: int) -> list[int]:
        """Return the best cutoffs on the grid for exactly ``num_clusters`` clusters."""
        if num_clusters == 0:
            return []
        start, stop = self.grid[:, None], self.grid[None, :]
        # The last cluster ends at V; each one before it ends where a later one starts.
        tail = self.cluster(self.grid, self.vocab_size)
        choices = []
        for _ in range(num_clusters - 1):
            seconds = np.where(stop > start, self.cluster(start, stop) + tail[None, :], np.inf)
            choices.append(seconds.argmin(axis=1))
            tail = seconds.min(axis=1)
        place = int((self.head(self.grid, num_clusters) + tail).argmin())
        cutoffs = [int(self.grid[place])]
        for choice in reversed(choices):
            place = int(choice[place])
            cutoffs.append(int(self.grid[place]))
        return cutoffs

    def refine(self, cutoffs: list[int]) -> list[int]:
        """Move each cutoff to the best rank between the adjacent grid points, until none moves."""
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
                seconds = self.cluster(ranks, following)
                seconds = seconds + (self.cluster(previous, ranks) if i else self.head(ranks, len(cutoffs)))
                at = int(seconds.argmin())
                # Only a real gain counts as a move, so that ties cannot loop forever.
                if seconds[at] < seconds[old - low] * (1 - 1e-12):
                    cutoffs[i], moved = int(ranks[at]), True
        return cutoffs


def _grid(vocab_size: int) -> NDArray[np.int64]:
    """Return candidate cutoffs in [1, V)."""
    if vocab_size - 1 <= GRID_SIZE:
        return np.arange(1, vocab_size, dtype=np.int64)
    return np.unique(np.round(np.geomspace(1, vocab_size - 1, GRID_SIZE)).astype(np.int64))
