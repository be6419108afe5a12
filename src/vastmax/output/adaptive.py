"""Adaptive softmax: frequent words in a head of full width, rare ones in tail clusters of decreasing width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from vastmax.arguments import MOST_SIZE, real, whole
from vastmax.distribution.counts import log_unigram
from vastmax.distribution.cutoffs import (
    DEFAULT_COST,
    DIV_VALUE,
    ProductCost,
    best_cutoffs,
    check_cutoffs,
    most_clusters,
    tail_width,
)
from vastmax.errors import InputError
from vastmax.output.base import Output
from vastmax.output.count_order import CountOrder
from vastmax.output.linear.narrow import cluster_log_prob, traced_cluster_log_prob
from vastmax.output.linear.native_scan import native_scan, native_topk, scan_takes
from vastmax.output.linear.scan import scan_sample, scan_topk
from vastmax.output.linear.tiles import spans, tile_shape
from vastmax.tensors.numbers import at_least_float32, product_dtype
from vastmax.tensors.plain_memory import kernel_takes
from vastmax.tensors.random import Rng
from vastmax.tensors.tracing import is_traced


class Adaptive(Output):
    """log p(w | h) = log p(w | head), or log p(cluster of w | head) + log p(w | cluster) (Grave et al. 2017).

    In count order, the words are divided into a head with the c_1 most frequent and J tail clusters. The head is a
    softmax over its words and one entry per cluster; cluster i is a softmax over its words from a projection of h to
    width hidden_size // div_value^i. It is a normalized model, not an approximation of `Dense`; without clusters, it
    equals `Dense`.

    A step computes a cluster only for the examples whose target is in it. A cluster without targets gets no gradient;
    one with targets gets a dense gradient, because its softmax updates every word. (n, V_i) scores are never stored.

    Args:
        hidden_size: D ≥ 1.
        counts: (V,) in id order, or an object with such `.counts`; ids need not be in count order.
        cutoffs: [c_1, …, c_J], strictly ascending in [1, V); [] for a plain softmax; None to choose them with
            `vastmax.distribution.cutoffs.best_cutoffs`.
        div_value: the ratio of the widths of successive clusters, ≥ 1.
        bias: whether words have a bias, with which the untrained layer predicts the unigram distribution.
        batch_size: the batch size for which cutoffs are chosen; ignored if they are given.
        cost: the constants of the device for this choice; `measure_product_cost` measures them.
        device: the device of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        InputError: counts, cutoffs or sizes out of range; so many clusters that one would have no width.

    Shape:
        hidden (N, D), target (N,).

    Cost:
        O((c_1 + J)·D + Σ_i p_i·V_i·D_i) per example, where p_i is the mass of cluster i.

    Unlike in the paper and `torch.nn.AdaptiveLogSoftmaxWithLoss`, tail words may have a bias, losses are (N,), and ids
    may be in any order.

    Example:
        >>> import torch
        >>> counts = [10_000 // (rank + 1) for rank in range(2_000)]
        >>> output = Adaptive(64, counts, cutoffs=[100, 500])
        >>> [tuple(cluster.weight.shape) for cluster in output.clusters]
        [(400, 16), (1500, 4)]
        >>> output.log_prob(torch.randn(3, 64)).exp().sum(dim=1).allclose(torch.ones(3))
        True
    """

    normalised = True

    def __init__(
        self,
        hidden_size: int,
        counts: Any,
        cutoffs: Sequence[int] | None = None,
        *,
        div_value: float = DIV_VALUE,
        bias: bool = True,
        batch_size: int = 1024,
        cost: ProductCost = DEFAULT_COST,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden_size = whole("hidden_size", hidden_size, 1, MOST_SIZE)
        div_value = real("div_value", div_value, 1.0, float(MOST_SIZE))
        self.order = CountOrder(counts, device=device)
        self.hidden_size = hidden_size
        self.vocab_size = len(self.order)
        if cutoffs is None:
            most = most_clusters(hidden_size, div_value=div_value)
            cutoffs = best_cutoffs(counts, batch_size=batch_size, max_clusters=most, cost=cost)
        self.cutoffs = check_cutoffs(cutoffs, self.vocab_size)
        self.div_value = div_value
        edges = [*self.cutoffs, self.vocab_size]
        self.head_size = edges[0]
        starts = self._first_biases(counts) if bias else [None] * len(edges)
        num_entries = self.head_size + len(self.cutoffs)
        self.head = _Cluster(hidden_size, None, num_entries, starts[0], device=device, dtype=dtype)
        self.clusters = nn.ModuleList()
        for i, (start, stop) in enumerate(pairwise(edges), start=1):
            width = tail_width(hidden_size, i, div_value=div_value)
            if width < 1:
                raise InputError(
                    f"cluster {i} of {len(self.cutoffs)} would be {hidden_size} / {div_value:g}^{i} < 1 wide: "
                    "pass fewer cutoffs or a smaller div_value"
                )
            self.clusters.append(_Cluster(hidden_size, width, stop - start, starts[i], device=device, dtype=dtype))

    @classmethod
    def from_torch(cls, layer: nn.AdaptiveLogSoftmaxWithLoss) -> Adaptive:
        """Return the same model with copies of the parameters of torch's layer, whose ids are ranks.

        Example:
            >>> import torch
            >>> theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(32, 1_000, [50, 200])
            >>> hidden, target = torch.randn(4, 32), torch.tensor([0, 60, 999, 7])
            >>> torch.allclose(Adaptive.from_torch(theirs).log_prob(hidden, target), theirs(hidden, target).output)
            True
        """
        theirs = layer.state_dict()
        weight = theirs["head.weight"]
        ours = cls(
            layer.in_features,
            torch.arange(layer.n_classes, 0, -1),
            layer.cutoffs[:-1],
            div_value=layer.div_value,
            bias="head.bias" in theirs,
            device=weight.device,
            dtype=weight.dtype,
        )
        named = {"order.rank": ours.order.rank, "head.weight": weight}
        if ours.head.bias is not None:
            named["head.bias"] = theirs["head.bias"]
        for i, cluster in enumerate(ours._tail()):
            named[f"clusters.{i}.projection.weight"] = theirs[f"tail.{i}.0.weight"]
            named[f"clusters.{i}.weight"] = theirs[f"tail.{i}.1.weight"]
            if cluster.bias is not None:  # torch's have none
                named[f"clusters.{i}.bias"] = torch.zeros_like(cluster.bias)
        ours.load_state_dict(named)
        return ours

    def _first_biases(self, counts: Any) -> list[Tensor]:
        """Return biases of the head and clusters with which the untrained layer predicts the unigram distribution."""
        shortlist, *tails = self.order.by_rank(torch.from_numpy(log_unigram(counts))).tensor_split(self.cutoffs)
        entries = [tail.logsumexp(0, keepdim=True) for tail in tails]
        return [torch.cat([shortlist, *entries]), *(tail - entry for tail, entry in zip(tails, entries, strict=True))]

    def remove_bias(self) -> None:
        """See `Output.remove_bias`."""
        for cluster in (self.head, *self._tail()):
            cluster.bias = None

    def extra_repr(self) -> str:
        """Sizes and options."""
        return f"{self.hidden_size}, {self.vocab_size}, cutoffs={self.cutoffs}, div_value={self.div_value:g}"

    def exact(self, hidden: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See `Output.exact`: (log p, 0)."""
        rank = self.order.rank.index_select(0, target)
        cluster_of = torch.bucketize(rank, rank.new_tensor(self.cutoffs), right=True)  # 0: the head
        entry = torch.where(cluster_of == 0, rank, self.head_size - 1 + cluster_of)
        if is_traced(hidden, self.head.weight):
            log_prob = self._traced_log_prob(hidden, rank, cluster_of, entry)
            return log_prob, torch.zeros_like(log_prob)
        log_prob = self.head.log_prob_at(hidden, entry)
        for i, cluster in enumerate(self._tail()):
            # Used even without targets in the cluster, so DistributedDataParallel sees every parameter.
            (example,) = (cluster_of == i + 1).nonzero(as_tuple=True)
            position = rank.index_select(0, example) - self.cutoffs[i]
            inside = cluster.log_prob_at(hidden.index_select(0, example), position)
            log_prob = log_prob.index_add(0, example, inside)
        return log_prob, torch.zeros_like(log_prob)

    def _traced_log_prob(self, hidden: Tensor, rank: Tensor, cluster_of: Tensor, entry: Tensor) -> Tensor:
        """`exact` in a graph: every example is projected to the width of every cluster, and skipped by an operator."""
        everywhere = torch.ones_like(rank, dtype=torch.bool)
        log_prob = traced_cluster_log_prob(hidden, self.head.weight, self.head.bias, entry, everywhere)
        for i, cluster in enumerate(self._tail()):
            log_prob = log_prob + traced_cluster_log_prob(
                cluster.projection(hidden), cluster.weight, cluster.bias, rank - self.cutoffs[i], cluster_of == i + 1
            )
        return log_prob

    @property
    def traces_scores(self) -> bool:
        """See `Output.traces_scores`."""
        return True

    @property
    def traces_exact(self) -> bool:
        """See `Output.traces_exact`."""
        return True

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """See `Output.log_prob`."""
        if target is not None:
            return self.exact(hidden, target)[0]
        entries = self.head.log_prob(hidden)
        parts = [entries[:, : self.head_size]]
        for i, cluster in enumerate(self._tail()):
            parts.append(cluster.log_prob(hidden) + entries[:, self.head_size + i, None])
        return self.order.columns_to_words(torch.cat(parts, dim=1))

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Output.topk`.

        A word is at most as likely as its cluster. So a cluster is opened only for the examples whose k-th best word so
        far is less likely than the whole cluster: few, if the model is confident. In a graph,
        all log p (N, V) are held.
        """
        if is_traced(hidden):
            log_prob, word_id = self.log_prob(hidden).topk(k, dim=1)
            return log_prob, word_id
        log_prob, word_id, _ = self.best_first(hidden, k)
        return log_prob, word_id

    @torch.no_grad()
    def best_first(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the result of `topk` and the number of clusters opened, including the head, (N,)."""
        dtype = at_least_float32(hidden.dtype)
        none = hidden.new_zeros(0, dtype=torch.int64)
        parts = [(hidden.new_zeros(0, k, dtype=dtype), hidden.new_zeros(0, k, dtype=torch.int64), none)]
        parts += [self._topk(hidden[examples], k) for examples in self._example_tiles(hidden)]
        log_prob, rank, opened = (torch.cat(part) for part in zip(*parts, strict=True))
        return log_prob, self.order.word_id[rank], opened

    def _topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return (log_prob, rank, clusters opened), (n, k), for a tile of examples."""
        best, rank, bounds = self._topk_of_head(hidden, min(k, self.head_size))
        opened = torch.ones_like(rank[:, 0])
        missing = k - best.shape[1]  # if the head has fewer than k words, clusters are opened until k are found
        best = nn.functional.pad(best, (0, missing), value=-torch.inf)
        rank = nn.functional.pad(rank, (0, missing))
        for i, cluster in enumerate(self._tail()):
            bound = bounds[:, i]
            (example,) = (~(bound < best[:, -1])).nonzero(as_tuple=True)  # includes NaN
            if len(example) == 0:
                continue
            opened[example] += 1
            inside, position = cluster.topk(hidden.index_select(0, example), min(k, len(cluster.weight)))
            candidate = torch.cat([best[example], inside + bound[example, None]], dim=1)
            candidate_rank = torch.cat([rank[example], position + self.cutoffs[i]], dim=1)
            best[example], chosen = candidate.topk(k, dim=1)
            rank[example] = candidate_rank.gather(1, chosen)
        return best, rank, opened

    def _topk_of_head(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return (log_prob, rank) of the k best words of the head, (n, k), and log p of each cluster, (n, J)."""
        weight, bias, size = self.head.weight, self.head.bias, self.head_size
        if scan_takes(hidden) and kernel_takes(weight, bias, copied=(hidden,), on_baseline=False):
            of_words = None if bias is None else bias[:size]
            score, rank, log_normaliser = native_scan(hidden, weight[:size], of_words, k)
            of_clusters = linear(hidden, weight[size:], None if bias is None else bias[size:])
            log_z = torch.logaddexp(log_normaliser, of_clusters.logsumexp(1))[:, None]
            return score - log_z, rank, of_clusters - log_z
        entries = self.head.log_prob(hidden)
        best, rank = entries[:, :size].topk(k, dim=1)
        return best, rank, entries[:, size:]

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        """See `Output.sample`: draws an entry of the head and, if it is a cluster, a word of it."""
        rank = self.head.sample(hidden, generator)
        cluster_of = rank - (self.head_size - 1)
        for i, cluster in enumerate(self._tail()):
            (example,) = (cluster_of == i + 1).nonzero(as_tuple=True)
            rank[example] = cluster.sample(hidden.index_select(0, example), generator) + self.cutoffs[i]
        return self.order.word_id[rank]

    def _tail(self) -> Iterator[_Cluster]:
        for cluster in self.clusters:
            assert isinstance(cluster, _Cluster)
            yield cluster

    def _example_tiles(self, hidden: Tensor) -> Iterator[slice]:
        entries = len(self.head.weight)
        examples, words = tile_shape(hidden.shape[0], hidden.device)
        return spans(hidden.shape[0], max(1, examples * words // entries))


class _Cluster(nn.Module):
    """A softmax over some words, or entries, from a projection of the hidden vector (no projection in the head)."""

    def __init__(
        self,
        hidden_size: int,
        width: int | None,
        num_words: int,
        first_bias: Tensor | None,
        *,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.projection = (
            nn.Identity() if width is None else nn.Linear(hidden_size, width, bias=False, device=device, dtype=dtype)
        )
        width = hidden_size if width is None else width
        self.weight = nn.Parameter(torch.empty(num_words, width, device=device, dtype=dtype))
        self.bias = None if first_bias is None else nn.Parameter(torch.empty(num_words, device=device, dtype=dtype))
        self._first_bias = first_bias
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.weight.shape[1])  # as nn.Linear
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None and self._first_bias is not None:
            self.bias.copy_(self._first_bias)

    def log_prob_at(self, hidden: Tensor, position: Tensor) -> Tensor:
        return cluster_log_prob(self.projection(hidden), self.weight, self.bias, position)

    def log_prob(self, hidden: Tensor) -> Tensor:
        """Return log p of all words in the cluster, (n, V_i), with PyTorch's derivatives."""
        scores = linear(self.projection(hidden), self.weight, self.bias)
        return scores.to(at_least_float32(scores.dtype)).log_softmax(dim=1)

    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        parts = []
        projected = self.projection(hidden)
        if scan_takes(projected) and kernel_takes(self.weight, self.bias, copied=(projected,), on_baseline=False):
            return native_topk(projected, self.weight, self.bias, k)
        for examples, words in self._tiles(projected):
            score, position, log_normaliser = scan_topk(projected[examples], k, words, self._score_tile)
            parts.append((score - log_normaliser[:, None], position))
        return torch.cat([log_prob for log_prob, _ in parts]), torch.cat([position for _, position in parts])

    def sample(self, hidden: Tensor, generator: Rng) -> Tensor:
        projected = self.projection(hidden)
        parts = [hidden.new_zeros(0, dtype=torch.int64)]
        for examples, words in self._tiles(projected):
            parts.append(scan_sample(projected[examples], words, self._score_tile, generator))
        return torch.cat(parts)

    def _tiles(self, hidden: Tensor) -> Iterator[tuple[slice, list[slice]]]:
        tile_examples, tile_words = tile_shape(hidden.shape[0], hidden.device)
        for examples in spans(hidden.shape[0], tile_examples):
            yield examples, list(spans(len(self.weight), tile_words))

    def _score_tile(self, hidden: Tensor, words: slice) -> Tensor:
        dtype = product_dtype(hidden)
        bias = None if self.bias is None else self.bias[words].to(dtype)
        return linear(hidden.to(dtype), self.weight[words].to(dtype), bias).to(at_least_float32(dtype))
