"""Long runs on the command line: stopped by Ctrl-C, by a signal, by kill -9, by a full disk; resumed to the bit."""

from __future__ import annotations

import errno
import os
import random
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vastmax

Invoke = Callable[..., Any]  # the fixtures of conftest.py

# Seconds of training on one thread, in thousands of pieces; saved every quarter of a second.
OPTIONS = shlex.split("--threads 1 --vector-size 32 --epochs 600 --min-count 1 --checkpoint-minutes 0.004")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    words = np.random.default_rng(0).zipf(1.3, (2000, 8)) % 400
    path.write_text("\n".join(" ".join(f"w{word}" for word in row) for row in words) + "\n")
    return path


@pytest.fixture(scope="module")
def whole(text: Path) -> vastmax.WordVectors:
    """What an uninterrupted run gives."""
    return vastmax.train_embeddings(str(text), threads=1, vector_size=32, epochs=600, min_count=1)


@pytest.fixture
def begin(vastmax_on_path: dict[str, str], text: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """`begin("--resume")` starts the run, writing v.safetensors in an empty folder."""

    def call(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["vastmax", "embed", str(text), "-o", "v.safetensors", *OPTIONS, *more],
            cwd=tmp_path,
            env=vastmax_on_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return call


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1])
        assert time.monotonic() < end
        time.sleep(0.01)


def assert_same(path: Path, whole: vastmax.WordVectors) -> None:
    resumed = vastmax.WordVectors.load(path)
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)
    np.testing.assert_array_equal(resumed.output_vectors, whole.output_vectors)
    for name in ("losses", "predictions", "kept"):
        assert resumed.training[name] == whole.training[name]


