"""A file of numbers, read by pieces: its pages are the system's cache, not this process's memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError

_SYSTEM_LIMIT_BYTES = 1 << 30  # Linux reads at most 2 GiB in one call


class ArrayFile:
    """A one-dimensional array on disk, open for reading. Threads and forked processes may read at the same time."""

    def __init__(self, path: Path, dtype: npt.DTypeLike) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - open as long as this object
        self._lock = threading.Lock()
        self._mapped: npt.NDArray[Any] | None = None
        self.size = os.fstat(self._file.fileno()).st_size // self.dtype.itemsize

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """``array[start:stop]``, as a new array; 0 ≤ start ≤ stop ≤ size."""
        if not 0 <= start <= stop <= self.size:
            raise InputError(f"{self.path.name}: [{start}, {stop}) does not lie within [0, {self.size})")
        self._require_open()
        array = np.empty(stop - start, dtype=self.dtype)
        if array.size == 0:
            return array
        target = array.data.cast("B")
        offset = start * self.dtype.itemsize
        done = 0
        while done < len(target):
            got = self._read_at(target[done : done + _SYSTEM_LIMIT_BYTES], offset + done)
            if got == 0:
                raise InputError(f"{self.path}: cut short while it was in use")
            done += got
        return array

    def _read_at(self, target: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [target], offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.readinto(target) or 0

    def map(self) -> npt.NDArray[Any]:
        """The whole array, mapped read-only."""
        if self._mapped is None:
            self._require_open()
            self._mapped = np.memmap(self._file, dtype=self.dtype, mode="r", shape=(self.size,))
        return self._mapped

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._file.closed

    def _require_open(self) -> None:
        if self.closed:
            raise InputError("the corpus was closed: open it again, or close it after its last use")

    def close(self) -> None:
        """Close the file; arrays that `map` gave stay good."""
        self._file.close()
