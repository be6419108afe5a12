"""Rows of a parameter, taken out so that only they get a gradient."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vastmax.errors import InputError
from vastmax.tensors.plain_memory import is_sharded


class TrainsRows(Protocol):
    """A head, as far as its layer needs to know it."""

    @property
    def gives_sparse_gradients(self) -> bool:
        """Whether the steps of this head touch only the rows in play."""


_heads: weakref.WeakKeyDictionary[RowSparse, weakref.WeakSet[TrainsRows]] = weakref.WeakKeyDictionary()
"""Of each layer; not in the layer itself, which is copied and saved without them."""


class RowSparse(nn.Module):
    """Marks a module whose *own* parameters (not its children's) get row-sparse gradients while `sparse` is True.

    `vastmax.optim.parameter_groups` goes by it, and so does DistributedDataParallel: see `_SparseTables`.
    """

    sparse_gradients: bool
    prior_visits: float = 0.0
    """With how many visits its rows begin when a language model is trained; see `vastmax.optim.RowAdagrad`."""

    @property
    def sparse(self) -> bool:
        """Whether any head that is in use trains this layer by row-sparse gradients; `sparse_gradients` without one.

        Several heads may share a layer. The row optimisers take dense gradients as well, so one that gives sparse ones
        decides.
        """
        heads = _heads.get(self)
        return self.sparse_gradients and (not heads or any(head.gives_sparse_gradients for head in heads))

    def used_by(self, head: TrainsRows) -> None:
        """Remember, for as long as it is in use, a head that trains this layer."""
        _heads.setdefault(self, weakref.WeakSet()).add(head)

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """As `nn.Module.named_modules`; where processes train together, what they need to know of the layer first."""
        if torch.distributed.is_available() and torch.distributed.is_initialized() and self.sparse:
            yield prefix, _SparseTables(self)
        yield from super().named_modules(memo, prefix, remove_duplicate)

    def __setattr__(self, name: str, value: Any) -> None:
        # FSDP and tensor parallelism put DTensors in the place of parameters, here, when the model is wrapped.
        if is_sharded(value) and self.sparse:
            raise InputError(
                f"{type(self).__name__}.{name} is being sharded (FSDP), which cannot carry row-sparse gradients: "
                "build the layer with sparse_gradients=False, or use DistributedDataParallel"
            )
        super().__setattr__(name, value)


class _SparseTables(nn.Embedding):
    """The parameters of a `RowSparse` layer, as DistributedDataParallel asks for tables with sparse gradients.

    It goes over the modules of a model and takes a parameter's gradient to be sparse where the first module that lists
    the parameter is an `nn.Embedding` with `sparse=True`; there is no other way to tell it. Our layers are no
    embeddings: this one, listed before the layer and under its name, answers in its place. It holds nothing itself, so
    that parameters and states have the layer's own names.
    """

    def __init__(self, layer: RowSparse) -> None:
        nn.Module.__init__(self)  # not nn.Embedding's, which would make a table
        self.sparse = layer.sparse
        self.__dict__["_layer"] = layer  # not as a submodule

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        layer: RowSparse = self.__dict__["_layer"]
        return layer.named_parameters(prefix, recurse=False, remove_duplicate=remove_duplicate)

    def reset_parameters(self) -> None:
        """Leave the layer alone: it draws its parameters itself."""

    def extra_repr(self) -> str:
        return ""


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, row: Tensor) -> Tensor:
        ctx.save_for_backward(row)
        ctx.table_shape = table.shape
        return table.index_select(0, row)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (row,) = ctx.saved_tensors
        return gradient_of_rows(row, gradient, ctx.table_shape, sparse=True), None


def gather_rows(table: Tensor, row: Tensor, *, sparse: bool) -> Tensor:
    """`table[row]` whose gradient with respect to `table` is sparse: `U` rows, sorted and distinct.

    Args:
        table: (V, …) leaf parameter when `sparse`.
        row: (U,) int64, **sorted and distinct**, so that the gradient is coalesced as it comes. (`.grad` forgets the
            mark when PyTorch takes the tensor over; coalescing sorted rows once more is cheap.)
        sparse: False gives the dense twin, whose gradient is a full (V, …) tensor.

    Returns:
        (U, …) in the dtype of `table`.

    Raises:
        InputError: `sparse` and `table` is not a leaf, so that the sparse gradient would meet an operation that cannot
            take it (FSDP's flat parameters, `torch.nn.utils.parametrize`).

    Cost: U rows read, U rows of gradient; nothing of size V.
    """
    if not sparse:
        return table.index_select(0, row)
    require_leaf(table)
    rows: Tensor = _GatherRows.apply(table, row)  # type: ignore[no-untyped-call]
    return rows


def gradient_of_rows(row: Tensor, values: Tensor, shape: torch.Size, sparse: bool) -> Tensor:
    """A gradient of `shape` that is zero but for the given rows, ascending and distinct."""
    if sparse:
        return torch.sparse_coo_tensor(row[None], values, shape, is_coalesced=True, check_invariants=False)
    return values.new_zeros(shape).index_copy_(0, row, values)


def require_leaf(table: Tensor) -> None:
    """Raises: InputError: `table` is no leaf: its sparse gradient would meet an operation that cannot take it."""
    if not table.is_leaf:
        raise InputError(
            "a parameter with row-sparse gradients is not a leaf (FSDP's flat parameters, or a parametrization): "
            "build the layer with sparse_gradients=False, or use DistributedDataParallel"
        )


def wanted_gradients(hidden: Tensor, weight: Tensor, bias: Tensor | None, *, sparse: bool) -> tuple[bool, bool, bool]:
    """Return whether hidden, weight and bias are to get a gradient, of a kernel that makes all in one go.

    Raises:
        InputError: `sparse`, and a weight that is no leaf: see `require_leaf`.
    """
    grad = torch.is_grad_enabled()
    of_weight = grad and weight.requires_grad
    of_bias = grad and bias is not None and bias.requires_grad
    if sparse and (of_weight or of_bias):
        require_leaf(weight)
    return grad and hidden.requires_grad, of_weight, of_bias
