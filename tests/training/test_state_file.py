"""The state of a run on disk: back as it was, or refused; on a full disk an error that says so."""

from __future__ import annotations

import errno
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from vastmax.training.pytorch.state_file import DamagedStateError, read_state, write_state

STATE = {"numbers": torch.arange(10_000), "step": 3, "nested": {"rates": [0.1, 0.2]}}


def altered(data: bytes) -> bytes:
    """Tensors that PyTorch would read without a word."""
    middle = len(data) // 2
    return data[:middle] + bytes(255 - byte for byte in data[middle : middle + 64]) + data[middle + 64 :]


@contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    """A disk that is full after so many bytes, as far as this process can tell."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    write_state(tmp_path / "state", STATE)
    state = read_state(tmp_path / "state")
    assert torch.equal(state.pop("numbers"), STATE["numbers"])
    assert state == {"step": 3, "nested": {"rates": [0.1, 0.2]}}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-100],
        lambda data: data[100:],
        altered,
        lambda data: b" anarchism originated as a term of abuse" * 100,  # which has broken PyTorch's reader
        lambda data: b"PK\x05\x06" + bytes(18),  # an archive of nothing
    ],
    ids=["empty", "cut off", "beginning lost", "altered", "text", "empty archive"],
)
def test_a_damaged_state_is_refused(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "state"
    write_state(path, STATE)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedStateError):
        read_state(path)


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "state")
    with pytest.raises(DamagedStateError, match="no state of a run"):
        read_state(tmp_path / "state")


def test_a_full_disk_is_named_and_leaves_the_state_before(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_state(path, {"step": 2})
    with files_of_at_most(20_000), pytest.raises(OSError, match="nothing was written") as caught:
        write_state(path, STATE)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert read_state(path) == {"step": 2}
    assert list(tmp_path.iterdir()) == [path]
