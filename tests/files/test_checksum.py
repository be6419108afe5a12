"""Checksums of blocks: what is written is what is checked, and no more of it is read than is used."""

from __future__ import annotations

import threading
import zlib

import pytest

from vastmax.files import checksum
from vastmax.files.checksum import Blocks, BlockSums, DamagedFileError, sums_of


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksum, "BLOCK_BYTES", 10)


class File:
    """Bytes that count what is read of them."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.reads: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    def read(self, start: int, stop: int) -> bytes:
        with self._lock:
            self.reads.append((start, stop))
        return bytes(self.data[start:stop])


DATA = bytes(range(37))


@pytest.mark.parametrize("pieces", [1, 3, 10, 11, 100])
def test_how_it_was_written_makes_no_difference(pieces: int) -> None:
    sums = BlockSums()
    for start in range(0, len(DATA), pieces):
        sums.update(DATA[start : start + pieces])
    digits = "".join(f"{zlib.crc32(DATA[at : at + 10]):08x}" for at in range(0, 37, 10))
    assert str(sums) == sums_of(DATA) == f"10 {digits}"


def test_nothing_has_no_blocks() -> None:
    assert sums_of(b"") == "10 "
    Blocks("f", 0, "10 ", File(b"").read).require_all()


def test_only_the_blocks_in_use_are_read_and_each_once() -> None:
    file = File(DATA)
    blocks = Blocks("f", 37, sums_of(DATA), file.read)
    blocks.require(12, 13)
    assert file.reads == [(10, 20)]
    blocks.require(19, 21)
    assert file.reads == [(10, 20), (20, 30)]
    blocks.require(5, 5)
    blocks.require_all()
    assert sorted(file.reads) == [(0, 10), (10, 20), (20, 30), (30, 37)]
    blocks.require_all()
    blocks.require(0, 37)
    assert len(file.reads) == 4


def test_each_changed_byte_is_found_in_its_block_every_time() -> None:
    for at in range(37):
        file = File(DATA)
        file.data[at] ^= 0x10
        blocks = Blocks("f", 37, sums_of(DATA), file.read)
        start = at // 10 * 10
        for _ in range(2):
            with pytest.raises(DamagedFileError, match=f"f is damaged: its bytes {start} to {min(start + 10, 37)} do"):
                blocks.require_all()
        blocks.require(0, start)  # others are good


def test_many_blocks_are_checked_by_several_threads() -> None:
    data = bytes(997)
    Blocks("f", 997, sums_of(data), File(data).read).require_all()
    file = File(data)
    file.data[500] = 1
    with pytest.raises(DamagedFileError, match="bytes 500 to 510"):
        Blocks("f", 997, sums_of(data), file.read).require_all()


@pytest.mark.parametrize(
    "sums",
    [None, 3, "", "10", "ten 00000000", "10 0000000", "10 " + "0" * 24, "0 " + "0" * 32, "-1 00", "10 " + "x" * 32],
)
def test_sums_that_cannot_be(sums: object) -> None:
    with pytest.raises(DamagedFileError, match=r"f: its checksums are (unreadable|not those of 37 bytes)"):
        Blocks("f", 37, sums, File(DATA).read)


def test_the_environment_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checksum.is_wanted()
    assert not checksum.is_wanted(False)
    monkeypatch.setenv("VASTMAX_VERIFY", "0")
    assert not checksum.is_wanted()
