"""Which tensors the native kernels take: numbers in this process's memory, laid out as their strides say."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vastmax.errors import InputError
from vastmax.kernels.machine import choose_target
from vastmax.tensors.numbers import product_dtype

# Whether torch.func (vmap, grad, …) has wrapped a tensor: its type does not tell. PyTorch has no public name for it.
is_transformed = getattr(torch._C._functorch, "is_functorch_wrapped_tensor", lambda tensor: False)


def kernel_takes(*in_place: Tensor | None, copied: tuple[Tensor | None, ...] = (), on_baseline: bool = True) -> bool:
    """Return whether a native kernel is to have these tensors instead of PyTorch's own operations.

    The one answer for all kernels: float32 in plain memory, no lower precision asked for by autocast.

    Args:
        in_place: what the kernel reads and writes where it is, hence contiguous; None has no say.
        copied: what the caller makes contiguous first.
        on_baseline: whether the kernel is the faster one on the baseline instruction set, too. With matrix products of
            its own it is not.

    Raises:
        InputError: a sharded tensor; VASTMAX_KERNEL is not the name of an instruction set that this machine can run.
    """
    given = [tensor for tensor in (*in_place, *copied) if tensor is not None]
    return (
        in_plain_memory(*given)
        and all(product_dtype(tensor) is torch.float32 for tensor in given[:1])
        and all(tensor is None or tensor.is_contiguous() for tensor in in_place)
        and (choose_target() != "baseline" or on_baseline)
    )


def in_plain_memory(*tensors: Tensor | None, dtype: torch.dtype = torch.float32) -> bool:
    """Return whether a kernel may be handed the memory of `tensors`; those that are None have no say.

    False asks for PyTorch's own operations instead: another dtype or device, a tensor subclass, a sparse or quantized
    layout, a lazily negated or conjugated view, a tensor within a transformation of `torch.func`. Contiguity is the
    caller's affair, since `contiguous()` is what mends it.

    Raises:
        InputError: a sharded tensor (DTensor), which PyTorch's operations cannot mix with others either.
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
    """Return whether this is a DTensor, of which a process holds a part; told by name, so that nothing is imported."""
    return type(value).__name__ == "DTensor"


def require_whole(tensor: Tensor) -> None:
    """Raise InputError if `tensor` is sharded: its numbers are not all in this process."""
    if is_sharded(tensor):
        raise InputError(
            "a parameter or input of the output layer is sharded (DTensor), and its numbers are not all in this "
            "process: apply fully_shard to the head itself, and for methods other than its call use "
            "vastmax.distributed.register_forward_methods(head) or head.unshard(); gather a DTensor of your own with "
            "full_tensor()"
        )
