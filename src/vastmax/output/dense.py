"""The plain softmax layer: one vector and one bias a word."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear as linear_scores

from vastmax.errors import InputError
from vastmax.output.base import FlatOutput, Rows, Search
from vastmax.output.linear_exact import TileScores, linear_exact, spans, tile_shape
from vastmax.output.linear_rows import LinearRows
from vastmax.output.precision import product_dtype, score_dtype
from vastmax.output.rows import RowSparse, gather_rows
from vastmax.output.scan import ScoreTile, scan_sample, scan_topk


def _upcast(scores: Tensor) -> Tensor:
    return scores.to(score_dtype(scores.dtype))


class Dense(RowSparse, FlatOutput):
    """s(w) = W_w·h + b_w, log p(w | h) = s(w) − log Z: what `nn.Linear` and a softmax compute.

    Args:
        hidden_size: D ≥ 1.
        vocab_size: V ≥ 1.
        bias: whether words have a bias.
        weight: (V, D) to use in place of a new one: an `nn.Parameter`, shared with whoever else holds it, such as an
            input embedding (weight tying). D and V may then be left out.
        sparse_gradients: sampled objectives give only the rows in play a gradient, as a sparse tensor; False gives the
            dense twin (which costs O(V·D) a step).
        device: of new parameters.
        dtype: of new parameters.

    Raises:
        InputError: sizes below 1, or not those of `weight`.

    Shape:
        hidden (N, D), target (N,); `state_dict` is that of `nn.Linear(D, V)`.

    Cost:
        exact loss O(V·D) an example; sampled O(K·D).

    Example:
        >>> import torch
        >>> layer = Dense(4, 1000)
        >>> torch.allclose(layer.log_prob(torch.zeros(1, 4)).exp().sum(), torch.tensor(1.0))
        True
        >>> linear = torch.nn.Linear(4, 1000)
        >>> Dense.from_linear(linear).weight is linear.weight
        True
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        hidden_size: int | None = None,
        vocab_size: int | None = None,
        bias: bool = True,
        *,
        weight: nn.Parameter | None = None,
        sparse_gradients: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if weight is not None:
            hidden_size, vocab_size = _sizes_of(weight, hidden_size, vocab_size)
            device, dtype = weight.device, weight.dtype
        if hidden_size is None or vocab_size is None:
            raise InputError("Dense needs hidden_size and vocab_size, or a weight to take them from")
        for name, size in (("hidden_size", hidden_size), ("vocab_size", vocab_size)):
            if size < 1:
                raise InputError(f"{name} is {size}; expected at least 1")
        self.hidden_size = hidden_size
        self.vocab_size = vocab_size
        self.sparse_gradients = sparse_gradients
        self.sparse = sparse_gradients
        if weight is None:
            weight = nn.Parameter(torch.empty(vocab_size, hidden_size, device=device, dtype=dtype))
            bound = 1 / math.sqrt(hidden_size)  # as nn.Linear
            nn.init.uniform_(weight, -bound, bound)
        self.weight = weight
        # At zero until somebody sets it: see FlatOutput.initialise_bias.
        self.bias = nn.Parameter(torch.zeros(vocab_size, device=device, dtype=dtype)) if bias else None

    @classmethod
    def from_linear(cls, linear: nn.Linear, *, sparse_gradients: bool = True) -> Dense:
        """The layer that shares the parameters of an existing `linear`: training either trains both."""
        weight = cast(nn.Parameter, linear.weight)
        dense = cls(bias=False, weight=weight, sparse_gradients=sparse_gradients)
        dense.bias = cast("nn.Parameter | None", linear.bias)
        return dense

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"{self.hidden_size}, {self.vocab_size}, bias={self.bias is not None}, "
            f"sparse_gradients={self.sparse_gradients}"
        )

    def initialise_bias(self, value: float) -> None:
        """See `FlatOutput.initialise_bias`."""
        if self.bias is not None and not self.bias.any():
            nn.init.constant_(self.bias, value)

    def select(self, word_ids: Tensor) -> Rows:
        """See `FlatOutput.select`."""
        weight = gather_rows(self.weight, word_ids, sparse=self.sparse_gradients)
        bias = None if self.bias is None else gather_rows(self.bias, word_ids, sparse=self.sparse_gradients)
        if self.score_shift is not None:
            shift = self.score_shift.index_select(0, word_ids)
            bias = shift if bias is None else bias + shift
        return LinearRows(word_ids, weight, bias)

    def exact(self, hidden: Tensor, target: Tensor, *, normaliser_rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `FlatOutput.exact`."""
        return linear_exact(hidden, self.weight, self._bias(), target, normaliser_example=normaliser_rows)

    def weighted_score(self, hidden: Tensor, weight: Tensor | None = None) -> Tensor:
        """See `FlatOutput.weighted_score`."""
        bias = self._bias()
        dtype = score_dtype(hidden.dtype)
        table = self.weight.to(dtype)
        direction = table.sum(dim=0) if weight is None else weight.to(dtype) @ table
        scores = hidden.to(dtype) @ direction
        if bias is not None:
            scores = scores + (bias.to(dtype).sum() if weight is None else (weight * bias).sum())
        return scores

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """See `Output.log_prob`."""
        if target is not None:
            target_score, log_normaliser = self.exact(hidden, target)
            return target_score - log_normaliser
        bias = self._bias()
        if bias is not None:
            bias = bias.to(self.weight.dtype)
        return _upcast(linear_scores(hidden, self.weight, bias)).log_softmax(dim=-1)

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int, *, search: Search | None = None) -> tuple[Tensor, Tensor]:
        """See `Output.topk`."""
        if search is not None:
            return search.topk(self, hidden, k)
        if hidden.shape[0] == 0:
            return hidden.new_zeros(0, k, dtype=score_dtype(hidden.dtype)), hidden.new_zeros(0, k, dtype=torch.int64)
        parts = []
        score_tile = self._tile_scorer(hidden)
        for examples, words in self._tiles(hidden):
            score, word_id, log_normaliser = scan_topk(hidden[examples], k, words, score_tile)
            parts.append((score - log_normaliser[:, None], word_id))
        return torch.cat([log_prob for log_prob, _ in parts]), torch.cat([word_id for _, word_id in parts])

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """See `Output.sample`."""
        score_tile = self._tile_scorer(hidden)
        parts = [scan_sample(hidden[examples], words, score_tile, generator) for examples, words in self._tiles(hidden)]
        return torch.cat(parts) if parts else hidden.new_zeros(0, dtype=torch.int64)

    def _bias(self) -> Tensor | None:
        if self.score_shift is None:
            return self.bias
        return self.score_shift if self.bias is None else self.bias + self.score_shift

    def _tiles(self, hidden: Tensor) -> Iterator[tuple[slice, list[slice]]]:
        tile_examples, tile_words = tile_shape(hidden.shape[0], hidden.device)
        for examples in spans(hidden.shape[0], tile_examples):
            yield examples, list(spans(self.vocab_size, tile_words))

    def _tile_scorer(self, hidden: Tensor) -> ScoreTile:
        dtype = product_dtype(hidden)
        bias = self._bias()
        tile_scores = TileScores(hidden.to(dtype))

        def score_tile(hidden: Tensor, words: slice) -> Tensor:
            with torch.autocast(hidden.device.type, enabled=False):
                tile_bias = None if bias is None else bias[words]
                return tile_scores(hidden.to(dtype), self.weight[words].to(dtype), tile_bias)

        return score_tile


def _sizes_of(weight: Tensor, hidden_size: int | None, vocab_size: int | None) -> tuple[int, int]:
    if weight.ndim != 2:
        raise InputError(f"weight has shape {tuple(weight.shape)}; expected (vocab_size, hidden_size)")
    rows, width = weight.shape
    if hidden_size not in (None, width) or vocab_size not in (None, rows):
        raise InputError(
            f"weight has shape {(rows, width)}, but vocab_size={vocab_size}, hidden_size={hidden_size} were asked for"
        )
    return width, rows
