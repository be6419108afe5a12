"""word2vec text and GloVe text: what is read, what is refused, and what the message says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import WordVectors
from vastmax.embedding.formats import text as text_module
from vastmax.embedding.formats.compressed import reading
from vastmax.embedding.formats.text import read_text
from vastmax.errors import InputError


def load(tmp_path: Path, content: bytes | str, name: str = "v.txt", **options: str) -> WordVectors:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return WordVectors.load(path, **options)  # type: ignore[arg-type]


def test_golden_bytes(tmp_path: Path) -> None:
    v = WordVectors(["a", "ü"], np.array([[1.0, -0.1], [1e-20, 16777217]], dtype=np.float32))
    v.save(tmp_path / "v.txt")
    v.save(tmp_path / "v.glove")
    rows = "a 1 -0.100000001\nü 9.99999968e-21 16777216\n"
    assert (tmp_path / "v.txt").read_text(encoding="utf-8") == "2 2\n" + rows
    assert (tmp_path / "v.glove").read_text(encoding="utf-8") == rows


@pytest.mark.parametrize(
    "content",
    [
        "2 3\na 1 2 3\nb 4 5 6\n",
        "2 3\na 1 2 3\nb 4 5 6",
        "2 3\r\na 1 2 3\r\nb 4 5 6\r\n",
        "2 3 \na 1 2 3 \nb 4 5 6 \n\n\n",
        "2\t3\na\t1\t2\t3\nb\t4\t5\t6\n",
        "2 3\na  1.0  2e0 +3\nb 4 0.5e1 6.\n",
        "\ufeff2 3\na 1 2 3\nb 4 5 6\n",
        "\ufeffa 1 2 3\nb 4 5 6\n",
        "a 1 2 3\nb 4 5 6\n",
        "a 1 2 3 \nb 4 5 6",
        "a 1 2 3\r\nb 4 5 6\r\n\n",
    ],
)
def test_ways_of_writing_the_same(tmp_path: Path, content: str) -> None:
    v = load(tmp_path, content)
    assert v.index_to_key == ["a", "b"]
    assert v.vectors.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("header", [True, False])
def test_block_borders_change_nothing(
    tmp_path: Path, block_bytes: int, header: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_module, "_BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(0)
    v = WordVectors([f"wörd{i}" for i in range(20)], rng.normal(size=(20, 3)).astype(np.float32))
    path = tmp_path / ("v.txt" if header else "v.glove")
    v.save(path)
    for size in (path.stat().st_size, None):
        with reading(str(path)) as stream:
            table = read_text(stream, str(path), header=header, errors="strict", size=size)
        assert table.words == v.index_to_key
        assert np.array_equal(table.vectors, v.vectors)
    path.write_bytes(path.read_bytes().replace("wörd13".encode(), b"w\xffrd13"))
    offset = path.read_bytes().index(b"\xff")
    with pytest.raises(InputError, match=f"not UTF-8 .byte 0xff at offset {offset}"):
        WordVectors.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n", "opens no format known here"),
        ("hello\n", "opens no format known here"),
        ("2 3\n", "2 words of 3 dimensions, which take at least 15 bytes, but only 0 follow"),
        ("0 3\n", "0 words of 3 dimensions; at least 1"),
        ("2 0\na\nb\n", "2 words of 0 dimensions; at least 1"),
        ("1000000000 300\na 1 2\n", "take at least 601999999999 bytes, but only 6 follow"),
        ("3 1\naaaaaaaa 1\nb 2\n", "the header says 3 words, the file ends after 2"),
        ("1 1\na 1\nb 2\n", "says 1 words, but line 3 holds one more"),
        ("2 3\na 1 2 3\nb 4 5555\n", r"line 3 has 2 numbers after 'b'; the header promises 3"),
        ("2 3\na 1 2 3\nb 4 5 6 7\n", "line 3 has 4 numbers after 'b'"),
        ("2 3\na 1 2 3\nb c 4 5 6\n", "line 3 has 4 fields after 'b', .* 3 numbers: the word 'b c' holds a blank"),
        ("2 3\na 1 2 3\nb 4 x 66\n", "line 3 has 'x' among the numbers of 'b'"),
        ("2 3\na 1 2 3\nb 4 1_0 6\n", "line 3 has '1_0' among the numbers of 'b'"),
        ("2 3\na 1  2 \nb 1\t2 3 4\n", "line 2 has 2 numbers after 'a'; expected 3"),
        ("2 3\na 1 2-3 4\nb 4 5 6\n", "line 2 has '2-3' among the numbers of 'a'"),
        ("2 3\na 1 2 3\n 4 5 6 7\n", "line 3 has no word before its numbers"),
        ("2 3\na 1 2 3\n\nb 4 5 6\n", "line 3 is blank"),
        ("2 3\na 1 2 3\nb 4 nan 6\n", "number 2 of the vector of 'b' is nan"),
        ("2 3\na 1 2 3\nb 4 5 -inf\n", "number 3 of the vector of 'b' is -inf"),
        ("2 3\na 1 2 3\nb 4 5 1e39\n", "number 3 of the vector of 'b' is inf .or too great for float32"),
        ("3 3\na 1 2 3\nb 4 5 6\na 7 8 9\n", "the word 'a' comes twice, as entry 1 and entry 3"),
        ("a 1 2 3\nb 4 5\n", "line 2 has 2 numbers after 'b'; the first line promises 3"),
        ("a 1 2 3\nb 4 5 6 7\n", "line 2 has 4 numbers after 'b'"),
        ("a 1 2 3\nb 4 5 6\nb 4 5 6\n", "comes twice, as entry 2 and entry 3"),
        ("2 3\na 1 2 3\nb\n", "take at least 15 bytes, but only 10 follow"),
    ],
)
def test_damaged_files(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "v.txt"))
    assert "\n" not in str(caught.value)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    """Wherever a file with a header is cut, loading says so or (in the last number's digits) cannot know."""
    content = b"3 2\nab 1.5 -2.25\ncd 3.5 4.75\nef 5.5 6.25\n"
    for kept in range(len(content) - len(b"6.25\n") + 1):
        with pytest.raises(InputError):
            load(tmp_path, content[:kept], format="word2vec")


def test_words_that_are_not_utf8(tmp_path: Path) -> None:
    content = b"2 1\ngood 1\nb\xe9d 2\n"
    with pytest.raises(InputError, match=r"'b\\xe9d' is not UTF-8 \(byte 0xe9 at offset 12\).*errors='replace'"):
        load(tmp_path, content)
    with pytest.raises(InputError, match="at offset 15"):
        load(tmp_path, b"\xef\xbb\xbf" + content)
    assert load(tmp_path, content, errors="replace").index_to_key == ["good", "b�d"]
    assert load(tmp_path, content, errors="ignore").index_to_key == ["good", "bd"]


def test_duplicates_on_request_the_first_stays(tmp_path: Path) -> None:
    v = load(tmp_path, "3 1\na 1\nb 2\na 3\n", duplicates="first")
    assert v.index_to_key == ["a", "b"]
    assert v.vectors.tolist() == [[1], [2]]


def test_glove_words_with_spaces(tmp_path: Path) -> None:
    """As in the published 840B file: what comes before the last D numbers is the word, where it is no number."""
    v = load(tmp_path, "the 1 2\n. . . 3 4\nat name@domain.com 5 6\n")
    assert v.index_to_key == ["the", ". . .", "at name@domain.com"]
    assert v.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_a_glove_row_that_could_be_a_header(tmp_path: Path) -> None:
    """One dimension, the first word a number: what we write is still told from a header when read."""
    WordVectors(["2", "x"], [[1.0], [3.0]]).save(tmp_path / "v.glove")
    assert WordVectors.load(tmp_path / "v.glove").index_to_key == ["2", "x"]
    assert load(tmp_path, "2 1\nx 3\n", format="glove").index_to_key == ["2", "x"]


@pytest.mark.parametrize("ending", [".txt", ".vec", ".glove"])
@pytest.mark.parametrize("word", ["New York", "line\nend", "tab\there", "", "carriage\r"])
def test_words_the_format_cannot_hold(tmp_path: Path, ending: str, word: str) -> None:
    path = tmp_path / f"v{ending}"
    path.write_text("old")
    with pytest.raises(InputError, match=r"cannot hold the (word|empty word).*save as \.safetensors"):
        WordVectors(["fine", word], [[1.0], [2.0]]).save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_first_word_that_begins_with_a_byte_order_mark(tmp_path: Path) -> None:
    v = WordVectors(["\ufeffa", "b"], [[1.0], [2.0]])
    with pytest.raises(InputError, match="begins with a byte order mark"):
        v.save(tmp_path / "v.glove")
    v.save(tmp_path / "v.txt")
    assert WordVectors.load(tmp_path / "v.txt").index_to_key == ["\ufeffa", "b"]


def test_a_nan_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="number 2 of the vector of 'b' is nan"):
        WordVectors(["a", "b"], [[1.0, 2.0], [3.0, np.nan]]).save(tmp_path / "v.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_line_without_end_is_refused_before_it_fills_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "_BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr(text_module, "_LONGEST_LINE", 1 << 12)
    with pytest.raises(InputError, match="line 2, from byte 4 on, is longer than"):
        load(tmp_path, b"1 2\n" + b"a" * 10_000, format="word2vec")


BAD_LINES = """6 2
a 1 2
New York 3 4
b 5 nan

c 6
d 0,5 7
"""


def test_bad_lines_are_left_out_on_request_and_counted(tmp_path: Path) -> None:
    says = r"line 3 .*'New York' holds a blank.*leave such lines out with on_bad_line='skip'"
    with pytest.raises(InputError, match=says):
        load(tmp_path, BAD_LINES)
    with pytest.warns(UserWarning, match=r"v\.txt: skipped 6 of 7 lines; the first: line 3 has 3 fields after 'New'"):
        v = load(tmp_path, BAD_LINES + "e f 1 2\n", on_bad_line="skip")
    assert v.index_to_key == ["a"]
    with pytest.warns(UserWarning, match="skipped 1 of 3 lines; the first: line 2: the word .* is not UTF-8"):
        assert load(tmp_path, b"a 1\n\xff 2\nc 3\n", on_bad_line="skip").index_to_key == ["a", "c"]
    assert len(load(tmp_path, "2 1\na 1\nb 2\n", on_bad_line="skip")) == 2  # nothing is left out, nothing is said


def test_lines_that_are_left_out_do_not_hide_a_file_that_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the header says 9 words, the file ends after 2"):
        load(tmp_path, "9 1\na 1\nb x\nc 3\n", on_bad_line="skip")
    with pytest.raises(InputError, match="says 1 words, but line 4 holds one more"):
        load(tmp_path, "1 1\na 1\nb x\nc 3\n", on_bad_line="skip")
    with pytest.raises(InputError, match="all 2 lines are bad; line 2 has 'x'"):
        load(tmp_path, "2 1\na x\nb y\n", on_bad_line="skip")
    with pytest.raises(InputError, match="on_bad_line is 'ignore'; expected one of refuse, skip"):
        load(tmp_path, "1 1\na 1\n", on_bad_line="ignore")


@pytest.mark.parametrize("block_bytes", [1, 7, 64])
def test_bad_lines_are_counted_over_block_borders(
    tmp_path: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_module, "_BLOCK_BYTES", block_bytes)
    rows = [f"w{i} {i}\n" if i % 3 else f"w{i} two words\n" for i in range(30)]
    with pytest.warns(UserWarning, match="skipped 10 of 30 lines; the first: line 2 has"):
        v = load(tmp_path, "30 1\n" + "".join(rows), on_bad_line="skip")
    assert v.vectors[:, 0].tolist() == [i for i in range(30) if i % 3]


def test_words_and_counts_are_no_vectors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"this is a list of words and counts.*vastmax advise"):
        load(tmp_path, "the\t1000\ncat\t3\n")


