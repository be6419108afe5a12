"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vastmax.errors import InputError


@contextmanager
def written_beside(path: Path) -> Iterator[IO[bytes]]:
    """A file open for writing next to `path`, which takes its place when the block ends well and vanishes when not."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: expected the name of a file to write")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}: make it first")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.chmod(name, _permissions(path))
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _permissions(path: Path) -> int:
    """Those of the file that is replaced, else what any new file gets; mkstemp's own let nobody else read."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
