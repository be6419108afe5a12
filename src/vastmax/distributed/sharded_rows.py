"""Each process's own rows of a table, and the way of their gradients to the table."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from vastmax.distributed.shards import Shards, rows_of_copies
from vastmax.output.table import TableOutput
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.row_sparse import gradient_of_rows


class _OwnRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: DTensor, shards: Shards) -> Tensor:
        ctx.shards, ctx.num_rows = shards, table.shape[0]
        return table.to_local().detach()

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        if ctx.shards.copies is not None:
            gradient = gradient.contiguous()
            dist.all_reduce(gradient, group=ctx.shards.copies)
        return ctx.shards.distributed(gradient, ctx.num_rows), None


def own_rows(table: nn.Parameter, shards: Shards) -> Tensor:
    """Return the rows (V_r, …) that this process holds of a sharded table; the gradient is a DTensor like the table."""
    rows: Tensor = _OwnRows.apply(table, shards)  # type: ignore[no-untyped-call]
    return rows


class _SomeRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: DTensor, row: Tensor, shards: Shards) -> Tensor:
        ctx.save_for_backward(row)
        ctx.shards, ctx.shape = shards, table.shape
        return table.to_local().detach().index_select(0, row)

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (row,) = ctx.saved_tensors
        row, gradient = rows_of_copies(row, gradient, ctx.shards)
        # DTensor has no sparse gradients. This is a plain one, in the shape of the whole table, with rows of this
        # process alone: the optimizers of vastmax.optim apply it to these.
        begin = ctx.shards.rows(ctx.shape[0]).start
        return gradient_of_rows(row + begin, gradient, ctx.shape, sparse=True), None, None


def some_rows(table: nn.Parameter, row: Tensor, shards: Shards, *, sparse: bool) -> Tensor:
    """Return some of the rows that this process holds of a sharded table.

    Args:
        table: (V, …).
        row: (U,) sorted and distinct, counted from this process's first.
        shards: who holds what.
        sparse: whether the gradient is a sparse tensor (V, …) that has rows of this process only, or a DTensor.
    """
    if not sparse:
        return own_rows(table, shards).index_select(0, row)
    rows: Tensor = _SomeRows.apply(table, row, shards)  # type: ignore[no-untyped-call]
    return rows


class Shard(TableOutput):
    """The rows of one process as a layer of its own, whose words are these rows."""

    sparse_gradients = False

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.vocab_size, self.hidden_size = weight.shape
        self._weight, self._bias = weight, bias

    def table(self) -> tuple[Tensor, Tensor | None]:
        """See `TableOutput.table`."""
        return self._weight, self._bias

    def select(self, word_ids: Tensor) -> Any:
        """Refuse: nothing asks for it."""
        raise NotImplementedError

    def initialise_bias(self, value: float | Tensor) -> bool:
        """Leave the biases alone: they are the whole layer's."""
        return False
