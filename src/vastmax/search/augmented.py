"""Biases as an extra coordinate, s(w) = [W_w·a, b_w]·[h/a, 1], so that a search for inner products finds scores."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.search.score_table import ScoreTable


def augmented_rows(table: ScoreTable, scale: float = 1.0) -> Tensor:
    """Return (V, D + 1): the rows times `scale`, and the biases minus their mean, which changes no order."""
    bias = table.weight.new_zeros(table.vocab_size) if table.bias is None else table.bias - table.bias.mean()
    return torch.cat([table.weight * scale, bias[:, None]], dim=1)


def augmented_queries(queries: Tensor, scale: float = 1.0) -> Tensor:
    """Return (N, D + 1) whose products with `augmented_rows` are the scores, minus the mean bias."""
    return torch.cat([queries / scale, queries.new_ones(len(queries), 1)], dim=1)


def at_equal_length(rows: Tensor) -> Tensor:
    """Return rows of equal length, whose angles to [q, 0] are ordered by products with q (Neyshabur & Srebro 2015)."""
    square = rows.square().sum(dim=1)
    return torch.cat([rows, (square.max() - square).clamp_min(0.0).sqrt()[:, None]], dim=1)
