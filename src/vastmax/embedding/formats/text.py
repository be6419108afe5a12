"""Vectors as text: word2vec's form, which opens with a line `V D`, and GloVe's, which has no such line.

A line is a word, a space, D numbers separated by spaces. Numbers are parsed by numpy a block of lines at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import tiles
from vastmax.embedding.formats.table import (
    DecodeErrors,
    GrowingMatrix,
    Table,
    check_claim,
    check_finite,
    decode_words,
    parse_header,
    refuse_words,
    shorten,
)
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.embedding.word_vectors import WordVectors

# Some editors open a file with it; it is no part of the first word.
BYTE_ORDER_MARK = "\ufeff".encode()
_BLOCK_BYTES = 1 << 22
# A line is a word and its numbers; longer ones are another kind of file, which must not be read into memory whole.
_LONGEST_LINE = 1 << 26
# Readers of these formats split at any of these.
_ENDS_OF_A_WORD = " \t\n\v\f\r"
# What may stand between two numbers other than one space.
_OTHER_WHITESPACE = (b"  ", b"\t", b"\v", b"\f", b"\r")


def read_text(stream: BinaryIO, path: str, *, header: bool, errors: DecodeErrors, size: int | None) -> Table:
    """Read either text form.

    Args:
        stream: the decompressed content.
        path: named in messages.
        header: whether a line `V D` comes first (word2vec) or the first row (GloVe).
        errors: what to do with words that are not UTF-8.
        size: the content's bytes, None when not known.
    """
    return _Reader(path, header, errors, size).read(stream)


class _Reader:
    """One pass over a file: where it is, and what has been read."""

    def __init__(self, path: str, header: bool, errors: DecodeErrors, size: int | None) -> None:
        self.path = path
        self.header = header
        self.errors = errors
        self.size = size
        self.V: int | None = None
        self.D = 0
        self.words: list[str] = []
        self.line_number = 0  # of the last line read, from 1
        self.blank_line = 0  # the first blank line not yet known to be at the end

    def read(self, stream: BinaryIO) -> Table:
        matrix: GrowingMatrix | None = None
        for offset, lines in _blocks(stream, self.path):
            if matrix is None:
                if lines[0].startswith(BYTE_ORDER_MARK):
                    lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
                    offset += len(BYTE_ORDER_MARK)
                matrix, taken = self._open(lines[0])
                self.line_number = taken
                offset += sum(len(line) + 1 for line in lines[:taken])
                lines = lines[taken:]
            matrix.append(self._rows(lines, offset))
        if matrix is None:
            raise InputError(f"{self.path}: the file is empty; expected word vectors as text")
        if self.V is not None and len(self.words) != self.V:
            raise InputError(
                f"{self.path}: the header says {self.V} words, the file ends after {len(self.words)}; it is cut off, "
                "or its header is wrong"
            )
        return Table(self.words, matrix.finish())

    def _open(self, first: bytes) -> tuple[GrowingMatrix, int]:
        """The matrix to fill, and how many lines of header there are, by the first line."""
        if not self.header:
            self.D = len(first.split()) - 1
            if self.D < 1:
                raise InputError(f"{self.path}: line 1 is {shorten(first)}; expected a word and its numbers")
            return GrowingMatrix(self.D, None), 0
        claim = parse_header(first)
        if claim is None:
            raise InputError(
                f"{self.path}: line 1 is {shorten(first)}; expected the numbers of words and of "
                "dimensions, as in '400 50'"
            )
        self.V, self.D = claim
        present = None if self.size is None else self.size - len(first) - 1
        # A letter and D times a space and a digit, and a line end, which the last row may lack.
        check_claim(self.path, self.V, self.D, self.V * (2 + 2 * self.D) - 1, present)
        return GrowingMatrix(self.D, None if present is None else self.V), 1

    def _rows(self, lines: list[bytes], offset: int) -> NDArray[np.float32]:
        """Parse lines, the first of which starts at byte `offset`; their words are added to `self.words`."""
        raw: list[bytes] = []
        numbers: list[bytes] = []
        at: list[int] = []  # index in `lines` of each row
        spaces = self.D - 1
        for index, line in enumerate(lines):
            word, _, rest = line.partition(b" ")
            rest = rest.strip()
            if self.blank_line or not word or not rest or rest.count(b" ") != spaces:
                split = self._split_oddly(line, self.line_number + 1 + index)
                if split is None:
                    continue
                word, rest = split
            raw.append(word)
            numbers.append(rest)
            at.append(index)
        if self.V is not None and len(self.words) + len(raw) > self.V:
            raise InputError(
                f"{self.path}: the header says {self.V} words, but line "
                f"{self.line_number + 1 + at[self.V - len(self.words)]} holds one more; the header is wrong, or two "
                "files were joined"
            )
        vectors = self._parse(numbers, raw, at)
        words = decode_words(
            raw, self.errors, self.path, lambda row: offset + sum(len(line) + 1 for line in lines[: at[row]])
        )
        check_finite(self.path, vectors, lambda row: words[row])
        self.words += words
        self.line_number += len(lines)
        return vectors

    def _split_oddly(self, line: bytes, line_number: int) -> tuple[bytes, bytes] | None:
        """Word and numbers of a line that is not simply D numbers after the first space; None for a blank line."""
        fields = line.split()
        if not fields:
            self.blank_line = self.blank_line or line_number
            return None
        if self.blank_line:
            raise InputError(f"{self.path}: line {self.blank_line} is blank; blank lines are fine only at the end")
        extra = len(fields) - 1 - self.D
        if extra == 0 and not line.startswith((b" ", b"\t")):
            return fields[0], b" ".join(fields[1:])
        if extra > 0 and not self.header and not any(_is_number(field) for field in fields[1 : extra + 1]):
            # The published GloVe files hold a few words with spaces in them (". . .").
            return b" ".join(fields[: extra + 1]), b" ".join(fields[extra + 1 :])
        source = "the header" if self.header else "the first line"
        raise InputError(
            f"{self.path}: line {line_number} has {len(fields) - 1} numbers after {shorten(fields[0])}; {source} "
            f"promises {self.D}, so the line is damaged or cut off"
        )

    def _parse(self, numbers: list[bytes], raw: list[bytes], at: list[int]) -> NDArray[np.float32]:
        """The rows' numbers, (rows, D). Each row has D − 1 spaces, so D fields unless other whitespace is about."""
        text = b" ".join(numbers)
        if any(mark in text for mark in _OTHER_WHITESPACE):
            for row, fields in enumerate(numbers):
                found = len(fields.split())
                if found != self.D:
                    raise self._damaged(at[row], f"{found} numbers after {shorten(raw[row])}; expected {self.D}")
        try:
            values: NDArray[np.float32] = np.fromstring(text, dtype=np.float32, sep=" ")
        except ValueError:
            values = np.empty(0, dtype=np.float32)
        # numpy reads "1-2" as two numbers; every field gives at least one, so the sum is right only when all are.
        if len(values) == len(numbers) * self.D:
            return values.reshape(len(numbers), self.D)
        for row, fields in enumerate(numbers):
            for field in fields.split():
                if not _is_number(field):
                    raise self._damaged(
                        at[row], f"{shorten(field)} among the numbers of {shorten(raw[row])}; expected {self.D} numbers"
                    )
        raise self._damaged(at[0], "numbers, or some line soon after it has, that cannot be parsed")

    def _damaged(self, index: int, has: str) -> InputError:
        return InputError(f"{self.path}: line {self.line_number + 1 + index} has {has}, so the line is damaged")


