"""Biases that nobody has set yet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def set_if_zero(biases: Sequence[Tensor], values: Sequence[float | Tensor]) -> bool:
    """Set each of some biases to its value if all of them are zero still; whether they were, and there are any."""
    # On the meta device nothing is set yet, and nothing can be: the state that is loaded later says what they are.
    if not biases or any(not bias.is_meta and bias.any() for bias in biases):
        return False
    for bias, value in zip(biases, values, strict=True):
        bias.copy_(torch.as_tensor(value))
    return True
