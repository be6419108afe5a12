"""The text a language model reads: sentence ends, unknown words, every word a target once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vastmax import Corpus
from vastmax.errors import InputError
from vastmax.language_model import SENTENCE_END, UNKNOWN, Streams, language_vocabulary, text_of
from vastmax.language_model.streams import IGNORED

SENTENCES = [["the", "cat", "sat"], ["the", "dog"], ["a", "cat", "and", "the", "dog"], ["sat"]]


def spelled(vocabulary, ids) -> str:
    return " ".join(vocabulary.word(i) for i in ids)


def test_sentences_end_and_rare_words_are_unknown() -> None:
    corpus = Corpus(SENTENCES)
    vocabulary = language_vocabulary(corpus, min_count=2)
    assert dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)) == {
        SENTENCE_END: 4,
        "the": 3,
        "cat": 2,
        "sat": 2,
        "dog": 2,
        UNKNOWN: 2,
    }
    assert (np.diff(vocabulary.counts) <= 0).all()
    text = text_of(corpus, vocabulary)
    assert spelled(vocabulary, text) == ("the cat sat </s> the dog </s> <unk> cat <unk> the dog </s> sat </s>")
    assert np.array_equal(np.bincount(text, minlength=len(vocabulary)), vocabulary.counts)


def test_other_text_is_read_in_the_same_words() -> None:
    vocabulary = language_vocabulary(Corpus(SENTENCES))
    assert vocabulary.counts[vocabulary.id(UNKNOWN)] == 0
    other = Corpus([["the", "zebra"], ["cat"]])
    assert spelled(vocabulary, text_of(other, vocabulary)) == "the <unk> </s> cat </s>"


def test_a_text_with_its_own_unknown_word() -> None:
    corpus = Corpus([["a", "<unk>", "b"], ["a", "<unk>"]])
    vocabulary = language_vocabulary(corpus, min_count=2)
    assert dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)) == {"a": 2, UNKNOWN: 3, SENTENCE_END: 2}


def test_size_is_limited_with_all_its_words() -> None:
    vocabulary = language_vocabulary(Corpus(SENTENCES), max_size=4)
    assert len(vocabulary) == 4
    assert {SENTENCE_END, UNKNOWN, "the"} < set(vocabulary.words)


def test_bad_text() -> None:
    with pytest.raises(InputError, match="the text contains '</s>'"):
        language_vocabulary(Corpus([["a", "</s>"]]))
    with pytest.raises(InputError, match="max_size is 2; expected a whole number of at least 3"):
        language_vocabulary(Corpus(SENTENCES), max_size=2)
    with pytest.raises(InputError, match="use language_vocabulary"):
        text_of(Corpus(SENTENCES), Corpus(SENTENCES).vocabulary)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 7))
def test_every_word_is_a_target_once_after_the_word_before_it(size: int, num_streams: int, bptt: int) -> None:
    text = np.arange(1, size + 1, dtype=np.int32)
    streams = Streams(text, num_streams=num_streams, bptt=bptt, first_id=0)
    batches = list(streams)
    assert len(batches) == len(streams)
    inputs = np.concatenate([s.word_ids.numpy() for s in batches], axis=1)
    targets = np.concatenate([s.target.numpy() for s in batches], axis=1)
    assert all(s.target.shape == s.word_ids.shape and s.target.shape[1] <= bptt for s in batches)
    known = targets != IGNORED
    assert [s.num_words for s in batches] == [int((s.target != IGNORED).sum()) for s in batches]
    assert np.array_equal(targets[known], text)  # row by row: the streams in order are the text
    assert np.array_equal(inputs[known], text - 1)
    assert known[:, 0].all()
    for number in range(len(streams) + 1):
        for rest, whole in zip(streams.batches_from(number), batches[number:], strict=True):
            assert rest.target.equal(whole.target)


def test_bad_streams() -> None:
    with pytest.raises(InputError, match="the text is empty"):
        Streams(np.zeros(0, dtype=np.int32), num_streams=1, bptt=1, first_id=0)
    with pytest.raises(InputError, match="bptt is 0; expected a whole number of at least 1"):
        Streams(np.zeros(3, dtype=np.int32), num_streams=1, bptt=0, first_id=0)
