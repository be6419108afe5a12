"""N-gram proposals: draws follow the batch's mixture, its probabilities are true, λ finds what generated the text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import reference_heads as reference
from chance import chi_square_p_value
from vastmax.distribution.ngrams import NGrams
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import NCE, ImportanceSampling, NegativeSampling, SampledSoftmax
from vastmax.output import Dense
from vastmax.proposal import AdaptiveBigram, NGram
from vastmax.proposal.ngram import MixtureNoise

V = 9
SENTENCES = [[0, 1, 0, 2, 0, 1, 3, 4, 0, 1], [5, 0, 6, 0, 1, 0], [2, 2, 2, 7, 0, 1]]
COUNTS = [9, 6, 5, 1, 1, 1, 1, 1, 0]
UNIGRAM = reference.unigram(COUNTS, 1.0)
PREVIOUS = [0, 0, 1, 4, 8, -1, 2, 0]  # 8 was never seen, −1 is none
BEFORE = [5, 6, 0, 3, 0, 0, -1, 1]


def table(order: int) -> NGrams:
    ids = np.array([w for sentence in SENTENCES for w in sentence])
    return NGrams.from_ids(ids, np.cumsum([0, *map(len, SENTENCES)]), V, order)


def bigram() -> AdaptiveBigram:
    return AdaptiveBigram(COUNTS, table(2), weight=0.7)


def trigram() -> NGram:
    return NGram(COUNTS, [table(3), table(2)], [0.5, 0.3])


def context(device: str = "cpu") -> dict[str, Any]:
    return {
        "previous_word_id": torch.tensor(PREVIOUS, device=device),
        "second_previous_word_id": torch.tensor(BEFORE, device=device),
    }


def mean_law(*tables: tuple[int, float]) -> np.ndarray:
    """Q̄ of the batch, for (order, λ) of each table."""
    total = np.zeros(V)
    for previous, before in zip(PREVIOUS, BEFORE, strict=True):
        left = 1.0
        for order, weight in tables:
            history = (previous,) if order == 2 else (before, previous)
            law = reference.ngram_law(reference.ngram_counts(SENTENCES, V, order), history, V)
            if law is not None:
                total += weight * law
                left -= weight
        total += left * UNIGRAM
    return total / len(PREVIOUS)


CASES = {"bigram": (bigram, [(2, 0.7)]), "trigram": (trigram, [(3, 0.5), (2, 0.3)])}


@pytest.mark.parametrize("name", CASES)
def test_draws_follow_the_mean_law_and_say_so(name: str) -> None:
    make, tables = CASES[name]
    law = mean_law(*tables)
    proposal = make()
    target = torch.tensor([0, 1, 2, 3, 4, 5, 6, 8])
    num = 40_000
    noise = proposal.draw(target, num, context=context(), generator=torch.Generator().manual_seed(1))
    np.testing.assert_allclose(noise.target_log_expected_count.exp(), num * law[target], rtol=1e-5)
    np.testing.assert_allclose(noise.log_expected_count.exp(), num * law[noise.word_ids], rtol=1e-5)
    observed = np.zeros(V)
    observed[noise.word_ids] = noise.multiplicity
    assert observed.sum() == num
    assert chi_square_p_value(observed, law * num) > 1e-3
    again = proposal.draw(target, num, context=context(), generator=torch.Generator().manual_seed(1))
    assert again.word_ids.equal(noise.word_ids)
    assert again.multiplicity.equal(noise.multiplicity)
    empty = {key: value[:0] for key, value in context().items()}
    assert proposal.draw(target[:0], 5, context=empty).multiplicity.sum() == 5


def test_without_pairs_it_is_the_unigram_law() -> None:
    nothing = NGrams.from_ids(np.zeros(0, np.int64), [0], V)
    for proposal in (AdaptiveBigram(COUNTS, nothing), NGram(COUNTS, [nothing], [0.9])):
        noise = proposal.draw(torch.arange(8), 1000, context=context())
        np.testing.assert_allclose(noise.target_log_expected_count.exp(), 1000 * UNIGRAM[:8], rtol=1e-5)
        proposal.observe(noise, torch.full((8, len(noise.word_ids)), 1 / len(noise.word_ids)))


def test_log_prob_is_the_mean_over_contexts_by_count() -> None:
    counts = reference.ngram_counts(SENTENCES, V, 2)
    expected = np.zeros(V)
    for previous in range(V):
        law = reference.ngram_law(counts, (previous,), V)
        expected += UNIGRAM[previous] * (UNIGRAM if law is None else 0.7 * law + 0.3 * UNIGRAM)
    np.testing.assert_allclose(bigram().log_prob(torch.arange(V)).exp(), expected, rtol=1e-5)


# --- learning ------------------------------------------------------------------------------------------------------


def test_a_step_is_the_gradient_of_the_divergence() -> None:
    """Against −Σ_j weight_j·∂ log Q(w_j | prev)/∂a by autograd, the mean over each bin's examples."""
    proposal = AdaptiveBigram(COUNTS, table(2), weight=0.6, learning_rate=0.25)
    start = proposal.table("logit").clone()
    noise = proposal.draw(torch.arange(8), 30, context=context(), generator=torch.Generator().manual_seed(2))
    assert isinstance(noise, MixtureNoise)
    weight = torch.rand(8, len(noise.word_ids))
    weight /= weight.sum(dim=1, keepdim=True)
    logit = start.clone().requires_grad_()
    bins = np.floor(np.log2(np.maximum(COUNTS, 1))).astype(int)
    counts = reference.ngram_counts(SENTENCES, V, 2)
    unigram = torch.from_numpy(UNIGRAM)
    by_bin: dict[int, list[torch.Tensor]] = {}
    for i, previous in enumerate(PREVIOUS):
        law = None if previous < 0 else reference.ngram_law(counts, (previous,), V)
        if law is None:
            continue
        share = torch.sigmoid(logit[bins[previous]])
        log_q = (share * torch.from_numpy(law) + (1 - share) * unigram).log()[noise.word_ids]
        by_bin.setdefault(int(bins[previous]), []).append(-(weight[i] * log_q).sum())
    loss = torch.stack([torch.stack(terms).mean() for terms in by_bin.values()]).sum()
    loss.backward()
    proposal.observe(noise, weight)
    torch.testing.assert_close(proposal.table("logit"), start - 0.25 * logit.grad, rtol=1e-4, atol=1e-6)
    assert not torch.equal(proposal.table("logit"), start)


