"""The softmax of a linear layer, both kernels on every instruction set, against float64 written out in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels import softmax

Floats = NDArray[Any]
GRADIENTS = ("hidden_gradient", "weight_gradient", "bias_gradient")
both_kernels = pytest.mark.parametrize("narrow", [False, True])


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
    target: str, hidden: Floats, weight: Floats, bias: Floats | None, upstream: Floats, threads: int, *, narrow: bool
) -> list[Floats]:
    """What the kernel finds, in the order of `reference`."""
    found = [np.full(shape, np.nan, np.float32) for shape in (len(hidden), hidden.shape, weight.shape, len(weight))]
    common: dict[str, Any] = {"narrow": narrow, "log_normaliser": found[0], "threads": threads, "target": target}
    softmax.forward(hidden, weight, bias, **common)
    softmax.backward(hidden, weight, bias, upstream=upstream, **dict(zip(GRADIENTS, found[1:], strict=True)), **common)
    return found


def problem(
    n: int, V: int, D: int, bias: bool, seed: int, scale: float = 1.0
) -> tuple[Floats, Floats, Floats | None, Floats]:
    """Hidden vectors, weight, bias, upstream; scores have the deviation `scale`."""
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
    found = run(target, *inputs, threads=1, narrow=False)
    for ours, exact, cancelled in zip(found, reference(*inputs), (0, 0, of_terms, of_terms), strict=True):
        tolerance = (2e-6 + 4 * rounding) * max(1.0, np.abs(exact).max()) + cancelled
        np.testing.assert_allclose(ours, exact, rtol=2e-5, atol=tolerance)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 20),
    V=st.one_of(st.integers(1, 5), st.integers(120, 300)),
    D=st.integers(1, softmax.NARROW_WIDTH),
    bias=st.booleans(),
    seed=st.integers(0, 999),
)
def test_the_narrow_kernel_equals_float64(target: str, n: int, V: int, D: int, bias: bool, seed: int) -> None:
    hidden, weight, b, upstream = problem(n, V, D, bias, seed, D**0.5 / 2)
    assert softmax.score_bound(hidden, weight, b) < 87
    expected = reference(hidden, weight, b, upstream)
    for found, exact in zip(run(target, hidden, weight, b, upstream, 1, narrow=True), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize(("narrow", "sizes"), [(False, (2_100, 1_500, 24)), (True, (40, 70_003, 4))])
@pytest.mark.parametrize("threads", [1, 3])
def test_several_tiles_of_words_and_threads(
    target: str, narrow: bool, sizes: tuple[int, int, int], threads: int
) -> None:
    inputs = problem(*sizes, True, 0)
    expected = reference(*inputs)
    for found, exact in zip(run(target, *inputs, threads=threads, narrow=narrow), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=2e-5, atol=1e-5 * max(1.0, np.abs(exact).max()))


def test_scores_far_out(target: str) -> None:
    """The maximum is subtracted lane by lane, so that nothing overflows and nothing that counts underflows."""
    hidden, upstream = np.array([[1.0], [-1.0], [0.0]], np.float32), np.ones(3, np.float32)
    weight = np.linspace(-3e4, 3e4, 77, dtype=np.float32)[:, None]
    found = run(target, hidden, weight, None, upstream, 1, narrow=False)
    assert_close(found, reference(hidden, weight, None, upstream))


def test_scores_at_both_ends_of_the_narrow_range(target: str) -> None:
    limit = softmax.NARROW_SCORE
    hidden = np.array([[1.0], [-1.0], [0.0]], np.float32)
    weight = np.array([[limit]] + [[-limit]] * 200, np.float32)
    upstream = np.ones(3, np.float32)
    assert softmax.score_bound(hidden, weight, None, target=target) == pytest.approx(limit)
    expected = reference(hidden, weight, None, upstream)
    for found, exact in zip(run(target, hidden, weight, None, upstream, 1, narrow=True), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)


def test_words_that_a_bias_rules_out_and_what_is_not_a_number(target: str) -> None:
    hidden, weight, bias, upstream = problem(40, 90, 6, True, 1)
    assert bias is not None
    bias[::3] = -np.inf
    found = run(target, hidden, weight, bias, upstream, 1, narrow=False)
    assert_close(found, reference(hidden, weight, bias, upstream))
    assert not found[2][::3].any()
    weight[5, 2] = np.nan
    bias[5] = 0
    assert np.isnan(run(target, hidden, weight, bias, upstream, 1, narrow=False)[0]).all()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 5), V=st.integers(1, 9), D=st.integers(1, 64), bias=st.booleans(), seed=st.integers(0, 99))
def test_the_bound_bounds(target: str, n: int, V: int, D: int, bias: bool, seed: int) -> None:
    hidden, weight, b, _ = problem(n, V, D, bias, seed, 3.0 * D**0.5)
    scores = hidden @ weight.T + (0.0 if b is None else b)
    assert softmax.score_bound(hidden, weight, b, target=target) >= np.abs(scores).max() * (1 - 1e-6)


@pytest.mark.parametrize("where", range(3))
def test_the_bound_of_what_is_not_a_number_is_none(target: str, where: int) -> None:
    hidden, weight, bias, _ = problem(3, 4, 5, True, 0)
    assert bias is not None
    (hidden, weight, bias)[where].flat[1] = np.nan
    assert not softmax.score_bound(hidden, weight, bias, target=target) <= 1e30


@pytest.mark.parametrize(
    ("narrow", "wanted"),
    [(False, ["hidden_gradient"]), (False, ["weight_gradient"]), (False, ["bias_gradient"]), (True, GRADIENTS[:2])],
)
def test_gradients_that_are_not_wanted_are_left_out(narrow: bool, wanted: list[str]) -> None:
    hidden, weight, bias, upstream = problem(5, 9, 4, True, 0)
    exact = dict(zip(GRADIENTS, reference(hidden, weight, bias, upstream)[1:], strict=True))
    normaliser = reference(hidden, weight, bias, upstream)[0].astype(np.float32)
    given: dict[str, Any] = {
        name: np.full(exact[name].shape, np.nan, np.float32) if name in wanted else None for name in GRADIENTS
    }
    softmax.backward(
        hidden, weight, bias, narrow=narrow, log_normaliser=normaliser, upstream=upstream, threads=1, **given
    )
    for name in wanted:
        np.testing.assert_allclose(given[name], exact[name], rtol=1e-5, atol=1e-6)


@both_kernels
def test_arrays_that_do_not_fit_are_refused(narrow: bool) -> None:
    hidden, weight, bias, upstream = problem(3, 4, 5, True, 0)
    out = np.empty(3, np.float32)

    def forward(
        h: Floats = hidden, w: Floats = weight, b: Floats | None = bias, o: Floats = out, target: str | None = None
    ) -> None:
        softmax.forward(h, w, b, narrow=narrow, log_normaliser=o, threads=1, target=target)

    with pytest.raises(ValueError, match=r"hidden has the shape \(3, 4\), expected \(3, 5\)"):
        forward(h=hidden[:, :4].copy())
    with pytest.raises(ValueError, match=r"bias has the shape \(3,\), expected \(4,\)"):
        forward(b=upstream)
    with pytest.raises(ValueError, match=r"log_normaliser has the shape \(2,\), expected \(3,\)"):
        forward(o=out[:2])
    with pytest.raises(ValueError, match="weight has no words"):
        forward(w=weight[:0], b=None)
    with pytest.raises(ValueError, match="not compiled in"):
        forward(target="6502")
    with pytest.raises(TypeError):  # a silent copy would lose the result
        forward(h=hidden.astype(np.float64))


def test_what_is_too_much_for_the_narrow_kernel_is_refused() -> None:
    wide, out = np.zeros((2, softmax.NARROW_WIDTH + 1), np.float32), np.empty(2, np.float32)
    with pytest.raises(ValueError, match="wider than narrow_softmax_widest"):
        softmax.forward(wide, wide, None, narrow=True, log_normaliser=out, threads=1)
    hidden, weight, bias, upstream = problem(2, 4, 5, True, 0)
    with pytest.raises(ValueError, match="leaves out no gradient but that of bias"):
        softmax.backward(
            hidden, weight, bias, narrow=True, log_normaliser=out, upstream=upstream, hidden_gradient=None,
            weight_gradient=np.empty_like(weight), bias_gradient=None, threads=1,
        )  # fmt: skip
