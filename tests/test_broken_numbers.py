"""What is not a number stays so: NaN and infinity never come out of a head as a certainty, on any layer."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from contract import HeadContract, V
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import RECIPES, Method
from vastmax.objective import ImportanceSampling
from vastmax.output import Adaptive

MAKE = HeadContract()
BROKEN = 3
SIZES = {torch.float32: 33, torch.float64: 6}
"""Examples by dtype: enough for the native kernels, which take float32, and few for PyTorch's operations."""


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(7)
    torch.set_num_threads(1)


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Method:
    return RECIPES[request.param]


def answers(head: Head, recipe: Method, hidden: Tensor, target: Tensor, context: Any) -> dict[str, Tensor]:
    """What every method says of each row, `sample` aside, which refuses."""
    loss = MAKE.loss(head.train(), hidden, target, recipe, reduction="none", context=context)
    head.eval()
    return {
        "training loss": loss,
        "eval loss": head(hidden, target, reduction="none"),
        "log_prob of all": head.log_prob(hidden),
        "log_prob of the target": head.log_prob(hidden, target),
        "topk of one": head.topk(hidden, 1)[0],
        "topk": head.topk(hidden, 3)[0],
        "topk of all": head.topk(hidden, V)[0],
    }


@pytest.mark.parametrize("dtype", SIZES)
@torch.no_grad()
def test_a_broken_hidden_vector_breaks_its_own_row_alone(recipe: Method, dtype: torch.dtype) -> None:
    head, N = MAKE.build(recipe, "cpu", dtype=dtype), SIZES[dtype]
    others = [row for row in range(N) if row != BROKEN]
    if isinstance(head.objective, ImportanceSampling):
        head.objective.min_ess = 0  # who is drawn for once more would depend on the broken row
    hidden, target = torch.randn(N, head.hidden_size, dtype=dtype), torch.randint(V, (N,))
    context = MAKE.context(recipe, (N,), "cpu")
    sound = answers(head, recipe, hidden, target, context)
    for value in (math.nan, math.inf, -math.inf):
        broken = hidden.clone()
        broken[BROKEN, 2] = value
        for name, found in answers(head, recipe, broken, target, context).items():
            if name == "training loss":  # of noise that scores −∞ a sampled one may be infinite
                assert not found[BROKEN].isfinite(), (name, value)
            else:
                assert found[BROKEN].isnan().all(), (name, value)
            torch.testing.assert_close(found[others], sound[name][others], msg=f"{name} of other rows, {value}")
        word_ids = head.topk(broken, 3)[1]
        assert ((word_ids >= 0) & (word_ids < V)).all()
        assert word_ids[others].equal(head.topk(hidden, 3)[1][others])
        with pytest.raises(InputError, match="no word can be drawn because the probabilities are NaN"):
            head.sample(broken)
        figures = head.eval().diagnose(broken, target, context=context)
        assert not math.isfinite(figures["exact_loss"])


@pytest.mark.parametrize("dtype", SIZES)
@torch.no_grad()
def test_a_broken_parameter_is_told(recipe: Method, dtype: torch.dtype) -> None:
    """All of one parameter NaN: losses of words that it decides about are NaN, and so is their probability."""
    whole, N = MAKE.build(recipe, "cpu", dtype=dtype), SIZES[dtype]
    hidden, target = torch.randn(N, whole.hidden_size, dtype=dtype), torch.arange(N) % V
    context = MAKE.context(recipe, (N,), "cpu")
    for name, parameter in whole.named_parameters():
        sound = parameter.clone()
        parameter.fill_(math.nan)
        found = answers(whole, recipe, hidden, target, context)
        of_all = found["log_prob of all"]
        assert of_all.isnan().any(dim=1).all(), name
        log_prob, word_ids = whole.topk(hidden, 3)
        torch.testing.assert_close(log_prob, of_all.gather(1, word_ids), equal_nan=True, msg=f"topk, {name}")
        if of_all.isnan().all():
            for method, numbers in found.items():
                assert numbers.isnan().all(), (name, method)
            with pytest.raises(InputError, match="no word can be drawn"):
                whole.sample(hidden)
        else:  # words of a cluster, and theirs alone
            assert found["eval loss"].isnan().equal(of_all[torch.arange(N), target].isnan())
        parameter.copy_(sound)


@torch.no_grad()
def test_clusters_of_an_adaptive_layer() -> None:
    """More words are asked for than the head has: its clusters are opened for broken examples, too."""
    head = Head(Adaptive(8, list(range(30, 0, -1)), [3, 10], div_value=2))
    hidden = torch.randn(5, 8)
    hidden[BROKEN, 2] = math.nan
    for _ in range(2):
        log_prob, word_ids = head.topk(hidden, 20)
        assert log_prob[BROKEN].isnan().all()
        assert word_ids.sort(dim=1).values.diff(dim=1).gt(0).all(), "each word once"
        torch.testing.assert_close(log_prob, head.log_prob(hidden).gather(1, word_ids), equal_nan=True)
        head.output.clusters[1].weight.fill_(math.nan)


def test_a_broken_step_teaches_the_proposal_nothing() -> None:
    recipe = RECIPES["adaptive-importance-sampling"]
    head = MAKE.build(recipe, "cpu", dtype=torch.float32)
    hidden, target = torch.randn(8, head.hidden_size), torch.randint(V, (8,))
    hidden[2] = math.nan
    context = MAKE.context(recipe, (8,), "cpu")
    assert head(hidden, target, context=context).isnan()
    assert head.objective.proposal.bin_weights.isfinite().all()
    assert head(torch.zeros_like(hidden), target, context=context).isfinite()
