"""The dtypes of computations, and the treatment of NaN and infinities.

Matrix products use the requested low precision; exponentials and sums use at least float32. NaN and infinities
propagate: losses and log-probabilities of an example whose hidden vector contains one are NaN, its best words have
log-probability NaN and meaningless ids, as in `torch.topk`, and no word can be drawn, as in `torch.multinomial`. Other
examples are not affected.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.errors import InputError


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of scores, losses and optimizer state: `dtype`, but at least float32."""
    return torch.promote_types(dtype, torch.float32)


def product_dtype(hidden: Tensor) -> torch.dtype:
    """Return the dtype of matrix products with `hidden`: that of autocast if it is on, otherwise its own."""
    device_type = hidden.device.type
    if torch.is_autocast_enabled(device_type):
        return torch.get_autocast_dtype(device_type)
    return hidden.dtype


def undefined_rows(hidden: Tensor) -> Tensor:
    """Return (N,) without a gradient: NaN if a row of `hidden` (N, D) contains NaN or infinity, otherwise 0.

    It is for layers with a sigmoid: σ(∞) is 1, so an overflow would look like certainty. Cost: N·D additions.
    """
    return hidden.detach().sum(dim=1, dtype=at_least_float32(hidden.dtype)).mul_(0)


def require_law(total: Tensor) -> None:
    """Raise InputError unless all sums of probabilities or scores in `total`, of any shape, are finite."""
    if not bool(torch.isfinite(total).all()):
        raise InputError(
            "no word can be drawn because the probabilities are NaN: a hidden vector or a parameter of the output "
            "layer contains NaN or infinity, or scores overflow; find where the model diverged"
        )
