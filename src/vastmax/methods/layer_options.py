"""The options that every recipe takes besides those of its method: bias, weight, device and dtype of the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from vastmax.head import Head


def built(
    build: Callable[[], Head],
    *,
    bias: bool,
    sparse_gradients: bool,
    weight: nn.Parameter | None,
    device: torch.device | str | None,
    dtype: torch.dtype | None,
) -> Head:
    """Return the head from `build` with these options instead of the defaults; see `Method`.

    If they change the parameters, the head is built on the meta device first, so no memory is used for discarded
    numbers.
    """
    import torch

    from vastmax.tensors.row_sparse import RowSparse

    if bias and weight is None and device is None and dtype is None:
        head = build()
    else:
        with torch.device("meta"):
            head = build()
        if not bias:
            head.output.remove_bias()
        if weight is not None:
            head.output.tie(weight)
            device, dtype = weight.device, weight.dtype
        if dtype is not None:
            head.to(dtype=dtype)
        _give_memory(head, torch.get_default_device() if device is None else torch.device(device))
    if isinstance(head.output, RowSparse):
        head.output.sparse_gradients = head.output.sparse_gradients and sparse_gradients
    return head


def _give_memory(head: Head, device: torch.device) -> None:
    if device.type == "meta":
        return

    import torch

    def on_device(tensor: Tensor) -> Tensor:
        return torch.empty_like(tensor, device=device) if tensor.is_meta else tensor.to(device)

    head._apply(on_device)  # type: ignore[no-untyped-call]
    head.reset_parameters()
