"""What bad input gets: one line that names it, says what was expected and how to mend it; and nothing left behind."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import WordVectors
from vastmax.errors import InputError
from vastmax.text import Corpus, encoded_folder


@pytest.fixture(autouse=True)
def nothing_left_behind(cache_folder: Path) -> Iterator[None]:
    yield
    assert not any(path.is_file() for path in cache_folder.rglob("*"))
    assert not list(cache_folder.glob("scratch/*"))


def refused(source: object, message: str, **options: object) -> None:
    with pytest.raises(InputError, match=message) as raised:
        Corpus(source, **options)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"t\.txt holds no words"),
        (b" \n\r\n \xc2\xa0", r"t\.txt holds no words"),
        (b"caf\xe9 noir", r"t\.txt: byte 3 is not valid UTF-8: convert .* errors='replace' to read"),
        (b"word \xe3\x80", r"t\.txt: byte 5 is not valid UTF-8"),
        (b"GIF\x00\x01", r"t\.txt: byte 3 is NUL, so this is a binary file: expected UTF-8 text"),
        (
            "text".encode("utf-16"),
            r"t\.txt: this is UTF-16 text; expected a text: convert it first: iconv -f UTF-16 -t UTF-8",
        ),
        (b"\xfe\xff" + "text".encode("utf-16-be"), r"t\.txt: this is UTF-16 text"),
        (
            b"short " + b"x" * 1_000_000,
            r"t\.txt: byte 6 starts a word of more than 65535 bytes, which is the limit: is this",
        ),
    ],
)
def test_bad_bytes(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(data)
    refused(path, message)
    refused(path, message, cache=False)
    if b"x" * 9 in data:
        message = "line 1, from the tokenizer, word 1 has 1000000 bytes, the limit is 65535"
    refused(path, message, tokenizer=str.split)


def test_bytes_beyond_the_first_chunk_are_named_by_their_place(tmp_path: Path) -> None:
    data = b"some words\n" * 300_000 + b"\xff"
    (tmp_path / "t.txt").write_bytes(data)
    for options in ({}, {"tokenizer": str.split}):
        refused(tmp_path / "t.txt", f"byte {len(data) - 1} is not valid UTF-8", **options)


def test_missing_files(tmp_path: Path) -> None:
    refused(tmp_path / "none.txt", r"none\.txt: no such file")
    refused(str(tmp_path / "*.txt"), r"\*\.txt: no file matches")
    refused(tmp_path, r"is a folder: give its files, for instance '.*\*\.txt'")
    (tmp_path / "t.txt").write_text("a")
    refused([tmp_path / "t.txt", tmp_path / "none.txt"], r"none\.txt: no such file")
    refused([str(tmp_path / "t.txt"), "none.txt"], r"none\.txt: no such file")
    refused(["none.txt", str(tmp_path / "t.txt")], r"none\.txt: no such file")
    refused("", "'' is no path")
    refused("a\0b", "is no path")
    refused(tmp_path / "t.txt" / "x", "cannot be read: Not a directory")


def test_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.txt"
    path.write_text("a")

    def refuse(name: object, *arguments: object, **options: object) -> object:
        if name == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return open(name, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", refuse)
    refused(path, r"t\.txt: cannot be read: Permission denied$")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "a corpus of type int: expected a path, several paths, a glob"),
        (None, "a corpus of type NoneType"),
        ({"a": 1}, "a corpus of type dict"),
        (b"bytes", "bytes were given: expected a path"),
        ([], "the corpus is empty: it holds neither paths nor sentences"),
        ([[]], "the corpus holds no words"),
        (["the cat sat", "on the mat"], r"'the cat sat' is a str and no file: .* \[s.split\(\) for s in …\]"),
        ((s for s in ["the cat sat"]), r"'the cat sat' is a str and no file"),
        (["x" * 500], r"'x{59}'… is a str and no file"),
        ([["a"], "the cat"], "sentence 1 is the str 'the cat': expected a list of words; split each text"),
        ([["a"], ["b", 3]], r"sentence 1, word 1 is of type int \(3\): words are str"),
        ([["a", ""]], "sentence 0, word 1 is empty: split with"),
        ([b"bytes"], "sentence 0 is the bytes b'bytes'"),
        ([3], "sentence 0 is of type int: expected a list of words"),
        (["-", "t.txt"], r"'-' \(standard input\) among several files"),
        ([Path(__file__), ["a"]], "a list among paths: expected paths only"),
    ],
)
def test_bad_sources(source: object, message: str) -> None:
    refused(source, message)


def test_bad_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.txt"
    path.write_text("a")
    refused(path, "errors is 'backslash'; expected 'strict' or 'replace' or 'ignore'", errors="backslash")
    refused(path, "column='text': the source is no Parquet", column="text")
    refused(path, "tokenizer='nltk': expected a function", tokenizer="nltk")
    refused(path, "line 1, from the tokenizer is the str 'A'", tokenizer=str.upper)
    refused(path, "line 1, from the tokenizer is of type NoneType", tokenizer=lambda line: None)
    monkeypatch.setenv("VASTMAX_CACHE_LIMIT", "plenty")
    refused(path, "VASTMAX_CACHE_LIMIT=plenty: expected a size such as 500M or 20G")


def test_standard_input_that_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    for data, message in [(b"", "standard input holds no words"), (b"a\xff", "standard input: byte 1 is not valid")]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        refused("-", message)


# Trouble on the way.


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.txt").write_text("a b c")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(encoded_folder, "_write_all", full)
    for options in ({}, {"cache": False}, {"cache": tmp_path / "elsewhere"}):
        refused(tmp_path / "t.txt", "cannot write the encoded corpus: No space left on device: free some", **options)
    assert not list((tmp_path / "elsewhere" / "scratch").iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_disk_that_is_found_full_when_a_file_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.txt").write_text("a b c")
    real = open

    def opened(path: object, *arguments: object, **options: object) -> object:
        return real("/dev/full" if str(path).endswith(encoded_folder.OFFSETS) else path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(encoded_folder, "open", opened, raising=False)
    refused(tmp_path / "t.txt", "cannot write the encoded corpus: No space left on device: free some")


def test_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    refused("-", "standard input is closed")


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b c")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "t.txt", "file: cannot write the encoded corpus: .* set VASTMAX_CACHE", cache=tmp_path / "file")


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[list[str]]:
        yield ["a"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Corpus(interrupted())
    (tmp_path / "t.txt").write_text("a")

    def tokenizer(line: str) -> list[str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Corpus(tmp_path / "t.txt", tokenizer=tokenizer)


# Memory: a line or a word of any length.

MEASURE = """
import resource, sys
from vastmax.errors import InputError
from vastmax.text import Corpus
if sys.argv[2] == "before":
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
else:
    try:
        print(Corpus(sys.argv[1], cache=False).num_sentences, file=sys.stderr)
    except InputError as error:
        print(error, file=sys.stderr)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kilobytes(path: Path, which: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), which], capture_output=True, text=True, check=True, env=os.environ
    )
    return int(done.stdout), done.stderr