def test_lambda_of_a_known_mixture_is_recovered() -> None:
    """The model is λ*·bigram + (1 − λ*)·unigram, λ* by bin; what the proposal learns from weights alone is λ*."""
    vocab_size = 40
    rng = np.random.default_rng(0)
    counts = np.maximum(2000 // np.arange(1, vocab_size + 1), 1)
    unigram = counts / counts.sum()
    follows = rng.dirichlet(np.full(vocab_size, 0.1), size=vocab_size)
    ids = np.concatenate([np.stack([np.full(3000, p), rng.choice(vocab_size, 3000, p=follows[p])], 1).ravel()
                          for p in range(vocab_size)])  # fmt: skip
    pairs = NGrams.from_ids(ids, np.arange(0, len(ids) + 1, 2), vocab_size)
    proposal = AdaptiveBigram(counts, pairs, weight=0.5, learning_rate=0.5)
    bins = np.floor(np.log2(counts / counts.min())).astype(int)
    true_weight = np.linspace(0.15, 0.85, bins.max() + 1)
    counted = np.zeros((vocab_size, vocab_size))
    for row, previous in enumerate(pairs.contexts):
        span = slice(pairs.offsets[row], pairs.offsets[row + 1])
        counted[previous, pairs.word_ids[span]] = pairs.counts[span] / pairs.counts[span].sum()
    share = true_weight[bins][:, None]
    law = torch.from_numpy(share * counted + (1 - share) * unigram).float()
    layer = Dense(vocab_size, vocab_size, bias=False)
    with torch.no_grad():
        layer.weight.copy_(law.log().T)  # hidden is the previous word, one-hot: scores are its log-law
    head = Head(layer, ImportanceSampling(proposal, 0, 256))
    generator = torch.Generator().manual_seed(3)
    one_hot = torch.eye(vocab_size)
    learned = []
    for step in range(160):
        previous = torch.randint(vocab_size, (256,), generator=generator)
        target = torch.multinomial(law[previous], 1, generator=generator)[:, 0]
        head(one_hot[previous], target, context={"previous_word_id": previous}, generator=generator)
        if step >= 80:
            learned.append(proposal.bin_weights.clone())
    found = torch.stack(learned).mean(dim=0).numpy()
    seen = np.unique(bins)
    np.testing.assert_allclose(found[seen], true_weight[seen], atol=0.06)
    twin = AdaptiveBigram(counts, pairs)
    twin.load_state_dict(proposal.state_dict())
    torch.testing.assert_close(twin.bin_weights, proposal.bin_weights, rtol=0, atol=0)
    head.eval()
    before = proposal.bin_weights.clone()
    head(one_hot[previous], target)
    head.train()
    with torch.no_grad():
        head(one_hot[previous], target, context={"previous_word_id": previous})
    assert proposal.bin_weights.equal(before)


def test_lambda_keeps_away_from_the_ends() -> None:
    proposal = AdaptiveBigram(COUNTS, table(2), learning_rate=50.0)
    for sign in (1, 0):
        for _ in range(5):
            noise = proposal.draw(torch.arange(8), 50, context=context())
            weight = torch.zeros(8, len(noise.word_ids))
            weight[:, 0] = sign  # word 0 follows most words: all weight on it, or none at all
            proposal.observe(noise, weight)
        assert (proposal.bin_weights <= 0.9991).all()
        assert (proposal.bin_weights >= 0.0009).all()
    assert proposal.bin_weights.min() < 0.001


@pytest.mark.parametrize(
    "make", [lambda p: SampledSoftmax(p, 20), lambda p: NCE(p, 20), lambda p: NegativeSampling(p, 20)]
)
def test_other_objectives_take_it_too(make: Any) -> None:
    head = Head(Dense(4, V), make(bigram()))
    hidden, target = torch.randn(8, 4), torch.arange(8)
    loss = head(hidden, target, context=context())
    loss.backward()
    assert loss.isfinite()
    assert head.output.weight.grad.is_sparse
    assert head.log_prob(hidden).exp().sum(dim=1).allclose(torch.ones(8))


# --- the door ------------------------------------------------------------------------------------------------------


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="the n-grams have 9 words, the counts 3"):
        AdaptiveBigram([3, 2, 1], table(2))
    with pytest.raises(InputError, match="needs pairs, but the table has order 3"):
        AdaptiveBigram(COUNTS, table(3))
    for weight in (0.0, 1.0, math.nan):
        with pytest.raises(InputError, match=f"weight is {weight}"):
            AdaptiveBigram(COUNTS, table(2), weight=weight)
    with pytest.raises(InputError, match="learning_rate is -1"):
        AdaptiveBigram(COUNTS, table(2), learning_rate=-1)
    for weights in ([0.5], [0.6, 0.4], [0.5, -0.1], [math.nan, 0.1]):
        with pytest.raises(InputError, match="expected one for each of the 2 tables"):
            NGram(COUNTS, [table(3), table(2)], weights)
    head = Head(Dense(4, V), ImportanceSampling(bigram(), 0, 20))
    hidden, target = torch.randn(8, 4), torch.arange(8)
    with pytest.raises(InputError, match=r"needs \['previous_word_id'\]"):
        head(hidden, target)
    for wrong, message in [
        (torch.tensor([V] * 8), rf"ranges from {V} to {V}; expected word ids in \[0, {V}\)"),
        (torch.tensor([-2] * 8), "ranges from -2 to -2"),
        (torch.arange(7), r"is \(7,\); expected one word id per example"),
        (torch.zeros(8), "expected one word id per example"),
        ([1] * 8, "is list; expected one word id"),
    ]:
        with pytest.raises(InputError, match=message):
            head(hidden, target, context={"previous_word_id": wrong})
    with pytest.raises(InputError, match="AdaptiveBigram draws noise for the whole batch: use NCE with shared=True"):
        Head(Dense(4, V), NCE(bigram(), 20, shared=False))
    with pytest.raises(InputError, match="use shared=True"):
        bigram().draw(target, 5, shared=False, context=context())
