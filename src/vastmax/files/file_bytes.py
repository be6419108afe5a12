"""A file open for reading at any position, by several threads and forked processes at the same time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from vastmax.errors import InputError

_SYSTEM_LIMIT_BYTES = 1 << 30  # Linux reads at most 2 GiB in one call


class FileBytes:
    """The bytes of a file. It remains the same file if another one is renamed over it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.file = open(path, "rb", buffering=0)  # noqa: SIM115 - open as long as this object
        self.size = os.fstat(self.file.fileno()).st_size
        self._lock = threading.Lock()

    def read_into(self, target: memoryview, offset: int) -> None:
        """Fill `target`, a buffer of bytes, from `offset`.

        Raises:
            InputError: the file is no longer as long as it was.
        """
        done = 0
        while done < len(target):
            got = self._read_at(target[done : done + _SYSTEM_LIMIT_BYTES], offset + done)
            if got == 0:
                raise InputError(f"{self.path}: cut short while it was in use")
            done += got

    def read(self, start: int, stop: int) -> bytearray:
        """Return the bytes start … stop."""
        data = bytearray(stop - start)
        self.read_into(memoryview(data), start)
        return data

    def _read_at(self, target: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self.file.fileno(), [target], offset)
        with self._lock:
            self.file.seek(offset)
            return self.file.readinto(target) or 0

    def close(self) -> None:
        """Close the file."""
        self.file.close()
