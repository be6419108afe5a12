"""Heads spread over processes against the same heads in one process."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from ranks import Ranks
from torch import Tensor

from vastmax.distributed import ShardedHead, shard_head
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import (
    NCE,
    CrossEntropy,
    ImportanceSampling,
    NegativeSampling,
    Objective,
    SampledSoftmax,
    SelfNormalised,
)
from vastmax.output import Dense, Hierarchical
from vastmax.proposal import InBatch, LogUniform, Uniform, Unigram
from vastmax.proposal.base import Noise, Proposal
from vastmax.tree import huffman

D, V = 5, 23
COUNTS = [60 // (w + 1) + 1 for w in range(V)]
SIZES = (4, 0, 3, 5, 1, 2, 0, 6)
"""Examples of each rank: uneven, and one has none."""


def single_head(objective: Objective | None = None, *, vocab_size: int = V, bias: bool = True) -> Head:
    torch.manual_seed(7)
    head = Head(Dense(D, vocab_size, bias, dtype=torch.float64), objective)
    with torch.no_grad():
        for parameter in head.output.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return head


def batch(ranks: Ranks, vocab_size: int = V) -> tuple[list[Tensor], list[Tensor]]:
    """Hidden vectors and targets of each rank, the same in all."""
    generator = torch.Generator().manual_seed(11)
    hidden = [torch.randn(n, D, dtype=torch.float64, generator=generator) for n in SIZES]
    return hidden, [torch.randint(vocab_size, (n,), generator=generator) for n in SIZES]


def whole(head: ShardedHead, gradient: bool = False) -> dict[str, Tensor]:
    """The parameters, or their gradients, in the order of words and as a single head names them."""
    layer = head.output
    words = layer.deal.row(torch.arange(layer.vocab_size))
    found = {}
    for name, parameter in (("weight", layer.dealt_weight), ("bias", layer.dealt_bias)):
        if parameter is None:
            continue
        value = parameter.grad if gradient else parameter.detach()
        if value.is_sparse:
            value = value.to_dense()
            dist.all_reduce(value, group=layer.shards.group)
        else:
            value = value.full_tensor()
        found[name] = value[words]
    return found


def compare(head: ShardedHead, single: Head, ranks: Ranks, call: Callable[..., Tensor], **options: Any) -> None:
    """Losses, hidden gradients and parameter gradients of `call(head, hidden, target)` in shards and alone."""
    shards = head.output.shards
    hidden, target = batch(ranks, single.vocab_size)
    mine = shards.mesh.get_rank()
    groups = range(shards.mesh.size())
    own = hidden[mine].clone().requires_grad_(len(hidden[mine]) > 0)
    loss = call(head, own, target[mine])
    loss.sum().backward()
    alone = [hidden[rank].clone().requires_grad_() for rank in groups]
    losses = [call(single, alone[rank], target[rank]) for rank in groups]
    (sum(part.sum() for part in losses) / len(groups)).backward()
    close(loss, losses[mine])
    if own.requires_grad:
        close(own.grad, alone[mine].grad * len(groups))
    gradients = whole(head, gradient=True)
    for name, parameter in single.output.named_parameters():
        close(gradients[name], parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad)
    head.zero_grad()
    single.zero_grad()


def close(found: Tensor | None, expected: Tensor | None) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def loss_of(head: Head, hidden: Tensor, target: Tensor) -> Tensor:
    return head(hidden, target)


EXACT = {
    "plain": CrossEntropy(),
    "capped": CrossEntropy(softcap=3.0, temperature=1.5),
    "smooth": CrossEntropy(label_smoothing=0.1, z_loss=0.01, weight=torch.rand(V, dtype=torch.float64)),
    "self-normalised": SelfNormalised(),
}


def check_exact_losses_are_those_of_one_process(ranks: Ranks) -> None:
    _exact(ranks, [(3,), (2, 2)], ["dealt"])


def check_exact_losses_in_other_meshes(ranks: Ranks) -> None:
    _exact(ranks, [(1,), (2,), (4,), (ranks.size,)], ["dealt", "ids"])


def _exact(ranks: Ranks, shapes: list[tuple[int, ...]], orders: list[str]) -> None:
    for shape, order in itertools.product(shapes, orders):
        mesh = ranks.mesh(*shape)
        if mesh is None:
            continue
        for name, objective in EXACT.items():
            single = single_head(copy.deepcopy(objective), bias=name != "capped")
            compare(shard_head(single, mesh, dim="words", order=order), single, ranks, loss_of)


def check_partial_normalisers(ranks: Ranks) -> None:
    mesh = ranks.mesh(3)
    if mesh is None:
        return
    single = single_head(SelfNormalised(fraction=0.5))
    head = shard_head(single, mesh)

    def loss(head: Head, hidden: Tensor, target: Tensor) -> Tensor:
        return head(hidden, target, generator=torch.Generator().manual_seed(5))

    compare(head, single, ranks, loss)


def check_replicated_examples(ranks: Ranks) -> None:
    mesh = ranks.mesh(2, 2)
    assert mesh is not None
    single = single_head()
    head = shard_head(single, mesh, dim="words", replicated=True)
    hidden, target = batch(ranks)
    data = mesh.get_local_rank("data")
    pairs = [(hidden[rank].clone().requires_grad_(), target[rank]) for rank in (0, 2)]
    losses = [single(*pair) for pair in pairs]
    (sum(losses) / 2).backward()
    own = hidden[(0, 2)[data]].clone().requires_grad_()
    loss = head(own, target[(0, 2)[data]])
    loss.backward()
    close(loss, losses[data])
    close(own.grad, pairs[data][0].grad * 2)
    for name, gradient in whole(head, gradient=True).items():
        close(gradient, single.output.get_parameter(name).grad)
    expected = single.log_prob(hidden[0])
    log_prob = head.log_prob(hidden[0])
    close(log_prob, expected)
    log_prob.square().sum().backward()


def check_questions(ranks: Ranks) -> None:
    asked: list[tuple[int, tuple[int, ...], Objective]] = [
        (V, (4,), NegativeSampling(Unigram(COUNTS), 4)),
        (3, (4,), CrossEntropy(temperature=0.7)),  # a process without a word
        (V, (2, 2), CrossEntropy()),
    ]
    for vocab_size, shape, objective in asked:
        mesh = ranks.mesh(*shape)
        assert mesh is not None
        single = single_head(objective, vocab_size=vocab_size)
        head = shard_head(single, mesh, dim="words")
        hidden, target = batch(ranks, vocab_size)
        mine, words = hidden[ranks.rank], target[ranks.rank]
        close(head.log_prob(mine), single.log_prob(mine))
        close(head.logits(mine), single.logits(mine))
        close(head.log_prob(mine, words), single.log_prob(mine, words))
        several = torch.stack([words, (words + 1) % vocab_size], dim=1)
        close(head.log_prob(mine, several), single.log_prob(mine, several))
        close(head.log_normaliser(mine), single.log_normaliser(mine))
        close(head.eval()(mine, words), single.eval()(mine, words))
        both = head.log_prob(mine, words, return_entropy=True, return_log_normaliser=True)
        for found, expected in zip(
            both, single.log_prob(mine, words, return_entropy=True, return_log_normaliser=True), strict=True
        ):
            close(found, expected)
        for found, expected in zip(head.topk(mine, 3), single.topk(mine, 3), strict=True):
            torch.testing.assert_close(found, expected)
        candidates = torch.tensor([2, 0, 1])
        for found, expected in zip(
            head.topk(mine, 2, candidates=candidates), single.topk(mine, 2, candidates=candidates), strict=True
        ):
            torch.testing.assert_close(found, expected)
        left, expected = (one.topk(mine, 1, exclude=words[:, None])[1] for one in (head, single))
        assert left.equal(expected)
        head.train()
        single.train()
        if len(mine) == 0:  # there is nothing to diagnose in no example
            mine, words = torch.zeros(1, D, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
        losses = [one.diagnose(mine, words)["exact_loss"] for one in (head, single)]
        assert losses[0] == pytest.approx(losses[1])


def check_samples_follow_the_law(ranks: Ranks) -> None:
    mesh = ranks.mesh(4)
    assert mesh is not None
    torch.manual_seed(3)  # the same in all processes, as people do
    single = single_head()
    head = shard_head(single, mesh)
    draws = 4000
    hidden = torch.randn(1, D, dtype=torch.float64).expand(draws, D)
    drawn = torch.bincount(head.sample(hidden), minlength=V).double()
    law = single.log_prob(hidden[:1]).exp()[0] * draws
    usual = law > 5
    chi_square = ((drawn - law).square() / law)[usual].sum()
    assert chi_square < usual.sum() + 5 * (2 * usual.sum()) ** 0.5


class Given(Proposal):
    """Noise that was drawn before."""

    def __init__(self, noise: Noise, *, holds_target: bool = False) -> None:
        super().__init__()
        self.vocab_size, self.noise, self.unique, self.holds_target = V, noise, noise.unique, holds_target

    def draw(self, target: Tensor, num_samples: int, **options: Any) -> Noise:
        return self.noise


SAMPLED: dict[str, Callable[[Any], Objective]] = {
    "sampled softmax": lambda proposal: SampledSoftmax(proposal, 6),
    "sampled softmax, masked": lambda proposal: SampledSoftmax(proposal, 6, accidental_hits="mask"),
    "nce": lambda proposal: NCE(proposal, 6),
    "negative sampling": lambda proposal: NegativeSampling(proposal, 6),
    "negative sampling, target": lambda proposal: NegativeSampling(proposal, 6, exclude="target"),
}
PROPOSALS = {
    "unigram": lambda: Unigram(COUNTS, 0.75),
    "unique": lambda: Unigram(COUNTS, unique=True),
    "few": lambda: LogUniform(V),
    "all": lambda: Uniform(V, unique=True),
}


def check_same_draws_same_gradients(ranks: Ranks) -> None:
    for shape, objectives in (((4,), list(SAMPLED.values())), ((2, 2), [SAMPLED["sampled softmax"], SAMPLED["nce"]])):
        mesh = ranks.mesh(*shape)
        assert mesh is not None
        for make, proposal in zip(objectives, itertools.cycle(PROPOSALS.values()), strict=False):
            single = single_head(make(proposal()))
            _compare_with_their_noise(shard_head(single, mesh, dim="words"), single, ranks)
    single = single_head(SampledSoftmax(InBatch(COUNTS)))
    _compare_with_their_noise(shard_head(single, ranks.mesh(4)), single, ranks)


def check_all_pairs_of_objectives_and_proposals(ranks: Ranks) -> None:
    for size in {2, 3, ranks.size}:
        mesh = ranks.mesh(size)
        if mesh is None:
            continue
        for make, proposal in itertools.product(SAMPLED.values(), PROPOSALS.values()):
            single = single_head(make(proposal()))
            _compare_with_their_noise(shard_head(single, mesh), single, ranks)
        for hits in ("keep", "mask"):
            single = single_head(SampledSoftmax(InBatch(COUNTS), accidental_hits=hits))
            _compare_with_their_noise(shard_head(single, mesh), single, ranks)


def _compare_with_their_noise(head: ShardedHead, single: Head, ranks: Ranks) -> None:
    """Each group of shards has noise of its own; alone, each example is to meet that of its group."""
    shards = head.output.shards
    _, target = batch(ranks)
    noise = head.objective.proposal.draw(target[ranks.rank], 6, generator=torch.Generator().manual_seed(1))
    everyone = _objects_of_mesh(noise, shards)
    row = shards.mesh.mesh
    objectives = {}
    for rank in range(shards.mesh.size()):
        members = [int(r) for r in row.flatten()] if row.ndim == 1 else row[(row == rank).nonzero()[0, 0]].tolist()
        parts = [everyone[member] for member in members]
        order = torch.cat([part.word_ids for part in parts]).argsort()
        union = Noise(
            word_ids=torch.cat([part.word_ids for part in parts])[order],
            log_expected_count=torch.cat([part.log_expected_count for part in parts])[order],
            target_log_expected_count=everyone[rank].target_log_expected_count,
            num_samples=6,
            unique=noise.unique,
            multiplicity=None
            if noise.multiplicity is None
            else torch.cat([part.multiplicity for part in parts])[order],
        )
        objectives[rank] = copy.copy(single.objective)
        objectives[rank].__dict__["_modules"] = {"proposal": Given(union, holds_target=noise_holds_target(single))}

    calls = iter(range(shards.mesh.size()))

    def loss(asked: Head, hidden: Tensor, target: Tensor) -> Tensor:
        if asked is head:
            return head(hidden, target, generator=torch.Generator().manual_seed(1))
        if len(target) == 0:
            next(calls)
            return hidden.sum()
        return objectives[next(calls)](asked.output, hidden, target).mean()

    compare(head, single, ranks, loss)


def noise_holds_target(single: Head) -> bool:
    return single.objective.proposal.holds_target


def _objects_of_mesh(value: Any, shards: Any) -> list[Any]:
    mesh = shards.mesh
    if mesh.ndim == 1:
        found: list[Any] = [None] * mesh.size()
        dist.all_gather_object(found, value, group=mesh.get_group())
        return found
    found = [None] * mesh.size()
    dist.all_gather_object(found, value)  # two dimensions: all ranks
    return found


def check_expected_counts(ranks: Ranks) -> None:
    """The expected count of each word is that of draws from the whole law, and so are sums over the noise."""
    mesh = ranks.mesh(4)
    assert mesh is not None
    for make, tolerance in ((PROPOSALS["unigram"], 0.0), (PROPOSALS["unique"], 0.06)):
        single = single_head(SampledSoftmax(make(), 7))
        head = shard_head(single, mesh)
        proposal = head.objective.proposal
        total, rounds = torch.zeros(V), 200
        torch.manual_seed(5)
        for _ in range(rounds):
            noise = proposal.draw(torch.zeros(0, dtype=torch.int64), 7)
            ones = torch.ones(len(noise.word_ids)) if noise.multiplicity is None else noise.multiplicity
            total.index_add_(0, noise.word_ids, ones)
        dist.all_reduce(total)
        expected = single.objective.proposal.log_expected_count(torch.arange(V), 7).exp()
        deviation = (total / rounds - expected).abs()
        assert (deviation < 5 * (expected / rounds).sqrt() + tolerance).all(), (deviation, expected)


def check_what_cannot_be_sharded_is_refused(ranks: Ranks) -> None:
    mesh = ranks.mesh(2)
    grid = ranks.mesh(2, 2)
    if mesh is None:
        return
    refused: list[tuple[Any, dict[str, Any], str]] = [
        (Head(Hierarchical(D, huffman(COUNTS))), {}, "not sharded: Hierarchical; take a recipe over Dense"),
        (single_head(ImportanceSampling(Unigram(COUNTS), 5.0, 10)), {}, "not sharded: ImportanceSampling"),
        (single_head(NCE(Unigram(COUNTS), 5, "scalar")), {}, "not sharded: NCE with a learned"),
        (single_head(NegativeSampling(Unigram(COUNTS), 5, shared=False)), {}, "shared=True"),
        (Head(Dense(weight=torch.nn.Parameter(torch.zeros(V, D)))), {}, "was passed in"),
        (single_head(), {"order": "random"}, "expected 'dealt' or 'ids'"),
        (single_head(), {"dim": "rows"}, "dim is 'rows'"),
        (single_head(), {"mesh": grid}, "mesh has 2 dimensions"),
        (single_head(), {"mesh": 2}, "expected a DeviceMesh"),
        (Dense(D, V), {}, "expected a vastmax.Head"),
    ]
    for head, options, message in refused:
        with pytest.raises(InputError, match=message):
            shard_head(head, **{"mesh": mesh, **options})
    head = shard_head(single_head(), mesh)
    with pytest.raises(InputError, match="sharded already"):
        shard_head(head, mesh)
    with pytest.raises(InputError, match="load_head"):
        head.resized(torch.arange(V))
    noisy = shard_head(single_head(NCE(Unigram(COUNTS), 20)), mesh)
    noisy.objective.proposal = Unigram(COUNTS)
    with pytest.raises(InputError, match="with_objective"):
        noisy(torch.zeros(1, D, dtype=torch.float64), torch.tensor([1]))
    again = head.with_objective(NCE(Unigram(COUNTS), 20))
    assert again(torch.zeros(1, D, dtype=torch.float64), torch.tensor([1])).isfinite()
