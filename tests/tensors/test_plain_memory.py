"""What is not plain memory never gets as far as a pointer: it is computed by PyTorch, or refused in one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

import vastmax
from contract import D, HeadContract, V
from vastmax.errors import InputError
from vastmax.methods import RECIPES, Method
from vastmax.optim import RowSGD
from vastmax.tensors.plain_memory import in_plain_memory, kernel_takes

MAKE = HeadContract()
N = 33  # enough for the native kernels


class Subclass(Tensor):
    """Someone's own, with memory of its own."""


def negated(tensor: Tensor) -> Tensor:
    """The same numbers, their memory holding the negated ones: the imaginary part of a conjugate."""
    view = torch.complex(torch.zeros_like(tensor), -tensor).conj().imag
    assert view.is_neg()
    assert view.equal(tensor)
    return view


def strided(tensor: Tensor) -> Tensor:
    return torch.stack([tensor, -tensor], dim=-1)[..., 0]


ALIKE: dict[str, Callable[[Tensor], Tensor]] = {
    "subclass": lambda tensor: tensor.as_subclass(Subclass),
    "negated": negated,
    "strided": strided,
    "parameter": nn.Parameter,
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)
    torch.set_num_threads(1)


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Method:
    return RECIPES[request.param]


def test_the_predicate() -> None:
    numbers = torch.zeros(2, 3)
    assert in_plain_memory(numbers, None, nn.Parameter(numbers), strided(numbers))
    assert in_plain_memory(torch.zeros(2, dtype=torch.int64), dtype=torch.int64)
    for wrong in (numbers.double(), numbers.to("meta"), numbers.to_sparse(), negated(numbers), Subclass(numbers)):
        assert not in_plain_memory(numbers, wrong)
    with FakeTensorMode() as mode:
        assert not in_plain_memory(mode.from_tensor(numbers))
    seen = []
    torch.func.grad(lambda x: (seen.append(in_plain_memory(x)), x.sum())[1])(numbers)
    torch.func.vmap(lambda x: (seen.append(in_plain_memory(x)), x)[1])(numbers)
    assert seen == [False, False]


def test_whether_a_kernel_takes_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = torch.zeros(2, 3)
    assert kernel_takes(numbers, None, copied=(None, strided(numbers)))
    assert not kernel_takes(strided(numbers))
    assert not kernel_takes(numbers.double())
    assert not kernel_takes(numbers, copied=(negated(numbers),))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not kernel_takes(numbers)
        with torch.autocast("cpu", enabled=False):
            assert kernel_takes(numbers)
    monkeypatch.setenv("VASTMAX_KERNEL", "baseline")
    assert kernel_takes(numbers)
    assert not kernel_takes(numbers, on_baseline=False)
    monkeypatch.setenv("VASTMAX_KERNEL", "abacus")
    for on_baseline in (False, True):
        with pytest.raises(InputError, match="VASTMAX_KERNEL is 'abacus'"):
            kernel_takes(numbers, on_baseline=on_baseline)


def test_nobody_else_decides_whether_a_kernel_takes_tensors() -> None:
    """Six modules had an answer of their own, and some forgot VASTMAX_KERNEL or autocast."""
    package = Path(vastmax.__file__).parent
    asked = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "in_plain_memory(" in path.read_text(encoding="utf-8")
    }
    # Row ids that are only read, and a table that is searched by a kernel or not at all.
    assert asked == {"tensors/plain_memory.py", "optim/rows.py", "search/score_table.py"}


@pytest.mark.parametrize("kind", ALIKE)
def test_other_kinds_of_tensors_give_the_same(recipe: Method, kind: str) -> None:
    head = MAKE.build(recipe, "cpu", dtype=torch.float32)
    plain, target = torch.randn(N, D), torch.randint(V, (N,))
    context = MAKE.context(recipe, (N,), "cpu")
    found = []
    for hidden in (plain.clone(), ALIKE[kind](plain)):
        if hidden.is_leaf:
            hidden.requires_grad_()
        head.zero_grad()
        loss = MAKE.loss(head.train(), hidden, target, recipe, context=context)
        loss.backward()
        gradients = [p.grad.to_dense() for p in head.parameters() if p.grad is not None]
        head.eval()
        found.append([loss, *gradients, head(hidden, target), head.log_prob(hidden, target), head.topk(hidden, 3)[0]])
    for mine, theirs in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(torch.Tensor(mine.detach()), theirs.detach(), rtol=1e-4, atol=1e-5)


