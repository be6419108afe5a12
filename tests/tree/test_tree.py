from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.errors import InputError, UnknownWordError
from vastmax.tree.links import concatenated_ranges
from vastmax.tree.tree import Tree

BUILDERS = {
    "balanced": lambda V: tree.balanced(V),
    "huffman": lambda V: tree.huffman(1000 / np.arange(1, V + 1)),
    "classes": lambda V: tree.frequency_classes(1000 / np.arange(1, V + 1)),
    "random": lambda V: tree.random(V, seed=3),
    "nested": lambda V: tree.nested([[f"w{i}" for i in range(V)]]),
}


def walk(t: Tree) -> dict[int, list[tuple[tuple[int, ...], tuple[int, ...]]]]:
    """Every leaf by plain descent from the root: word → [(nodes, branches)]."""
    if not t.num_nodes:
        return {0: [((), ())]}
    found: dict[int, list[tuple[tuple[int, ...], tuple[int, ...]]]] = {}
    starts = np.concatenate([[0], np.cumsum(t.child_counts)])
    stack = [(0, (), ())]
    while stack:
        node, nodes, branches = stack.pop()
        for branch in range(t.child_counts[node]):
            child = int(t.children[starts[node] + branch])
            passed, taken = (*nodes, node), (*branches, branch)
            if child < 0:
                found.setdefault(int(t.leaf_words[~child]), []).append((passed, taken))
            else:
                stack.append((child, passed, taken))
    return found


@pytest.mark.parametrize("kind", BUILDERS)
@settings(max_examples=40, deadline=None)
@given(vocab_size=st.integers(1, 70))
def test_every_word_has_the_path_that_plain_descent_finds(kind: str, vocab_size: int) -> None:
    t = BUILDERS[kind](vocab_size)
    found = walk(t)
    assert sorted(found) == list(range(vocab_size))
    for word in range(vocab_size):
        assert found[word] == [tuple(t.path(word))]
        stretch = slice(t.paths.offsets[word], t.paths.offsets[word + 1])
        assert (tuple(t.paths.nodes[stretch]), tuple(t.paths.branches[stretch])) == found[word][0]
        assert t.leaf_depths[word] == len(found[word][0][0])
    assert t.vocab_size == t.num_leaves == vocab_size
    assert t.max_depth == max(len(nodes) for ((nodes, _),) in found.values())


@pytest.mark.parametrize("kind", BUILDERS)
def test_levels_are_stretches_of_node_ids(kind: str) -> None:
    t = BUILDERS[kind](37)
    depth_of = {node: depth for ((nodes, _),) in walk(t).values() for depth, node in enumerate(nodes)}
    assert [depth_of[node] for node in range(t.num_nodes)] == list(t.node_depths)
    assert list(t.level_offsets) == list(np.searchsorted(t.node_depths, np.arange(t.max_depth + 1)))


def test_a_word_may_have_several_leaves() -> None:
    #     root: [word 1, node 1, word 0];  node 1: [word 1, word 2]
    t = Tree.from_links(np.array([~1, 1, ~0, ~1, ~2]), np.array([3, 2]))
    assert (t.vocab_size, t.num_leaves, t.one_leaf_a_word) == (3, 4, False)
    assert list(t.leaf_words) == [0, 1, 1, 2]
    assert list(t.leaves(1)) == [1, 2]
    assert [t.path(1, copy=i).branches for i in (0, 1)] == [(0,), (1, 0)]
    assert walk(t) == {word: [tuple(t.path(word, copy=i)) for i in range(len(t.leaves(word)))] for word in range(3)}
    with pytest.raises(InputError, match="word 0 has 1 leaves; copy 1 does not exist"):
        t.path(0, copy=1)


def test_any_numbering_of_nodes_makes_the_same_tree() -> None:
    t = tree.balanced(11)
    shuffled = np.random.default_rng(0).permutation(t.num_nodes)
    rows = np.empty((t.num_nodes, 2), dtype=np.int64)
    links = t.children.reshape(-1, 2).astype(np.int64)
    rows[shuffled] = np.where(links < 0, links, shuffled[np.maximum(links, 0)])
    again = Tree.from_links(rows.reshape(-1), t.child_counts, root=int(shuffled[0]))
    assert np.array_equal(again.children, t.children)


