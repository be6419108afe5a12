"""Decompress files; the compression is recognized by the first bytes, never by the file name."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from vastmax.errors import InputError

CHUNK_BYTES = 1 << 20
"""Text is handled in pieces of about this size."""

_HEAD_BYTES = 16  # enough to know every format by
_COMPRESSED_BYTES = 1 << 16  # taken at a time; what follows a stream is copied: a small figure, for many tiny streams
_ZSTD_INPUT_BYTES = 1 << 10  # its decoder cannot bound its output, so its input is: a block of 128 KiB takes 4 bytes
_MOST_MEMORY = (
    1 << 27
)  # of a decoder, which takes what a stream's first bytes ask for; zstd(1) has it so, xz -9 needs half


class _Bounded:
    """A decoder of one stream that returns at most one chunk per step."""

    def __init__(self, decoder: Any, *, keeps_input: bool) -> None:
        self._decoder = decoder
        self._keeps_input = keeps_input  # bz2 and lzma hold input back inside, zlib hands it back
        self._rest = b""

    def step(self, data: bytes) -> tuple[bytes, bool]:
        """Feed `data`; return some text, and whether more is available without further data."""
        text: bytes = self._decoder.decompress(self._rest + data, CHUNK_BYTES)
        if self._keeps_input:
            return text, not self._decoder.eof and not self._decoder.needs_input
        self._rest = self._decoder.unconsumed_tail
        return text, not self._decoder.eof and (bool(self._rest) or len(text) == CHUNK_BYTES)

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._decoder.unused_data)


class _Zstandard:
    """A bounded decoder for zstandard, which is fed in small pieces."""

    def __init__(self) -> None:
        import zstandard

        self._decoder = zstandard.ZstdDecompressor(max_window_size=_MOST_MEMORY).decompressobj()
        self._waiting = memoryview(b"")

    def step(self, data: bytes) -> tuple[bytes, bool]:
        if data:
            self._waiting = memoryview(bytes(self._waiting) + data)
        piece, self._waiting = self._waiting[:_ZSTD_INPUT_BYTES], self._waiting[_ZSTD_INPUT_BYTES:]
        text = self._decoder.decompress(piece) if piece else b""
        return text, not self._decoder.eof and bool(self._waiting)

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._decoder.unused_data) + bytes(self._waiting)


@dataclass(frozen=True)
class _Format:
    name: str
    decoder: Callable[[], _Bounded | _Zstandard]
    padded: bool  # zero bytes may follow a stream
    failures: tuple[type[Exception], ...]
    greed: str = ""  # how the decoder says that a stream asks for more memory than it may have
    unpack: str = ""  # the program that unpacks such a stream, if it is told to


def _format_of(head: bytes) -> _Format | None:
    if head.startswith(b"\x1f\x8b"):
        return _Format("gzip", _gzip, True, (zlib.error,))
    # "BZh9" alone could be text; the digits of pi start a block, those of its square root end an empty file.
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return _Format("bzip2", _bzip2, False, (OSError, ValueError))
    if head.startswith(b"\xfd7zXZ\x00"):
        return _Format("xz", _xz, True, (lzma.LZMAError,), "Memory usage limit", "xz -dc --memlimit=0")
    skippable = head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50
    if skippable or head.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        return _Format("zstandard", _Zstandard, False, (zstandard.ZstdError,), "too much memory", "zstd -dc --long=31")
    return None


def compression_of(head: bytes) -> str | None:
    """Return "gzip", "bzip2", "xz" or "zstandard" by the first bytes of a file, None for anything else."""
    form = _format_of(head[:_HEAD_BYTES])
    return None if form is None else form.name


def _gzip() -> _Bounded:
    return _Bounded(zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), keeps_input=False)


def _bzip2() -> _Bounded:
    return _Bounded(bz2.BZ2Decompressor(), keeps_input=True)


def _xz() -> _Bounded:
    return _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY), keeps_input=True)


def text_chunks(raw: Iterable[bytes | memoryview], name: str) -> Iterator[bytes | memoryview]:
    """Yield the text in `raw`, in pieces of at most about a chunk, for any compression and ratio.

    Streams can be concatenated (``cat a.gz b.gz``). A stream that is truncated, damaged or followed by something else
    raises an InputError that names the text as `name`: nothing is silently skipped. A piece is valid until the next is
    requested.
    """
    pieces = iter(raw)
    head = b""
    for piece in pieces:
        if not head and len(piece) >= _HEAD_BYTES:
            head_format = _format_of(bytes(piece[:_HEAD_BYTES]))
            if head_format is None:
                yield piece
                yield from pieces
            else:
                yield from _decompressed(_after(piece, pieces), head_format, name)
            return
        head += piece  # a pipe may give a few bytes at a time
        if len(head) >= _HEAD_BYTES:
            break
    head_format = _format_of(head)
    if head_format is None:
        if head:
            yield head
        yield from pieces
    else:
        yield from _decompressed(_after(head, pieces), head_format, name)


def _after(first: bytes | memoryview, rest: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    for piece in chain([first], rest):
        for start in range(0, len(piece), _COMPRESSED_BYTES):
            yield piece[start : start + _COMPRESSED_BYTES]


def _decompressed(raw: Iterator[bytes | memoryview], form: _Format, name: str) -> Iterator[bytes]:
    decoder = None
    num_before = 0  # compressed bytes in earlier pieces, for messages
    for piece in raw:
        data = bytes(piece)
        while True:
            if decoder is None:
                if form.padded:
                    data = data.lstrip(b"\x00")
                if not data:
                    break
                decoder = form.decoder()
            try:
                text, more = decoder.step(data)
            except form.failures as error:
                if form.greed and form.greed in str(error):
                    raise InputError(
                        f"{name}: this {form.name} data asks for more than {_MOST_MEMORY >> 20} MiB of memory to be "
                        f"unpacked; unpack it first: {form.unpack} FILE > OUT"
                    ) from None
                raise InputError(
                    f"{name}: damaged {form.name} data, or something else behind it (about byte {num_before}): {error}"
                ) from None
            data = b""
            if text:
                yield text
            if decoder.eof:
                data, decoder = decoder.unused_data, None
            elif not more:
                break
        num_before += len(piece)
    if decoder is not None:
        raise InputError(f"{name}: the {form.name} data is cut short (after {num_before} bytes): get the whole file")
