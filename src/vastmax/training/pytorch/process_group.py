"""The process group that trains one model, or the one process that trains it alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from vastmax.errors import InputError, argument

_T = TypeVar("_T")


@contextmanager
def joined(device: str) -> Iterator[ProcessGroup]:
    """Join the processes that torchrun has started, if it has, for as long as the block runs."""
    if not dist.is_torchelastic_launched():
        yield ProcessGroup()
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield ProcessGroup()
    finally:
        dist.destroy_process_group()


class ProcessGroup:
    """The group that `torch.distributed` was set up with, or a group of one.

    Attributes:
        rank: of this process.
        size: how many there are.
    """

    def __init__(self) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.rank: int = dist.get_rank() if together else 0
        self.size: int = dist.get_world_size() if together else 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and reports progress."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the model whose backward pass averages gradients over the group; row-sparse ones stay row-sparse."""
        if self.size == 1:
            return model
        device = next(model.parameters()).device
        # Buffers are tables that are the same everywhere or that each process learns for itself: sending them before
        # every step would cost O(V).
        return DistributedDataParallel(
            model, device_ids=[device] if device.type == "cuda" else None, forward_sync_buffers=False
        )

    def part(self, num_streams: int) -> slice:
        """Return the streams of this process.

        Raises:
            InputError: they cannot be shared out evenly.
        """
        if num_streams % self.size:
            raise InputError(
                f"{num_streams} streams cannot be shared evenly by {self.size} processes; "
                f"choose {argument('num_streams')} as a multiple of {self.size}, and a text of many times as many words"
            )
        each = num_streams // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def sums(self, *values: float, device: torch.device) -> list[float]:
        """Return each of the values summed over the group, in one message."""
        if self.size == 1:
            return list(values)
        # Not every accelerator has float64; those that do not would need another message.
        together = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(together)
        summed: list[float] = together.tolist()
        return summed

    def from_main(self, value: float, device: torch.device) -> float:
        """Return the main process's `value`."""
        return self.sums(value if self.is_main else 0.0, device=device)[0]

    def barrier(self, device: torch.device) -> None:
        """Wait until all are here: what the main process wrote before is then there for everyone."""
        self.sums(0.0, device=device)

    def gather(self, value: _T) -> list[_T]:
        """Return each process's `value`, by rank."""
        if self.size == 1:
            return [value]
        gathered: list[Any] = [None] * self.size
        dist.all_gather_object(gathered, value)
        return gathered
