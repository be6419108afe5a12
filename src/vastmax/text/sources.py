"""Recognize the source of a corpus before any long work: files, a stream, lists of words, Arrow tables."""

from __future__ import annotations

import errno
import glob
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

from vastmax.content.looking import not_expected
from vastmax.errors import InputError
from vastmax.text.arrow import is_arrow_file, is_arrow_object

_LONGEST_PATH = 4096
"""Characters of a path that a system may take; anything longer is a text."""

_SPACES_OF_A_SENTENCE = 4
"""A name of no file with so many spaces may be a sentence."""


@dataclass(frozen=True)
class Files:
    """Text files in order, plain or compressed."""

    paths: list[Path]


@dataclass(frozen=True)
class ArrowFiles:
    """Parquet or Arrow files in order."""

    paths: list[Path]


@dataclass(frozen=True)
class ArrowTable:
    """A table in memory, or any object that exports an Arrow stream."""

    table: Any


@dataclass(frozen=True)
class Stream:
    """Bytes that can be read only once: standard input, a pipe."""

    name: str
    path: Path | None  # None: standard input

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Open the stream; close it after the block if it was opened here."""
        if self.path is None:
            if sys.stdin is None:  # the shell's <&-
                raise InputError("standard input is closed: expected text on it")
            yield sys.stdin.buffer
            return
        try:
            file = open(self.path, "rb", buffering=0)  # noqa: SIM115 - closed below; only opening is guarded
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}") from None
        with file:
            yield file


@dataclass(frozen=True)
class Sentences:
    """Lists of words."""

    sentences: Iterator[Any]


Source = Files | ArrowFiles | ArrowTable | Stream | Sentences


def resolve(source: object) -> Source:
    """Return the kind of `source`, and check that its files exist and are readable.

    Raises:
        InputError: nothing is there, a glob matches nothing, a folder, texts where lists of words were expected, …
    """
    if isinstance(source, (str, os.PathLike)):
        return _from_paths([source])
    if isinstance(source, (bytes, bytearray, memoryview)):
        raise InputError("bytes were given: expected a path, '-' for standard input, or lists of words")
    if is_arrow_object(source):
        return ArrowTable(source)
    if isinstance(source, Mapping) or not isinstance(source, Iterable):
        raise InputError(
            f"a corpus of type {type(source).__name__}: expected a path, several paths, a glob, '-' for standard "
            "input, lists of words, or an Arrow table"
        )
    items = iter(source)
    try:
        first = next(items)
    except StopIteration:
        raise InputError("the corpus is empty: it holds neither paths nor sentences") from None
    if isinstance(first, os.PathLike):
        return _from_paths([first, *items])
    if isinstance(first, str):
        # Paths, or texts that nobody has split. An open-ended source of str is not read to its end to find out.
        known = first == "-" or _exists(first)
        paths = [first, *items] if known or isinstance(source, (list, tuple, set, frozenset)) else [first]
        if not known and not any(_exists(path) for path in paths):
            raise InputError(
                f"{_shown(first)} is a str and no file: expected paths or lists of words; "
                "split texts first: [s.split() for s in …]"
            )
        return _from_paths(paths)
    return Sentences(chain([first], items))


def files_of(source: object) -> list[Path | int]:
    """Return the files that a corpus of this source reads, 0 for standard input, without opening any.

    Arguments that are not paths, or name nothing that exists, are skipped: `resolve` reports them.
    """
    named = [source] if isinstance(source, (str, os.PathLike)) else source
    if not isinstance(named, (list, tuple, set, frozenset)):
        return []
    files: list[Path | int] = []
    for item in named:
        if not isinstance(item, (str, os.PathLike)):
            return []
        text = os.fsdecode(item)
        if text == "-":
            files.append(0)
        elif _exists(text):
            files += [Path(text)] if os.path.exists(text) else [Path(match) for match in _matches(text)]
    return files


def _exists(path: object) -> bool:
    try:
        return isinstance(path, (str, os.PathLike)) and (os.path.exists(path) or bool(_matches(os.fspath(path))))
    except ValueError:  # a NUL inside
        return False


def _matches(pattern: str | bytes) -> list[str]:
    return sorted(glob.glob(pattern, recursive=True)) if isinstance(pattern, str) and glob.has_magic(pattern) else []


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:59]) + "…"


def _from_paths(given: list[Any]) -> Source:
    paths: list[Path] = []
    for item in given:
        if not isinstance(item, (str, os.PathLike)):
            raise InputError(f"a {type(item).__name__} among paths: expected paths only, or lists of words only")
        text = os.fsdecode(item)
        if text == "-" and len(given) > 1:
            raise InputError("'-' (standard input) among several files: it must be the only one")
        if text == "-":
            return Stream("standard input", None)
        paths.extend(_expand(text))
    if len(paths) == 1 and not paths[0].is_file():
        return Stream(str(paths[0]), paths[0])
    kinds = [_check_file(path) for path in paths]
    if all(kinds):
        return ArrowFiles(paths)
    if any(kinds):
        raise InputError(
            f"{paths[kinds.index(True)]} is a Parquet or Arrow file, others are text: give one kind at a time"
        )
    return Files(paths)


def _expand(text: str) -> list[Path]:
    """Return the files that a path or glob matches."""
    if not text or "\0" in text:
        raise InputError(f"{_shown(text)} is no path")
    if "\n" in text.rstrip("\n") or len(text) > _LONGEST_PATH:
        raise _is_a_text(text)
    path = Path(text)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not glob.has_magic(text):
            if text.count(" ") < _SPACES_OF_A_SENTENCE:
                raise InputError(f"{text}: no such file") from None
            raise InputError(
                f"{_shown(text)}: no such file; a str names one: for a text in memory give lists of words, such as "
                "[text.split()]"
            ) from None
        matches = [Path(match) for match in _matches(text) if not os.path.isdir(match)]
        if not matches:
            raise InputError(f"{text}: no file matches") from None
        return matches
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _is_a_text(text) from None
        raise InputError(f"{text}: cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise not_expected(text, "text files", f"is a folder: give its files, for instance '{path / '*.txt'}'")
    return [path]


def _is_a_text(text: str) -> InputError:
    return InputError(
        f"{_shown(text)} is a str of {len(text):,} characters and no file: expected a path or lists of words; "
        "for a text in memory give [line.split() for line in text.splitlines()]"
    )


def _check_file(path: Path) -> bool:
    """Return whether the file is a Parquet or Arrow file; raise InputError if it cannot be read or is empty."""
    if not path.is_file():
        raise InputError(f"{path} is not an ordinary file: a pipe can only be given alone")
    try:
        with open(path, "rb", buffering=0) as file:
            return is_arrow_file(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
