"""Lines of text files, such as lists, tables and dictionaries, which are checked before they are held in memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator

from vastmax.content.kinds import HEAD_BYTES, kind_of_bytes
from vastmax.content.looking import wrong_kind
from vastmax.errors import InputError

LONGEST_LINE = 1 << 20
"""Bytes of a line. Longer ones are no entries of a list but another kind of file."""

_READ_BYTES = 1 << 16


def lines_of(chunks: Iterable[bytes | memoryview], name: str) -> Iterator[bytes]:
    """Yield the lines of a text given in pieces, without line ends; the last line needs no line end.

    Raises:
        InputError: a line is longer than `LONGEST_LINE`; it is named.
    """
    rest = b""
    number = 1
    for chunk in chunks:
        *whole, rest = (rest + bytes(chunk)).split(b"\n")
        for line in whole:
            _check_length(line, number, name)
            yield line
            number += 1
        _check_length(rest, number, name)
    if rest:
        yield rest


def text_lines(path: str | os.PathLike[str], expected: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file with their numbers, from 1, without line ends and byte order mark.

    Args:
        path: the file.
        expected: what it should be, with its article, for messages.

    Raises:
        InputError: it is another kind of file, or a line is too long or not UTF-8; the line is named.
        OSError: it cannot be read.
    """
    name = os.fspath(path)
    with io.BufferedReader(io.FileIO(path), HEAD_BYTES) as file:
        kind = kind_of_bytes(file.peek(HEAD_BYTES)[:HEAD_BYTES])
        if kind is not None:
            raise wrong_kind(name, kind, expected)
        for number, line in enumerate(lines_of(iter(lambda: file.read(_READ_BYTES), b""), name), start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{name}, line {number}: byte {error.start} of the line is not valid UTF-8; expected {expected}: "
                    "convert the file (iconv -t UTF-8)"
                ) from None
            yield number, text.removesuffix("\r")


def _check_length(line: bytes, number: int, name: str) -> None:
    if len(line) > LONGEST_LINE:
        raise InputError(f"{name}: line {number} is longer than {LONGEST_LINE >> 20} MiB; this is no list of that kind")