def test_parameters_of_other_kinds_give_the_same(recipe: Method) -> None:
    """Lazily negated ones, as kernels would read them with the wrong sign."""
    head = MAKE.build(recipe, "cpu", dtype=torch.float32).eval()
    hidden, target = torch.randn(N, D), torch.randint(V, (N,))
    expected = [head.log_prob(hidden, target), head.topk(hidden, 3)[0]]
    for module in head.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                module._parameters[name] = nn.Parameter(negated(parameter.detach()))
    for mine, theirs in zip([head.log_prob(hidden, target), head.topk(hidden, 3)[0]], expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


TAKE_GRAD = {"adaptive", "nce", "negative-sampling", "sampled-softmax", "softmax"} | {
    "clustered-classes",
    "clustered-hierarchical",
    "hierarchical-softmax",
    "two-level",
}
"""Recipes whose training loss goes through torch.func.grad."""


def test_what_holds_no_numbers_is_refused(recipe: Method) -> None:
    head = MAKE.build(recipe, "cpu", dtype=torch.float32)
    hidden, target = torch.randn(N, D), torch.randint(V, (N,))
    context = MAKE.context(recipe, (N,), "cpu")
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fake = mode.from_tensor(hidden)
        for call in (
            lambda: head(fake, target, context=context),
            lambda: head.topk(fake, 3),
            lambda: head.sample(fake),
        ):
            with pytest.raises(InputError, match="hidden is a FakeTensor, which has no data"):
                call()
    gradient = torch.func.grad(lambda h: head(h, target, context=context))
    if recipe.name in TAKE_GRAD:
        assert gradient(hidden).isfinite().all()
    for transformed in (
        *([] if recipe.name in TAKE_GRAD else [lambda: gradient(hidden)]),
        lambda: torch.func.vmap(lambda h: head.topk(h, 3))(hidden),
        lambda: torch.func.vmap(head.sample)(hidden),
        lambda: torch.func.vmap(head.log_prob)(hidden, target),
    ):
        with pytest.raises(InputError, match=r"a transformation of torch.func \(vmap, grad, …\) cannot be applied"):
            transformed()
    meta = head.to("meta")
    for call in (
        lambda: meta(hidden.to("meta"), target.to("meta"), context=context),
        lambda: meta.topk(hidden.to("meta"), 3),
        lambda: meta.sample(hidden.to("meta")),
    ):
        with pytest.raises(InputError, match="the output layer is on the meta device, which has no data"):
            call()


def test_inference_mode(recipe: Method) -> None:
    head = MAKE.build(recipe, "cpu", dtype=torch.float32)
    plain, target = torch.randn(N, D), torch.randint(V, (N,))
    context = MAKE.context(recipe, (N,), "cpu")
    expected = MAKE.loss(head, plain, target, recipe, context=context)
    with torch.inference_mode():
        hidden = plain.clone().requires_grad_()
        loss = MAKE.loss(head, hidden, target, recipe, context=context)
        assert head.topk(hidden, 3)[1].shape == (N, 3)
    torch.testing.assert_close(loss, expected.detach())


def test_row_updates_of_other_tensors() -> None:
    """The optimisers write into the memory of parameters."""
    moved = []
    for table in (torch.ones(4, 2), negated(torch.ones(4, 2)), Subclass(torch.ones(4, 2)), strided(torch.ones(4, 2))):
        parameter = nn.Parameter(table)
        parameter.grad = torch.sparse_coo_tensor(
            torch.tensor([[1, 3]]), torch.ones(2, 2), (4, 2), check_invariants=True
        )
        RowSGD([parameter], lr=0.5).step()
        moved.append(parameter.detach().tolist())
    assert moved == [moved[0]] * 4
    assert moved[0][1] == [0.5, 0.5]


def test_sharded_layers_are_refused_or_gathered() -> None:
    """In a process of its own, since a fault here would end the tests."""
    found = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("sharded_heads.py"))],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert found.stdout.splitlines()[-1] == f"{len(RECIPES)} recipes"