def _blocks(stream: BinaryIO, path: str) -> Iterator[tuple[int, list[bytes]]]:
    """(byte offset, whole lines without their ends), some megabytes at a time."""
    offset = 0
    pieces: list[bytes] = []  # of a line whose end has not come
    pending = 0
    while chunk := stream.read(_BLOCK_BYTES):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            block = b"".join([*pieces, chunk[: cut - 1]])
            yield offset, block.split(b"\n")
            offset += len(block) + 1
            pieces, pending = [], 0
        pieces.append(chunk[cut:])
        pending += len(chunk) - cut
        if pending > _LONGEST_LINE:
            raise InputError(f"{path}: a line from byte {offset} on is longer than 64 MiB; this is no text of vectors")
    if pending:
        yield offset, [b"".join(pieces)]


def _is_number(field: bytes) -> bool:
    """Is it a number as C's strtod reads one? (Python's float alone would also take 1_000.)"""
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field


def write_text(stream: BinaryIO, v: WordVectors, path: str, *, header: bool) -> None:
    """Write either text form; nine digits bring every float32 back bit for bit."""
    raw = refuse_words(path, v.index_to_key, _ENDS_OF_A_WORD, "word2vec text" if header else "GloVe text")
    check_finite(path, v.vectors, lambda row: v.index_to_key[row])
    V, D = v.vectors.shape
    if not header and raw[0].startswith(BYTE_ORDER_MARK):
        raise InputError(
            f"{path}: the first word, {v.index_to_key[0]!r}, begins with a byte order mark, which readers of text "
            "drop; save it in another format"
        )
    if header:
        stream.write(f"{V} {D}\n".encode())
    # With one dimension and no header the row "5 3" would pass for a header; "5 3.00000000" does not.
    line = " ".join(["%.9g" if D > 1 else "%#.9g"] * D) + "\n"
    for rows in tiles(V, 16 * D):
        for word, numbers in zip(raw[rows], v.vectors[rows].tolist(), strict=True):
            stream.write(word + b" " + (line % tuple(numbers)).encode())
