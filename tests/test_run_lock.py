"""Two runs never write the same place at once, and a run that was killed blocks nobody."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import vastmax
from vastmax import run_lock
from vastmax.atomic import process_token
from vastmax.errors import InputError
from vastmax.run_lock import left_by, locked, locked_folder

HOLD = """
import sys, time
from vastmax.atomic import replacing
from vastmax.run_lock import locked, locked_folder
with (locked_folder if sys.argv[2] == "folder" else locked)(sys.argv[1]), replacing(sys.argv[3]) as beside:
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(path: Path, kind: str = "file") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock and writes a file there; killed at the end."""
    written = path / "state" if kind == "folder" else path
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), kind, str(written)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_holder_is_named_and_its_death_frees_the_lock(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out"
    take = locked_folder if kind == "folder" else locked
    with holder(path, kind) as process:
        with pytest.raises(InputError, match=rf"out is being written by process {process.pid} on ") as told, take(path):
            pass
        assert " since 20" in str(told.value)
        assert "(-c " in str(told.value)
    folder = path if kind == "folder" else tmp_path
    assert len(list(folder.iterdir())) == 2, "a lock and a temporary file are left by kill -9"
    with take(path) as lock:
        assert lock.left_by is not None
        assert lock.left_by.pid == process.pid
        assert [name.name for name in folder.iterdir()] == [lock.path.name]
        assert left_by(path) == (lock.left_by if kind == "folder" else None)
    assert not [name for _, _, names in os.walk(tmp_path) for name in names]
    with take(path) as lock:
        assert lock.left_by is None


def test_a_lock_may_be_waited_for(tmp_path: Path) -> None:
    with holder(tmp_path / "out") as process:
        threading.Timer(0.3, lambda: os.kill(process.pid, signal.SIGKILL)).start()
        with locked(tmp_path / "out", wait_seconds=30):
            pass


def test_a_thread_may_take_its_lock_again_and_another_may_not(tmp_path: Path) -> None:
    refused: list[InputError] = []

    def take() -> None:
        try:
            with locked(tmp_path / "out"):
                pass
        except InputError as error:
            refused.append(error)

    with locked(tmp_path / "out"):
        with locked(tmp_path / "sub" / ".." / "out") if (tmp_path / "sub").mkdir() is None else locked(""):
            pass
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        assert str(os.getpid()) in str(refused[0])
        assert (tmp_path / ".out.vastmax-lock").exists()
    take()
    assert len(refused) == 1


def test_a_forked_process_does_not_inherit_the_right(tmp_path: Path) -> None:
    with locked(tmp_path / "out"):
        child = os.fork()
        if child == 0:
            try:
                with locked(tmp_path / "out"):
                    os._exit(1)
            except InputError:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert (tmp_path / ".out.vastmax-lock").exists()


def _count_up(folder: str, rounds: int) -> None:
    """Read, wait, write: a number is lost wherever two do so at once."""
    counter = Path(folder) / "counter"
    for _ in range(rounds):
        with locked(counter, wait_seconds=60):
            number = int(counter.read_text())
            time.sleep(0.0005)
            counter.write_text(str(number + 1))


def test_many_processes_never_hold_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lock files are removed and made again all the time here: nobody may lock one that is gone."""
    monkeypatch.setattr(run_lock, "_SECONDS_BETWEEN_TRIES", 0.0002)
    (tmp_path / "counter").write_text("0")
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_count_up, args=(str(tmp_path), 60)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert (tmp_path / "counter").read_text() == "240"
    assert os.listdir(tmp_path) == ["counter"]


def test_what_is_in_the_way_of_a_lock_stays(tmp_path: Path) -> None:
    mine = tmp_path / ".out.vastmax-lock"
    mine.write_text("the user's own")
    with pytest.raises(InputError, match="was not made by vastmax"), locked(tmp_path / "out"):
        pass
    assert mine.read_text() == "the user's own"
    mine.unlink()
    (tmp_path / "precious").write_text("")
    mine.symlink_to("precious")
    with pytest.raises(InputError, match="cannot lock"), locked(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").read_text() == ""


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="there is a file of that name"), locked_folder(tmp_path / "file"):
        pass
    with pytest.raises(InputError, match="cannot make the folder"), locked_folder(tmp_path / "no" / "folder"):
        pass
    (tmp_path / "kept").mkdir()
    with locked_folder(tmp_path / "kept"), locked_folder(tmp_path / "new"):
        with locked_folder(tmp_path / "new"):
            pass
        assert (tmp_path / "new").is_dir()
    assert (tmp_path / "kept").is_dir(), "an empty folder that was there"
    assert not (tmp_path / "new").exists()


def test_long_names_and_file_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked(tmp_path / ("ä" * 127)):
        pass
    import fcntl

    def unsupported(*_: object) -> None:
        raise OSError(run_lock.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.warns(UserWarning, match="does not support locks"), locked(tmp_path / "out"):
        pass


@pytest.mark.parametrize("train", [vastmax.train_embeddings, vastmax.train_word_model])
def test_calls_from_python_are_kept_apart_too(tmp_path: Path, train: object) -> None:
    sentences = [["the", "king", "rules"], ["the", "queen", "rules"]] * 20
    text = tmp_path / "c.txt"
    text.write_text("\n".join(map(" ".join, sentences)))
    options = {"min_count": 1, "vector_size": 4, "epochs": 1, "threads": 1, "sample": 0}
    for corpus in (str(text), [text]):
        with pytest.raises(InputError, match="corpus and checkpoint are the same file"):
            train(corpus, checkpoint=text, **options)  # type: ignore[operator]
    with pytest.raises(InputError, match="is no checkpoint"):
        train(sentences, checkpoint=text, **options)  # type: ignore[operator]
    assert text.read_text().startswith("the king")
    with holder(tmp_path / "run") as process, pytest.raises(InputError, match=str(process.pid)):
        train(sentences, checkpoint=tmp_path / "run", **options)  # type: ignore[operator]
    train(sentences, checkpoint=tmp_path / "run", **options)  # type: ignore[operator]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
    assert process_token() not in " ".join(os.listdir(tmp_path))
