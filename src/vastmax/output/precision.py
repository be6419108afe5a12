"""Which dtype a number is computed in: products in the low precision asked for, exponentials never below float32."""

from __future__ import annotations

import torch
from torch import Tensor


def score_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of scores, log-probabilities and losses: float32 for bfloat16 and float16, else `dtype` itself."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def product_dtype(hidden: Tensor) -> torch.dtype:
    """The dtype in which matrix products with `hidden` run: autocast's where autocast is on, else its own."""
    device_type = hidden.device.type
    if torch.is_autocast_enabled(device_type):
        return torch.get_autocast_dtype(device_type)
    return hidden.dtype
