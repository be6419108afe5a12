"""The rows of a parameter that a gradient touches: found, read and written without a pass over the other rows."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.kernels import rows as native_rows
from vastmax.tensors.numbers import at_least_float32
from vastmax.tensors.plain_memory import in_plain_memory, kernel_takes


def touched_rows(gradient: Tensor) -> tuple[Tensor | None, Tensor]:
    """The sorted unique row ids (U,) that a gradient touches, and its values there; ids None: dense, all rows."""
    if gradient.layout == torch.strided:
        return None, gradient
    gradient = coalesce_rows(gradient)
    return gradient.indices()[0], gradient.values()


def coalesce_rows(gradient: Tensor) -> Tensor:
    """The same row-sparse gradient with repeated rows summed, which is free where the producer already did it.

    A gradient sparse over rows is a COO tensor with one sparse dimension, what ``nn.Embedding(sparse=True)`` and the
    output layers here produce.
    """
    if gradient.layout != torch.sparse_coo or gradient.sparse_dim() != 1:
        kind = f"{gradient.sparse_dim()} sparse dimensions" if gradient.layout == torch.sparse_coo else "no COO rows"
        raise InputError(
            f"a gradient of layout {gradient.layout} with {kind}; expected a dense one or a COO tensor whose one "
            "sparse dimension is the rows: build it with indices of shape (1, U)"
        )
    if gradient.is_coalesced() or not _ascend(gradient._indices()[0]):
        return gradient.coalesce()
    # Sorted and distinct, as the layers here produce them; but autograd drops the mark of it when it stores a gradient.
    return torch.sparse_coo_tensor(
        gradient._indices(), gradient._values(), gradient.shape, is_coalesced=True, check_invariants=False
    )


def read_rows(table: Tensor, row_ids: Tensor | None) -> Tensor:
    """``table[row_ids]`` as a copy; the table itself, to be changed in place, when ``row_ids`` is None."""
    return table if row_ids is None else table.index_select(0, row_ids)


def write_rows_(table: Tensor, row_ids: Tensor | None, values: Tensor) -> None:
    """``table[row_ids] = values``; nothing to do for the table itself after ``read_rows(table, None)``."""
    if row_ids is not None:
        table.index_copy_(0, row_ids, values.to(table.dtype))
    elif values is not table:
        table.copy_(values)


def scale_rows_(table: Tensor, row_ids: Tensor | None, factor: float) -> None:
    """``table[row_ids] *= factor`` for unique ids."""
    write_rows_(table, row_ids, read_rows(table, row_ids).mul_(factor))


def add_rows_(table: Tensor, row_ids: Tensor | None, update: Tensor, *, alpha: float) -> None:
    """``table[row_ids] += alpha * update`` for unique ids; low precision is computed in float32, rounded once."""
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
        # The sum of a dense and a sparse tensor runs in parallel over the rows; index_add_, as general, does not.
        rows = torch.sparse_coo_tensor(row_ids[None], update, table.shape, is_coalesced=True, check_invariants=False)
        table.add_(rows, alpha=alpha)


def _ascend(row_ids: Tensor) -> bool:
    if in_plain_memory(row_ids, dtype=torch.int64) and row_ids.is_contiguous():
        return native_rows.is_ascending(row_ids)
    return not bool((row_ids[1:] <= row_ids[:-1]).any())


def one_per_row(numbers: Tensor, rows: Tensor) -> Tensor:
    """``numbers`` (U,), shaped to multiply ``rows`` (U, …); a scalar parameter is a row by itself."""
    return numbers.view(numbers.shape + (1,) * (rows.dim() - numbers.dim()))
