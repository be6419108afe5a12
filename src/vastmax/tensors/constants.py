"""Tables that follow from a module's construction: not part of its state, but restored wherever it gets memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn


class Constants(nn.Module):
    """A module with buffers that are not part of `state_dict`, because they follow from its construction.

    A plain buffer would be lost when memory is allocated again and only the state is loaded: after `to_empty`, or for a
    module built on the meta device. So each table is also stored on the CPU, where it is the same memory as the buffer.
    """

    def register_constant(self, name: str, table: Tensor, *, device: torch.device | str | None = None) -> None:
        """Register `table`, which is on the CPU and never changes, as the buffer `name` on `device`.

        A process group broadcasts buffers, and gloo does not support 16-bit integers: pass these as bytes,
        `table.view(torch.uint8)`.
        """
        assert table.dtype != torch.int16
        self.__dict__.setdefault("_constants", {})[name] = table
        self.register_buffer(name, table.to(device), persistent=False)

    def constant(self, name: str) -> Tensor:
        """Return a table as registered, on the CPU, even if the module is on the meta device."""
        return self._constant_tables()[name]

    def __setattr__(self, name: str, value: Any) -> None:
        # Transformers puts empty memory here for a model built on the meta device, and fills in the state alone.
        if isinstance(value, Tensor) and not value.is_meta and name in self._constant_tables():
            self._restore(name, value.device)
        else:
            super().__setattr__(name, value)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name in self._constant_tables():
            self._restore(name, self.get_buffer(name).device)
        return self

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        # With assign=True, the parameters leave the meta device here, and the tables must follow.
        for name in self._constant_tables():
            if self.get_buffer(name).is_meta:
                own = [*self._parameters.values(), *(self._buffers[other] for other in self._non_constant_buffers())]
                device = next((tensor.device for tensor in own if tensor is not None), torch.device("cpu"))
                self._restore(name, device)

    def _constant_tables(self) -> dict[str, Tensor]:
        tables: dict[str, Tensor] = self.__dict__.get("_constants", {})
        return tables

    def _non_constant_buffers(self) -> list[str]:
        return [name for name in self._buffers if name not in self._constant_tables()]

    def _restore(self, name: str, device: torch.device) -> None:
        if device.type != "meta":
            self._buffers[name] = self._constant_tables()[name].to(device)
