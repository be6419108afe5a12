"""word2vec binary: what is read, what is refused, and what the message says."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import WordVectors
from vastmax.embedding.formats import binary as binary_module
from vastmax.errors import InputError


def entry(word: bytes, *numbers: float) -> bytes:
    return word + b" " + struct.pack(f"<{len(numbers)}f", *numbers)


def load(tmp_path: Path, content: bytes, **options: str) -> WordVectors:
    path = tmp_path / "v.bin"
    path.write_bytes(content)
    return WordVectors.load(path, **options)  # type: ignore[arg-type]


def test_golden_bytes(tmp_path: Path) -> None:
    WordVectors(["a", "ü"], [[1.0, -0.5], [2.0, 0.0]]).save(tmp_path / "v.bin")
    assert (tmp_path / "v.bin").read_bytes() == (
        b"2 2\n" + entry(b"a", 1, -0.5) + b"\n" + entry("ü".encode(), 2, 0) + b"\n"
    )


@pytest.mark.parametrize("between", [b"", b"\n"])
@pytest.mark.parametrize("block_bytes", [1, 5, 1 << 23])
def test_with_and_without_newlines_in_any_blocks(
    tmp_path: Path, between: bytes, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary_module, "_BLOCK_BYTES", block_bytes)
    content = b"3 2\n" + between.join([entry(b"a", 1, 2), entry(b"bb", 3, 4), entry(b"c", 5, 6)]) + between
    v = load(tmp_path, content)
    assert v.index_to_key == ["a", "bb", "c"]
    assert v.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_numbers_whose_bytes_are_spaces_or_digits(tmp_path: Path) -> None:
    """0x20202020 is a float32 too; and numbers that read as text do not make the file one."""
    for raw in (b"    ", b"\n\n\n\n", b"1234", b"1 2\n"):
        number = struct.unpack("<f", raw)[0]
        v = load(tmp_path, b"2 3\n" + entry(b"a", number, number, 1.5) + entry(b"b", 1, number, number))
        assert v.index_to_key == ["a", "b"]
        assert v.vectors[1].tolist() == [1.0, number, number]


ROWS = entry(b"a", 1, 2) + entry(b"b", 3, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1000000000 300\n" + ROWS, "1000000000 words of 300 dimensions, which take at least 1201999999999 bytes"),
        (b"3 2\n" + ROWS, "take at least 29 bytes, but only 20 follow"),
        (b"2 3\n" + ROWS, "take at least 27 bytes, but only 20 follow"),
        (b"1 2\n" + ROWS, "goes on at byte 14, after the 1 words of 2 dimensions"),
        (b"2 2\n" + ROWS + b"\n\n\nmore", "goes on at byte 24"),
        (b"2 2\n" + ROWS + b" \n", "goes on at byte 24"),
        (b"0 2\n", "0 words of 2 dimensions; at least 1"),
        (b"2 2\n" + entry(b"a", 1, np.nan) + entry(b"b", 3, 4), "number 2 of the vector of 'a' is nan"),
        (b"2 2\n" + entry(b"a", 1, 2) + entry(b"b", np.inf, 4), "number 1 of the vector of 'b' is inf"),
        (b"2 2\n" + entry(b"a", 1, 2) + entry(b"a", 3, 4), "the word 'a' comes twice"),
        (b"2 2\n" + entry(b"a", 1, 2) + entry(b"\xc3", 3, 4), "not UTF-8 .byte 0xc3 at offset 14"),
        (b"2 2\n" + entry(b"aaaaaa", 1, 2) + entry(b"b", 3, 4)[:-1], "the file ends in entry 2, after 'aaaaaa'"),
        (b"two 2\n" + ROWS, "opens no format known here"),
        (bytes(range(256)) * 20, "opens no format known here"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "v.bin"))
    assert "\n" not in str(caught.value)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    content = b"2 2\n" + ROWS
    for kept in range(len(content)):
        with pytest.raises(InputError):
            load(tmp_path, content[:kept], format="word2vec-binary")


def test_a_word_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary_module, "LONGEST_WORD", 100)
    monkeypatch.setattr(binary_module, "_BLOCK_BYTES", 64)
    with pytest.raises(InputError, match=r"entry 1 \(at byte 4\) has no space that ends its word"):
        load(tmp_path, b"2 2\n" + b"x" * 1000, format="word2vec-binary")


def test_words_cut_in_the_middle_of_a_letter(tmp_path: Path) -> None:
    """word2vec.c cuts long words at a byte; such files are known to go round."""
    content = b"1 1\n" + entry("né".encode()[:2], 1)
    assert load(tmp_path, content, errors="ignore").index_to_key == ["n"]


def test_a_newline_inside_a_word_is_read_but_not_written(tmp_path: Path) -> None:
    v = load(tmp_path, b"2 1\n" + entry(b"a\nb", 1) + entry(b"c", 2))
    assert v.index_to_key == ["a\nb", "c"]
    for word in ("a\nb", "a b", ""):
        with pytest.raises(InputError, match="word2vec binary cannot hold the"):
            WordVectors([word], [[1.0]]).save(tmp_path / "new.bin")
    assert not (tmp_path / "new.bin").exists()
