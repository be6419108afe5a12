from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.embedding import WordVectors
from vastmax.errors import InputError
from vastmax.tree.clustered_tree import clustered
from vastmax.tree.kmeans_class_tree import kmeans_classes

RNG = np.random.default_rng(0)
# Four well separated clusters of uneven sizes, in no order.
CLUSTER = RNG.permutation(np.repeat(np.arange(4), [40, 25, 20, 15]))
POINTS = 20 * np.eye(4)[CLUSTER] @ RNG.normal(size=(4, 12)) + RNG.normal(size=(100, 12))


def groups_below(t: tree.Tree, depth: int) -> dict[str, set[int]]:
    """The clusters of the words that share the first decisions."""
    found: dict[str, set[int]] = {}
    for word in range(t.vocab_size):
        found.setdefault(t.path(word).code[:depth], set()).add(int(CLUSTER[word]))
    return found


@pytest.mark.parametrize("counts", [None, np.arange(1, 101)])
def test_clusters_stay_together(counts: np.ndarray | None) -> None:
    t = clustered(POINTS, counts=counts)
    assert t.is_binary
    assert t.one_leaf_a_word
    paths = [t.path(word).code for word in range(100)]
    for cluster in range(4):  # the words of a cluster and no others have the same beginning
        inside = [paths[word] for word in np.flatnonzero(cluster == CLUSTER)]
        common = next(inside[0][:n] for n in range(50, -1, -1) if all(p.startswith(inside[0][:n]) for p in inside))
        assert sum(path.startswith(common) for path in paths) == len(inside)


def test_balanced_splits_halve() -> None:
    t = clustered(POINTS, split="balanced")
    assert set(t.leaf_depths) == {6, 7}
    sizes = np.bincount([int(t.path(word).code[:2], 2) for word in range(100)])
    assert list(sizes) == [25, 25, 25, 25]


def test_balanced_splits_of_counts_halve_the_mass() -> None:
    counts = 1000 / np.arange(1, 101)
    t = clustered(POINTS, split="balanced", counts=counts)
    right = t.edge_sums(counts)[1]
    assert abs(right / counts.sum() - 0.5) < 0.5 * counts.max() / counts.sum()
    plain = clustered(POINTS, split="balanced")
    assert t.describe(counts).expected_depth < plain.describe(counts).expected_depth - 0.5
    assert t.describe(counts).excess_bits < 1


def test_words_between_two_clusters_go_both_ways() -> None:
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(size=(60, 3)), 6 + rng.normal(size=(60, 3)), np.full((1, 3), 3.0)])
    none, some = clustered(x), clustered(x, overlap=0.49)
    assert none.one_leaf_a_word
    codes = {path.code[0] for path in some.word_paths(120)}
    assert codes == {"0", "1"}
    assert len(some.word_paths(0)) < some.num_leaves / 20
    leaves = [clustered(x, overlap=overlap, max_mean_leaves=100).num_leaves for overlap in (0.1, 0.3, 0.49)]
    assert 121 <= leaves[0] < leaves[1] < leaves[2]


def test_overlaps_keep_to_their_bound() -> None:
    x = np.random.default_rng(5).normal(size=(400, 2))  # one blob: much lies near the middle
    free = clustered(x, overlap=0.45, max_mean_leaves=100)
    assert free.num_leaves > 4 * 400
    for bound in (1.0, 3.0):
        t = clustered(x, overlap=0.45, max_mean_leaves=bound)
        assert 0.95 * bound * 400 <= t.num_leaves <= bound * 400


def test_copies_are_trees_of_their_own() -> None:
    t = clustered(POINTS, copies=3, seed=4)
    assert t.num_leaves == 300
    codes = [t.word_paths(word) for word in range(100)]
    assert all({path.code[:1] for path in paths} == {"0", "1"} for paths in codes)
    again = clustered(POINTS, copies=3, seed=4, threads=1)
    assert np.array_equal(t.children, again.children)
    assert not np.array_equal(t.children, clustered(POINTS, copies=3, seed=5).children)


@settings(max_examples=60, deadline=None)
@given(
    vocab_size=st.sampled_from([1, 2, 3, 4, 5, 17]),
    D=st.integers(1, 5),
    distinct=st.integers(1, 4),
    scale=st.sampled_from([0.0, 1e-18, 1.0, 1e12]),
    overlap=st.sampled_from([0.0, 0.2, 0.49]),
    copies=st.integers(1, 3),
    split=st.sampled_from(["adaptive", "balanced"]),
    weighted=st.booleans(),
)
def test_any_vectors_make_a_tree(
    vocab_size: int, D: int, distinct: int, scale: float, overlap: float, copies: int, split: Any, weighted: bool
) -> None:
    rng = np.random.default_rng(vocab_size)
    x = scale * rng.normal(size=(distinct, D))[rng.integers(0, distinct, size=vocab_size)]  # many of them equal
    counts = rng.integers(0, 50, size=vocab_size) + (np.arange(vocab_size) == 0) if weighted else None
    t = clustered(x, split=split, overlap=overlap if split == "adaptive" else 0, copies=copies, counts=counts)
    assert t.vocab_size == vocab_size
    assert t.is_binary
    assert t.num_leaves <= 4 * copies * vocab_size
    assert len({(word, path.code) for word in range(vocab_size) for path in t.word_paths(word)}) == t.num_leaves
    classes = kmeans_classes(x, counts=counts)
    assert (classes.vocab_size, classes.one_leaf_a_word) == (vocab_size, True)
    assert classes.max_depth <= 2


