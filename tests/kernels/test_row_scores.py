"""Scores of rows of an example's own, on every instruction set, against float64 written out in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels import row_scores

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
    row_scores.forward(
        p["hidden"], p["weight"], p["bias"] if bias else None, position, score=found, threads=threads, target=target
    )
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5 * hidden.shape[1] ** 0.5)
    to_hidden = np.einsum("nk,nkd->nd", upstream, weight[position])
    to_weight, to_bias = np.zeros_like(weight), np.zeros(len(weight))
    np.add.at(to_weight, position, upstream[:, :, None] * hidden[:, None, :])
    np.add.at(to_bias, position, upstream)
    gradients = [np.full(x.shape, np.nan, np.float32) for x in (to_hidden, to_weight, to_bias)]
    row_scores.backward(
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
def test_equals_float64(target: str, N: int, K: int, U: int, D: int, bias: bool, seed: int) -> None:
    check(numbers(N, K, U, D, seed), target, threads=1, bias=bias)


def test_threads_share_examples_and_rows(target: str) -> None:
    """Enough work for three threads; one row is in play a third of the time, most others hardly ever."""
    p = numbers(400, 100, 900, 100, seed=1)
    p["position"][:, ::3] = 7
    check(p, target, threads=3, bias=True)


def test_gradients_that_are_not_wanted_are_left_out() -> None:
    p = numbers(3, 2, 4, 5, seed=0)
    wanted = np.full((3, 5), np.nan, np.float32)
    row_scores.backward(
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


def test_what_does_not_fit_is_refused() -> None:
    p = numbers(3, 2, 4, 5, seed=0)
    score = np.zeros((3, 2), np.float32)

    def forward(**changed: Numbers) -> None:
        q = {**p, **changed}
        row_scores.forward(q["hidden"], q["weight"], q["bias"], q["position"], score=score, threads=1)

    for position in (4, -1):
        with pytest.raises(ValueError, match="a position is out of range"):
            forward(position=np.full((3, 2), position))
    with pytest.raises(ValueError, match="differ in width"):
        forward(weight=np.zeros((4, 6), np.float32))
    with pytest.raises(ValueError, match="a bias a row"):
        forward(bias=np.zeros(5, np.float32))
    with pytest.raises(ValueError, match="positions of each example"):
        forward(position=np.zeros((2, 2), np.int64))
    with pytest.raises(TypeError):
        forward(hidden=p["hidden"].astype(np.float64))
