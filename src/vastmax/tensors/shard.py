"""The rows of a sharded parameter (DTensor, `Shard(0)`) that are in this process."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from vastmax.tensors.plain_memory import is_sharded


@torch.no_grad()
def own_rows(tensor: Tensor) -> Tensor:
    """Return the memory of this process's rows of a sharded tensor, or the tensor if it is not sharded."""
    if not is_sharded(tensor):
        return tensor
    local: Tensor = tensor.to_local()  # type: ignore[attr-defined]
    return local


def first_row(table: Any) -> int:
    """Return the number of the first row that this process holds of a sharded table."""
    for dim, placement in enumerate(table.placements):
        if placement.is_shard(0):
            each = -(-table.shape[0] // table.device_mesh.size(dim))
            return int(min(each * table.device_mesh.get_local_rank(dim), table.shape[0]))
    return 0


def like_rows(own: Tensor, table: Any) -> Tensor:
    """Return a sharded tensor that has one entry for each row of `table`, of which `own` are this process's."""
    from torch.distributed.tensor import DTensor

    shape = torch.Size([table.shape[0], *own.shape[1:]])
    stride = tuple(shape[dim + 1 :].numel() for dim in range(len(shape)))
    return DTensor.from_local(own, table.device_mesh, table.placements, run_check=False, shape=shape, stride=stride)


def reduce_over_shards(numbers: Tensor, table: Any, operation: Any) -> None:
    """Replace numbers of this process's rows by the sum or maximum of those of all rows, in place."""
    for dim, placement in enumerate(table.placements):
        if placement.is_shard():
            dist.all_reduce(numbers, operation, group=table.device_mesh.get_group(dim))
