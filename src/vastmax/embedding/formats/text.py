"""Vectors as text: word2vec's format, which starts with a line `V D`, and GloVe's, which has no such line.

A line is a word, a space, D numbers separated by spaces. A kernel parses the numbers one block of lines at a time. If
something in a block is wrong, it is examined line by line: the first bad line is an error, or all are skipped.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import tiles
from vastmax.embedding.formats.table import (
    WIDEST,
    DecodeErrors,
    Duplicates,
    Rows,
    Table,
    check_claim,
    check_finite,
    decode_words,
    parse_header,
    refuse_words,
    shorten,
    trouble_of_vector,
    trouble_of_word,
)
from vastmax.embedding.word_table import WordTable
from vastmax.errors import CutOffError, EncodingError, InputError, Message, argument
from vastmax.kernels.decimals import read_decimals
from vastmax.text.decoding import UTF8

OnBadLine: TypeAlias = Literal["refuse", "skip"]

# Some editors open a file with it; it is no part of the first word.
BYTE_ORDER_MARK = "\ufeff".encode()
NUM_LINES_LOOKED_AT = 50
"""By so many lines at the beginning a file without a header says how many numbers a row has."""

_BLOCK_BYTES = 1 << 22
# A line is a word and its numbers; longer ones are another kind of file, which must not be read into memory whole.
_LONGEST_LINE = 1 << 24
# Readers of these formats split at any of these.
_ENDS_OF_A_WORD = " \t\n\v\f\r"
# What may stand between two numbers other than one space.
_OTHER_WHITESPACE = (b"  ", b"\t", b"\v", b"\f", b"\r")
# With a decimal comma, too: what looks like a number and is refused as one.
_NUMBER = re.compile(rb"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.I)
_DECIMAL_COMMA = re.compile(rb"[+-]?\d*,\d+(e[+-]?\d+)?", re.I)


def read_text(
    stream: BinaryIO,
    path: str,
    *,
    header: bool,
    errors: DecodeErrors,
    encoding: str = UTF8,
    duplicates: Duplicates = "refuse",
    on_bad_line: OnBadLine = "refuse",
    limit: int | None = None,
    size: int | None,
) -> Table:
    """Read either text format.

    Args:
        stream: the decompressed content.
        path: named in messages.
        header: whether a line `V D` comes first (word2vec) or the first row (GloVe).
        errors: what to do with words that cannot be decoded.
        encoding: of the words.
        duplicates: what to do with a word that comes twice.
        on_bad_line: what to do with a line that is no word and D numbers.
        limit: read at most this many rows; None: all.
        size: the content's bytes, None when not known.
    """
    return _Reader(path, header, errors, encoding, duplicates, on_bad_line, limit, size).read(stream)


def numbers_at_the_end(line: bytes) -> int:
    """Return how many fields at the end of a line look like numbers; the first field is always a word."""
    fields = line.split()[1:]
    return next((n for n, field in enumerate(reversed(fields)) if not _NUMBER.fullmatch(field)), len(fields))


@dataclass
class _Block:
    """Rows of the last lines read: the parts of each, and the index of its line."""

    raw: list[bytes]
    numbers: list[bytes]
    at: list[int]


class _BadLineError(Exception):
    """A line that is not a word and D numbers, with the reason."""


class _Reader:
    """One pass over a file: its position, and the rows read."""

    def __init__(
        self,
        path: str,
        header: bool,
        errors: DecodeErrors,
        encoding: str,
        duplicates: Duplicates,
        on_bad_line: OnBadLine,
        limit: int | None,
        size: int | None,
    ) -> None:
        self.path = path
        self.header = header
        self.errors = errors
        self.encoding = encoding
        self.limit = limit
        self.duplicates: Duplicates = duplicates
        self.skips = on_bad_line == "skip"
        self.size = size
        self.V: int | None = None
        self.D = 0
        self.promise = ""  # what says that there are D numbers
        self.line_number = 0  # of the last line read, from 1
        self.blank_line = 0  # the first blank line not yet known to be at the end
        self.num_skipped = 0
        self.first_skipped = ""

    def read(self, stream: BinaryIO) -> Table:
        rows: Rows | None = None
        for offset, lines in _blocks(stream, self.path):
            if rows is None:
                if lines[0].startswith(BYTE_ORDER_MARK):
                    lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
                    offset += len(BYTE_ORDER_MARK)
                rows, taken = self._open(lines)
                self.line_number = taken
                offset += sum(len(line) + 1 for line in lines[:taken])
                lines = lines[taken:]
            while lines and not self._is_full(rows):
                part = lines if self.limit is None else lines[: self.limit - rows.num_entries]
                self._read_block(rows, part, offset)
                offset += sum(len(line) + 1 for line in part) if self.limit is not None else 0
                lines = lines[len(part) :]
            if self._is_full(rows):
                break
        if rows is None:
            raise InputError(f"{self.path}: the file is empty; expected word vectors as text")
        # A line that was left out may be a row, or not.
        too_few = self.V is not None and rows.num_entries + self.num_skipped < self.V
        if too_few and not self._is_full(rows):
            raise CutOffError(
                f"{self.path}: the header says {self.V} words, the file ends after {rows.num_entries}; it is cut off, "
                "or its header is wrong"
            )
        self._report_skipped(rows.num_entries)
        return rows.finish()

    def _is_full(self, rows: Rows) -> bool:
        return self.limit is not None and rows.num_entries >= self.limit

    def _open(self, lines: list[bytes]) -> tuple[Rows, int]:
        """Determine from the first lines where rows start, and how many header lines there are."""
        first = lines[0]
        if not self.header:
            self.D, self.promise = self._width_of(lines)
            return Rows(self.path, self.D, None, self.duplicates), 0
        claim = parse_header(first)
        if claim is None:
            raise InputError(
                f"{self.path}: line 1 is {shorten(first)}; expected the numbers of words and of "
                "dimensions, as in '400 50'"
            )
        self.V, self.D = claim
        self.promise = "the header promises"
        present = None if self.size is None else self.size - len(first) - 1
        # A letter and D times a space and a digit, and a line end, which the last row may lack. Where lines are left
        # out, what is there may be shorter.
        least = 0 if self.skips else self.V * (2 + 2 * self.D) - 1
        check_claim(self.path, self.V, self.D, least, present)
        sure = present is not None and not self.skips
        expected = self.V if self.limit is None else min(self.V, self.limit)
        return Rows(self.path, self.D, expected if sure else None, self.duplicates), 1

    def _width_of(self, lines: list[bytes]) -> tuple[int, str]:
        """Return D of a file without a header, from the majority of its first lines, and describe the source."""
        widths = [numbers_at_the_end(line) for line in lines[:NUM_LINES_LOOKED_AT] if line.strip()]
        D = Counter(width for width in widths if width).most_common(1)[0][0] if any(widths) else 0
        if D < 1:
            raise InputError(f"{self.path}: line 1 is {shorten(lines[0])}; expected a word and its numbers")
        if D > WIDEST:
            raise InputError(f"{self.path}: line 1 has {D} numbers; the most that is read is {WIDEST}")
        return D, "the first line promises" if widths[0] == D else "most lines have"

    def _read_block(self, rows: Rows, lines: list[bytes], offset: int) -> None:
        """Add the rows of these lines, the first of which starts at byte `offset`."""
        block = self._split(lines)
        vectors, words = self._parsed(block), decode_words(block.raw, self.errors, self.encoding)
        if vectors is None or words is None or not np.isfinite(vectors).all():
            block = self._good_rows(block, lines, offset)
            vectors, words = self._parsed(block), decode_words(block.raw, self.errors, self.encoding)
            assert vectors is not None
            assert words is not None
        if self.V is not None and rows.num_entries + len(block.raw) > self.V:
            one_more = self.line_number + 1 + block.at[self.V - rows.num_entries]
            raise InputError(
                f"{self.path}: the header says {self.V} words, but line {one_more} holds one more; the header is "
                "wrong, or two files were joined"
            )
        rows.append(words, vectors)
        self.line_number += len(lines)

    def _split(self, lines: list[bytes]) -> _Block:
        """Return the rows of these lines; all have D number fields, which may be invalid."""
        raw: list[bytes] = []
        numbers: list[bytes] = []
        at: list[int] = []
        spaces = self.D - 1
        for index, line in enumerate(lines):
            word, _, rest = line.partition(b" ")
            rest = rest.strip()
            if self.blank_line or not rest or rest.count(b" ") != spaces or word.split() != [word]:
                try:
                    split = self._split_oddly(line, self.line_number + 1 + index)
                except _BadLineError as error:
                    self._refuse_or_skip(self.line_number + 1 + index, str(error))
                    continue
                if split is None:
                    continue
                word, rest = split
            raw.append(word)
            numbers.append(rest)
            at.append(index)
        return _Block(raw, numbers, at)

    def _split_oddly(self, line: bytes, line_number: int) -> tuple[bytes, bytes] | None:
        """Return word and numbers of a line with other than D numbers after the first space; None for a blank line."""
        fields = line.split()
        if not fields:
            self.blank_line = self.blank_line or line_number
            return None
        if self.blank_line:
            self._refuse_or_skip(self.blank_line, "is blank; blank lines are fine only at the end")
            self.blank_line = 0
        extra = len(fields) - 1 - self.D
        if line[:1].isspace():
            raise _BadLineError(f"has no word before its numbers, or a blank one; it begins with {shorten(line, 20)}")
        if extra == 0:
            return fields[0], b" ".join(fields[1:])
        if extra > 0 and not any(_is_number(field) for field in fields[1 : extra + 1]):
            word = b" ".join(fields[: extra + 1])
            if not self.header:
                # The published GloVe files hold a few words with spaces in them (". . .").
                return word, b" ".join(fields[extra + 1 :])
            if all(map(_is_number, fields[extra + 1 :])):
                raise _BadLineError(
                    f"has {len(fields) - 1} fields after {shorten(fields[0])}, where {self.promise} {self.D} numbers: "
                    f"the word {shorten(word)} holds a blank, which ends a word in this format"
                )
        for mark, name in ((b",", "commas"), (b";", "semicolons")):
            if len(fields) == 1 and mark in line:
                raise _BadLineError(f"is separated by {name}; expected a word and {self.D} numbers separated by spaces")
        raise _BadLineError(
            f"has {len(fields) - 1} numbers after {shorten(fields[0])}; {self.promise} {self.D}, so the line is "
            "damaged or cut off"
        )

    def _parsed(self, block: _Block) -> NDArray[np.float32] | None:
        """Return the numbers, (rows, D); None if a field is not a number or a row does not have D of them."""
        text = b" ".join(block.numbers)
        # A row has D − 1 spaces, so D fields unless other whitespace is about.
        if any(mark in text for mark in _OTHER_WHITESPACE) and any(
            len(fields.split()) != self.D for fields in block.numbers
        ):
            return None
        values = read_decimals(text, len(block.numbers) * self.D)
        return None if values is None else values.reshape(-1, self.D)

    def _good_rows(self, block: _Block, lines: list[bytes], offset: int) -> _Block:
        """Return the valid rows; raise for the first invalid one, or skip all invalid ones."""
        good = _Block([], [], [])
        for word, numbers, index in zip(block.raw, block.numbers, block.at, strict=True):
            kind: type[InputError] = InputError
            trouble = self._trouble(word, numbers)
            if trouble is None and self.errors == "strict":
                at = offset + sum(len(line) + 1 for line in lines[:index])
                trouble = trouble_of_word(word, at, self.encoding)
                trouble, kind = trouble and f": {trouble}", EncodingError
            if trouble is not None:
                self._refuse_or_skip(self.line_number + 1 + index, trouble, kind)
                continue
            good.raw.append(word)
            good.numbers.append(numbers)
            good.at.append(index)
        return good

    def _trouble(self, word: bytes, numbers: bytes) -> str | None:
        fields = numbers.split()
        if len(fields) != self.D:
            return f"has {len(fields)} numbers after {shorten(word)}; expected {self.D}, so the line is damaged"
        for field in fields:
            if _DECIMAL_COMMA.fullmatch(field):
                return (
                    f"has {shorten(field)} among the numbers of {shorten(word)}: a decimal comma; write numbers with a "
                    "decimal point"
                )
            if not _is_number(field):
                return (
                    f"has {shorten(field)} among the numbers of {shorten(word)}; expected {self.D} numbers, so the "
                    "line is damaged"
                )
        vector: NDArray[np.float32] = np.fromstring(b" ".join(fields), dtype=np.float32, sep=" ")
        trouble = trouble_of_vector(vector, word.decode("utf-8", "replace"))
        return trouble and f": {trouble}"

    def _refuse_or_skip(self, line_number: int, trouble: str, kind: type[InputError] = InputError) -> None:
        message = f"line {line_number}{'' if trouble.startswith(':') else ' '}{trouble}"
        if not self.skips:
            raise kind(
                f"{self.path}: {message}; mend the line, or leave such lines out with "
                f"{argument('on_bad_line', repr('skip'))}"
            )
        self.first_skipped = self.first_skipped or str(Message(message))
        self.num_skipped += 1

    def _report_skipped(self, num_kept: int) -> None:
        if not self.num_skipped:
            return
        if not num_kept:
            raise InputError(f"{self.path}: all {self.num_skipped} lines are bad; {self.first_skipped}")
        warnings.warn(
            f"{self.path}: skipped {self.num_skipped} of {self.num_skipped + num_kept} lines; the first: "
            f"{self.first_skipped}",
            stacklevel=2,
        )


def _blocks(stream: BinaryIO, path: str) -> Iterator[tuple[int, list[bytes]]]:
    """Yield (byte offset, complete lines without line ends), some megabytes at a time."""
    offset = num_lines = 0
    pieces: list[bytes] = []  # of a line whose end has not come
    pending = 0
    while chunk := stream.read(_BLOCK_BYTES):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            block = b"".join([*pieces, chunk[: cut - 1]])
            lines = block.split(b"\n")
            yield offset, lines
            offset += len(block) + 1
            num_lines += len(lines)
            pieces, pending = [], 0
        pieces.append(chunk[cut:])
        pending += len(chunk) - cut
        if pending > _LONGEST_LINE:
            raise InputError(
                f"{path}: line {num_lines + 1}, from byte {offset} on, is longer than {_LONGEST_LINE >> 20} MiB; this "
                "is no text of vectors"
            )
    if pending:
        yield offset, [b"".join(pieces)]


def _is_number(field: bytes) -> bool:
    """Return whether C's strtod would accept this number. (Python's float also accepts 1_000.)"""
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field


def write_text(stream: BinaryIO, v: WordTable, path: str, *, header: bool) -> None:
    """Write either text format; nine digits restore every float32 bit for bit."""
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
