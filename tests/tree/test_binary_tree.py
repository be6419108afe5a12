from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.errors import InputError
from vastmax.tree import Tree

Nesting = list["str | Nesting"]
NESTINGS = st.recursive(st.just("word"), lambda part: st.lists(part, min_size=1, max_size=6), max_leaves=40)


def named(nesting: str | Nesting, names: list[str]) -> str | Nesting:
    if isinstance(nesting, str):
        names.append(f"w{len(names)}")
        return names[-1]
    return [named(part, names) for part in nesting]


def groups(t: Tree) -> set[frozenset[int]]:
    """The words below each inner node."""
    below: dict[int, set[int]] = {}
    for word in range(t.vocab_size):
        for path in t.word_paths(word):
            for node in path.nodes:
                below.setdefault(node, set()).add(word)
    return {frozenset(words) for words in below.values() if len(words) > 1}


@settings(max_examples=40, deadline=None)
@given(nesting=st.lists(NESTINGS, min_size=1, max_size=6), seed=st.integers(0, 99))
def test_what_stood_together_stays_together(nesting: Nesting, seed: int) -> None:
    names: list[str] = []
    wide = tree.nested(named(nesting, names))
    counts = np.random.default_rng(seed).integers(0, 9, size=len(names)) + (np.arange(len(names)) == 0)
    t = tree.binarised(wide, counts)
    assert t.is_binary
    assert t.words == wide.words
    assert groups(wide) <= groups(t)
    assert t.num_nodes == len(names) - 1


def test_one_wide_node_becomes_a_huffman_tree() -> None:
    counts = [9, 5, 3, 1, 1]
    flat = tree.nested([f"w{i}" for i in range(5)])
    t, huffman = tree.binarised(flat, counts), tree.huffman(counts)
    assert [t.path(i).code for i in range(5)] == [huffman.path(i).code for i in range(5)]


def test_binary_trees_stay_as_they_are() -> None:
    for t in (tree.balanced(11), tree.random(12, 3), tree.balanced(1)):
        assert np.array_equal(tree.binarised(t).children, t.children)


def test_labels_go_with_their_words() -> None:
    t = tree.binarised(tree.nested({"a": ["x", "y", "z"], "b": {"c": ["u", "v"]}}))
    assert t.labels is not None
    labels = {word: [t.labels[node] for node in t.path(word).nodes if t.labels[node]] for word in t.words or ()}
    assert labels == {"x": ["a"], "y": ["a"], "z": ["a"], "u": ["c"], "v": ["c"]}


def test_words_with_several_leaves() -> None:
    t = tree.binarised(tree.joined([tree.frequency_classes([4, 3, 2, 1], 2)] * 3))
    assert t.is_binary
    assert [len(t.leaves(word)) for word in range(4)] == [3, 3, 3, 3]


def test_counts_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="found 2 counts for 3 words"):
        tree.binarised(tree.balanced(3), [1, 2])
