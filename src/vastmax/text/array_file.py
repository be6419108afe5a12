"""A file of numbers, read in pieces: its pages are in the system's cache, not in this process's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError
from vastmax.files.file_bytes import FileBytes


class ArrayFile:
    """A one-dimensional array on disk, open for reading. Threads and forked processes may read at the same time."""

    def __init__(self, path: Path, dtype: npt.DTypeLike) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.bytes = FileBytes(path)
        self._mapped: npt.NDArray[Any] | None = None
        self.size = self.bytes.size // self.dtype.itemsize

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return ``array[start:stop]`` as a new array; 0 ≤ start ≤ stop ≤ size."""
        if not 0 <= start <= stop <= self.size:
            raise InputError(f"{self.path.name}: [{start}, {stop}) does not lie within [0, {self.size})")
        self.require_open()
        array = np.empty(stop - start, dtype=self.dtype)
        if array.size:
            self.bytes.read_into(array.data.cast("B"), start * self.dtype.itemsize)
        return array

    def map(self) -> npt.NDArray[Any]:
        """Return the whole array, mapped read-only."""
        if self._mapped is None:
            self.require_open()
            self._mapped = np.memmap(self.bytes.file, dtype=self.dtype, mode="r", shape=(self.size,))
        return self._mapped

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self.bytes.file.closed

    def require_open(self) -> None:
        """Raise InputError if it is closed."""
        if self.closed:
            raise InputError("the corpus was closed: open it again, or close it after its last use")

    def close(self) -> None:
        """Close the file; arrays returned by `map` stay valid."""
        self.bytes.close()
