"""Tensors that native kernels support: plain strided memory of this process."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vastmax.errors import InputError
from vastmax.kernels.machine import choose_target
from vastmax.tensors.numbers import product_dtype

# Whether torch.func (vmap, grad, …) has wrapped a tensor. Its type does not show it, and there is no public function.
is_transformed = getattr(torch._C._functorch, "is_functorch_wrapped_tensor", lambda tensor: False)


def kernel_takes(*in_place: Tensor | None, copied: tuple[Tensor | None, ...] = (), on_baseline: bool = True) -> bool:
    """Return whether to use a native kernel for these tensors instead of PyTorch operations.

    All kernels require float32 in plain memory, without a lower precision from autocast.

    Args:
        in_place: tensors that the kernel uses in place, so they must be contiguous; None is ignored.
        copied: tensors that the caller makes contiguous.
        on_baseline: whether the kernel is faster on the baseline instruction set, too. One with matrix products is not.

    Raises:
        InputError: a sharded tensor; VASTMAX_KERNEL is not an instruction set of this machine.
    """
    given = [tensor for tensor in (*in_place, *copied) if tensor is not None]
    return (
        in_plain_memory(*given)
        and all(product_dtype(tensor) is torch.float32 for tensor in given[:1])
        and all(tensor is None or tensor.is_contiguous() for tensor in in_place)
        and (choose_target() != "baseline" or on_baseline)
    )


def in_plain_memory(*tensors: Tensor | None, dtype: torch.dtype = torch.float32) -> bool:
    """Return whether a kernel can use the memory of `tensors`; None is ignored.

    It cannot if one has another dtype or device, is a tensor subclass, has a sparse or quantized layout, is a lazily
    negated or conjugated view, or is within a transformation of `torch.func`. The caller checks contiguity, since
    `contiguous()` establishes it.

    Raises:
        InputError: a sharded tensor (DTensor), which PyTorch operations cannot mix with others, either.
    """
    if torch.compiler.is_compiling():  # a graph is being made: there is no memory yet
        return False
    for tensor in tensors:
        if tensor is None:
            continue
        kind = type(tensor)
        if kind is not Tensor and kind is not nn.Parameter:
            require_whole(tensor)
            return False
        if (
            tensor.dtype is not dtype
            or not tensor.is_cpu
            or tensor.layout is not torch.strided
            or tensor.is_neg()
            or is_transformed(tensor)
        ):
            return False
    return True


def is_sharded(value: object) -> bool:
    """Return whether this is a DTensor, by the name of its type, which avoids an import."""
    return type(value).__name__ == "DTensor"


def require_whole(tensor: Tensor) -> None:
    """Raise InputError if `tensor` is sharded, so only a part of it is in this process."""
    if is_sharded(tensor):
        raise InputError(
            "a parameter or input of the output layer is sharded (DTensor), so only a part of it is in this process: "
            "apply fully_shard to the head itself, and for methods other than its call use "
            "vastmax.distributed.register_forward_methods(head) or head.unshard(); gather other DTensors with "
            "full_tensor()"
        )
