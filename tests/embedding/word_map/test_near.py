"""Neighbours of every word at once are those that each search finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vastmax.embedding import WordVectors
from vastmax.embedding.cosine import top_ids
from vastmax.embedding.word_map.near import ABSENT, best_of_each_row, nearest_words
from vastmax.progress import Silent


@pytest.mark.parametrize(("V", "D"), [(2, 1), (11, 3), (300, 8), (3000, 5)])
def test_neighbours_are_those_of_a_search(V: int, D: int) -> None:
    rows = np.random.default_rng(V).standard_normal((V, D)).astype(np.float32)
    vectors = WordVectors([str(i) for i in range(V)], rows)
    near = nearest_words(vectors, min(10, V - 1), Silent())
    for word_id in (0, V // 2, V - 1):
        found = vectors.most_similar(str(word_id), topn=min(10, V - 1))
        assert near.cosines[word_id] == pytest.approx([cosine for _, cosine in found], abs=1e-6)
        if D > 1:  # with one dimension all cosines tie, and rounding may break the ties
            assert near.word_ids[word_id].tolist() == [int(word) for word, _ in found]


def test_zero_vectors_have_no_neighbours_and_are_nobodys() -> None:
    near = nearest_words(WordVectors(["a", "zero", "b"], [[1, 0], [0, 0], [1, 1]]), 2, Silent())
    assert near.word_ids.tolist() == [[2, ABSENT], [ABSENT, ABSENT], [0, ABSENT]]
    assert near.cosines[1].tolist() == [0, 0]


def test_one_word_has_no_neighbours() -> None:
    assert nearest_words(WordVectors(["a"], [[1.0]]), 0, Silent()).word_ids.shape == (1, 0)


@given(
    st.integers(1, 200).flatmap(
        lambda n: arrays(np.float32, (3, n), elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.25, 0.5, 1.0]))
    ),
    st.integers(1, 12),
)
def test_the_best_are_among_those_found_in_each_row(scores: np.ndarray, topn: int) -> None:
    rows, columns = best_of_each_row(scores, topn)
    for row in range(3):
        found = columns[rows == row]
        assert set(top_ids(scores[row], topn)) <= set(found)
        assert (scores[row, found] > -np.inf).all()


def test_few_are_found_that_are_not_wanted() -> None:
    scores = np.random.default_rng(0).standard_normal((20, 50_000)).astype(np.float32)
    rows, _ = best_of_each_row(scores, 10)
    assert len(rows) < 20 * 30
