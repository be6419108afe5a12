"""A flat layer whose words have one vector each: everything that is asked of the whole table of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import linear

from vastmax.output.base import FlatOutput
from vastmax.output.linear_exact import TileScores, linear_exact, spans, tile_shape
from vastmax.output.native_scan import native_topk, scan_takes
from vastmax.output.native_support import kernel_takes
from vastmax.output.precision import product_dtype, score_dtype
from vastmax.output.scan import ScoreTile, scan_sample, scan_topk


class TableOutput(FlatOutput):
    """s(w) = W_w·h + b_w, wherever the rows W_w come from: parameters of their own, spellings, a user's network."""

    @abstractmethod
    def table(self) -> tuple[Tensor, Tensor | None]:
        """(weight (V, D), bias (V,) or None) of all words, `score_shift` not included; differentiable."""

    def exact(self, hidden: Tensor, target: Tensor, *, normaliser_rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `FlatOutput.exact`."""
        weight, bias = self.scored_table()
        return linear_exact(hidden, weight, bias, target, normaliser_example=normaliser_rows)

    def weighted_score(self, hidden: Tensor, weight: Tensor | None = None) -> Tensor:
        """See `FlatOutput.weighted_score`."""
        vectors, bias = self.scored_table()
        dtype = score_dtype(hidden.dtype)
        table = vectors.to(dtype)
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
        weight, bias = self.scored_table()
        scores = linear(hidden, weight, None if bias is None else bias.to(weight.dtype))
        return scores.to(score_dtype(scores.dtype)).log_softmax(dim=-1)

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Output.topk`."""
        if hidden.shape[0] == 0:
            return hidden.new_zeros(0, k, dtype=score_dtype(hidden.dtype)), hidden.new_zeros(0, k, dtype=torch.int64)
        if scan_takes(hidden):
            weight, bias = self.scored_table()
            if kernel_takes(hidden, weight, bias):
                return native_topk(hidden, weight, bias, k)
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

    def scaled(self, hidden: Tensor) -> Tensor:
        """Return what is multiplied with the rows of the table: `hidden` itself, unless the layer scales it."""
        return hidden

    def scored_table(self) -> tuple[Tensor, Tensor | None]:
        """Return (weight (V, D), bias (V,) or None) of all words, `score_shift` included."""
        weight, bias = self.table()
        return weight, self.shifted_bias(bias)

    def shifted_bias(self, bias: Tensor | None) -> Tensor | None:
        """Return the bias (V,) with `score_shift` added."""
        if self.score_shift is None:
            return bias
        return self.score_shift if bias is None else bias + self.score_shift

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
                return tile_scores(hidden.to(dtype), weight[words].to(dtype), tile_bias)

        return score_tile
