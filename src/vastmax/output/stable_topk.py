"""Top-k whose order of equals is defined."""

from __future__ import annotations

import torch
from torch import Tensor


def topk_lowest_id_first(log_prob: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """As `Tensor.topk` along rows, equals in the order of their columns, which topk leaves open."""
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
