"""A tree over the words of one vocabulary, used for another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.errors import InputError


@settings(max_examples=60, deadline=None)
@given(
    known=st.lists(st.integers(0, 30), min_size=1, max_size=30, unique=True),
    wanted=st.lists(st.integers(0, 40), min_size=1, max_size=30, unique=True),
    seed=st.integers(0, 3),
)
def test_words_stand_in_the_order_of_the_tree_and_each_once(known: list[int], wanted: list[int], seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 50, len(known))
    given_tree = tree.huffman(counts).with_words([f"w{i}" for i in known])
    words = [f"w{i}" for i in wanted]
    if not set(known) & set(wanted):
        with pytest.raises(InputError, match="is among the"):
            tree.fitted(given_tree, words, np.ones(len(words)))
        return
    found = tree.fitted(given_tree, words, np.ones(len(words)))
    assert (found.vocab_size, found.words) == (len(words), tuple(words))
    assert found.num_leaves == len(words)
    if found.words != given_tree.words:
        assert bool((found.child_counts > 1).all())
    # Two words part where they parted before, those that go left going left.
    both = [f"w{i}" for i in known if i in wanted]
    before = sorted(both, key=lambda word: given_tree.path(word).branches)
    assert sorted(both, key=lambda word: found.path(word).branches) == before


def test_what_the_tree_lacks_stands_beside_it() -> None:
    given_tree = tree.balanced(4).with_words(["a", "b", "c", "d"])
    found = tree.fitted(given_tree, ["the", "a", "b", "c", "d", "</s>"], [9, 4, 3, 2, 1, 8])
    assert [found.path(word).code[0] for word in ("a", "b", "c", "d")] == ["0"] * 4
    assert [len(found.path(word).code) for word in ("the", "</s>")] == [2, 2]


def test_one_vocabulary_needs_no_fitting() -> None:
    given_tree = tree.balanced(3).with_words(["a", "b", "c"])
    assert tree.fitted(given_tree, ["a", "b", "c"], [1, 1, 1]) is given_tree


def test_labels_stay_with_their_nodes() -> None:
    named = tree.nested({"animals": {"pets": ["cat", "dog"], "others": ["ox"]}, "tools": ["saw", "axe"]})
    found = tree.fitted(named, ["saw", "axe", "cat", "dog"], [1, 1, 1, 1])
    assert found.labels is not None
    assert sorted(found.labels) == ["", "pets", "tools"]


def test_a_tree_without_names_is_refused() -> None:
    with pytest.raises(InputError, match="does not know its words"):
        tree.fitted(tree.balanced(3), ["a", "b", "c"], [1, 1, 1])
