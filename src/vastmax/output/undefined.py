"""What is not a number stays so: nothing is known of a word where the hidden vector is NaN or infinite.

The rule of every layer: losses and log-probabilities of such an example are NaN, its best words have log-probability
NaN (their ids mean nothing), as in `torch.topk`, and a word cannot be drawn, as in `torch.multinomial`. No other
example is touched.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.output.precision import score_dtype


def undefined_rows(hidden: Tensor) -> Tensor:
    """(N,) without a gradient: NaN where a row of `hidden` (N, D) holds a NaN or an infinity, else 0.

    For layers that squash scores: σ(∞) is 1, and an overflow would end as a certainty. Cost: N·D additions.
    """
    return hidden.detach().sum(dim=1, dtype=score_dtype(hidden.dtype)).mul_(0)


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
