"""Check all paths of a run before it starts: no output may also be an input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from vastmax.atomic import check_writable
from vastmax.errors import InputError
from vastmax.run_lock import locked, locked_folder

Given: TypeAlias = "str | os.PathLike[str] | int | Iterable[str | os.PathLike[str] | int] | None"
"""A path, a file descriptor such as 0 for standard input, several of them, or None."""


@contextmanager
def claimed(
    *,
    reads: Mapping[str, Given],
    writes: Mapping[str, str | os.PathLike[str] | None] | None = None,
    folder: tuple[str, str | os.PathLike[str]] | None = None,
    files: Iterable[str] = (),
) -> Iterator[None]:
    """Check the paths of a run and that its outputs are writable, and lock the outputs while the block runs.

    Args:
        reads: the inputs, by the name a user knows, such as "CORPUS" or "--vectors".
        writes: the files written, by name.
        folder: the name and path of a folder that is created or written into.
        files: the names of the files written into that folder; empty: the whole folder belongs to the run, and no input
            may be in it.

    Raises:
        InputError: see `require_apart`, `check_writable` and `locked`.
    """
    written = {name: path for name, path in (writes or {}).items() if path is not None}
    require_apart(reads=reads, writes=written, folder=folder, files=files)
    with ExitStack() as locks:
        for path in written.values():
            check_writable(path)
            locks.enter_context(locked(path))
        if folder is not None:
            locks.enter_context(locked_folder(folder[1]))
        yield


def require_apart(
    *,
    reads: Mapping[str, Given],
    writes: Mapping[str, str | os.PathLike[str]],
    folder: tuple[str, str | os.PathLike[str]] | None = None,
    files: Iterable[str] = (),
) -> None:
    """Raise InputError if an input is, or contains, an output, or if two outputs are the same file.

    Files are compared by device and inode, so links, other spellings of a path and standard input are recognized. Paths
    that do not exist yet also count as equal if they differ only in case, because many file systems do not distinguish
    them. For the arguments see `claimed`.
    """
    inputs = [_Place.of(name, path) for name, given in reads.items() for path in _each(given)]
    outputs = [_Place.of(name, path) for name, path in writes.items()]
    if folder is not None:
        name, path = folder
        whole = _Place.of(name, path)
        inside = [_Place.of(name, Path(path) / file) for file in files]
        for read in inputs:
            if read.same_as(whole):
                raise InputError(f"{read.name} and {name} are the same file {read.shown}; {_another(name)}")
            if not inside and whole.contains(read):
                raise InputError(
                    f"{read.name}: {read.shown} is in {name} {path}, which the run creates; {_another(name)}"
                )
        outputs += inside
    for read in inputs:
        for written in outputs:
            if read.same_as(written):
                raise InputError(
                    f"{read.name} and {written.name} are the same file {written.shown}, which would be overwritten; "
                    + _another(written.name)
                )
            if written.identity is not None and read.contains(written):
                raise InputError(
                    f"{written.name} {written.shown} is a file of {read.name} {read.shown}, and would be overwritten; "
                    + _another(written.name)
                )
    for number, one in enumerate(outputs):
        for other in outputs[number + 1 :]:
            if one.same_as(other):
                raise InputError(f"{one.name} and {other.name} are the same file {other.shown}; {_another(other.name)}")


def _another(name: str) -> str:
    return f"give another {name}"


def _each(given: Given) -> Iterator[str | os.PathLike[str] | int]:
    if isinstance(given, str | os.PathLike | int):
        yield given
    elif given is not None:
        yield from given


@dataclass(frozen=True)
class _Place:
    """A path and its identity."""

    name: str  # such as "--output"
    shown: str
    identity: tuple[int, int] | None  # device and inode; None: not there yet
    key: str  # of one that is not there yet
    above: tuple[tuple[int, int], ...]  # the folders it lies in

    @classmethod
    def of(cls, name: str, path: str | os.PathLike[str] | int) -> _Place:
        if isinstance(path, int):
            return cls(name, "(standard input)" if path == 0 else f"(open file {path})", _identity(path), "", ())
        real = Path(os.path.realpath(path))
        above = [found for parent in real.parents if (found := _identity(parent)) is not None]
        return cls(name, os.fspath(path), _identity(path), str(real).casefold(), tuple(above))

    def same_as(self, other: _Place) -> bool:
        if self.identity is not None or other.identity is not None:
            return self.identity == other.identity
        return self.key == other.key

    def contains(self, other: _Place) -> bool:
        """Return whether this is a folder that contains `other`."""
        return self.identity is not None and self.identity in other.above


def _identity(path: str | os.PathLike[str] | int) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # not there, or no path at all: whoever reads it says so
        return None
    return status.st_dev, status.st_ino
