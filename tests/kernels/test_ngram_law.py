"""Laws after contexts and responsibilities, against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax.distribution.ngrams import NGrams
from vastmax.kernels.ngram_law import row_laws, row_responsibilities

pytestmark = pytest.mark.compiled_once

ROWS, EXAMPLES = 7, 9


def table(dense: np.ndarray) -> NGrams:
    """The same as a table in which row r is context r."""
    offsets = np.concatenate([[0], np.cumsum((dense > 0).sum(axis=1))])
    cumulative = np.concatenate([[0], np.cumsum(dense[dense > 0])])
    columns = np.nonzero(dense)[1].astype(np.int32)
    return NGrams(2, dense.shape[1], np.arange(len(dense)), offsets, columns, cumulative)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    vocab_size=st.sampled_from([1, 63, 64, 65, 300, 3000]),
    density=st.sampled_from([0.05, 0.9, 1.0]),
    num_words=st.integers(0, 40),
)
def test_laws_and_responsibilities(seed: int, vocab_size: int, density: float, num_words: int) -> None:
    """Rows are read where they are short beside the wanted words, and searched where they are long."""
    rng = np.random.default_rng(seed)
    dense = rng.choice([1, 2, 8, 254, 255, 256, 70_000], size=(ROWS, vocab_size)) * (
        rng.random((ROWS, vocab_size)) < density
    )
    dense[:, 0] += 1  # no context without words
    law = dense / dense.sum(axis=1, keepdims=True)
    rows = rng.integers(0, ROWS, size=5)
    row_weight = rng.random(5).astype(np.float32)
    words = np.sort(rng.choice(vocab_size, size=min(num_words, vocab_size), replace=False)).astype(np.int64)
    is_noise = rng.random(len(words)) < 0.6
    noise_of_word = np.where(is_noise, np.cumsum(is_noise) - 1, -1).astype(np.int32)
    mean = np.full(len(words), 0.25)
    laws = row_laws(table(dense), rows, row_weight, words=words, noise_of_word=noise_of_word, mean=mean)
    here = law[np.ix_(rows, words)]
    np.testing.assert_allclose(mean, 0.25 + row_weight @ here, rtol=1e-6)
    assert len(laws) == (here[:, is_noise] > 0).sum()
    num_noise = int(is_noise.sum())
    share, unigram = rng.random(5).astype(np.float32), (0.01 + rng.random(num_noise)).astype(np.float32)
    example_row = rng.integers(-1, 5, size=EXAMPLES)
    weight = rng.random((EXAMPLES, num_noise + seed % 3)).astype(np.float32)[:, :num_noise]
    claimed = np.zeros(5)
    row_responsibilities(laws, share, unigram, example_row, weight, claimed=claimed)
    expected = np.zeros(5)
    for i, r in enumerate(example_row):
        if r >= 0:
            of_table = share[r] * here[r, is_noise]
            expected[r] += (weight[i] * of_table / (of_table + (1 - share[r]) * unigram)).sum()
    np.testing.assert_allclose(claimed, expected, rtol=1e-4, atol=1e-6)


def test_bad_arguments_are_refused() -> None:
    pairs = table(np.ones((2, 3), dtype=np.int64))
    weight, mean, noise = np.ones(1, np.float32), np.zeros(2), np.zeros(2, np.int32)
    row, words = np.array([0]), np.array([0, 2])
    with pytest.raises(ValueError, match="a row is out of range"):
        row_laws(pairs, np.array([2]), weight, words=words, noise_of_word=noise, mean=mean)
    for wrong in ([0, 3], [1, 1], [2, 0], [-1, 0]):
        with pytest.raises(ValueError, match="do not ascend, or are out of range"):
            row_laws(pairs, row, weight, words=np.array(wrong), noise_of_word=noise, mean=mean)
    with pytest.raises(ValueError, match=r"noise_of has the shape \(1,\), expected \(2,\)"):
        row_laws(pairs, row, weight, words=words, noise_of_word=noise[:1], mean=mean)
    with pytest.raises(ValueError, match=r"row_weight has the shape \(0,\), expected \(1,\)"):
        row_laws(pairs, row, weight[:0], words=words, noise_of_word=noise, mean=mean)
    with pytest.raises(TypeError):
        row_laws(pairs, row, weight.astype(float), words=words, noise_of_word=noise, mean=mean)
    laws = row_laws(pairs, row, weight, words=words, noise_of_word=np.array([0, 1], np.int32), mean=mean)
    good = [np.ones(1, np.float32), np.ones(2, np.float32), np.zeros(4, np.int64), np.ones((4, 2), np.float32)]
    for place, wrong, message in [
        (0, np.ones(2, np.float32), r"share has the shape \(2,\), expected \(1,\)"),
        (1, np.ones(1, np.float32), r"weight has the shape \(4, 2\), expected \(4, 1\)"),
        (2, np.ones(4, np.int64), "an example's row is out of range"),
        (3, np.ones((3, 2), np.float32), r"weight has the shape \(3, 2\), expected \(4, 2\)"),
        (3, np.ones((2, 4), np.float32).T, "rows of weights that are contiguous"),
    ]:
        arguments = [*good]
        arguments[place] = wrong
        with pytest.raises(ValueError, match=message):
            row_responsibilities(laws, *arguments, claimed=np.zeros(1))
    with pytest.raises(ValueError, match="other noise words"):
        row_responsibilities(laws, good[0], good[1][:1], good[2], np.ones((4, 1), np.float32), claimed=np.zeros(1))
