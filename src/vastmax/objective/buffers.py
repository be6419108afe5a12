"""Care for the (N, K) buffer of a sampled step, the only large thing in it."""

from __future__ import annotations

import torch
from torch import Tensor

# Says whether the backward pass now running was called with retain_graph. PyTorch's own compiler asks it for the same
# purpose; where a version lacks it, we take a new buffer.
_keeps_graph = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", lambda: True)


def scaled_rows(buffer: Tensor, scale: Tensor) -> Tensor:
    """`buffer * scale[:, None]` for a buffer saved by forward: in its place where no second backward pass can come.

    Fresh memory for (N, K) numbers costs as much as a tenth of the step's matrix products, in page faults.
    """
    if _keeps_graph():
        return buffer * scale[:, None]
    return buffer.mul_(scale[:, None])
