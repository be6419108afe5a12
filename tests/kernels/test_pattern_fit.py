"""Patterns looked for in spellings, on every instruction set, against fits at all positions in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels import pattern_fit
from vastmax.kernels.pattern_fit import SpelledWords

Floats = NDArray[Any]
NUM_SYMBOLS, NOTHING = 7, 6


def spelled(num_words: int, longest: int, num_asked: int, rng: np.random.Generator) -> SpelledWords:
    """Words of 1 … `longest` symbols, of which `num_asked` are asked about, in any order and some of them twice."""
    lengths = rng.integers(1, longest + 1, size=num_words)
    symbols = rng.integers(0, NOTHING, size=lengths.sum()).astype(np.int16)
    asked = rng.integers(0, num_words, size=num_asked)
    return SpelledWords(symbols, np.concatenate([[0], np.cumsum(lengths)]), NOTHING, asked)


def table_of(widths: NDArray[np.int32], widest: int, rng: np.random.Generator) -> Floats:
    table = rng.standard_normal((NUM_SYMBOLS, widest, len(widths))).astype(np.float32)
    return np.where(np.arange(widest)[:, None] < widths, table, np.float32(0))


def fits(words: SpelledWords, table: Floats, word_id: int) -> Floats:
    """How well each pattern fits at each position of a word, in float64: (positions, F)."""
    own = words.symbols[words.offsets[word_id] : words.offsets[word_id + 1]]
    padded = np.concatenate([own, np.full(table.shape[1], words.nothing)])
    at = [[table[padded[p + o], o] for o in range(table.shape[1])] for p in range(len(own))]
    return np.array(at, dtype=np.float64).sum(axis=1)


def run(
    words: SpelledWords, widths: NDArray[np.int32], table: Floats, upstream: Floats, target: str, threads: int = 1
) -> tuple[Floats, NDArray[np.int32], Floats]:
    fit = np.full(upstream.shape, np.nan, np.float32)
    place = np.full(upstream.shape, -1, np.int32)
    gradient = np.full(table.shape[::-1], np.nan, np.float32)
    pattern_fit.forward(words, widths, table, fit=fit, place=place, threads=threads, target=target)
    pattern_fit.backward(
        words, widths, place=place, upstream=upstream, table_gradient=gradient, threads=threads, target=target
    )
    return fit, place, gradient


def assert_right(words: SpelledWords, widths: NDArray[np.int32], table: Floats, target: str, threads: int) -> None:
    upstream = np.random.default_rng(5).standard_normal((len(words.word_ids), len(widths))).astype(np.float32)
    fit, place, gradient = run(words, widths, table, upstream, target, threads)
    expected = np.zeros(gradient.shape)
    filters = np.arange(len(widths))
    for u, word_id in enumerate(words.word_ids):
        each = fits(words, table, word_id)
        np.testing.assert_allclose(fit[u], each.max(axis=0), rtol=1e-5, atol=1e-5)
        # The place is one where the fit is the best but for rounding, and the gradient goes through that place.
        np.testing.assert_allclose(each[place[u], filters], each.max(axis=0), rtol=1e-5, atol=1e-5)
        own = words.symbols[words.offsets[word_id] : words.offsets[word_id + 1]]
        padded = np.concatenate([own, np.full(table.shape[1], words.nothing)])
        for o in range(table.shape[1]):
            inside = o < widths
            expected[filters[inside], o, padded[place[u] + o][inside]] += upstream[u][inside]
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5 * max(1, len(words.word_ids)))


@settings(max_examples=40, deadline=None)
@given(
    num_asked=st.integers(0, 40),
    widths=st.lists(st.integers(1, 6), min_size=1, max_size=150),
    longest=st.integers(1, 12),
    threads=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_equals_the_convolution(
    target: str, num_asked: int, widths: list[int], longest: int, threads: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    widths_of = np.array(widths, np.int32)
    words = spelled(9, longest, num_asked, rng)
    assert_right(words, widths_of, table_of(widths_of, max(widths) + seed % 2, rng), target, threads)


def test_threads_share_many_words(target: str) -> None:
    rng = np.random.default_rng(0)
    widths = np.repeat(np.arange(1, 6, dtype=np.int32), 20)
    assert_right(spelled(300, 12, 1000, rng), widths, table_of(widths, 5, rng), target, 3)


def test_the_first_of_equal_places_is_taken(target: str) -> None:
    words = SpelledWords(np.array([2, 2, 2, 1], np.int16), np.array([0, 4]), NOTHING, np.array([0]))
    widths = np.array([1, 2], np.int32)
    table = np.zeros((NUM_SYMBOLS, 2, 2), np.float32)
    table[2, 0] = 1
    table[1, 1, 1] = 1
    fit, place, gradient = run(words, widths, table, np.ones((1, 2), np.float32), target)
    assert fit.tolist() == [[1, 2]]
    assert place.tolist() == [[0, 2]]
    assert gradient[1].tolist() == [[0, 0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("where", [0, 1, 2])
def test_what_is_not_a_number_stays_visible(target: str, where: int) -> None:
    symbols = np.array([1, 1, 1], np.int16)
    symbols[where] = 3
    words = SpelledWords(symbols, np.array([0, 3]), NOTHING, np.array([0]))
    table = np.ones((NUM_SYMBOLS, 1, 1), np.float32)
    table[3] = np.nan
    fit, place, _ = run(words, np.ones(1, np.int32), table, np.ones((1, 1), np.float32), target)
    assert np.isnan(fit).all()
    assert place.tolist() == [[where]]


def test_places_that_are_not_wanted_are_left_out() -> None:
    rng = np.random.default_rng(0)
    widths = np.array([1, 3], np.int32)
    words, table = spelled(5, 4, 8, rng), table_of(widths, 3, rng)
    with_places, without = (np.zeros((8, 2), np.float32) for _ in range(2))
    place = np.zeros((8, 2), np.int32)
    pattern_fit.forward(words, widths, table, fit=with_places, place=place, threads=1)
    pattern_fit.forward(words, widths, table, fit=without, place=None, threads=1)
    np.testing.assert_array_equal(with_places, without)


def test_what_does_not_fit_is_refused() -> None:
    symbols, offsets = np.array([0, 1, 2], np.int16), np.array([0, 2, 3])
    good: dict[str, Any] = {"symbols": symbols, "offsets": offsets, "nothing": NOTHING, "word_ids": np.array([1, 0])}
    widths, table = np.array([1, 2], np.int32), np.zeros((NUM_SYMBOLS, 2, 2), np.float32)
    fit, place = np.zeros((2, 2), np.float32), np.zeros((2, 2), np.int32)

    def forward(widths: Any = widths, table: Any = table, fit: Any = fit, **words: Any) -> None:
        pattern_fit.forward(SpelledWords(**{**good, **words}), widths, table, fit=fit, place=None, threads=1)

    def backward(place: Any = place, upstream: Any = fit, gradient: Any = table.T) -> None:
        pattern_fit.backward(
            SpelledWords(**good),
            widths,
            place=place,
            upstream=upstream,
            table_gradient=np.ascontiguousarray(gradient),
            threads=1,
        )

    forward()
    backward()
    for call, message in [
        (lambda: forward(word_ids=np.array([2, 0])), "a word id is out of range"),
        (lambda: forward(word_ids=np.array([-1, 0])), "a word id is out of range"),
        (lambda: forward(offsets=np.array([0, 2, 2])), "a word's symbols are out of range"),
        (lambda: forward(offsets=np.array([0, 2, 4])), "a word's symbols are out of range"),
        (lambda: forward(symbols=np.array([0, 7, 2], np.int16)), "a symbol is out of range"),
        (lambda: forward(symbols=np.array([0, -1, 2], np.int16)), "a symbol is out of range"),
        (lambda: forward(nothing=7), "a symbol is out of range"),
        (lambda: forward(widths=np.array([1, 3], np.int32)), "a pattern's width is out of range"),
        (lambda: forward(widths=np.array([0, 2], np.int32)), "a pattern's width is out of range"),
        (lambda: forward(widths=np.zeros(0, np.int32)), "there are no patterns"),
        (
            lambda: forward(table=np.zeros((NUM_SYMBOLS, 2, 3), np.float32)),
            r"table has the shape \(\d+, 2, 3\), expected",
        ),
        (lambda: forward(fit=np.zeros((3, 2), np.float32)), r"fit has the shape \(3, 2\), expected \(2, 2\)"),
        (lambda: backward(place=np.array([[0, 0], [0, 2]], np.int32)), "a place is out of its word"),
        (lambda: backward(place=np.array([[0, 0], [-1, 0]], np.int32)), "a place is out of its word"),
        (
            lambda: backward(upstream=np.zeros((2, 3), np.float32)),
            r"upstream has the shape \(2, 3\), expected \(2, 2\)",
        ),
        (
            lambda: backward(gradient=np.zeros((3, 2, NUM_SYMBOLS), np.float32)),
            r"table_gradient has the shape \(3, 2, \d+\), expected",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match="not compiled in"):
        pattern_fit.forward(SpelledWords(**good), widths, table, fit=fit, place=None, threads=1, target="6502")
    with pytest.raises(TypeError):  # a silent copy would lose the result
        forward(fit=fit.astype(np.float64))
