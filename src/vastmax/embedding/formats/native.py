"""The library's own form: one safetensors file that holds all of a WordVectors and is memory-mapped when loaded.

Tensors: `vectors` F32 (V, D); `words` U8, the UTF-8 of all words end to end; `word_offsets` I64 (V + 1,), where each
word begins and ends in it; and where known `counts` I64 (V,) and `output_vectors` F32 (any, D).
Metadata: `format`, `version`, and `training`, which is JSON.

A safetensors file is: the length of a JSON header (8 bytes, little-endian), the header, the tensors. The safetensors
library would want each tensor contiguous, so saving a matrix of padded rows would hold a second one; here tiles are
streamed. Files are read by that library, and its files by this module; the tests hold both to it.
"""

from __future__ import annotations

import json
import math
import os
import struct
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import tiles
from vastmax.embedding.formats.table import Table, encode_word
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.embedding.word_vectors import WordVectors

FORMAT_NAME = "vastmax word vectors"
VERSION = 1
# The safetensors library reads no longer headers.
_LONGEST_HEADER = 100_000_000
_DTYPES = {"vectors": "F32", "output_vectors": "F32", "counts": "I64", "word_offsets": "I64", "words": "U8"}
_DIMENSIONS = {"vectors": 2, "output_vectors": 2, "counts": 1, "word_offsets": 1, "words": 1}
_NUMPY: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8"), "U8": np.dtype("u1")}


def looks_native(start: bytes) -> bool:
    """Do a file's first bytes open a safetensors header?"""
    return len(start) > 8 and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] <= _LONGEST_HEADER


