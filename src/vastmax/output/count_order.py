"""Word ids come in any order; layers that treat frequent and rare words differently keep the words in count order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vastmax.distribution.counts import counts_array
from vastmax.tensors.constants import Constants


class CountOrder(Constants):
    """Word id ↔ rank, most frequent first, ties and zero counts in id order.

    Args:
        counts: (V,) in id order.
        device: of the tables.

    Attributes:
        rank: (V,) int64, saved with the model: without it the rows of its parameters would have no names.
        word_id: (V,) int64, the inverse; made again when a model is loaded.
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
        """Write the ranks again that the counts gave when the module was built."""
        self.rank.copy_(torch.argsort(self.constant("word_id")))

    def by_rank(self, numbers: Tensor) -> Tensor:
        """Return `numbers` (V,), in id order, in rank order, wherever the tables are."""
        return numbers[self.constant("word_id").to(numbers.device)]

    def __len__(self) -> int:
        return len(self.rank)

    def columns_to_words(self, by_rank: Tensor) -> Tensor:
        """(N, V) in rank order → (N, V) in id order; differentiable, and no copy where the two orders are the same."""
        if torch.equal(self.rank, torch.arange(len(self.rank), device=self.rank.device)):
            return by_rank
        return by_rank.index_select(1, self.rank)
