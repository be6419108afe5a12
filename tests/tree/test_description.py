from __future__ import annotations

import numpy as np
import pytest

from vastmax import tree
from vastmax.errors import InputError


def test_a_tree_by_hand() -> None:
    # root (3): the leaf a, the leaf b, an inner node (2) with c and d
    described = tree.nested(["a", "b", {"rare": ["c", "d"]}]).describe([4, 2, 1, 1])
    assert described.mean_depth == pytest.approx(6 / 4)
    assert described.expected_depth == pytest.approx((4 + 2 + 2 + 2) / 8)
    assert described.expected_scores == pytest.approx((3 * 4 + 3 * 2 + 5 * 2) / 8)
    assert described.expected_bits == pytest.approx(np.log2(3) + 2 / 8)
    assert described.entropy_bits == pytest.approx(1.75)
    assert described.excess_bits == pytest.approx(np.log2(3) + 0.25 - 1.75)
    assert (described.num_rows, described.max_children, described.max_depth) == (5, 3, 2)


def test_several_leaves_of_a_word() -> None:
    t = tree.Tree.from_links(np.array([~1, 1, ~0, ~1, ~2]), np.array([3, 2]))
    described = t.describe([2, 1, 1])
    assert described.expected_depth == pytest.approx((2 * 1 + 1 * 1.5 + 1 * 2) / 4)
    assert described.expected_scores == pytest.approx((2 * 3 + 1 * (3 + 5) + 1 * 5) / 4)


def test_ideal_codes_of_powers_of_two() -> None:
    described = tree.huffman([8, 4, 2, 1, 1]).describe([8, 4, 2, 1, 1])
    assert described.expected_depth == described.entropy_bits == 1.875


def test_one_word() -> None:
    described = tree.balanced(1).describe([5])
    assert (described.expected_bits, described.entropy_bits, described.max_depth, described.num_rows) == (0, 0, 0, 0)


def test_as_a_table() -> None:
    text = str(tree.balanced(10_000).describe())
    assert "words                                 10,000\n" in text
    assert "decisions to a word, expected          13.36\n" in text
    assert len({len(line) for line in text.splitlines()}) == 1


def test_counts_of_another_vocabulary() -> None:
    with pytest.raises(InputError, match="found 3 counts for 4 words"):
        tree.balanced(4).describe([1, 2, 3])
