"""The state of a run through PyTorch on disk: tensors and plain data, written as a whole, read only if undamaged."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from vastmax.atomic import replacing

_START_BYTES = 1 << 16
"""Bytes read from the plain data of a state, which begins with its format."""


class DamagedStateError(Exception):
    """The file was not written by `write_state`, or is no longer what was written."""


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write the file beside its place, then rename it. Cost: one pass over the state.

    Raises:
        OSError: it cannot be written; what was there before stays. PyTorch says RuntimeError, from which nobody learns
            that the disk is full.
    """
    with replacing(path) as beside, open(beside, "wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            cause = _os_error_behind(error)
            if cause is None:
                raise
            raise OSError(cause.errno, cause.strerror) from error


def read_state(path: Path) -> dict[str, Any]:
    """Read what `write_state` wrote, onto the CPU. Cost: two passes over the file, one for its checksums.

    Raises:
        OSError: it cannot be opened.
        DamagedStateError: it is cut off, altered, or something else.
    """
    with open(path, "rb") as file:  # a file that may not be read is an OSError that names it
        try:
            with zipfile.ZipFile(file) as archive:
                altered = archive.testzip()  # PyTorch does not look at the checksums that it writes
            if altered is not None:
                raise DamagedStateError(f"{altered} does not agree with its checksum")
            file.seek(0)
            state = torch.load(file, map_location="cpu", weights_only=True)
        except (DamagedStateError, MemoryError):
            raise
        except Exception as error:  # damage may come out of PyTorch's reader as anything
            raise DamagedStateError(str(error).partition("\n")[0]) from error
    if not isinstance(state, dict):
        raise DamagedStateError("it holds no state of a run")
    return state


def says_of_itself(path: Path, format: str) -> bool:
    """Return whether a file is one that `write_state` wrote of a state with this "format".

    Cost: a look at its start.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            told = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(told) != 1:
                return False
            with archive.open(told[0]) as data:
                return format.encode() in data.read(_START_BYTES)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError):
        return False


def _os_error_behind(error: BaseException | None) -> OSError | None:
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
