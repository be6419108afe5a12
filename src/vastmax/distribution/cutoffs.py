"""Where to cut a vocabulary into a head and tail clusters, so that an adaptive softmax step is cheapest."""

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
"""Candidate cut-offs of the dynamic programme: every rank when there are no more, else spread evenly over log rank."""

MAX_CLUSTERS = 3
"""Beside the head. Grave et al. (2017) found little gain beyond; with div_value 4 a fourth is 1/256 of the width."""

DIV_VALUE = 4.0
"""By how much each cluster is narrower than the one before it (Grave et al. 2017)."""


@dataclass(frozen=True)
class ProductCost:
    """What a product of n hidden vectors with k word vectors costs, and all that follows: softmax and gradients.

    ::

        g(k, n) = max(c + lambda * k0 * n0, c + lambda * k * n)      (Grave et al. 2017, section 4)

    Below k0 * n0 scores a product takes as long as one of that size. The price does not depend on the width: a narrow
    cluster is priced like a wide one, though it is cheaper. That is the published model, and it errs to the good side:
    priced by their widths the tails would swallow all but a few dozen words, which then lose their full width.

    Attributes:
        fixed: c, seconds of any product, >= 0.
        small_cells: k0 * n0, >= 0.
        per_cell: lambda, seconds a score, > 0.
    """

    fixed: float
    small_cells: float
    per_cell: float

    def seconds(self, cells: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """g for products of ``cells`` = k * n scores."""
        return self.fixed + self.per_cell * np.maximum(self.small_cells, np.asarray(cells, dtype=np.float64))


DEFAULT_COST = ProductCost(fixed=4e-4, small_cells=16_384, per_cell=3e-8)
"""CPU-seconds of an AVX-512 server core at a width of 256 (2026); only the ratios of the three decide."""


def best_cutoffs(
    counts: Any,
    *,
    batch_size: int = 1024,
    max_clusters: int = MAX_CLUSTERS,
    cost: ProductCost = DEFAULT_COST,
) -> list[int]:
    r"""The cut-offs that minimise the cost of a training step under the counts.

    The words in count order are cut at ``c_1 < c_2 < … < c_J``: a head of c_1 words, and J tail clusters
    [c_1, c_2), …, [c_J, V). Minimised, over J and the cut-offs, is::

        g(c_1 + J, n) + sum_i g(V_i, p_i * n)

    with n the batch size, V_i the size and p_i the probability mass of cluster i (Grave et al. 2017, section 4; g: see
    ``ProductCost``). By dynamic programming over candidate cut-offs: every rank of a small vocabulary, else
    ``GRID_SIZE`` ranks evenly spread over their logarithm; then each cut-off in turn is moved to the best rank between
    its neighbours on the grid, until none moves.

    Args:
        counts: (V,) in any order, or what has such ``.counts``.
        batch_size: n, examples a step, > 0.
        max_clusters: the largest J tried, >= 0.
        cost: the device's constants; ``vastmax.output.measure_product_cost`` measures them.

    Returns:
        [c_1, …, c_J], strictly ascending in [1, V); empty when one plain softmax is cheapest.

    Raises:
        InputError: counts or an argument out of range.

    Cost: O(J² · GRID_SIZE²), about 0.1 s whatever V, and a sort of the counts.

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
    """What a step with these cut-offs costs under the model that ``best_cutoffs`` minimises; arguments as there."""
    problem = _Problem(counts, batch_size, cost)
    return problem.total(check_cutoffs(cutoffs, problem.vocab_size))


def check_cutoffs(cutoffs: Sequence[int], vocab_size: int) -> list[int]:
    """The cut-offs as a list of ints, after making sure that they cut.

    Raises:
        InputError: not strictly ascending integers in [1, V).
    """
    cut = [int(c) for c in cutoffs]
    edges = [0, *cut, vocab_size]
    if cut != list(cutoffs) or any(a >= b for a, b in itertools.pairwise(edges)):
        raise InputError(
            f"cutoffs {list(cutoffs)} do not cut {vocab_size} words; expected strictly ascending integers from 1 to "
            f"{vocab_size - 1} (V itself is not among them)"
        )
    return cut


def tail_width(hidden_size: int, i: int, *, div_value: float = DIV_VALUE) -> int:
    """Width of the vectors of tail cluster i = 1, 2, …: D / div_value^i, rounded down."""
    return int(hidden_size // div_value**i)


def most_clusters(hidden_size: int, *, div_value: float = DIV_VALUE) -> int:
    """How many tail clusters may be tried: `MAX_CLUSTERS`, unless one of them would have no width."""
    return sum(tail_width(hidden_size, i, div_value=div_value) >= 1 for i in range(1, MAX_CLUSTERS + 1))


class _Problem:
    """The cost of any cut, from prefix sums of the sorted counts."""

    def __init__(self, counts: Any, batch_size: int, cost: ProductCost) -> None:
        ordered = np.sort(counts_array(counts))[::-1]
        self.vocab_size = len(ordered)
        self.batch_size, self.cost = batch_size, cost
        self.mass = np.concatenate([[0.0], np.cumsum(ordered) / ordered.sum()])
        self.grid = _grid(self.vocab_size)

    def head(self, size: NDArray[np.int64] | int, num_clusters: int) -> NDArray[np.float64]:
        return self.cost.seconds((np.asarray(size) + num_clusters) * float(self.batch_size))

    def cluster(self, start: NDArray[np.int64] | int, stop: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """Cost of a cluster of the ranks [start, stop)."""
        examples = self.batch_size * (self.mass[stop] - self.mass[start])
        return self.cost.seconds((np.asarray(stop) - start) * np.asarray(examples))

    def total(self, cutoffs: list[int]) -> float:
        edges = [*cutoffs, self.vocab_size]
        parts = [self.cluster(edges[i], edges[i + 1]) for i in range(len(cutoffs))]
        return float(self.head(edges[0], len(cutoffs)) + sum(parts))

    def best_of(self, num_clusters: int) -> list[int]:
        """The best cut into exactly ``num_clusters`` clusters with cut-offs on the grid."""
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
                seconds = self.cluster(ranks, following)
                seconds = seconds + (self.cluster(previous, ranks) if i else self.head(ranks, len(cutoffs)))
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
