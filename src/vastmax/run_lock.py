"""Locks that prevent two runs from writing to one output, and that end with the process that holds them.

A lock is a small file next to an output, or in an output folder, locked by the operating system (flock; on Windows, a
locked byte). The system releases it when the process dies, so a file left by `kill -9` blocks nobody. The file names
the holder. It is removed when the lock is released.

The package filelock could do the locking, but it never removes its files, does not name the holder, and does not report
that a holder has died, which is needed to find the files that it left behind.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

from vastmax.atomic import process_token, remove_temporaries
from vastmax.errors import InputError
from vastmax.strict_json import json_text, parse_json

IN_FOLDER = ".vastmax-lock"
"""The name of the lock file inside a locked folder."""

_MAGIC = b"vastmax lock 1\n"
_LONGEST = 1 << 16  # bytes of a lock file
_LONGEST_NAME = 255  # bytes, on the usual file systems
_LONGEST_COMMAND = 300  # characters of a message
_SECONDS_BETWEEN_TRIES = 0.1
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock, or held it when it died."""

    pid: int
    host: str
    since: str  # local time
    command: str
    token: str  # of its temporary files

    @classmethod
    def this_process(cls) -> Holder:
        """Return the holder that is written into locks of this process."""
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        return cls(os.getpid(), socket.gethostname(), since, _command(), process_token())

    def __str__(self) -> str:
        """Return a description of the process."""
        return f"process {self.pid} on {self.host} since {self.since} ({self.command})"


@dataclass
class RunLock:
    """A lock that this process holds.

    Attributes:
        path: the path of the lock file.
        left_by: the previous holder, if it died while holding the lock; None: it was released, or never held.
    """

    path: Path
    left_by: Holder | None
    _file: BinaryIO
    _thread: int
    _pid: int
    _depth: int = 1


_held: dict[Path, RunLock] = {}
_guard = threading.Lock()


@contextmanager
def locked(path: str | os.PathLike[str], *, wait_seconds: float = 0.0) -> Iterator[RunLock]:
    """Hold the lock of a file that will be written; see `locked_folder`."""
    target = Path(os.path.realpath(path))
    name = f".{target.name}.vastmax-lock"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}.vastmax-lock"
    with _locked(target.parent / name, os.fspath(path), wait_seconds) as lock:
        yield lock


@contextmanager
def locked_folder(path: str | os.PathLike[str], *, wait_seconds: float = 0.0) -> Iterator[RunLock]:
    """Hold the lock of a folder that a run writes into.

    A missing folder is created, and removed again if nothing is written into it.

    The same thread can take the lock again, for example if a command calls a function that also locks. Temporary files
    that a dead holder left next to the lock are removed.

    Args:
        path: the path of the folder.
        wait_seconds: how long to wait for another process to release the lock.

    Raises:
        InputError: another process or thread holds the lock (the message names it), the folder cannot be created or
            written, or a foreign file has the name of the lock.
    """
    folder = Path(os.path.realpath(path))
    made = not folder.is_dir()
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        raise InputError(
            f"cannot make the folder {os.fspath(path)}: there is a file of that name; give another one"
        ) from None
    except FileNotFoundError:
        raise InputError(
            f"cannot make the folder {os.fspath(path)}: the folder {folder.parent} does not exist; make it first"
        ) from None
    except OSError as error:
        raise InputError(f"cannot make the folder {os.fspath(path)}: {error.strerror}; give another one") from None
    try:
        with _locked(folder / IN_FOLDER, os.fspath(path), wait_seconds) as lock:
            yield lock
    finally:
        if made:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def left_by(folder: str | os.PathLike[str]) -> Holder | None:
    """Return the process that died while holding the lock of a folder that this process holds now, or None."""
    lock = _held.get(Path(os.path.realpath(folder)) / IN_FOLDER)
    return None if lock is None else lock.left_by


@contextmanager
def _locked(path: Path, shown: str, wait_seconds: float) -> Iterator[RunLock]:
    lock = _take(path, shown, wait_seconds)
    try:
        yield lock
    finally:
        _release(lock)


def _take(path: Path, shown: str, wait_seconds: float) -> RunLock:
    until = time.monotonic() + wait_seconds
    while True:
        with _guard:
            mine = _held.get(path)
            if mine is not None and mine._pid == os.getpid():
                if mine._thread == threading.get_ident():
                    mine._depth += 1
                    return mine
                holder: Holder | None = Holder.this_process()
            else:
                taken = _try(path, shown)
                if isinstance(taken, RunLock):
                    _held[path] = taken
                    return taken
                holder = taken
        if time.monotonic() >= until:
            who = "another process" if holder is None else str(holder)
            raise InputError(f"{shown} is being written by {who}; wait until it ends, stop it, or give another place")
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _try(path: Path, shown: str) -> RunLock | Holder | None:
    """Return the lock or its holder; None: the holder has not written its name yet."""
    while True:
        file = _open(path, shown)
        try:
            gained = _lock(file)
            content = file.read(_LONGEST)
            if content and not content.startswith(_MAGIC):
                raise InputError(f"{path} is in the way of a lock, and was not made by vastmax; give it another name")
            before = _parsed(content)
            if not gained:
                file.close()
                return before
            if not _still_there(file, path):  # removed by its holder after we opened it and before we locked it
                file.close()
                continue
            _write(file, path)
        except BaseException:
            file.close()
            raise
        if before is not None:
            remove_temporaries(path.parent, before.token)
        return RunLock(path, before, file, threading.get_ident(), os.getpid())


def _release(lock: RunLock) -> None:
    with _guard:
        lock._depth -= 1
        if lock._depth or lock._pid != os.getpid():
            return
        _held.pop(lock.path, None)
        if sys.platform == "win32":  # an open file cannot be removed there
            lock._file.close()
        with suppress(OSError):
            lock.path.unlink()
        lock._file.close()


def _open(path: Path, shown: str) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise InputError(f"cannot write {shown}: the folder {path.parent} does not exist; make it first") from None
        raise InputError(f"cannot lock {shown}: {error.strerror} ({path})") from None


def _lock(file: BinaryIO) -> bool:
    """Lock the open file, and return whether that was possible."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_LONGEST)  # a byte that nobody reads, so that others can read who holds the lock
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            finally:
                file.seek(0)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            return False
        warnings.warn(
            f"the file system of {file.name} does not support locks: make sure that no other run writes there",
            stacklevel=2,
        )
    return True


def _still_there(file: BinaryIO, path: Path) -> bool:
    try:
        now = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    opened = os.fstat(file.fileno())
    return (now.st_dev, now.st_ino) == (opened.st_dev, opened.st_ino)


def _write(file: BinaryIO, path: Path) -> None:
    try:
        file.seek(0)
        file.truncate()
        file.write(_MAGIC + json_text(asdict(Holder.this_process())).encode() + b"\n")
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def _parsed(content: bytes) -> Holder | None:
    try:
        told = parse_json(content.removeprefix(_MAGIC), "the lock")
        return Holder(**{field.name: told[field.name] for field in fields(Holder)})
    except (ValueError, KeyError, TypeError):
        return None


def _command() -> str:
    program = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else "python"
    command = shlex.join([program, *sys.argv[1:]])
    return command if len(command) <= _LONGEST_COMMAND else command[: _LONGEST_COMMAND - 1] + "…"
