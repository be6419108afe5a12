"""Differentiated softmax: wide vectors for frequent words, narrow ones for rare words, and a slice of h per block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from vastmax.arguments import MOST_SIZE, whole
from vastmax.distribution.blocks import default_blocks
from vastmax.errors import InputError
from vastmax.output.base import FlatOutput, Rows, set_if_zero
from vastmax.output.count_order import CountOrder
from vastmax.output.linear.exact import linear_exact
from vastmax.output.linear.moments import linear_moments
from vastmax.output.linear.native_scan import native_scan, scan_takes
from vastmax.output.linear.scan import ScoreTile, scan_sample, scan_topk
from vastmax.output.linear.tiles import spans, tile_shape
from vastmax.tensors.numbers import at_least_float32, product_dtype
from vastmax.tensors.plain_memory import kernel_takes
from vastmax.tensors.random import Rng
from vastmax.tensors.row_sparse import RowSparse, gather_rows
from vastmax.tensors.tracing import is_traced


class _Block(NamedTuple):
    """A block of words: its ranks, its slice of the hidden vector, and its parameters in rank order."""

    ranks: slice
    columns: slice
    weight: Tensor
    bias: Tensor | None


class Differentiated(RowSparse, FlatOutput):
    """s(w) = W_w·h_k + b_w, where h_k is the slice of h for the block of w (D-Softmax, Chen et al. 2015).

    In count order, the words are divided into blocks of `block_sizes`; words in block k have vectors of size
    `block_widths[k]` and use only that slice of h. log Z includes all words. W is block-diagonal and stored as blocks
    without padding. With one block, it equals `Dense`. Rare words are modeled less well: compare by frequency.

    Args:
        hidden_size: D, the sum of `block_widths`.
        counts: (V,) in id order, or an object with such `.counts`; ids need not be in count order.
        block_sizes: the number of words of each block, most frequent first; their sum is V.
        block_widths: the vector size of each block, usually decreasing; their sum is D. Both may be left out together:
            `default_blocks` then chooses them.
        bias: whether words have a bias.
        sparse_gradients: as for `Dense`.
        device: the device of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        InputError: counts out of range, or sizes and widths with wrong sums.

    Shape:
        hidden (N, D), target (N,). Parameters `weight_0` (V_0, d_0), `bias_0` (V_0,), `weight_1`, …, in rank order.

    Cost:
        Σ_k V_k·d_k instead of V·D, in training and at test time; sampled: the rows used in the step.

    Example:
        >>> import torch
        >>> output = Differentiated(8, [9, 7, 7, 3, 1, 1], block_sizes=[2, 4], block_widths=[6, 2])
        >>> sum(parameter.numel() for parameter in output.parameters())  # 2·6 + 4·2 weights, 6 biases
        26
        >>> output.log_prob(torch.randn(3, 8)).exp().sum(dim=1).allclose(torch.ones(3))
        True
    """

    def __init__(
        self,
        hidden_size: int,
        counts: Any,
        block_sizes: Sequence[int] | None = None,
        block_widths: Sequence[int] | None = None,
        *,
        bias: bool = True,
        sparse_gradients: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden_size = whole("hidden_size", hidden_size, 1, MOST_SIZE)
        self.order = CountOrder(counts, device=device)
        self.hidden_size = hidden_size
        self.vocab_size = len(self.order)
        if block_sizes is None and block_widths is None:
            block_sizes, block_widths = default_blocks(counts, hidden_size)
        if block_sizes is None or block_widths is None:
            raise InputError("only one of block_sizes and block_widths was given; expected both or neither")
        self.block_sizes, self.block_widths = list(block_sizes), list(block_widths)
        _check_blocks(self.block_sizes, self.block_widths, self.vocab_size, hidden_size)
        self.sparse_gradients = sparse_gradients
        # Direct parameters of this module, not of a list: see RowSparse.
        for k, (size, width) in enumerate(zip(self.block_sizes, self.block_widths, strict=True)):
            weight = nn.Parameter(torch.empty(size, width, device=device, dtype=dtype))
            self.register_parameter(f"weight_{k}", weight)
            biases = nn.Parameter(torch.empty(size, device=device, dtype=dtype)) if bias else None
            self.register_parameter(f"bias_{k}", biases)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight of each block as `nn.Linear` does; set biases to zero until a head sets them."""
        for block in self._blocks(shifted=False):
            bound = 1 / math.sqrt(block.weight.shape[1])
            nn.init.uniform_(block.weight, -bound, bound)
            if block.bias is not None:
                nn.init.zeros_(block.bias)

    def remove_bias(self) -> None:
        """See `Output.remove_bias`."""
        for k in range(len(self.block_sizes)):
            self.register_parameter(f"bias_{k}", None)

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"{self.hidden_size}, {self.vocab_size}, block_sizes={self.block_sizes}, block_widths={self.block_widths}, "
            f"sparse_gradients={self.sparse_gradients}"
        )

    def initialise_bias(self, value: float | Tensor) -> bool:
        """See `FlatOutput.initialise_bias`."""
        biases = [block.bias for block in self._blocks(shifted=False) if block.bias is not None]
        if isinstance(value, Tensor):
            return set_if_zero(biases, torch.split(self.order.by_rank(value), self.block_sizes))
        return set_if_zero(biases, [value] * len(biases))

    def select(self, word_ids: Tensor) -> Rows:
        """See `FlatOutput.select`."""
        rank, by_rank = self.order.rank.index_select(0, word_ids).sort()
        blocks = []
        start = 0
        for block in self._blocks(shifted=False):
            stop = int(torch.searchsorted(rank, block.ranks.stop))
            row = rank[start:stop] - block.ranks.start
            weight = gather_rows(block.weight, row, sparse=self.sparse_gradients)
            bias = None if block.bias is None else gather_rows(block.bias, row, sparse=self.sparse_gradients)
            bias = self.shifted_bias(bias, word_ids[by_rank[start:stop]])
            blocks.append(BlockRows(slice(start, stop), block.columns, weight, bias))
            start = stop
        return DifferentiatedRows(word_ids, torch.argsort(by_rank), blocks)

    def exact(self, hidden: Tensor, target: Tensor, *, normaliser_rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `FlatOutput.exact`; log Z is the logsumexp over the blocks, each in tiles."""
        if self.score_map is not None:
            of_target, log_normaliser = self.exact_of(hidden, target[:, None])
            return of_target.squeeze(1), log_normaliser
        rank = self.order.rank.index_select(0, target)
        scores, examples, normalisers = [], [], []
        for block in self._blocks():
            inside = (rank >= block.ranks.start) & (rank < block.ranks.stop)
            (example,) = inside.nonzero(as_tuple=True)
            score, normaliser = linear_exact(
                hidden[:, block.columns],
                block.weight,
                block.bias,
                rank.index_select(0, example) - block.ranks.start,
                target_example=example,
                normaliser_example=normaliser_rows,
            )
            scores.append(score)
            examples.append(example)
            normalisers.append(normaliser)
        # Each example has one target, so the examples of all blocks are a permutation.
        target_score = torch.cat(scores).index_select(0, torch.argsort(torch.cat(examples)))
        return target_score, torch.stack(normalisers).logsumexp(0)

    def exact_of(self, hidden: Tensor, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """See `Output.exact_of`."""
        distinct, position = torch.unique(word_ids, return_inverse=True)
        scores = self.select(distinct).score_at(hidden, position)
        return scores if self.score_map is None else self.score_map(scores), self.moments(hidden)[0]

    def moments(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """See `Output.moments`; the mean is over blocks, weighted by their share of the probability."""
        each = [
            linear_moments(hidden[:, block.columns], block.weight, block.bias, self.score_map)
            for block in self._blocks()
        ]
        normalisers, means = (torch.stack(part) for part in zip(*each, strict=True))
        return normalisers.logsumexp(0), (normalisers.softmax(0) * means).sum(0)

    def weighted_score(self, hidden: Tensor, weight: Tensor | None = None) -> Tensor:
        """See `FlatOutput.weighted_score`."""
        if self.score_map is not None and self.score_map.cap is not None:
            return FlatOutput.weighted_score(self, hidden, weight)
        dtype = at_least_float32(hidden.dtype)
        scores = hidden.new_zeros(len(hidden), dtype=dtype)
        for block in self._blocks():
            table = block.weight.to(dtype)
            of_rank = (
                table.new_ones(len(table)) if weight is None else weight[self.order.word_id[block.ranks]].to(dtype)
            )
            scores = scores + hidden[:, block.columns].to(dtype) @ (of_rank @ table)
            if block.bias is not None:
                scores = scores + of_rank @ block.bias.to(dtype)
        return scores if self.score_map is None else self.score_map(scores)

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """See `Output.log_prob`."""
        if target is not None:
            target_score, log_normaliser = self.exact(hidden, target)
            return target_score - log_normaliser
        return self.logits(hidden).log_softmax(dim=1)

    def logits(self, hidden: Tensor) -> Tensor:
        """See `Output.logits`."""
        parts = []
        for block in self._blocks():
            bias = None if block.bias is None else block.bias.to(block.weight.dtype)
            scores = linear(hidden[:, block.columns], block.weight, bias)
            parts.append(scores.to(at_least_float32(scores.dtype)))
        scores = self.order.columns_to_words(torch.cat(parts, dim=1))
        return scores if self.score_map is None else self.score_map(scores)

    @property
    def traces_scores(self) -> bool:
        """See `Output.traces_scores`."""
        return True

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Output.topk`. In a graph, all scores (N, V) are held."""
        if is_traced(hidden):
            log_prob, word_id = self.log_prob(hidden).topk(k, dim=1)
            return log_prob, word_id
        found = self._native_topk(hidden, k)
        if found is not None:
            return found
        dtype = at_least_float32(hidden.dtype)
        parts = [(hidden.new_zeros(0, k, dtype=dtype), hidden.new_zeros(0, k, dtype=torch.int64))]
        for examples, ranks in self._tiles(hidden):
            score, rank, log_normaliser = scan_topk(hidden[examples], k, ranks, self._score_tiles())
            parts.append((score - log_normaliser[:, None], self.order.word_id[rank]))
        return torch.cat([log_prob for log_prob, _ in parts]), torch.cat([word_id for _, word_id in parts])

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        """See `Output.sample`."""
        parts = [hidden.new_zeros(0, dtype=torch.int64)]
        for examples, ranks in self._tiles(hidden):
            parts.append(scan_sample(hidden[examples], ranks, self._score_tiles(), generator))
        return self.order.word_id[torch.cat(parts)]

    def _native_topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor] | None:
        """`topk` by one native pass over each block; None for what the kernel does not take."""
        blocks = list(self._blocks())
        tables = [tensor for block in blocks for tensor in (block.weight, block.bias)]
        if self.score_map is not None or not scan_takes(hidden):
            return None
        if not kernel_takes(*tables, copied=(hidden,), on_baseline=False):
            return None
        scores, ranks, normalisers = [], [], []
        for block in blocks:
            size = block.ranks.stop - block.ranks.start
            score, place, log_normaliser = native_scan(hidden[:, block.columns], block.weight, block.bias, min(k, size))
            scores.append(score)
            ranks.append(place + block.ranks.start)
            normalisers.append(log_normaliser)
        best, chosen = torch.cat(scores, dim=1).topk(k, dim=1)
        rank = torch.cat(ranks, dim=1).gather(1, chosen)
        return best - torch.stack(normalisers).logsumexp(0)[:, None], self.order.word_id[rank]

    def _blocks(self, *, shifted: bool = True) -> Iterator[_Block]:
        """Yield the blocks; with `shifted`, their biases include `score_shift`."""
        ranks = pairwise(accumulate(self.block_sizes, initial=0))
        columns = pairwise(accumulate(self.block_widths, initial=0))
        for k, (rank, column) in enumerate(zip(ranks, columns, strict=True)):
            weight, bias = self.get_parameter(f"weight_{k}"), self._parameters[f"bias_{k}"]
            if shifted:
                yield _Block(
                    slice(*rank), slice(*column), weight, self.shifted_bias(bias, self.order.word_id[slice(*rank)])
                )
            else:
                yield _Block(slice(*rank), slice(*column), weight, bias)

    def _tiles(self, hidden: Tensor) -> Iterator[tuple[slice, list[slice]]]:
        """Yield examples with ranges of ranks, each within a block."""
        tile_examples, tile_words = tile_shape(hidden.shape[0], hidden.device)
        edges = pairwise(accumulate(self.block_sizes, initial=0))
        ranks = [
            slice(start + tile.start, start + tile.stop)
            for start, stop in edges
            for tile in spans(stop - start, tile_words)
        ]
        for examples in spans(hidden.shape[0], tile_examples):
            yield examples, ranks

    def _score_tiles(self) -> ScoreTile:
        """Return a function that scores a range of ranks within a block."""
        blocks = list(self._blocks())

        def score_tile(hidden: Tensor, ranks: slice) -> Tensor:
            block = next(b for b in blocks if ranks.stop <= b.ranks.stop)
            rows = slice(ranks.start - block.ranks.start, ranks.stop - block.ranks.start)
            dtype = product_dtype(hidden)
            bias = None if block.bias is None else block.bias[rows].to(dtype)
            scores = linear(hidden[:, block.columns].to(dtype), block.weight[rows].to(dtype), bias)
            scores = scores.to(at_least_float32(dtype))
            return scores if self.score_map is None else self.score_map.in_place(scores)

        return score_tile