@pytest.mark.parametrize("name", ["v.txt", "v.glove", "v.bin", "v.safetensors", "v.txt.gz"])
def test_a_limit_gives_the_first_words(tmp_path: Path, name: str) -> None:
    v = WordVectors([f"w{i}" for i in range(40)], np.arange(120.0).reshape(40, 3), counts=np.arange(40)[::-1])
    v.save(tmp_path / name)
    for limit in (1, 7, 40, 1000):
        loaded = WordVectors.load(tmp_path / name, limit=limit)
        assert loaded.index_to_key == v.index_to_key[:limit]
        assert np.array_equal(loaded.vectors, v.vectors[:limit])
        assert loaded.similarity("w0", "w0") == pytest.approx(1.0)
    with pytest.raises(InputError, match="limit is 0; expected a whole number of at least 1"):
        WordVectors.load(tmp_path / name, limit=0)


def test_a_limit_counts_rows_and_not_the_lines_left_out(tmp_path: Path) -> None:
    text = "4 2\na 1 2\nbad 1\nb 3 4\nc 5 6\nnot read\n"
    with pytest.warns(UserWarning, match="skipped 1 of 4"):
        assert load(tmp_path, text, on_bad_line="skip", limit=3).index_to_key == ["a", "b", "c"]  # type: ignore[arg-type]
    with pytest.raises(InputError, match="line 3 has 1 numbers"):
        load(tmp_path, text, limit=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("header", [b"2 2\n", b""])
def test_words_in_another_encoding(tmp_path: Path, header: bytes) -> None:
    content = header + "café 1 2\nnaïve 3 4\n".encode("latin-1")
    assert load(tmp_path, content, encoding="latin1").index_to_key == ["café", "naïve"]
    with pytest.raises(InputError, match=r"is not UTF-8 .* name the encoding, as in encoding='latin-1'"):
        load(tmp_path, content)
    with pytest.raises(InputError, match="is not ascii"):
        load(tmp_path, content, encoding="ascii")
    for wrong in ("latin-17", "utf-16", "rot13"):
        with pytest.raises(InputError, match=f"encoding='{wrong}'"):
            load(tmp_path, content, encoding=wrong)
    binary = b"2 1\n" + "é ".encode("cp1252") + b"\0\0\x80?" + b"\nx \0\0\0?"
    assert load(tmp_path, binary, encoding="cp1252").index_to_key == ["é", "x"]
