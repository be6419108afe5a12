"""A list of words stored compactly, as one bytes object and offsets; words are decoded on access."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError
from vastmax.kernels.text_encoder import gather_words

_BLOCK = 4096  # words decoded together when iterating


def word_of(item: Any) -> Any:
    """Return the word of an item: the decimal digits of a whole number, such as the id of a product; else as it is.

    Example:
        >>> word_of(1071), word_of("milk")
        ('1071', 'milk')
    """
    if type(item) is str:
        return item
    return str(int(item)) if isinstance(item, Integral) and not isinstance(item, bool) else item


class Words(Sequence[str]):
    """Words by position, as a sequence of str.

    Args:
        blob: the words in UTF-8, end to end.
        offsets: (V + 1,) int64; word i is ``blob[offsets[i]:offsets[i + 1]]``.
    """

    __slots__ = ("blob", "offsets")

    def __init__(self, blob: bytes, offsets: npt.NDArray[np.int64]) -> None:
        self.blob = blob
        self.offsets = offsets

    @classmethod
    def of(cls, words: Iterable[str]) -> Words:
        """Copy `words`. Each must be a non-empty str without half a surrogate pair."""
        encoded: list[bytes] = []
        for position, word in enumerate(words):
            if not isinstance(word, str) or not word:
                raise InputError(f"word {position} is {word!r}: a str that is not empty was expected")
            try:
                encoded.append(word.encode())
            except UnicodeEncodeError:
                raise InputError(f"word {position} is {word!r}, which holds half a surrogate pair: no text") from None
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)), out=offsets[1:])
        return cls(b"".join(encoded), offsets)

    def take(self, order: npt.NDArray[np.integer[Any]]) -> Words:
        """Return the words at the positions `order`."""
        return Words(*gather_words(self.blob, self.offsets, order))

    def first(self, size: int) -> Words:
        """Return the first `size` words."""
        return Words(self.blob[: int(self.offsets[size])], self.offsets[: size + 1].copy())

    def followed_by(self, other: Words) -> Words:
        """Return the words of this list, then those of `other`."""
        return Words(self.blob + other.blob, np.append(self.offsets, self.offsets[-1] + other.offsets[1:]))

    def starts_with(self, other: Words) -> bool:
        """Return whether the first words of this list are those of `other`."""
        size = len(other)
        return (
            size <= len(self)
            and np.array_equal(self.offsets[: size + 1], other.offsets)
            and self.blob.startswith(other.blob)
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"word {index} of {size}")
        position = index % size
        return self.blob[self.offsets[position] : self.offsets[position + 1]].decode()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BLOCK):
            ends = self.offsets[start : start + _BLOCK + 1].tolist()
            for i in range(len(ends) - 1):
                yield self.blob[ends[i] : ends[i + 1]].decode()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Words):
            return len(self) == len(other) and self.starts_with(other)
        if isinstance(other, (list, tuple)):
            return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:5]))
        return f"Words([{shown}{', …' if len(self) > 5 else ''}], {len(self)} in all)"
