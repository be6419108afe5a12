"""Files that may be compressed: recognised by content when read, by the name's ending when written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, cast

from vastmax.errors import InputError

_MAGIC = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\x00": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}
# gzip(1)'s own default; Python's, 9, takes several times as long to save one percent.
_GZIP_LEVEL = 6
SUFFIXES = tuple(_MAGIC.values())


def compression_of(path: str) -> str | None:
    """ ".gz", ".bz2", ".xz" or ".zst" by the file's first bytes, None for a plain file."""
    with open(path, "rb") as stream:
        start = stream.read(6)
    return next((suffix for magic, suffix in _MAGIC.items() if start.startswith(magic)), None)


@contextmanager
def reading(path: str, compression: str | None) -> Iterator[BinaryIO]:
    """The file's content as a stream; damage to the compression becomes an InputError that names the file."""
    damage: list[type[Exception]] = [EOFError, gzip.BadGzipFile, lzma.LZMAError]
    with open(path, "rb") as plain:
        stream: IO[bytes] = plain
        if compression == ".gz":
            import zlib

            damage.append(zlib.error)
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=plain))
        elif compression == ".bz2":
            damage += [OSError, ValueError]  # bz2 says "invalid data stream" with a plain OSError
            stream = bz2.BZ2File(plain)
        elif compression == ".xz":
            stream = lzma.LZMAFile(plain)  # noqa: SIM115 (closing `plain` is enough)
        elif compression == ".zst":
            import zstandard

            damage.append(zstandard.ZstdError)
            stream = cast("IO[bytes]", io.BufferedReader(_ZstdFile(plain)))
        try:
            yield cast("BinaryIO", stream)
        except InputError:
            raise
        except tuple(damage) as error:
            if compression is None:
                raise
            raise InputError(
                f"{path}: the {compression} compression is damaged or cut off ({error}); get the file again"
            ) from error


class _ZstdFile(io.RawIOBase):
    """Zstandard frames, one after another; the library's own reader ends without an error where a frame is cut off."""

    def __init__(self, source: BinaryIO) -> None:
        import zstandard

        self._source = source
        self._decompressor = zstandard.ZstdDecompressor()
        self._frame = self._decompressor.decompressobj()
        self._inside = False  # a frame
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._ready:
            packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._inside = self._decompressor.decompressobj(), False
            packed = packed or self._source.read(1 << 17)
            if not packed:
                if self._inside:
                    raise EOFError("it ends inside a frame")
                return 0
            self._inside = True
            self._ready = memoryview(self._frame.decompress(packed))
        size = min(len(target), len(self._ready))
        target[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


@contextmanager
def writing(path: str | os.PathLike[str], compression: str | None) -> Iterator[BinaryIO]:
    """A stream into a new file, compressed as `compression` says."""
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

            stream = zstandard.ZstdCompressor().stream_writer(plain, closefd=False)
        with stream:
            yield cast("BinaryIO", stream)
