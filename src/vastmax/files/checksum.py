"""Checksums of files: CRC-32 of blocks, computed while they are written, checked on first use.

CRC-32 finds every change of up to 32 bits in a row and all but one in four billion of the others. It is in Python's
standard library and takes some gigabytes per second and core, more than most disks give; benchmarks/checksums.py
measures it beside others. It guards against damage, not against people.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from vastmax.errors import InputError

BLOCK_BYTES = 1 << 20
"""What is checked at a time: the least that a first use must read, 0.4 ms of work."""

VERIFY = "VASTMAX_VERIFY"
"""The environment variable that switches checks off: 0."""

_DIGITS = 8
_FEWEST_FOR_THREADS = 16  # blocks; below, starting threads takes longer than checking
_MOST_THREADS = 8  # they share the bandwidth of the memory

Buffer = bytes | bytearray | memoryview
ReadBytes = Callable[[int, int], Buffer]
"""From the first byte, and the one behind the last, to what lies there."""


class DamagedFileError(InputError):
    """The content of a file has changed since it was written."""


def is_wanted(verify: bool = True) -> bool:
    """Return whether to check checksums: `verify`, unless VASTMAX_VERIFY=0."""
    return verify and os.environ.get(VERIFY, "") != "0"


def hex_of(crc: int) -> str:
    """Return a CRC-32 as in files: eight digits."""
    return f"{crc:0{_DIGITS}x}"


class BlockSums:
    """The checksums of a stream of bytes, block by block, as it is written."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._crc = 0
        self._filled = 0

    def update(self, data: Buffer) -> None:
        """Add the next bytes."""
        rest = memoryview(data).cast("B") if len(data) else memoryview(b"")
        while rest:
            piece = rest[: BLOCK_BYTES - self._filled]
            self._crc = zlib.crc32(piece, self._crc)
            self._filled += len(piece)
            if self._filled == BLOCK_BYTES:
                self._done.append(hex_of(self._crc))
                self._crc = self._filled = 0
            rest = rest[len(piece) :]

    @property
    def digits(self) -> str:
        """Return the checksum of each block, eight digits each."""
        return "".join(self._done) + (hex_of(self._crc) if self._filled else "")

    def __str__(self) -> str:
        """Return the block size, then the digits, as `Blocks` reads them."""
        return f"{BLOCK_BYTES} {self.digits}"


def sums_of(data: Buffer) -> str:
    """Return the checksums of a complete buffer."""
    sums = BlockSums()
    sums.update(data)
    return str(sums)


def most_digits(num_bytes: int) -> int:
    """Return the number of digits for this many bytes, including a comma."""
    return _DIGITS * -(-num_bytes // BLOCK_BYTES) + 1


class Blocks:
    """The blocks of a file, or of a part of it, each checked once, on first use.

    Args:
        path: of the file, for messages.
        size: of what was summed, in bytes.
        sums: what `BlockSums` gave.
        read: gives bytes of it.

    Raises:
        DamagedFileError: the sums are not such sums, or are those of another size.
    """

    def __init__(self, path: str | os.PathLike[str], size: int, sums: object, read: ReadBytes) -> None:
        self._path, self._size, self._read = path, size, read
        block_bytes, _, digits = sums.partition(" ") if isinstance(sums, str) else ("", "", "")
        try:
            self._block_bytes = int(block_bytes)
            self._sums = bytes.fromhex(digits)
        except ValueError:
            raise DamagedFileError(f"{path}: its checksums are unreadable; the file is damaged") from None
        if self._block_bytes < 1 or len(self._sums) != 4 * -(-size // self._block_bytes):
            raise DamagedFileError(f"{path}: its checksums are not those of {size} bytes; the file is damaged")
        self._checked = bytearray(len(self._sums) // 4)
        self._all = False
        self._lock = threading.Lock()

    def require(self, start: int, stop: int) -> None:
        """Check the blocks that contain the bytes start … stop, unless they were checked before.

        Raises:
            DamagedFileError: one is not what was written.
        """
        if self._all or start >= stop:
            return
        for number in range(start // self._block_bytes, -(-stop // self._block_bytes)):
            if not self._checked[number]:
                self._check(number)

    def require_all(self) -> None:
        """Check every block, on several cores if there are many. Cost: reads them, some GB per second and core."""
        with self._lock:
            if self._all:
                return
            left = [number for number, checked in enumerate(self._checked) if not checked]
            if len(left) < _FEWEST_FOR_THREADS:
                for number in left:
                    self._check(number)
            else:
                with ThreadPoolExecutor(min(_cores(), _MOST_THREADS)) as pool:  # zlib lets go of Python's lock
                    for _ in pool.map(self._check, left):
                        pass
            self._all = True

    def _check(self, number: int) -> None:
        start = number * self._block_bytes
        stop = min(start + self._block_bytes, self._size)
        if zlib.crc32(self._read(start, stop)) != int.from_bytes(self._sums[4 * number : 4 * number + 4], "big"):
            raise DamagedFileError(
                f"{self._path} is damaged: its bytes {start:,} to {stop:,} do not agree with their checksum; "
                "make or fetch the file again"
            )
        self._checked[number] = 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
