"""The matrices after the last complete epoch, for the case that training runs away in the next."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import IO

from vastmax.kernels.embedding_tables import Floats


class LastGood:
    """Keeps a copy of matrices in a file without a name rather than in memory.

    A temporary folder that cannot hold them is no reason to stop a run that may never need them: `trouble` then
    says why nothing is held.
    """

    def __init__(self, matrices: Mapping[str, Floats]) -> None:
        self._matrices = matrices
        self._file: IO[bytes] | None = None
        self.epoch: int | None = None
        """The epoch after which they were kept, or None."""
        self.trouble = ""

    def keep(self, epoch: int) -> None:
        """Copy the matrices as they are after this epoch."""
        self.epoch, self.trouble = None, ""
        try:
            if self._file is None:
                # Unbuffered: nothing is left to be written when it is closed.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this object
            self._file.seek(0)
            for data in self._bytes():
                while data:
                    data = data[self._file.write(data) :]
        except OSError as error:
            self.close()  # gives back what room it took
            self.trouble = f"the temporary folder could not hold it ({error.strerror or error}); TMPDIR names another"
        else:
            self.epoch = epoch

    def restore(self) -> bool:
        """Put the kept matrices back in place of the spoilt ones, if any are held."""
        if self.epoch is None or self._file is None:
            return False
        self._file.seek(0)
        for data in self._bytes():
            while data:
                got = self._file.readinto(data)  # type: ignore[attr-defined]
                if not got:
                    raise OSError("the temporary file of the last good vectors is cut short")
                data = data[got:]
        return True

    def close(self) -> None:
        """Drop what is held."""
        self.epoch = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _bytes(self) -> list[memoryview]:
        return [matrix.data.cast("B") for matrix in self._matrices.values()]
