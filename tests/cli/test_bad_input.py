"""Bad input gets one line that names value and fix, exit code 2, and nothing half-written."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vastmax
from vastmax import embedding
from vastmax.errors import argument

Invoke = Callable[..., Any]  # the fixtures of conftest.py

needs_a_plain_user = pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read and write everything"
)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no words"),
        (b"\n \n\t\n", "no words"),
        (b"word word word word word word\n" * 3, "word"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00" * 50, "a program or a library"),
        (b"good words here\nbut caf\xe9 too\n" * 5, "byte 23"),
        (b"all words differ here\n", "--min-count 5"),
    ],
    ids=["empty", "blank", "one-word", "binary", "latin-1", "rare"],
)
def test_text_that_cannot_be_trained_on(invoke: Invoke, tmp_path: Path, content: bytes, says: str) -> None:
    text, output = tmp_path / "text.txt", tmp_path / "v.safetensors"
    text.write_bytes(content)
    assert says in invoke("embed", text, "-o", output).refused()
    assert list(tmp_path.iterdir()) == [text]


def test_no_word_reaching_min_count_names_the_highest_count(invoke: Invoke, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a b c a\n")
    complaint = invoke("embed", text, "-o", tmp_path / "v.bin").refused()
    assert "highest count is 2" in complaint


@pytest.mark.parametrize("command", ["embed", "vocab"])
@pytest.mark.parametrize("source", ["missing.txt", "*.nothing", "."])
def test_sources_that_are_not_there(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    output = ("-o", "v.safetensors") if command == "embed" else ()
    assert source in invoke(command, source, *output).refused()
    assert list(tmp_path.iterdir()) == []


@needs_a_plain_user
def test_a_source_that_may_not_be_read(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    text = tmp_path / "secret.txt"
    text.write_bytes(corpus_file.read_bytes())
    text.chmod(0)
    assert "secret.txt" in invoke("vocab", text).refused()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--vector-size", 0),
        ("--vector-size", -5),
        ("--window", 0),
        ("--window", -1),
        ("--epochs", 0),
        ("--epochs", -1),
        ("--negative", 0),
        ("--negative", -2),
        ("--min-count", -1),
        ("--max-final-vocab", 0),
        ("--sample", -0.5),
        ("--sample", "nan"),
        ("--ns-exponent", "inf"),
        ("--alpha", 0),
        ("--alpha", -0.1),
        ("--alpha", "nan"),
        ("--min-alpha", -0.1),
        ("--threads", 0),
        ("--threads", -3),
    ],
)
def test_options_out_of_range(invoke: Invoke, corpus_file: Path, tmp_path: Path, option: str, value: object) -> None:
    complaint = invoke("embed", corpus_file, "-o", tmp_path / "v.safetensors", option, value).refused()
    assert f"{option} is " in complaint
    assert str(value) in complaint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--window", "wide"], ["--no-such-option"], ["--epochs", "1.5"]])
def test_options_that_do_not_parse(invoke: Invoke, corpus_file: Path, tmp_path: Path, arguments: list[str]) -> None:
    complaint = invoke("embed", corpus_file, "-o", tmp_path / "v.safetensors", *arguments).refused()
    assert arguments[0] in complaint
    assert complaint.endswith("see vastmax embed --help")


def test_what_is_missing_on_the_command_line(invoke: Invoke, corpus_file: Path) -> None:
    assert "--output" in invoke("embed", corpus_file).refused()
    assert "WORD" in invoke("neighbours", "v.safetensors").refused()
    assert "--pairs" in invoke("evaluate", "v.safetensors").refused()
    assert "embed" in invoke("embedd").refused()


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("missing/v.safetensors", "does not exist"),
        ("folder.safetensors", "is a folder"),
        ("v.unknown", "names no format"),
        ("v.safetensors.gz", "memory-mapped"),
    ],
)
def test_the_output_is_checked_before_any_work(invoke: Invoke, tmp_path: Path, place: str, says: str) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    ran = invoke("embed", "never-read.txt", "-o", tmp_path / place)
    assert says in ran.refused()
    assert ran.err.count("\n") == 1  # no progress: nothing was begun
    assert ran.out == ""
    for others in (
        ["convert", "never-read.bin", tmp_path / place],
        ["vocab", "never-read.txt", "-o", tmp_path / place],
    ):
        if others[0] == "convert" or place.endswith("/v.safetensors"):
            assert "never-read" not in invoke(*others).refused()


def test_a_pipe_or_device_is_not_replaced_by_a_file(
    invoke: Invoke, corpus_file: Path, vectors_file: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"  # never a real device: were the check to fail, root would lose it
    os.mkfifo(pipe)
    assert "it is a device or a pipe" in invoke("embed", corpus_file, "-o", pipe, "--format", "glove").refused()
    assert "it is a device or a pipe" in invoke("convert", vectors_file, pipe, "--format", "glove").refused()
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


@needs_a_plain_user
def test_a_folder_that_may_not_be_written(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot write" in invoke("embed", corpus_file, "-o", tmp_path / "v.safetensors").refused()


def test_a_folder_of_the_system_may_not_be_written(invoke: Invoke, corpus_file: Path) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("no /proc, the one folder that even root cannot write in")
    assert "cannot write" in invoke("embed", corpus_file, "-o", "/proc/v.safetensors").refused()


def test_a_failed_run_leaves_the_old_vectors_alone(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "v.safetensors"
    output.write_bytes(b"precious")
    invoke("embed", corpus_file, "-o", output, "--min-count", "100000").refused()
    assert output.read_bytes() == b"precious"


@pytest.mark.parametrize("command", ["neighbours", "analogy"])
def test_an_unknown_word_gets_the_nearest_spellings(invoke: Invoke, vectors_file: Path, command: str) -> None:
    words = ["shep"] if command == "neighbours" else ["cat", "dog", "shep"]
    ran = invoke(command, vectors_file, *words)
    assert "'shep'" in ran.refused()
    assert "sheep" in ran.err
    assert ran.out == ""


def test_no_results_are_printed_when_one_of_several_words_is_unknown(invoke: Invoke, vectors_file: Path) -> None:
    ran = invoke("neighbours", vectors_file, "cat", "nothing-like-it")
    ran.refused()
    assert ran.out == ""


@pytest.mark.parametrize("option", [("--topn", "-1"), ("--restrict-vocab", "0")])
def test_queries_out_of_range(invoke: Invoke, vectors_file: Path, option: tuple[str, str]) -> None:
    assert option[1] in invoke("neighbours", vectors_file, "cat", *option).refused()


def _truncated(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


@pytest.mark.parametrize("name", ["v.safetensors", "v.txt", "v.bin", "v.glove.txt"])
def test_half_a_vectors_file(invoke: Invoke, vectors_file: Path, tmp_path: Path, name: str) -> None:
    damaged = tmp_path / name
    vastmax.WordVectors.load(vectors_file).save(damaged)
    damaged.write_bytes(_truncated(damaged.read_bytes())[:-3])
    complaint = invoke("neighbours", damaged, "cat").refused()
    assert name in complaint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\x80\x04\x95 a pickle", "pickle"),
        (b"what is this\n", "no format known"),
        (b"1000000000 100\ncat 1 2 3\n", "1000000000"),
        (b"3 2\ncat 1 2\ndog 1\ncow 1 2\n", "2"),
        (b"2 2\ncat 1 2\ncat 3 4\n", "twice"),
        (b"2 2\ncat 1 2\ndog nan 4\n", "nan"),
    ],
    ids=["empty", "pickle", "prose", "billion", "short-row", "duplicate", "nan"],
)
@pytest.mark.parametrize("command", ["neighbours", "convert", "evaluate"])
def test_files_that_are_no_vectors(invoke: Invoke, tmp_path: Path, content: bytes, says: str, command: str) -> None:
    damaged, target = tmp_path / "damaged", tmp_path / "target.bin"
    damaged.write_bytes(content)
    arguments = {"neighbours": ["cat"], "convert": [target], "evaluate": ["--pairs", "pairs.tsv"]}[command]
    complaint = invoke(command, damaged, *arguments).refused()
    assert "damaged" in complaint
    assert says in complaint.lower()
    assert not target.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["neighbours", "bad.vec", "cat"],
        ["analogy", "bad.vec", "cat", "dog", "cow"],
        ["evaluate", "bad.vec", "--pairs", "pairs"],
        ["convert", "bad.vec", "good.vec"],
        ["map", "bad.vec", "-o", "map.html"],
        ["tree", "text", "--kind", "kmeans", "--vectors", "bad.vec"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_bad_lines_of_vectors_are_named_or_left_out(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.vec").write_text("5 2\ncat 1 2\ndog 2 1\nNew York 1 1\ncow 1 3\nhen 2 3\n")
    Path("text").write_text("cat dog cow hen cat dog\n" * 9)
    Path("pairs").write_text("cat dog 1\ncat cow 2\ndog cow 3\n")
    complaint = invoke(*arguments).refused()
    assert "bad.vec: line 4 " in complaint
    assert "leave such lines out with --on-bad-line skip" in complaint
    ran = invoke(*arguments, "--on-bad-line", "skip")
    assert ran.code == 0, ran.err
    assert "vastmax: warning: bad.vec: skipped 1 of 5 lines; the first: line 4 has" in ran.err


@pytest.mark.parametrize("option", ["--pairs", "--analogies"])
@pytest.mark.parametrize(
    "content", [None, b"", b"cat dog\n", b"\xff\xfe\n"], ids=["missing", "empty", "short", "bytes"]
)
def test_evaluation_files_that_do_not_fit(
    invoke: Invoke, vectors_file: Path, tmp_path: Path, option: str, content: bytes | None
) -> None:
    questions = tmp_path / "questions"
    if content is not None:
        questions.write_bytes(content)
    assert "questions" in invoke("evaluate", vectors_file, option, questions).refused()


def test_a_vectors_file_that_is_not_there(invoke: Invoke, tmp_path: Path) -> None:
    for command, *arguments in (["neighbours", "a"], ["analogy", "a", "b", "c"], ["convert", tmp_path / "o.bin"]):
        assert "nowhere.bin" in invoke(command, tmp_path / "nowhere.bin", *arguments).refused()
    assert re.search(r"folder|directory", invoke("neighbours", tmp_path, "a").refused(), re.IGNORECASE)


def test_too_large_for_this_machine(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    complaint = invoke("embed", corpus_file, "-o", tmp_path / "v.bin", "--vector-size", str(10**12)).refused()
    assert "vector" in complaint
    assert list(tmp_path.iterdir()) == []


def test_divergence_at_once_leaves_nothing(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    options = ("--vector-size", "16", "--threads", "1", "--alpha", "1e30")
    complaint = invoke("embed", corpus_file, "-o", tmp_path / "v.safetensors", *options).refused()
    assert "--alpha was 1e+30: try --alpha 0." in complaint
    assert list(tmp_path.iterdir()) == []


def test_divergence_later_keeps_the_last_good_epoch(
    invoke: Invoke, corpus_file: Path, vectors_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = vastmax.WordVectors.load(vectors_file)

    def diverge(*_: object, **__: object) -> vastmax.WordVectors:
        raise embedding.DivergenceError(f"training diverged in epoch 3; try {argument('alpha', 0.01)}", good)

    monkeypatch.setattr("vastmax.embedding.train.train", diverge)
    output = tmp_path / "v.safetensors"
    ran = invoke("embed", corpus_file, "-o", output, "--json")
    assert ran.refused().endswith(f"try --alpha 0.01; the kept vectors are in {output}")
    assert ran.out == ""
    np.testing.assert_array_equal(vastmax.WordVectors.load(output).vectors, good.vectors)


def test_a_demo_folder_that_is_a_file(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in invoke("demo", "-o", tmp_path / "file").refused()
    assert "cannot make" in invoke("demo", "-o", tmp_path / "file" / "below").refused()


def test_debug_adds_the_traceback(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VASTMAX_DEBUG", "")  # put back after the command has set it
    ran = invoke("--debug", "vocab", "missing.txt")
    assert ran.code == 2
    assert "Traceback" in ran.err
    assert ran.err.splitlines()[-1].startswith("vastmax: ")
