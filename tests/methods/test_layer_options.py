"""What every recipe takes beside its own options: bias, sparse gradients, a tied weight, device and dtype."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from contract import D, HeadContract, V, zipf_words
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import RECIPES, Method
from vastmax.output import Dense
from vastmax.tensors.row_sparse import RowSparse

MAKE = HeadContract()


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Method:
    return RECIPES[request.param]


def step(head: Head, recipe: Method) -> torch.Tensor:
    dtype = next(head.parameters()).dtype
    hidden, target = torch.randn(6, D, dtype=dtype), torch.randint(V, (6,))
    loss = MAKE.loss(head, hidden, target, recipe, context=MAKE.context(recipe, (6,), "cpu"))
    loss.backward()
    return loss


def test_dense_gradients_for_any_optimizer(recipe: Method) -> None:
    head = recipe(D, zipf_words(V), sparse_gradients=False)
    step(head, recipe)
    gradients = [parameter.grad for parameter in head.parameters()]
    assert gradients
    assert all(gradient is not None and not gradient.is_sparse for gradient in gradients)
    torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
    torch.optim.AdamW(head.parameters()).step()


def test_without_biases(recipe: Method) -> None:
    words = lambda head: {name for name, _ in head.output.named_parameters() if "bias" in name}  # noqa: E731
    before, head = words(recipe(D, zipf_words(V))), recipe(D, zipf_words(V), bias=False)
    of_networks = {name for name in before if name.startswith(("spelling.", "start.", "next_symbol."))}
    assert words(head) == of_networks
    assert step(head, recipe).isfinite()
    assert head.eval().topk(torch.randn(2, D), 3)[0].isfinite().all()


def test_dtype_and_device(recipe: Method) -> None:
    head = recipe(D, zipf_words(V), dtype=torch.float64, device="cpu")
    assert all(parameter.dtype == torch.float64 for parameter in head.output.parameters())
    assert step(head, recipe).isfinite()
    empty = recipe(D, zipf_words(V), device="meta")
    assert all(parameter.is_meta for parameter in empty.parameters())


def test_begins_as_without_options(recipe: Method) -> None:
    torch.manual_seed(0)
    plain = recipe(D, zipf_words(V))
    head = recipe(D, zipf_words(V), dtype=torch.float32)
    for (name, mine), theirs in zip(head.named_parameters(), plain.parameters(), strict=True):
        assert mine.shape == theirs.shape
        if theirs.numel() >= 64 and theirs.detach().std() > 0:
            assert float(mine.detach().std() / theirs.detach().std()) == pytest.approx(1, abs=0.4), name
        if name.endswith("output.bias"):
            assert mine.equal(theirs)


def test_a_tied_weight(recipe: Method) -> None:
    embedding = nn.Embedding(V, D, dtype=torch.float64)
    before = embedding.weight.detach().clone()
    if not isinstance(recipe(D, zipf_words(V)).output, Dense):
        with pytest.raises(InputError, match=f"no vector of size {D} for each of {V} words, .* use a method with"):
            recipe(D, zipf_words(V), weight=embedding.weight)
        return
    head = recipe(D, zipf_words(V), weight=embedding.weight)
    assert head.output.weight is embedding.weight
    assert embedding.weight.equal(before)
    assert head.output.bias.dtype == torch.float64
    assert step(head, recipe).isfinite()
    head.reset_parameters()
    assert embedding.weight.equal(before)
    with pytest.raises(InputError, match=rf"weight has shape \({V}, {D}\), but vocab_size=3"):
        recipe(D, zipf_words(3), weight=embedding.weight)


def test_options_change_the_layer_only_where_it_has_rows() -> None:
    sampled = RECIPES["sampled-softmax"](D, zipf_words(V), sparse_gradients=False)
    assert isinstance(sampled.output, RowSparse)
    assert not sampled.output.sparse
