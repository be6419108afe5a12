"""Best-first search of trees and clusters, with the interface of an index; there is nothing to build."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vastmax.arguments import whole
from vastmax.errors import InputError
from vastmax.output.adaptive import Adaptive
from vastmax.output.base import Output
from vastmax.output.hierarchical import Hierarchical
from vastmax.search.score_table import layer_of


@dataclass(frozen=True)
class TreeReport:
    """The cost of best-first search, measured on given queries.

    Attributes:
        queries: number of queries, asked one at a time.
        k: words per query.
        milliseconds: per query, median.
        opened: mean number of nodes of the tree, or of clusters, that a query opens.
        opened_share: the same as a share of all; above 1 if words have several leaves, so that nodes are opened again.
    """

    queries: int
    k: int
    milliseconds: float
    opened: float
    opened_share: float


class BestFirst:
    """Best-first search of `Hierarchical`, with any tree including two-level ones, or of `Adaptive`.

    A node, or a cluster, is at least as likely as any word below it, so it is opened only while it may hold one of the
    k best. The result is exact. Nothing is built or saved; the object counts what is opened.

    Args:
        source: a `Head` or layer.

    Attributes:
        last_opened: (N,) int64, nodes or clusters opened for each query of the last search.

    Raises:
        InputError: a layer of another kind.

    Example:
        >>> import torch
        >>> from vastmax import Head, output, search, tree
        >>> head = Head(output.Hierarchical(8, tree.huffman(range(1000, 0, -1)))).eval()
        >>> index = search.BestFirst(head)
        >>> log_prob, word_ids = head.topk(torch.randn(3, 8), 5, search=index)
        >>> index.last_opened.shape
        torch.Size([3])
    """

    def __init__(self, source: Any) -> None:
        self._layer = _searched(layer_of(source))
        self.last_opened = torch.zeros(0, dtype=torch.int64)

    @property
    def num_nodes(self) -> int:
        """Number of nodes of the tree that can be opened, or of clusters including the head."""
        if isinstance(self._layer, Adaptive):
            return 1 + len(self._layer.clusters)
        return self._layer.tree.num_nodes

    def topk(self, output: Output, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return (log_prob, word_ids), (N, k) each, as the layer's own `topk` does."""
        log_prob, word_ids, self.last_opened = _searched(output).best_first(hidden, k)
        return log_prob, word_ids

    def sample(
        self, output: Output, hidden: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return words drawn by the layer, decision by decision, which needs no search.

        Raises:
            InputError: a temperature other than 1, under which decisions are not independent.
        """
        if temperature != 1.0:
            raise InputError(f"temperature is {temperature}; trees are drawn from at 1 only, or without search=")
        return output.sample(hidden, generator=generator)

    def normaliser(
        self, output: Output, hidden: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return zeros, since these layers are normalized."""
        return hidden.new_zeros(len(hidden)), hidden.new_zeros(len(hidden))

    @torch.no_grad()
    def report(self, hidden: Tensor, k: int = 10) -> TreeReport:
        """Time the search on given queries.

        Args:
            hidden: (N, D), N ≥ 1.
            k: words per query.
        """
        whole("k", k, 1, self._layer.vocab_size, "the vocabulary size")
        if hidden.ndim != 2 or not len(hidden) or hidden.shape[1] != self._layer.hidden_size:
            raise InputError(
                f"hidden has shape {tuple(hidden.shape)}; expected (N, {self._layer.hidden_size}), N at least 1"
            )
        seconds, opened = [], []
        for query in torch.split(hidden, 1):
            began = time.perf_counter()
            self.topk(self._layer, query, k)
            seconds.append(time.perf_counter() - began)
            opened.append(int(self.last_opened[0]))
        return TreeReport(
            queries=len(opened),
            k=k,
            milliseconds=1e3 * float(np.median(seconds)),
            opened=float(np.mean(opened)),
            opened_share=float(np.mean(opened)) / max(1, self.num_nodes),
        )


def _searched(layer: Any) -> Hierarchical | Adaptive:
    if not isinstance(layer, Hierarchical | Adaptive):
        raise InputError(
            f"{type(layer).__name__} has no tree and no clusters: search.Certified searches tables of vectors"
        )
    return layer
