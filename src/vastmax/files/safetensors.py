"""The safetensors container: the length of a JSON header (8 bytes, little-endian), the header, the tensors.

The safetensors library needs contiguous tensors, so saving a matrix of padded rows would need a second copy; this
module streams tiles instead. The library can read these files, and this module can read its files; tests check both.

The metadata `checksum` holds the CRC-32 of the header's content, the block size, and the CRC-32 of each block of each
tensor, with tensors sorted by name and separated by commas. The positions of the tensors are not part of it, so a
program can read a file and write it again with another order of tensors.
"""

from __future__ import annotations

import math
import os
import struct
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from vastmax.errors import InputError
from vastmax.files.checksum import BLOCK_BYTES, Blocks, BlockSums, DamagedFileError, is_wanted, most_digits
from vastmax.files.file_bytes import FileBytes
from vastmax.files.record import CHECKSUM, sealed, unsealed
from vastmax.strict_json import json_text, parse_json

# The safetensors library reads no longer headers.
_LONGEST_HEADER = 100_000_000
_NUMPY: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _NUMPY.items()}
_METADATA = "__metadata__"
_TILE_BYTES = 1 << 24
_OF_HEADER = len("crc32:00000000 ") + len(f"{BLOCK_BYTES} ")


class Sized(Protocol):
    """A tensor of any library."""

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""


def looks_like_safetensors(start: bytes) -> bool:
    """Return whether a file's first bytes look like a safetensors header."""
    return len(start) > 8 and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] <= _LONGEST_HEADER


