"""Keeping a table of word vectors that is dear to work out."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import torch
from torch import Tensor

from vastmax.output.table import TableOutput


class FrozenTable(TableOutput):
    """A layer whose word vectors a network works out; `freeze` does it once and keeps them.

    Until then whatever looks at all words (`log_prob`, `topk`, a loss over all of V) works the whole table out in each
    call.
    """

    frozen_table: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frozen_table", None, persistent=False)

    @abstractmethod
    def live_table(self) -> Tensor:
        """(V, D) as the network has it now, differentiable."""

    @abstractmethod
    def table_bias(self) -> Tensor | None:
        """(V,) or None."""

    def table(self) -> tuple[Tensor, Tensor | None]:
        """See `TableOutput.table`."""
        return self.live_table() if self.frozen_table is None else self.frozen_table, self.table_bias()

    @torch.no_grad()
    def freeze(self) -> Self:
        """Work the table (V, D) out once and keep it: queries then cost what those of `Dense` do.

        Puts the layer into eval mode. `train()` and `load_state_dict` let go of the table; it is no part of
        `state_dict`. What the layer does not own (a network's inputs, say) may change without its knowing.
        """
        self.eval()
        self.frozen_table = None
        self.frozen_table = self.live_table()
        return self

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`; in training mode no table is kept."""
        if mode:
            self.frozen_table = None
        return super().train(mode)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self.frozen_table = None
        super()._load_from_state_dict(*arguments)
