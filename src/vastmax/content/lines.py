"""Lines of text files, such as lists, tables and dictionaries, which are checked before they are held in memory."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Iterable, Iterator

from vastmax.content.kinds import HEAD_BYTES, kind_of_bytes
from vastmax.content.looking import wrong_kind
from vastmax.errors import InputError

LONGEST_LINE = 1 << 20
"""Bytes of a line. Longer ones are no entries of a list but another kind of file."""

_READ_BYTES = 1 << 16


def lines_of(chunks: Iterable[bytes | memoryview], name: str, *, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    """Yield the lines of a text given in pieces, without line ends; the last line needs no line end.

    Raises:
        InputError: a line has more than `longest` bytes; it is named.
    """
    rest = b""
    number = 1
    for chunk in chunks:
        *whole, rest = (rest + bytes(chunk)).split(b"\n")
        for line in whole:
            _check_length(line, number, name, longest)
            yield line
            number += 1
        _check_length(rest, number, name, longest)
    if rest:
        yield rest


def text_lines(
    path: str | os.PathLike[str], expected: str, *, encoding: str = "utf-8", errors: str = "strict"
) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers, from 1, without line ends and byte order mark.

    Args:
        path: the file.
        expected: what it should be, with its article, for messages.
        encoding: of the text; one in which line ends are those of ASCII.
        errors: what is done with bytes that it does not have: "strict", "replace", "ignore".

    Raises:
        InputError: it is another kind of file, or a line is too long or not of the encoding; the line is named.
        OSError: it cannot be read.
    """
    name = os.fspath(path)
    with io.BufferedReader(io.FileIO(path), HEAD_BYTES) as file:
        kind = kind_of_bytes(file.peek(HEAD_BYTES)[:HEAD_BYTES])
        if kind is not None:
            raise wrong_kind(name, kind, expected)
        for number, line in enumerate(lines_of(iter(lambda: file.read(_READ_BYTES), b""), name), start=1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                text = line.decode(encoding, errors)
            except UnicodeDecodeError as error:
                called = "UTF-8" if encoding == "utf-8" else encoding
                raise InputError(
                    f"{name}, line {number}: byte {error.start} of the line is not valid {called}; expected "
                    f"{expected}: convert the file (iconv -t UTF-8)"
                ) from None
            yield number, text.removesuffix("\r")


def _check_length(line: bytes, number: int, name: str, longest: int) -> None:
    if len(line) > longest:
        raise InputError(f"{name}: line {number} is longer than {longest >> 20} MiB; this is no list of that kind")
