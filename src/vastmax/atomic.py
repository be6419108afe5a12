"""Files that are either the old one or the complete new one, never a half: written beside their place, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vastmax.errors import InputError

# Errors of a write that concern the target and not some other file the block may be reading.
_TARGET_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


@contextmanager
def replacing(path: str | os.PathLike[str], *, again_and_again: bool = False) -> Iterator[Path]:
    """Give an empty temporary file beside `path`; when the block ends well, it takes `path`'s place.

    The block opens the yielded path and writes it. Then the file is flushed to the disk and renamed, and the folder is
    flushed too, so that a crash leaves the old file or the new one. On any exception, KeyboardInterrupt included,
    the temporary file is removed and whatever stood at `path` is untouched.

    A new file gets the permissions that the umask gives; a replaced one keeps its own. A symbolic link stays a link:
    the file that it points to is replaced.

    Args:
        path: where the file shall end up. Its folder must exist.
        again_and_again: one process writes this file many times. The temporary file is then `part_of(path)` and not a
            new one each time, so that one that is killed while it writes leaves no more than that behind, and the next
            write takes its place.

    Raises:
        InputError: the folder is missing or not writable, or `path` is a folder, a device or a pipe.
        OSError: the disk is full (or like trouble) while the block writes; it names `path` and not the temporary file.

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
    beside = part_of(target) if again_and_again else target.parent / f".vastmax-{secrets.token_hex(8)}.tmp"
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if again_and_again else os.O_EXCL), 0o666))
    except OSError as error:
        raise InputError(f"cannot write {shown}: {error.strerror} in the folder {target.parent}") from error
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


def part_of(path: str | os.PathLike[str]) -> Path:
    """Where `replacing(path, again_and_again=True)` writes; a file there was left by a process that was killed."""
    target = Path(os.path.realpath(path))
    return target.with_name(f"{target.name}.part")


def _mode_to_keep(target: Path, shown: str) -> int | None:
    """Permission bits of the file about to be replaced, None when there is none; refuses what cannot be replaced."""
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
        # A rename would put a plain file in the place of, say, /dev/null.
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
