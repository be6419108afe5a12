"""The matrices after the last complete epoch, in case training diverges in the next."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import IO

from vastmax.kernels.embedding_tables import Floats


class LastGood:
    """A copy of matrices in an unnamed temporary file, not in memory.

    If the temporary folder cannot hold them, the run continues without a copy, and `trouble` says why.
    """

    def __init__(self, matrices: Mapping[str, Floats]) -> None:
        self._matrices = matrices
        self._file: IO[bytes] | None = None
        self.epoch: int | None = None
        """The epoch after which they were copied, or None."""
        self.trouble = ""

    def keep(self, epoch: int) -> None:
        """Copy the matrices after this epoch."""
        self.epoch, self.trouble = None, ""
        try:
            if self._file is None:
                # Unbuffered: closing it writes nothing.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this object
            self._file.seek(0)
            for data in self._bytes():
                while data:
                    data = data[self._file.write(data) :]
        except OSError as error:
            self.close()  # frees its space
            self.trouble = (
                f"the temporary folder could not hold them ({error.strerror or error}); set TMPDIR to another"
            )
        else:
            self.epoch = epoch

    def restore(self) -> bool:
        """Restore the copy, and return whether there was one."""
        if self.epoch is None or self._file is None:
            return False
        self._file.seek(0)
        for data in self._bytes():
            while data:
                got = self._file.readinto(data)  # type: ignore[attr-defined]
                if not got:
                    raise OSError("the temporary file of the last good vectors is truncated")
                data = data[got:]
        return True

    def close(self) -> None:
        """Delete the copy."""
        self.epoch = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _bytes(self) -> list[memoryview]:
        return [matrix.data.cast("B") for matrix in self._matrices.values()]
