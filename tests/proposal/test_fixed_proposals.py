"""Draws follow their law, and say truly how often a word was to be expected."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_heads as reference
from chance import chi_square_p_value
from vastmax.errors import InputError
from vastmax.proposal import LogUniform, Proposal, Uniform, Unigram

COUNTS = [50, 0, 3, 8, 1, 20, 20, 2, 90, 4, 6]
V = len(COUNTS)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
RANK_OF_WORD = np.argsort(np.argsort(-np.array(COUNTS), kind="stable"))

MAKERS: dict[str, tuple[Callable[[bool], Proposal], np.ndarray]] = {
    "uniform": (lambda unique: Uniform(V, unique=unique), np.full(V, 1 / V)),
    "unigram": (lambda unique: Unigram(COUNTS, unique=unique), reference.unigram(COUNTS, 1.0)),
    "unigram-0.75": (lambda unique: Unigram(COUNTS, 0.75, unique=unique), reference.unigram(COUNTS, 0.75)),
    "unigram-negative": (lambda unique: Unigram(COUNTS, -0.5, unique=unique), reference.unigram(COUNTS, -0.5)),
    "log-uniform": (lambda unique: LogUniform(V, unique=unique), reference.log_uniform(V)),
    "log-uniform-ranked": (
        lambda unique: LogUniform(V, COUNTS, unique=unique),
        reference.log_uniform(V)[RANK_OF_WORD],
    ),
}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return request.param


def generator(device: str, seed: int = 11) -> torch.Generator:
    return torch.Generator(device=device).manual_seed(seed)


@pytest.mark.parametrize("name", MAKERS)
def test_log_prob_is_the_law(name: str, device: str) -> None:
    make, q = MAKERS[name]
    proposal = make(False).to(device)
    word_ids = torch.arange(V, device=device).view(1, V)
    np.testing.assert_allclose(proposal.log_prob(word_ids).exp().double().cpu().numpy()[0], q, rtol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("shared", [True, False])
def test_draws_with_replacement_follow_the_law(name: str, shared: bool, device: str) -> None:
    make, q = MAKERS[name]
    proposal = make(False).to(device)
    target = torch.randint(V, (200,), device=device)
    num = 200
    noise = proposal.draw(target, num * (200 if shared else 1), shared=shared, generator=generator(device))
    if shared:
        assert noise.position is None
        assert noise.multiplicity is not None
        times = torch.zeros(V, device=device).index_add(0, noise.word_ids, noise.multiplicity)
    else:
        assert noise.multiplicity is None
        assert noise.position is not None
        assert noise.position.shape == (200, num)
        times = noise.word_ids[noise.position].flatten().bincount(minlength=V)
    observed = times.double().cpu().numpy()
    assert observed.sum() == 40_000
    assert chi_square_p_value(observed, q * 40_000) > 1e-3
    assert all(a < b for a, b in pairwise(noise.word_ids.tolist()))


@pytest.mark.parametrize("name", MAKERS)
def test_expected_counts_with_replacement(name: str) -> None:
    make, q = MAKERS[name]
    target = torch.tensor([0, 3, 3, 10])
    noise = make(False).draw(target, 7)
    np.testing.assert_allclose(noise.log_expected_count.exp(), 7 * q[noise.word_ids.numpy()], rtol=1e-5)
    np.testing.assert_allclose(noise.target_log_expected_count.exp(), 7 * q[target.numpy()], rtol=1e-5)
    assert noise.num_samples == 7
    assert not noise.unique


@pytest.mark.parametrize(
    ("name", "num"), [*((name, num) for name in MAKERS for num in (1, 5)), ("unigram", 9), ("uniform", 9)]
)
def test_unique_draws_are_successive_draws(name: str, num: int, device: str) -> None:
    """Inclusion frequencies against enumeration, within standard errors: here all words are ranked."""
    make, q = MAKERS[name]
    proposal = make(True).to(device)
    inclusion = reference.successive_draws_inclusion(q, num) if num < 9 else _inclusion_by_race(q, num)
    _assert_inclusion(proposal, num, inclusion, device)


def test_unique_draws_from_many_words(device: str) -> None:
    """The same, where words are drawn one after the other and repeats thrown away."""
    counts, num = 1000 / np.arange(1, 101), 12
    proposal = Unigram(counts, unique=True).to(device)
    assert proposal.expected_tries(num) * 1.1 + 16 < 100
    _assert_inclusion(proposal, num, _inclusion_by_race(counts / counts.sum(), num), device)


def _assert_inclusion(proposal: Proposal, num: int, inclusion: np.ndarray, device: str) -> None:
    draws = 1500
    seen = np.zeros(len(inclusion))
    target = torch.zeros(1, dtype=torch.int64, device=device)
    source = generator(device)
    for _ in range(draws):
        noise = proposal.draw(target, num, generator=source)
        word_ids = noise.word_ids.tolist()
        assert len(word_ids) == num
        assert all(a < b for a, b in pairwise(word_ids))
        seen[word_ids] += 1
    error = np.sqrt(inclusion * (1 - inclusion) / draws)
    assert (np.abs(seen / draws - inclusion) < 4.5 * error + 1e-9).all()


def _inclusion_by_race(q: np.ndarray, num: int) -> np.ndarray:
    """The same by simulating exponential races in numpy, for sizes that cannot be enumerated."""
    rng = np.random.default_rng(5)
    arrival = rng.exponential(size=(50_000, len(q))) / q
    first = np.argpartition(arrival, num - 1, axis=1)[:, :num]
    return np.bincount(first.ravel(), minlength=len(q)) / len(arrival)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("num", [1, 4, 8])
def test_expected_counts_of_unique_draws(name: str, num: int) -> None:
    """1 − (1 − Q)^T with the T that makes them add up to K."""
    make, q = MAKERS[name]
    proposal = make(True)
    tries = proposal.expected_tries(num)
    expected = 1 - (1 - q) ** tries
    assert expected.sum() == pytest.approx(num, rel=1e-6)
    noise = proposal.draw(torch.arange(V), num)
    assert noise.unique
    np.testing.assert_allclose(noise.target_log_expected_count.exp(), expected, rtol=1e-5)
    np.testing.assert_allclose(noise.log_expected_count.exp(), expected[noise.word_ids.numpy()], rtol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("num", [V, V + 5])
def test_unique_draws_past_the_vocabulary_are_all_words(name: str, num: int) -> None:
    noise = MAKERS[name][0](True).draw(torch.tensor([2]), num)
    assert noise.word_ids.tolist() == list(range(V))
    assert noise.log_expected_count.eq(0).all()
    assert noise.target_log_expected_count.eq(0).all()
    assert noise.num_samples == V


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("name", MAKERS)
def test_a_generator_fixes_the_draws(name: str, unique: bool, device: str) -> None:
    proposal = MAKERS[name][0](unique).to(device)
    target = torch.tensor([1, 2], device=device)
    draws = [proposal.draw(target, 5, generator=generator(device, seed)).word_ids.tolist() for seed in (1, 1, 2, 3, 4)]
    assert draws[0] == draws[1]
    assert any(draws[0] != other for other in draws[2:])


@pytest.mark.parametrize("name", MAKERS)
def test_half_precision_spares_the_tables(name: str) -> None:
    make, q = MAKERS[name]
    proposal = make(False).to(torch.bfloat16)
    np.testing.assert_allclose(proposal.log_prob(torch.arange(V)).exp().double(), q, rtol=1e-5)


def test_large_vocabularies_reach_every_rank() -> None:
    """In float32 only every seventh rank above 5 million could be drawn, and seven times as often."""
    vocab_size = 10_000_000
    drawn = LogUniform(vocab_size).draw_ids(400_000, device=torch.device("cpu"), generator=generator("cpu"))
    high = drawn[drawn > 5_000_000]
    repeats = len(high) - len(torch.unique(high))
    assert repeats < 60  # about 30 are expected, 200 in float32
    assert int(drawn.max()) < vocab_size


def test_unique_tries_of_a_steep_law_are_finite() -> None:
    counts = np.exp(-np.arange(60.0))
    proposal = Unigram(counts, unique=True)
    for num in (2, 30, 59):
        noise = proposal.draw(torch.arange(60), num)
        assert len(noise.word_ids) == num
        assert noise.target_log_expected_count.isfinite().all()
        assert float(noise.target_log_expected_count.double().exp().sum()) == pytest.approx(num, rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any),
    num=st.integers(1, 60),
    power=st.sampled_from([0.0, 0.75, 1.0]),
    unique=st.booleans(),
    num_targets=st.integers(0, 5),
)
def test_any_draw_is_well_formed(counts: list[int], num: int, power: float, unique: bool, num_targets: int) -> None:
    target = torch.randint(len(counts), (num_targets,))
    noise = Unigram(counts, power, unique=unique).draw(target, num)
    assert ((noise.word_ids >= 0) & (noise.word_ids < len(counts))).all()
    assert all(a < b for a, b in pairwise(noise.word_ids.tolist()))
    assert noise.log_expected_count.isfinite().all()
    assert noise.target_log_expected_count.shape == (num_targets,)
    drawn = len(noise.word_ids) if noise.multiplicity is None else int(noise.multiplicity.sum())
    assert drawn == (min(num, len(counts)) if unique else num)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([3, -1, 2], r"counts\[1\] is -1; expected counts ≥ 0"),
        ([3, math.nan], r"counts\[1\] is nan; expected finite counts"),
        ([3, math.inf], r"counts\[1\] is inf"),
        ([0, 0, 0], "counts is zero for all 3 words"),
        ([], r"counts has shape \(0,\); expected one count per word"),
        ([[1, 2]], r"counts has shape \(1, 2\)"),
    ],
)
def test_bad_counts_are_refused(counts: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Unigram(counts)
    with pytest.raises(InputError, match=message):
        LogUniform(max(1, len(counts)), counts)


def test_other_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="power is inf"):
        Unigram(COUNTS, math.inf)
    with pytest.raises(InputError, match="some words could never be drawn"):
        Unigram([1, 10**6], 200)
    with pytest.raises(InputError, match="counts hold 11 words, but vocab_size is 5"):
        LogUniform(5, COUNTS)
    with pytest.raises(InputError, match="vocab_size is 0"):
        Uniform(0)
    with pytest.raises(InputError, match="unique draws are shared by the batch"):
        Uniform(5, unique=True).draw(torch.tensor([1]), 2, shared=False)


def test_counts_come_in_many_shapes() -> None:
    class Vocabulary:
        counts = np.array(COUNTS)

    expected = Unigram(COUNTS).log_prob(torch.arange(V))
    for counts in (np.array(COUNTS), torch.tensor(COUNTS), tuple(COUNTS), Vocabulary()):
        torch.testing.assert_close(Unigram(counts).log_prob(torch.arange(V)), expected)
