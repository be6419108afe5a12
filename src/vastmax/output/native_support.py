"""Which tensors the native kernels take in place of torch's operations."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.kernels.targets import choose_target
from vastmax.output.precision import product_dtype
from vastmax.tensors.plain_memory import in_plain_memory


def kernel_takes(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether kernels with products of their own should take these: float32 on a CPU with wide vectors.

    Where only the baseline instruction set is there, the library's products are the faster ones.
    """
    return (
        in_plain_memory(hidden, weight, bias)
        and product_dtype(hidden) == torch.float32
        and weight.is_contiguous()
        and (bias is None or bias.is_contiguous())
        and choose_target() != "baseline"
    )
