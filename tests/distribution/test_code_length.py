"""Lengths of balanced and Huffman codes, against slow constructions of the codes themselves."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vastmax.distribution.code_length import (
    balanced_depths,
    balanced_expected_bits,
    balanced_mean_depth,
    huffman_expected_bits,
    huffman_merges,
)
from vastmax.distribution.entropy import entropy_bits
from vastmax.errors import InputError

counts_lists = st.lists(st.integers(0, 10**9), min_size=1, max_size=60).filter(any)


@given(st.integers(1, 3000))
def test_balanced_depths_fill_a_binary_tree(vocab_size: int) -> None:
    depths = balanced_depths(vocab_size)
    assert len(depths) == vocab_size
    assert sum(2 ** (64 - int(d)) for d in depths) == 2**64  # Kraft: every inner node has two children
    assert depths.max() == math.ceil(math.log2(vocab_size))
    assert depths.max() - depths.min() <= 1
    assert (np.diff(depths) >= 0).all()
    assert balanced_mean_depth(vocab_size) == pytest.approx(depths.mean())


def test_ten_thousand_words() -> None:
    assert round(balanced_mean_depth(10_000), 2) == 13.36
    assert round(math.log2(10_000), 2) == 13.29
    # With 9.16 bits of entropy an ideal code saves 31 % of the path, a Huffman code, at most a bit longer, 24 to 31 %.
    assert round(100 * (1 - 9.16 / math.log2(10_000))) == 31
    assert [round(100 * (1 - bits / balanced_mean_depth(10_000))) for bits in (10.16, 9.16)] == [24, 31]


@given(counts_lists)
def test_balanced_expected_bits_is_the_mean_under_the_counts(counts: list[int]) -> None:
    depths = balanced_depths(len(counts)).tolist()
    naive = sum(c * d for c, d in zip(counts, depths, strict=True)) / sum(counts)
    assert balanced_expected_bits(counts) == pytest.approx(naive)


@given(counts_lists)
@example([1, 0])
def test_huffman_is_optimal_and_within_a_bit_of_entropy(counts: list[int]) -> None:
    heap = list(counts)
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        cost += both
        heapq.heappush(heap, both)
    bits = huffman_expected_bits(counts)
    assert bits == pytest.approx(cost / sum(counts))
    if len(counts) > 1:
        assert entropy_bits(counts) - 1e-9 <= bits <= entropy_bits(counts) + 1
        assert bits < entropy_bits(counts) + 1 or 0 in counts


@given(counts_lists)
def test_merges_make_one_tree_whose_depths_give_the_same_cost(counts: list[int]) -> None:
    vocab_size = len(counts)
    merges = huffman_merges(counts)
    assert merges.children.shape == (vocab_size - 1, 2)
    assert sorted(merges.children.ravel().tolist()) == list(range(2 * vocab_size - 2))  # all but the root, once each
    depth = [0] * (2 * vocab_size - 1)
    for merge in range(vocab_size - 2, -1, -1):
        for child in merges.children[merge].tolist():
            assert child < vocab_size + merge
            depth[child] = depth[vocab_size + merge] + 1
    assert sum(c * d for c, d in zip(counts, depth, strict=False)) == int(merges.weights.sum())


def test_ties_follow_word2vec() -> None:
    # Counts 2 1 1: the rarest are ids 2 and 1, the later first. Then the word with count 2 ties with the merged node:
    # it is not *strictly* lighter, so the node is taken first and the word gets branch 1.
    assert huffman_merges([2, 1, 1]).children.tolist() == [[2, 1], [3, 0]]
    assert huffman_merges([1, 1, 2]).children.tolist() == [[1, 0], [3, 2]]
    assert huffman_merges([3, 3, 3, 3]).children.tolist() == [[3, 2], [1, 0], [4, 5]]


def test_one_word_needs_no_decision() -> None:
    assert huffman_expected_bits([5]) == 0
    assert balanced_expected_bits([5]) == 0
    assert balanced_mean_depth(1) == 0
    assert huffman_merges([5]).children.shape == (0, 2)


def test_fractional_counts() -> None:
    assert huffman_expected_bits([0.5, 0.25, 0.25]) == 1.5


def test_empty_vocabulary_is_refused() -> None:
    for function in (balanced_depths, balanced_mean_depth):
        with pytest.raises(InputError, match="vocab_size is 0"):
            function(0)
