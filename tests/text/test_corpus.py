"""Corpus: what the ids, offsets and counts are, whatever the text came from."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax.errors import InputError
from vastmax.text import Corpus, Vocabulary, encode, encoded_folder, encoded_view
from vastmax.text.decoding import as_utf8

TEXT = "the cat sat\n\non the mat\r\nthe\u00a0end"
SENTENCES = [["the", "cat", "sat"], ["on", "the", "mat"], ["the", "end"]]


def sentences_of(corpus: Corpus) -> list[list[str]]:
    words = list(corpus.vocabulary.words)
    return [[words[i] for i in sentence] for sentence in corpus.sentences()]


def check(corpus: Corpus, sentences: list[list[str]]) -> None:
    """Everything a corpus says about itself, against the sentences it is made of."""
    tokens = [word for sentence in sentences for word in sentence]
    counts = Counter(tokens)
    v = corpus.vocabulary
    assert list(v.words) == [word for word, _ in counts.most_common()]  # which keeps first-seen order among ties
    assert v.counts.tolist() == [n for _, n in counts.most_common()]
    assert corpus.num_tokens == len(tokens) == v.num_tokens
    assert corpus.num_sentences == len(sentences)
    expected = v.ids(tokens)
    offsets = np.cumsum([0, *map(len, sentences)])
    assert corpus.ids.dtype == np.int32
    assert corpus.sentence_offsets.dtype == np.int64
    np.testing.assert_array_equal(corpus.ids, expected)
    np.testing.assert_array_equal(corpus.sentence_offsets, offsets)
    np.testing.assert_array_equal(corpus.read_ids(0, len(tokens)), expected)
    np.testing.assert_array_equal(corpus.read_offsets(0, len(offsets)), offsets)
    assert sentences_of(corpus) == sentences


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(TEXT.encode())
    corpus = Corpus(path)
    check(corpus, SENTENCES)
    check(Corpus(str(path)), SENTENCES)
    assert repr(corpus) == "Corpus(8 tokens, 3 sentences, 6 types)"


def test_maps_are_read_only(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b")
    corpus = Corpus(tmp_path / "t.txt")
    with pytest.raises(ValueError, match="read-only"):
        corpus.ids[0] = 1


def test_several_files_in_the_order_given(tmp_path: Path) -> None:
    for name, text in {"b.txt": "one two", "a.txt": "\ufeffthree\n", "empty.txt": ""}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    in_order = [tmp_path / "b.txt", tmp_path / "empty.txt", tmp_path / "a.txt"]
    check(Corpus(in_order), [["one", "two"], ["three"]])
    check(Corpus([str(path) for path in in_order]), [["one", "two"], ["three"]])
    check(Corpus(path for path in in_order), [["one", "two"], ["three"]])
    check(Corpus(str(tmp_path / "?.txt")), [["three"], ["one", "two"]])  # a glob is sorted


def test_a_file_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("brackets")
    (tmp_path / "a1.txt").write_text("none")
    assert list(Corpus(tmp_path / "a[1].txt").vocabulary.words) == ["brackets"]


def test_lists_of_words(tmp_path: Path) -> None:
    check(Corpus(SENTENCES), SENTENCES)
    check(Corpus(iter(SENTENCES)), SENTENCES)
    check(Corpus(tuple(words) for words in [*SENTENCES, []]), SENTENCES)
    check(Corpus([["New York", "a b"]]), [["New York", "a b"]])


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    for data in (TEXT.encode(), gzip.compress(TEXT.encode())):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        check(Corpus("-"), SENTENCES)


def test_a_pipe_by_name(tmp_path: Path) -> None:
    import threading

    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(TEXT.encode()))
    writer.start()
    check(Corpus(tmp_path / "pipe"), SENTENCES)
    writer.join()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), max_size=8), max_size=20
    ).filter(any)
)
def test_any_lists_of_words(sentences: list[list[str]]) -> None:
    with Corpus(sentences, cache=False) as corpus:
        check(corpus, [words for words in sentences if words])


def test_long_corpora_are_renumbered_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded_folder, "RENUMBER_IDS", 7)
    monkeypatch.setattr(encoded_view, "BLOCK_TOKENS", 5)
    monkeypatch.setattr(encoded_view, "_BLOCK_SENTENCES", 2)
    rng = np.random.default_rng(3)
    sentences = [[f"w{n}" for n in rng.zipf(1.5, size)] for size in rng.integers(1, 12, 200).tolist()]
    (tmp_path / "t.txt").write_text("\n".join(map(" ".join, sentences)))
    check(Corpus(tmp_path / "t.txt"), sentences)
    check(Corpus(sentences), sentences)


# Options.


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_lowercase_equals_lowercasing_the_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("t") / "t.txt"
    text = text.removeprefix("\ufeff") + " ΟΔΟΣ Σ ΣΑΣ\nİstanbul THE the The"
    path.write_bytes(text.encode())
    with Corpus(path, lowercase=True, cache=False) as corpus:
        check(corpus, [line.split() for line in text.lower().split("\n") if line.split()])


def test_lowercase_of_words_that_come_as_lists() -> None:
    check(Corpus([["The", "the"], ["New York"]], lowercase=True), [["the", "the"], ["new york"]])


def test_errors_replace(tmp_path: Path) -> None:
    data = b"caf\xe9 \x00 end\xe3\x80\n\xff\xfe"
    (tmp_path / "t.txt").write_bytes(data)
    expected = [line.split() for line in data.decode("utf-8", "replace").split("\n")]
    check(Corpus(tmp_path / "t.txt", errors="replace"), expected)
    check(Corpus(tmp_path / "t.txt", errors="replace", tokenizer=str.split), expected)


def test_a_tokenizer_gets_the_lines(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes("\ufeffone-two\n\nthree\r\nlast-é".encode())
    seen: list[str] = []

    def tokenizer(line: str) -> list[str]:
        seen.append(line)
        return line.strip().split("-") if line else []

    check(Corpus(tmp_path / "t.txt", tokenizer=tokenizer), [["one", "two"], ["three"], ["last", "é"]])
    assert seen == ["one-two", "", "three\r", "last-é"]


def test_a_tokenizer_works_across_chunks(tmp_path: Path) -> None:
    lines = [f"word{n} " * (n % 50) for n in range(20_000)]  # some 4 MB: several chunks
    (tmp_path / "t.txt").write_text("\n".join(lines))
    plain, custom = Corpus(tmp_path / "t.txt"), Corpus(tmp_path / "t.txt", tokenizer=str.split)
    assert custom.vocabulary == plain.vocabulary
    np.testing.assert_array_equal(custom.ids, plain.ids)
    np.testing.assert_array_equal(custom.sentence_offsets, plain.sentence_offsets)


# Other vocabularies.


def test_a_truncated_vocabulary_is_a_prefix_of_the_ids() -> None:
    corpus = Corpus(SENTENCES)
    v = corpus.vocabulary.truncate(max_size=2)
    assert [s.tolist() for s in corpus.sentences(v)] == [
        [i for i in s.tolist() if i < 2] for s in corpus.sentences() if (s < 2).any()
    ]
    view = corpus.encode_with(v)
    assert view.num_tokens == 4
    assert view.num_outside == 4


def test_held_out_text_in_the_ids_of_training_text() -> None:
    training = Corpus([["a", "a", "b", "b", "b", "c"]])
    held_out = Corpus([["c", "x", "a"], ["x"], ["b"]])
    v = training.vocabulary
    assert [s.tolist() for s in held_out.encode_with(v).sentences()] == [[2, 1], [0]]
    with_unknown = v.truncate(min_count=2, unknown="<unk>")
    assert list(with_unknown.words) == ["b", "a", "<unk>"]
    view = held_out.encode_with(with_unknown)
    assert [s.tolist() for s in view.sentences()] == [[2, 2, 1], [2], [0]]
    assert (view.num_tokens, view.num_outside) == (5, 3)
    ids, offsets = next(view.blocks())
    assert (ids.tolist(), offsets.tolist()) == ([2, 2, 1, 2, 0], [0, 3, 4, 5])
    assert [s.tolist() for s in held_out.sentences(v)] == [[2, 1], [0]]


def test_an_unknown_word_in_the_text_is_not_outside() -> None:
    corpus = Corpus([["<unk>", "a", "a", "x"]])
    view = corpus.encode_with(Vocabulary.from_counts({"a": 2}).truncate(unknown="<unk>"))
    assert [s.tolist() for s in view.sentences()] == [[1, 0, 0, 1]]
    assert view.num_outside == 1


def test_reading_outside_the_corpus() -> None:
    corpus = Corpus(SENTENCES)
    assert corpus.read_ids(8, 8).tolist() == []
    for start, stop in [(0, 9), (-1, 3), (3, 2)]:
        with pytest.raises(InputError, match=rf"\[{start}, {stop}\) does not lie within \[0, 8\)"):
            corpus.read_ids(start, stop)


# Life and death of the files.


def test_files_go_with_the_corpus_when_they_are_not_to_be_kept(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(TEXT, encoding="utf-8")
    corpus = Corpus(tmp_path / "t.txt", cache=False)
    folder, ids = corpus.folder, corpus.ids
    assert folder.is_dir()
    del corpus
    gc.collect()
    assert not folder.exists()
    assert ids.tolist() == [0, 1, 2, 3, 0, 4, 0, 5]  # what was mapped stays good
    with Corpus(tmp_path / "t.txt", cache=False) as corpus:
        folder = corpus.folder
    assert not folder.exists()


def test_standard_input_and_lists_leave_nothing_behind(cache_folder: Path) -> None:
    corpus = Corpus(SENTENCES)
    assert corpus.folder.is_relative_to(cache_folder)
    corpus.close()
    assert not any(path.is_file() for path in cache_folder.rglob("*"))


class Recorder:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, float | None, str]] = []
        self.updates: list[tuple[float, dict[str, float | str]]] = []
        self.ended = 0

    def begin(self, phase: str, total: float | None, unit: str) -> None:
        self.phases.append((phase, total, unit))

    def update(self, done: float, **readings: float | str) -> None:
        self.updates.append((done, readings))

    def end(self) -> None:
        self.ended += 1


def test_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "_REPORT_SECONDS", 0.0)
    text = "some words\n" * 200_000
    (tmp_path / "t.txt").write_text(text)
    progress = Recorder()
    Corpus(tmp_path / "t.txt", progress=progress)
    assert progress.phases == [("Reading", len(text), "B")]
    assert [done for done, _ in progress.updates] == [1 << 20, 2 << 20, len(text), len(text)]
    assert all(readings["words_per_second"] > 0 for _, readings in progress.updates[:-1])  # type: ignore[operator]
    assert progress.ended == 1
    for source, phase in [(SENTENCES, ("Reading", None, "sentences"))]:
        progress = Recorder()
        Corpus(source, progress=progress)
        assert progress.phases == [phase]


def test_wiki8(data_folder: Path) -> None:
    """The facts of a real corpus: tokens, and words at min_count 5, as its description gives them."""
    corpus = Corpus(data_folder / "wiki8.txt.xz")
    assert corpus.num_tokens == 13_451_430
    v = corpus.vocabulary.truncate(min_count=5)
    assert (len(v), v.num_tokens) == (63_321, 13_192_224)


@pytest.mark.parametrize("cache", [True, False])
def test_bytes_that_are_not_utf8(tmp_path: Path, cache: bool) -> None:
    """Decoded as Python does, whatever pieces the file is read in."""
    data = "café naïve\nÿ la mode\n".encode("latin-1") * 3
    (tmp_path / "latin.txt").write_bytes(data)

    def words(**options: str) -> list[list[str]]:
        corpus = Corpus(tmp_path / "latin.txt", cache=tmp_path / "cache" if cache else False, **options)  # type: ignore[arg-type]
        return [[corpus.vocabulary.word(word_id) for word_id in ids] for ids in corpus.sentences()]

    for options in ({"encoding": "latin-1"}, {"errors": "ignore"}, {"errors": "replace"}):
        text = data.decode(options.get("encoding", "utf-8"), options.get("errors", "strict"))
        assert words(**options) == [line.split() for line in text.splitlines()]
    with pytest.raises(InputError, match="byte 3 is not valid ascii: name another encoding"):
        words(encoding="ascii")
    with pytest.raises(InputError, match="encoding='latin-17': expected the name of an encoding"):
        words(encoding="latin-17")


def test_characters_that_pieces_cut() -> None:
    pieces = [bytes([byte]) for byte in "aé€𝄞b".encode()]
    assert b"".join(as_utf8(pieces, "t", "utf-8", "ignore")) == "aé€𝄞b".encode()
    with pytest.raises(InputError, match="t: byte 2 is not valid utf-8"):
        list(as_utf8([b"a", b"b", b"\xe2", b"x"], "t", "utf-8", "strict"))


def test_items_that_are_whole_numbers() -> None:
    corpus = Corpus([[7, 1071], np.array([7, 5])])
    assert list(corpus.vocabulary.words) == ["7", "1071", "5"]
    with pytest.raises(InputError, match=r"sentence 0, word 1 is of type float \(1.5\): words are str"):
        Corpus([[7, 1.5]])
