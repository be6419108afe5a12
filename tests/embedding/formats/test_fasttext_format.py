"""fastText's binary models: what the package wrote is read as it was meant, and written back byte for byte."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding.formats.fasttext import FastTextModel, QuantizedMatrix, read_fasttext, write_fasttext
from vastmax.embedding.formats.fasttext.quantizing import quantized
from vastmax.errors import InputError

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "fasttext"
FACTS = json.loads((GOLDEN / "facts.json").read_text(encoding="utf-8"))
FILES = tuple(FACTS)


def read(raw: bytes, *, size_known: bool = True, output: bool = True) -> FastTextModel:
    return read_fasttext(io.BytesIO(raw), "model.bin", size=len(raw) if size_known else None, output=output)


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_words_labels_and_settings_are_those_that_fasttext_reports(file: str) -> None:
    model, facts = read((GOLDEN / file).read_bytes()), FACTS[file]
    assert len(model.words) == facts["num_words"]
    assert model.words[:5] == facts["first_words"]
    assert model.labels == facts["labels"]
    settings = model.settings
    assert (settings.min_n, settings.max_n, settings.bucket) == (facts["minn"], facts["maxn"], facts["bucket"])
    assert (np.diff(model.counts) <= 0).all()
    assert model.counts[0] > 1


def test_means_of_rows_are_the_vectors_that_fasttext_gives(file: str) -> None:
    model, facts = read((GOLDEN / file).read_bytes()), FACTS[file]
    rows = model.input_rows()
    for word, vector in facts["vectors"].items():
        own = facts["rows"][word]
        expected = rows[own].mean(axis=0) if own else np.zeros(rows.shape[1])
        np.testing.assert_allclose(expected, vector, atol=2e-6, err_msg=word)


def test_a_model_is_written_back_byte_for_byte(file: str) -> None:
    raw = (GOLDEN / file).read_bytes()
    stream = io.BytesIO()
    write_fasttext(stream, read(raw), "model.bin")
    assert stream.getvalue() == raw


def test_reading_does_not_depend_on_knowing_the_size(file: str) -> None:
    raw = (GOLDEN / file).read_bytes()
    with_size, without = read(raw), read(raw, size_known=False)
    assert with_size.words == without.words
    np.testing.assert_array_equal(with_size.input_rows(), without.input_rows())


def test_the_output_matrix_is_left_where_it_is_unless_asked_for(file: str) -> None:
    raw = (GOLDEN / file).read_bytes()
    model = read(raw, output=False)
    assert model.output is None
    with pytest.raises(InputError, match="has output vectors"):
        write_fasttext(io.BytesIO(), model, "again.bin")


def test_quantized_files_hold_codes() -> None:
    with_norms, pruned = (read((GOLDEN / file).read_bytes()).input for file in ("quantized.ftz", "pruned.ftz"))
    assert isinstance(with_norms, QuantizedMatrix)
    assert with_norms.norm_codes is not None
    assert isinstance(pruned, QuantizedMatrix)
    assert pruned.norm_codes is None
    assert [c.shape[1] for c in with_norms.quantizer.centroids] == [2, 2, 1]  # D = 5 in pieces of 2


@pytest.mark.parametrize("share", [0.0001, 0.001, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_one_clear_line(file: str, share: float) -> None:
    raw = (GOLDEN / file).read_bytes()
    for size_known in (True, False):
        with pytest.raises(InputError, match=r"model\.bin: .*(damaged|cut off)"):
            read(raw[: int(len(raw) * share)], size_known=size_known)


def test_any_changed_bytes_give_a_model_or_one_clear_line(file: str) -> None:
    raw = (GOLDEN / file).read_bytes()
    random = np.random.default_rng(3)
    errors = []
    for _ in range(150):
        changed = bytearray(raw)
        begin = int(random.integers(0, 100 if random.random() < 0.5 else len(raw)))
        changed[begin : begin + 4] = random.bytes(len(changed[begin : begin + 4]))
        try:
            read(bytes(changed))
        except InputError as error:
            errors.append(str(error))
    assert len(errors) > 20
    assert all(error.startswith("model.bin: ") and "\n" not in error for error in errors)


def test_a_newer_version_is_named() -> None:
    raw = bytearray((GOLDEN / "skipgram.bin").read_bytes())
    raw[4] = 13
    with pytest.raises(InputError, match="version 13; versions 11 and 12"):
        read(bytes(raw))


def test_vectors_that_are_not_finite_name_the_word() -> None:
    raw = (GOLDEN / "skipgram.bin").read_bytes()
    model = read(raw)
    assert isinstance(model.input, np.ndarray)
    model.input[2, 1] = np.nan
    stream = io.BytesIO()
    write_fasttext(stream, model, "model.bin")
    with pytest.raises(InputError, match="number 2 of the vector of '</s>' is nan"):
        read(stream.getvalue())


def test_words_that_the_format_cannot_hold_are_refused_when_writing() -> None:
    model = read((GOLDEN / "skipgram.bin").read_bytes())
    model.words[3] = "two words"
    with pytest.raises(InputError, match="cannot hold the word 'two words'"):
        write_fasttext(io.BytesIO(), model, "again.bin")


def test_the_error_of_quantized_rows_is_that_of_the_code_length() -> None:
    rows = np.random.default_rng(2).normal(size=(1500, 4)).astype(np.float32)
    errors = [float(np.linalg.norm(quantized(rows, piece_size=size).decoded() - rows)) for size in (2, 4)]
    relative = np.array(errors) / np.linalg.norm(rows)
    assert (relative < [0.10, 0.35]).all()
    assert (np.diff(relative) > 0).all()


@pytest.mark.parametrize("norms", [True, False])
def test_rows_that_can_be_their_own_centroids_stay_as_they_are(norms: bool) -> None:
    rows = np.random.default_rng(4).normal(size=(100, 6)).astype(np.float32)
    rows[7] = 0.0
    coded = quantized(rows, piece_size=3, norms=norms)
    np.testing.assert_allclose(coded.decoded(), rows, atol=2e-3)


def test_quantized_models_come_back_from_a_file() -> None:
    model = read((GOLDEN / "skipgram.bin").read_bytes())
    coded = replace(model, input=quantized(model.input_rows(), piece_size=2))
    stream = io.BytesIO()
    write_fasttext(stream, coded, "model.ftz")
    np.testing.assert_array_equal(read(stream.getvalue()).input_rows(), coded.input_rows())
