"""N-grams are those of the sentences, however they come in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_heads as reference
from vastmax.distribution.ngrams import NGrams
from vastmax.errors import InputError
from vastmax.text import Corpus

Sentences = list[list[int]]


def block(sentences: Sentences) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array([w for sentence in sentences for w in sentence], dtype=np.int32)
    return ids, np.cumsum([0, *map(len, sentences)])


def as_counts(table: NGrams) -> dict[tuple[int, ...], int]:
    found = {}
    for row, context in enumerate(table.contexts.tolist()):
        before = (context,) if table.order == 2 else divmod(context, table.vocab_size)
        for entry in range(table.offsets[row], table.offsets[row + 1]):
            found[(*before, int(table.word_ids[entry]))] = int(table.counts[entry])
    return found


@pytest.mark.parametrize("order", [2, 3])
@settings(max_examples=60, deadline=None)
@given(sentences=st.lists(st.lists(st.integers(0, 6), max_size=9), max_size=6), cut=st.integers(0, 6))
def test_they_are_counted_within_sentences(order: int, sentences: Sentences, cut: int) -> None:
    vocab_size = 5  # so that 5 and 6 are unknown
    expected = reference.ngram_counts(sentences, vocab_size, order)
    whole = NGrams.from_ids(*block(sentences), vocab_size, order)
    assert as_counts(whole) == expected
    parts = NGrams.from_blocks([block(sentences[:cut]), block(sentences[cut:])], vocab_size, order)
    for name in ("contexts", "offsets", "word_ids", "cumulative"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    for row in range(len(whole.contexts)):
        words = whole.word_ids[whole.offsets[row] : whole.offsets[row + 1]]
        assert (np.diff(words) > 0).all()
        assert len(words) > 0
    assert (np.diff(whole.contexts) > 0).all()


def test_a_corpus_gives_its_blocks() -> None:
    corpus = Corpus([["the", "cat", "the", "dog"], ["the", "cat"]], cache=False)
    table = NGrams.from_blocks(corpus.encode_with(corpus.vocabulary).blocks(), len(corpus.vocabulary))
    the, cat, dog = (corpus.vocabulary.id(word) for word in ("the", "cat", "dog"))
    assert as_counts(table) == {(the, cat): 2, (cat, the): 1, (the, dog): 1}


@pytest.mark.parametrize(
    ("ids", "offsets", "vocab_size", "order", "message"),
    [
        ([0, 1], [0, 2], 2, 4, "order is 4; expected 2"),
        ([0, 1], [0, 2], 0, 2, "vocab_size is 0"),
        ([0, 1], [0, 2], 3_000_000, 3, "vocab_size is 3000000; expected at most"),
        ([0, -1], [0, 2], 2, 2, "ids hold -1"),
        ([0.0, 1.0], [0, 2], 2, 2, "type float64; expected integers"),
        ([0, 1], [0, 1], 2, 2, "do not run from 0 to the number of ids, 2"),
        ([0, 1], [0, 2, 1, 2], 2, 2, "do not ascend"),
    ],
)
def test_bad_input_is_refused(ids: list[float], offsets: list[int], vocab_size: int, order: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        NGrams.from_ids(ids, offsets, vocab_size, order)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"offsets": np.array([0, 2, 4])}, "offsets do not run from 0"),
        ({"offsets": np.array([0, 3, 3, 3])}, "offsets do not run from 0"),
        ({"word_ids": np.array([1, 2, 3], np.int32)}, "word_ids hold 1 to 3; expected 0 to 2"),
        ({"word_ids": np.array([1, -2, 0], np.int32)}, "word_ids hold -2"),
        ({"word_ids": np.array([2, 1, 0], np.int32)}, "ascend within each row"),
        ({"word_ids": np.array([1, 1, 0], np.int32)}, "ascend within each row"),
        ({"cumulative": np.array([0, 2, 2, 3])}, "running sums"),
        ({"cumulative": np.array([0, 2, 3])}, "running sums"),
    ],
)
def test_arrays_that_kernels_would_run_out_of_are_refused(changed: dict, message: str) -> None:
    table = NGrams.from_ids([0, 1, 0, 1, 0, 2], [0, 6], vocab_size=3)
    with pytest.raises(InputError, match=message):
        replace(table, **changed)
