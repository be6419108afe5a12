"""Lists of words and counts are told from text by their first line, and read whole or refused by the line."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest

from vastmax.errors import InputError
from vastmax.text import Vocabulary
from vastmax.text.counts_file import read_counts

LINES = "cat\t3\nthe\t1000\nCrème brûlée\t12\nzero\t0\n"


class _Stdin:
    """Standard input with these bytes on it."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BufferedReader(io.BytesIO(content))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_counts_come_in_any_order_plain_or_compressed(tmp_path: Path, end: str, packed: bool) -> None:
    content = LINES.replace("\n", end).encode()
    path = tmp_path / "counts"
    path.write_bytes(gzip.compress(content) if packed else content)
    vocabulary = read_counts(str(path))
    assert vocabulary is not None
    assert list(vocabulary.words) == ["the", "Crème brûlée", "cat", "zero"]
    assert vocabulary.counts.tolist() == [1000, 12, 3, 0]


def test_a_saved_vocabulary_is_read_as_one(tmp_path: Path) -> None:
    saved = Vocabulary(["<unk>", "a\tb"], [4, 2], unknown="<unk>")
    saved.save(tmp_path / "words")
    assert read_counts(str(tmp_path / "words")) == saved


def test_standard_input_is_looked_at_and_left_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Stdin(LINES.encode()))
    vocabulary = read_counts("-")
    assert vocabulary is not None
    assert len(vocabulary) == 4
    text = _Stdin(b"the cat sat\non the mat\n")
    monkeypatch.setattr(sys, "stdin", text)
    assert read_counts("-") is None
    assert text.buffer.read() == b"the cat sat\non the mat\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"the cat sat\n",
        b"the cat\t3 times\n",
        b"\t3\n",
        b"a\tb\t3\n",
        b"\x7fELF\x02\x01",
        b"\x1f\x8bdamaged",
    ],
)
def test_all_else_is_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "text").write_bytes(content)
    assert read_counts(str(tmp_path / "text")) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("word\tcount\ncat\t3\nthe\t9\n", "line 1: a heading above words and counts"),
        ("      3 cat\n   1000 the\n", "the counts come before their words"),
        ("3\tcat\r\n9\tthe", "the counts come before their words"),
    ],
)
def test_counts_in_another_shape_are_not_read_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, says: str
) -> None:
    more = "".join(f"{9 + number} word{number}\n" for number in range(1_000)) if says.startswith("the") else ""
    for text in (content, f"{content.rstrip()}\n{more}"):
        (tmp_path / "counts.txt").write_bytes(text.encode())
        with pytest.raises(InputError, match=says):
            read_counts(str(tmp_path / "counts.txt"))
    monkeypatch.setattr(sys, "stdin", _Stdin(content.encode()))
    with pytest.raises(InputError, match=says):
        read_counts("-")


def test_text_that_begins_with_a_number_or_has_columns_is_text(tmp_path: Path) -> None:
    for content in ("3 cats\nsat on the mat\n", "text\tlabel\na good film\t1\nbad\t0\n", "3 cats"):
        (tmp_path / "text").write_text(content, encoding="utf-8")
        assert read_counts(str(tmp_path / "text")) is None


@pytest.mark.parametrize("name", ["missing", ".", "*.txt", "nul\0"])
def test_what_is_no_file_is_left_to_the_corpus(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_counts(name) is None


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("dog\t-2", "line 2: the count of 'dog' is -2; expected 0 or more"),
        ("dog\t2.5", "line 2: '2.5' is no whole number"),
        ("dog", "line 2: 'dog' is no whole number; expected a word, a tab and its count"),
        ("hot\tdog\t2", "line 2: expected one word, a tab and its count"),
        ("cat\t4", "'cat' comes twice"),
        ("dog\t99999999999999999999", "whole number up to"),
    ],
)
def test_a_list_that_goes_wrong_is_refused_by_the_line(tmp_path: Path, second: str, says: str) -> None:
    path = tmp_path / "counts.txt"
    path.write_text(f"cat\t3\n{second}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"counts\.txt") as refused:
        read_counts(str(path))
    assert says in str(refused.value)


def test_bytes_that_are_no_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "counts.txt"
    path.write_bytes(b"cat\t3\ncaf\xe9\t2\n")
    with pytest.raises(InputError, match="line 2: byte 3 is not valid UTF-8"):
        read_counts(str(path))
