"""Wider nodes from narrow ones: what was together stays together, and the paths are those of plain descent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.errors import InputError


def groups_below(t: tree.Tree) -> set[frozenset[int]]:
    """Return the words below each inner node."""
    found: dict[int, set[int]] = {node: set() for node in range(t.num_nodes)}
    for word in range(t.vocab_size):
        for path in t.word_paths(word):
            for node in path.nodes:
                found[node].add(word)
    return {frozenset(words) for words in found.values()}


@settings(max_examples=40, deadline=None)
@given(vocab_size=st.integers(1, 60), fan_out=st.integers(2, 9), seed=st.integers(0, 5))
def test_nodes_of_the_wide_tree_are_nodes_of_the_narrow_one(vocab_size: int, fan_out: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 1000, vocab_size)
    narrow = tree.huffman(counts)
    wide = tree.widened(narrow, fan_out, counts)
    assert wide.vocab_size == wide.num_leaves == vocab_size
    assert int(wide.child_counts.max(initial=2)) <= fan_out
    assert groups_below(wide) <= groups_below(narrow)
    # Full, unless all that is left below are words.
    short = np.flatnonzero(wide.child_counts < fan_out)
    assert all((wide.children[wide.child_offsets[node] : wide.child_offsets[node + 1]] < 0).all() for node in short)


def test_two_children_a_node_change_no_binary_tree() -> None:
    narrow = tree.huffman([9, 5, 3, 2, 1])
    assert np.array_equal(tree.widened(narrow, 2).children, narrow.children)


def test_the_heaviest_part_is_unfolded_first() -> None:
    narrow = tree.balanced(8)  # 0 1 | 2 3 || 4 5 | 6 7
    wide = tree.widened(narrow, 3, [1, 1, 1, 1, 9, 9, 1, 1])
    assert groups_below(wide) >= {frozenset({4, 5}), frozenset({6, 7}), frozenset({0, 1, 2, 3})}


def test_words_left_to_right_and_labels_stay() -> None:
    named = tree.nested({"a": {"b": ["x", "y"], "c": ["z", "u"]}, "d": ["v", "w"]})
    wide = tree.widened(named, 3)
    assert [wide.path(word).branches for word in "xyzu"] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert wide.labels is not None
    assert set(wide.labels) == {"", "b", "c", "d"}


@settings(max_examples=40, deadline=None)
@given(vocab_size=st.integers(1, 60), share=st.floats(0, 1), seed=st.integers(0, 5))
def test_classes_are_parts_of_the_tree(vocab_size: int, share: float, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 1000, vocab_size)
    narrow = tree.huffman(counts)
    num_classes = 1 + round(share * (vocab_size - 1))
    flat = tree.in_classes(narrow, num_classes, counts)
    assert flat.max_depth <= 2
    if num_classes > 1:
        assert int(flat.child_counts[0]) == num_classes
        assert groups_below(flat) <= groups_below(narrow)


def test_what_makes_no_classes_is_refused() -> None:
    twice = tree.joined([tree.balanced(4), tree.huffman([4, 3, 2, 1])])
    with pytest.raises(InputError, match="8 leaves for 4 words; classes need a tree with one leaf per word"):
        tree.in_classes(twice, 2)
    with pytest.raises(InputError, match="num_classes is 5; expected a whole number"):
        tree.in_classes(tree.balanced(4), 5)
    with pytest.raises(InputError, match="fan_out is 1; expected a whole number"):
        tree.widened(tree.balanced(4), 1)


def test_words_with_several_leaves_keep_them() -> None:
    twice = tree.joined([tree.balanced(4), tree.huffman([4, 3, 2, 1])])
    wide = tree.widened(twice, 4)
    assert wide.num_leaves == 8
    assert groups_below(wide) <= groups_below(twice)
