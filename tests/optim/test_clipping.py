"""clip_grad_norm_ against that of torch on the dense twins of the gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_ as torch_clip_grad_norm_

from vastmax.errors import InputError
from vastmax.optim import clip_grad_norm_


def model_with_gradients(dtype: torch.dtype = torch.float64) -> list[nn.Parameter]:
    embedding = nn.Embedding(12, 3, sparse=True, dtype=dtype)
    linear = nn.Linear(3, 2, dtype=dtype)
    linear(embedding(torch.tensor([[1, 4, 4], [4, 9, 1]]))).square().sum().backward()
    return [*embedding.parameters(), *linear.parameters(), nn.Parameter(torch.zeros(3))]


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.3, 1e6, math.inf])
def test_equals_torch_on_dense_twins(norm_type: float, max_norm: float) -> None:
    parameters = model_with_gradients()
    twins = [nn.Parameter(p.detach().clone()) for p in parameters]
    for twin, parameter in zip(twins, parameters, strict=True):
        if parameter.grad is not None:
            twin.grad = parameter.grad.to_dense().clone()
    expected = torch_clip_grad_norm_(twins, max_norm, norm_type)
    found = clip_grad_norm_(iter(parameters), max_norm, norm_type)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    assert parameters[0].grad is not None
    assert parameters[0].grad.is_sparse
    assert parameters[0].grad.is_coalesced()
    for twin, parameter in zip(twins, parameters, strict=True):
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad.to_dense(), twin.grad, rtol=1e-12, atol=0)


def test_repeated_rows_are_summed_before_the_norm() -> None:
    parameter = nn.Parameter(torch.zeros(5, 1))
    # +3 and -3 in the same row: no gradient at all, though its parts are large.
    parameter.grad = torch.sparse_coo_tensor([[2, 2]], [[3.0], [-3.0]], (5, 1), check_invariants=False)
    assert clip_grad_norm_(parameter, 1.0) == 0


def test_nothing_of_the_size_of_the_table_is_allocated() -> None:
    # 4 TB if made dense: the allocation would fail.
    parameter = nn.Parameter(torch.empty(1, 1).expand(10**9, 1024))
    gradient = torch.sparse_coo_tensor([[7, 7]], torch.ones(2, 1024), parameter.shape, check_invariants=False)
    parameter.grad = gradient
    assert clip_grad_norm_([parameter], 1.0).item() == pytest.approx(64.0)
    assert parameter.grad.coalesce().values().norm().item() == pytest.approx(1.0, rel=1e-5)


def test_bfloat16_norm_is_taken_in_float32() -> None:
    parameter = nn.Parameter(torch.zeros(4096, 1, dtype=torch.bfloat16))
    parameter.grad = torch.ones(4096, 1, dtype=torch.bfloat16)
    norm = clip_grad_norm_(parameter, math.inf)
    assert norm.dtype == torch.float32
    assert norm.item() == 64.0


def test_no_gradients_at_all() -> None:
    assert clip_grad_norm_([nn.Parameter(torch.zeros(2))], 1.0).item() == 0.0


def test_a_norm_that_is_not_finite() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([1.0, math.nan])
    assert math.isnan(clip_grad_norm_(parameter, math.inf))
    with pytest.raises(RuntimeError, match="norm of the gradients is nan"):
        clip_grad_norm_(parameter, 1.0, error_if_nonfinite=True)
    assert parameter.grad[0] == 1.0


@pytest.mark.parametrize(
    ("max_norm", "norm_type", "message"),
    [(-1.0, 2.0, "max_norm is -1.0"), (math.nan, 2.0, "max_norm is nan"), (1.0, 0.0, "norm_type is 0.0")],
)
def test_bad_options(max_norm: float, norm_type: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        clip_grad_norm_([], max_norm, norm_type)


def test_gradients_not_sparse_over_rows_are_refused() -> None:
    parameter = nn.Parameter(torch.zeros(2, 2))
    parameter.grad = torch.eye(2).to_sparse()
    with pytest.raises(InputError, match="2 sparse dimensions"):
        clip_grad_norm_(parameter, 1.0)
