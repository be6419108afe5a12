"""The unigram distribution, raised to a power."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vastmax.arguments import real
from vastmax.distribution.alias import AliasTable
from vastmax.distribution.counts import floored_counts
from vastmax.errors import InputError
from vastmax.proposal.fixed import FixedProposal
from vastmax.tensors.random import Rng


class Unigram(FixedProposal):
    """Q(w) ∝ count(w)^power.

    Args:
        counts: (V,) in id order: list, array, tensor or `Vocabulary`; zeros are raised to the smallest positive count.
        power: 1 (NCE, importance sampling: Q near the distribution of the targets), 0.75 (word2vec), 0 (uniform).
        unique: draw each word at most once.

    Raises:
        InputError: counts that are negative, NaN or all zero; a power that is not finite.

    Cost: a draw takes two random numbers and two lookups in an alias table of V entries, for any V.

    Example:
        >>> import torch
        >>> Unigram([60, 30, 10, 0]).log_prob(torch.arange(4)).exp()  # 0 is raised to 10
        tensor([0.5455, 0.2727, 0.0909, 0.0909])
    """

    def __init__(self, counts: Any, power: float = 1.0, *, unique: bool = False) -> None:
        power = real("power", power, -math.inf, math.inf)
        log_weight = power * np.log(floored_counts(counts))
        weight = np.exp(log_weight - log_weight.max())
        if not weight.all():
            raise InputError(
                f"power is {power}; with these counts, some words could never be drawn: use a power nearer to 0"
            )
        super().__init__(weight.size, unique=unique)
        self.power = power
        table = AliasTable.from_weights(weight)
        self.register_table("threshold", torch.from_numpy(table.threshold))
        self.register_constant("alias", torch.from_numpy(np.array(table.alias)))
        self.register_table("log_q", torch.from_numpy(np.log(weight) - math.log(weight.sum())))

    def extra_repr(self) -> str:
        """Sizes and options."""
        return f"{self.vocab_size}, power={self.power}, unique={self.unique}"

    def draw_ids(self, num: int, *, device: torch.device, generator: Rng) -> Tensor:
        """See `FixedProposal.draw_ids`."""
        drawn_on = device if generator is None else generator.device
        slot = torch.randint(self.vocab_size, (num,), generator=generator, device=drawn_on).to(device)
        uniform = torch.rand(num, generator=generator, device=drawn_on).to(device)
        own = uniform < self.table("threshold").index_select(0, slot)
        other = self.get_buffer("alias").index_select(0, slot).to(torch.int64)
        return torch.where(own, slot, other)

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """Return log Q(w)."""
        return self.table("log_q").index_select(0, word_ids.reshape(-1)).view(word_ids.shape)
