"""The result type of all readers, and checks that several formats share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import tiles
from vastmax.embedding.subword_rows import SubwordRows
from vastmax.errors import CutOffError, InputError, argument
from vastmax.files.safetensors import Place
from vastmax.text.decoding import UTF8, checked_encoding

DecodeErrors: TypeAlias = Literal["strict", "replace", "ignore"]
Duplicates: TypeAlias = Literal["refuse", "first"]

_ENDS = " \t\n0123456789.-+e"

WIDEST = 1 << 20
"""Numbers of a vector. A header that claims more is wrong: nobody trains vectors of 4 MiB a word."""

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
    unchecked: dict[str, Place] = field(default_factory=dict)
    """By name, the matrices that are mapped and not yet checked against their checksums."""
    node_vectors: NDArray[np.float32] | None = None
    subwords: SubwordRows | None = None
    """What the vectors are made of, where the file has rows of n-grams."""


class Rows:
    """Words and vectors, collected in blocks; memory depends on the rows kept, never on the claims of a header.

    Args:
        path: named in messages.
        width: D.
        expected_rows: how many will come, where that is certain (the file is large enough to hold them); else None.
        duplicates: what is done about a word that comes twice: the file is refused at once, or the first row stays.
    """

    def __init__(self, path: str, width: int, expected_rows: int | None, duplicates: Duplicates) -> None:
        self._path = path
        self._duplicates = duplicates
        self._first_rows = max(1, _FIRST_NUMBERS // width) if expected_rows is None else expected_rows
        self._matrix = np.empty((0, width), dtype=np.float32)
        self._seen: set[str] = set()
        self.words: list[str] = []
        self.num_entries = 0  # that came, repeated ones among them

    def append(self, words: list[str], vectors: NDArray[np.float32]) -> None:
        """Append a copy of these rows, n words and (n, D)."""
        fresh = dict.fromkeys(words)
        if len(fresh) < len(words) or not self._seen.isdisjoint(fresh):
            words, vectors = self._first_ones(words, vectors)
        else:
            self._seen.update(fresh)
            self.num_entries += len(words)
        filled, needed = len(self.words), len(self.words) + len(words)
        if needed > len(self._matrix):
            # In place (realloc), so that growing does not hold two copies; no other reference to the array is out.
            num_rows = max(needed, len(self._matrix) * 3 // 2, self._first_rows)
            self._matrix.resize((num_rows, self._matrix.shape[1]), refcheck=False)
        self._matrix[filled:needed] = vectors
        self.words += words

    def _first_ones(self, words: list[str], vectors: NDArray[np.float32]) -> tuple[list[str], NDArray[np.float32]]:
        kept = []
        for row, word in enumerate(words):
            self.num_entries += 1
            if word not in self._seen:
                self._seen.add(word)
                kept.append(row)
            elif self._duplicates == "refuse":
                earlier = [*self.words, *words].index(word) + 1
                raise InputError(
                    f"{self._path}: the word {word!r} comes twice, as entry {earlier} and entry {self.num_entries}; "
                    "mend the file, or load it with duplicates='first'"
                )
        return [words[row] for row in kept], vectors[kept]

    def finish(self) -> Table:
        """Return the rows that were kept."""
        self._matrix.resize((len(self.words), self._matrix.shape[1]), refcheck=False)
        return Table(self.words, self._matrix)


def decode_words(raw: list[bytes], errors: DecodeErrors, encoding: str = UTF8) -> list[str] | None:
    """Return the words as strings, decoded in one pass; None if one cannot be decoded, with `errors` "strict"."""
    try:
        words = b"\n".join(raw).decode(encoding, errors).split("\n") if raw else []
        if len(words) != len(raw):  # a word with a newline in it, which the binary form can hold
            words = [word.decode(encoding, errors) for word in raw]
        return words
    except UnicodeDecodeError:
        return None


def checked_word_encoding(encoding: object) -> str:
    """Return Python's name of an encoding in which blanks and line ends are the bytes that they are in ASCII."""
    found = checked_encoding(encoding)
    if _ENDS.encode(found) != _ENDS.encode("ascii"):
        raise InputError(
            f"{argument('encoding', repr(encoding))} has other bytes for blanks and digits than files of vectors have; "
            "convert the file (iconv -t UTF-8)"
        )
    return found


def trouble_of_word(raw: bytes, byte_offset: int, encoding: str = UTF8) -> str | None:
    """Return the problem with a word that begins at this byte of the file; None if it can be decoded."""
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        called = "UTF-8" if encoding == UTF8 else encoding
        return (
            f"the word {shorten(raw)} is not {called} (byte {raw[error.start]:#04x} at offset "
            f"{byte_offset + error.start}); name the encoding, as in {argument('encoding', repr('latin-1'))}, or load "
            f"it with {argument('errors', repr('replace'))}"
        )
    return None


def trouble_of_vector(vector: NDArray[np.float32], word: str) -> str | None:
    """Return the problem with the numbers of a word; None if they are finite."""
    broken = np.flatnonzero(~np.isfinite(vector))
    if not len(broken):
        return None
    return (
        f"number {broken[0] + 1} of the vector of {word!r} is {vector[broken[0]]} (or too great for float32); vectors "
        "must be finite: a damaged file, or a training that diverged"
    )


def parse_header(line: bytes) -> tuple[int, int] | None:
    """Return (V, D) of a word2vec header line `V D`; None if the line is something else."""
    fields = line.split()
    if len(fields) != 2 or not all(number.isdigit() and len(number) < 20 for number in fields):
        return None
    return int(fields[0]), int(fields[1])


def check_claim(path: str, V: int, D: int, least_bytes: int, present_bytes: int | None) -> None:
    """Refuse a header that claims nothing, or more than the file can contain, before memory is allocated.

    Args:
        path: named in the message.
        V: claimed words.
        D: claimed width.
        least_bytes: the fewest bytes in which V rows of D numbers can be written.
        present_bytes: the bytes after the header, None when that is not known (compressed files).
    """
    if V < 1 or D < 1:
        raise InputError(f"{path}: the header says {V} words of {D} dimensions; at least 1 of each is needed")
    if D > WIDEST:
        raise InputError(
            f"{path}: the header says {V} words of {D} dimensions; the most that is read is {WIDEST}, so the header is "
            "wrong, or this is another kind of file"
        )
    if present_bytes is not None and present_bytes < least_bytes:
        raise CutOffError(
            f"{path}: the header says {V} words of {D} dimensions, which take at least {least_bytes} bytes, but only "
            f"{present_bytes} follow; the file is cut off, or its header is wrong"
        )


def check_finite(path: str, vectors: NDArray[np.float32], word_of: Callable[[int], str]) -> None:
    """Refuse rows with NaN or infinity, naming the first one's word and number."""
    for rows in tiles(*vectors.shape):
        if not np.isfinite(vectors[rows]).all():
            row = rows.start + int(np.argwhere(~np.isfinite(vectors[rows]))[0][0])
            raise InputError(f"{path}: {trouble_of_vector(vectors[row], word_of(row))}")


def refuse_words(path: str, words: Sequence[str], forbidden: str, format_name: str) -> list[bytes]:
    """Return the words in UTF-8; InputError for one that the format cannot hold.

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
    """Return the word in UTF-8; InputError for half a surrogate pair, which UTF-8 cannot hold."""
    try:
        return word.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{path}: the word {word!r} holds a lone surrogate, which no UTF-8 file can hold") from None


def shorten(raw: bytes, longest: int = 40) -> str:
    """Return bytes for a message, on one line."""
    return repr(raw if len(raw) <= longest else raw[:longest] + b"...")[1:]
