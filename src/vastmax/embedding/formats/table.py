"""What every reader returns, and the checks that several formats share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import tiles
from vastmax.errors import InputError

DecodeErrors: TypeAlias = Literal["strict", "replace", "ignore"]

# Rows are at first held for so many numbers where the file's size does not bound them (compressed files).
_FIRST_NUMBERS = 1 << 20


@dataclass(frozen=True)
class Table:
    """The content of a vectors file."""

    words: list[str]
    vectors: NDArray[np.float32]
    counts: NDArray[np.int64] | None = None
    output_vectors: NDArray[np.float32] | None = None
    training: dict[str, Any] = field(default_factory=dict)


class GrowingMatrix:
    """Rows appended in blocks; memory follows the rows that came, never what a header claims.

    Args:
        width: D.
        expected_rows: how many will come, where that is certain (the file is large enough to hold them); else None.
    """

    def __init__(self, width: int, expected_rows: int | None) -> None:
        self._first_rows = max(1, _FIRST_NUMBERS // width) if expected_rows is None else expected_rows
        self._matrix = np.empty((0, width), dtype=np.float32)
        self.filled = 0

    def append(self, rows: NDArray[np.float32]) -> None:
        """Copy these rows, (n, D), to the end."""
        needed = self.filled + len(rows)
        if needed > len(self._matrix):
            # In place (realloc), so that growing does not hold two copies; no other reference to the array is out.
            num_rows = max(needed, len(self._matrix) * 3 // 2, self._first_rows)
            self._matrix.resize((num_rows, self._matrix.shape[1]), refcheck=False)
        self._matrix[self.filled : needed] = rows
        self.filled = needed

    def finish(self) -> NDArray[np.float32]:
        """The matrix of exactly the rows that came."""
        self._matrix.resize((self.filled, self._matrix.shape[1]), refcheck=False)
        return self._matrix


def decode_words(raw: list[bytes], errors: DecodeErrors, path: str, byte_offset: Callable[[int], int]) -> list[str]:
    """UTF-8 to strings, all in one pass.

    Args:
        raw: the words' bytes.
        errors: as in `bytes.decode`.
        path: named in the message.
        byte_offset: where in the file the word of a given position in `raw` begins; asked only for a message.
    """
    try:
        words = b"\n".join(raw).decode("utf-8", errors).split("\n") if raw else []
        if len(words) != len(raw):  # a word with a newline in it, which the binary form can hold
            words = [word.decode("utf-8", errors) for word in raw]
        return words
    except UnicodeDecodeError:
        for position, word in enumerate(raw):
            try:
                word.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}: the word {shorten(word)} is not UTF-8 (byte {word[error.start]:#04x} at offset "
                    f"{byte_offset(position) + error.start}); convert the file or load it with errors='replace'"
                ) from None
        raise


def parse_header(line: bytes) -> tuple[int, int] | None:
    """(V, D) of a word2vec header line `V D`, None when the line is something else."""
    fields = line.split()
    if len(fields) != 2 or not all(number.isdigit() and len(number) < 20 for number in fields):
        return None
    return int(fields[0]), int(fields[1])


def check_claim(path: str, V: int, D: int, least_bytes: int, present_bytes: int | None) -> None:
    """Refuse a header that claims nothing, or more than the file can hold, before any memory is taken for it.

    Args:
        path: named in the message.
        V: claimed words.
        D: claimed width.
        least_bytes: the fewest bytes in which V rows of D numbers can be written.
        present_bytes: the bytes after the header, None when that is not known (compressed files).
    """
    if V < 1 or D < 1:
        raise InputError(f"{path}: the header says {V} words of {D} dimensions; at least 1 of each is needed")
    if present_bytes is not None and present_bytes < least_bytes:
        raise InputError(
            f"{path}: the header says {V} words of {D} dimensions, which take at least {least_bytes} bytes, but only "
            f"{present_bytes} follow; the file is cut off, or its header is wrong"
        )


def check_finite(path: str, vectors: NDArray[np.float32], word_of: Callable[[int], str]) -> None:
    """Refuse rows with NaN or infinity, naming the first one's word and number."""
    for rows in tiles(*vectors.shape):
        if not np.isfinite(vectors[rows]).all():
            row, column = np.argwhere(~np.isfinite(vectors[rows]))[0]
            row += rows.start
            raise InputError(
                f"{path}: number {column + 1} of the vector of {word_of(int(row))!r} is {vectors[row, column]} (or too "
                "great for float32); vectors must be finite: a damaged file, or a training that diverged"
            )


def refuse_words(path: str, words: Sequence[str], forbidden: str, format_name: str) -> list[bytes]:
    """The words in UTF-8; InputError for one that the format cannot hold.

    Args:
        path: named in the message.
        words: the words to write.
        forbidden: the characters that the format uses to end a word.
        format_name: named in the message.
    """
    ends = frozenset(forbidden)
    raw: list[bytes] = []
    for word in words:
        if not word or not ends.isdisjoint(word):
            kind = "the empty word" if not word else f"the word {word!r}"
            raise InputError(
                f"{path}: the format {format_name} cannot hold {kind}, because spaces and line ends end a word there; "
                "save as .safetensors, which holds every word"
            )
        raw.append(encode_word(path, word))
    return raw


def encode_word(path: str, word: str) -> bytes:
    """The word in UTF-8; InputError for half a surrogate pair, which UTF-8 cannot hold."""
    try:
        return word.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{path}: the word {word!r} holds a lone surrogate, which no UTF-8 file can hold") from None


def shorten(raw: bytes, longest: int = 40) -> str:
    """Bytes for a message, on one line."""
    return repr(raw if len(raw) <= longest else raw[:longest] + b"...")[1:]
