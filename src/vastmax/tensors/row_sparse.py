"""Row-sparse gradients: only the rows that are used get a gradient."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vastmax.errors import InputError
from vastmax.tensors.plain_memory import is_sharded


class TrainsRows(Protocol):
    """The interface of a head for its layer."""

    @property
    def gives_sparse_gradients(self) -> bool:
        """Whether the steps of this head touch only the rows used in the step."""


_heads: weakref.WeakKeyDictionary[RowSparse, weakref.WeakSet[TrainsRows]] = weakref.WeakKeyDictionary()
"""The heads of each layer. They are not in the layer, which is copied and saved without them."""


class RowSparse(nn.Module):
    """A module whose direct parameters (not those of its children) get row-sparse gradients while `sparse` is True.

    `vastmax.optim.parameter_groups` and DistributedDataParallel rely on it: see `_SparseTables`.
    """

    sparse_gradients: bool
    prior_visits: float = 0.0
    """The prior visits of its rows when a language model is trained; see `vastmax.optim.RowAdagrad`."""

    @property
    def sparse(self) -> bool:
        """Whether any existing head trains this layer with row-sparse gradients; `sparse_gradients` without heads.

        Several heads may share a layer. If one has sparse gradients, they count as sparse, because row optimizers
        support dense ones, too.
        """
        heads = _heads.get(self)
        return self.sparse_gradients and (not heads or any(head.gives_sparse_gradients for head in heads))

    def used_by(self, head: TrainsRows) -> None:
        """Remember a head that trains this layer, for as long as it exists."""
        _heads.setdefault(self, weakref.WeakSet()).add(head)

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """See `nn.Module.named_modules`; in distributed training, yields a `_SparseTables` first."""
        if torch.distributed.is_available() and torch.distributed.is_initialized() and self.sparse:
            yield prefix, _SparseTables(self)
        yield from super().named_modules(memo, prefix, remove_duplicate)

    def __setattr__(self, name: str, value: Any) -> None:
        # FSDP and tensor parallelism replace parameters with DTensors here when the model is wrapped.
        if is_sharded(value) and self.sparse:
            raise InputError(
                f"{type(self).__name__}.{name} is being sharded (FSDP), which does not support row-sparse gradients: "
                "build the layer with sparse_gradients=False, or use DistributedDataParallel"
            )
        super().__setattr__(name, value)


class _SparseTables(nn.Embedding):
    """The parameters of a `RowSparse` layer for DistributedDataParallel.

    It expects a sparse gradient for a parameter only if the first module that lists it is an `nn.Embedding` with
    `sparse=True`. Our layers are not embeddings, so this module is listed before the layer, under its name. It has no
    parameters of its own, so parameters and states keep the names of the layer.
    """

    def __init__(self, layer: RowSparse) -> None:
        nn.Module.__init__(self)  # nn.Embedding would allocate a table
        self.sparse = layer.sparse
        self.__dict__["_layer"] = layer  # not as a submodule

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        layer: RowSparse = self.__dict__["_layer"]
        return layer.named_parameters(prefix, recurse=False, remove_duplicate=remove_duplicate)

    def reset_parameters(self) -> None:
        """Do nothing: the layer resets its parameters."""

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
    """Return `table[row]`, whose gradient with respect to `table` is sparse: `U` rows, sorted and distinct.

    Args:
        table: (V, …), a leaf parameter if `sparse`.
        row: (U,) int64, **sorted and distinct**, so the gradient is coalesced. (`.grad` loses the flag, but coalescing
            sorted rows again is cheap.)
        sparse: False gives a dense gradient (V, …).

    Returns:
        (U, …) in the dtype of `table`.

    Raises:
        InputError: `sparse`, and `table` is not a leaf (FSDP's flat parameters, `torch.nn.utils.parametrize`), so a
            sparse gradient would reach an operation that does not support it.

    Cost: U rows read, U rows of gradient; nothing has size V.
    """
    if not sparse:
        return table.index_select(0, row)
    require_leaf(table)
    rows: Tensor = _GatherRows.apply(table, row)  # type: ignore[no-untyped-call]
    return rows


def gradient_of_rows(row: Tensor, values: Tensor, shape: torch.Size, sparse: bool) -> Tensor:
    """Return a gradient of `shape` that is zero except for the given rows, ascending and distinct."""
    if sparse:
        return torch.sparse_coo_tensor(row[None], values, shape, is_coalesced=True, check_invariants=False)
    return values.new_zeros(shape).index_copy_(0, row, values)


def require_leaf(table: Tensor) -> None:
    """Raise InputError if `table` is not a leaf, where a sparse gradient would reach unsupported operations."""
    if not table.is_leaf:
        raise InputError(
            "a parameter with row-sparse gradients is not a leaf (FSDP's flat parameters, or a parametrization): "
            "build the layer with sparse_gradients=False, or use DistributedDataParallel"
        )


def wanted_gradients(hidden: Tensor, weight: Tensor, bias: Tensor | None, *, sparse: bool) -> tuple[bool, bool, bool]:
    """Return whether hidden, weight and bias need a gradient, for a kernel that computes all at once.

    Raises:
        InputError: `sparse`, and the weight is not a leaf: see `require_leaf`.
    """
    grad = torch.is_grad_enabled()
    of_weight = grad and weight.requires_grad
    of_bias = grad and bias is not None and bias.requires_grad
    if sparse and (of_weight or of_bias):
        require_leaf(weight)
    return grad and hidden.requires_grad, of_weight, of_bias
