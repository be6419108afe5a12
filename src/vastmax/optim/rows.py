"""Read and write the rows of a parameter that a gradient touches, without a pass over the other rows."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.kernels import rows as native_rows
from vastmax.tensors.numbers import at_least_float32
from vastmax.tensors.plain_memory import in_plain_memory, kernel_takes


def touched_rows(gradient: Tensor) -> tuple[Tensor | None, Tensor]:
    """Return the sorted unique row ids (U,) that a gradient touches, or None if it is dense, and its values there."""
    if gradient.layout == torch.strided:
        return None, gradient
    gradient = coalesce_rows(gradient)
    return gradient.indices()[0], gradient.values()


def coalesce_rows(gradient: Tensor) -> Tensor:
    """Return the row-sparse gradient with repeated rows summed, which is free if there are none.

    A row-sparse gradient is a COO tensor with one sparse dimension, as ``nn.Embedding(sparse=True)`` and our output
    layers produce it.
    """
    if gradient.layout != torch.sparse_coo or gradient.sparse_dim() != 1:
        kind = f"{gradient.sparse_dim()} sparse dimensions" if gradient.layout == torch.sparse_coo else "no COO rows"
        raise InputError(
            f"a gradient has layout {gradient.layout} with {kind}; expected a dense tensor or a COO tensor whose only "
            "sparse dimension is the rows: build it with indices of shape (1, U)"
        )
    if gradient.is_coalesced() or not _ascend(gradient._indices()[0]):
        return gradient.coalesce()
    # Sorted and distinct, as our layers produce them, but autograd loses the flag when it stores a gradient.
    return torch.sparse_coo_tensor(
        gradient._indices(), gradient._values(), gradient.shape, is_coalesced=True, check_invariants=False
    )


def read_rows(table: Tensor, row_ids: Tensor | None) -> Tensor:
    """Return a copy of ``table[row_ids]``, or the table itself if ``row_ids`` is None."""
    return table if row_ids is None else table.index_select(0, row_ids)


def write_rows_(table: Tensor, row_ids: Tensor | None, values: Tensor) -> None:
    """Set ``table[row_ids] = values``; a no-op for the result of ``read_rows(table, None)``."""
    if row_ids is not None:
        table.index_copy_(0, row_ids, values.to(table.dtype))
    elif values is not table:
        table.copy_(values)


def scale_rows_(table: Tensor, row_ids: Tensor | None, factor: float) -> None:
    """Multiply ``table[row_ids]``, unique ids, by `factor`."""
    write_rows_(table, row_ids, read_rows(table, row_ids).mul_(factor))


def add_rows_(table: Tensor, row_ids: Tensor | None, update: Tensor, *, alpha: float) -> None:
    """Add ``alpha * update`` to ``table[row_ids]``, unique ids; low precision is computed in float32, rounded once."""
    if table.dtype != at_least_float32(table.dtype):
        rows = read_rows(table, row_ids).to(update.dtype)
        write_rows_(table, row_ids, rows.add(update, alpha=alpha))
    elif row_ids is None:
        table.add_(update, alpha=alpha)
    elif kernel_takes(table, update):
        native_rows.add_rows(
            table.view(len(table), -1),
            row_ids,
            update.view(len(update), -1),
            scale=alpha,
            threads=torch.get_num_threads(),
        )
    else:
        # The sum of a dense and a sparse tensor is parallel over the rows; index_add_ is not.
        rows = torch.sparse_coo_tensor(row_ids[None], update, table.shape, is_coalesced=True, check_invariants=False)
        table.add_(rows, alpha=alpha)


def _ascend(row_ids: Tensor) -> bool:
    if in_plain_memory(row_ids, dtype=torch.int64) and row_ids.is_contiguous():
        return native_rows.is_ascending(row_ids)
    return not bool((row_ids[1:] <= row_ids[:-1]).any())


def one_per_row(numbers: Tensor, rows: Tensor) -> Tensor:
    """Return ``numbers`` (U,) reshaped to multiply ``rows`` (U, …); a scalar parameter is one row."""
    return numbers.view(numbers.shape + (1,) * (rows.dim() - numbers.dim()))
