"""Flat layers with one vector per word: queries over the whole table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import linear

from vastmax.errors import InputError
from vastmax.output.base import FlatOutput
from vastmax.output.linear.exact import linear_exact
from vastmax.output.linear.moments import linear_moments
from vastmax.output.linear.native_scan import native_scan, scan_takes
from vastmax.output.linear.rows import LinearRows
from vastmax.output.linear.scan import ScoreTile, scan_sample, scan_topk
from vastmax.output.linear.tiles import TileScores, spans, tile_shape
from vastmax.tensors.numbers import at_least_float32, product_dtype
from vastmax.tensors.plain_memory import kernel_takes
from vastmax.tensors.random import Rng
from vastmax.tensors.tracing import is_traced


class TableOutput(FlatOutput):
    """s(w) = W_w·h + b_w, where the rows W_w are parameters or computed from spellings or by a user's network."""

    @abstractmethod
    def table(self) -> tuple[Tensor, Tensor | None]:
        """Return (weight (V, D), bias (V,) or None) of all words without `score_shift`; differentiable."""

    def scaled(self, hidden: Tensor) -> Tensor:
        """Return the factor of the rows of the table: `hidden`, unless a layer scales it."""
        return hidden

    def exact(self, hidden: Tensor, target: Tensor, *, normaliser_rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `FlatOutput.exact`."""
        if self.score_map is not None:
            assert normaliser_rows is None  # only objectives without a map use it
            scores, log_normaliser = self.exact_of(hidden, target[:, None])
            return scores.squeeze(1), log_normaliser
        weight, bias = self.scored_table()
        return linear_exact(self.scaled(hidden), weight, bias, target, normaliser_example=normaliser_rows)

    def exact_of(self, hidden: Tensor, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """See `Output.exact_of`."""
        weight, bias = self.scored_table()
        hidden = self.scaled(hidden)
        scores = LinearRows(word_ids, weight, bias).score_at(hidden, word_ids)
        if self.score_map is not None:
            return self.score_map(scores), linear_moments(hidden, weight, bias, self.score_map)[0]
        nothing = word_ids.new_zeros(0)
        return scores, linear_exact(hidden, weight, bias, nothing, target_example=nothing)[1]

    def moments(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """See `Output.moments`."""
        return linear_moments(self.scaled(hidden), *self.scored_table(), self.score_map)

    def weighted_score(self, hidden: Tensor, weight: Tensor | None = None) -> Tensor:
        """See `Output.weighted_score`; scores are linear, so it is one product with the weighted sum of all rows."""
        if self.score_map is not None and self.score_map.cap is not None:
            return super().weighted_score(hidden, weight)
        vectors, bias = self.scored_table()
        dtype = at_least_float32(hidden.dtype)
        table = vectors.to(dtype)
        direction = table.sum(dim=0) if weight is None else weight.to(dtype) @ table
        scores = self.scaled(hidden).to(dtype) @ direction
        if bias is not None:
            scores = scores + (bias.to(dtype).sum() if weight is None else (weight * bias).sum())
        return scores if self.score_map is None else self.score_map(scores)

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """See `Output.log_prob`."""
        if target is not None:
            target_score, log_normaliser = self.exact(hidden, target)
            return target_score - log_normaliser
        return self.logits(hidden).log_softmax(dim=-1)

    def logits(self, hidden: Tensor) -> Tensor:
        """See `Output.logits`."""
        weight, bias = self.scored_table()
        scores = linear(self.scaled(hidden), weight, None if bias is None else bias.to(weight.dtype))
        scores = scores.to(at_least_float32(scores.dtype))
        return scores if self.score_map is None else self.score_map(scores)

    @property
    def traces_scores(self) -> bool:
        """See `Output.traces_scores`."""
        return True

    @property
    def traces_exact(self) -> bool:
        """See `Output.traces_exact`."""
        return True

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Output.topk`. In a graph, all scores (N, V) are held."""
        if is_traced(hidden):
            log_prob, word_id = self.log_prob(hidden).topk(k, dim=1)
            return log_prob, word_id
        score, word_id, log_normaliser = self.best(hidden, k)
        return score - log_normaliser[:, None], word_id

    @torch.no_grad()
    def best(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the k best words by score, and log Z: (score, word_ids, log_normaliser), (N, k), (N, k), (N,)."""
        if hidden.shape[0] == 0:
            nothing = hidden.new_zeros(0, k, dtype=at_least_float32(hidden.dtype))
            return nothing, nothing.to(torch.int64), nothing[:, 0]
        hidden = self.scaled(hidden)
        if self.score_map is None and scan_takes(hidden):
            weight, bias = self.scored_table()
            if kernel_takes(weight, bias, copied=(hidden,), on_baseline=False):
                return native_scan(hidden, weight, bias, k)
        score_tile = self._tile_scorer(hidden)
        parts = [scan_topk(hidden[examples], k, words, score_tile) for examples, words in self._tiles(hidden)]
        score, word_id, log_normaliser = (torch.cat(found) for found in zip(*parts, strict=True))
        return score, word_id, log_normaliser

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        """See `Output.sample`."""
        hidden = self.scaled(hidden)
        score_tile = self._tile_scorer(hidden)
        parts = [scan_sample(hidden[examples], words, score_tile, generator) for examples, words in self._tiles(hidden)]
        return torch.cat(parts) if parts else hidden.new_zeros(0, dtype=torch.int64)

    def scored_table(self) -> tuple[Tensor, Tensor | None]:
        """Return (weight (V, D), bias (V,) or None) of all words with `score_shift`."""
        weight, bias = self.table()
        return weight, self.shifted_bias(bias)

    def _tiles(self, hidden: Tensor) -> Iterator[tuple[slice, list[slice]]]:
        tile_examples, tile_words = tile_shape(hidden.shape[0], hidden.device)
        for examples in spans(hidden.shape[0], tile_examples):
            yield examples, list(spans(self.vocab_size, tile_words))

    def _tile_scorer(self, hidden: Tensor) -> ScoreTile:
        dtype = product_dtype(hidden)
        weight, bias = self.scored_table()
        tile_scores = TileScores(hidden.to(dtype))

        def score_tile(hidden: Tensor, words: slice) -> Tensor:
            with torch.autocast(hidden.device.type, enabled=False):
                tile_bias = None if bias is None else bias[words]
                scores = tile_scores(hidden.to(dtype), weight[words].to(dtype), tile_bias)
            return scores if self.score_map is None else self.score_map.in_place(scores)

        return score_tile


class FrozenTable(TableOutput):
    """A layer whose word vectors a network computes; `freeze` computes and stores them.

    Without it, every call that reads all words (`log_prob`, `topk`, a loss over all of V) computes the whole table. It
    cannot be exported then.
    """

    frozen_table: Tensor | None

    @property
    def traces_scores(self) -> bool:
        """See `Output.traces_scores`: once the table is frozen."""
        if self.frozen_table is None and torch.compiler.is_exporting():
            raise InputError(f"{type(self).__name__} computes its word vectors in each call: call freeze() first")
        return self.frozen_table is not None

    @property
    def traces_exact(self) -> bool:
        """See `Output.traces_exact`: once the table is frozen."""
        return self.frozen_table is not None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frozen_table", None, persistent=False)

    @abstractmethod
    def live_table(self) -> Tensor:
        """Return the current table, (V, D), differentiable."""

    @abstractmethod
    def table_bias(self) -> Tensor | None:
        """Return the bias of the words, (V,) or None."""

    def table(self) -> tuple[Tensor, Tensor | None]:
        """See `TableOutput.table`."""
        return self.live_table() if self.frozen_table is None else self.frozen_table, self.table_bias()

    @torch.no_grad()
    def freeze(self) -> Self:
        """Compute and store the table (V, D), so queries cost as much as those of `Dense`.

        It puts the layer into eval mode. `train()` and `load_state_dict` discard the table, which is not part of
        `state_dict`. Changes outside the layer, such as those of a network's inputs, are not noticed.
        """
        self.eval()
        self.frozen_table = None
        self.frozen_table = self.live_table()
        return self

    def train(self, mode: bool = True) -> Self:
        """See `nn.Module.train`; training mode discards the table."""
        if mode:
            self.frozen_table = None
        return super().train(mode)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self.frozen_table = None
        super()._load_from_state_dict(*arguments)
