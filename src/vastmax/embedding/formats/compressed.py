"""Files that may be compressed: recognized by content when read, by file extension when written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, cast

from vastmax.content.decompress import compression_of, text_chunks

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
# gzip(1)'s own default; Python's, 9, takes several times as long to save one percent.
_GZIP_LEVEL = 6
_READ_BYTES = 1 << 16


def is_compressed(path: str) -> bool:
    """Return whether the file's first bytes are those of gzip, bzip2, xz or zstandard."""
    with open(path, "rb") as stream:
        return compression_of(stream.read(_READ_BYTES)) is not None


@contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """Yield the file's content as a stream, decompressed in pieces if it is compressed.

    Damage to the compression raises an InputError that names the file, when the damaged part is read.
    """
    with open(path, "rb", buffering=0) as stored:
        if is_compressed(path):
            yield cast("BinaryIO", io.BufferedReader(_Unpacked(stored, path)))
        else:
            yield cast("BinaryIO", io.BufferedReader(stored))


class _Unpacked(io.RawIOBase):
    """The pieces from `text_chunks` as a stream."""

    def __init__(self, stored: io.FileIO, path: str) -> None:
        self._pieces = text_chunks(iter(lambda: stored.read(_READ_BYTES), b""), path)
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._ready:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._ready = memoryview(piece)
        size = min(len(target), len(self._ready))
        target[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


@contextmanager
def writing(path: str | os.PathLike[str], compression: str | None) -> Iterator[BinaryIO]:
    """Open a stream into a new file, compressed according to `compression`."""
    with open(path, "wb") as plain:
        if compression is None:
            yield plain
            return
        stream: IO[bytes]
        if compression == ".gz":
            stream = cast("IO[bytes]", gzip.GzipFile("", "wb", _GZIP_LEVEL, plain, mtime=0))
        elif compression == ".bz2":
            stream = bz2.BZ2File(plain, "wb")
        elif compression == ".xz":
            stream = lzma.LZMAFile(plain, "wb")  # noqa: SIM115 (closed below)
        else:
            import zstandard

            # the other three have checksums without being asked
            stream = zstandard.ZstdCompressor(write_checksum=True).stream_writer(plain, closefd=False)
        with stream:
            yield cast("BinaryIO", stream)