def test_words_can_be_named() -> None:
    t = tree.balanced(3).with_words(["a", "b", "c"])
    assert t.path("b").code == "10"
    assert t.path(1) == t.path("b")
    with pytest.raises(UnknownWordError, match="no word 'd' in this tree of 3 words"):
        t.path("d")
    with pytest.raises(InputError, match="does not know its words"):
        tree.balanced(3).path("b")
    with pytest.raises(InputError, match="3 words, found 2 names"):
        t.with_words(["a", "b"])
    with pytest.raises(InputError, match="word id 3 is not in this tree; its 3 words"):
        t.path(3)
    with pytest.raises(InputError, match="word id -1"):
        t.path(-1)


def test_codes_of_wide_nodes_are_set_apart() -> None:
    t = tree.nested([[f"w{i}" for i in range(12)], "x"])
    assert t.path("w11").code == "0.11"
    assert t.path("w9").code == "09"


def test_one_word_needs_no_decision() -> None:
    t = tree.balanced(1)
    assert (t.num_nodes, t.max_depth, t.path(0)) == (0, 0, ((), ()))
    assert t.paths.nodes.size == 0
    assert list(t.paths.offsets) == [0, 0]
    assert "1 words" in repr(t)


@pytest.mark.parametrize(
    ("children", "child_counts", "leaf_words", "message"),
    [
        ([~0, ~1], [3], None, "have 3 children, but 2 are given"),
        ([~0, ~1], [], None, "2 children but no inner node"),
        ([~0, ~1], [2, 0], None, "each needs at least one"),
        ([~0, 0], [2], None, "breadth-first"),  # its own child
        ([~0, ~1, ~2, 1], [2, 2], None, "breadth-first"),  # node 1 is its own parent
        ([2, 1, ~0, ~1, ~2, ~3], [2, 2, 2], None, "breadth-first"),
        ([~0, ~0], [2], None, "numbered from 0"),
        ([~0, ~2], [2], None, "numbered from 0"),
        ([~0, ~1], [2], [0], "2 leaves but 1 words"),
        ([~0, ~1], [2], [0, 2], "without gaps"),
        ([~0, ~1], [2], [1, 2], "ascend from 0"),
        ([~0, ~1, ~2], [3], [0, 1, 0], "ascend from 0"),
        ([0.5, 1.5], [2], None, "list of integers"),
        ([[~0, ~1]], [2], None, "list of integers"),
        ([~0, -(2**40)], [2], None, "fit 32 bits"),
    ],
)
def test_arrays_that_are_no_tree(children: list, child_counts: list, leaf_words: list | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tree(children, child_counts, leaf_words)


def test_links_that_are_no_tree() -> None:
    with pytest.raises(InputError, match="1 of 2 inner nodes cannot be reached"):
        Tree.from_links(np.array([~0, ~1, ~2, ~3]), np.array([2, 2]))
    with pytest.raises(InputError, match="reached twice"):
        Tree.from_links(np.array([1, 1, ~0, ~1]), np.array([2, 2]))


def test_copies_and_pickles_hold_no_more_than_the_tree() -> None:
    t = tree.nested({"a": ["x", "y"], "b": ["z"]})
    fresh = len(pickle.dumps(t))
    assert t.path_edges.size
    assert t.leaf_depths.size
    assert len(pickle.dumps(t)) == fresh
    again = pickle.loads(pickle.dumps(t))
    assert (again.words, again.labels, again.path("z")) == (t.words, t.labels, t.path("z"))
    assert copy.deepcopy(t) is t


def test_trees_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tree.balanced(4).children[0] = 3


def test_concatenated_ranges() -> None:
    assert list(concatenated_ranges(np.array([5, 0, 9]), np.array([2, 0, 3]))) == [5, 6, 9, 10, 11]
    assert concatenated_ranges(np.array([], dtype=int), np.array([], dtype=int)).size == 0
