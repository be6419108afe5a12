"""A proposal within the rows of one process."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vastmax.distributed.deal import Deal
from vastmax.output.linear.tiles import spans
from vastmax.proposal.fixed import FixedProposal
from vastmax.tensors.random import Rng

_WORDS_AT_ONCE = 2**17
_MOST_TRIES = 2**22


class Restricted(FixedProposal):
    """Q restricted to a range of rows of a dealt table; words are numbered by row, from the first of the range.

    Words are drawn from the whole of Q, and those elsewhere are discarded: a draw costs 1/mass draws from Q, but no
    table is needed.

    Attributes:
        mass: the sum of Q over these words.
    """

    def __init__(self, base: FixedProposal, deal: Deal, rows: slice, *, device: torch.device) -> None:
        super().__init__(rows.stop - rows.start, unique=base.unique)
        self.base = base
        self._deal, self._rows = deal, rows
        self.mass = total_of_words(deal, rows, base.log_prob, device=device)

    def draw_ids(self, num: int, *, device: torch.device, generator: Rng) -> Tensor:
        """See `FixedProposal.draw_ids`."""
        if num > _MOST_TRIES * self.mass:
            return self._inverted(num, device=device, generator=generator)
        found: list[Tensor] = []
        missing = num
        while missing > 0:
            tries = int(1.1 * missing / self.mass) + 16
            row = self._deal.row(self.base.draw_ids(tries, device=device, generator=generator)) - self._rows.start
            found.append(row[(row >= 0) & (row < self.vocab_size)][:missing])
            missing -= len(found[-1])
        return torch.cat(found)

    def _inverted(self, num: int, *, device: torch.device, generator: Rng) -> Tensor:
        cumulative = self.log_prob(torch.arange(self.vocab_size, device=device)).double().exp().cumsum(0)
        drawn_on = device if generator is None else generator.device
        uniform = torch.rand(num, dtype=torch.float64, generator=generator, device=drawn_on).to(device)
        return torch.searchsorted(cumulative, uniform * cumulative[-1], right=True).clamp_max(self.vocab_size - 1)

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """Return the log of a row's share of the mass."""
        return self.base.log_prob(self._deal.word(word_ids + self._rows.start)) - math.log(self.mass)


def total_of_words(deal: Deal, rows: slice, log_weight: Callable[[Tensor], Tensor], *, device: torch.device) -> float:
    """Return Σ e^{log_weight(w)} over the words of some rows, a few at a time."""
    total = 0.0
    for part in spans(rows.stop - rows.start, _WORDS_AT_ONCE):
        row = torch.arange(rows.start + part.start, rows.start + part.stop, device=device)
        total += float(log_weight(deal.word(row)).double().exp().sum())
    return total
