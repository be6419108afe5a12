"""The n-grams of words: against fastText itself, and against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_subwords
from vastmax.embedding.subwords import Subwords
from vastmax.errors import InputError

# What fasttext 0.9.4's get_subwords answers.
OF_FASTTEXT = [
    ((3, 6, 2_000_000), "über", [1793082, 1664269, 716781, 820905, 255527, 904527, 1599331, 485366, 900056, 742840]),
    ((3, 6, 2_000_000), "日本語", [758587, 4581, 524609, 35559, 928923, 1674355]),
    ((3, 6, 2_000_000), "a", [1087600]),
    ((3, 6, 2_000_000), "</s>", []),
    ((1, 3, 1000), "a", [750, 600, 220, 806]),
    ((1, 1, 50), "banana", [27, 20, 3, 20, 3, 20]),
    ((5, 9, 2**20), "über", [26861, 328745, 386915]),
    ((5, 9, 2**20), "a", []),
]


@pytest.mark.parametrize(("sizes", "word", "expected"), OF_FASTTEXT)
def test_buckets_are_those_of_fasttext(sizes, word, expected):
    assert Subwords(*sizes).buckets(word).tolist() == expected
    assert reference_subwords.buckets(word, *sizes) == expected


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), max_size=12),
    min_n=st.integers(1, 4),
    more=st.integers(0, 4),
    bucket=st.sampled_from([1, 7, 1000, 2**31 - 1000]),
)
def test_rows_are_each_word_and_its_ngrams_in_order(words, min_n, more, bucket):
    offsets, rows = Subwords(min_n, min_n + more, bucket).rows(words)
    V = len(words)
    assert (offsets[0], len(offsets), offsets[-1]) == (0, V + 1, len(rows))
    for w, word in enumerate(words):
        expected = [V + b for b in reference_subwords.buckets(word, min_n, min_n + more, bucket)]
        assert rows[offsets[w] : offsets[w + 1]].tolist() == [w, *expected]


def test_the_package_fasttext_agrees_on_a_vocabulary(tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="the package fasttext is not installed")
    words = ["where", "naïve", "日本語", "<p>", "</s>", "x", "banana", "ﬁn-de-siècle", "a\u0301"]
    (tmp_path / "text").write_text(" ".join(words) + "\n")
    options = {"minCount": 1, "dim": 1, "epoch": 1, "thread": 1, "verbose": 0}
    model = fasttext.train_unsupervised(str(tmp_path / "text"), minn=2, maxn=5, bucket=5000, **options)
    for word in [*words, "unseen"]:
        _, ids = model.get_subwords(word)
        expected = [int(i) - len(model.words) for i in ids if i >= len(model.words)]
        assert Subwords(2, 5, 5000).buckets(word).tolist() == expected


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 3, 10), "min_n is 0"),
        ((4, 3, 10), "max_n is 3 and min_n 4"),
        ((3, 1000, 10), "max_n is 1000"),
        ((3, 6, 0), "bucket is 0"),
        ((3, 6, 2**31), "bucket is 2147483648"),
    ],
)
def test_sizes_that_mean_nothing_are_refused(sizes, message):
    with pytest.raises(InputError, match=message):
        Subwords(*sizes)


def test_buckets_beside_too_many_words_are_refused():
    with pytest.raises(InputError, match="together they must be below"):
        Subwords(3, 6, 2**31 - 1).rows(["a", "b"])


def test_rows_are_int32_in_place():
    offsets, rows = Subwords(3, 6, 100).rows(["word"])
    assert (offsets.dtype, rows.dtype) == (np.int64, np.int32)
