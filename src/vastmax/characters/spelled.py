"""Words as sequences of symbols: the bytes of their UTF-8, and a few more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.errors import InputError
from vastmax.text.words import Words

END = 256
"""After the last byte of every word."""

UNKNOWN = 257
"""In place of the bytes of the word that stands for all unknown ones: its letters mean nothing."""

NUM_PREDICTED = 258
"""Symbols that a model of spelling may predict: the 256 bytes, END and UNKNOWN."""

BEGIN = 258
"""Before the first byte, where a window may look at it."""

NOTHING = 259
"""Beyond the end of a word, where a window reaches past it."""

NUM_SYMBOLS = 260


@dataclass(frozen=True)
class Spelled:
    """The symbols of all words, end to end: BEGIN, bytes (or UNKNOWN), END.

    Bytes and not letters: 256 of them spell any word of any script, none is ever out of the alphabet, and what a model
    learns of them can be used with another vocabulary.

    Attributes:
        symbols: (sum of lengths,) int16.
        offsets: (V + 1,) int64; word w is symbols[offsets[w] : offsets[w + 1]].
    """

    symbols: NDArray[np.int16]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return self.offsets.size - 1

    @classmethod
    def of(cls, words: Iterable[str], *, unknown: str | None = "<unk>") -> Spelled:
        """Spell words, in the order given.

        Args:
            words: distinct, none empty; a `Vocabulary`'s `.words`, or any others.
            unknown: the word that is spelled by one symbol of its own, if it is among them; None: there is none.

        Raises:
            InputError: no words, a word that is no text or empty, or one that is there twice.

        Example:
            >>> spelled = Spelled.of(["cat", "<unk>"])
            >>> spelled.symbols.tolist(), spelled.offsets.tolist()
            ([258, 99, 97, 116, 256, 258, 257, 256], [0, 5, 8])
        """
        listed = words if isinstance(words, Words) else Words.of(words)
        if len(listed) == 0:
            raise InputError("there are no words to spell; expected at least one")
        _check_distinct(listed)
        length = np.diff(listed.offsets)
        letters = np.frombuffer(listed.blob, dtype=np.uint8).astype(np.int16)
        of_letter = np.repeat(np.arange(len(listed)), length)
        if unknown is not None:
            reserved = np.fromiter((word == unknown for word in listed), dtype=bool, count=len(listed))
            first = np.zeros(letters.size, dtype=bool)
            first[listed.offsets[:-1][reserved]] = True
            kept = ~reserved[of_letter] | first
            letters = np.where(first, np.int16(UNKNOWN), letters)[kept]
            of_letter = of_letter[kept]
            length = np.where(reserved, 1, length)
        offsets = np.zeros(len(listed) + 1, dtype=np.int64)
        np.cumsum(length + 2, out=offsets[1:])
        symbols = np.empty(offsets[-1], dtype=np.int16)
        symbols[offsets[:-1]] = BEGIN
        symbols[np.arange(letters.size) + 2 * of_letter + 1] = letters
        symbols[offsets[1:] - 1] = END
        return cls(symbols, offsets)


def _check_distinct(words: Words) -> None:
    seen: set[str] = set()
    for position, word in enumerate(words):
        if word in seen:
            raise InputError(f"word {position}, {word!r}, is there twice; expected distinct words")
        seen.add(word)
