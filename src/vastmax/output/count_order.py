"""The order of words by count, for layers that treat frequent and rare words differently."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vastmax.distribution.counts import counts_array
from vastmax.tensors.constants import Constants
from vastmax.tensors.tracing import is_traced


class CountOrder(Constants):
    """Word id ↔ rank, most frequent first, ties and zero counts in id order.

    Args:
        counts: (V,) in id order.
        device: the device of the tables.

    Attributes:
        rank: (V,) int64; saved with the model, because the parameters are in rank order.
        word_id: (V,) int64, the inverse; computed when a model is loaded.
    """

    rank: Tensor
    word_id: Tensor

    def __init__(self, counts: Any, *, device: torch.device | str | None = None) -> None:
        super().__init__()
        word_id = torch.from_numpy(np.argsort(-counts_array(counts), kind="stable"))
        self.register_buffer("rank", torch.argsort(word_id).to(device))
        self.register_constant("word_id", word_id, device=device)

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        if not self.rank.is_meta:
            self.register_constant("word_id", torch.argsort(self.rank.cpu()), device=self.rank.device)

    def reset_parameters(self) -> None:
        """Restore the ranks from the counts with which the module was built."""
        self.rank.copy_(torch.argsort(self.constant("word_id")))

    def by_rank(self, numbers: Tensor) -> Tensor:
        """Return `numbers` (V,) in rank order, given in id order, on any device."""
        return numbers[self.constant("word_id").to(numbers.device)]

    def __len__(self) -> int:
        return len(self.rank)

    def columns_to_words(self, by_rank: Tensor) -> Tensor:
        """Return (N, V) in id order, given in rank order; differentiable, without a copy if the orders are equal."""
        if not is_traced(by_rank) and torch.equal(self.rank, torch.arange(len(self.rank), device=self.rank.device)):
            return by_rank
        return by_rank.index_select(1, self.rank)
