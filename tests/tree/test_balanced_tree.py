from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax import tree
from vastmax.errors import InputError


def truncated_binary_code(word: int, vocab_size: int) -> str:
    d = math.ceil(math.log2(vocab_size))
    u = 2**d - vocab_size
    return f"{word:0{d - 1}b}" if word < u and d > 1 else f"{word + u:0{d}b}"


@settings(deadline=None)
@given(st.integers(2, 200))
def test_codes_are_the_truncated_binary_ones(vocab_size: int) -> None:
    t = tree.balanced(vocab_size)
    assert t.is_binary
    assert t.num_nodes == vocab_size - 1
    for word in range(vocab_size):
        assert t.path(word).code == truncated_binary_code(word, vocab_size)


def test_the_code_011_goes_left_right_right() -> None:
    assert tree.balanced(8).path(3).branches == (0, 1, 1)


def test_depth_at_ten_thousand_words() -> None:
    described = tree.balanced(10_000).describe()
    assert described.mean_depth == pytest.approx(13.36, abs=0.005)
    assert described.entropy_bits == pytest.approx(13.29, abs=0.005)
    assert described.max_depth == 14
    assert described.num_rows == 9_999


@pytest.mark.parametrize("vocab_size", [0, -3])
def test_no_words(vocab_size: int) -> None:
    with pytest.raises(InputError, match=f"vocab_size is {vocab_size}"):
        tree.balanced(vocab_size)