@pytest.mark.parametrize("kind", ["line", "word"])
def test_memory_of_200_megabytes_in_one_line_or_one_word(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.txt"
    block = b"some words and " * 66_667 if kind == "line" else b"x" * 1_000_005
    with open(path, "wb") as file:
        for _ in range(200):
            file.write(block)
    before, _ = peak_kilobytes(path, "before")
    after, said = peak_kilobytes(path, "after")
    path.unlink()
    if kind == "line":
        assert said == "1\n"
    else:
        assert "byte 0 starts a word of more than 65535 bytes" in said
    assert after - before < 40_000  # buffers of a few megabytes each, of 200 MB of text


@pytest.mark.parametrize("text", ["one line\nand another", "the king rules the land. " * 40, "long" * 2000])
def test_a_text_given_as_a_string_is_told_and_not_printed_whole(text: str) -> None:
    with pytest.raises(
        InputError, match=r"is a str of .* characters and no file: .* for a text in memory give"
    ) as told:
        Corpus(text)
    assert len(str(told.value)) < 300


def test_a_sentence_that_names_no_file(tmp_path: Path) -> None:
    refused("the king rules the land", r"no such file; a str names one: for a text in memory give lists of words")
    refused(str(tmp_path / "my corpus.txt"), r"my corpus\.txt: no such file$")


def test_vectors_are_no_text(tmp_path: Path) -> None:
    vectors = WordVectors([f"w{i}" for i in range(40)], np.random.default_rng(0).normal(size=(40, 9)))
    for name in ("v.bin", "v.txt", "v.safetensors"):
        vectors.save(tmp_path / name)
        refused(tmp_path / name, rf"{name}: this is word vectors of .*; expected a text: give it to vastmax neighbours")
    for text in ("3 2\nthree two one\n", "400 2\n", "3 2\na\n", "1 1\nx y\n", "400 50\nfour hundred, fifty\n"):
        (tmp_path / "t.txt").write_text(text)
        assert Corpus(tmp_path / "t.txt", cache=False).num_tokens == len(text.split())