def _check_blocks(sizes: list[int], widths: list[int], vocab_size: int, hidden_size: int) -> None:
    if len(sizes) != len(widths) or not sizes:
        raise InputError(
            f"{len(sizes)} block_sizes and {len(widths)} block_widths; expected one of each for at least one block"
        )
    if min(sizes) < 1 or sum(sizes) != vocab_size:
        raise InputError(
            f"block_sizes {sizes} sum to {sum(sizes)}; expected positive sizes that sum to the {vocab_size} words "
            "of counts"
        )
    if min(widths) < 1 or sum(widths) != hidden_size:
        raise InputError(
            f"block_widths {widths} sum to {sum(widths)}; expected positive widths that sum to hidden_size "
            f"{hidden_size}, since each block has its own slice of the hidden vector"
        )


class BlockRows(NamedTuple):
    """The rows of one block: their places among all rows in rank order, their slice of hidden, their parameters."""

    places: slice
    columns: slice
    weight: Tensor
    bias: Tensor | None


class DifferentiatedRows(Rows):
    """Rows in rank order, where those of a block are contiguous.

    Attributes:
        place: (U,) the position of each word id in rank order.
        blocks: the blocks, in rank order.
    """

    def __init__(self, word_ids: Tensor, place: Tensor, blocks: list[BlockRows]) -> None:
        self.word_ids = word_ids
        self.place = place
        self.blocks = blocks

    def score(self, hidden: Tensor, position: Tensor | None = None) -> Tensor:
        """See `Rows.score`; one product per block, with columns permuted only if ids are not in count order."""
        place = self.place if position is None else self.place.index_select(0, position)
        wanted, by_place = place.sort()
        parts = []
        start = 0
        for block in self.blocks:
            stop = int(torch.searchsorted(wanted, block.places.stop))
            weight, bias = block.weight, block.bias
            if position is not None:
                row = wanted[start:stop] - block.places.start
                weight = weight.index_select(0, row)
                bias = None if bias is None else bias.index_select(0, row)
            if stop > start:
                bias = None if bias is None else bias.to(weight.dtype)
                scores = linear(hidden[:, block.columns], weight, bias)
                parts.append(scores.to(at_least_float32(scores.dtype)))
            start = stop
        if not parts:
            return hidden.new_zeros(len(hidden), 0, dtype=at_least_float32(hidden.dtype))
        side_by_side = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        if torch.equal(wanted, place):
            return side_by_side
        return side_by_side.index_select(1, torch.argsort(by_place))

    def score_at(self, hidden: Tensor, position: Tensor) -> Tensor:
        """See `Rows.score_at`; row-wise dot products, block by block."""
        place = self.place.index_select(0, position.reshape(-1))
        example = torch.arange(len(hidden), device=hidden.device).repeat_interleave(
            position.shape[1] if position.ndim == 2 else 1
        )
        scores, entries = [], []
        for block in self.blocks:
            (entry,) = ((place >= block.places.start) & (place < block.places.stop)).nonzero(as_tuple=True)
            row = place.index_select(0, entry) - block.places.start
            dtype = at_least_float32(block.weight.dtype)
            weight = block.weight.index_select(0, row).to(dtype)
            score = (hidden[:, block.columns].index_select(0, example[entry]).to(dtype) * weight).sum(dim=1)
            if block.bias is not None:
                score = score + block.bias.index_select(0, row)
            scores.append(score)
            entries.append(entry)
        return torch.cat(scores).index_select(0, torch.argsort(torch.cat(entries))).view(position.shape)
