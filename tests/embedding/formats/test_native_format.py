"""The native file: everything comes back, from the map, and a damaged header is told, never followed."""

from __future__ import annotations

import json
import struct
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from vastmax.embedding import WordVectors
from vastmax.errors import InputError

WORDS = ["the", "New York", "line\nend", "", "naïve", "東京", "🙂"]


def full() -> WordVectors:
    rng = np.random.default_rng(0)
    padded = rng.normal(size=(7, 16)).astype(np.float32)
    return WordVectors(
        WORDS,
        padded[:, :5],
        counts=[70, 60, 5, 4, 3, 2, 2],
        output_vectors=rng.normal(size=(6, 5)),
        training={"model": "skipgram", "alpha": 0.025, "losses": [1.5, 1.25], "note": "größer"},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    full().save(tmp_path / "v.safetensors")
    return tmp_path / "v.safetensors"


def parts(path: Path, *, checksum: bool = False) -> tuple[dict[str, Any], bytes]:
    """Header and tensors, as vastmax 0.1 wrote them, before there were checksums; or as they are."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    if not checksum:
        del header["__metadata__"]["checksum"]
        header["__metadata__"]["version"] = "1"
    return header, content[8 + length :]


def rewrite(path: Path, header: Any, data: bytes) -> None:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)


def test_all_of_it_comes_back(path: Path) -> None:
    v, original = WordVectors.load(path), full()
    assert v.index_to_key == WORDS
    assert np.array_equal(v.vectors, original.vectors)
    assert np.array_equal(v.counts, original.counts)
    assert np.array_equal(v.output_vectors, original.output_vectors)
    assert v.training == original.training


def test_what_is_not_known_is_not_made_up(tmp_path: Path) -> None:
    WordVectors(["a"], [[1.0]]).save(tmp_path / "v.safetensors")
    v = WordVectors.load(tmp_path / "v.safetensors")
    assert v.counts is None
    assert v.output_vectors is None
    assert v.training == {}


def test_the_matrices_are_mapped_read_only(path: Path) -> None:
    v = WordVectors.load(path)
    for matrix in (v.vectors, v.output_vectors):
        assert isinstance(matrix.base, np.memmap)
        assert not matrix.flags.writeable
        assert matrix.flags.aligned
    assert v.most_similar("the")[0][0] in WORDS
    v.save(path)  # over the very file that is mapped
    assert np.array_equal(WordVectors.load(path).vectors, full().vectors)


def test_the_safetensors_library_reads_our_file(path: Path) -> None:
    with safetensors.safe_open(path, framework="numpy") as file:
        assert file.metadata()["format"] == "vastmax word vectors"
        assert json.loads(file.metadata()["training"])["note"] == "größer"
        assert np.array_equal(file.get_tensor("vectors"), full().vectors)
        assert np.array_equal(file.get_tensor("output_vectors"), full().output_vectors)
        offsets, blob = file.get_tensor("word_offsets"), file.get_tensor("words").tobytes()
    assert [blob[a:b].decode() for a, b in pairwise(offsets)] == WORDS


def test_we_read_the_safetensors_librarys_file(path: Path, tmp_path: Path) -> None:
    metadata = parts(path, checksum=True)[0]["__metadata__"]
    safetensors.numpy.save_file(safetensors.numpy.load_file(path), tmp_path / "theirs.safetensors", metadata)
    v = WordVectors.load(tmp_path / "theirs.safetensors")
    assert v.index_to_key == WORDS
    assert np.array_equal(v.output_vectors, full().output_vectors)


def test_golden_bytes(tmp_path: Path) -> None:
    """The layout is a promise to files that exist; a change needs a new version number."""
    WordVectors(["b", "ä"], [[1.0], [-2.0]], counts=[3, 2]).save(tmp_path / "v.safetensors")
    header, data = parts(tmp_path / "v.safetensors", checksum=True)
    sums = [zlib.crc32(data[start:stop]) for start, stop in ((24, 40), (40, 48), (0, 24), (48, 51))]  # by name
    digits = f"1048576 {','.join(f'{crc:08x}' for crc in sums)}"
    metadata = {"checksum": digits, "format": "vastmax word vectors", "training": "{}", "version": "2"}
    shapes = {"counts": ["I64", [2]], "vectors": ["F32", [2, 1]], "word_offsets": ["I64", [3]], "words": ["U8", [3]]}
    of_header = zlib.crc32(json.dumps({"metadata": metadata, "tensors": shapes}, separators=(",", ":")).encode())
    assert header.pop("__metadata__").items() - {"checksum": 0}.items() == {
        ("format", "vastmax word vectors"),
        ("version", "2"),
        ("training", "{}"),
        ("checksum", f"crc32:{of_header:08x} {digits} "),
    }
    assert header == {
        "word_offsets": {"dtype": "I64", "shape": [3], "data_offsets": [0, 24]},
        "counts": {"dtype": "I64", "shape": [2], "data_offsets": [24, 40]},
        "vectors": {"dtype": "F32", "shape": [2, 1], "data_offsets": [40, 48]},
        "words": {"dtype": "U8", "shape": [3], "data_offsets": [48, 51]},
    }
    assert data == struct.pack("<3q2q2f", 0, 1, 3, 3, 2, 1.0, -2.0) + "bä".encode()


def test_a_nan_is_told_at_the_first_query_with_the_file(tmp_path: Path) -> None:
    WordVectors(["a", "b"], [[1.0], [np.nan]]).save(tmp_path / "nan.safetensors")
    v = WordVectors.load(tmp_path / "nan.safetensors")
    with pytest.raises(InputError, match=r"nan\.safetensors: the vector of 'b' \(row 1\) holds a NaN"):
        v.most_similar("a")


@pytest.mark.parametrize("kept", [0, 5, 8, 9, 100])
def test_a_file_cut_off_in_its_header(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"v\.safetensors: .*(empty|opens no format|cut off|damaged)") as caught:
        WordVectors.load(path)
    assert "\n" not in str(caught.value)


def test_a_file_cut_off_in_its_tensors(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(InputError, match=f"'words' ends at byte {len(content)} by the header, but the file has"):
        WordVectors.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vectors": {"shape": [10**9, 5]}}, r"'vectors' of shape \(1000000000, 5\) takes 20000000000 bytes"),
        ({"vectors": {"data_offsets": [10**12, 10**12 + 140]}}, "'vectors' ends at byte .* by the header"),
        ({"vectors": {"data_offsets": [-140, 0]}}, "the header's entry of 'vectors'"),
        ({"vectors": {"data_offsets": [0]}}, "the header's entry of 'vectors'"),
        ({"vectors": {"shape": [7, 5.0]}}, "the header's entry of 'vectors'"),
        ({"vectors": {"shape": None}}, "the header's entry of 'vectors'"),
        ({"vectors": {"dtype": "F64"}}, "'vectors' is F64 of shape .*expected F32 in 2 dimensions"),
        ({"vectors": {"shape": [35]}}, "expected F32 in 2 dimensions"),
        ({"vectors": {"shape": [5, 7]}}, "5 vectors need"),
        ({"output_vectors": {"shape": [5, 6]}}, "output vectors that differ"),
        ({"__metadata__": {"format": "other"}}, "is not word vectors of vastmax"),
        ({"__metadata__": {"version": "3"}}, "has version 3; this vastmax reads up to 2"),
        ({"__metadata__": {"version": "2"}}, "its checksum is missing"),
        ({"__metadata__": {"version": "new"}}, "in the metadata is unreadable"),
        ({"__metadata__": {"training": "{"}}, "in the metadata is unreadable"),
        ({"__metadata__": {"training": "[1]"}}, "expected an object"),
    ],
)
def test_a_header_that_lies(path: Path, change: dict[str, dict[str, Any]], message: str) -> None:
    header, data = parts(path)
    for name, entry in change.items():
        header[name] |= entry
    rewrite(path, header, data)
    with pytest.raises(InputError, match=message) as caught:
        WordVectors.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["vectors", "words", "word_offsets"])
def test_a_missing_tensor(path: Path, name: str) -> None:
    header, data = parts(path)
    header["other"] = header.pop(name)
    rewrite(path, header, data)
    with pytest.raises(InputError, match=f"the tensor '{name}' is missing"):
        WordVectors.load(path)
    del header["other"]
    rewrite(path, header, data)
    with pytest.raises(InputError, match=r"was to be the first|its tensors end at"):  # a gap
        WordVectors.load(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{" + b"x" * 20, "is not JSON"),
        (b'{"a":1}', "the header's entry of 'a' is 1"),
        (b"{ }", "is not word vectors of vastmax"),
        (b"{\xff}", "is not UTF-8 text"),
    ],
)
def test_a_header_that_is_no_header(path: Path, header: bytes, message: str) -> None:
    rewrite(path, header, b"")
    with pytest.raises(InputError, match=message):
        WordVectors.load(path)


def test_a_header_longer_than_the_file(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 99_000_000) + b'{"a": 1}')
    with pytest.raises(InputError, match="header of 99000000 bytes is announced in a file of 16"):
        WordVectors.load(path)


def test_words_that_do_not_add_up(path: Path) -> None:
    header, data = parts(path)
    begin, end = header["word_offsets"]["data_offsets"]
    offsets = np.frombuffer(data[begin:end], dtype="<i8").copy()
    offsets[2], offsets[3] = offsets[3], offsets[2]
    rewrite(path, header, data[:begin] + offsets.tobytes() + data[end:])
    with pytest.raises(InputError, match="'word_offsets' do not rise"):
        WordVectors.load(path)


def test_words_that_are_not_utf8_or_repeat(path: Path) -> None:
    header, data = parts(path)
    begin, _ = header["words"]["data_offsets"]
    rewrite(path, header, data[:begin] + b"\xff" + data[begin + 1 :])
    with pytest.raises(InputError, match="not UTF-8"):
        WordVectors.load(path)
    offsets = np.array([0, 3, 3, 3, 3, 3, 3, len(data) - begin], dtype="<i8").tobytes()
    where, stop = header["word_offsets"]["data_offsets"]
    rewrite(path, header, data[:where] + offsets + data[stop:])
    with pytest.raises(InputError, match="the word '' comes twice, as entry 2 and entry 3"):
        WordVectors.load(path)


def test_counts_that_cannot_be(path: Path) -> None:
    header, data = parts(path)
    begin, _ = header["counts"]["data_offsets"]
    rewrite(path, header, data[:begin] + struct.pack("<q", -70) + data[begin + 8 :])
    with pytest.raises(InputError, match=r"v\.safetensors: counts .*whole numbers ≥ 0"):
        WordVectors.load(path)


def test_saving_padded_rows_makes_no_second_matrix(tmp_path: Path) -> None:
    """Peak memory of saving a 32 MB view of a padded matrix, by tracemalloc, which numpy reports to."""
    import tracemalloc

    v = WordVectors([str(i) for i in range(80_000)], np.ones((80_000, 112), dtype=np.float32)[:, :100])
    tracemalloc.start()
    v.save(tmp_path / "v.safetensors")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 28e6  # a tile of 16 MB, and the words
    assert (tmp_path / "v.safetensors").stat().st_size > 32e6


def test_a_word_that_no_file_can_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lone surrogate"):
        WordVectors(["\ud800"], [[1.0]]).save(tmp_path / "v.safetensors")
    assert list(tmp_path.iterdir()) == []
