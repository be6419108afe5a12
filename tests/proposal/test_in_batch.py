"""In-batch noise: the others' targets, their law given or estimated, and no loss that is biased by it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import reference_heads as reference
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import CrossEntropy, SampledSoftmax
from vastmax.output import Dense
from vastmax.proposal import InBatch, Mixture, Uniform

D, V = 4, 8
F64 = torch.float64
COUNTS = [30, 20, 15, 10, 10, 8, 5, 2]
Q = reference.unigram(COUNTS, 1.0)
TARGET = [0, 3, 3, 0, 7, 1]


def layer_and_batch() -> tuple[Dense, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    dense = Dense(D, V, dtype=F64, sparse_gradients=False)
    torch.nn.init.normal_(dense.weight)
    return dense, torch.randn(len(TARGET), D, dtype=F64, requires_grad=True), torch.tensor(TARGET)


@pytest.mark.parametrize("hits", ["mask", "keep"])
def test_loss_is_that_of_the_batch_matrix(hits: str) -> None:
    """Written out as recommenders do: the (N, N) scores of each example with each target, corrected by log Q."""
    dense, hidden, target = layer_and_batch()
    loss = SampledSoftmax(InBatch(COUNTS), accidental_hits=hits)(dense, hidden, target)
    scores = (hidden @ dense.weight.T + dense.bias).detach().numpy()
    others = len(TARGET) - 1
    expected = []
    for i, t in enumerate(TARGET):
        terms = []
        for j, w in enumerate(TARGET):
            if j != i and (w != t or hits == "keep"):
                terms.append(math.exp(scores[i, w]) / (others * Q[w]))
        own = math.exp(scores[i, t]) / (others * Q[t] if hits == "keep" else 1)
        expected.append(math.log(own + math.fsum(terms)) - math.log(own))
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-6)


@pytest.mark.parametrize("hits", ["mask", "keep"])
def test_gradcheck(hits: str) -> None:
    dense, hidden, target = layer_and_batch()
    objective = SampledSoftmax(InBatch(COUNTS), accidental_hits=hits)
    assert torch.autograd.gradcheck(
        lambda hidden, *_: objective(dense, hidden, target), (hidden, dense.weight, dense.bias)
    )


@pytest.mark.parametrize("hits", ["mask", "keep"])
def test_the_gradient_tends_to_the_exact_one_as_batches_grow(hits: str) -> None:
    """The first example's, among others whose targets are drawn from Q: the squared error falls as 1/N."""
    dense, hidden, target = layer_and_batch()
    first = hidden.detach()[:1]
    exact = torch.autograd.grad(CrossEntropy()(dense, first, target[:1]).sum(), dense.weight)[0]
    objective = SampledSoftmax(InBatch(COUNTS), accidental_hits=hits)
    rng = np.random.default_rng(1)
    errors = []
    for size in (400, 3200):
        squared = []
        for _ in range(40):
            others = torch.from_numpy(rng.choice(V, size=size, p=Q))
            batch = torch.cat([target[:1], others])
            loss = objective(dense, first.expand(size + 1, -1), batch)[0]
            squared.append((torch.autograd.grad(loss, dense.weight)[0] - exact).square().sum().item())
        errors.append(np.mean(squared))
    assert 4 < errors[0] / errors[1] < 16


def test_frequencies_are_estimated_from_the_stream() -> None:
    """Words of probability 0.3 to 0.02, and batches so large that the frequent ones come several times in each."""
    noise = InBatch(vocab_size=V, rate=0.002)
    uniform = torch.full((V,), -math.log(V))
    torch.testing.assert_close(noise.log_prob(torch.arange(V)), uniform)
    rng = np.random.default_rng(0)
    for _ in range(1500):
        noise.draw(torch.from_numpy(rng.choice(V, size=16, p=Q)))
    np.testing.assert_allclose(noise.log_prob(torch.arange(V)).exp(), Q, rtol=0.15)
    twin = InBatch(vocab_size=V)
    twin.load_state_dict(noise.state_dict())
    torch.testing.assert_close(twin.log_prob(torch.arange(V)), noise.log_prob(torch.arange(V)))
    before = noise.log_prob(torch.arange(V))
    noise.eval()
    noise.draw(torch.zeros(50, dtype=torch.int64))
    torch.testing.assert_close(noise.log_prob(torch.arange(V)), before)
    noise.train()
    noise.rate = 0.02
    for _ in range(600):  # the law changes, and the estimate follows
        noise.draw(torch.from_numpy(rng.choice(V, size=16, p=Q[::-1])))
    np.testing.assert_allclose(noise.log_prob(torch.arange(V)).exp(), Q[::-1], rtol=0.4)


def test_estimates_survive_half_precision() -> None:
    noise = InBatch(vocab_size=V)
    noise.draw(torch.tensor(TARGET))
    before = noise.log_prob(torch.arange(V))
    torch.testing.assert_close(noise.half().log_prob(torch.arange(V)), before, rtol=0, atol=0)


def test_one_example_has_no_noise() -> None:
    dense, hidden, target = layer_and_batch()
    for hits in ("mask", "keep"):
        loss = SampledSoftmax(InBatch(COUNTS), accidental_hits=hits)(dense, hidden[:1], target[:1])
        torch.testing.assert_close(loss, torch.zeros(1, dtype=F64))
        assert SampledSoftmax(InBatch(COUNTS), accidental_hits=hits)(dense, hidden[:0], target[:0]).shape == (0,)


def test_mixed_with_uniform_noise() -> None:
    """Masked, Σ_w m_w e^s/E[count] over both sources estimates Z − e^{s(t)} without bias."""
    dense, hidden, target = layer_and_batch()
    first = hidden.detach()[:1]
    mixture = Mixture([InBatch(COUNTS), Uniform(V)])
    head = Head(dense, SampledSoftmax(mixture, 4, accidental_hits="mask"))
    score, log_z = (part.item() for part in dense.exact(first, target[:1]))
    rng = np.random.default_rng(2)
    estimates = []
    for _ in range(500):
        batch = torch.cat([target[:1], torch.from_numpy(rng.choice(V, size=6, p=Q))])
        loss = head(first.expand(7, -1), batch, reduction="none")[0].item()
        estimates.append(math.exp(loss + score) - math.exp(score))
    error = np.std(estimates) / math.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(math.exp(log_z) - math.exp(score), abs=4 * error)


def test_bad_arguments_are_refused() -> None:
    for arguments in ({}, {"counts": COUNTS, "vocab_size": V}):
        with pytest.raises(InputError, match="needs either counts, or vocab_size"):
            InBatch(**arguments)
    with pytest.raises(InputError, match=r"counts\[1\] is -1"):
        InBatch([3, -1])
    with pytest.raises(InputError, match="vocab_size is 0"):
        InBatch(vocab_size=0)
    for rate in (0.0, 1.5):
        with pytest.raises(InputError, match=f"rate is {rate}"):
            InBatch(vocab_size=V, rate=rate)
    with pytest.raises(InputError, match="SampledSoftmax with Uniform needs num_samples"):
        SampledSoftmax(Uniform(V))
