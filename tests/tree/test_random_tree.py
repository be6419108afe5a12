from __future__ import annotations

import numpy as np
import pytest

from vastmax import tree
from vastmax.errors import InputError


def test_the_shape_is_balanced_and_the_words_are_shuffled() -> None:
    t, ordered = tree.random(1000, seed=5), tree.balanced(1000)
    assert sorted(t.leaf_depths) == sorted(ordered.leaf_depths)
    assert not np.array_equal(t.children, ordered.children)
    assert sorted(~t.children[t.children < 0]) == list(range(1000))


def test_seeds() -> None:
    assert np.array_equal(tree.random(50, seed=1).children, tree.random(50, seed=1).children)
    assert not np.array_equal(tree.random(50, seed=1).children, tree.random(50, seed=2).children)
    with pytest.raises(InputError, match="seed is -1"):
        tree.random(50, seed=-1)
    with pytest.raises(InputError, match="vocab_size is 0"):
        tree.random(0)
    assert tree.random(1).num_nodes == 0
