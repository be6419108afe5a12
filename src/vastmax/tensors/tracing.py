"""Tracing: whether operations are recorded in a graph, and operators that a graph calls as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.tensors.plain_memory import is_transformed

P = ParamSpec("P")
R = TypeVar("R")

_is_batched = getattr(torch._C._functorch, "is_batchedtensor", lambda tensor: False)


def is_transformed_here(*tensors: Tensor) -> bool:
    """Return whether `torch.func` has wrapped a tensor outside of a graph, so it needs PyTorch operations."""
    return not torch.compiler.is_compiling() and any(is_transformed(tensor) for tensor in tensors)


def is_traced(*tensors: Tensor) -> bool:
    """Return whether `torch.compile`, `torch.export` or `torch.func` is recording a graph.

    Code must then not read data, and kernels have no memory.
    """
    return torch.compiler.is_compiling() or any(is_transformed(tensor) for tensor in tensors)


def constant_in_graphs(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function`, marked so that `torch.compile` calls it once and keeps the result in the graph.

    This is what `torch.compiler.assume_constant_result` does, without importing the compiler.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def refuse_transformed(tensor: Tensor, *, takes_grad: bool = False) -> None:
    """Raise InputError for a tensor within `torch.vmap`, or, unless `takes_grad`, within `torch.func.grad`."""
    if torch.compiler.is_compiling() or not is_transformed(tensor) or (takes_grad and not _is_batched(tensor)):
        return
    raise InputError(
        "a transformation of torch.func (vmap, grad, …) cannot be applied where code depends on data: pass leading "
        "dimensions instead of vmap, and use loss.backward() or torch.autograd.grad; log_prob(hidden), of all words, "
        "can be transformed"
    )


def refuse_script() -> None:
    """Raise InputError within `torch.jit.trace`, which would record the result for the example as a constant."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        raise InputError(
            "torch.jit.trace records one run, but the operations of a head depend on its input: use torch.export.export"
        )


class Passes:
    """The context of an autograd.Function whose passes an operator runs itself.

    Args:
        needs_input_grad: whether each input needs a gradient; none by default.
        kept: other attributes that the forward pass would have set.
    """

    def __init__(self, needs_input_grad: Sequence[bool] = (), **kept: object) -> None:
        self.__dict__.update(kept)
        self.needs_input_grad = tuple(needs_input_grad)
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Store tensors as `ctx.save_for_backward` does."""
        self.saved_tensors = tensors


@contextmanager
def products_in(dtype: torch.dtype, tensor: Tensor) -> Iterator[None]:
    """Run the body of an operator without gradients, with autocast to `dtype` if that is not the dtype of `tensor`.

    A compiled graph disables autocast, so an operator receives the `product_dtype` at the time of recording.
    """
    with torch.no_grad(), torch.autocast(tensor.device.type, dtype=dtype, enabled=dtype != tensor.dtype):
        yield


def gradients_or_empty(found: Sequence[Tensor | None], like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first three gradients with empty tensors instead of None, as operators require."""
    hidden, weight, bias = (like.new_empty(0) if gradient is None else gradient for gradient in found[:3])
    return hidden, weight, bias


def empty_gradients(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, *, wanted: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return gradients as an operator does, without data."""
    found = [
        torch.empty_like(tensor, memory_format=torch.contiguous_format) if tensor is not None and wants else None
        for tensor, wants in zip((hidden, weight, bias), wanted, strict=True)
    ]
    return gradients_or_empty(found, hidden)


def wanted_only(gradients: Sequence[Tensor], wanted: Sequence[bool]) -> tuple[Tensor | None, ...]:
    """Return the gradients that autograd needs, None for the others."""
    return tuple(gradient if wants else None for gradient, wants in zip(gradients, wanted, strict=True))


def check_ids(ids: Tensor, limit: int) -> None:
    """Raise InputError unless ids (N,), which the graph could not look at, are in [0, limit)."""
    if ids.numel():
        smallest, largest = torch.stack(torch.aminmax(ids)).tolist()
        if smallest < 0 or largest >= limit:
            raise InputError(
                f"a target is {smallest if smallest < 0 else largest}; expected a word id in [0, {limit}), or "
                "ignore_index"
            )
