"""The softmax over narrow vectors, on every instruction set, against float64 written out in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels import narrow_softmax

Floats = NDArray[Any]


def reference(hidden: Floats, weight: Floats, bias: Floats | None, upstream: Floats) -> list[Floats]:
    """log Z, and the gradients of Σ upstream·log Z, in float64."""
    hidden, weight, upstream = (x.astype(np.float64) for x in (hidden, weight, upstream))
    scores = hidden @ weight.T + (0.0 if bias is None else bias.astype(np.float64))
    top = scores.max(1, keepdims=True)
    share = np.exp(scores - top)
    total = share.sum(1, keepdims=True)
    share = share / total * upstream[:, None]
    return [(np.log(total) + top)[:, 0], share @ weight, share.T @ hidden, share.sum(0)]


def run(
    target: str, hidden: Floats, weight: Floats, bias: Floats | None, upstream: Floats, threads: int
) -> list[Floats]:
    found = [np.full(shape, np.nan, np.float32) for shape in (len(hidden), hidden.shape, weight.shape, len(weight))]
    narrow_softmax.forward(hidden, weight, bias, log_normaliser=found[0], threads=threads, target=target)
    narrow_softmax.backward(
        hidden,
        weight,
        bias,
        log_normaliser=found[0],
        upstream=upstream,
        hidden_gradient=found[1],
        weight_gradient=found[2],
        bias_gradient=None if bias is None else found[3],
        threads=threads,
        target=target,
    )
    return found if bias is not None else found[:3]


def problem(
    n: int, V: int, D: int, bias: bool, scale: float, seed: int
) -> tuple[Floats, Floats, Floats | None, Floats]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Floats:
        return rng.standard_normal(shape).astype(np.float32)

    return normal(n, D) * np.float32(scale), normal(V, D), normal(V) if bias else None, normal(n)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 20),
    V=st.one_of(st.integers(1, 5), st.integers(120, 300)),
    D=st.integers(1, 64),
    bias=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_float64(target: str, n: int, V: int, D: int, bias: bool, seed: int) -> None:
    hidden, weight, b, upstream = problem(n, V, D, bias, 0.5, seed)
    assert narrow_softmax.score_bound(hidden, weight, b) < 87
    expected = reference(hidden, weight, b, upstream)
    for found, exact in zip(run(target, hidden, weight, b, upstream, 1), expected, strict=False):
        np.testing.assert_allclose(found, exact, rtol=2e-5, atol=1e-5)


def test_threads_and_many_words(target: str) -> None:
    hidden, weight, bias, upstream = problem(40, 70_003, 4, True, 1.0, 0)
    expected = reference(hidden, weight, bias, upstream)
    for threads in (1, 3):
        for found, exact in zip(run(target, hidden, weight, bias, upstream, threads), expected, strict=True):
            np.testing.assert_allclose(found, exact, rtol=2e-5, atol=1e-5)


def test_scores_at_both_ends_of_the_allowed_range(target: str) -> None:
    limit = narrow_softmax.LARGEST_SCORE
    hidden = np.array([[1.0], [-1.0], [0.0]], np.float32)
    weight = np.array([[limit]] + [[-limit]] * 200, np.float32)
    upstream = np.ones(3, np.float32)
    assert narrow_softmax.score_bound(hidden, weight, None, target=target) == pytest.approx(limit)
    expected = reference(hidden, weight, None, upstream)
    for found, exact in zip(run(target, hidden, weight, None, upstream, 1), expected, strict=False):
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 5), V=st.integers(1, 9), D=st.integers(1, 64), bias=st.booleans(), seed=st.integers(0, 99))
def test_the_bound_bounds(target: str, n: int, V: int, D: int, bias: bool, seed: int) -> None:
    hidden, weight, b, _ = problem(n, V, D, bias, 3.0, seed)
    scores = hidden @ weight.T + (0.0 if b is None else b)
    assert narrow_softmax.score_bound(hidden, weight, b, target=target) >= np.abs(scores).max() * (1 - 1e-6)


@pytest.mark.parametrize("where", range(3))
def test_the_bound_of_what_is_not_a_number_is_none(target: str, where: int) -> None:
    hidden, weight, bias, _ = problem(3, 4, 5, True, 1.0, 0)
    assert bias is not None
    (hidden, weight, bias)[where].flat[1] = np.nan
    assert not narrow_softmax.score_bound(hidden, weight, bias, target=target) <= 1e30


def test_arrays_that_do_not_fit_are_refused() -> None:
    hidden, weight, bias, upstream = problem(3, 4, 5, True, 1.0, 0)
    out = np.empty(3, np.float32)
    with pytest.raises(ValueError, match="differ in width"):
        narrow_softmax.forward(hidden[:, :4].copy(), weight, bias, log_normaliser=out, threads=1)
    with pytest.raises(ValueError, match="a bias a word"):
        narrow_softmax.forward(hidden, weight, upstream, log_normaliser=out, threads=1)
    with pytest.raises(ValueError, match="a normaliser an example"):
        narrow_softmax.forward(hidden, weight, bias, log_normaliser=out[:2], threads=1)
    wide = np.zeros((2, narrow_softmax.WIDEST + 1), np.float32)
    with pytest.raises(ValueError, match="the width must be"):
        narrow_softmax.forward(wide, wide, None, log_normaliser=out[:2], threads=1)
    with pytest.raises(ValueError, match="not compiled in"):
        narrow_softmax.forward(hidden, weight, bias, log_normaliser=out, threads=1, target="6502")
    with pytest.raises(TypeError):  # a silent copy would lose the result
        narrow_softmax.forward(hidden.astype(np.float64), weight, bias, log_normaliser=out, threads=1)
