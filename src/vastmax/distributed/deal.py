"""The row of each word in a table that is split among processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Deal:
    """Words dealt to piles like cards, and a table that holds one pile after the other.

    Word w lies in pile w mod P, at place w // P. If ids are in count order, equal parts of the table hold nearly equal
    shares of the frequent words and of the rare ones, which no range of ids does. With one pile, rows are in the order
    of ids. No table of the mapping is needed.

    Attributes:
        vocab_size: V.
        piles: P ≥ 1.

    Example:
        >>> deal = Deal(vocab_size=5, piles=2)
        >>> deal.row(torch.arange(5))
        tensor([0, 3, 1, 4, 2])
        >>> deal.word(torch.arange(5))
        tensor([0, 2, 4, 1, 3])
    """

    vocab_size: int
    piles: int

    def row(self, word_ids: Tensor) -> Tensor:
        """Return the row of each word."""
        pile = word_ids % self.piles
        each, longer = divmod(self.vocab_size, self.piles)
        return pile * each + pile.clamp_max(longer) + word_ids // self.piles

    def word(self, row: Tensor) -> Tensor:
        """Return the word of each row."""
        each, longer = divmod(self.vocab_size, self.piles)
        in_longer = longer * (each + 1)  # rows of the piles that have one word more
        rest = row - in_longer
        pile = torch.where(rest < 0, row // (each + 1), longer + rest // max(each, 1))
        place = torch.where(rest < 0, row % (each + 1), rest % max(each, 1))
        return place * self.piles + pile

    def begin(self, pile: int) -> int:
        """Return the first row of a pile, or V for pile P."""
        each, longer = divmod(self.vocab_size, self.piles)
        return pile * each + min(pile, longer)

    def parts(self, rows: slice) -> Iterator[tuple[int, slice]]:
        """Yield (pile, rows of it) for the piles that some rows of the table cover."""
        for pile in range(self.piles):
            begin, end = max(rows.start, self.begin(pile)), min(rows.stop, self.begin(pile + 1))
            if begin < end:
                yield pile, slice(begin, end)
