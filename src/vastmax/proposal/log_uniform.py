"""Zipf's law by rank, without a table of probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vastmax.distribution.counts import counts_array
from vastmax.errors import InputError
from vastmax.proposal.fixed import FixedProposal
from vastmax.tensors.random import Rng


class LogUniform(FixedProposal):
    """Q(word of rank k) = (log(k + 2) − log(k + 1)) / log(V + 1), k = 0 for the most frequent.

    Args:
        vocab_size: V ≥ 1.
        counts: (V,) in id order, if ids are not in count order: they then determine the ranks (ties by id).
        unique: draw each word at most once.

    Raises:
        InputError: the counts are invalid or have a different length.

    Example:
        >>> import torch
        >>> LogUniform(3).log_prob(torch.arange(3)).exp()
        tensor([0.5000, 0.2925, 0.2075])
        >>> LogUniform(3, counts=[1, 9, 5]).log_prob(torch.arange(3)).exp()
        tensor([0.2075, 0.5000, 0.2925])
    """

    def __init__(self, vocab_size: int, counts: Any = None, *, unique: bool = False) -> None:
        super().__init__(vocab_size, unique=unique)
        self.register_buffer("word_of_rank", None, persistent=False)
        self.register_buffer("rank_of_word", None, persistent=False)
        if counts is not None:
            array = counts_array(counts)
            if array.size != vocab_size:
                raise InputError(f"counts hold {array.size} words, but vocab_size is {vocab_size}")
            order = np.argsort(-array, kind="stable")
            rank = np.empty_like(order)
            rank[order] = np.arange(vocab_size)
            self.register_constant("word_of_rank", torch.from_numpy(order))
            self.register_constant("rank_of_word", torch.from_numpy(rank))

    word_of_rank: Tensor | None
    rank_of_word: Tensor | None

    def draw_ids(self, num: int, *, device: torch.device, generator: Rng) -> Tensor:
        """See `FixedProposal.draw_ids`; in float64, because float32 cannot distinguish ranks near 10 million."""
        drawn_on = device if generator is None else generator.device
        uniform = torch.rand(num, dtype=torch.float64, generator=generator, device=drawn_on).to(device)
        rank = (torch.exp(uniform * math.log(self.vocab_size + 1)) - 1).to(torch.int64).clamp_(max=self.vocab_size - 1)
        return rank if self.word_of_rank is None else self.word_of_rank.index_select(0, rank)

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """Return log Q(w)."""
        rank = word_ids
        if self.rank_of_word is not None:
            rank = self.rank_of_word.index_select(0, word_ids.reshape(-1)).view(word_ids.shape)
        mass = torch.log1p(1 / (rank.to(torch.float64) + 1)) / math.log(self.vocab_size + 1)
        return mass.log().to(torch.float32)
