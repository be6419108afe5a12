"""Two processes train one head: gradients stay sparse on the way, and the result is that of one process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import CrossEntropy, NegativeSampling, SampledSoftmax
from vastmax.output import CharCNN, CharLSTM, Dense, Hierarchical
from vastmax.proposal import Uniform
from vastmax.tree import huffman

V, D, N = 50, 4, 8


WORDS = [f"w{chr(97 + i % 26)}{i}" for i in range(V)]
HEADS: dict[str, Callable[[], Head]] = {
    "sampled": lambda: Head(Dense(D, V), NegativeSampling(Uniform(V), 5)),
    "exact": lambda: Head(Dense(D, V), CrossEntropy()),
    "tree": lambda: Head(Hierarchical(D, huffman(range(1, V + 1)))),
    "characters": lambda: Head(CharCNN(D, WORDS, 2), SampledSoftmax(Uniform(V, unique=True), 5)),
    "letters": lambda: Head(CharLSTM(D, WORDS)),
}
SPARSE = {
    "sampled": {"weight", "bias"},
    "exact": set(),
    "tree": {"weight", "bias"},
    "characters": {"correction", "bias"},
    "letters": set(),
}


class Model(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(D, D)
        self.head = HEADS[name]()

    def forward(self, inputs: Tensor, target: Tensor, seed: int) -> Tensor:
        return self.head(self.encoder(inputs), target, generator=torch.Generator().manual_seed(seed))


def batches() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, N, D, generator=generator), torch.randint(V, (2, N), generator=generator)


def train(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    inputs, target = batches()
    for name in HEADS:
        model = Model(name)
        wrapped = DistributedDataParallel(model)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            optimiser.zero_grad()
            wrapped(inputs[rank], target[rank], step).backward()
            assert {key for key, value in model.head.output.named_parameters() if value.grad.is_sparse} == SPARSE[name]
            optimiser.step()
        torch.save(model.state_dict(), f"{folder}/{name}-{rank}.pt")
    dist.destroy_process_group()
    os._exit(0)  # a thread of gloo's that is still at work while the interpreter shuts down would abort the process


def test_two_processes_equal_one(tmp_path: Path) -> None:
    mp.spawn(train, args=(str(tmp_path),), nprocs=2)
    inputs, target = batches()
    for name in HEADS:
        states = [torch.load(tmp_path / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1)]
        model = Model(name)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            optimiser.zero_grad()
            for rank in (0, 1):
                (model(inputs[rank], target[rank], step) / 2).backward()
            optimiser.step()
        for key, value in model.state_dict().items():
            torch.testing.assert_close(states[0][key], states[1][key])
            torch.testing.assert_close(states[0][key], value)


def test_a_layer_is_no_embedding_and_alone_among_its_modules(tmp_path: Path) -> None:
    """What looks for embeddings (to draw their weights, resize, shard) does not find it; DDP finds what it asks for."""
    head = Head(Dense(D, V), NegativeSampling(Uniform(V), 5))
    assert not any(isinstance(module, nn.Embedding) for module in head.modules())
    names = [name for name, _ in head.named_parameters()]
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    try:
        tables = [module for module in head.modules() if isinstance(module, nn.Embedding)]
        assert [module.sparse for module in tables] == [True]
        assert [id(p) for p in tables[0].parameters()] == [id(head.output.weight), id(head.output.bias)]
        assert dict(head.named_modules())["output"] is head.output
        assert [name for name, _ in head.named_parameters()] == names
        assert head.state_dict().keys() == {"output.weight", "output.bias"}
        assert "Embedding" not in repr(head)
        before = head.output.weight.detach().clone()
        head.reset_parameters()
        assert head.output.weight.ne(before).any()
        exact = Head(Dense(D, V))
        assert not any(isinstance(module, nn.Embedding) for module in exact.modules())
    finally:
        dist.destroy_process_group()


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
