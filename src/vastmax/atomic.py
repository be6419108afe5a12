"""Atomic file replacement: a file is written under a temporary name in the same folder, flushed, and then renamed."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vastmax.errors import InputError

# Errors that concern the file being written, not another file that the block reads.
_TARGET_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty temporary file in the folder of `path`; when the block succeeds, it replaces `path`.

    The block opens the yielded path and writes it. Then the file is flushed to disk and renamed, and the folder is
    flushed, too, so a crash leaves either the old file or the new one. On any exception, including KeyboardInterrupt,
    the temporary file is removed, and the file at `path` is unchanged. A process that is killed leaves the temporary
    file behind; the next process that takes the lock for the same path (`run_lock`) removes it.

    A new file gets permissions from the umask; a replaced file keeps its own. A symbolic link stays a link: the file
    that it points to is replaced.

    Args:
        path: the final path. Its folder must exist.

    Raises:
        InputError: the folder is missing or not writable, or `path` is a folder, a device or a pipe.
        OSError: the disk is full (or a similar error) while the block writes; it names `path`, not the temporary file.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with replacing(folder / "greeting.txt") as beside:
        ...     _ = beside.write_text("hello")
        >>> (folder / "greeting.txt").read_text()
        'hello'
    """
    shown = os.fspath(path)
    target = Path(os.path.realpath(shown))
    mode = _mode_to_keep(target, shown)
    beside = _new_file_in(target.parent, shown)
    try:
        yield beside
        if mode is not None:
            os.chmod(beside, mode)
        _flush(beside, os.O_RDWR)
        os.replace(beside, target)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.errno in _TARGET_TROUBLE:
            raise OSError(error.errno, f"{os.strerror(error.errno)}; nothing was written", shown) from error
        raise
    with suppress(OSError):  # some systems cannot open or flush a folder; the rename itself is done
        _flush(target.parent, os.O_RDONLY)


class _Undone(Exception):  # noqa: N818 - no error: it leaves a file unwritten
    pass


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that `replacing` can write `path`, or raise its error, before any long work starts."""
    with suppress(_Undone), replacing(path):
        raise _Undone


def process_token() -> str:
    """Return the token in the names of this process's temporary files: 64 random bits, different after a fork."""
    if _tokens.get("pid") != os.getpid():
        _tokens.update(pid=os.getpid(), token=secrets.token_hex(8))
    return str(_tokens["token"])


def remove_temporaries(folder: Path, token: str) -> None:
    """Remove the temporary files that a dead process with this token left in a folder.

    No other process uses the token, so the files belong to the dead process.
    """
    for path in folder.glob(f".vastmax-{token}-*.tmp"):
        with suppress(OSError):
            path.unlink()


_tokens: dict[str, object] = {}
_numbers = itertools.count()


def _new_file_in(folder: Path, shown: str) -> Path:
    while True:
        beside = folder / f".vastmax-{process_token()}-{next(_numbers)}.tmp"
        try:
            os.close(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o666))
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"cannot write {shown}: {error.strerror} in the folder {folder}") from error
        return beside


def _mode_to_keep(target: Path, shown: str) -> int | None:
    """Return the permission bits of the file to be replaced, None if there is none; refuse what cannot be replaced."""
    try:
        status = target.stat()
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise InputError(
                f"cannot write {shown}: the folder {target.parent} does not exist; make it first"
            ) from None
        return None
    except OSError as error:
        raise InputError(f"cannot write {shown}: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"cannot write {shown}: it is a folder; give the name of a file")
    if not stat.S_ISREG(status.st_mode):
        # A rename would replace, for example, /dev/null with a regular file.
        raise InputError(f"cannot write {shown}: it is a device or a pipe; give the name of a plain file")
    if not os.access(target, os.W_OK):
        raise InputError(f"cannot write {shown}: the file there is write-protected")
    return stat.S_IMODE(status.st_mode)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
