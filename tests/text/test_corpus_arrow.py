"""Parquet files, Arrow files and tables in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from vastmax.errors import InputError
from vastmax.text import Corpus, reading

ROWS = ["the cat", None, "sat\non the mat", ""]
SENTENCES = [["the", "cat"], ["sat"], ["on", "the", "mat"]]


def sentences_of(corpus: Corpus) -> list[list[str]]:
    return [[corpus.vocabulary.word(i) for i in sentence] for sentence in corpus.sentences()]


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "dictionary"])
def test_every_kind_of_text_column(kind: str) -> None:
    kinds = {"string": pa.string(), "large_string": pa.large_string(), "string_view": pa.string_view()}
    column = pa.array(ROWS).dictionary_encode() if kind == "dictionary" else pa.array(ROWS, kinds[kind])
    assert sentences_of(Corpus(pa.table({"n": [1, 2, 3, 4], "text": column}))) == SENTENCES


def test_lists_of_words_are_taken_as_they_are() -> None:
    table = pa.table({"words": [["New York", "a"], [], None, ["a"]]})
    assert sentences_of(Corpus(table)) == [["New York", "a"], ["a"]]
    with pytest.raises(InputError, match=r"the table, row 0, word 1 is of type NoneType \(None\): words are str"):
        Corpus(pa.table({"words": [["a", None]]}))


def test_objects_of_several_kinds() -> None:
    table = pa.table({"text": ROWS})
    for source in (table, table.to_batches()[0], table.to_reader(), table["text"], pa.array(ROWS)):
        assert sentences_of(Corpus(source)) == SENTENCES


class Exporter:
    """A data frame of some other library."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return pa.table({"text": ROWS}).__arrow_c_stream__(requested_schema)


def test_data_frames_of_other_libraries() -> None:
    assert sentences_of(Corpus(Exporter())) == SENTENCES


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_files_are_read_by_batches_and_cached(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "no extension"
    table = pa.table({"text": [f"row {i}" for i in range(20_000)], "n": list(range(20_000))})
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path, row_group_size=3000)
    else:
        pyarrow.feather.write_feather(table, str(path))
    corpus = Corpus(path)
    assert (corpus.num_sentences, corpus.num_tokens, len(corpus.vocabulary)) == (20_000, 40_000, 20_001)
    assert Corpus(path).folder == corpus.folder
    assert Corpus(path, column="text").folder != corpus.folder
    assert Corpus([path, path]).num_sentences == 40_000


def test_options_apply() -> None:
    table = pa.table({"text": ["The THE"]})
    assert sentences_of(Corpus(table, lowercase=True)) == [["the", "the"]]
    assert sentences_of(Corpus(table, tokenizer=list)) == [["T", "h", "e", " ", "T", "H", "E"]]


@pytest.mark.parametrize(
    ("columns", "column", "message"),
    [
        ({"a": ["x"], "b": ["y"]}, None, r"2 columns hold text: choose one with column: 'a', 'b'"),
        ({"a": ["x"], "b": ["y"]}, "c", "no column 'c'; columns of text: 'a', 'b'"),
        ({"a": ["x"], "n": [1]}, "n", "column 'n' holds int64; columns of text: 'a'"),
        ({"n": [1]}, None, "no column holds text or lists of words; columns: n"),
        ({"a": pa.array([None], pa.string())}, None, "the table holds no words"),
        ({"a": ["x", "nul \0"]}, None, "the table, row 1: character 4 is NUL: expected text"),
    ],
)
def test_bad_tables(columns: dict[str, list[object]], column: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Corpus(pa.table(columns), column=column)


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"text": ["a"] * 1000}), path)
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 108) + data[-8:])
    with pytest.raises(InputError, match=r"t.parquet: cannot be read as Arrow data: [^\n]*$"):
        Corpus(path)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"text": ["a"]}), path)
    real = reading.rows_of_file

    def rows_of_file(path: Path, column: str | None) -> Iterator[list[object]]:
        yield from real(path, column)
        pyarrow.parquet.write_table(pa.table({"text": ["another"]}), path)

    monkeypatch.setattr(reading, "rows_of_file", rows_of_file)
    with pytest.raises(InputError, match=r"t.parquet changed while it was read"):
        Corpus(path)


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"text": ["a"]}), path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"t\.parquet: .* needs pyarrow, which is not installed; .*\[arrow\]"):
        Corpus(path)


def test_text_and_tables_do_not_mix(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"text": ["a"]}), tmp_path / "t.parquet")
    (tmp_path / "t.txt").write_text("a")
    with pytest.raises(InputError, match=r"t.parquet is a Parquet or Arrow file, others are text"):
        Corpus([tmp_path / "t.txt", tmp_path / "t.parquet"])
