"""Words that the user's own queries found, in one list per cluster of queries."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.arguments import whole
from vastmax.errors import InputError
from vastmax.kernels.word_scan import scan_rows
from vastmax.search.balanced_means import centers_of, nearest_centers
from vastmax.search.index_file import IndexFile
from vastmax.search.lists import ListIndex
from vastmax.search.score_table import ScoreTable


class Screened(ListIndex):
    """A screen learned from queries (after L2S, Chen et al. 2019): each cluster of hidden vectors has a list of words.

    The list of a cluster holds the words that were among the `k` best of its queries. A query looks at the lists of the
    `effort` nearest clusters.

    Args:
        source: as for `Certified`.
        hidden: (N, D), queries to learn from: thousands of hidden vectors of a text like those to come.
        clusters: number of clusters of queries; None: 4·√N.
        k: number of words per query that go into the lists.
        effort: number of clusters to look at; see `calibrate`, with other queries than these.
        seed: for the clustering.
        threads: upper bound; None for the number that PyTorch uses.

    Raises:
        InputError: as for `Certified`; sizes out of range.

    Cost: building scores every word for each query; a query, clusters·D multiply-adds and D per word looked at.
    """

    kind: ClassVar[str] = "screened"

    def __init__(
        self,
        source: Any,
        hidden: Tensor,
        *,
        clusters: int | None = None,
        k: int = 32,
        effort: int = 4,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        if clusters is not None:
            whole("clusters", clusters, 1, None)
        self.clusters = clusters
        self.k = whole("k", k, 1, None)
        self.seed = whole("seed", seed, 0, None)
        self._learned_from: Tensor | None = hidden.detach().float()
        super().__init__(source, effort=effort, threads=threads)

    def _build(self, table: ScoreTable) -> None:
        if self._learned_from is None:
            raise InputError(
                "a loaded index does not have the queries to learn from: build a new one, search.Screened(…)"
            )
        whole("k", self.k, 1, table.vocab_size, "the vocabulary size")
        self._check_hidden(self._learned_from, fewest=1)
        queries = table.queries(self._learned_from)
        count = min(self.clusters or round(4 * math.sqrt(len(queries))), len(queries))
        generator = torch.Generator().manual_seed(self.seed)
        self._centers = centers_of(queries, count, rounds=10, generator=generator)
        nearest = nearest_centers(queries, self._centers, 1)[:, 0]
        best = scan_rows(queries, table.weight, table.bias, self.k, normaliser=False, threads=self.threads).word_id
        pairs = np.unique(nearest.numpy()[:, None] * np.int64(table.vocab_size) + best)
        list_ids, words = pairs // table.vocab_size, pairs % table.vocab_size
        self._offsets = np.zeros(count + 1, dtype=np.int64)
        np.cumsum(np.bincount(list_ids, minlength=count), out=self._offsets[1:])
        self._words = words.astype(np.int32)
        self._disjoint = False

    @property
    def most_effort(self) -> int:
        """The number of clusters."""
        return len(self._centers)

    def _choose(self, queries: Tensor) -> tuple[Tensor, Tensor | None]:
        return nearest_centers(queries, self._centers, self.effort), None

    @property
    def num_bytes(self) -> int:
        """Number of bytes of the index."""
        return int(self._offsets.nbytes + self._words.nbytes + self._centers.nbytes)

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {"offsets": self._offsets, "words": self._words, "centres": self._centers.numpy().reshape(-1)}

    def _settings(self) -> dict[str, int | float | None]:
        return {"clusters": len(self._centers), "k": self.k, "effort": self.effort, "seed": self.seed}

    def _restore(self, file: IndexFile) -> None:
        self.clusters = count = file.whole("clusters", 1, 2**31)
        self.k, self.effort = file.whole("k", 1, file.vocab_size), file.whole("effort", 1, 2**62)
        self.seed = file.whole("seed", 0, 2**62)
        self._learned_from = None
        self._offsets, self._words = file.mapped("offsets", "I64", count + 1), file.mapped("words", "I32")
        D = file.hidden_size
        self._centers = torch.from_numpy(file.mapped("centres", "F32", count * D).reshape(count, D).copy())
        self._disjoint = False
