"""Odd texts of vectors, by a grid: each loads rightly, or one line names the line, what was found and the fix."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import zstandard

from vastmax.embedding import WordVectors
from vastmax.errors import InputError

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}
WIDTHS = (1, 2, 3, 8, 50, 300)
WORDS = ("the", "naïve", "東京", "x", "1984")
V = len(WORDS)


def numbers(D: int) -> list[list[str]]:
    """Of mixed lengths, signs and notations; in the first column all have three characters, as float32 has bytes."""
    rng = np.random.default_rng(D)
    return [["0.5", *(f"{x:.{1 + i % 5}g}" for i, x in enumerate(rng.normal(size=D - 1)))] for _ in WORDS]


@dataclass
class Text:
    """The file before it is bytes: rows of fields, and what stands between and behind them."""

    header: bool
    D: int
    rows: list[list[bytes]]
    blank: bytes = b" "
    end: bytes = b"\n"
    last_end: bytes | None = None
    before: bytes = b""

    @classmethod
    def of(cls, D: int, header: bool) -> Text:
        rows = [[word.encode(), *map(str.encode, row)] for word, row in zip(WORDS, numbers(D), strict=True)]
        return cls(header, D, rows)

    def content(self) -> bytes:
        lines = [self.blank.join(row) for row in self.rows]
        if self.header:
            lines.insert(0, b"%d %d" % (V, self.D))
        return self.before + self.end.join(lines) + (self.end if self.last_end is None else self.last_end)


def spelled(text: Text, row: int, field: int, value: bytes) -> None:
    text.rows[row][field] = value


# What loads as if nothing were odd.
HARMLESS: dict[str, Callable[[Text, int], None]] = {
    "nothing": lambda text, row: None,
    "tabs": lambda text, row: setattr(text, "blank", b"\t"),
    "several blanks": lambda text, row: setattr(text, "blank", b"   "),
    "blank and tab": lambda text, row: setattr(text, "blank", b" \t"),
    "trailing blanks": lambda text, row: setattr(text, "end", b"  \n"),
    "trailing tab in one row": lambda text, row: text.rows[row].append(b"\t"),
    "tab after one word": lambda text, row: text.rows.__setitem__(
        row, [b"\t".join(text.rows[row][:2]), *text.rows[row][2:]]
    ),
    "CRLF": lambda text, row: setattr(text, "end", b"\r\n"),
    "no last line end": lambda text, row: setattr(text, "last_end", b""),
    "blank lines at the end": lambda text, row: setattr(text, "last_end", b"\n\n \n"),
    "byte order mark": lambda text, row: setattr(text, "before", "\ufeff".encode()),
    "scientific": lambda text, row: spelled(text, row, 1, b"5E-1"),
    "long scientific": lambda text, row: spelled(text, row, 1, b"+0.0000000000000000000000000000000005e+33"),
}
# Words that are kept as they are.
KEPT_WORDS = {
    "NUL": b"\0",
    "begins with NUL": b"\0\0a",
    "control": b"\x01\x02",
    "escape": b"\x1b[0m",
    "number": b"3.14",
    "minus": b"-",
    "comma": b"0,5",
    "nan": b"nan",
    "json": b'{"a":',
    "html": b"<html>",
    "no-break space": "a\u00a0b".encode(),
    "ideographic space": "\u3000".encode(),
}
# What is refused, with what the message must say beside the line.
REFUSED: dict[str, tuple[Callable[[Text, int], None], str]] = {
    "decimal comma": (lambda text, row: spelled(text, row, -1, b"0,25"), "'0,25'.*decimal comma.*decimal point"),
    "nan": (lambda text, row: spelled(text, row, -1, b"nan"), "is nan"),
    "NaN": (lambda text, row: spelled(text, row, -1, b"NaN"), "is nan"),
    "inf": (lambda text, row: spelled(text, row, -1, b"-inf"), "is -inf"),
    "too great": (lambda text, row: spelled(text, row, -1, b"1e39"), "is inf"),
    "letters": (lambda text, row: spelled(text, row, -1, b"0.1x"), "'0.1x'"),
    "underscore": (lambda text, row: spelled(text, row, -1, b"1_0"), "'1_0'"),
    "hexadecimal": (lambda text, row: spelled(text, row, -1, b"0x1p3"), "'0x1p3'"),
    "two in one": (lambda text, row: spelled(text, row, -1, b"1-2"), "'1-2'"),
    "one too many": (lambda text, row: text.rows[row].append(b"0.5"), "numbers after"),
    "one too few": (lambda text, row: text.rows[row].pop(), "numbers after"),
    "empty word": (lambda text, row: spelled(text, row, 0, b""), "no word|blank"),
    "blank word": (lambda text, row: spelled(text, row, 0, b" "), "no word|blank"),
    "tab word": (lambda text, row: spelled(text, row, 0, b"\t"), "no word|blank"),
    "number after a blank in the word": (lambda text, row: spelled(text, row, 0, b"route 66"), "numbers after 'route'"),
    "commas between": (
        lambda text, row: text.rows.__setitem__(row, [b",".join(text.rows[row])]),
        "commas.*(blanks|spaces)",
    ),
    "semicolons between": (
        lambda text, row: text.rows.__setitem__(row, [b";".join(text.rows[row])]),
        "semicolons.*(blanks|spaces)",
    ),
    "latin-1": (lambda text, row: spelled(text, row, 0, b"caf\xe9"), "not UTF-8.*errors='replace'"),
    "begins as a pickle": (lambda text, row: spelled(text, row, 0, b"\x80\x81"), "not UTF-8.*errors='replace'"),
    "empty line": (lambda text, row: text.rows.__setitem__(row, [b""]), "is blank"),
    "line of blanks": (lambda text, row: text.rows.__setitem__(row, [b" \t "]), "is blank"),
}


def load(tmp_path: Path, content: bytes, compression: str = "plain", **options: str) -> WordVectors:
    path = tmp_path / "vectors.dat"
    path.write_bytes(COMPRESSIONS[compression](content))
    return WordVectors.load(path, **options)  # type: ignore[arg-type]


def compressions(D: int) -> list[str]:
    return list(COMPRESSIONS) if D == 8 else ["plain", "zst"] if D == 1 else ["plain"]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("D", WIDTHS)
def test_odd_texts_that_load(tmp_path: Path, D: int, header: bool) -> None:
    expected = np.array(numbers(D), dtype=np.float32)
    for name, change in HARMLESS.items():
        for row in (0, 2):
            text = Text.of(D, header)
            change(text, row)
            for compression in compressions(D):
                v = load(tmp_path, text.content(), compression)
                assert v.index_to_key == list(WORDS), name
                assert np.array_equal(v.vectors, expected), name


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("D", WIDTHS)
def test_odd_words_that_load(tmp_path: Path, D: int, header: bool) -> None:
    expected = np.array(numbers(D), dtype=np.float32)
    for name, word in KEPT_WORDS.items():
        for row in (0, V - 1):
            text = Text.of(D, header)
            spelled(text, row, 0, word)
            for compression in compressions(D):
                v = load(tmp_path, text.content(), compression)
                assert v.index_to_key[row] == word.decode(), name
                assert np.array_equal(v.vectors, expected), name


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("D", WIDTHS)
def test_odd_texts_that_are_refused_by_the_line(tmp_path: Path, D: int, header: bool) -> None:
    for name, (change, says) in REFUSED.items():
        for row in (0, 2, V - 1):
            if name in ("empty line", "line of blanks") and row == V - 1:
                continue  # at the end it is one word fewer, and the header says so
            text = Text.of(D, header)
            change(text, row)
            for compression in compressions(D):
                with pytest.raises(InputError, match=rf"line {row + 1 + header}\b.*({says})") as caught:
                    load(tmp_path, text.content(), compression)
                assert "\n" not in str(caught.value), name


@pytest.mark.parametrize("newline", [b"", b"\n"])
@pytest.mark.parametrize("D", WIDTHS)
def test_binaries_of_odd_words_and_numbers(tmp_path: Path, D: int, newline: bytes) -> None:
    rng = np.random.default_rng(D)
    tables = {
        "normal": rng.normal(size=(V, D)),
        "small": rng.normal(size=(V, D)) * 1e-6,
        "whole": rng.integers(-3, 3, size=(V, D)),
        "zeros": np.zeros((V, D)),
        "line ends": np.full((V, D), np.frombuffer(b"\n\n\n\0", np.float32)[0]),
    }
    for name, table in tables.items():
        vectors = table.astype("<f4")
        for word in (*KEPT_WORDS.values(), b"the", b"a\nb", b"", b"1 "[:1]):
            words = [word, *(f"w{i}".encode() for i in range(1, V))]
            rows = (word + b" " + row.tobytes() + newline for word, row in zip(words, vectors, strict=True))
            content = b"%d %d\n" % (V, D) + b"".join(rows)
            for compression in ("plain", "zst") if word == b"the" else ("plain",):
                v = load(tmp_path, content, compression)
                assert v.index_to_key == [word.decode() for word in words], name
                assert np.array_equal(v.vectors, vectors), name
                with pytest.raises(InputError):
                    load(tmp_path, content[:-2], compression)


@pytest.mark.parametrize("D", WIDTHS)
def test_a_number_that_is_none_in_a_binary_is_refused_by_the_entry(tmp_path: Path, D: int) -> None:
    vectors = np.random.default_rng(D).normal(size=(V, D)).astype("<f4")
    vectors[2, -1] = np.nan
    rows = (word.encode() + b" " + row.tobytes() for word, row in zip(WORDS, vectors, strict=True))
    with pytest.raises(InputError, match=f"entry 3: number {D} of the vector of '東京' is nan"):
        load(tmp_path, b"%d %d\n" % (V, D) + b"".join(rows))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"2 1\n\0a x.y\nb 0.1\n", 2),  # as a binary: the word NUL a, the four bytes of x.y and the line end
        (b"2 2\nword without 1\nb 1 2\n", 2),
        (b"1 2\na 0,5 0,5\n", 2),
        (b"1 4\na b c d e f g h i\n", 2),
        (b"3 1\na ....\nb ....\nc ...\n", 2),
    ],
)
def test_no_text_is_read_as_raw_floats(tmp_path: Path, content: bytes, line: int) -> None:
    with pytest.raises(InputError, match=rf"line {line}\b"):
        load(tmp_path, content)
