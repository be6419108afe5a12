from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.errors import InputError


def classes_of(t: tree.Tree) -> list[list[int]]:
    """The words of each class, a leaf of the root being a class of one."""
    by_class: dict[int, list[int]] = {}
    for word in range(t.vocab_size):
        by_class.setdefault(t.path(word).branches[0], []).append(word)
    return [by_class[c] for c in sorted(by_class)]


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=60).filter(any), st.data())
def test_classes_are_cut_from_the_words_in_count_order(counts: list[int], data: st.DataObject) -> None:
    C = data.draw(st.integers(2, len(counts)))
    t = tree.frequency_classes(counts, C, mass=data.draw(st.sampled_from(["count", "sqrt-count"])))
    classes = classes_of(t)
    assert len(classes) == C
    order = sorted(range(len(counts)), key=lambda word: -max(counts[word], min(c for c in counts if c)))
    at = 0
    for members in classes:
        assert sorted(order[at : at + len(members)]) == members
        at += len(members)
    assert t.max_depth <= 2
    assert t.child_counts.min() >= 2  # no decision between one thing


@pytest.mark.parametrize("mass", ["count", "sqrt-count"])
def test_classes_hold_equal_mass(mass: str) -> None:
    counts = np.full(1000, 7)
    sizes = [len(members) for members in classes_of(tree.frequency_classes(counts, 10, mass=mass))]
    assert sizes == [100] * 10
    zipf = 1e6 / np.arange(1, 5001)
    weight = zipf if mass == "count" else np.sqrt(zipf)
    shares = [weight[m].sum() / weight.sum() for m in classes_of(tree.frequency_classes(zipf, 20, mass=mass))]
    whole_words = weight.max() / weight.sum()
    assert np.ptp(shares[3:]) < 0.01
    assert max(shares) < 1 / 20 + whole_words


def test_square_roots_make_the_expected_class_smaller() -> None:
    zipf = 1e9 / np.arange(1, 100_001)
    by_count = tree.frequency_classes(zipf, mass="count").describe(zipf)
    by_root = tree.frequency_classes(zipf, mass="sqrt-count").describe(zipf)
    assert by_root.expected_scores < 0.8 * by_count.expected_scores


def test_ten_thousand_words_cost_two_hundred_scores() -> None:
    described = tree.frequency_classes(np.ones(10_000)).describe()
    assert described.expected_scores == pytest.approx(200)
    assert described.num_rows == 10_100  # one per cent more parameters


def test_limits_are_a_tree_of_depth_one() -> None:
    for C in (1, 5):
        t = tree.frequency_classes([5, 4, 3, 2, 1], C)
        assert (t.num_nodes, t.max_depth) == (1, 1)
        assert [t.path(word).branches for word in range(5)] == [(0,), (1,), (2,), (3,), (4,)]
    assert tree.frequency_classes([3]).num_nodes == 0


def test_bad_options() -> None:
    with pytest.raises(InputError, match=r"num_classes is 4; expected a whole number from 1 to 3 \(there are 3 words"):
        tree.frequency_classes([1, 1, 1], 4)
    with pytest.raises(InputError, match="num_classes is 0"):
        tree.frequency_classes([1, 1, 1], 0)
    with pytest.raises(InputError, match="mass is 'words'"):
        tree.frequency_classes([1, 1, 1], 2, mass="words")
