"""Two processes train one head: gradients stay sparse on the way, and the result is that of one process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import CrossEntropy, NegativeSampling
from vastmax.output import Dense
from vastmax.proposal import Uniform

V, D, N = 50, 4, 8


class Model(nn.Module):
    def __init__(self, sampled: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(D, D)
        self.head = Head(Dense(D, V), NegativeSampling(Uniform(V), 5) if sampled else CrossEntropy())

    def forward(self, inputs: Tensor, target: Tensor, seed: int) -> Tensor:
        return self.head(self.encoder(inputs), target, generator=torch.Generator().manual_seed(seed))


def batches() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, N, D, generator=generator), torch.randint(V, (2, N), generator=generator)


def train(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    inputs, target = batches()
    for sampled in (True, False):
        model = Model(sampled)
        wrapped = DistributedDataParallel(model)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            optimiser.zero_grad()
            wrapped(inputs[rank], target[rank], step).backward()
            assert model.head.output.weight.grad is not None
            assert model.head.output.weight.grad.is_sparse == sampled
            optimiser.step()
        torch.save(model.state_dict(), f"{folder}/{sampled}-{rank}.pt")
    dist.destroy_process_group()
    os._exit(0)  # a thread of gloo's that is still at work while the interpreter shuts down would abort the process


def test_two_processes_equal_one(tmp_path: Path) -> None:
    mp.spawn(train, args=(str(tmp_path),), nprocs=2)
    inputs, target = batches()
    for sampled in (True, False):
        states = [torch.load(tmp_path / f"{sampled}-{rank}.pt", weights_only=True) for rank in (0, 1)]
        model = Model(sampled)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            optimiser.zero_grad()
            for rank in (0, 1):
                (model(inputs[rank], target[rank], step) / 2).backward()
            optimiser.step()
        for name, value in model.state_dict().items():
            torch.testing.assert_close(states[0][name], states[1][name])
            torch.testing.assert_close(states[0][name], value)


def test_sharding_a_layer_with_sparse_gradients_is_refused(tmp_path: Path) -> None:
    from torch.distributed.fsdp import fully_shard

    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    try:
        mesh = dist.init_device_mesh("cpu", (1,))
        with pytest.raises(InputError, match=r"Dense\.(weight|bias) is being sharded .* sparse_gradients=False"):
            fully_shard(Head(Dense(D, V), NegativeSampling(Uniform(V), 5)), mesh=mesh)
        head = Head(Dense(D, V, sparse_gradients=False), NegativeSampling(Uniform(V), 5))
        fully_shard(head, mesh=mesh)
        assert head(torch.randn(3, D), torch.tensor([1, 2, 3])).isfinite()
    finally:
        dist.destroy_process_group()
