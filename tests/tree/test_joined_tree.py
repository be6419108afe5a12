from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.errors import InputError
from vastmax.tree.joined_tree import grafted, top_of


@settings(max_examples=30, deadline=None)
@given(vocab_size=st.integers(1, 20), num_trees=st.integers(1, 5))
def test_a_word_keeps_its_path_in_every_tree(vocab_size: int, num_trees: int) -> None:
    trees = [tree.random(vocab_size, seed) for seed in range(num_trees)]
    both = tree.joined(trees)
    tops = [path.code for path in (tree.balanced(num_trees).path(i) for i in range(num_trees))]
    assert both.is_binary
    assert both.num_leaves == num_trees * vocab_size
    for word in range(vocab_size):
        expected = {top + t.path(word).code for top, t in zip(tops, trees, strict=True)}
        assert {path.code for path in both.word_paths(word)} == expected


def test_other_than_binary_trees_hang_from_one_root() -> None:
    first, second = tree.frequency_classes(np.arange(1, 10), 3), tree.balanced(9)
    both = tree.joined([first, second, second])
    assert both.child_counts[0] == 3
    assert {path.branches for path in both.word_paths(4)} == {
        (branch, *t.path(4).branches) for branch, t in enumerate((first, second, second))
    }


def test_words_and_labels_are_kept() -> None:
    named = tree.nested({"a": ["x", "y"], "b": ["z", "u"]})
    both = tree.joined([tree.balanced(4), named])
    assert both.words == named.words
    assert both.labels is not None
    path = both.word_paths("z")[1]
    assert [both.labels[node] for node in path.nodes] == ["", "", "b"]


def test_parts_may_have_words_of_their_own() -> None:
    t = grafted(top_of(2, binary=True), [(tree.balanced(2), np.array([0, 3])), (tree.balanced(2), np.array([1, 2]))])
    assert [t.path(word).code for word in range(4)] == ["00", "10", "11", "01"]
    assert t.one_leaf_a_word


def test_what_cannot_be_joined() -> None:
    with pytest.raises(InputError, match="no trees"):
        tree.joined([])
    with pytest.raises(InputError, match="trees over 3 and 4 words"):
        tree.joined([tree.balanced(3), tree.balanced(4)])
    with pytest.raises(InputError, match="the trees have different words"):
        tree.joined([tree.balanced(2).with_words(["a", "b"]), tree.balanced(2).with_words(["b", "a"])])
