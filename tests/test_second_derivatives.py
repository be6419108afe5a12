"""Second derivatives are right, or refused in words: never silently missing."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from contract import HeadContract, V
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import RECIPES, Method
from vastmax.tensors.row_sparse import gather_rows

MAKE = HeadContract()
REFUSED = r"^create_graph=True needs second derivatives, but this loss has only first ones: leave it out, or"


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)
    torch.set_num_threads(1)


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Method:
    return RECIPES[request.param]


def gradient(loss: Callable[[Tensor], Tensor], at: Tensor, *, create_graph: bool = False) -> Tensor:
    at = at.detach().requires_grad_()
    (found,) = torch.autograd.grad(loss(at), at, create_graph=create_graph)
    return found


def second_derivatives(loss: Callable[[Tensor], Tensor], hidden: Tensor, along: Tensor) -> Tensor:
    """d/dh of (∂loss/∂h · along), by autograd twice."""
    hidden = hidden.detach().requires_grad_()
    (first,) = torch.autograd.grad(loss(hidden), hidden, create_graph=True)
    (second,) = torch.autograd.grad((first * along).sum(), hidden)
    return second


def is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except InputError as error:
        return re.match(REFUSED, str(error)) is not None
    return False


def by_differences(loss: Callable[[Tensor], Tensor], hidden: Tensor, along: Tensor, step: float = 1e-5) -> Tensor:
    """The same, since the matrix of second derivatives is symmetric: how the gradient changes along `along`."""
    return (gradient(loss, hidden + step * along) - gradient(loss, hidden - step * along)) / (2 * step)


def twin_in_double(head: Head) -> Head:
    return copy.deepcopy(head).double()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("training", [True, False])
def test_of_the_loss(recipe: Method, dtype: torch.dtype, training: bool) -> None:
    head = MAKE.build(recipe, "cpu", dtype=dtype).train(training)
    N = 33 if dtype == torch.float32 else 3  # enough for the native kernels, which take float32
    hidden, target = torch.randn(N, head.hidden_size, dtype=dtype), torch.randint(V, (N,))
    context = MAKE.context(recipe, (N,), "cpu")
    along = torch.randn_like(hidden)

    def loss(of: Head) -> Callable[[Tensor], Tensor]:
        return lambda at: MAKE.loss(of, at, target, recipe, context=context)

    if is_refused(lambda: second_derivatives(loss(head), hidden, along)):
        return
    found = second_derivatives(loss(head), hidden, along)
    double = twin_in_double(head)
    expected = by_differences(loss(double), hidden.double(), along.double())
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-5)


def test_of_parameters_are_refused_too() -> None:
    """Also where nothing but a parameter would have told, and `allow_unused` would have hidden it."""
    head = MAKE.build(RECIPES["sampled-softmax"], "cpu", dtype=torch.float32)
    loss = head(torch.randn(4, head.hidden_size), torch.randint(V, (4,)))
    with pytest.raises(InputError, match=REFUSED):
        torch.autograd.grad(loss, head.output.weight, create_graph=True, allow_unused=True)


def test_what_the_refusal_names_works(recipe: Method) -> None:
    """The loss from the log-probabilities of all words has second derivatives on every layer."""
    head = MAKE.build(recipe, "cpu", dtype=torch.float32)
    hidden, target = torch.randn(4, head.hidden_size), torch.randint(V, (4,))
    if recipe.name == "cnn-softmax":
        with pytest.raises(InputError, match=r"convert the layer by \.double\(\)"):
            (-head.log_prob(hidden).gather(-1, target[..., None]).sum()).backward(create_graph=True)
        head, hidden = head.double(), hidden.double()
    along = torch.randn_like(hidden)

    def loss(of: Head) -> Callable[[Tensor], Tensor]:
        return lambda at: -of.log_prob(at).gather(-1, target[..., None]).sum()

    expected = by_differences(loss(twin_in_double(head)), hidden.double(), along.double())
    torch.testing.assert_close(second_derivatives(loss(head), hidden, along).double(), expected, rtol=1e-3, atol=1e-5)


def test_gathered_rows_have_them() -> None:
    table = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    rows = gather_rows(table, torch.tensor([1, 4]), sparse=True)
    (first,) = torch.autograd.grad(rows.pow(3).sum(), table, create_graph=True)
    (second,) = torch.autograd.grad(first.to_dense().sum(), table)
    expected = torch.zeros_like(table)
    expected[[1, 4]] = 6 * table.detach()[[1, 4]]
    torch.testing.assert_close(second.to_dense(), expected)
