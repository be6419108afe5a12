"""Whatever is passed to a head that no head can use is refused by one line: generated, over every recipe and method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contract import D, HeadContract, V
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import RECIPES, Method
from vastmax.objective import NCE, CrossEntropy
from vastmax.output import Dense, Hierarchical
from vastmax.proposal import Uniform

MAKE = HeadContract()
N = 5
IDS = torch.arange(N)
ROWS = torch.zeros(N, D)


def one_hot(dtype: torch.dtype, width: int = V) -> Tensor:
    return nn.functional.one_hot(IDS, width).to(dtype)


HIDDEN: dict[str, tuple[Any, str]] = {
    "numpy": (ROWS.numpy(), r"hidden is of type ndarray; expected a torch.Tensor: pass torch.as_tensor\(hidden\)"),
    "list": (ROWS.tolist(), "hidden is of type list; expected a torch.Tensor"),
    "number": (3.0, "hidden is of type float"),
    "nothing": (None, "hidden is of type NoneType"),
    "sparse": (
        ROWS.to_sparse(),
        r"hidden is of layout torch.sparse_coo; expected a dense tensor: pass hidden.to_dense",
    ),
    "nested": (torch.nested.nested_tensor([ROWS], layout=torch.jagged), "hidden is a nested tensor; expected a dense"),
    "whole numbers": (ROWS.long(), r"hidden has dtype torch.int64; expected floating point"),
    "bool": (ROWS.bool(), r"hidden has dtype torch.bool; expected floating point"),
    "complex": (ROWS.to(torch.complex64), r"hidden has dtype torch.complex64; expected floating point"),
    "half": (ROWS.half(), r"hidden has dtype torch.float16 but the output layer torch.float32: convert one of them"),
    "double": (ROWS.double(), "convert one of them, or use torch.autocast"),
    "narrow": (ROWS[:, 1:], rf"hidden has shape \(5, {D - 1}\); expected \(…, {D}\), the hidden_size"),
    "scalar": (torch.tensor(1.0), r"hidden has shape \(\); expected"),
    "elsewhere": (ROWS.to("meta"), "hidden is on meta but the output layer on cpu: move one of them"),
}
TARGETS: dict[str, tuple[Any, str]] = {
    "numpy": (IDS.numpy(), r"target is of type ndarray; expected a torch.Tensor: pass torch.as_tensor\(target\)"),
    "list": (IDS.tolist(), "target is of type list; expected a torch.Tensor"),
    "number": (3, "target is of type int"),
    "sparse": (IDS.to_sparse(), "target is of layout torch.sparse_coo; expected a dense tensor: pass target.to_dense"),
    "float": (IDS.float(), r"target has dtype torch.float32; expected word ids \(int64\)$"),
    "bool": (IDS.bool(), r"target has dtype torch.bool; expected word ids \(int64\)$"),
    "short": (IDS[1:], r"target has shape \(4,\) for hidden \(5, 8\); expected \(5,\)"),
    "too many axes": (IDS[:, None, None], r"target has shape \(5, 1, 1\) for hidden"),
    "too large": (IDS + V - 1, rf"target\[1\] is {V}; expected a word id in \[0, {V}\)"),
    "negative": (IDS - 2, r"target\[0\] is -2; expected a word id"),
    "elsewhere": (IDS.to("meta"), "target is on meta but hidden on cpu: move one of them"),
}
ONE_HOT = r"for one-hot rows or probabilities, use target.argmax\(-1\)"


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Method:
    return RECIPES[request.param]


@pytest.fixture
def head(recipe: Method) -> Head:
    return MAKE.build(recipe, "cpu", dtype=torch.float32)


def test_hidden(recipe: Method, head: Head) -> None:
    context = MAKE.context(recipe, (N,), "cpu")
    for given, message in HIDDEN.values():
        for call in (
            lambda given=given: head(given, IDS, context=context),
            lambda given=given: head.log_prob(given),
            lambda given=given: head.log_prob(given, IDS),
            lambda given=given: head.topk(given, 2),
            lambda given=given: head.sample(given),
            lambda given=given: head.diagnose(given, IDS, context=context),
        ):
            with pytest.raises(InputError, match=message):
                call()


def test_target(recipe: Method, head: Head) -> None:
    context = MAKE.context(recipe, (N,), "cpu")
    for given, message in TARGETS.values():
        for call in (
            lambda given=given: head(ROWS, given, context=context),
            lambda given=given: head.log_prob(ROWS, given),
            lambda given=given: head.diagnose(ROWS, given, context=context),
        ):
            with pytest.raises(InputError, match=message):
                call()


def test_one_hot_targets(recipe: Method, head: Head) -> None:
    context = MAKE.context(recipe, (N,), "cpu")
    padded = one_hot(torch.int64)
    padded[1] = -100
    several = one_hot(torch.int64) | one_hot(torch.int64).roll(1, dims=1)
    for target in (one_hot(torch.int64), one_hot(torch.uint8), padded, several):
        with pytest.raises(InputError, match=rf"contains only 0 and 1; expected word ids: {ONE_HOT}"):
            head(ROWS, target, context=context)
    for dtype in (torch.float32, torch.bool):
        with pytest.raises(InputError, match=rf"expected word ids \(int64\): {ONE_HOT}"):
            head(ROWS, one_hot(dtype), context=context)


def test_several_targets_that_look_like_one_hot() -> None:
    """A vocabulary of two words, and rows that are no wider than their targets: word ids."""
    hidden = torch.zeros(2, D)
    assert Head(Dense(D, 2))(hidden, torch.tensor([[0, 1], [1, -100]])).isfinite()
    assert Head(Dense(D, 4))(hidden, torch.tensor([[0, 1], [1, -100]])).isfinite()
    assert Head(Dense(D, 3))(hidden, torch.tensor([[0, 1, 2], [1, -100, -100]])).isfinite()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16])
def test_word_ids_of_any_width(recipe: Method, head: Head, dtype: torch.dtype) -> None:
    context = MAKE.context(recipe, (N,), "cpu")
    expected = MAKE.loss(head, ROWS, IDS, recipe, context=context)
    torch.testing.assert_close(MAKE.loss(head, ROWS, IDS.to(dtype), recipe, context=context), expected)


def test_options(recipe: Method, head: Head) -> None:
    context = MAKE.context(recipe, (N,), "cpu")
    for options, message in (
        ({"generator": 3}, "generator is of type int; expected a torch.Generator"),
        ({"label_smoothing": "x"}, "label_smoothing is 'x'"),
        ({"reduction": 3}, "reduction is 3"),
    ):
        with pytest.raises(InputError, match=message):
            head(ROWS, IDS, context=context, **options)
    with pytest.raises(InputError, match="generator is of type int"):
        head.sample(ROWS, generator=3)
    for k in (2.0, "2", None):
        with pytest.raises(InputError, match=f"k is {k!r}; expected a whole number from 1 to {V}"):
            head.topk(ROWS, k)
    assert head.topk(ROWS, np.int64(2))[1].shape == (N, 2)


def test_weight_is_a_tensor() -> None:
    with pytest.raises(InputError, match=r"weight is of type list; expected a torch.Tensor"):
        Head(Dense(D, V))(ROWS, IDS, weight=[1.0] * V)


def test_what_a_head_is_made_of() -> None:
    for parts, message in (
        ((nn.Linear(D, V),), r"output is of type Linear; .* pass output.Dense.from_linear\(linear\)"),
        ((Dense,), "output is the class Dense, not an instance; expected an output layer of vastmax.output"),
        ((None,), "output is of type NoneType"),
        (
            (Dense(D, V), nn.CrossEntropyLoss()),
            r"objective is of type CrossEntropyLoss; .* pass objective.CrossEntropy",
        ),
        ((Dense(D, V), NCE), "objective is the class NCE, not an instance; expected one of vastmax.objective"),
        ((Dense(D, V), "nce"), "objective is of type str"),
        ((CrossEntropy(), Dense(D, V)), "output is of type CrossEntropy"),
    ):
        with pytest.raises(InputError, match=message):
            Head(*parts)
    with pytest.raises(InputError, match="objective is of type CrossEntropyLoss"):
        Head(Dense(D, V)).with_objective(nn.CrossEntropyLoss())


def test_a_weight_that_would_not_be_trained() -> None:
    for weight in (torch.zeros(V, D), torch.zeros(V, D, requires_grad=True), np.zeros((V, D))):
        with pytest.raises(
            InputError, match=r"neither trained nor saved; expected a Parameter: pass torch.nn.Parameter"
        ):
            Dense(weight=weight)
    parametrized = nn.utils.parametrizations.weight_norm(nn.Linear(D, V))
    with pytest.raises(InputError, match="neither trained nor saved"):
        Dense.from_linear(parametrized)
    with pytest.raises(InputError, match=r"linear is of type Embedding; expected an nn\.Linear"):
        Dense.from_linear(nn.Embedding(V, D))
    head = Head(Dense(weight=nn.Parameter(torch.zeros(V, D))), NCE(Uniform(V), 3))
    assert {"output.weight", "output.bias"} <= head.state_dict().keys()


def test_a_tree_is_a_tree() -> None:
    with pytest.raises(InputError, match=r"tree is of type list; expected a vastmax.tree.Tree"):
        Hierarchical(D, [1, 2, 3])
