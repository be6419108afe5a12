"""Which format a file is, by content or by name; compression; round trips of anything through everything."""

from __future__ import annotations

import gzip
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vastmax.embedding import WordVectors
from vastmax.embedding.formats import ENDINGS, FORMATS, Format
from vastmax.embedding.formats.recognise import recognise
from vastmax.errors import InputError

V = WordVectors(["the", "naïve", "東京"], np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32))
EXACT = tuple(format for format in FORMATS if format != "fasttext-quantized")
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


@pytest.mark.parametrize("format", EXACT)
def test_content_tells_the_format_whatever_the_name(tmp_path: Path, format: str) -> None:
    path = tmp_path / "vectors.dat"
    V.save(path, format)  # type: ignore[arg-type]
    assert recognise(path.read_bytes()[:16384], str(path)) == format
    for given_format in (format, None):
        loaded = WordVectors.load(path, given_format)  # type: ignore[arg-type]
        assert loaded.index_to_key == V.index_to_key
        assert np.array_equal(loaded.vectors, V.vectors)


@pytest.mark.parametrize(("ending", "format"), ENDINGS.items())
def test_the_ending_chooses_when_saving(tmp_path: Path, ending: str, format: str) -> None:
    path = tmp_path / f"v{ending}"
    V.save(path)
    assert recognise(path.read_bytes()[:16384], str(path)) == format.removesuffix("-quantized")


@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize("ending", [".txt", ".glove.txt", ".bin"])
def test_compressed_files(tmp_path: Path, ending: str, compression: str) -> None:
    path = tmp_path / f"v{ending}{compression}"
    V.save(path)
    moved = path.rename(tmp_path / "vectors.dat")  # content alone says how it is compressed
    loaded = WordVectors.load(moved)
    assert loaded.index_to_key == V.index_to_key
    assert np.array_equal(loaded.vectors, V.vectors)


@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize("ending", [".glove", ".txt", ".bin"])
def test_compressed_files_cut_off_or_damaged(tmp_path: Path, ending: str, compression: str) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / f"v{ending}{compression}"
    WordVectors([f"w{i}" for i in range(2000)], rng.normal(size=(2000, 20)).astype(np.float32)).save(path)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:-3], content[:3000] + bytes(500) + content[3500:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError) as caught:
            WordVectors.load(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"1000000000 300\na 1 2\n", b"1 99999999999\na 1 2\n", b"1000000000 300\na \0\1\2\n"]
)
def test_a_compressed_file_that_claims_a_billion_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.txt.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=r"the header (says|promises)"):
        WordVectors.load(path)


def test_several_zstandard_frames_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "v.txt.zst"
    path.write_bytes(b"".join(zstandard.compress(part) for part in (b"2 1\na ", b"1\n", b"b 2\n")))
    assert WordVectors.load(path).vectors.tolist() == [[1], [2]]


def test_the_native_format_is_not_compressed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"drop the \.gz"):
        V.save(tmp_path / "v.safetensors.gz")
    V.save(tmp_path / "v.safetensors")
    (tmp_path / "v.gz").write_bytes(gzip.compress((tmp_path / "v.safetensors").read_bytes()))
    with pytest.raises(InputError, match="decompress it first"):
        WordVectors.load(tmp_path / "v.gz")


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    path = tmp_path / "model.kv"
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Trap(), protocol))
        with pytest.raises(
            InputError, match=r"this is a Python pickle.*KeyedVectors.load\(FILE\).save_word2vec_format"
        ):
            WordVectors.load(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"\0" * 100, b"some prose, no numbers\n", "é\n".encode()])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(InputError, match="opens no format known here; expected a vastmax safetensors file"):
        WordVectors.load(path)


def test_options_and_places(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="format is 'text'; expected one of safetensors, word2vec"):
        WordVectors.load(tmp_path / "v", "text")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="errors is 'lax'; expected one of strict"):
        WordVectors.load(tmp_path / "v", errors="lax")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="duplicates is 'last'; expected one of refuse"):
        WordVectors.load(tmp_path / "v", duplicates="last")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"v\.dat: its ending names no format; use one of .*\.safetensors"):
        V.save(tmp_path / "v.dat")
    with pytest.raises(InputError, match="format is 'text'"):
        V.save(tmp_path / "v.dat", "text")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not exist; make it first"):
        V.save(tmp_path / "missing" / "v.txt")
    with pytest.raises(FileNotFoundError):
        WordVectors.load(tmp_path / "missing.txt")
    with pytest.raises(IsADirectoryError):
        WordVectors.load(tmp_path)


@pytest.mark.parametrize("format", EXACT)
def test_rows_longer_than_the_sample(tmp_path: Path, format: Format) -> None:
    v = WordVectors(["a", "b"], np.random.default_rng(0).normal(size=(2, 5000)).astype(np.float32))
    v.save(tmp_path / "v", format)
    assert np.array_equal(WordVectors.load(tmp_path / "v").vectors, v.vectors)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="this is a pipe"):
        WordVectors.load(tmp_path / "pipe")


def test_only_the_native_format_keeps_the_rest(tmp_path: Path) -> None:
    v = WordVectors(["a"], [[1.0]], counts=[5], output_vectors=[[2.0]], training={"epochs": 5})
    for ending in (".txt", ".bin", ".glove"):
        v.save(tmp_path / f"v{ending}")
        loaded = WordVectors.load(tmp_path / f"v{ending}")
        assert (loaded.counts, loaded.output_vectors, loaded.training) == (None, None, {})


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
any_word = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
plain_word = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=" \t\n\v\f\r\ufeff"), min_size=1, max_size=12
)


@st.composite
def tables(draw: st.DrawFn, words: st.SearchStrategy[str]) -> WordVectors:
    chosen = draw(st.lists(words, min_size=1, max_size=12, unique=True))
    D = draw(st.integers(1, 17))
    return WordVectors(chosen, draw(arrays(np.float32, (len(chosen), D), elements=finite)))


@settings(max_examples=150, deadline=None)
@given(v=tables(plain_word), format=st.sampled_from(["safetensors", "word2vec", "word2vec-binary", "glove"]))
def test_any_vectors_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, v: WordVectors, format: str
) -> None:
    path = tmp_path_factory.mktemp("trip") / ("v.bin" if format == "word2vec-binary" else "v")
    v.save(path, format)  # type: ignore[arg-type]
    loaded = WordVectors.load(path)
    assert loaded.index_to_key == v.index_to_key
    assert loaded.vectors.tobytes() == v.vectors.tobytes()


@settings(max_examples=50, deadline=None)
@given(v=tables(any_word))
def test_the_native_format_holds_any_word(tmp_path_factory: pytest.TempPathFactory, v: WordVectors) -> None:
    path = tmp_path_factory.mktemp("trip") / "v.safetensors"
    v.save(path)
    assert WordVectors.load(path).index_to_key == v.index_to_key


def complaint(path: Path, format: Format | None) -> str | None:
    """The InputError's message, None when the file loads; any other exception is a failure."""
    try:
        WordVectors.load(path, format)
    except InputError as error:
        return str(error)
    return None


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200), start=st.sampled_from([b"", b"3 2\n", b"a 1 2\n", b"\x20\0\0\0\0\0\0\0{"]))
def test_any_bytes_load_or_give_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes
) -> None:
    path = tmp_path_factory.mktemp("noise") / "v"
    path.write_bytes(start + content)
    for format in (None, *FORMATS):
        message = complaint(path, format)
        assert message is None or (message.startswith(str(path)) and "\n" not in message)
