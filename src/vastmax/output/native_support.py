"""Which tensors the native kernels take in place of torch's operations."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.kernels.targets import choose_target
from vastmax.output.precision import product_dtype


def kernel_takes(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether kernels with products of their own should take these: float32 on a CPU with wide vectors.

    Where only the baseline instruction set is there, the library's products are the faster ones.
    """
    if product_dtype(hidden) != torch.float32 or choose_target() == "baseline":
        return False
    parameters = [weight] if bias is None else [weight, bias]
    return all(x.device.type == "cpu" and x.dtype == torch.float32 for x in [hidden, *parameters]) and all(
        x.is_contiguous() for x in parameters
    )
