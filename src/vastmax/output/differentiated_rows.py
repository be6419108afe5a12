"""The rows in play of a differentiated layer, block by block: nothing is padded to a common width."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from vastmax.output.base import Rows
from vastmax.output.precision import score_dtype


class BlockRows(NamedTuple):
    """The rows of one block: their places among all rows in rank order, the slice of hidden they see, parameters."""

    places: slice
    columns: slice
    weight: Tensor
    bias: Tensor | None


class DifferentiatedRows(Rows):
    """Rows kept in rank order, where those of a block lie together.

    Attributes:
        place: (U,) where the row of each word id lies in rank order.
        blocks: the blocks, in rank order.
    """

    def __init__(self, word_ids: Tensor, place: Tensor, blocks: list[BlockRows]) -> None:
        self.word_ids = word_ids
        self.place = place
        self.blocks = blocks

    def score(self, hidden: Tensor, position: Tensor | None = None) -> Tensor:
        """One product a block, put side by side; columns are permuted only where ids are not in count order."""
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
                parts.append(scores.to(score_dtype(scores.dtype)))
            start = stop
        if not parts:
            return hidden.new_zeros(len(hidden), 0, dtype=score_dtype(hidden.dtype))
        side_by_side = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        if torch.equal(wanted, place):
            return side_by_side
        return side_by_side.index_select(1, torch.argsort(by_place))

    def score_at(self, hidden: Tensor, position: Tensor) -> Tensor:
        """Row-wise dot products, gathered block by block."""
        place = self.place.index_select(0, position.reshape(-1))
        example = torch.arange(len(hidden), device=hidden.device).repeat_interleave(
            position.shape[1] if position.ndim == 2 else 1
        )
        scores, entries = [], []
        for block in self.blocks:
            (entry,) = ((place >= block.places.start) & (place < block.places.stop)).nonzero(as_tuple=True)
            row = place.index_select(0, entry) - block.places.start
            dtype = score_dtype(block.weight.dtype)
            weight = block.weight.index_select(0, row).to(dtype)
            score = (hidden[:, block.columns].index_select(0, example[entry]).to(dtype) * weight).sum(dim=1)
            if block.bias is not None:
                score = score + block.bias.index_select(0, row)
            scores.append(score)
            entries.append(entry)
        return torch.cat(scores).index_select(0, torch.argsort(torch.cat(entries))).view(position.shape)