@pytest.mark.parametrize(
    ("number", "code", "says"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_run_told_to_stop_says_how_to_go_on_and_that_works(
    begin: Callable[..., subprocess.Popen[str]],
    shell: Invoke,
    whole: vastmax.WordVectors,
    tmp_path: Path,
    number: int,
    code: int,
    says: str,
) -> None:
    process = begin()
    wait_for(tmp_path / "v.safetensors.checkpoint", process)
    process.send_signal(number)
    told = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - told < 10  # on a busy machine; the pieces take milliseconds
    assert process.returncode == code, err
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith(f"vastmax: {says}; v.safetensors.checkpoint holds what was trained; resume with: vastmax ")
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["v.safetensors.checkpoint"]
    if number == signal.SIGTERM:
        return
    ran = shell(last.split("resume with: ")[1])
    assert ran.code == 0, ran.err
    assert_same(tmp_path / "v.safetensors", whole)
    assert [path.name for path in tmp_path.iterdir()] == ["v.safetensors"]


def test_kill_9_at_any_moment_leaves_a_good_checkpoint(
    begin: Callable[..., subprocess.Popen[str]], whole: vastmax.WordVectors, tmp_path: Path
) -> None:
    """A few kills; benchmarks/kill_runs.py does a hundred. They fall into training, saving and reading alike."""
    checkpoint = tmp_path / "v.safetensors.checkpoint"
    moments = random.Random(0)
    for _ in range(4):
        process = begin(*["--resume"] * checkpoint.exists())
        if not checkpoint.exists():
            wait_for(checkpoint, process)
        time.sleep(moments.uniform(0.0, 0.6))
        process.kill()
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0)
        if process.returncode == 0:
            break
        assert checkpoint.exists()
    if checkpoint.exists():
        process = begin("--resume")
        err = process.communicate(timeout=60)[1]
        assert process.returncode == 0, err
    assert_same(tmp_path / "v.safetensors", whole)
    assert [path.name for path in tmp_path.iterdir()] == ["v.safetensors"]


def test_a_run_is_neither_overwritten_nor_resumed_by_mistake(
    begin: Callable[..., subprocess.Popen[str]], invoke: Invoke, text: Path, tmp_path: Path
) -> None:
    process = begin()
    checkpoint = tmp_path / "v.safetensors.checkpoint"
    wait_for(checkpoint, process)
    process.kill()
    process.communicate()
    before = checkpoint.read_bytes()
    options = ("embed", text, "-o", tmp_path / "v.safetensors", *OPTIONS)
    complaint = invoke(*options).refused()
    assert f"resume with: vastmax embed {text} -o {tmp_path}/v.safetensors" in complaint
    assert f"--resume (or start again: rm {checkpoint})" in complaint
    assert "was started with --window 5 (now 4)" in invoke(*options, "--resume", "--window", 4).refused()
    assert "exclude each other" in invoke(*options, "--resume", "--no-checkpoint").refused()
    assert "start without --resume" in invoke(*options, "--resume", "--checkpoint", tmp_path / "other").refused()
    other = tmp_path / "other.txt"
    other.write_text(text.read_text() + "more words\n")
    complaint = invoke("embed", other, *options[2:], "--resume").refused()
    assert "the text is not the one of the checkpoint" in complaint
    assert checkpoint.read_bytes() == before


def test_short_runs_leave_no_checkpoint_and_long_ones_none_when_told_so(
    invoke: Invoke, corpus_file: Path, tmp_path: Path
) -> None:
    for more in ([], ["--no-checkpoint"], ["--checkpoint", tmp_path / "c"]):
        assert invoke("embed", corpus_file, "-o", tmp_path / "v.bin", "--epochs", 2, *more).code == 0
        assert [path.name for path in tmp_path.iterdir()] == ["v.bin"]


def test_a_disk_that_is_full_at_the_end_loses_no_training(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vastmax.embedding.checkpoint_file import Checkpoints

    output = tmp_path / "v.safetensors"
    options = ("embed", corpus_file, "-o", output, "--epochs", 2, "--threads", 1)
    monkeypatch.setattr(Checkpoints, "due_at_epoch_end", lambda self: True)
    with monkeypatch.context() as disk:

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(output))

        disk.setattr(vastmax.WordVectors, "save", full)
        complaint = invoke(*options).refused()
    assert "No space left on device; training is done and" in complaint
    assert complaint.endswith("--resume")
    ran = invoke(*options, "--resume")
    assert ran.code == 0
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def test_a_checkpoint_that_cannot_be_written_is_one_warning(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vastmax.embedding.checkpoint_file import Checkpoints

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("vastmax.embedding.checkpoint_file.write_tensors", full)
    monkeypatch.setattr(Checkpoints, "due_at_epoch_end", lambda self: True)
    ran = invoke("embed", corpus_file, "-o", tmp_path / "v.bin", "--epochs", 3, "--vector-size", 16)
    assert ran.code == 0
    warned = [line for line in ran.err.splitlines() if line.startswith("vastmax: ")]
    assert len(warned) == 1
    assert warned[0].startswith("vastmax: warning: the checkpoint ")
    assert "(No space left on device; nothing was written), and training goes on" in warned[0]


def test_vectors_go_on_with_new_text(invoke: Invoke, corpus_file: Path, vectors_file: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text("the goat and the cow run with a hen\n" * 200)
    options = ("--start-from", vectors_file, "--vector-size", 16, "--epochs", 2, "--threads", 1)
    ran = invoke("embed", more, "-o", tmp_path / "v.safetensors", *options, "--json")
    assert ran.code == 0, ran.err
    before, after = (vastmax.WordVectors.load(path) for path in (vectors_file, tmp_path / "v.safetensors"))
    assert set(after.index_to_key) == {*before.index_to_key, "goat", "hen"}
    np.testing.assert_array_equal(after["paint"], before["paint"])
    assert ran.json["words"] == len(before) + 2
    refused = invoke("embed", more, "-o", tmp_path / "w.bin", "--start-from", vectors_file).refused()
    assert "give --vector-size 16" in refused
