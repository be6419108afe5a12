"""Class vectors from a network: the numbers of Dense where they are the same vectors, and gradients to both towers."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from contract import D, HeadContract, V, own_method
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import Method
from vastmax.objective import (
    NCE,
    CrossEntropy,
    ImportanceSampling,
    NegativeSampling,
    Objective,
    SampledSoftmax,
    SelfNormalised,
)
from vastmax.output import Dense, Given
from vastmax.proposal import InBatch, Uniform

F64 = torch.float64


def given_head(hidden_size: int, words: Any) -> Head:
    vocab_size = len(words.counts)
    tower = nn.Sequential(nn.Embedding(vocab_size, 6), nn.Linear(6, hidden_size))
    layer = Given(tower, hidden_size, vocab_size, temperature=0.1, cosine=True)
    return Head(layer, SampledSoftmax(Uniform(vocab_size, unique=True), 16))


class TestGivenKeepsTheContract(HeadContract):
    @pytest.fixture
    def recipe(self) -> Method:
        return own_method("given", given_head)


def towers(*, cosine: bool, temperature: float = 0.3, sparse: bool = False) -> tuple[Given, nn.Linear]:
    torch.manual_seed(2)
    items = nn.Sequential(nn.Embedding(V, 6, sparse=sparse), nn.Tanh(), nn.Linear(6, D)).to(F64)
    return Given(items, D, V, temperature=temperature, cosine=cosine), nn.Linear(5, D).to(F64)


def batch(users: nn.Linear) -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    return users(torch.randn(7, 5, dtype=F64)), torch.randint(V, (7,))


OBJECTIVES = {
    "cross-entropy": CrossEntropy,
    "sampled": lambda: SampledSoftmax(Uniform(V, unique=True), 9),
    "in-batch": lambda: SampledSoftmax(InBatch(vocab_size=V)),
    "importance": lambda: ImportanceSampling(Uniform(V), 2, 32),
    "nce": lambda: NCE(Uniform(V), 9),
    "nce-per-example": lambda: NCE(Uniform(V), 3, shared=False),
    "negative": lambda: NegativeSampling(Uniform(V), 9),
    "self-normalised": SelfNormalised,
}


@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_loss_and_gradients_of_both_towers_are_those_written_out(name: str, cosine: bool) -> None:
    """Against a Dense layer whose rows are the item vectors and whose hidden vectors are scaled beforehand."""
    results = []
    for written_out in (False, True):
        layer, users = towers(cosine=cosine)
        hidden, target = batch(users)
        objective: Objective = OBJECTIVES[name]()
        if written_out:
            vectors = layer.tower(torch.arange(V))
            if cosine:
                hidden, vectors = normalize(hidden), normalize(vectors)
            dense = Dense(D, V, bias=False, sparse_gradients=False, dtype=F64)
            del dense.weight
            dense.weight = vectors  # not a parameter: gradients pass on to the tower
            loss = objective(dense, hidden / 0.3, target, generator=torch.Generator().manual_seed(1))
        else:
            loss = objective(layer, hidden, target, generator=torch.Generator().manual_seed(1))
        (loss @ torch.linspace(-1, 1, 7, dtype=F64)).backward()
        results.append([loss.detach(), *(p.grad for p in [*layer.parameters(), *users.parameters()])])
    for mine, theirs in zip(*results, strict=True):
        assert mine is not None
        assert mine.ne(0).any()
        torch.testing.assert_close(mine, theirs)


def test_only_items_in_play_go_through_the_tower() -> None:
    layer, users = towers(cosine=True, sparse=True)
    seen: list[Tensor] = []
    layer.tower.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    hidden, target = batch(users)
    Head(layer, SampledSoftmax(InBatch(vocab_size=V)))(hidden, target).backward()
    assert [ids.tolist() for ids in seen] == [sorted(set(target.tolist()))]
    gradient = layer.tower[0].weight.grad
    assert gradient.is_sparse
    assert sorted(gradient.coalesce().indices()[0].tolist()) == sorted(set(target.tolist()))


def test_frozen_answers_are_the_live_ones() -> None:
    layer, users = towers(cosine=True)
    head = Head(layer, SampledSoftmax(Uniform(V, unique=True), 9))
    hidden, target = batch(users)
    with torch.no_grad():
        live = [head.log_prob(hidden), head.log_prob(hidden, target), *head.topk(hidden, 4)]
        calls = []
        layer.tower.register_forward_pre_hook(lambda *_: calls.append(1))
        assert layer.freeze() is layer
        assert not layer.training
        frozen = [head.log_prob(hidden), head.log_prob(hidden, target), *head.topk(hidden, 4)]
    assert len(calls) == 1
    for one, other in zip(live, frozen, strict=True):
        torch.testing.assert_close(one, other)
    rows = layer.select(target.unique())
    torch.testing.assert_close(
        rows.score(hidden), torch.nn.functional.linear(layer.scaled(hidden), layer.frozen_table[target.unique()])
    )
    assert "frozen_table" not in head.state_dict()
    twin = copy.deepcopy(layer)
    layer.train()
    assert layer.frozen_table is None
    assert twin.frozen_table is not None
    twin.load_state_dict(layer.state_dict())
    assert twin.frozen_table is None


def test_any_function_of_ids_will_do() -> None:
    vectors = torch.randn(V, D, requires_grad=True)
    layer = Given(lambda ids: vectors[ids], D, V)
    hidden, target = torch.randn(3, D), torch.tensor([0, 5, 5])
    torch.testing.assert_close(layer.log_prob(hidden), (hidden @ vectors.T).log_softmax(1))
    Head(layer, SampledSoftmax(Uniform(V, unique=True), 9))(hidden, target).backward()
    assert vectors.grad is not None


def test_a_cosine_is_bounded_and_safe_at_length_zero() -> None:
    layer, _ = towers(cosine=True, temperature=0.1)
    scores = layer.select(torch.arange(V)).score(torch.cat([torch.zeros(1, D, dtype=F64), torch.eye(D, dtype=F64)]))
    assert scores[0].eq(0).all()
    assert (scores.abs() <= 10 + 1e-9).all()
    hidden = torch.zeros(2, D, dtype=F64, requires_grad=True)
    layer.log_prob(hidden, torch.tensor([1, 2])).sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.isfinite().all()


def test_bad_arguments_are_refused() -> None:
    tower = nn.Embedding(V, D)
    for temperature in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match=f"temperature is {temperature}"):
            Given(tower, D, V, temperature=temperature)
    with pytest.raises(InputError, match="hidden_size is 0"):
        Given(tower, 0, V)
    with pytest.raises(InputError, match="vocab_size is -1"):
        Given(tower, D, -1)
    with pytest.raises(InputError, match="tower is a Tensor; expected a module or function"):
        Given(tower.weight.detach(), D, V)
    wide = Given(nn.Embedding(V, D + 1), D, V)
    with pytest.raises(
        InputError, match=rf"the tower returned \(37, {D + 1}\) for 37 ids; expected vectors \(37, {D}\)"
    ):
        wide.log_prob(torch.randn(2, D))
