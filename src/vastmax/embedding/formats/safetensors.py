"""The safetensors container: the length of a JSON header (8 bytes, little-endian), the header, the tensors.

The safetensors library would want each tensor contiguous, so saving a matrix of padded rows would hold a second one;
here tiles are streamed. Files are read by that library, and its files by this module; the tests hold both to it.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import tiles
from vastmax.errors import InputError
from vastmax.strict_json import json_text, parse_json

# The safetensors library reads no longer headers.
_LONGEST_HEADER = 100_000_000
_NUMPY: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8"), "U8": np.dtype("u1")}
_NAMES = {dtype: name for name, dtype in _NUMPY.items()}

CHECKSUM = "crc32"
"""The tensor, U8 (4,), little-endian, that `write_tensors` can end a file with: the CRC-32 of all bytes before it."""

_CHECKSUM_BYTES = 4
_READ_BYTES = 1 << 22


def looks_like_safetensors(start: bytes) -> bool:
    """Do a file's first bytes open a safetensors header?"""
    return len(start) > 8 and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] <= _LONGEST_HEADER


def write_tensors(
    stream: BinaryIO, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str], *, checksum: bool = False
) -> None:
    """Write arrays of float32, int64 and uint8, tile by tile: no tensor is copied as a whole.

    Give the widest types first: then every tensor starts at a multiple of its item size.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    if checksum:
        header[CHECKSUM] = {"dtype": "U8", "shape": [_CHECKSUM_BYTES], "data_offsets": [end, end + _CHECKSUM_BYTES]}
    encoded = json_text(header, ascii_only=True).encode()
    encoded += b" " * (-len(encoded) % 8)
    start = struct.pack("<Q", len(encoded)) + encoded
    stream.write(start)
    total = zlib.crc32(start)
    for tensor in tensors.values():
        for rows in tiles(len(tensor), math.prod(tensor.shape[1:])):
            total = _write_tile(stream, np.ascontiguousarray(tensor[rows]), total, checksum)
    if checksum:
        stream.write(total.to_bytes(_CHECKSUM_BYTES, "little"))


def _write_tile(stream: BinaryIO, tile: NDArray[Any], total: int, checksum: bool) -> int:
    """Return the checksum so far; a function of its own, so that one tile is gone before the next is made."""
    stream.write(tile.data)
    return zlib.crc32(tile.data, total) if checksum and tile.size else total


def checksum_holds(path: str) -> bool:
    """Whether a file that was written with a checksum still ends with that of its other bytes. Cost: reads it all."""
    left = os.path.getsize(path) - _CHECKSUM_BYTES
    total = 0
    buffer = memoryview(bytearray(_READ_BYTES))
    with open(path, "rb", buffering=0) as file:
        while left > 0:
            got = file.readinto(buffer[: min(left, _READ_BYTES)])
            if not got:
                return False
            total = zlib.crc32(buffer[:got], total)
            left -= got
        return left == 0 and file.read() == total.to_bytes(_CHECKSUM_BYTES, "little")


@dataclass(frozen=True)
class Place:
    """Where a tensor lies in a file."""

    path: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    def map(self) -> NDArray[Any]:
        """The tensor, memory-mapped read-only."""
        if 0 in self.shape:
            return np.empty(self.shape, dtype=self.dtype)
        # A plain array over the map: the memmap class would cost time at each row that is taken.
        return np.asarray(np.memmap(self.path, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape))

    def read(self) -> NDArray[Any]:
        """The tensor in memory."""
        flat = np.fromfile(self.path, dtype=self.dtype, count=math.prod(self.shape), offset=self.offset)
        return flat.reshape(self.shape)

    def read_rows(self, rows: slice) -> NDArray[Any]:
        """Rows start … stop of the tensor in memory."""
        row_numbers = math.prod(self.shape[1:])
        count, skipped = (rows.stop - rows.start) * row_numbers, rows.start * row_numbers * self.dtype.itemsize
        flat = np.fromfile(self.path, dtype=self.dtype, count=count, offset=self.offset + skipped)
        return flat.reshape(-1, *self.shape[1:])


class Header:
    """What a file's header says.

    Args:
        path: the file.

    Raises:
        InputError: it is not such a header, or announces more than the file holds.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._size = os.path.getsize(path)
        with open(path, "rb") as stream:
            self._start, self._entries = _read_header(stream, path, self._size)

    @property
    def names(self) -> list[str]:
        """The names of the tensors."""
        return [name for name in self._entries if name != "__metadata__"]

    @property
    def metadata(self) -> dict[str, Any]:
        """What the file says of itself; empty if nothing."""
        found = self._entries.get("__metadata__")
        return found if isinstance(found, dict) else {}

    def place(self, name: str, dtype: str, dimensions: int) -> Place:
        """Check one tensor's entry against what the caller wants and what the file holds."""
        path = self.path
        try:
            entry = self._entries[name]
        except KeyError:
            raise InputError(f"{path}: the tensor {name!r} is missing; the file is damaged") from None
        try:
            found, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
            whole = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
        except (KeyError, TypeError, ValueError):
            whole = False
        if not whole:
            raise InputError(
                f"{path}: the header's entry of {name!r} is {entry!r:.80}; expected dtype, shape, data_offsets"
            )
        if found != dtype or len(shape) != dimensions:
            raise InputError(
                f"{path}: {name!r} is {found} of shape {shape}; expected {dtype} in {dimensions} dimensions"
            )
        needed = math.prod(shape) * _NUMPY[dtype].itemsize
        if end - begin != needed:
            raise InputError(
                f"{path}: {name!r} of shape {shape} takes {needed} bytes; the header gives it {end - begin}"
            )
        if self._start + end > self._size:
            raise InputError(
                f"{path}: {name!r} ends at byte {self._start + end} by the header, but the file has {self._size}; "
                "it is cut off or damaged"
            )
        return Place(path, _NUMPY[dtype], shape, self._start + begin)


def _read_header(stream: BinaryIO, path: str, size: int) -> tuple[int, dict[str, Any]]:
    """Where the tensors begin, and the header."""
    prefix = stream.read(8)
    length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        raise InputError(
            f"{path}: a safetensors header of {length} bytes is announced in a file of {size}; the file is cut "
            "off or damaged"
        )
    header = parse_json(stream.read(length), f"{path}: the safetensors header", fix="; the file is damaged")
    if not isinstance(header, dict):
        raise InputError(f"{path}: the safetensors header is a {type(header).__name__}; expected an object")
    return 8 + length, header
