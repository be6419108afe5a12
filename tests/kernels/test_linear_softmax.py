"""The exact softmax over a linear layer, on every instruction set, against float64 written out in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels import linear_softmax

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
    linear_softmax.forward(hidden, weight, bias, log_normaliser=found[0], threads=threads, target=target)
    linear_softmax.backward(
        hidden,
        weight,
        bias,
        log_normaliser=found[0],
        upstream=upstream,
        hidden_gradient=found[1],
        weight_gradient=found[2],
        bias_gradient=found[3],
        threads=threads,
        target=target,
    )
    return found


def problem(
    n: int, V: int, D: int, bias: bool, seed: int, scale: float = 1.0
) -> tuple[Floats, Floats, Floats | None, Floats]:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Floats:
        return rng.standard_normal(shape).astype(np.float32)

    weight = normal(V, D) / np.float32(D**0.5) * np.float32(scale)
    return normal(n, D), weight, normal(V) if bias else None, normal(n)


def assert_close(found: list[Floats], expected: list[Floats]) -> None:
    for ours, exact in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=2e-5, atol=2e-6 * max(1.0, np.abs(exact).max(initial=0)))


@settings(max_examples=40, deadline=None)
@given(
    n=st.one_of(st.integers(1, 20), st.integers(90, 200)),
    V=st.one_of(st.integers(1, 70), st.integers(500, 700)),
    D=st.integers(1, 140),
    bias=st.booleans(),
    scale=st.sampled_from([0.5, 20.0]),
    seed=st.integers(0, 999),
)
def test_equals_float64(target: str, n: int, V: int, D: int, bias: bool, scale: float, seed: int) -> None:
    inputs = problem(n, V, D, bias, seed, scale)
    rounding = scale * 1e-6  # of a score, which exp makes a relative one
    hidden, _, _, upstream = inputs
    # Sums over examples may cancel, so their rounding is that of the terms: each at most |upstream|·max(1, |hidden|).
    of_terms = 4e-7 * np.abs(upstream).sum() * max(1.0, np.abs(hidden).max())
    results = zip(run(target, *inputs, threads=1), reference(*inputs), (0, 0, of_terms, of_terms), strict=True)
    for found, exact, cancelled in results:
        tolerance = (2e-6 + 4 * rounding) * max(1.0, np.abs(exact).max()) + cancelled
        np.testing.assert_allclose(found, exact, rtol=2e-5, atol=tolerance)


@pytest.mark.parametrize("threads", [1, 3])
def test_several_groups_of_examples_and_tiles_of_words(target: str, threads: int) -> None:
    inputs = problem(2_100, 1_500, 24, True, 0)
    assert_close(run(target, *inputs, threads=threads), reference(*inputs))


def test_scores_far_out(target: str) -> None:
    """The maximum is subtracted lane by lane, so that nothing overflows and nothing that counts underflows."""
    hidden, upstream = np.array([[1.0], [-1.0], [0.0]], np.float32), np.ones(3, np.float32)
    weight = np.linspace(-3e4, 3e4, 77, dtype=np.float32)[:, None]
    assert_close(run(target, hidden, weight, None, upstream, 1), reference(hidden, weight, None, upstream))


def test_words_that_a_bias_rules_out_and_what_is_not_a_number(target: str) -> None:
    hidden, weight, bias, upstream = problem(40, 90, 6, True, 1)
    assert bias is not None
    bias[::3] = -np.inf
    found = run(target, hidden, weight, bias, upstream, 1)
    assert_close(found, reference(hidden, weight, bias, upstream))
    assert not found[2][::3].any()
    weight[5, 2] = np.nan
    bias[5] = 0
    assert np.isnan(run(target, hidden, weight, bias, upstream, 1)[0]).all()


def test_gradients_that_are_not_wanted_are_left_out() -> None:
    hidden, weight, bias, upstream = problem(5, 9, 4, True, 0)
    exact = reference(hidden, weight, bias, upstream)
    normaliser = exact[0].astype(np.float32)
    for i, name in enumerate(("hidden_gradient", "weight_gradient", "bias_gradient")):
        wanted: dict[str, Any] = dict.fromkeys(("hidden_gradient", "weight_gradient", "bias_gradient"))
        wanted[name] = np.full(exact[i + 1].shape, np.nan, np.float32)
        linear_softmax.backward(hidden, weight, bias, log_normaliser=normaliser, upstream=upstream, threads=1, **wanted)
        np.testing.assert_allclose(wanted[name], exact[i + 1], rtol=1e-5, atol=1e-6)


def test_arrays_that_do_not_fit_are_refused() -> None:
    hidden, weight, bias, upstream = problem(3, 4, 5, True, 0)
    out = np.empty(3, np.float32)
    with pytest.raises(ValueError, match="differ in width"):
        linear_softmax.forward(hidden[:, :4].copy(), weight, bias, log_normaliser=out, threads=1)
    with pytest.raises(ValueError, match="a bias a word"):
        linear_softmax.forward(hidden, weight, upstream, log_normaliser=out, threads=1)
    with pytest.raises(ValueError, match="a normaliser an example"):
        linear_softmax.forward(hidden, weight, bias, log_normaliser=out[:2], threads=1)
    with pytest.raises(ValueError, match="there are no words"):
        linear_softmax.forward(hidden, weight[:0], None, log_normaliser=out, threads=1)
    with pytest.raises(ValueError, match="not compiled in"):
        linear_softmax.forward(hidden, weight, bias, log_normaliser=out, threads=1, target="6502")
    with pytest.raises(TypeError):  # a silent copy would lose the result
        linear_softmax.forward(hidden.astype(np.float64), weight, bias, log_normaliser=out, threads=1)
