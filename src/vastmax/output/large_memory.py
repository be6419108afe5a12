"""Large tensors on the CPU in large pages."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def empty_in_large_pages(rows: int, width: int) -> Tensor:
    """`torch.empty(rows, width)`, float32 on the CPU, whose memory asks the kernel for large pages.

    numpy asks for them from 4 MiB on, torch does not. Where they are granted (Linux's default), first touching 50 MB
    costs a fraction, and reading rows here and there out of a gigabyte misses the translation cache less.
    """
    return torch.from_numpy(np.empty((rows, width), dtype=np.float32))
