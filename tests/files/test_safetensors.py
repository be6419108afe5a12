"""Vectors in safetensors: nothing is read before it is used, and what is used was checked."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vastmax.embedding import WordVectors
from vastmax.files import checksum, safetensors
from vastmax.files.checksum import BLOCK_BYTES, DamagedFileError

ROWS = 1500  # of 4,000 bytes: six blocks of 1 MiB


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "v.safetensors"
    matrix = np.random.default_rng(0).normal(size=(ROWS, 1000)).astype(np.float32)
    WordVectors([str(i) for i in range(ROWS)], matrix, output_vectors=matrix[:300]).save(path)
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """A file whose vector of the word 1000 has a bit changed."""
    data = bytearray(whole.read_bytes())
    header = safetensors.Header(str(whole))
    place = header.place("vectors", "F32", 2)
    data[header.start + place.begin + 4000 * 1000 + 17] ^= 1
    (tmp_path / "v.safetensors").write_bytes(data)
    return tmp_path / "v.safetensors"


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes were checked, each time."""
    sizes: list[int] = []
    real = checksum.Blocks._check

    def check(self: checksum.Blocks, number: int) -> None:
        sizes.append(number)
        real(self, number)

    monkeypatch.setattr(checksum.Blocks, "_check", check)
    return sizes


def test_loading_reads_no_vectors_and_a_word_its_block(whole: Path, checked: list[int]) -> None:
    v = WordVectors.load(whole)
    assert checked == [0, 0]  # words and their offsets
    del checked[:]
    assert v["3"].shape == (1000,)
    assert v[["3", "4", "1499"]].shape == (3, 1000)
    assert checked == [0, 5]
    assert v.vector_size == 1000
    assert len(v) == ROWS
    v.most_similar("3")
    assert sorted(checked) == [0, 1, 2, 3, 4, 5]
    assert v.output_vectors is not None
    assert len(checked) == 8


def test_damage_is_told_by_the_first_use_of_it_every_time(path: Path) -> None:
    v = WordVectors.load(path)
    assert v["3"].shape == (1000,)
    block = 4000 * 1000 // BLOCK_BYTES * BLOCK_BYTES
    message = rf"v\.safetensors \(vectors\) is damaged: its bytes {block:,} to {block + BLOCK_BYTES:,} do not agree"
    uses: list[Any] = [
        lambda: v["1000"],
        lambda: v[["3", "1000"]],
        lambda: v.similarity("3", "1000"),
        lambda: v.vectors,
        lambda: v.most_similar("3"),
        lambda: v.norms,
        lambda: v.save(path.with_name("new.safetensors")),
        lambda: v.save(path.with_name("new.bin")),
        lambda: pickle.dumps(v),
    ]
    for use in uses:
        for _ in range(2):
            with pytest.raises(DamagedFileError, match=message):
                use()
    assert v.output_vectors is not None
    assert [entry.name for entry in path.parent.iterdir()] == ["v.safetensors"]


def test_who_is_in_a_hurry_gets_what_is_there(path: Path, checked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert WordVectors.load(path, verify=False).most_similar("3")
    monkeypatch.setenv("VASTMAX_VERIFY", "0")
    assert WordVectors.load(path).most_similar("3")
    assert checked == []


def test_pickled_vectors_need_no_file(whole: Path) -> None:
    v = WordVectors.load(whole)
    again = pickle.loads(pickle.dumps(v))
    assert np.array_equal(again.vectors, v.vectors)
    assert np.array_equal(again["7"], v["7"])


def test_a_file_that_takes_the_name_changes_nothing(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    path.write_bytes(whole.read_bytes())
    v = WordVectors.load(path)
    WordVectors(["a"], [[1.0]]).save(path)
    assert np.array_equal(v.vectors, WordVectors.load(whole).vectors)


def test_seal_fits_into_the_room_left_for_it(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    tensors = {
        "b": np.arange(6, dtype=np.int32),
        "a": np.ones((2, 2), dtype=np.float32),
        "empty": np.empty((0, 3), "f4"),
    }
    path = tmp_path / "t.safetensors"
    save_file(tensors, path, {"checksum": safetensors.room_for_checksum(tensors.values())})
    size = path.stat().st_size
    safetensors.seal(path)
    assert path.stat().st_size == size
    header = safetensors.Header(str(path))
    header.require_checksum()
    header.require_all()
    assert header.place("b", "I32", 1).read().tolist() == list(range(6))
    assert header.place("empty", "F32", 2).read().shape == (0, 3)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"\1")
    with pytest.raises(DamagedFileError, match=r"\([ab]\) is damaged"):
        safetensors.Header(str(path)).require_all()
