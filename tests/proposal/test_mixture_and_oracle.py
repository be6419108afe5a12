"""Mixtures count what all their parts expect; the oracle draws from the model itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import reference_heads as reference
from chance import chi_square_p_value
from vastmax.distribution.ngrams import NGrams
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import NegativeSampling, SampledSoftmax
from vastmax.output import Dense
from vastmax.proposal import AdaptiveBigram, InBatch, Mixture, Oracle, Uniform, Unigram

COUNTS = [50, 20, 10, 5, 3, 2]
V = len(COUNTS)
Q = 0.75 * reference.unigram(COUNTS, 1.0) + 0.25 / V


def mixture() -> Mixture:
    return Mixture([Unigram(COUNTS), Uniform(V)], weights=[3, 1])


@pytest.mark.parametrize("shared", [True, False])
def test_a_mixture_draws_its_law_and_says_so(shared: bool) -> None:
    target = torch.randint(V, (10,))
    num = 40_000 if shared else 4000
    noise = mixture().draw(target, num, shared=shared, generator=torch.Generator().manual_seed(1))
    np.testing.assert_allclose(noise.target_log_expected_count.exp(), num * Q[target], rtol=1e-5)
    np.testing.assert_allclose(noise.log_expected_count.exp(), num * Q[noise.word_ids], rtol=1e-5)
    observed = np.zeros(V)
    if shared:
        observed[noise.word_ids] = noise.multiplicity
    else:
        assert noise.position.shape == (10, num)
        observed += np.bincount(noise.word_ids[noise.position].flatten(), minlength=V)
    assert observed.sum() == 40_000
    assert noise.num_samples == num
    # Each part draws a fixed number, so the counts vary less than χ² has it: they cannot be too far off.
    assert chi_square_p_value(observed, Q * 40_000) > 1e-3
    np.testing.assert_allclose(mixture().log_prob(torch.arange(V)).exp(), Q, rtol=1e-5)


@pytest.mark.parametrize("num", [1, 2, 3, 7])
def test_shares_are_whole_numbers_that_add_up(num: int) -> None:
    parts = Mixture([Uniform(V), Unigram(COUNTS), Uniform(V)], weights=[1, 1, 1])
    noise = parts.draw(torch.tensor([0]), num)
    assert noise.multiplicity.sum() == num == noise.num_samples
    assert noise.log_expected_count.exp().sum() <= num + 1e-4


def test_a_part_that_sizes_itself_brings_all_it_has() -> None:
    both = Mixture([InBatch(COUNTS), Uniform(V)], weights=[5, 1])
    target = torch.tensor([0, 0, 3, 1])
    noise = both.draw(target, 8, generator=torch.Generator().manual_seed(0))
    assert noise.multiplicity.sum() == 4 + 8
    expected = 3 * reference.unigram(COUNTS, 1.0) + 8 / V
    np.testing.assert_allclose(noise.target_log_expected_count.exp(), expected[target], rtol=1e-5)
    assert both.holds_target
    assert not both.sizes_itself
    assert Mixture([InBatch(COUNTS)]).sizes_itself
    assert not both.has_log_prob
    with pytest.raises(InputError, match=r"InBatch determines its number of words .* such as Unigram"):
        both.log_prob(target)
    with pytest.raises(
        InputError, match=r"Mixture has probabilities only within a step: .* all of them in one mixture"
    ):
        Mixture([both, Uniform(V)])


def test_a_mixture_trains_and_corrects() -> None:
    head = Head(Dense(4, V), NegativeSampling(mixture(), 30))
    hidden, target = torch.randn(5, 4), torch.randint(V, (5,))
    head(hidden, target).backward()
    with torch.no_grad():
        head.output.bias.zero_()
        head.output.weight.zero_()
    np.testing.assert_allclose(head.log_prob(hidden).exp()[0].detach(), Q, rtol=1e-5)


def test_bad_mixtures_are_refused() -> None:
    pairs = NGrams.from_ids([0, 1], [0, 2], V)
    for proposals, weights, message in [
        ([], None, "there are 0 proposals"),
        ([Uniform(V)], [1, 2], "1 proposals and 2 weights"),
        ([Uniform(V)], [0], "expected finite numbers above 0"),
        ([Uniform(V)], [math.nan], "expected finite numbers above 0"),
        ([Uniform(V, unique=True)], None, "Uniform draws unique words"),
        ([AdaptiveBigram(COUNTS, pairs)], None, r"AdaptiveBigram depends on \['previous_word_id'\]"),
        ([Uniform(V), Uniform(5)], None, "expected the same vocabulary"),
    ]:
        with pytest.raises(InputError, match=message):
            Mixture(proposals, weights)


@pytest.mark.parametrize("shared", [True, False])
def test_the_oracle_draws_from_the_model(shared: bool) -> None:
    torch.manual_seed(0)
    layer = Dense(4, V, dtype=torch.float64)
    torch.nn.init.normal_(layer.weight)
    hidden, target = torch.randn(3, 4, dtype=torch.float64), torch.tensor([0, 3, 5])
    p = layer.log_prob(hidden).exp().detach().numpy()
    oracle = Oracle(layer)
    num = 20_000
    noise = oracle.draw(target, num, shared=shared, context={"hidden": hidden})
    if shared:
        law = p.mean(axis=0)
        observed = np.zeros(V)
        observed[noise.word_ids] = noise.multiplicity
        assert chi_square_p_value(observed, law * num) > 1e-3
        np.testing.assert_allclose(noise.log_expected_count.exp(), num * law[noise.word_ids])
        np.testing.assert_allclose(noise.target_log_expected_count.exp(), num * law[target])
    else:
        drawn = noise.word_ids[noise.position]
        for i in range(3):
            assert chi_square_p_value(np.bincount(drawn[i], minlength=V), p[i] * num) > 1e-3
            np.testing.assert_allclose(noise.log_expected_count[i].exp(), num * p[i][drawn[i]])
            assert noise.target_log_expected_count[i].exp().item() == pytest.approx(num * p[i, target[i]])
    assert list(oracle.parameters()) == []
    assert oracle.state_dict() == {}


def test_the_oracle_wants_the_hidden_vectors() -> None:
    layer = Dense(4, V)
    head = Head(layer, SampledSoftmax(Oracle(layer), 5))
    hidden, target = torch.randn(3, 4), torch.tensor([0, -100, 2])
    with pytest.raises(InputError, match=r"needs \['hidden'\]"):
        head(hidden, target)
    with pytest.raises(InputError, match="targets may be neither ignored nor several"):
        head(hidden, target, context={"hidden": hidden})


def test_a_law_that_is_known_in_a_step_only_is_no_law_to_correct_by() -> None:
    """Said when the head is built, not after training, when likelihoods are asked for."""
    layer = Dense(4, V)
    with pytest.raises(InputError, match=r"log Q, which Oracle has only within a step: use NCE or SampledSoftmax"):
        Head(layer, NegativeSampling(Oracle(layer), 5))
    with pytest.raises(InputError, match=r"Oracle has probabilities only within a step.* such as Unigram"):
        Oracle(layer).log_prob(torch.tensor([0]))
