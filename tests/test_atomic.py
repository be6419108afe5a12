"""A file is the old one or the complete new one, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from pathlib import Path

import pytest

from vastmax import atomic
from vastmax.atomic import process_token, remove_temporaries, replacing
from vastmax.errors import InputError


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".vastmax-")]


def write_half(target: Path, trouble: BaseException) -> None:
    with replacing(target) as beside:
        beside.write_text("half")
        raise trouble


def test_the_file_appears_only_when_the_block_has_ended(tmp_path: Path) -> None:
    target = tmp_path / "new.txt"
    with replacing(target) as beside:
        beside.write_text("complete")
        assert beside.parent == tmp_path
        assert not target.exists()
    assert target.read_text() == "complete"
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("trouble", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_any_exception_keeps_the_old_file_and_leaves_nothing_behind(
    tmp_path: Path, trouble: type[BaseException]
) -> None:
    target = tmp_path / "kept.txt"
    target.write_text("old")
    with pytest.raises(trouble):
        write_half(target, trouble())
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["kept.txt"]


def test_a_disk_that_is_full_is_reported_for_the_path_the_user_gave(tmp_path: Path) -> None:
    target = tmp_path / "big.bin"
    with pytest.raises(OSError, match=r"nothing was written.*big\.bin") as caught:
        write_half(target, OSError(errno.ENOSPC, "No space left on device"))
    assert caught.value.errno == errno.ENOSPC
    assert ".vastmax-" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_write_the_system_refuses_half_way(tmp_path: Path) -> None:
    """The real thing in place of a raised imitation: the process may not write files of more than 64 KiB."""
    target = tmp_path / "limited.bin"
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, old_limit[1]))
    try:
        with pytest.raises(OSError, match=r"nothing was written.*limited\.bin"), replacing(target) as beside:
            beside.write_bytes(b"x" * (1 << 17))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert os.listdir(tmp_path) == []


def test_permissions(tmp_path: Path) -> None:
    target = tmp_path / "mode.txt"
    old_mask = os.umask(0o027)
    try:
        with replacing(target) as beside:
            beside.write_text("first")
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    target.chmod(0o604)
    with replacing(target) as beside:
        beside.write_text("second")
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    real, link = tmp_path / "store" / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    with replacing(link) as beside:
        assert beside.parent == real.parent
        beside.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_what_cannot_be_written_is_refused_before_the_block_runs(tmp_path: Path) -> None:
    entered = False
    pipe = tmp_path / "pipe"  # never a real device: were the check to fail, root would lose it
    os.mkfifo(pipe)
    for path, message in (
        (tmp_path / "missing" / "a.txt", "missing does not exist; make it first"),
        (tmp_path, "it is a folder"),
        (pipe, "a device or a pipe"),
    ):
        with pytest.raises(InputError, match=message), replacing(path):
            entered = True
    assert not entered
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_or_file_without_write_permission(tmp_path: Path) -> None:
    protected = tmp_path / "protected.txt"
    protected.write_text("old")
    protected.chmod(0o444)
    with pytest.raises(InputError, match="write-protected"), replacing(protected):
        pass
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(InputError, match="Permission denied in the folder"), replacing(tmp_path / "new.txt"):
            pass
    finally:
        tmp_path.chmod(0o755)


def test_temporary_files_take_no_name_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_numbers", iter((1, 2, 3)))
    theirs = [tmp_path / f".vastmax-{process_token()}-{number}.tmp" for number in (1, 2)]
    for path in theirs:
        path.write_text("somebody else's")
    with replacing(tmp_path / "new") as beside:
        beside.write_text("new")
    assert [path.read_text() for path in theirs] == ["somebody else's"] * 2
    assert (tmp_path / "new").read_text() == "new"


def test_only_the_temporary_files_of_one_process_are_removed(tmp_path: Path) -> None:
    for name in (".vastmax-aa-1.tmp", ".vastmax-aa-12.tmp", ".vastmax-ab-1.tmp", ".vastmax-aa.tmp", "vastmax-aa-1.tmp"):
        (tmp_path / name).touch()
    remove_temporaries(tmp_path, "aa")
    assert sorted(os.listdir(tmp_path)) == [".vastmax-aa.tmp", ".vastmax-ab-1.tmp", "vastmax-aa-1.tmp"]


def test_a_forked_process_has_a_token_of_its_own() -> None:
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, process_token().encode())
        os._exit(0)
    os.wait()
    assert os.read(reading, 100).decode() != process_token()
    os.close(reading)
    os.close(writing)
