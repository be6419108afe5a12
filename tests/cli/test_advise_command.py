"""`vastmax advise`: tables and words from text or counts, JSON, one-line errors."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vastmax.cli.advise import AdviseOptions
from vastmax.compare.advice import PURPOSES
from vastmax.methods import RECIPES
from vastmax.options import declared

Invoke = Callable[..., Any]  # the fixtures of conftest.py


@pytest.fixture(scope="module")
def counts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zipf's law over 5,000 words."""
    path = tmp_path_factory.mktemp("counts") / "counts.txt"
    path.write_text("".join(f"w{rank}\t{500_000 // rank}\n" for rank in range(1, 5_001)), encoding="utf-8")
    return path


def test_counts_give_tables_and_words(invoke: Invoke, counts_file: Path) -> None:
    ran = invoke("advise", counts_file, "--hidden-size", 64, "--batch", 128)
    assert ran.code == 0, ran.err
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert ["words", "5000"] in rows
    assert {row[1] for row in rows if row[0] == "cost"} == set(RECIPES)
    assert all(len(row) == 7 for row in rows if row[0] == "cost")
    for heading in ("Recommended to train a language model", "Avoid", "Finding the best words", "Note"):
        assert sum(line.startswith(heading) for line in ran.out.splitlines()) == 1
    assert "vastmax compare CORPUS" in ran.out


def test_json_is_the_whole_of_stdout(invoke: Invoke, counts_file: Path) -> None:
    found = invoke("advise", counts_file, "--hidden-size", 64, "--purpose", "score", "--json").json
    assert (found["hidden_size"], found["batch_size"], found["purpose"]) == (64, 1024, "score")
    assert found["facts"]["entropy_bits"] <= found["facts"]["huffman_code_bits"]
    assert [cost["method"] for cost in found["costs"]] == list(RECIPES)
    assert all(cost["work"]["train"]["multiply_adds"] > 0 and cost["published"]["quality"] for cost in found["costs"])
    assert len(found["choice"]["take"]) == 3
    assert found["measurement"] is None


def test_text_is_read_as_by_vocab(invoke: Invoke, corpus_file: Path) -> None:
    facts = invoke("vocab", corpus_file, "--min-count", 130, "--json").json
    advice = invoke("advise", corpus_file, "--min-count", 130, "--json").json
    assert advice["facts"] == {name: facts[name] for name in advice["facts"]}


def test_standard_input_holds_counts_or_text(shell: Invoke, counts_file: Path, corpus_file: Path) -> None:
    counted = shell(f"cat {counts_file} | vastmax advise - --json")
    assert counted.json["facts"]["types"] == 5_000, counted.err
    read = shell(f"cat {corpus_file} | vastmax advise - --json")
    assert read.json["facts"]["tokens"] == len(corpus_file.read_text(encoding="utf-8").split())


def test_a_vocabulary_that_vocab_kept(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "words.vocabulary"
    assert invoke("vocab", corpus_file, "-o", kept).code == 0
    by_words = invoke("advise", kept, "--max-final-vocab", 8, "--json").json
    assert by_words["facts"]["types"] == 8
    assert by_words["costs"] == invoke("advise", corpus_file, "--max-final-vocab", 8, "--json").json["costs"]


def test_measured_steps_stand_beside_foreseen_ones(invoke: Invoke, corpus_file: Path) -> None:
    options = ("--hidden-size", 16, "--batch", 32, "--measure", "--seconds", 1, "--threads", 1)
    ran = invoke("advise", corpus_file, *options)
    assert ran.code == 0, ran.err
    rows = [line.split("\t") for line in ran.out.splitlines() if line.startswith("timed\t")]
    assert [row[1] for row in rows] == list(RECIPES)
    assert "were predicted within a factor of 1.5" in ran.out
    assert "timing each method's step" in ran.err


def test_the_purposes_are_those_of_the_library() -> None:
    assert next(each for each in declared(AdviseOptions) if each.name == "purpose").option.choices == tuple(PURPOSES)


@pytest.mark.parametrize("columns", [80, 120])
def test_nothing_is_wider_than_the_terminal(counts_file: Path, vastmax_on_path: dict[str, str], columns: int) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        ["vastmax", "advise", str(counts_file), "--hidden-size", "1024"],
        env={**vastmax_on_path, "TERM": "dumb", "NO_COLOR": "1"},
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            shown += os.read(leader, 100_000)
        except OSError:  # Linux's way to say that the other end is closed
            break
    os.close(leader)
    assert process.wait(60) == 0
    lines = shown.decode().replace("\r\n", "\n").split("\n")
    assert max(len(line.rstrip()) for line in lines) <= columns
    assert any("adaptive-importance-sampling" in line and "×" in line for line in lines)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no words"),
        (b"word word word\n", "1 word"),
        (b"one\t5\n", "1 word"),
        (b"cat\t3\ndog\t-1\n", "line 2: the count of 'dog' is -1"),
        (b"cat\t-3\n", "line 1: the count of 'cat' is -3"),
        (b"cat\t0\ndog\t0\n", "no word reaches --min-count 1"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00" * 50, "this is a program or a library; expected a text"),
    ],
    ids=["empty", "one-word", "one-count", "negative", "negative-first", "zeros", "binary"],
)
def test_files_that_say_nothing(invoke: Invoke, tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    ran = invoke("advise", path)
    assert says in ran.refused()
    assert ran.out == ""


def test_counts_among_several_files_are_no_text(invoke: Invoke, tmp_path: Path) -> None:
    text, counts = tmp_path / "text.txt", tmp_path / "counts.txt"
    text.write_text("a cat and a dog\n")
    counts.write_text("cat\t3\ndog\t1\n")
    assert "counts.txt contains words and counts; give only that file" in invoke("advise", text, counts).refused()
    assert invoke("advise", text, text).code == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hidden-size", "0"], "--hidden-size is 0"),
        (["--batch", "0"], "--batch is 0"),
        (["--memory", "-1"], "--memory is -1"),
        (["--memory", "nan"], "--memory is nan"),
        (["--purpose", "fun"], "--purpose"),
        (["--threads", "2"], "--threads is for --measure"),
        (["--seconds", "5"], "--seconds is for --measure"),
        (["--measure", "--threads", "0"], "--threads is 0"),
        (["--measure", "--seconds", "0"], "--seconds is 0"),
        (["--lowercase"], "--lowercase is for text"),
        (["--column", "text"], "--column is for text"),
        (["--min-count", "1000000"], "no word reaches"),
    ],
)
def test_options_out_of_range(invoke: Invoke, counts_file: Path, options: list[str], says: str) -> None:
    assert says in invoke("advise", counts_file, *options).refused()


def test_a_path_that_is_not_there(invoke: Invoke) -> None:
    assert "nowhere.txt" in invoke("advise", "nowhere.txt").refused()
