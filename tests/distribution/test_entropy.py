"""Entropy and the facts that methods are chosen by."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vastmax.distribution.entropy import (
    bits_from_perplexity,
    bits_per_word,
    entropy_bits,
    information_bits,
    perplexity_from_bits,
    perplexity_from_nats,
)
from vastmax.errors import InputError

counts_lists = st.lists(st.integers(0, 10**12), min_size=1, max_size=50).filter(any)


@given(counts_lists)
def test_entropy_is_the_naive_sum(counts: list[int]) -> None:
    total = sum(counts)
    naive = math.fsum(-(c / total) * math.log2(Fraction(c, total)) for c in counts if c)
    assert entropy_bits(counts) == pytest.approx(naive, abs=1e-9)
    assert 0 <= entropy_bits(counts) <= math.log2(len(counts)) + 1e-9


def test_uniform_law_has_log2_of_its_size() -> None:
    assert entropy_bits(np.full(10_000, 7)) == pytest.approx(math.log2(10_000))
    assert round(math.log2(10_000), 1) == 13.3
    assert entropy_bits([5]) == 0


def test_information_content_averages_to_entropy() -> None:
    counts = np.array([8, 4, 2, 1, 1, 0])
    bits = information_bits(counts)
    assert bits.tolist() == [1, 2, 3, 4, 4, math.inf]
    assert entropy_bits(counts) == pytest.approx(float((counts[:5] / 16) @ bits[:5]))


def test_published_conversions() -> None:
    assert round(perplexity_from_bits(9.16)) == 572
    assert round(bits_from_perplexity(24.2), 2) == 4.60
    assert [bits_per_word(b, 4.5) for b in (0.6, 1.3)] == pytest.approx([2.7, 5.85])
    assert [bits_per_word(b, 4.5, count_space=True) for b in (0.6, 1.3)] == pytest.approx([3.3, 7.15])


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([], r"counts has shape \(0,\); expected one count per word"),
        ([[1, 2]], r"counts has shape \(1, 2\)"),
        ([0, 0], "counts is zero for all 2 words"),
        ([1, -2], r"counts\[1\] is -2; expected counts ≥ 0"),
        ([1.0, math.nan], r"counts\[1\] is nan; expected finite"),
        ([math.inf], r"counts\[0\] is inf; expected finite"),
        (["a"], "counts are of type <U1; expected numbers"),
    ],
)
def test_bad_counts_are_named(counts: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        entropy_bits(counts)


def test_bad_perplexity() -> None:
    with pytest.raises(InputError, match="perplexity 0: a number above 0"):
        bits_from_perplexity(0)


def test_a_model_that_diverged_has_a_perplexity() -> None:
    assert perplexity_from_nats(math.log(24.2)) == pytest.approx(24.2)
    assert math.isfinite(perplexity_from_nats(1e4))
    assert math.isfinite(perplexity_from_nats(math.inf))
    assert math.isnan(perplexity_from_nats(math.nan))
