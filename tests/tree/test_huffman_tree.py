from __future__ import annotations

import math
import time
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.errors import InputError

counts_lists = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def word2vec_codes(counts: list[int]) -> list[str]:
    """The merge as word2vec.c runs it, one step at a time, on counts in any order."""
    V = len(counts)
    if V == 1:
        return [""]
    order = sorted(range(V), key=lambda word: -counts[word])  # stable
    weight = [counts[word] for word in order] + [math.inf] * (V - 1)
    parent, bit = [0] * (2 * V - 1), [0] * (2 * V - 1)
    leaf, merged = V - 1, V
    for new in range(V, 2 * V - 1):
        chosen = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[merged]:
                chosen.append(leaf)
                leaf -= 1
            else:
                chosen.append(merged)
                merged += 1
        weight[new] = weight[chosen[0]] + weight[chosen[1]]
        parent[chosen[0]] = parent[chosen[1]] = new
        bit[chosen[1]] = 1
    codes = [""] * V
    for rank, word in enumerate(order):
        at = rank
        while at != 2 * V - 2:
            codes[word] = str(bit[at]) + codes[word]
            at = parent[at]
    return codes


@settings(deadline=None)
@given(counts_lists)
@example([1] * 17)
@example([2, 1, 1, 1, 1, 2])
@example([2**i for i in range(30)])
def test_codes_are_those_of_word2vec(counts: list[int]) -> None:
    t = tree.huffman(counts)
    assert [t.path(word).code for word in range(len(counts))] == word2vec_codes(counts)


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), min_size=2, max_size=7))
def test_no_binary_tree_is_better(counts: list[int]) -> None:
    @cache
    def least_total(words: frozenset[int]) -> int:
        """Σ count · depth of the best tree over these words, trying every way to split them."""
        if len(words) == 1:
            return 0
        first, *others = sorted(words)
        splits = (
            frozenset([first, *(w for i, w in enumerate(others) if mask >> i & 1)])
            for mask in range(2 ** len(others) - 1)
        )
        here = sum(counts[w] for w in words)
        return here + min(least_total(left) + least_total(words - left) for left in splits)

    t = tree.huffman(counts)
    assert np.dot(counts, t.leaf_depths) == least_total(frozenset(range(len(counts))))


@settings(deadline=None)
@given(counts_lists.filter(lambda counts: len(counts) > 1))
def test_expected_depth_lies_within_a_bit_of_the_entropy(counts: list[int]) -> None:
    described = tree.huffman(counts).describe(counts)
    assert -1e-9 <= described.excess_bits < 1
    assert described.expected_depth == pytest.approx(described.expected_bits)


def test_frequent_words_have_no_longer_paths() -> None:
    counts = np.random.default_rng(0).integers(1, 10_000, size=3000)
    depths = tree.huffman(counts).leaf_depths[np.argsort(-counts)]
    assert (np.diff(depths) >= 0).all()


def test_zero_counts_are_floored_and_do_not_make_a_chain() -> None:
    t = tree.huffman([10, 1] + [0] * 14)
    assert t.max_depth <= 6
    assert t.path(0).code == tree.huffman([10, 1] + [1] * 14).path(0).code


def test_weights_far_apart_lose_no_word() -> None:
    t = tree.huffman([1e-300, 1.0, 1e300, 3.0, 1e-300])
    assert sorted(t.leaf_depths) == [1, 2, 3, 4, 4]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([], r"shape \(0,\)"),
        ([[1, 2]], r"shape \(1, 2\)"),
        ([3, -1], r"counts\[1\] is -1"),
        ([3, float("nan")], r"counts\[1\] is nan"),
        ([float("inf"), 1], r"counts\[0\] is inf"),
        ([0, 0], "zero for all 2 words"),
    ],
)
@pytest.mark.parametrize("build", [tree.huffman, tree.frequency_classes])
def test_bad_counts(build, counts: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(counts)


def test_cost_is_linear_in_the_words() -> None:
    counts = (1e9 / np.arange(1, 200_001)).astype(np.int64)
    start = time.process_time()
    t = tree.huffman(counts)
    assert time.process_time() - start < 1.6  # 0.16 s when measured
    assert t.describe(counts).excess_bits < 0.1
