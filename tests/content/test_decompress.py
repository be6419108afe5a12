"""Compressed text: known by its bytes, by streams that follow one another, bounded in memory, never cut in silence."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from vastmax.content.decompress import CHUNK_BYTES, text_chunks
from vastmax.errors import InputError
from vastmax.text import Corpus

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstandard": zstandard.ZstdCompressor().compress,
}
each_format = pytest.mark.parametrize("name", COMPRESSORS)
RANDOM = random.Random(4)
TEXT = " ".join(str(RANDOM.random()) for _ in range(30_000)).encode()  # 550 kB that compress by half


def read(data: bytes, piece: int = 1 << 20) -> bytes:
    pieces = [memoryview(data)[i : i + piece] for i in range(0, len(data), piece)]
    return b"".join(bytes(chunk) for chunk in text_chunks(pieces, "t"))


@each_format
@pytest.mark.parametrize("piece", [1, 1000, 1 << 20])
def test_streams_one_after_another(name: str, piece: int) -> None:
    compress = COMPRESSORS[name]
    text = TEXT[: 3000 if piece == 1 else None]
    assert read(compress(text), piece) == text
    assert read(compress(text) + compress(b"") + compress(b" second"), piece) == text + b" second"
    assert read(b"".join(compress(text[i : i + 50]) for i in range(0, 3000, 50)), piece) == text[:3000]
    assert read(compress(b""), piece) == b""


@pytest.mark.parametrize("piece", [1, 1 << 20])
@pytest.mark.parametrize("text", [b"", b"x", b"BZh9 is a word", b"BZ", b"P", b"\x28 plain", b"word " * 99])
def test_plain_text_stays_as_it_is(text: bytes, piece: int) -> None:
    assert read(text, piece) == text


@each_format
@pytest.mark.parametrize("kept", [0.3, 0.999, -1])
def test_cut_short(name: str, kept: float) -> None:
    data = COMPRESSORS[name](TEXT)
    cut = data[: int(len(data) * kept)] if kept > 0 else data[:-1]
    with pytest.raises(
        InputError, match=f"^t: the {name} data is cut short .after {len(cut)} bytes.: get the whole file$"
    ):
        read(cut)


@each_format
def test_cut_short_after_a_whole_stream(name: str) -> None:
    data = COMPRESSORS[name](TEXT)
    with pytest.raises(InputError, match="is cut short"):
        read(data + data[:200])


@each_format
def test_damaged(name: str) -> None:
    data = bytearray(COMPRESSORS[name](TEXT))
    data[len(data) // 2 : len(data) // 2 + 50] = b"\xff" * 50
    with pytest.raises(InputError, match=f"^t: damaged {name} data"):
        read(bytes(data))


@each_format
def test_something_else_behind(name: str) -> None:
    with pytest.raises(InputError, match=rf"^t: damaged {name} data, or something else behind it"):
        read(COMPRESSORS[name](TEXT) + b"plain text behind it")


@pytest.mark.parametrize("name", ["gzip", "xz"])
def test_padding_between_and_behind_streams(name: str) -> None:
    data = COMPRESSORS[name](b"text ")
    assert read(data + b"\0" * 512 + data + b"\0" * 8) == b"text text "


def test_frames_to_skip() -> None:
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    frame = COMPRESSORS["zstandard"](b"text ")
    assert read(skippable + frame + skippable + frame) == b"text text "


@each_format
def test_high_ratios_come_by_small_pieces(name: str) -> None:
    data = COMPRESSORS[name](b"a b " * 2_000_000)  # 8 MB in a few kilobytes
    sizes = [len(chunk) for chunk in text_chunks([data], "t")]
    assert sum(sizes) == 8_000_000
    # The zstandard decoder gives what 4 KiB hold, however much that is; the others keep to the chunk.
    assert name == "zstandard" or max(sizes) <= CHUNK_BYTES


@each_format
def test_a_corpus_of_it_whatever_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_bytes(COMPRESSORS[name]("a b\nç".encode()))
    assert list(Corpus(path).vocabulary.words) == ["a", "b", "ç"]
    path.write_bytes(COMPRESSORS[name](b"a b")[:-3])
    with pytest.raises(InputError, match=r"corpus.txt: the .* data is cut short"):
        Corpus(path)
