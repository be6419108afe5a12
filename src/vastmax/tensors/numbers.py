"""How numbers are computed: in which dtype, and what becomes of those that are none.

Matrix products run in the low precision that is asked for, exponentials and sums never below float32. What is not a
number stays so: losses and log-probabilities of an example whose hidden vector holds a NaN or an infinity are NaN, its
best words have log-probability NaN (their ids mean nothing), as in `torch.topk`, and a word cannot be drawn, as in
`torch.multinomial`. No other example is touched.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.errors import InputError


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of scores, losses and optimizer state: that of numbers in `dtype`, but never below float32."""
    return torch.promote_types(dtype, torch.float32)


def product_dtype(hidden: Tensor) -> torch.dtype:
    """The dtype in which matrix products with `hidden` run: autocast's where autocast is on, else its own."""
    device_type = hidden.device.type
    if torch.is_autocast_enabled(device_type):
        return torch.get_autocast_dtype(device_type)
    return hidden.dtype


def undefined_rows(hidden: Tensor) -> Tensor:
    """(N,) without a gradient: NaN where a row of `hidden` (N, D) holds a NaN or an infinity, else 0.

    For layers that squash scores: σ(∞) is 1, and an overflow would end as a certainty. Cost: N·D additions.
    """
    return hidden.detach().sum(dim=1, dtype=at_least_float32(hidden.dtype)).mul_(0)


def require_law(total: Tensor) -> None:
    """Check that what is drawn from has a finite mass.

    Args:
        total: what the probabilities, or the scores that decide, add up to, in any shape.

    Raises:
        InputError: where it is NaN or infinite.
    """
    if not bool(torch.isfinite(total).all()):
        raise InputError(
            "no word can be drawn where the probabilities are NaN: a hidden vector, or a parameter of the output "
            "layer, holds a NaN or an infinity, or scores overflow; look for where the model diverged"
        )
