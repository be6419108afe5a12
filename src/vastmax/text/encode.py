"""Encode text into a folder of ids in one pass: words are numbered as they are first seen, then renumbered by count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError, argument
from vastmax.kernels.text_encoder import TextEncoder
from vastmax.progress import Progress
from vastmax.text.decoding import UTF8
from vastmax.text.encoded_folder import FolderWriter
from vastmax.text.words import Words, word_of

SPILL_IDS = 1 << 20
"""The number of ids from lists of words that are buffered before they are written."""

_REPORT_SECONDS = 0.1

LONGEST_LINE = 1 << 26
"""The longest line for a tokenizer, in bytes; it is held in memory. Without a tokenizer, lines have no limit."""

Tokenizer = Callable[[str], Iterable[str]]


@dataclass(frozen=True)
class Settings:
    """Settings for splitting text into words."""

    lowercase: bool
    errors: str
    tokenizer: Tokenizer | None
    column: str | None
    encoding: str = UTF8

    @property
    def needs_decoding(self) -> bool:
        """Whether the text is to be turned into UTF-8 before the native encoder reads it."""
        return self.encoding != UTF8 or self.errors == "ignore"


class Meter:
    """Reports the progress of reading, no more often than a person can perceive."""

    def __init__(self, progress: Progress, total: float | None, unit: str) -> None:
        self._progress = progress
        self._started = self._reported = time.monotonic()
        self._done = 0
        progress.begin("Reading", total, unit)

    def advance(self, done: int, num_tokens: int) -> None:
        """Report that `done` more units were read, `num_tokens` words in total."""
        self._done += done
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._progress.update(self._done, words_per_second=num_tokens / (now - self._started))

    def end(self) -> None:
        """Report that everything was read."""
        self._progress.update(self._done)
        self._progress.end()


class Encoding:
    """Writes the encoded corpus into `folder`, which is the caller's to remove if this fails."""

    def __init__(self, folder: Path, settings: Settings, meter: Meter) -> None:
        self._folder = FolderWriter(folder)
        self._settings = settings
        self._encoder = TextEncoder(errors="strict" if settings.errors == "strict" else "replace")
        self.meter = meter

    @property
    def num_tokens(self) -> int:
        """The number of words so far."""
        return self._encoder.num_tokens

    def add_text(self, name: str, chunks: Iterable[bytes | memoryview]) -> None:
        """Add one decompressed text in UTF-8; its end also ends a sentence."""
        if self._settings.tokenizer is not None:
            for number, (line, offset) in enumerate(_lines(chunks, name), start=1):
                self._add_line(line, name, offset, f"{name}, line {number}")
            return
        self._encoder.begin(name)
        for chunk in chunks:
            self._encoder.feed(chunk)
            self._spill()
        self._encoder.end()
        self._spill()

    def add_sentence(self, words: Any, where: str) -> None:
        """Add one list of words, or of whole numbers, which stand for the words that their digits are."""
        if isinstance(words, list | tuple | np.ndarray) and len(words) and not isinstance(words[0], str):
            words = [word_of(word) for word in words]
        self._encoder.add_sentence(words, where=where)
        if self._encoder.num_tokens - self._folder.num_ids >= SPILL_IDS:
            self._spill()

    def add_rows(self, name: str, rows: list[Any], start: int) -> None:
        """Add rows of a table, numbered from `start`: texts, each of which ends a sentence, or lists of words.

        Missing values are skipped.
        """
        texts: list[str] = []
        for number, row in enumerate(rows, start):
            if isinstance(row, list):
                self.add_sentence(row, f"{name}, row {number}")
            elif row is not None:
                if self._settings.errors == "strict" and "\0" in row:
                    raise InputError(f"{name}, row {number}: character {row.index(chr(0))} is NUL: expected text")
                texts.append(row)
        if texts:
            # The newline in front keeps a byte order mark what it is inside a table: a character.
            text = "\n".join(["", *texts]).encode()
            self.add_text(f"{name}, rows {start} to {start + len(rows) - 1}", [text])
        self._spill()

    def _add_line(self, line: bytes, name: str, offset: int, where: str) -> None:
        tokenizer, errors = self._settings.tokenizer, self._settings.errors
        assert tokenizer is not None
        if errors == "strict" and (nul := line.find(0)) >= 0:
            raise InputError(f"{name}: byte {offset + nul} is NUL, so this is a binary file: expected UTF-8 text")
        try:
            text = line.decode("utf-8", errors)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}: byte {offset + error.start} is not valid UTF-8: convert the file (iconv -t UTF-8), or pass "
                f"{argument('errors', repr('replace'))} to read such bytes as U+FFFD"
            ) from None
        self.add_sentence(tokenizer(text), f"{where}, from the tokenizer")

    def _spill(self) -> None:
        self._folder.append(*self._encoder.drain())

    def finish(self, name: str) -> None:
        """Number the words by count, renumber the ids, and write the files that complete the folder.

        Raises:
            InputError: there were no words; the disk is full.
        """
        self._spill()
        if self._encoder.num_tokens == 0:
            raise InputError(f"{name} holds no words: nothing in it but white space, if anything")
        blob, word_offsets, counts = self._encoder.words()
        words = Words(blob, word_offsets)
        merged = None
        if self._settings.lowercase:
            words, counts, merged = _lowercased(words, counts)
        order = np.argsort(-counts, kind="stable")  # ties: first seen first
        renumbered = np.empty(len(order), dtype=np.int32)
        renumbered[order] = np.arange(len(order), dtype=np.int32)
        if merged is not None:
            renumbered = renumbered[merged]
        self._folder.finish(name, words.take(order), counts[order], renumbered)
        self.meter.end()

    def close(self) -> None:
        """Close the files; also safe after a failure."""
        self._folder.close()


def _lines(chunks: Iterable[bytes | memoryview], name: str) -> Iterator[tuple[bytes, int]]:
    """Yield the lines of a text, each with the offset of its first byte; the last line needs no newline."""
    rest: list[bytes] = []  # of a line that is not over yet
    waiting = offset = 0
    head = True
    for chunk in chunks:
        *whole, last = bytes(chunk).split(b"\n")
        for end in whole:
            line = b"".join([*rest, end])
            rest, waiting = [], 0
            mark = 3 if head and line.startswith(b"\xef\xbb\xbf") else 0
            head = False
            yield line[mark:], offset + mark
            offset += len(line) + 1
        rest.append(last)
        waiting += len(last)
        if waiting > LONGEST_LINE:
            raise InputError(
                f"{name}: the line from byte {offset} on is longer than {LONGEST_LINE >> 20} MiB, the most that a "
                "tokenizer is given: break it up, or leave the tokenizer out"
            )
    line = b"".join(rest)
    if line:
        mark = 3 if head and line.startswith(b"\xef\xbb\xbf") else 0
        yield line[mark:], offset + mark


def _lowercased(
    words: Words, counts: npt.NDArray[np.int64]
) -> tuple[Words, npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Lowercase the distinct words and merge those that become equal: (words, counts, old id → new id).

    This equals lowercasing the text before splitting it: str.lower() depends on adjacent characters only for the final
    sigma, and only up to whitespace, so the lowercase form of a word does not depend on other words.
    """
    encoder = TextEncoder()
    encoder.add_sentence([word.lower() for word in words], where="lower case")
    merged = encoder.drain()[0].copy()
    blob, offsets, _ = encoder.words()
    sums = np.zeros(len(offsets) - 1, dtype=np.int64)
    np.add.at(sums, merged, counts)
    return Words(blob, offsets), sums, merged