def write_native(stream: BinaryIO, v: WordVectors, path: str) -> None:
    """Write all of `v`, tile by tile."""
    raw = [encode_word(path, word) for word in v.index_to_key]
    blob = np.frombuffer(b"".join(raw), dtype=np.uint8)
    offsets = np.fromiter(accumulate(map(len, raw), initial=0), dtype=np.int64, count=len(raw) + 1)
    # The widest types first: then every tensor starts at a multiple of its item size.
    tensors: dict[str, NDArray[Any]] = {"word_offsets": offsets}
    if v.counts is not None:
        tensors["counts"] = v.counts
    tensors["vectors"] = v.vectors
    if v.output_vectors is not None:
        tensors["output_vectors"] = v.output_vectors
    tensors["words"] = blob
    training = json.dumps(v.training, ensure_ascii=False)
    header: dict[str, Any] = {"__metadata__": {"format": FORMAT_NAME, "version": str(VERSION), "training": training}}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.size * _NUMPY[_DTYPES[name]].itemsize
        header[name] = {"dtype": _DTYPES[name], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    stream.write(struct.pack("<Q", len(encoded)) + encoded)
    for name, tensor in tensors.items():
        for rows in tiles(len(tensor), math.prod(tensor.shape[1:])):
            stream.write(np.ascontiguousarray(tensor[rows], dtype=_NUMPY[_DTYPES[name]]).data)


def read_native(path: str) -> Table:
    """Read the header, check every statement it makes, map the tensors read-only.

    Raises:
        InputError: cut off, damaged, another program's safetensors, or a later version's file.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        start, header = _header(stream, path, size)
    version, training = _metadata(header, path)
    if version > VERSION:
        raise InputError(f"{path}: the file has version {version}; this vastmax reads up to {VERSION}, so update it")
    tensors = {name: _place(header[name], name, start, size, path) for name in _DTYPES if name in header}
    for name in ("vectors", "words", "word_offsets"):
        if name not in tensors:
            raise InputError(f"{path}: the tensor {name!r} is missing; the file is damaged")
    V, D = tensors["vectors"].shape
    expected = {"counts": (V,), "word_offsets": (V + 1,)}
    for name, place in tensors.items():
        if place.shape != expected.get(name, place.shape):
            raise InputError(f"{path}: {name!r} has the shape {place.shape}; {V} vectors need {expected[name]}")
    if V < 1 or D < 1 or tensors.get("output_vectors", tensors["vectors"]).shape[1] != D:
        raise InputError(f"{path}: {V} vectors of {D} dimensions, and output vectors that differ or nothing at all")
    words = _words(tensors["words"].read(path).tobytes(), tensors["word_offsets"].read(path), path)
    counts = tensors["counts"].read(path) if "counts" in tensors else None
    output_vectors = tensors["output_vectors"].map(path) if "output_vectors" in tensors else None
    return Table(words, tensors["vectors"].map(path), counts, output_vectors, training)


@dataclass(frozen=True)
class _Place:
    """Where a tensor lies in the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    def map(self, path: str) -> NDArray[Any]:
        if 0 in self.shape:
            return np.empty(self.shape, dtype=self.dtype)
        # A plain array over the map: the memmap class would cost time at each row that is taken.
        return np.asarray(np.memmap(path, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape))

    def read(self, path: str) -> NDArray[Any]:
        return np.fromfile(path, dtype=self.dtype, count=math.prod(self.shape), offset=self.offset)


def _header(stream: BinaryIO, path: str, size: int) -> tuple[int, dict[str, Any]]:
    """Where the tensors begin, and the header."""
    prefix = stream.read(8)
    length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        raise InputError(
            f"{path}: a safetensors header of {length} bytes is announced in a file of {size}; the file is cut "
            "off or damaged"
        )
    try:
        header = json.loads(stream.read(length))
    except ValueError as error:
        raise InputError(f"{path}: the safetensors header is not JSON ({error}); the file is damaged") from None
    if not isinstance(header, dict):
        raise InputError(f"{path}: the safetensors header is a {type(header).__name__}; expected an object")
    return 8 + length, header


def _metadata(header: dict[str, Any], path: str) -> tuple[int, dict[str, Any]]:
    """The format's version, and the dict about training."""
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT_NAME:
        names = ", ".join(sorted(name for name in header if name != "__metadata__")[:4]) or "nothing"
        raise InputError(
            f"{path}: this safetensors file is not word vectors of vastmax (it holds {names}); expected the metadata "
            f"format={FORMAT_NAME!r}"
        )
    try:
        version = int(metadata["version"])
        training = json.loads(metadata["training"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: 'version' or 'training' in the metadata is unreadable ({error!r})") from None
    if not isinstance(training, dict):
        raise InputError(f"{path}: 'training' in the metadata is {training!r:.40}; expected an object")
    return version, training


def _place(entry: Any, name: str, start: int, size: int, path: str) -> _Place:
    """Check one tensor's entry of the header against what the format wants and what the file holds."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        whole = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise InputError(
            f"{path}: the header's entry of {name!r} is {entry!r:.80}; expected dtype, shape, data_offsets"
        )
    if dtype != _DTYPES[name] or len(shape) != _DIMENSIONS[name]:
        raise InputError(
            f"{path}: {name!r} is {dtype} of shape {shape}; expected {_DTYPES[name]} in {_DIMENSIONS[name]} dimensions"
        )
    needed = math.prod(shape) * _NUMPY[dtype].itemsize
    if end - begin != needed:
        raise InputError(f"{path}: {name!r} of shape {shape} takes {needed} bytes; the header gives it {end - begin}")
    if start + end > size:
        raise InputError(
            f"{path}: {name!r} ends at byte {start + end} by the header, but the file has {size}; it is cut off or "
            "damaged"
        )
    return _Place(_NUMPY[dtype], shape, start + begin)


def _words(blob: bytes, offsets: NDArray[np.int64], path: str) -> list[str]:
    if offsets[0] != 0 or offsets[-1] != len(blob) or (np.diff(offsets) < 0).any():
        raise InputError(
            f"{path}: 'word_offsets' do not rise from 0 to the {len(blob)} bytes of 'words'; it is damaged"
        )
    try:
        return [blob[begin:end].decode() for begin, end in pairwise(offsets.tolist())]
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: 'words' holds bytes that are not UTF-8 ({error.reason}); the file is damaged"
        ) from None
