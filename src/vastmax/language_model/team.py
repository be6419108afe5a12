"""The processes that train one model together, or the one that trains it alone."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from vastmax.errors import InputError

_T = TypeVar("_T")


class Team:
    """What `torch.distributed` was set up with, or a team of one.

    Attributes:
        rank: of this process.
        size: how many there are.
    """

    def __init__(self) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.rank: int = dist.get_rank() if together else 0
        self.size: int = dist.get_world_size() if together else 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model whose backward pass averages gradients over the team; row-sparse ones stay row-sparse."""
        if self.size == 1:
            return model
        device = next(model.parameters()).device
        # Buffers are tables that are the same everywhere or that each process learns for itself: sending them before
        # every step would cost O(V).
        return DistributedDataParallel(
            model, device_ids=[device] if device.type == "cuda" else None, forward_sync_buffers=False
        )

    def part(self, num_streams: int) -> slice:
        """The streams of this process.

        Raises:
            InputError: they cannot be shared out evenly.
        """
        if num_streams % self.size:
            raise InputError(
                f"{num_streams} streams cannot be shared evenly by {self.size} processes; "
                f"choose num_streams as a multiple of {self.size}, and a text of many times as many words"
            )
        each = num_streams // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def sums(self, *values: float, device: torch.device) -> list[float]:
        """Each of the values summed over the team, in one message."""
        if self.size == 1:
            return list(values)
        # Not every accelerator has float64; those that do not would need another message.
        together = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(together)
        summed: list[float] = together.tolist()
        return summed

    def of_leader(self, value: float, device: torch.device) -> float:
        """What the leading process has as `value`."""
        return self.sums(value if self.leads else 0.0, device=device)[0]

    def wait(self, device: torch.device) -> None:
        """Until all are here: what the leader wrote before is then there for everyone."""
        self.sums(0.0, device=device)

    def gather(self, value: _T) -> list[_T]:
        """What each process has as `value`, by rank."""
        if self.size == 1:
            return [value]
        gathered: list[Any] = [None] * self.size
        dist.all_gather_object(gathered, value)
        return gathered
