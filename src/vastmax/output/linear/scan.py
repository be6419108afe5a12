"""Exact queries of a flat layer that read every word but store few scores at a time. Not differentiable.

A layer provides its scores in tiles (n, width) over a range of columns. A column is a word id, unless the layer has its
own order of words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vastmax.tensors.numbers import at_least_float32, require_law
from vastmax.tensors.random import Rng

ScoreTile = Callable[[Tensor, slice], Tensor]
"""(hidden (n, D), columns) → scores (n, width) in `at_least_float32`, which may be overwritten."""

# The maxima of groups of columns are compared first, so the costly selection reads one number per group.
_GROUP = 32


def scan_topk(hidden: Tensor, k: int, tiles: Sequence[slice], score_tile: ScoreTile) -> tuple[Tensor, Tensor, Tensor]:
    """Return (score, column, log_normaliser): (n, k), (n, k) and (n,), best first.

    The k best columns are in the k groups with the best maxima, so only these groups are searched.

    Args:
        hidden: (n, D).
        k: 1 ≤ k ≤ number of columns.
        tiles: ranges that cover the columns.
        score_tile: returns the scores of a range.
    """
    num_examples = hidden.shape[0]
    dtype = at_least_float32(hidden.dtype)
    best_score = hidden.new_empty(num_examples, 0, dtype=dtype)
    best_column = hidden.new_empty(num_examples, 0, dtype=torch.int64)
    log_normaliser = hidden.new_full((num_examples,), -torch.inf, dtype=dtype)
    for columns in tiles:
        scores = score_tile(hidden, columns)
        score, column, largest = _tile_topk(scores, min(k, scores.shape[1]))
        score = torch.cat([best_score, score], dim=1)
        column = torch.cat([best_column, column + columns.start], dim=1)
        best_score, chosen = score.topk(min(k, score.shape[1]), dim=1)
        best_column = column.gather(1, chosen)
        log_normaliser = torch.logaddexp(log_normaliser, _logsumexp_in_place(scores, largest))
    return best_score, best_column, log_normaliser


def _tile_topk(scores: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return (score, column, largest): the k best of each row, best first, and the score of the best."""
    num_examples, width = scores.shape
    num_groups = width // _GROUP
    if num_groups <= k:
        score, column = scores.topk(k, dim=1)
        return score, column, score[:, 0]
    # Group g consists of the columns g, g + num_groups, …, so maxima are computed along contiguous numbers.
    grouped = scores[:, : num_groups * _GROUP].view(num_examples, _GROUP, num_groups)
    group = grouped.amax(dim=1).topk(k, dim=1).indices
    candidate = (torch.arange(_GROUP, device=scores.device)[:, None] * num_groups + group[:, None, :]).flatten(1)
    rest = torch.arange(num_groups * _GROUP, width, device=scores.device).expand(num_examples, -1)
    candidate = torch.cat([candidate, rest], dim=1)
    score, chosen = scores.gather(1, candidate).topk(k, dim=1)
    return score, candidate.gather(1, chosen), score[:, 0]


def _logsumexp_in_place(scores: Tensor, largest: Tensor) -> Tensor:
    return largest + scores.sub_(largest[:, None]).exp_().sum(dim=1).log_()


def scan_sample(hidden: Tensor, tiles: Sequence[slice], score_tile: ScoreTile, generator: Rng) -> Tensor:
    """Return one column per example, (n,), drawn from the softmax of its scores: first the tile, then the column.

    Cost: every score once, and those of the drawn tiles again.
    """
    num_examples = hidden.shape[0]
    if num_examples == 0:
        return hidden.new_zeros(0, dtype=torch.int64)
    log_mass = torch.stack([score_tile(hidden, columns).logsumexp(dim=1) for columns in tiles], dim=1)
    chosen_tile = _draw(log_mass, generator)
    column = torch.empty_like(chosen_tile)
    for index in torch.unique(chosen_tile).tolist():
        (example,) = (chosen_tile == index).nonzero(as_tuple=True)
        scores = score_tile(hidden.index_select(0, example), tiles[index])
        column[example] = _draw(scores, generator) + tiles[index].start
    return column


def _draw(scores: Tensor, generator: Rng) -> Tensor:
    """Return one index per row from softmax(scores), by inverting the cumulative distribution in float64."""
    cumulative = torch.softmax(scores, dim=1, dtype=torch.float64).cumsum_(dim=1)
    device = scores.device if generator is None else generator.device
    uniform = torch.rand(scores.shape[0], 1, dtype=torch.float64, generator=generator, device=device)
    require_law(cumulative[:, -1])
    uniform = uniform.to(scores.device) * cumulative[:, -1:]
    return torch.searchsorted(cumulative, uniform, right=True).squeeze(1).clamp_(max=scores.shape[1] - 1)


def topk_lowest_id_first(log_prob: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return `Tensor.topk` along rows with ties in the order of columns."""
    value, _ = log_prob.topk(k, dim=1)
    compared = log_prob
    if value.isnan().any():  # NaN comes first, as in topk, and equals itself
        compared = log_prob.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-torch.inf)
        value = value.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-torch.inf)
    above = compared > value[:, -1:]
    level = compared == value[:, -1:]
    taken = above | (level & (level.cumsum(dim=1) <= k - above.sum(dim=1, keepdim=True)))
    word_id = taken.nonzero()[:, 1].view(-1, k)  # ascending in each row
    value, order = log_prob.gather(1, word_id).sort(dim=1, descending=True, stable=True)
    return value, word_id.gather(1, order)
