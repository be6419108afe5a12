"""The checksum of checkpoints that vastmax 0.1 wrote: the last tensor, `crc32`, is of all bytes before it."""

from __future__ import annotations

import zlib

from vastmax.files.checksum import DamagedFileError, is_wanted
from vastmax.files.safetensors import Header

_CHECKSUM_BYTES = 4
_READ_BYTES = 1 << 22


def require_old_checksum(header: Header) -> None:
    """Raise DamagedFileError unless the file ends with the checksum of its other bytes. Cost: reads it all."""
    if not is_wanted():
        return
    file = header.bytes
    end = file.size - _CHECKSUM_BYTES
    total = 0
    for start in range(0, end, _READ_BYTES):
        total = zlib.crc32(file.read(start, min(start + _READ_BYTES, end)), total)
    if "crc32" not in header.names or file.read(end, file.size) != total.to_bytes(_CHECKSUM_BYTES, "little"):
        raise DamagedFileError(f"{header.path} is damaged: its bytes do not agree with its checksum")