def write_tensors(stream: BinaryIO, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write arrays of float32, int64, int32 and uint8 and their checksums, tile by tile: no tensor is copied whole.

    Give the widest types first: then every tensor starts at a multiple of its item size. The stream must be at the
    beginning of a file, in which it can go back.
    """
    header: dict[str, Any] = {_METADATA: {**metadata, CHECKSUM: room_for_checksum(tensors.values())}}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    encoded = _encoded(header)
    stream.write(struct.pack("<Q", len(encoded)) + encoded)
    sums = {name: BlockSums() for name in tensors}
    for name, tensor in tensors.items():
        for rows in _tiles(tensor):
            _write_tile(stream, np.ascontiguousarray(tensor[rows]), sums[name])
    stream.seek(8)
    stream.write(_encoded(_with_checksum(header, sums), len(encoded)))


def room_for_checksum(tensors: Iterable[Sized]) -> str:
    """Return the placeholder for the checksum in the metadata of a file of these tensors, until `seal`."""
    return " " * (_OF_HEADER + sum(most_digits(tensor.nbytes) for tensor in tensors))


def seal(path: str | os.PathLike[str]) -> None:
    """Put the checksum into a file that another library wrote, with `room_for_checksum` in its metadata.

    Cost: reads the file.
    """
    header = Header(os.fspath(path), verify=False)
    sums = {name: BlockSums() for name in header.names}
    for name, total in sums.items():
        _, _, begin, end = _entry(header.entries[name], name, header.path)
        for start in range(begin, end, BLOCK_BYTES):
            total.update(header.bytes.read(header.start + start, header.start + min(start + BLOCK_BYTES, end)))
    encoded = _encoded(_with_checksum(header.entries, sums), header.start - 8)
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(encoded)


def _encoded(header: Mapping[str, Any], length: int | None = None) -> bytes:
    """Return the JSON header, padded with spaces to `length`, or to a multiple of 8 bytes."""
    encoded = json_text(header, compact=True).encode()
    if length is not None and len(encoded) > length:
        raise ValueError("the checksum takes more room than was left for it")
    return encoded.ljust(length or 8 * -(-len(encoded) // 8))


def _with_checksum(header: Mapping[str, Any], sums: Mapping[str, BlockSums]) -> dict[str, Any]:
    """Return the header with its checksum in place of the placeholder."""
    digits = f"{BLOCK_BYTES} {','.join(sums[name].digits for name in sorted(sums))}"
    room = len(header[_METADATA][CHECKSUM])
    checksum = f"{sealed(_content(header, digits))[CHECKSUM]} {digits}".ljust(room)
    return {**header, _METADATA: {**header[_METADATA], CHECKSUM: checksum}}


def _content(header: Mapping[str, Any], digits: str) -> dict[str, Any]:
    """Return the content that the header's checksum covers: everything except the order of the tensors in the file."""
    tensors = {name: [entry["dtype"], entry["shape"]] for name, entry in header.items() if name != _METADATA}
    return {"metadata": {**header[_METADATA], CHECKSUM: digits}, "tensors": tensors}


def _tiles(tensor: NDArray[Any]) -> Iterator[slice]:
    row_bytes = max(math.prod(tensor.shape[1:]) * tensor.itemsize, 1)
    rows = max(_TILE_BYTES // row_bytes, 1)
    for start in range(0, len(tensor), rows):
        yield slice(start, min(start + rows, len(tensor)))


def _write_tile(stream: BinaryIO, tile: NDArray[Any], sums: BlockSums) -> None:
    """Write one tile; a separate function, so that a tile is freed before the next is created."""
    if tile.size:
        stream.write(tile.data)
        sums.update(tile.data.cast("B"))


@dataclass(frozen=True)
class Place:
    """The location of a tensor in a file."""

    header: Header
    blocks: Blocks | None
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int  # behind the header

    def require(self, rows: slice | None = None) -> None:
        """Check the bytes of the tensor, or of some of its rows, if the file has checksums.

        Raises:
            DamagedFileError: they are not what was written.
        """
        if self.blocks is None:
            return
        if rows is None:
            self.blocks.require_all()
        else:
            self.blocks.require(rows.start * self._row_bytes, rows.stop * self._row_bytes)

    def map(self) -> NDArray[Any]:
        """Return the tensor, memory-mapped read-only; not checked."""
        if 0 in self.shape:
            return np.empty(self.shape, dtype=self.dtype)
        # A plain array over the map: the memmap class would cost time at each row that is taken.
        return np.asarray(
            np.memmap(self.header.bytes.file, dtype=self.dtype, mode="r", offset=self._offset, shape=self.shape)
        )

    def read(self) -> NDArray[Any]:
        """Return the tensor in memory, checked."""
        return self.read_rows(slice(0, self.shape[0]))

    def read_rows(self, rows: slice) -> NDArray[Any]:
        """Return rows start … stop of the tensor in memory, checked."""
        self.require(rows)
        array = np.empty((rows.stop - rows.start, *self.shape[1:]), dtype=self.dtype)
        if array.size:
            self.header.bytes.read_into(array.data.cast("B"), self._offset + rows.start * self._row_bytes)
        return array

    @property
    def _row_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def _offset(self) -> int:
        return self.header.start + self.begin


class Header:
    """The checked header of a file: it is JSON, and its tensors fill the file without gaps.

    Args:
        path: the file.
        verify: whether checksums are checked, where the file has them.

    Raises:
        InputError: it is not such a header, it announces anything else than the file holds, or it was damaged.
    """

    def __init__(self, path: str, *, verify: bool = True) -> None:
        self.path = path
        self.bytes = FileBytes(path)
        weakref.finalize(self, self.bytes.close)
        self.start, self.entries = _read_header(self.bytes, path)
        self._check_layout()
        self.has_checksum = CHECKSUM in self.metadata
        self._blocks: dict[str, Blocks] = {}
        if self.has_checksum and is_wanted(verify):
            self._blocks = self._checked_blocks()

    def _checked_blocks(self) -> dict[str, Blocks]:
        """Return the blocks of each tensor, after checking the header."""
        crc, _, digits = str(self.metadata[CHECKSUM]).rstrip(" ").partition(" ")
        unsealed({**_content(self.entries, digits), CHECKSUM: crc}, self.path, required=True)
        block_bytes, _, sums = digits.partition(" ")
        blocks, file = {}, self.bytes
        for name, of_tensor in zip(sorted(self.names), sums.split(","), strict=True):
            _, _, begin, end = _entry(self.entries[name], name, self.path)

            def read(start: int, stop: int, first: int = self.start + begin) -> bytearray:
                return file.read(first + start, first + stop)

            blocks[name] = Blocks(f"{self.path} ({name})", end - begin, f"{block_bytes} {of_tensor}", read)
        return blocks

    def require_checksum(self) -> None:
        """Raise DamagedFileError if a file of a version with checksums has none."""
        if not self.has_checksum and is_wanted():
            raise DamagedFileError(f"{self.path} is damaged: its checksum is missing; make or fetch the file again")

    def require_all(self) -> None:
        """Check every byte, if the file has checksums. Cost: reads the whole file."""
        for blocks in self._blocks.values():
            blocks.require_all()

    @property
    def names(self) -> list[str]:
        """The names of the tensors."""
        return [name for name in self.entries if name != _METADATA]

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the file; empty if there is none."""
        found = self.entries.get(_METADATA)
        return found if isinstance(found, dict) else {}

    def place(self, name: str, dtype: str, dimensions: int) -> Place:
        """Check one tensor's entry against the caller's expectations and the size of the file."""
        path = self.path
        try:
            entry = self.entries[name]
        except KeyError:
            raise InputError(f"{path}: the tensor {name!r} is missing; the file is damaged") from None
        found, shape, begin, end = _entry(entry, name, path)
        if found != dtype or len(shape) != dimensions:
            raise InputError(
                f"{path}: {name!r} is {found} of shape {shape}; expected {dtype} in {dimensions} dimensions"
            )
        needed = math.prod(shape) * _NUMPY[dtype].itemsize
        if end - begin != needed:
            raise InputError(
                f"{path}: {name!r} of shape {shape} takes {needed} bytes; the header gives it {end - begin}"
            )
        return Place(self, self._blocks.get(name), _NUMPY[dtype], shape, begin)

    def _check_layout(self) -> None:
        """Check the library's own rule: tensors follow each other without gaps, up to the end of the file."""
        placed = sorted((_entry(self.entries[name], name, self.path)[2:], name) for name in self.names)
        for (_, end), name in placed:
            if self.start + end > self.bytes.size:
                raise InputError(
                    f"{self.path}: {name!r} ends at byte {self.start + end} by the header, but the file has "
                    f"{self.bytes.size}; it is cut off or damaged"
                )
        at = 0
        for (begin, end), name in placed:
            if begin != at or end < begin:
                raise InputError(
                    f"{self.path}: the header puts {name!r} at bytes {begin} to {end}, where {at} was to be the first; "
                    "the file is damaged"
                )
            at = end
        if self.start + at != self.bytes.size:
            raise InputError(
                f"{self.path}: the file has {self.bytes.size} bytes and its tensors end at {self.start + at}; it is "
                "damaged"
            )


def _entry(entry: Any, name: str, path: str) -> tuple[str, tuple[int, ...], int, int]:
    """Return the type, shape and location in a header's entry."""
    try:
        found, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        whole = isinstance(found, str) and all(type(number) is int and number >= 0 for number in (*shape, begin, end))
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise InputError(
            f"{path}: the header's entry of {name!r} is {entry!r:.80}; expected dtype, shape, data_offsets"
        )
    return found, shape, begin, end


def _read_header(file: FileBytes, path: str) -> tuple[int, dict[str, Any]]:
    """Return the offset of the tensors, and the header."""
    size = file.size
    length = struct.unpack("<Q", file.read(0, 8))[0] if size >= 8 else 0
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        raise InputError(
            f"{path}: a safetensors header of {length} bytes is announced in a file of {size}; the file is cut "
            "off or damaged"
        )
    header = parse_json(bytes(file.read(8, 8 + length)), f"{path}: the safetensors header", fix="; the file is damaged")
    if not isinstance(header, dict):
        raise InputError(f"{path}: the safetensors header is a {type(header).__name__}; expected an object")
    return 8 + length, header
