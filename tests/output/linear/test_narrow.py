"""cluster_log_prob against the naive expression, whatever the tiles, widths and what is kept."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import linear

from vastmax.output.linear import narrow as module
from vastmax.output.linear.narrow import cluster_log_prob


def naive(hidden: Tensor, weight: Tensor, bias: Tensor | None, position: Tensor) -> Tensor:
    return linear(hidden, weight, bias).log_softmax(1).gather(1, position[:, None])[:, 0]


def problem(n: int, V: int, D: int, bias: bool, seed: int) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()

    return normal(n, D), normal(V, D), normal(V) if bias else None, torch.randint(0, V, (n,), generator=generator)


def gradients(log_prob: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    example_weight = torch.linspace(-1.0, 2.0, len(log_prob), dtype=torch.float64)
    return torch.autograd.grad((log_prob * example_weight).sum(), inputs)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 7),
    V=st.integers(1, 40),
    D=st.sampled_from([1, 3, 15, 16, 17, 40]),
    bias=st.booleans(),
    kept=st.sampled_from([0, 90, 10**9]),
    tile=st.sampled_from([1, 7, 100]),
    seed=st.integers(0, 999),
)
def test_equals_the_naive_expression(n: int, V: int, D: int, bias: bool, kept: int, tile: int, seed: int) -> None:
    hidden, weight, b, position = problem(n, V, D, bias, seed)
    inputs = [x for x in (hidden, weight, b) if x is not None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TILE_WORDS_UNIT", tile)
        patch.setattr(module, "_TILE_NUMEL_CPU", 2 * tile)
        patch.setattr(module, "_KEPT_NUMEL", kept)
        found = cluster_log_prob(hidden, weight, b, position)
        found_gradients = gradients(found, inputs)
    expected = naive(hidden, weight, b, position)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    for ours, theirs in zip(found_gradients, gradients(expected, inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("D", [2, 17])
@pytest.mark.parametrize("kept_numel", [0, 10**9])
def test_gradcheck(D: int, kept_numel: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TILE_WORDS_UNIT", 4)
    monkeypatch.setattr(module, "_TILE_NUMEL_CPU", 1)
    monkeypatch.setattr(module, "_KEPT_NUMEL", kept_numel)
    hidden, weight, bias, position = problem(1, 6, D, True, 0)
    assert torch.autograd.gradcheck(lambda *x: cluster_log_prob(*x, position), (hidden, weight, bias))


@pytest.mark.parametrize("frozen", range(3))
def test_frozen_inputs_get_no_gradient_and_change_no_other(frozen: int) -> None:
    inputs = list(problem(4, 9, 3, True, 1)[:3])
    position = torch.tensor([0, 8, 3, 3])
    expected = gradients(naive(*inputs, position), [x for x in inputs if x is not None])  # type: ignore[arg-type]
    detached = [x.detach().requires_grad_(i != frozen) for i, x in enumerate(inputs) if x is not None]
    live = [i for i in range(3) if i != frozen]
    found = gradients(cluster_log_prob(*detached, position), [detached[i] for i in live])
    for i, gradient in zip(live, found, strict=True):
        torch.testing.assert_close(gradient, expected[i])


def test_without_examples_the_parameters_get_no_gradient() -> None:
    hidden, weight, bias, position = problem(0, 9, 3, True, 1)
    cluster_log_prob(hidden, weight, bias, position).sum().backward()
    assert weight.grad is None
    assert bias is not None
    assert bias.grad is None


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_large_scores_neither_overflow_nor_vanish(shift: float) -> None:
    hidden, weight, _, position = problem(3, 50, 4, False, 2)
    bias = torch.full((50,), shift, dtype=torch.float64)
    torch.testing.assert_close(
        cluster_log_prob(hidden.float(), weight.float() * 100, bias.float(), position).double(),
        naive(hidden, weight * 100, bias, position),
        rtol=1e-3,
        atol=1e-2,
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("D", [4, 24])
def test_low_precision_errs_no_more_than_twice_the_naive(dtype: torch.dtype, D: int) -> None:
    hidden, weight, bias, position = (x.detach() if x is not None else None for x in problem(64, 300, D, True, 3))
    assert hidden is not None
    assert weight is not None
    assert position is not None
    low = [x.to(dtype).requires_grad_() for x in (hidden, weight, bias) if x is not None]
    exact = [x.detach().double().requires_grad_() for x in low]
    expected = naive(exact[0], exact[1], exact[2], position)
    expected_gradient = torch.autograd.grad(-expected.mean(), exact)
    plain = linear(low[0], low[1], low[2]).float().log_softmax(1).gather(1, position[:, None])[:, 0]
    plain_gradient = torch.autograd.grad(-plain.mean(), low)
    found = cluster_log_prob(low[0], low[1], low[2], position)
    found_gradient = torch.autograd.grad(-found.mean(), low)
    assert found.dtype == torch.float32
    for ours, theirs, true in zip(
        [found, *found_gradient], [plain, *plain_gradient], [expected, *expected_gradient], strict=True
    ):
        error, allowed = (ours.double() - true).abs().max(), (theirs.double() - true).abs().max()
        assert error <= 2 * allowed + 1e-6


def test_autocast_computes_in_low_precision_and_returns_gradients_in_that_of_the_inputs() -> None:
    hidden, weight, bias, position = problem(8, 30, 5, True, 4)
    assert bias is not None
    inputs = [x.detach().float().requires_grad_() for x in (hidden, weight, bias)]
    with torch.autocast("cpu", torch.bfloat16):
        found = cluster_log_prob(*inputs, position)
    assert found.dtype == torch.float32
    found.sum().backward()
    assert all(x.grad is not None and x.grad.dtype == torch.float32 for x in inputs)
    torch.testing.assert_close(found.double(), naive(hidden, weight, bias, position), rtol=0.02, atol=0.05)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 9),
    V=st.integers(1, 200),
    D=st.sampled_from([1, 4, 13, 64, 65]),
    bias=st.booleans(),
    seed=st.integers(0, 999),
)
def test_float32_equals_the_naive_expression_in_float64(n: int, V: int, D: int, bias: bool, seed: int) -> None:
    """Up to a width of 64 that is the native kernel."""
    hidden, weight, b, position = problem(n, V, D, bias, seed)
    exact = [x.detach().float().double().requires_grad_() for x in (hidden * 0.3, weight, b) if x is not None]
    single = [x.detach().float().requires_grad_() for x in exact]
    assert module._native_can(*single[:2], single[2] if bias else None) == (D <= 64)
    found = cluster_log_prob(*single[:2], single[2] if bias else None, position)
    expected = naive(*exact[:2], exact[2] if bias else None, position)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(gradients(found, single), gradients(expected, exact), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5)


def test_native_takes_what_is_not_contiguous() -> None:
    hidden, weight, bias, position = problem(6, 30, 4, True, 0)
    assert bias is not None
    flat = [hidden.detach().float().T.contiguous().T, weight.detach().float().T.contiguous().T, bias.detach().float()]
    inputs = [x.requires_grad_() for x in flat]
    found = cluster_log_prob(*inputs, position)
    torch.testing.assert_close(found.double(), naive(hidden, weight, bias, position), rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(
        torch.autograd.grad(found.sum(), inputs),
        torch.autograd.grad(naive(hidden, weight, bias, position).sum(), [hidden, weight, bias]),
        strict=True,
    ):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_what_the_kernel_cannot_take_goes_through_tiles_and_shows(value: float) -> None:
    hidden, weight, _, position = (x.detach() if x is not None else None for x in problem(3, 20, 4, False, 0))
    assert hidden is not None
    assert weight is not None
    assert position is not None
    hidden, weight = hidden.float(), weight.float()
    hidden[1, 2] = value
    assert not module._native_can(hidden, weight, None)
    found, expected = cluster_log_prob(hidden, weight, None, position), naive(hidden, weight, None, position)
    torch.testing.assert_close(found, expected, equal_nan=True)
