"""Word counts in a plain text file, as other programs write them: a word, a tab and its count on each line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from vastmax.errors import InputError
from vastmax.text.decompress import CHUNK_BYTES, text_chunks
from vastmax.text.vocabulary import Vocabulary

STDIN = "-"

_HEAD_BYTES = 4096
"""What is looked at to tell a list of counts from text: its first line, or as much of it."""

_COUNT_LINE = re.compile(rb"[^\t\r\n]+\t[ ]*[-+]?\d+(\.\d*)?[ ]*\r?")
_VOCABULARY_LINE = re.compile(rb'\{"format": *"vastmax vocabulary"')


def read_counts(source: str) -> Vocabulary | None:
    """The vocabulary that `source` holds: saved by `Vocabulary.save`, or ``word TAB count`` lines; None: it is text.

    The first line decides. Lines of counts come in any order, and may be compressed like any text; a word's own tabs
    and line ends cannot be told, so they must not be there.

    Args:
        source: a path, or ``-`` for standard input, of which nothing is lost when the answer is None.

    Raises:
        InputError: a file that begins as counts and goes on otherwise: the line, and what is wrong with it.
    """
    if source == STDIN:
        if sys.stdin is None:
            return None  # Corpus says what is missing
        stream = sys.stdin.buffer
        peek = getattr(stream, "peek", None)
        if peek is None or not _is_counts(_first_line([peek(_HEAD_BYTES)], "standard input")):
            return None
        return _from_lines(_lines(_chunks_of(stream), "standard input"), "standard input")
    path = Path(source)
    if "\0" in source or not path.is_file():
        return None  # a glob, a pipe, a folder, or nothing: Corpus knows what to say
    try:
        with open(path, "rb") as file:
            first = _first_line(_chunks_of(file), source)
            if _VOCABULARY_LINE.match(first):
                return Vocabulary.load(path)
            if not _is_counts(first):
                return None
            file.seek(0)
            return _from_lines(_lines(_chunks_of(file), source), source)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None


def _is_counts(line: bytes) -> bool:
    return _COUNT_LINE.fullmatch(line) is not None


def _chunks_of(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _first_line(chunks: Iterable[bytes], name: str) -> bytes:
    """The first line without its end, or as much of it as is needed to know that it is none of ours."""
    try:
        head = b""
        for chunk in text_chunks(chunks, name):
            head += bytes(chunk)
            if b"\n" in head or len(head) >= _HEAD_BYTES:
                break
    except InputError:  # damaged, or no more than its first bytes: as text it gets its own message
        return b""
    return head.split(b"\n", 1)[0]


def _lines(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    rest = b""
    for chunk in text_chunks(chunks, name):
        *whole, rest = (rest + bytes(chunk)).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _from_lines(lines: Iterable[bytes], name: str) -> Vocabulary:
    pairs = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            pairs.append(_pair(line, f"{name}, line {number}"))
    try:
        return Vocabulary.from_counts(pairs)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _pair(line: bytes, where: str) -> tuple[str, int]:
    try:
        word, _, count = line.decode().rstrip("\r").rpartition("\t")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: byte {error.start} is not valid UTF-8") from None
    try:
        number = int(count)
    except ValueError:
        raise InputError(f"{where}: {_shown(count)} is no whole number; expected a word, a tab and its count") from None
    if not word or "\t" in word:
        raise InputError(f"{where}: expected one word, a tab and its count, found {_shown(word)} before the count")
    if number < 0:
        raise InputError(f"{where}: the count of {_shown(word)} is {number}; expected 0 or more")
    return word, number


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
