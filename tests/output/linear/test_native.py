"""Where the native kernels stand in for torch's operations: they are used, and the answer is the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.kernels import noise_loss, rows, softmax
from vastmax.kernels.machine import choose_target
from vastmax.objective import NCE, CrossEntropy, ImportanceSampling, NegativeSampling, Objective, SampledSoftmax
from vastmax.optim import RowSGD
from vastmax.output import Dense, Differentiated
from vastmax.proposal import Unigram

wide_vectors = pytest.mark.skipif(
    choose_target() == "baseline", reason="the baseline instruction set leaves it to torch"
)
COUNTS = list(range(300, 0, -1))
V, D, N, K = len(COUNTS), 19, 70, 120

OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "sampled softmax, unique": lambda: SampledSoftmax(Unigram(COUNTS, unique=True), K),
    "sampled softmax, kept": lambda: SampledSoftmax(Unigram(COUNTS), K),
    "sampled softmax, masked": lambda: SampledSoftmax(Unigram(COUNTS), K, accidental_hits="mask"),
    "sampled softmax, all words": lambda: SampledSoftmax(Unigram(COUNTS, unique=True), V),
    "nce": lambda: NCE(Unigram(COUNTS), K),
    "nce, constant": lambda: NCE(Unigram(COUNTS), K, 1.5),
    "nce, unique": lambda: NCE(Unigram(COUNTS, unique=True), K),
    "negative sampling": lambda: NegativeSampling(Unigram(COUNTS, 0.75), K),
    "negative sampling, target excluded": lambda: NegativeSampling(Unigram(COUNTS), K, exclude="target"),
}


class Calls:
    """Counts the calls of functions of the kernels' doors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *functions: tuple[Any, str]) -> None:
        self.count = 0
        for door, name in functions:
            monkeypatch.setattr(door, name, self._counted(getattr(door, name)))

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return function(*args, **kwargs)

        return call


def gradients(head: Head, *, seed: int = 0) -> list[Tensor]:
    """Losses with noise of a seed, and every gradient of a weighted sum of them."""
    torch.manual_seed(1)
    hidden, target, upstream = torch.randn(N, D, requires_grad=True), torch.randint(V, (N,)), torch.randn(N)
    head.zero_grad()
    loss = head(hidden, target, generator=torch.Generator().manual_seed(seed), reduction="none")
    loss.backward(upstream)
    assert hidden.grad is not None
    dense = [p.grad.to_dense() if p.grad.is_sparse else p.grad for p in head.parameters() if p.grad is not None]
    return [loss.detach(), hidden.grad, *dense]


def assert_twins(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    native = gradients(head)
    monkeypatch.setenv("VASTMAX_KERNEL", "baseline")  # which leaves the products to torch
    for ours, torchs in zip(native, gradients(head), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=2e-5, atol=2e-6 * max(1.0, float(torchs.abs().max())))


@wide_vectors
@pytest.mark.parametrize("sparse_gradients", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_sampled_step(name: str, bias: bool, sparse_gradients: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch, (noise_loss, "forward"), (noise_loss, "backward"))
    torch.manual_seed(0)
    head = Head(Dense(D, V, bias=bias, sparse_gradients=sparse_gradients), OBJECTIVES[name]())
    if bias:
        torch.nn.init.normal_(head.output.get_parameter("bias"))
    assert_twins(head, monkeypatch)
    assert calls.count == 2


@wide_vectors
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "objective",
    [
        NCE(Unigram(COUNTS), K, shared=False),
        NegativeSampling(Unigram(COUNTS, 0.75), K, exclude="target", shared=False),
        ImportanceSampling(Unigram(COUNTS), 0, K, shared=False),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_a_sampled_step_with_noise_of_an_examples_own(
    objective: Objective, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(monkeypatch, (rows, "scores_forward"), (rows, "scores_backward"))
    torch.manual_seed(0)
    assert_twins(Head(Dense(D, V, bias=bias), objective), monkeypatch)
    assert calls.count == 2


@wide_vectors
def test_an_exact_step(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch, (softmax, "forward"), (softmax, "backward"))
    for layer in (Dense(D, V), Dense(D, V, bias=False), Differentiated(D, COUNTS, [30, 90, 180], [10, 6, 3])):
        with monkeypatch.context() as patch:
            assert_twins(Head(layer, CrossEntropy()), patch)
    assert calls.count == 2 * (1 + 1 + 3)


@wide_vectors
def test_frozen_parameters_and_a_second_backward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch, (noise_loss, "backward"))
    head = Head(Dense(D, V), OBJECTIVES["nce"]())
    hidden, target = torch.randn(N, D, requires_grad=True), torch.randint(V, (N,))
    head.output.requires_grad_(False)
    loss = head(hidden, target)
    loss.backward(retain_graph=True)
    assert hidden.grad is not None
    once = hidden.grad.clone()
    loss.backward()
    torch.testing.assert_close(hidden.grad, 2 * once)
    assert calls.count == 0
    head.output.get_parameter("bias").requires_grad_(True)
    head(hidden.detach(), target).backward()
    assert head.output.get_parameter("weight").grad is None
    assert head.output.get_parameter("bias").grad is not None
    with torch.no_grad():
        assert head(hidden, target).isfinite()


def test_what_no_kernel_takes_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch, (noise_loss, "forward"), (softmax, "forward"))
    hidden, target = torch.randn(N, D), torch.randint(V, (N,))
    sampled, exact = Head(Dense(D, V), OBJECTIVES["nce"]()), Head(Dense(D, V))
    for head in (sampled, exact):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert head(hidden, target).isfinite()
        assert head.double()(hidden.double(), target).dtype == torch.float64
        assert head.bfloat16()(hidden.bfloat16(), target).isfinite()
        head.float()
    transposed = torch.nn.Parameter(torch.randn(D, V).T)
    for objective in (OBJECTIVES["nce"](), CrossEntropy()):
        assert Head(Dense(weight=transposed), objective)(hidden, target).isfinite()
    assert Head(Dense(D, V), NCE(Unigram(COUNTS), K, "scalar"))(hidden, target).isfinite()
    assert exact(hidden[:3], target[:3]).isfinite()  # too few examples for the packing to pay
    assert calls.count == 0


@wide_vectors
def test_a_weight_that_is_no_leaf_cannot_have_sparse_gradients() -> None:
    head = Head(Dense(D, V), OBJECTIVES["nce"]())
    torch.nn.utils.parametrizations.weight_norm(head.output, "weight")
    with pytest.raises(InputError, match="is not a leaf"):
        head(torch.randn(3, D), torch.tensor([0, 1, 2]))


def test_row_sgd_moves_rows_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch, (rows, "add_rows"))
    for dtype, expected in ((torch.float32, 1), (torch.float64, 0), (torch.bfloat16, 0)):
        embedding = torch.nn.Embedding(50, 7, sparse=True, dtype=dtype)
        before = embedding.weight.detach().clone()
        embedding(torch.tensor([9, 3, 3])).sum().backward()
        calls.count = 0
        RowSGD(embedding.parameters(), lr=0.5).step()
        assert calls.count == expected
        moved = before.clone()
        moved[3] -= 1.0
        moved[9] -= 0.5
        torch.testing.assert_close(embedding.weight.detach(), moved)
    assert math.isfinite(float(before.float().sum()))
