"""Optimizers, clipping and checkpoints of heads that are spread over processes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from ranks import Ranks
from shard_checks import COUNTS, D, V, batch, close, compare, loss_of, single_head, whole
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.fsdp import fully_shard

from vastmax.distributed import load_head, shard_head
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import SampledSoftmax
from vastmax.optim import RowAdagrad, RowAdam, RowSGD, clip_grad_norm_, parameter_groups
from vastmax.output import Dense
from vastmax.proposal import Uniform


def sampled() -> SampledSoftmax:
    """All words are noise, so that one process draws what several do."""
    return SampledSoftmax(Uniform(V, unique=True), V)


def check_optimizers_do_what_they_do_alone(ranks: Ranks) -> None:
    mesh = ranks.mesh(2, 2)
    assert mesh is not None
    makers: list[Any] = [
        lambda p: RowSGD(p, lr=0.1),
        lambda p: RowAdagrad(p, lr=0.1),
        lambda p: RowAdam(p, lr=0.1, weight_decay=0.1),
    ]
    for make in makers:
        single = single_head(sampled())
        head = shard_head(single, mesh, dim="words")
        groups = parameter_groups(head)
        assert not groups.dense
        optimizers = make(groups.row_sparse), make(list(single.parameters()))
        _train(head, single, optimizers, ranks, clip_grad_norm_)
    single = single_head()
    head = shard_head(single, mesh, dim="words")
    assert not parameter_groups(head).row_sparse
    optimizers = torch.optim.AdamW(head.parameters()), torch.optim.AdamW(single.parameters())
    _train(head, single, optimizers, ranks, nn.utils.clip_grad_norm_)
    _train(head, single, optimizers, ranks, clip_grad_norm_)


def _train(head: Any, single: Head, optimizers: Any, ranks: Ranks, clip: Any) -> None:
    hidden, target = batch(ranks)
    for _ in range(3):
        head(hidden[ranks.rank], target[ranks.rank]).backward()
        (sum(single(hidden[rank], target[rank]) for rank in range(4)) / 4).backward()
        for kind in (float("inf"), 1.0):
            norm = clip(head.parameters(), float("inf"), kind)
            norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
            close(norm, clip(single.parameters(), float("inf"), kind))
        clip(head.parameters(), 0.05)
        clip(single.parameters(), 0.05)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    for name, value in whole(head).items():
        close(value, single.output.get_parameter(name).detach())


class Model(nn.Module):
    def __init__(self, encoder: nn.Module, head: Head) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, inputs: Tensor, target: Tensor) -> Tensor:
        return self.head(self.encoder(inputs), target)


def check_fully_sharded_model_around_a_sharded_head(ranks: Ranks) -> None:
    mesh = ranks.mesh(2)
    if mesh is None:
        return
    single = single_head()
    torch.manual_seed(1)
    encoder = nn.Linear(D, D, dtype=torch.float64)
    model = Model(copy.deepcopy(encoder), shard_head(single, mesh))
    fully_shard(model, mesh=mesh, ignored_params=set(model.head.parameters()))
    hidden, target = batch(ranks)
    hidden, target = hidden[2:], target[2:]
    model(hidden[ranks.rank], target[ranks.rank]).backward()
    (sum(single(encoder(hidden[rank]), target[rank]) for rank in range(2)) / 2).backward()
    close(model.encoder.weight.grad.full_tensor(), encoder.weight.grad)
    for name, value in whole(model.head, gradient=True).items():
        close(value, single.output.get_parameter(name).grad)
    alone = nn.utils.clip_grad_norm_([*encoder.parameters(), *single.parameters()], 0.1)
    close(nn.utils.clip_grad_norm_(model.parameters(), 0.1).full_tensor(), alone)


def check_a_head_without_memory_is_drawn_in_shards(ranks: Ranks) -> None:
    mesh = ranks.mesh(2, 2)
    assert mesh is not None
    torch.manual_seed(0)
    with torch.device("meta"):
        meta = Head(Dense(D, V), SampledSoftmax(Uniform(V), 5), counts=COUNTS)
    head = shard_head(meta, mesh, dim="words")
    table = whole(head)
    assert len(table["weight"].unique()) > 0.99 * V * D, "no two processes draw the same"
    assert table["weight"].abs().max() <= D**-0.5
    expected = (torch.tensor(COUNTS) / sum(COUNTS)).log()
    torch.testing.assert_close(table["bias"], expected)
    everyone = [torch.empty(0)] * 4
    dist.all_gather_object(everyone, head.output.own_weight)
    assert everyone[0].equal(everyone[2]), "copies draw the same"
    assert head(torch.zeros(2, D), torch.tensor([1, 2])).isfinite()


def check_checkpoints_load_into_heads_of_any_split(ranks: Ranks) -> None:
    folder = ranks.folder / "checkpoint"
    everyone = ranks.mesh(ranks.size)
    assert everyone is not None
    single = single_head(sampled())
    saved = shard_head(single, everyone)
    optimizer = RowAdagrad(saved.parameters(), lr=0.1)
    loss_of(saved, torch.ones(1, D, dtype=torch.float64), torch.tensor([ranks.rank])).backward()
    optimizer.step()
    trained = whole(saved)
    state = {"model": {"head": saved.state_dict()}, "optimizer": get_optimizer_state_dict(saved, optimizer)}
    dcp.save(state, checkpoint_id=folder)
    sums = optimizer.state[saved.output.dealt_weight]["sum"].full_tensor()

    for size in (2, 3):
        mesh = ranks.mesh(size)
        if mesh is None:
            continue
        for order in ("dealt", "ids"):
            head = shard_head(single_head(sampled()), mesh, order=order)
            load_head(head, folder)
            for name, value in whole(head).items():
                assert value.equal(trained[name])
        grown = shard_head(single_head(vocab_size=V + 6), mesh)
        before = whole(grown)
        load_head(grown, folder, name="model.head")
        after = whole(grown)
        assert after["weight"][:V].equal(trained["weight"])
        assert after["weight"][V:].equal(before["weight"][V:])
        assert after["bias"][:V].equal(trained["bias"])
        assert bool((after["bias"][V:] == trained["bias"].min()).all())

    # PyTorch's own way, of the same words: the optimizer, too.
    mesh = ranks.mesh(2)
    if mesh is not None:
        head = shard_head(single_head(sampled()), mesh)
        fresh = RowAdagrad(head.parameters(), lr=0.1)
        again = {"model": {"head": head.state_dict()}, "optimizer": get_optimizer_state_dict(head, fresh)}
        dcp.load(again, checkpoint_id=folder, process_group=mesh.get_group())
        head.load_state_dict(again["model"]["head"])
        set_optimizer_state_dict(head, fresh, again["optimizer"])
        for name, value in whole(head).items():
            assert value.equal(trained[name])
        assert head.output.deal.piles == ranks.size
        assert fresh.state[head.output.dealt_weight]["sum"].full_tensor().equal(sums)
        compare(head, single_of(trained), ranks, loss_of)

    alone = single_head(vocab_size=V + 2)
    ids = torch.cat([torch.tensor([-1, 4]), torch.arange(V).flip(0)])
    ids[ids == 4] = torch.tensor([4, -1])  # each at most once
    load_head(alone, folder, old_word_ids=ids)
    kept = ids >= 0
    assert alone.output.weight[kept].equal(trained["weight"][ids[kept]])
    with pytest.raises(InputError, match="hidden size 5, the head 3"):
        load_head(Head(Dense(3, V)), folder)
    with pytest.raises(InputError, match="pass old_word_ids="):
        load_head(Head(Dense(D, V - 1)), folder)
    with pytest.raises(InputError, match="has biases and the head has none"):
        load_head(Head(Dense(D, V, bias=False)), folder)
    with pytest.raises(InputError, match="no checkpoint"):
        load_head(alone, ranks.folder)
    with pytest.raises(InputError, match="holds 0 heads"):
        load_head(alone, folder, name="other")


def single_of(parameters: dict[str, Tensor]) -> Head:
    head = single_head(sampled())
    head.output.load_state_dict(parameters)
    return head
