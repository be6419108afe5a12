"""Ctrl-C, full disks and closed pipes: one line or none, the right code, no file that should not be there."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vastmax
from vastmax.cli.entry import main

Invoke = Callable[..., Any]  # the fixtures of conftest.py


def test_ctrl_c_while_training_without_a_checkpoint_leaves_no_file(
    vastmax_on_path: dict[str, str], corpus_file: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = tmp_path_factory.mktemp("said") / "stderr"
    with said.open("w") as stderr:
        process = subprocess.Popen(
            ["vastmax", "embed", str(corpus_file), "-o", "v.safetensors", "--epochs", "1000000", "--no-checkpoint"],
            cwd=tmp_path,
            env=vastmax_on_path,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    end = time.monotonic() + 60
    while "Training: " not in said.read_text():  # the first line of progress comes after five seconds
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=30)[0]
    assert process.returncode == 130
    assert out == b""
    assert said.read_text().splitlines()[-1] == "vastmax: interrupted; v.safetensors was not written"
    assert "Traceback" not in said.read_text()
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_the_commands_are_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted:
        @property
        def run(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "vastmax.cli.main", Interrupted())
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "vastmax: interrupted; nothing was written\n"


def test_ctrl_c_while_waiting_for_standard_input(vastmax_on_path: dict[str, str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    process = subprocess.Popen(
        ["vastmax", "embed", "-", "-o", "v.bin"],
        cwd=tmp_path,
        env=vastmax_on_path,
        stdin=reader,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(writer, b"some words\n")
    end = time.monotonic() + 60
    while any(fcntl.ioctl(reader, termios.FIONREAD, bytes(4))):  # what nobody has read yet
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    os.close(writer)
    err = process.communicate(timeout=30)[1]
    os.close(reader)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_seen_enough_is_no_error(shell: Invoke, vectors_file: Path) -> None:
    ran = shell(f"{{ vastmax neighbours {vectors_file} cat; echo code $? >&2; }} | true")
    assert ran.err in ("code 141\n", "code 0\n")  # 0 where the lines were written before `true` had gone
    ran = shell(f"{{ vastmax neighbours {vectors_file} {'cat ' * 20_000} --topn 3; echo code $? >&2; }} | head -n 1")
    assert ran.err == "code 141\n"
    assert ran.out.startswith("cat\t")


def test_a_full_disk_behind_stdout_is_one_line(shell: Invoke, vectors_file: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    ran = shell(f"vastmax neighbours {vectors_file} cat > /dev/full")
    assert ran.refused() == "vastmax: No space left on device"


def test_a_process_that_is_terminated_tidies_up(vastmax_on_path: dict[str, str], tmp_path: Path) -> None:
    process = subprocess.Popen(
        ["vastmax", "vocab", "-", "--no-cache"],
        env={**vastmax_on_path, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,  # never ends
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 60
    while not list(tmp_path.glob("vastmax-*/*")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    assert list(tmp_path.iterdir()) == []
    process.communicate()


@pytest.mark.parametrize("name", ["v.safetensors", "v.txt", "v.bin", "v.glove.gz"])
def test_a_disk_that_fills_up_leaves_nothing(
    vastmax_on_path: dict[str, str], vectors_file: Path, tmp_path: Path, name: str
) -> None:
    # A limit on the size of files stands for the end of the disk: the write fails in the middle, in the same place.
    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    (tmp_path / name).write_bytes(b"old")
    done = subprocess.run(
        ["vastmax", "convert", str(vectors_file), name],
        cwd=tmp_path,
        env=vastmax_on_path,
        capture_output=True,
        text=True,
        preexec_fn=limit_files,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("vastmax: ")
    assert name in done.stderr
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_disk_that_fills_up_while_reading_the_corpus(
    vastmax_on_path: dict[str, str], corpus_file: Path, tmp_path: Path
) -> None:
    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = subprocess.run(
        ["vastmax", "embed", str(corpus_file), "-o", "v.bin", "--no-cache"],
        cwd=tmp_path,
        env=vastmax_on_path,
        capture_output=True,
        text=True,
        preexec_fn=limit_files,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("vastmax: ")
    assert list(tmp_path.iterdir()) == []


def test_the_terminal_gets_nothing_but_results(shell: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    ran = shell(f"vastmax embed {corpus_file} -o v.bin --vector-size 16 --epochs 2 2>progress >result")
    assert (ran.out, ran.err) == ("", "")
    assert (tmp_path / "result").read_text().startswith("v.bin: ")
    assert "words/s" in (tmp_path / "progress").read_text()
    assert len(vastmax.WordVectors.load(tmp_path / "v.bin")) > 10
