"""Stop words are gone from the text before anything else happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vastmax.embedding import train_embeddings
from vastmax.errors import InputError
from vastmax.text import Corpus, Vocabulary

STOP_WORDS = ["the", "of", "w3", "elsewhere"]


def sentences() -> list[list[str]]:
    """About a thousand words: one piece of work, so that the learning rate is the same with and without stop words."""
    draw = np.random.default_rng(1)
    words = ["the", "of", *(f"w{i}" for i in range(20))]
    return [[words[i] for i in draw.integers(0, len(words), 10)] for _ in range(80)]


def trained(text: object, **options: Any) -> Any:
    settings = {"vector_size": 8, "min_count": 2, "threads": 1, "epochs": 2, "sample": 1e-2} | options
    return train_embeddings(text, **settings)


@pytest.mark.parametrize("limits", [{}, {"max_final_vocab": 7}, {"min_count": 38}])
def test_it_is_training_on_the_text_without_them(limits: dict[str, int]) -> None:
    text = sentences()
    rest = [[word for word in sentence if word not in STOP_WORDS] for sentence in text]
    with_list = trained(text, stop_words=STOP_WORDS, **limits)
    without = trained(rest, **limits)
    assert list(with_list) == list(without)
    assert not set(STOP_WORDS) & set(with_list)
    # Words equally frequent keep the order of the text, so the ids agree and the vectors do to the last bit.
    assert np.array_equal(with_list.vectors, without.vectors)
    assert np.array_equal(with_list.output_vectors, without.output_vectors)
    assert with_list.training["predictions"] == without.training["predictions"]


def test_without_them_windows_reach_across() -> None:
    text = [["a", "the", "the", "the", "b"]] * 30
    settings = {"window": 1, "sample": 0, "epochs": 1}
    assert trained(text, stop_words=["the"], **settings).training["predictions"] == 60
    assert len(trained(text, stop_words=["the"], **settings)) == 2


def test_the_list_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "stop.txt"
    path.write_bytes(b"\xef\xbb\xbfthe\r\n\n  of \nw3\nelsewhere\n")
    from_file = trained(sentences(), stop_words=path)
    assert from_file.training["stop_words"] == sorted(STOP_WORDS)
    assert np.array_equal(from_file.vectors, trained(sentences(), stop_words=STOP_WORDS).vectors)
    assert np.array_equal(from_file.vectors, trained(sentences(), stop_words=str(path)).vectors)


def test_words_that_do_not_occur_change_nothing() -> None:
    plain = trained(sentences())
    assert np.array_equal(trained(sentences(), stop_words=["elsewhere"]).vectors, plain.vectors)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"stop\.txt: cannot be read: No such file"),
        (b"", r"stop\.txt holds no words: expected one on each line"),
        (b"the\na b\n", r"stop\.txt, line 2: 2 words: expected one on each line"),
        (b"the\n\xff\n", r"stop\.txt, line 2: byte 0 of the line is not valid UTF-8"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "stop.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        trained(sentences(), stop_words=path)


@pytest.mark.parametrize("given", [7, [7], ["the", ""]])
def test_what_is_no_list_of_words_is_refused(given: object) -> None:
    with pytest.raises(InputError, match=r"stop_words holds .*; expected words, or the name of a file"):
        trained(sentences(), stop_words=given)


def test_nothing_left_is_refused() -> None:
    with pytest.raises(InputError, match="all 2 words of the vocabulary were to be left out"):
        trained([["a", "b"]] * 9, stop_words=["a", "b", "c"])


def test_a_vocabulary_without_some_words() -> None:
    v = Vocabulary.from_counts({"a": 9, "b": 7, "c": 7, "d": 1})
    assert v.without(["b", "x"]) == Vocabulary(["a", "c", "d"], [9, 7, 1])
    assert v.without([]) is v
    text = Corpus([["a", "b", "c"], ["b"], ["d", "a"]], cache=False)
    assert [ids.tolist() for ids in text.sentences(v.without(["b"]))] == [[0, 1], [2, 0]]
    with_unknown = v.truncate(min_count=2, unknown="<unk>")
    with pytest.raises(InputError, match="'<unk>' stands for all unknown words"):
        with_unknown.without(["<unk>"])
    assert with_unknown.without(["a"]).unknown == "<unk>"
