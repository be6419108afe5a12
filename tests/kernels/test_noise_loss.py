"""The step against shared noise, on every instruction set, against float64 written out in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels import noise_loss
from vastmax.kernels.noise_loss import Kind, Slopes

Numbers = NDArray[Any]


@dataclass
class Problem:
    hidden: Numbers
    weight: Numbers
    bias: Numbers | None
    noise_ids: Numbers
    target_ids: Numbers
    noise_shift: Numbers | None
    target_shift: Numbers | None
    multiplicity: Numbers | None
    upstream: Numbers
    kind: Kind
    mask: bool


def problem(N: int, V: int, D: int, K: int, *, kind: Kind, mask: bool, extras: bool, seed: int) -> Problem:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Numbers:
        return rng.standard_normal(shape).astype(np.float32)

    return Problem(
        hidden=normal(N, D),
        weight=normal(V, D) / np.float32(D**0.5),
        bias=normal(V) if extras else None,
        noise_ids=np.sort(rng.choice(V, min(K, V), replace=False)),
        target_ids=rng.integers(0, V, N),
        noise_shift=normal(min(K, V)) if extras else None,
        target_shift=normal(N) if extras else None,
        multiplicity=rng.integers(1, 4, min(K, V)).astype(np.float32) if extras and kind == "logistic" else None,
        upstream=normal(N),
        kind=kind,
        mask=mask,
    )


def reference(p: Problem) -> list[Numbers]:
    """Losses, and the gradients of Σ upstream·loss by hidden, weight (V, D) and bias (V,), in float64."""
    hidden, weight = p.hidden.astype(np.float64), p.weight.astype(np.float64)
    bias = np.zeros(len(weight)) if p.bias is None else p.bias.astype(np.float64)
    x = hidden @ weight[p.noise_ids].T + bias[p.noise_ids] + (0 if p.noise_shift is None else p.noise_shift)
    t = (hidden * weight[p.target_ids]).sum(1) + bias[p.target_ids] + (0 if p.target_shift is None else p.target_shift)
    if p.mask:
        x[p.target_ids[:, None] == p.noise_ids] = -np.inf
    if p.kind == "softmax":
        everything = np.concatenate([t[:, None], x], axis=1)
        top = everything.max(1, keepdims=True)
        share = np.exp(everything - top)
        total = share.sum(1, keepdims=True)
        loss = (np.log(total) + top)[:, 0] - t
        share /= total
        of_target, of_noise = share[:, 0] - 1, share[:, 1:]
    else:
        times = 1.0 if p.multiplicity is None else p.multiplicity
        loss = np.logaddexp(0, -t) + (times * np.logaddexp(0, x)).sum(1)
        with np.errstate(over="ignore"):
            of_target, of_noise = -1 / (1 + np.exp(t)), times / (1 + np.exp(-x))
    of_target, of_noise = of_target * p.upstream, of_noise * p.upstream[:, None]
    to_hidden = of_noise @ weight[p.noise_ids] + of_target[:, None] * weight[p.target_ids]
    to_weight, to_bias = np.zeros_like(weight), np.zeros_like(bias)
    to_weight[p.noise_ids] += of_noise.T @ hidden
    to_bias[p.noise_ids] += of_noise.sum(0)
    np.add.at(to_weight, p.target_ids, of_target[:, None] * hidden)
    np.add.at(to_bias, p.target_ids, of_target)
    return [loss, to_hidden, to_weight, to_bias]


def run(p: Problem, target: str, threads: int) -> list[Numbers]:
    N, D = p.hidden.shape
    plan = noise_loss.plan(p.noise_ids, p.target_ids, len(p.weight))

    def unwritten(*shape: int) -> Numbers:
        return np.full(shape, np.nan, np.float32)

    loss = unwritten(N)
    step = noise_loss.slope_step(len(p.noise_ids), target=target)
    slopes = Slopes(unwritten(N, step), unwritten(N), unwritten(N), unwritten(N, D))
    noise_loss.forward(
        plan,
        p.hidden,
        p.weight,
        p.bias,
        p.noise_ids,
        p.target_ids,
        kind=p.kind,
        mask=p.mask,
        noise_shift=p.noise_shift,
        target_shift=p.target_shift,
        multiplicity=p.multiplicity,
        loss=loss,
        slopes=slopes,
        threads=threads,
        target=target,
    )
    rows = np.array(plan.rows)
    assert rows.tolist() == sorted(set(p.noise_ids.tolist()) | set(p.target_ids.tolist()))
    to_hidden, weight_rows, bias_rows = unwritten(N, D), unwritten(len(rows), D), unwritten(len(rows))
    noise_loss.backward(
        plan,
        p.hidden,
        slopes,
        upstream=p.upstream,
        hidden_gradient=to_hidden,
        weight_gradient=weight_rows,
        bias_gradient=bias_rows,
        threads=threads,
        target=target,
    )
    to_weight, to_bias = np.zeros_like(p.weight), np.zeros(len(p.weight), np.float32)
    to_weight[rows], to_bias[rows] = weight_rows, bias_rows
    return [loss, to_hidden, to_weight, to_bias]


def assert_equal_to_reference(p: Problem, target: str, threads: int = 1) -> None:
    # Sums over examples may cancel, so their rounding is that of the terms: each at most |upstream|·max(1, |hidden|).
    of_terms = 4e-7 * np.abs(p.upstream).sum() * max(1.0, np.abs(p.hidden).max(initial=0))
    for found, exact, cancelled in zip(run(p, target, threads), reference(p), (0, 0, of_terms, of_terms), strict=True):
        tolerance = 4e-6 * max(1.0, np.abs(exact).max(initial=0)) + cancelled
        np.testing.assert_allclose(found, exact, rtol=2e-5, atol=tolerance)


@settings(max_examples=60, deadline=None)
@given(
    N=st.one_of(st.integers(0, 20), st.integers(90, 110)),
    V=st.one_of(st.integers(1, 30), st.integers(100, 400)),
    D=st.integers(1, 140),
    K=st.integers(0, 150),
    kind=st.sampled_from(["softmax", "logistic"]),
    mask=st.booleans(),
    extras=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_float64(
    target: str, N: int, V: int, D: int, K: int, kind: Kind, mask: bool, extras: bool, seed: int
) -> None:
    assert_equal_to_reference(problem(N, V, D, K, kind=kind, mask=mask, extras=extras, seed=seed), target)


@pytest.mark.parametrize("kind", ["softmax", "logistic"])
def test_many_words_many_examples_and_threads(target: str, kind: Kind) -> None:
    """More than one block of words, of examples and of depth, and a slope step that would be a power of two."""
    for K in (1024, 1100):
        p = problem(600, 3_000, 40, K, kind=kind, mask=True, extras=True, seed=1)
        assert_equal_to_reference(p, target, threads=3)


@pytest.mark.parametrize("kind", ["softmax", "logistic"])
def test_scores_far_out_and_what_is_not_a_number(target: str, kind: Kind) -> None:
    p = problem(30, 50, 8, 20, kind=kind, mask=True, extras=True, seed=2)
    p.weight *= 300
    found, exact = run(p, target, 1), reference(p)
    np.testing.assert_allclose(found[0], exact[0], rtol=1e-5, atol=1e-3)
    assert all(np.isfinite(x).all() for x in found)
    p.weight[p.noise_ids[3]] = np.nan
    assert np.isnan(run(p, target, 1)[0][p.target_ids != p.noise_ids[3]]).all()


def test_a_noise_word_that_dwarfs_all_others_is_masked_where_it_is_the_target(target: str) -> None:
    p = problem(4, 6, 2, 6, kind="softmax", mask=True, extras=False, seed=0)
    p.target_ids[:] = 3
    p.bias = np.zeros(6, np.float32)
    p.bias[3] = 500
    assert_equal_to_reference(p, target)


def test_what_does_not_fit_is_refused(target: str) -> None:
    p = problem(3, 9, 4, 2, kind="softmax", mask=False, extras=True, seed=0)
    for ids, message in (
        ([2, 2], "ascending and distinct"),
        ([0, 9], "noise word is out of range"),
        ([-1, 3], "out of range"),
    ):
        with pytest.raises(ValueError, match=message):
            noise_loss.plan(np.array(ids), p.target_ids, 9)
    with pytest.raises(ValueError, match="a target is out of range"):
        noise_loss.plan(p.noise_ids, np.array([0, 9]), 9)
    p.target_ids = p.target_ids.astype(np.int32)
    with pytest.raises(TypeError):
        noise_loss.plan(p.noise_ids, p.target_ids, 9)
    p.target_ids = p.target_ids.astype(np.int64)
    with pytest.raises(ValueError, match="not compiled in"):
        noise_loss.slope_step(3, target="6502")
    p.noise_shift = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match=r"noise_shift has the shape \(3,\), expected \(2,\)"):
        run(p, target, 1)
    p.noise_shift, p.bias = None, np.zeros(8, np.float32)
    with pytest.raises(ValueError, match=r"bias has the shape \(8,\), expected \(9,\)"):
        run(p, target, 1)


def test_ids_that_are_not_those_of_the_plan_are_refused(target: str) -> None:
    """They would be used as rows of the weight, unchecked."""
    p = problem(3, 9, 4, 2, kind="softmax", mask=True, extras=False, seed=0)
    plan = noise_loss.plan(p.noise_ids, p.target_ids, 9)
    for noise_ids, target_ids in (
        (p.noise_ids, p.target_ids + 2**40),
        (p.noise_ids - 10, p.target_ids),
        (p.noise_ids, (p.target_ids + 1) % 9),
    ):
        slopes = noise_loss.Slopes(
            np.zeros((3, noise_loss.slope_step(2)), np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32), None
        )
        with pytest.raises(ValueError, match="the plan is of another batch"):
            noise_loss.forward(
                plan, p.hidden, p.weight, None, noise_ids, target_ids, kind="softmax", mask=True, noise_shift=None,
                target_shift=None, multiplicity=None, loss=np.zeros(3, np.float32), slopes=slopes, threads=1,
            )  # fmt: skip
