"""Word counts in a plain text file, as other programs write them: a word, a tab and its count on each line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from vastmax.content.decompress import CHUNK_BYTES, text_chunks
from vastmax.content.lines import lines_of
from vastmax.errors import InputError
from vastmax.text.vocabulary import Vocabulary

STDIN = "-"

_HEAD_BYTES = 4096
"""The number of bytes inspected to distinguish a list of counts from text."""

_COUNT_LINE = re.compile(rb"[^\t\r\n]+\t[ ]*[-+]?\d+(\.\d*)?[ ]*\r?")
_HEADING = re.compile(rb"[^\t\r\n]+\t[^\t\r\n]+\r?")
_WORD_COUNT = re.compile(rb"\S+\t\d+\r?")
_COUNT_WORD = re.compile(rb"[ ]*\d+[ \t]\S+\r?")
_VOCABULARY_LINE = re.compile(rb'\{"format": *"vastmax vocabulary"')


def read_counts(source: str) -> Vocabulary | None:
    """Return the vocabulary in `source`: written by `Vocabulary.save`, or ``word TAB count`` lines; None if it is text.

    The first line decides; but counts under a heading, or before their words, are refused: read as text, the numbers
    would be words. Lines can be in any order, and compressed like any text. Words must not contain tabs or line ends.

    Args:
        source: a path, or ``-`` for standard input, from which nothing is consumed if the result is None.

    Raises:
        InputError: a file begins as counts and continues otherwise (the message names the line and the problem), has a
            heading, or has counts before their words.
    """
    if source == STDIN:
        if sys.stdin is None:
            return None  # Corpus says what is missing
        stream = sys.stdin.buffer
        peek = getattr(stream, "peek", None)
        if peek is None or not _is_counts(_head([peek(_HEAD_BYTES)], "standard input"), "standard input"):
            return None
        return _from_lines(_lines(_chunks_of(stream), "standard input"), "standard input")
    path = Path(source)
    if "\0" in source or not path.is_file():
        return None  # a glob, a pipe, a folder, or nothing: Corpus knows what to say
    try:
        with open(path, "rb") as file:
            head = _head(_chunks_of(file), source)
            if _VOCABULARY_LINE.match(head):
                return Vocabulary.load(path)
            if not _is_counts(head, source):
                return None
            file.seek(0)
            return _from_lines(_lines(_chunks_of(file), source), source)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None


def _is_counts(head: bytes, name: str) -> bool:
    *lines, rest = head.split(b"\n")
    if len(head) < _HEAD_BYTES and rest:
        lines.append(rest)  # a last line without its end; a longer head may have cut it
    first = lines[0] if lines else rest
    if _COUNT_LINE.fullmatch(first):
        return True
    if len(lines) > 1 and all(_COUNT_WORD.fullmatch(line) for line in lines):
        raise InputError(
            f"{name}: the counts come before their words; expected a word, a tab and its count on each line"
        )
    if len(lines) > 1 and _HEADING.fullmatch(first) and all(_WORD_COUNT.fullmatch(line) for line in lines[1:]):
        raise InputError(
            f"{name}, line 1: a heading above words and counts; expected a word, a tab and its count: remove the line"
        )
    return False


def _chunks_of(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _head(chunks: Iterable[bytes], name: str) -> bytes:
    """Return the beginning of the text: as much as is needed to recognize counts."""
    try:
        head = b""
        for chunk in text_chunks(chunks, name):
            head += bytes(chunk)
            if len(head) >= _HEAD_BYTES:
                break
    except InputError:  # damaged, or no more than its first bytes: as text it gets its own message
        return b""
    return head[:_HEAD_BYTES]


def _lines(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    return lines_of(text_chunks(chunks, name), name)


def _from_lines(lines: Iterable[bytes], name: str) -> Vocabulary:
    counts: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        word, count = _pair(line, f"{name}, line {number}")
        if word in counts:
            raise InputError(f"{name}, line {number}: the word {_shown(word)} comes twice; give its whole count once")
        counts[word] = count
    try:
        return Vocabulary.from_counts(counts)
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
