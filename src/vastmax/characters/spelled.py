"""Words as sequences of symbols: their UTF-8 bytes and a few special symbols."""

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
"""Replaces the bytes of the unknown word, whose letters mean nothing."""

NUM_PREDICTED = 258
"""The number of symbols that a spelling model can predict: the 256 bytes, END and UNKNOWN."""

BEGIN = 258
"""Precedes the first byte, where a window can see it."""

NOTHING = 259
"""Fills a window beyond the end of a word."""

NUM_SYMBOLS = 260


@dataclass(frozen=True)
class Spelled:
    """The symbols of all words, end to end: BEGIN, bytes (or UNKNOWN), END.

    Bytes instead of letters: 256 symbols spell any word in any script, no letter is ever unknown, and what a model
    learns can be used with another vocabulary.

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
            words: distinct and not empty, such as the `.words` of a `Vocabulary`.
            unknown: the word that is spelled by a single symbol, if it is among them; None: no such word.

        Raises:
            InputError: there are no words, or a word is empty, not a str, or a duplicate.

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
            raise InputError(f"word {position}, {word!r}, occurs twice; expected distinct words")
        seen.add(word)
