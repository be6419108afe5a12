"""JoinedOptimizer: several optimisers that a trainer, a scheduler and a checkpoint take for one."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from vastmax import Head
from vastmax.errors import InputError
from vastmax.objective import NCE
from vastmax.optim import JoinedOptimizer, RowAdagrad, RowAdam, RowSGD, clip_grad_norm_, parameter_groups
from vastmax.output import Dense
from vastmax.proposal import Uniform

V, D = 30, 4


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(D, D)
        self.head = Head(Dense(D, V), NCE(Uniform(V), 5))

    def forward(self, inputs: Tensor, target: Tensor) -> Tensor:
        return self.head(self.encoder(inputs), target, generator=torch.Generator().manual_seed(3))


def joined(model: nn.Module) -> JoinedOptimizer:
    groups = parameter_groups(model)
    return JoinedOptimizer(torch.optim.AdamW(groups.dense, lr=0.01), RowAdam(groups.row_sparse, lr=0.02))


def train(model: Model, optimizer: torch.optim.Optimizer, steps: int, scheduler: object = None) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(6, D, generator=generator), torch.randint(V, (6,), generator=generator)).backward()
        clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_is_the_parts_one_after_the_other() -> None:
    model, twin = Model(), Model()
    groups = parameter_groups(twin)
    parts = [torch.optim.AdamW(groups.dense, lr=0.01), RowAdam(groups.row_sparse, lr=0.02)]
    mine = train(model, joined(model), 4)
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        for part in parts:
            part.zero_grad()
        twin(torch.randn(6, D, generator=generator), torch.randint(V, (6,), generator=generator)).backward()
        clip_grad_norm_(twin.parameters(), 0.5)
        for part in parts:
            part.step()
    for a, b in zip(mine, twin.parameters(), strict=True):
        assert a.equal(b)


def test_a_scheduler_sets_the_rates_of_all_parts() -> None:
    model = Model()
    optimizer = joined(model)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    train(model, optimizer, 1, scheduler)
    assert [part.param_groups[0]["lr"] for part in optimizer.optimizers] == [0.005, 0.01]


@pytest.mark.parametrize("way", ["state", "deepcopy"])
def test_goes_on_to_the_bit(way: str) -> None:
    straight = Model()
    optimizer = joined(straight)
    train(straight, optimizer, 3)
    if way == "deepcopy":
        resumed, resumed_optimizer = copy.deepcopy((straight, optimizer))
    else:
        resumed = Model()
        resumed.load_state_dict(straight.state_dict())
        resumed_optimizer = joined(resumed)
        saved = copy.deepcopy(optimizer.state_dict())
        assert saved.keys() == {"state", "param_groups"}
        assert sorted(saved["state"]) == [0, 1, 2, 3]
        resumed_optimizer.load_state_dict(saved)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(resumed_optimizer, 1.0)
    for a, b in zip(train(straight, optimizer, 2), train(resumed, resumed_optimizer, 2, scheduler), strict=True):
        assert a.equal(b)
    assert len(resumed_optimizer.state) == 4
    assert resumed_optimizer.state[resumed.encoder.weight]["exp_avg"].shape == (D, D)


def test_of_a_model() -> None:
    model = Model()
    optimizer = JoinedOptimizer.of(model, lr=0.3, row_lr=0.4, weight_decay=0.5)
    adam, rows = optimizer.optimizers
    assert (adam.defaults["lr"], adam.defaults["weight_decay"], rows.defaults["lr"]) == (0.3, 0.5, 0.4)
    assert isinstance(rows, RowAdagrad)
    assert len(JoinedOptimizer.of(nn.Linear(2, 2)).optimizers) == 1


def test_grad_scaler_takes_it() -> None:
    model = Model()
    optimizer = joined(model)
    scaler = torch.amp.GradScaler("cpu")
    before = model.head.output.weight.detach().clone()
    scaler.scale(model(torch.randn(6, D), torch.randint(V, (6,)))).backward()
    scaler.step(optimizer)
    scaler.update()
    assert not model.head.output.weight.equal(before)


def test_the_closure_is_called_once() -> None:
    model = Model()
    optimizer = joined(model)
    calls = []

    def closure() -> Tensor:
        calls.append(1)
        optimizer.zero_grad()
        loss = model(torch.ones(2, D), torch.tensor([1, 2]))
        loss.backward()
        return loss

    assert optimizer.step(closure) > 0
    assert len(calls) == 1


def test_what_cannot_be_joined() -> None:
    weight = nn.Parameter(torch.zeros(2, 2))
    with pytest.raises(InputError, match="got no optimizer"):
        JoinedOptimizer()
    with pytest.raises(InputError, match="got a Parameter; pass optimizers"):
        JoinedOptimizer(weight)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a parameter is in two of the optimizers"):
        JoinedOptimizer(RowSGD([weight], lr=0.1), RowSGD([weight], lr=0.1))
    optimizer = JoinedOptimizer(RowSGD([weight], lr=0.1))
    with pytest.raises(InputError, match="it is unknown which part this group belongs to"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    with pytest.raises(InputError, match=r"parameter groups of \[2, 2\] parameters, but this optimizer has \[1\]"):
        optimizer.load_state_dict(joined(Model()).state_dict())
    with pytest.raises(InputError, match="no parameter that requires a gradient"):
        JoinedOptimizer.of(nn.Identity())
