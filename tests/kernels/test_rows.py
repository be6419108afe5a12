"""Rows of a table, scored and moved, on every instruction set, against float64 written out in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels import rows as native_rows

Numbers = NDArray[Any]


def numbers(N: int, K: int, U: int, D: int, seed: int) -> dict[str, Numbers]:
    rng = np.random.default_rng(seed)
    made = {"hidden": (N, D), "weight": (U, D), "bias": (U,), "upstream": (N, K)}
    arrays: dict[str, Numbers] = {name: rng.standard_normal(s).astype(np.float32) for name, s in made.items()}
    return {**arrays, "position": rng.integers(0, U, (N, K))}


def check(p: dict[str, Numbers], target: str, *, threads: int, bias: bool) -> None:
    hidden, weight, upstream = (p[name].astype(np.float64) for name in ("hidden", "weight", "upstream"))
    position = p["position"]
    exact = np.einsum("nd,nkd->nk", hidden, weight[position]) + (p["bias"][position] if bias else 0)
    found = np.full(position.shape, np.nan, np.float32)
    native_rows.scores_forward(
        p["hidden"], p["weight"], p["bias"] if bias else None, position, score=found, threads=threads, target=target
    )
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5 * hidden.shape[1] ** 0.5)
    to_hidden = np.einsum("nk,nkd->nd", upstream, weight[position])
    to_weight, to_bias = np.zeros_like(weight), np.zeros(len(weight))
    np.add.at(to_weight, position, upstream[:, :, None] * hidden[:, None, :])
    np.add.at(to_bias, position, upstream)
    gradients = [np.full(x.shape, np.nan, np.float32) for x in (to_hidden, to_weight, to_bias)]
    native_rows.scores_backward(
        p["hidden"],
        p["weight"],
        position,
        upstream=p["upstream"],
        hidden_gradient=gradients[0],
        weight_gradient=gradients[1],
        bias_gradient=gradients[2],
        threads=threads,
        target=target,
    )
    for gradient, wanted in zip(gradients, (to_hidden, to_weight, to_bias), strict=True):
        # Sums may cancel: their rounding is that of the terms, of which a row has as many as it is in play.
        np.testing.assert_allclose(gradient, wanted, rtol=1e-4, atol=1e-5 * max(1.0, upstream.size) ** 0.5)


@settings(max_examples=60, deadline=None)
@given(
    N=st.integers(0, 30),
    K=st.integers(0, 40),
    U=st.integers(1, 60),
    D=st.integers(1, 140),
    bias=st.booleans(),
    seed=st.integers(0, 999),
)
def test_scores_equal_float64(target: str, N: int, K: int, U: int, D: int, bias: bool, seed: int) -> None:
    check(numbers(N, K, U, D, seed), target, threads=1, bias=bias)


def test_threads_share_examples_and_rows(target: str) -> None:
    """Enough work for three threads; one row is in play a third of the time, most others hardly ever."""
    p = numbers(400, 100, 900, 100, seed=1)
    p["position"][:, ::3] = 7
    check(p, target, threads=3, bias=True)


def test_gradients_that_are_not_wanted_are_left_out() -> None:
    p = numbers(3, 2, 4, 5, seed=0)
    wanted = np.full((3, 5), np.nan, np.float32)
    native_rows.scores_backward(
        p["hidden"],
        p["weight"],
        p["position"],
        upstream=p["upstream"],
        hidden_gradient=wanted,
        weight_gradient=None,
        bias_gradient=None,
        threads=1,
    )
    assert np.isfinite(wanted).all()


def test_scores_that_do_not_fit_are_refused() -> None:
    p = numbers(3, 2, 4, 5, seed=0)
    score = np.zeros((3, 2), np.float32)

    def forward(**changed: Numbers) -> None:
        q = {**p, **changed}
        native_rows.scores_forward(q["hidden"], q["weight"], q["bias"], q["position"], score=score, threads=1)

    for position in (4, -1):
        with pytest.raises(ValueError, match="a position is out of range"):
            forward(position=np.full((3, 2), position))
    with pytest.raises(ValueError, match=r"weight has the shape \(4, 6\), expected \(4, 5\)"):
        forward(weight=np.zeros((4, 6), np.float32))
    with pytest.raises(ValueError, match=r"bias has the shape \(5,\), expected \(4,\)"):
        forward(bias=np.zeros(5, np.float32))
    with pytest.raises(ValueError, match=r"position has the shape \(2, 2\), expected \(3, 2\)"):
        forward(position=np.zeros((2, 2), np.int64))
    with pytest.raises(TypeError):
        forward(hidden=p["hidden"].astype(np.float64))


@settings(max_examples=40, deadline=None)
@given(
    V=st.integers(1, 400),
    D=st.integers(1, 70),
    share=st.floats(0, 1),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_an_update_equals_numpy(target: str, V: int, D: int, share: float, threads: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((V, D)).astype(np.float32)
    rows = np.flatnonzero(rng.random(V) < share)
    update = rng.standard_normal((len(rows), D)).astype(np.float32)
    expected = table.astype(np.float64)
    expected[rows] += -0.3 * update.astype(np.float64)
    native_rows.add_rows(table, rows, update, scale=-0.3, threads=threads, target=target)
    np.testing.assert_allclose(table, expected, rtol=1e-6, atol=1e-6)


def test_threads_share_many_rows(target: str) -> None:
    table = np.zeros((3000, 256), np.float32)
    rows = np.arange(1, 3000, 2)
    update = np.repeat(rows[:, None], 256, axis=1).astype(np.float32)
    native_rows.add_rows(table, rows, update, scale=2.0, threads=3, target=target)
    assert not table[::2].any()
    np.testing.assert_array_equal(table[rows], 2 * update)


@pytest.mark.parametrize(
    ("rows", "ascending"), [([], True), ([3], True), ([0, 1, 7], True), ([1, 1], False), ([2, 1], False)]
)
def test_ascending(rows: list[int], ascending: bool) -> None:
    assert native_rows.is_ascending(np.array(rows, dtype=np.int64)) is ascending


def test_an_update_that_does_not_fit_is_refused_and_nothing_changed() -> None:
    table = np.zeros((4, 2), np.float32)

    def add(rows: list[int], update: Numbers, **options: str) -> None:
        native_rows.add_rows(table, np.array(rows), update, scale=1.0, threads=1, **options)

    ones = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match="ascending and distinct"):
        add([2, 2], ones)
    with pytest.raises(ValueError, match="out of range"):
        add([0, 4], ones)
    with pytest.raises(ValueError, match="out of range"):
        add([-1, 3], ones)
    with pytest.raises(ValueError, match=r"update has the shape \(2, 3\), expected \(2, 2\)"):
        add([0, 1], np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="not compiled in"):
        add([0, 1], ones, target="6502")
    with pytest.raises(TypeError):  # a silent copy would lose the result
        native_rows.add_rows(table.astype(np.float64), np.array([0]), ones[:1], scale=1.0, threads=1)
    assert not table.any()
