"""Words in balanced clusters; a query looks at the most promising clusters."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.arguments import whole
from vastmax.search.augmented import augmented_rows
from vastmax.search.balanced_means import balanced_clusters
from vastmax.search.index_file import IndexFile
from vastmax.search.lists import ListIndex, lists_of
from vastmax.search.score_table import ScoreTable

_WORDS_AT_ONCE = 1 << 16

_FREQUENT_SHARE = 1 / 200
"""Share of the words, those with the highest biases, that every query looks at."""


class Clustered(ListIndex):
    """Balanced clusters of the rows, of which a query looks at the `effort` best (Auvolat et al. 2015; FlashHead).

    A cluster's score is that of its mean row and mean bias; rows and biases are clustered together. Words with
    high biases are in a separate list, which every query looks at. The result is certified if the greatest score that
    an unopened cluster can contain, given its radius, is below the k-th best.

    Args:
        source: as for `Certified`.
        clusters: number of clusters, to which balancing adds some; None: 2·√V.
        effort: number of clusters to look at; see `calibrate`.
        seed: for the clustering.
        threads: upper bound; None for the number that PyTorch uses.

    Raises:
        InputError: as for `Certified`; clusters not in [1, V].

    Cost: building, 48·C²·D multiply-adds per round and V·C·D; a query, C·D, and D per word looked at.

    Example:
        >>> import torch
        >>> from vastmax import Head, objective, output, search
        >>> head = Head(output.Dense(16, 1000), objective.CrossEntropy()).eval()
        >>> index = search.Clustered(head)
        >>> found = index.calibrate(torch.randn(100, 16), recall=0.9)
        >>> found.reached
        True
    """

    kind: ClassVar[str] = "clustered"

    def __init__(
        self, source: Any, *, clusters: int | None = None, effort: int = 16, seed: int = 0, threads: int | None = None
    ) -> None:
        if clusters is not None:
            whole("clusters", clusters, 1, None)
        self.clusters = clusters
        self.seed = whole("seed", seed, 0, None)
        super().__init__(source, effort=effort, threads=threads)

    def _build(self, table: ScoreTable) -> None:
        V = table.vocab_size
        if self.clusters is not None:
            whole("clusters", self.clusters, 1, V, "the vocabulary size")
        count = self.clusters or max(1, round(2 * math.sqrt(V)))
        # Scaled so that a bias counts as much as it does in scores of hidden vectors of length one or two.
        rows = augmented_rows(table, 1.5 / math.sqrt(table.width))
        cluster = balanced_clusters(rows, count, seed=self.seed)
        count = int(cluster.max()) + 1
        bias = rows[:, -1]
        if table.bias is not None:
            cluster[bias.topk(int(_FREQUENT_SHARE * V)).indices] = count
        self._offsets, self._words = lists_of(cluster.numpy(), count + 1)
        self._disjoint = True
        size = torch.from_numpy(np.diff(self._offsets)).clamp_min(1).float()
        mean = torch.zeros(count + 1, table.width).index_add_(0, cluster, table.weight) / size[:, None]
        self._mean = mean[:-1].contiguous()
        self._bias = (torch.zeros(count + 1).index_add_(0, cluster, bias) / size)[:-1].contiguous()
        distance = torch.empty(V)
        for words in torch.split(torch.arange(V), _WORDS_AT_ONCE):
            distance[words] = (table.weight[words] - mean[cluster[words]]).norm(dim=1)
        own_bias = torch.zeros(V) if table.bias is None else table.bias
        self._radius = _largest(distance, cluster, count)
        self._most_bias = _largest(own_bias, cluster, count)
        self._make_bounds()

    @property
    def most_effort(self) -> int:
        """The number of clusters."""
        return len(self._bias)

    def _choose(self, queries: Tensor) -> tuple[Tensor, Tensor | None]:
        count = len(self._bias)
        products = queries @ self._mean.T
        best = (products + self._bias).topk(min(self.effort, count), dim=1, sorted=False).indices
        return torch.cat([torch.full((len(queries), 1), count), best], dim=1), products

    def _certified(self, queries: Tensor, chosen: Tensor, products: Tensor | None, last_score: Tensor) -> Tensor:
        assert products is not None
        bound = torch.addcmul(products + self._bias_bound, queries.norm(dim=1, keepdim=True), self._length_bound)
        bound.scatter_(1, chosen[:, 1:], -torch.inf)
        certified: Tensor = bound.amax(dim=1) < last_score
        return certified

    def _make_bounds(self) -> None:
        """Compute the bounds of the scores of a cluster's words: a factor of the query's length, and a constant."""
        # Products in float32, of the mean and of the word, are off by at most D units of rounding each.
        rounding = 4.0 * self._mean.shape[1] * 2.0**-24
        # No word of an empty cluster bounds anything: its largest bias is −inf.
        self._length_bound = self._radius.clamp_min(0.0) * (1.0 + rounding) + rounding * self._mean.norm(dim=1)
        largest = self._most_bias
        self._bias_bound = torch.where(largest.isfinite(), largest + largest.abs() * rounding, largest)

    @property
    def num_bytes(self) -> int:
        """Number of bytes of the index."""
        return sum(int(array.nbytes) for array in self._tensors().values())

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {
            "offsets": self._offsets,
            "words": self._words,
            "mean": self._mean.numpy().reshape(-1),
            "bias": self._bias.numpy(),
            "radius": self._radius.numpy(),
            "most_bias": self._most_bias.numpy(),
        }

    def _settings(self) -> dict[str, int | float | None]:
        return {"clusters": len(self._bias), "effort": self.effort, "seed": self.seed}

    def _restore(self, file: IndexFile) -> None:
        V, D = file.vocab_size, file.hidden_size
        self.clusters = count = file.whole("clusters", 1, V)
        self.effort, self.seed = file.whole("effort", 1, 2**62), file.whole("seed", 0, 2**62)
        self._offsets, self._words = file.mapped("offsets", "I64", count + 2), file.mapped("words", "I32", V)
        self._disjoint = True
        self._mean = torch.from_numpy(file.mapped("mean", "F32", count * D).reshape(count, D).copy())
        self._bias, self._radius, self._most_bias = (
            torch.from_numpy(file.mapped(name, "F32", count).copy()) for name in ("bias", "radius", "most_bias")
        )
        self._make_bounds()


def _largest(values: Tensor, cluster: Tensor, count: int) -> Tensor:
    """Return the largest value of each cluster, −inf for an empty one."""
    largest = torch.full((count + 1,), -torch.inf)
    return largest.scatter_reduce(0, cluster, values, "amax")[:-1].contiguous()
