"""Importance sampling: its estimate, its bias, what it does where too few draws carry the weight."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import reference_heads as reference
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import NCE, CrossEntropy, ImportanceSampling
from vastmax.output import Dense, Hierarchical
from vastmax.proposal import InBatch, Noise, Oracle, Proposal, Uniform, Unigram
from vastmax.tree import huffman

F64 = torch.float64
N, D, V = 6, 4, 12
COUNTS = [90, 50, 20, 20, 8, 6, 4, 3, 2, 2, 1, 1]
Q = torch.from_numpy(reference.unigram(COUNTS, 1.0))
TARGET = [0, 5, 3, 0, 11, 7]


class Scripted(Proposal):
    """Gives one list of draws after the other, each from Q."""

    def __init__(self, *blocks: Any) -> None:
        super().__init__()
        self.vocab_size = V
        self.blocks = list(blocks)
        self.calls: list[tuple[int, int]] = []
        self.contexts: list[Any] = []

    def draw(self, target: Tensor, num_samples: int, *, shared: bool = True, context: Any = None, **_: Any) -> Noise:
        drawn = torch.tensor(self.blocks[len(self.calls) % len(self.blocks)])
        drawn = drawn if shared else drawn[: target.shape[0]]
        self.calls.append((target.shape[0], num_samples))
        self.contexts.append(context)
        word_ids, position, times = torch.unique(drawn, return_inverse=True, return_counts=True)
        log_count = (drawn.shape[-1] * Q).log()
        return Noise(
            word_ids=word_ids,
            log_expected_count=log_count[word_ids],
            target_log_expected_count=log_count[target],
            num_samples=drawn.shape[-1],
            unique=False,
            multiplicity=times.double() if shared else None,
            position=None if shared else position,
        )


def layer(*, sparse: bool = True, scale: float = 1.0) -> Dense:
    torch.manual_seed(4)
    dense = Dense(D, V, dtype=F64, sparse_gradients=sparse)
    nn.init.normal_(dense.weight, std=scale)
    nn.init.normal_(dense.bias, std=scale)
    return dense


def batch(num: int = N) -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    return torch.randn(num, D, dtype=F64, requires_grad=True), torch.tensor((TARGET * num)[:num])


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scores_of(dense: Dense, hidden: Tensor) -> np.ndarray:
    return (hidden @ dense.weight.T + dense.bias).detach().numpy()


DRAWN = [0, 1, 0, 2, 2, 9, 11, 0, 4, 7, 1, 1]
PER_EXAMPLE = [[0, 3, 3], [5, 5, 5], [1, 2, 3], [0, 0, 1], [11, 2, 4], [6, 7, 8]]


# --- the estimate --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [True, False])
def test_loss_and_effective_size(shared: bool) -> None:
    dense, (hidden, target) = layer(), batch()
    with torch.no_grad():
        dense.bias[7] += 9.0  # the last target's, which its draws do not hold
    drawn = [w for w in DRAWN if w != 7] if shared else [*PER_EXAMPLE[:-1], [6, 1, 8]]
    num = len(drawn) if shared else 3
    objective = ImportanceSampling(Scripted(drawn), 0, num, shared=shared)
    noise = [drawn] * N if shared else drawn
    expected, sizes = reference.importance_sampling(scores_of(dense, hidden), TARGET, noise, Q.log().numpy())
    exact = CrossEntropy()(dense, hidden, target).detach().numpy()
    loss = objective(dense, hidden, target).detach().numpy()
    assert (expected < 0).any()
    assert (expected > 0).any()
    np.testing.assert_allclose(loss, np.where(expected < 0, exact, expected), rtol=1e-6)  # log Q is float32
    figures = objective.diagnose(dense, hidden, target)
    assert figures["ess_min"] == pytest.approx(sizes.min(), rel=1e-6)
    assert figures["ess_mean"] == pytest.approx(sizes.mean(), rel=1e-6)
    assert figures["num_samples_mean"] == figures["num_samples_max"] == num
    assert figures["fallback_share"] == pytest.approx((expected < 0).mean())


def test_draws_go_on_for_those_that_need_them() -> None:
    """Blocks double, take in only the examples still short, and add up to one estimate of all draws."""
    dense, (hidden, target) = layer(scale=0.7), batch()
    blocks = [DRAWN[:3], DRAWN[3:6], DRAWN[6:]]
    scores = scores_of(dense, hidden)
    so_far = [reference.importance_sampling(scores, TARGET, [DRAWN[:k]] * N, Q.log().numpy()) for k in (3, 6, 12)]
    min_ess = float(np.median(so_far[1][1]))
    needed = [3 if so_far[0][1][i] >= min_ess else 6 if so_far[1][1][i] >= min_ess else 12 for i in range(N)]
    assert len(set(needed)) == 3, "the case should hold examples of each kind"
    proposal = Scripted(*blocks)
    objective = ImportanceSampling(proposal, min_ess, 12, block_size=3)
    context = {"kind": torch.arange(N), "all": "alike"}
    loss = objective(dense, hidden, target, context=context).detach().numpy()
    short = [[i for i in range(N) if needed[i] > k] for k in (3, 6)]
    assert proposal.calls == [(N, 3), (len(short[0]), 3), (len(short[1]), 6)]
    assert [c["kind"].tolist() for c in proposal.contexts] == [list(range(N)), *short]
    assert all(c["all"] == "alike" for c in proposal.contexts)
    exact = CrossEntropy()(dense, hidden, target).detach().numpy()
    for i in range(N):
        stage = (3, 6, 12).index(needed[i])
        estimate, size = so_far[stage][0][i], so_far[stage][1][i]
        expected = exact[i] if size < min_ess or estimate < 0 else estimate
        assert loss[i] == pytest.approx(expected, rel=1e-6)
    proposal.calls.clear()
    figures = objective.diagnose(dense, hidden, target)
    assert figures["num_samples_mean"] == pytest.approx(np.mean(needed))
    assert figures["num_samples_max"] == 12


def test_examples_that_stay_short_get_the_exact_loss_and_gradient() -> None:
    dense, (hidden, target) = layer(sparse=False), batch()
    unreachable = ImportanceSampling(Unigram(COUNTS), 20, 20)
    loss = unreachable(dense, hidden, target, generator=generator(1))
    exact = CrossEntropy()(dense, hidden, target)
    torch.testing.assert_close(loss, exact)
    inputs = [hidden, dense.weight, dense.bias]
    upstream = torch.linspace(-1, 1, N, dtype=F64)
    for mine, theirs in zip(
        torch.autograd.grad(loss @ upstream, inputs), torch.autograd.grad(exact @ upstream, inputs), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_a_loss_below_zero_is_no_likelihood() -> None:
    """The target has nearly all the mass and is not drawn: without the guard its score would rise for ever."""
    dense, (hidden, _) = layer(), batch()
    target = torch.full((N,), 10)
    with torch.no_grad():
        dense.bias[10] = 50.0
    objective = ImportanceSampling(Scripted([0, 1, 2, 3]), 0, 4)
    loss = objective(dense, hidden, target)
    torch.testing.assert_close(loss, CrossEntropy()(dense, hidden, target))
    assert objective.diagnose(dense, hidden, target)["fallback_share"] == 1


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("min_ess", [0.0, 2.2])
def test_gradcheck(shared: bool, min_ess: float) -> None:
    dense, (hidden, target) = layer(sparse=False, scale=0.5), batch()
    drawn = DRAWN if shared else PER_EXAMPLE
    objective = ImportanceSampling(Scripted(drawn), min_ess, 24 if shared else 6, block_size=3, shared=shared)
    figures = objective.diagnose(dense, hidden, target)
    assert figures["fallback_share"] < 1

    def losses(hidden: Tensor, *_: Tensor) -> Tensor:
        objective.proposal.calls.clear()
        return objective(dense, hidden, target)

    assert torch.autograd.gradcheck(losses, (hidden, dense.weight, dense.bias))


def test_only_rows_in_play_get_a_gradient_unless_some_fall_back() -> None:
    for min_ess, sparse in ((0.0, True), (11.9, False)):
        dense, (hidden, _) = layer(scale=0.1), batch()
        objective = ImportanceSampling(Scripted([0, 0, 1, 3, 3, 5, 0, 1, 2, 0, 1, 4]), min_ess, 12)
        target = torch.full((N,), 9)
        objective(dense, hidden, target).sum().backward()
        assert dense.weight.grad.is_sparse == sparse
        if sparse:
            assert dense.weight.grad._indices()[0].tolist() == [0, 1, 2, 3, 4, 5, 9]


def test_a_kept_graph_can_be_used_twice() -> None:
    dense, (hidden, target) = layer(sparse=False), batch()
    loss = ImportanceSampling(Scripted(DRAWN), 0, 12)(dense, hidden, target).sum()
    first = torch.autograd.grad(loss, hidden, retain_graph=True)[0]
    second = torch.autograd.grad(loss, hidden)[0]
    torch.testing.assert_close(first, second)


# --- statistics ----------------------------------------------------------------------------------------------------


def test_bias_is_of_the_stated_sign_and_rate() -> None:
    """The loss lies (Σ p²/Q − 1)/(2K) below the exact one, and the expectation of f is off by −Σ(p²/Q)(f − E f)/K."""
    dense = layer(scale=0.6)
    hidden, target = batch(1)
    hidden = hidden.detach()
    p = dense.log_prob(hidden)[0].exp().detach()
    exact = CrossEntropy()(dense, hidden, target).item()
    chi = (p * p / Q).sum().item()
    scores = (hidden @ dense.weight.T + dense.bias).detach()[0]
    log_z = scores.logsumexp(0)
    rng = np.random.default_rng(2)
    repeats = 40_000
    for num in (100, 400):
        times = torch.from_numpy(rng.multinomial(num, Q.numpy(), size=repeats)).to(F64)  # m of each word
        ratio = times * (scores - Q.log()).exp()
        off = (ratio.sum(dim=1) / num).log() - log_z
        error = off.std().item() / math.sqrt(repeats)
        expected = -(chi - 1) / (2 * num)
        assert abs(expected) > 12 * error, "the bias must stand out of the noise"
        assert off.mean().item() == pytest.approx(expected, abs=4 * error + 0.2 * abs(expected) * 100 / num)
        # The gradient by the score of w is its weight less the target's 1: f = 1[w], of which E f = p(w).
        weight = ratio / ratio.sum(dim=1, keepdim=True)
        off_by_word, errors = weight.mean(dim=0) - p, weight.std(dim=0) / math.sqrt(repeats)
        stated = -(p * p / Q - p * chi) / num
        slack = 0.2 * stated.abs().max() * 100 / num
        assert ((off_by_word - stated).abs() < 4.5 * errors + slack).all()
        plain = stated.abs() > 8 * errors + slack
        assert plain.sum() >= 3
        assert (off_by_word.sign() == stated.sign())[plain].all()
    # The objective itself does just this.
    objective = ImportanceSampling(Unigram(COUNTS), 0, 50)
    losses = torch.stack([objective(dense, hidden, target, generator=generator(i)) for i in range(400)]).detach()
    error = losses.std().item() / math.sqrt(400)
    assert losses.mean().item() - exact == pytest.approx(-(chi - 1) / 100, abs=4.5 * error + 0.3 * (chi - 1) / 100)


@pytest.mark.parametrize("shared", [True, False])
def test_with_the_oracle_the_gradient_has_no_bias(shared: bool) -> None:
    """All weights are equal: log Z is exact in every draw, and the mean gradient is that of cross-entropy."""
    dense = layer(sparse=False)
    hidden, target = batch(1 if shared else N)
    context = {"hidden": hidden.detach()}
    num = 5
    objective = ImportanceSampling(Oracle(dense), 0.9 * num, num, shared=shared)
    exact = CrossEntropy()(dense, hidden, target)
    expected = torch.autograd.grad(exact.sum(), dense.weight)[0]
    gradients = []
    for seed in range(400):
        loss = objective(dense, hidden, target, context=context, generator=generator(seed))
        torch.testing.assert_close(loss, exact)
        gradients.append(torch.autograd.grad(loss.sum(), dense.weight)[0])
    stacked = torch.stack(gradients)
    error = stacked.std(dim=0) / math.sqrt(len(gradients))
    assert ((stacked.mean(dim=0) - expected).abs() < 4.5 * error + 1e-9).all()
    assert error.max() > 0
    figures = objective.diagnose(dense, hidden, target, context=context)
    assert figures["ess_min"] == pytest.approx(num, rel=1e-6)


# --- the door ------------------------------------------------------------------------------------------------------


def test_bad_arguments_are_refused() -> None:
    noise = Uniform(V)
    with pytest.raises(InputError, match="use unique=False"):
        ImportanceSampling(Uniform(V, unique=True), 1, 5)
    for min_ess in (-1, math.nan, math.inf):
        with pytest.raises(InputError, match=f"min_ess is {min_ess}"):
            ImportanceSampling(noise, min_ess, 5)
    with pytest.raises(InputError, match="max_samples is 0"):
        ImportanceSampling(noise, 0, 0)
    with pytest.raises(InputError, match="block_size is 0"):
        ImportanceSampling(noise, 1, 5, block_size=0)
    with pytest.raises(InputError, match="min_ess is 6, which max_samples = 5 draws cannot reach"):
        ImportanceSampling(noise, 6, 5)
    with pytest.raises(InputError, match="ImportanceSampling cannot train Hierarchical"):
        Head(Hierarchical(D, huffman(COUNTS)), ImportanceSampling(noise, 1, 5))
    for objective in (ImportanceSampling(InBatch(COUNTS), 0, 5), NCE(InBatch(COUNTS), 5)):
        with pytest.raises(InputError, match="that of InBatch always contains it"):
            Head(Dense(D, V), objective)