def test_words_all_alike_are_halved() -> None:
    t = clustered(np.zeros((64, 3)))
    assert set(t.leaf_depths) == {6}


def test_vectors_are_looked_up_by_word() -> None:
    words = [f"w{i}" for i in range(100)]
    vectors = WordVectors(words, POINTS.astype(np.float32))
    named = clustered(vectors)
    assert named.words == tuple(words)
    assert np.array_equal(named.children, clustered(POINTS).children)
    vocabulary = ["new", *reversed(words), "newer", "newest"]
    counts = [3, *[10] * 100, 2, 1]
    t = clustered(vectors, vocabulary, counts=counts)
    assert t.words == tuple(vocabulary)
    # What has no vector stands apart, in a Huffman tree.
    assert [t.path(word).code for word in ("new", "newer", "newest")] == ["11", "101", "100"]
    assert all(t.path(word).code[0] == "0" for word in words)
    classes = kmeans_classes(vectors, vocabulary, num_classes=4, counts=counts)
    assert classes.path("new").branches[0] == 1
    assert {classes.path(word).branches[:2] for word in words} == {(0, i) for i in range(4)}


def test_classes_are_the_clusters() -> None:
    t = kmeans_classes(POINTS, num_classes=4, seed=2)
    assert sorted({len(group) for group in groups_below(t, 1).values()}) == [1]
    assert t.child_counts.tolist()[0] == 4
    assert t.path(0).branches[0] == 0  # classes come in the order of their first words


def test_classes_lower_the_distances_within() -> None:
    x = np.random.default_rng(6).normal(size=(400, 5)).astype(np.float32)

    def inertia(t: tree.Tree, weights: np.ndarray) -> float:
        owner = np.array([t.path(word).branches[0] for word in range(400)])
        total = 0.0
        for c in np.unique(owner):
            inside = owner == c
            centre = np.average(x[inside], axis=0, weights=weights[inside])
            total += float(weights[inside] @ ((x[inside] - centre) ** 2).sum(1))
        return total

    counts = 2000 / np.arange(1, 401) ** 1.2
    plain, weighted = kmeans_classes(x, num_classes=20), kmeans_classes(x, num_classes=20, counts=counts)
    alike = np.ones(400)
    one_round = kmeans_classes(x, num_classes=20, iterations=1)
    by_frequency = tree.frequency_classes(alike, 20)
    assert inertia(plain, alike) < inertia(one_round, alike) < 0.8 * inertia(by_frequency, alike)
    assert inertia(weighted, counts) < inertia(plain, counts)
    assert inertia(weighted, alike) > inertia(plain, alike)


def test_a_class_of_one_word_is_a_leaf_of_the_root() -> None:
    t = kmeans_classes(np.array([[0.0], [0.1], [100.0]]), num_classes=2)
    assert [len(t.path(word).branches) for word in range(3)] == [2, 2, 1]


@pytest.mark.parametrize("build", [clustered, kmeans_classes])
def test_vectors_that_cannot_be_used(build: Any) -> None:
    x = POINTS.copy()
    x[7, 3] = np.nan
    with pytest.raises(InputError, match=r"vector of word 7 contains NaN"):
        build(x)
    x[7, 3] = np.inf
    with pytest.raises(InputError, match="vector of 'w7' contains NaN or infinity"):
        build(x, [f"w{i}" for i in range(100)])
    for bad in (np.zeros(3), np.zeros((0, 3)), np.zeros((3, 0)), [["a"]]):
        with pytest.raises(InputError, match="expected numbers"):
            build(bad)
    with pytest.raises(InputError, match=r"numbers up to 2e\+17, whose squares overflow"):
        build(np.array([[1.0], [-2e17]]))
    with pytest.raises(InputError, match="found 2 words for 100 vectors"):
        build(POINTS, ["a", "b"])
    with pytest.raises(InputError, match="found 3 counts for 100 words"):
        build(POINTS, counts=[1, 2, 3])
    with pytest.raises(InputError, match="none of the 2 words"):
        build(WordVectors(["a"], [[1.0]]), ["b", "c"])
    with pytest.raises(InputError, match="seed is -1"):
        build(POINTS, seed=-1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "fair"}, "split is 'fair'"),
        ({"overlap": 0.5}, "overlap is 0.5"),
        ({"overlap": float("nan")}, "overlap is nan"),
        ({"overlap": 0.1, "split": "balanced"}, "only adaptive splits overlap"),
        ({"copies": 0}, "copies is 0"),
        ({"max_mean_leaves": 0.9}, "max_mean_leaves is 0.9"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        clustered(POINTS, **options)


def test_numbers_of_classes_out_of_range() -> None:
    for C in (0, 101):
        with pytest.raises(InputError, match=f"num_classes is {C}; expected a whole number from 1 to 100"):
            kmeans_classes(POINTS, num_classes=C)
    with pytest.raises(InputError, match="iterations is 0"):
        kmeans_classes(POINTS, iterations=0)
