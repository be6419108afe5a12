"""The objectives against slow references, their limits, and the statistics the literature promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import reference_heads as reference
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import NCE, CrossEntropy, NegativeSampling, Objective, SampledSoftmax, SelfNormalised
from vastmax.output import Dense
from vastmax.proposal import LogUniform, Noise, Proposal, Uniform, Unigram

F64 = torch.float64
N, D, V = 6, 4, 12
COUNTS = [90, 50, 20, 20, 8, 6, 4, 3, 2, 2, 1, 1]
Q = torch.from_numpy(reference.unigram(COUNTS, 1.0))
DRAWN = [0, 0, 0, 1, 2, 2, 5, 9, 11, 1]
TARGET = [0, 5, 3, 0, 11, 7]


class Scripted(Proposal):
    """Gives the noise it is told to, so that a loss can be computed twice."""

    def __init__(self, drawn: list[Any], log_expected: Tensor, *, unique: bool = False) -> None:
        super().__init__()
        self.vocab_size = V
        self.drawn, self.log_expected, self.unique = drawn, log_expected, unique

    def draw(self, target: Tensor, num_samples: int, *, shared: bool = True, **_: Any) -> Noise:
        drawn = torch.tensor(self.drawn)
        word_ids, position, times = torch.unique(drawn, return_inverse=True, return_counts=True)
        return Noise(
            word_ids=word_ids,
            log_expected_count=self.log_expected[word_ids],
            target_log_expected_count=self.log_expected[target],
            num_samples=drawn.shape[-1],
            unique=self.unique,
            multiplicity=times.double() if shared and not self.unique else None,
            position=None if shared else position,
        )


class Mean(Proposal):
    """The noise an infinite number of repetitions would give on average: K·Q of every word."""

    def __init__(self, q: Tensor) -> None:
        super().__init__()
        self.vocab_size, self.q = len(q), q

    def draw(self, target: Tensor, num_samples: int, **_: Any) -> Noise:
        expected = num_samples * self.q
        word_ids = torch.arange(len(self.q))
        return Noise(word_ids, expected.log(), expected.log()[target], num_samples, False, multiplicity=expected)


def layer(*, sparse: bool = True) -> Dense:
    torch.manual_seed(4)
    dense = Dense(D, V, dtype=F64, sparse_gradients=sparse)
    nn.init.normal_(dense.weight)
    nn.init.normal_(dense.bias)
    return dense


def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    return torch.randn(N, D, dtype=F64, requires_grad=True), torch.tensor(TARGET)


def scores_of(dense: Dense, hidden: Tensor) -> np.ndarray:
    return (hidden @ dense.weight.T + dense.bias).detach().numpy()


def log_counts(num: int) -> Tensor:
    return (num * Q).log()


PER_EXAMPLE = [[0, 3, 3], [5, 5, 5], [1, 2, 3], [0, 0, 1], [11, 2, 4], [6, 7, 8]]
UNIQUE = sorted(set(DRAWN))


# --- equal to the references ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hits", ["keep", "mask", "unique"])
def test_sampled_softmax(hits: str) -> None:
    dense, (hidden, target) = layer(), batch()
    unique = hits == "unique"
    drawn = UNIQUE if unique else DRAWN
    proposal = Scripted(drawn, log_counts(10), unique=unique)
    loss = SampledSoftmax(proposal, 10, accidental_hits="keep" if unique else hits)(dense, hidden, target)
    expected = reference.sampled_softmax(scores_of(dense, hidden), TARGET, drawn, log_counts(10).numpy(), hits)
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-12)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("normaliser", ["zero", "number", "scalar", "linear"])
def test_nce(shared: bool, normaliser: str) -> None:
    dense, (hidden, target) = layer(), batch()
    drawn = DRAWN if shared else PER_EXAMPLE
    choice = {"zero": 0.0, "number": 1.5}.get(normaliser, normaliser)
    objective = NCE(Scripted(drawn, log_counts(10)), 10, choice, hidden_size=D, shared=shared).double()
    c = np.full(N, {"number": 1.5}.get(normaliser, 0.0))
    if objective.log_normaliser is not None:
        assert objective.log_normaliser(hidden).eq(0).all()  # where it starts
        with torch.no_grad():
            for parameter in objective.log_normaliser.parameters():
                parameter.copy_(torch.randn_like(parameter))
        c = objective.log_normaliser(hidden).detach().numpy()
        assert len(set(c)) == (1 if normaliser == "scalar" else N)
    loss = objective(dense, hidden, target)
    noise = [DRAWN] * N if shared else PER_EXAMPLE
    expected = reference.nce(scores_of(dense, hidden), TARGET, noise, log_counts(10).numpy(), c)
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-12)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("exclude", ["none", "target", "window"])
def test_negative_sampling(shared: bool, exclude: str) -> None:
    dense, (hidden, target) = layer(), batch()
    window = [[0, 2], [5, 9], [1, -1], [-1, -1], [11, 11], [3, 4]]
    objective = NegativeSampling(
        Scripted(DRAWN if shared else PER_EXAMPLE, log_counts(10)), 10, exclude=exclude, shared=shared
    )
    loss = objective(dense, hidden, target, context={"window_word_ids": torch.tensor(window)})
    excluded = {"none": [[]] * N, "target": [[t] for t in TARGET], "window": window}[exclude]
    noise = [DRAWN] * N if shared else PER_EXAMPLE
    expected = reference.negative_sampling(scores_of(dense, hidden), TARGET, noise, excluded)
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-12)
    assert ("window_word_ids" in objective.needs) == (exclude == "window")


@pytest.mark.parametrize("penalty", ["likelihood", "squared", "log"])
def test_self_normalised(penalty: str) -> None:
    dense, (hidden, target) = layer(), batch()
    loss = SelfNormalised(0.3, penalty=penalty)(dense, hidden, target)
    expected = reference.self_normalised(scores_of(dense, hidden), TARGET, 0.3, penalty)
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("weighted", [True, False])
def test_cross_entropy(smoothing: float, weighted: bool) -> None:
    dense, (hidden, target) = layer(), batch()
    weight = torch.rand(V, dtype=F64) if weighted else None
    loss = CrossEntropy(weight=weight, label_smoothing=smoothing)(dense, hidden, target)
    expected = reference.cross_entropy(
        scores_of(dense, hidden), TARGET, None if weight is None else weight.numpy(), smoothing
    )
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-12)


# --- gradients -----------------------------------------------------------------------------------------------------

OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "cross-entropy": CrossEntropy,
    "sampled-unique": lambda: SampledSoftmax(Scripted(UNIQUE, log_counts(10), unique=True), 10),
    "sampled-keep": lambda: SampledSoftmax(Scripted(DRAWN, log_counts(10)), 10),
    "sampled-mask": lambda: SampledSoftmax(Scripted(DRAWN, log_counts(10)), 10, accidental_hits="mask"),
    "nce": lambda: NCE(Scripted(DRAWN, log_counts(10)), 10),
    "nce-linear": lambda: NCE(Scripted(DRAWN, log_counts(10)), 10, "linear", hidden_size=D).double(),
    "nce-per-example": lambda: NCE(Scripted(PER_EXAMPLE, log_counts(10)), 3, 2.0, shared=False),
    "negative-sampling": lambda: NegativeSampling(Scripted(DRAWN, log_counts(10)), 10, exclude="target"),
    "negative-per-example": lambda: NegativeSampling(
        Scripted(PER_EXAMPLE, log_counts(10)), 3, exclude="target", shared=False
    ),
    "self-normalised": SelfNormalised,
    "self-normalised-squared": lambda: SelfNormalised(penalty="squared"),
    "infrequent": lambda: SelfNormalised(fraction=0.4),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradcheck_of_the_dense_twin(name: str) -> None:
    dense, (hidden, target), objective = layer(sparse=False), batch(), OBJECTIVES[name]()
    own = list(objective.parameters())

    def losses(hidden: Tensor, *_: Tensor) -> Tensor:
        return objective(dense, hidden, target, generator=torch.Generator().manual_seed(1))

    assert torch.autograd.gradcheck(losses, (hidden, dense.weight, dense.bias, *own))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_sparse_gradient_is_the_dense_one_on_the_rows_in_play(name: str) -> None:
    gradients = []
    for sparse in (True, False):
        dense, (hidden, target), objective = layer(sparse=sparse), batch(), OBJECTIVES[name]()
        upstream = torch.linspace(-1, 1, N, dtype=F64)
        (objective(dense, hidden, target, generator=torch.Generator().manual_seed(1)) @ upstream).backward()
        if objective.sampled:
            assert dense.weight.grad.is_sparse == dense.bias.grad.is_sparse == sparse
        if objective.sampled and sparse:
            drawn = objective.proposal.drawn
            in_play = sorted({*TARGET, *(np.array(drawn).flatten().tolist())})
            assert dense.weight.grad._indices()[0].tolist() == in_play
            assert dense.bias.grad._indices()[0].tolist() == in_play
        gradients.append([hidden.grad, dense.weight.grad.to_dense(), dense.bias.grad.to_dense()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_kept_graph_can_be_used_twice(name: str) -> None:
    """The buffer of a step is overwritten by its backward pass, except where another one may follow."""
    dense, (hidden, target), objective = layer(sparse=False), batch(), OBJECTIVES[name]()
    loss = objective(dense, hidden, target, generator=torch.Generator().manual_seed(1)).sum()
    inputs = [hidden, dense.weight, dense.bias]
    first = torch.autograd.grad(loss, inputs, retain_graph=True)
    second = torch.autograd.grad(loss, inputs, retain_graph=True)
    last = torch.autograd.grad(loss, inputs)
    for a, b, c in zip(first, second, last, strict=True):
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(a, c)


# --- identities and limits -----------------------------------------------------------------------------------------


def loss_and_gradients(objective: Objective, dense: Dense, seed: int = 1) -> list[Tensor]:
    hidden, target = batch()
    loss = objective(dense, hidden, target, generator=torch.Generator().manual_seed(seed))
    return [loss.detach(), *(g.to_dense() for g in torch.autograd.grad(loss.sum(), [hidden, *dense.parameters()]))]


@pytest.mark.parametrize("num", [V, V + 1, 100])
def test_unique_noise_that_covers_the_vocabulary_is_exact(num: int) -> None:
    dense = layer()
    exact = loss_and_gradients(CrossEntropy(), dense)
    for proposal in (Unigram(COUNTS, unique=True), LogUniform(V, unique=True), Uniform(V, unique=True)):
        for mine, theirs in zip(loss_and_gradients(SampledSoftmax(proposal, num), dense), exact, strict=True):
            torch.testing.assert_close(mine, theirs)


def test_negative_sampling_is_nce_where_k_times_q_is_one() -> None:
    dense = layer()
    for shared in (True, False):
        as_nce = loss_and_gradients(NCE(Uniform(V), V, shared=shared), dense)
        as_negatives = loss_and_gradients(NegativeSampling(Uniform(V), V, shared=shared), dense)
        for mine, theirs in zip(as_negatives, as_nce, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)  # log Q is float32


def test_devlin_is_the_whole_fraction() -> None:
    dense = layer()
    hidden, target = batch()
    target_score, log_normaliser = dense.exact(hidden, target)
    devlin = -target_score + log_normaliser + 0.1 * log_normaliser**2
    torch.testing.assert_close(SelfNormalised(0.1, fraction=1.0)(dense, hidden, target), devlin)


@pytest.mark.parametrize(("penalty", "log_z"), [("likelihood", 0.0), ("squared", 1 / (2 * 0.1))])
def test_optimum_of_the_penalties(penalty: str, log_z: float) -> None:
    """With s = log p + log Z and targets in proportion to p, no score wants to move."""
    p = torch.softmax(torch.randn(V, dtype=F64), 0)
    dense = Dense(1, V, dtype=F64)
    with torch.no_grad():
        dense.weight.zero_()
        dense.bias.copy_(p.log() + log_z)
    loss = SelfNormalised(0.1, penalty=penalty)(dense, torch.zeros(V, 1, dtype=F64), torch.arange(V))
    (gradient,) = torch.autograd.grad(loss @ p, dense.bias)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))
    assert dense.bias.logsumexp(0).item() == pytest.approx(log_z)


def test_optimum_of_negative_sampling() -> None:
    """e^s = p/(K·Q), so that softmax(s + log Q), which the head uses, is p."""
    p, num = torch.softmax(torch.randn(V, dtype=F64), 0), 7
    dense = Dense(1, V, dtype=F64)
    with torch.no_grad():
        dense.weight.zero_()
        dense.bias.copy_(p.log() - log_counts(num))
    loss = NegativeSampling(Mean(Q), num)(dense, torch.zeros(V, 1, dtype=F64), torch.arange(V))
    (gradient,) = torch.autograd.grad(loss @ p, dense.bias)
    torch.testing.assert_close(gradient.to_dense(), torch.zeros(V, dtype=F64))
    for unique in (False, True):
        objective = NegativeSampling(Unigram(COUNTS, unique=unique), num)
        expected_count = Unigram(COUNTS, unique=unique).log_expected_count(torch.arange(V), num).double()
        trained = p.log() - expected_count
        corrected = torch.softmax(trained + objective.score_correction(torch.arange(V)), 0)
        torch.testing.assert_close(corrected, p, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("normaliser", ["zero", "log Z"])
def test_gradient_of_nce_with_endless_noise(normaliser: str) -> None:
    """−∇s(t) + Σ_w e^{s(w) − c} ∇s(w), which is that of cross-entropy where c = log Z and only there."""
    torch.manual_seed(3)
    dense, (hidden, target) = layer(sparse=False), batch()
    hidden, target = hidden[:1], target[:1]
    log_z = dense.exact(hidden, target)[1].item()
    c = 0.0 if normaliser == "zero" else log_z
    nce = NCE(Mean(Q), 2**24, c)  # the most that may be asked for
    (gradient,) = torch.autograd.grad(nce(dense, hidden, target).sum(), dense.bias)
    scores = (hidden @ dense.weight.T + dense.bias).detach()[0]
    limit = (scores - c).exp() - nn.functional.one_hot(target[0], V)
    torch.testing.assert_close(gradient, limit, rtol=1e-4, atol=1e-5)  # off by e^(s − c)/(K·Q)
    (exact,) = torch.autograd.grad(CrossEntropy()(dense, hidden, target).sum(), dense.bias)
    assert torch.allclose(gradient, exact, atol=1e-5) == (normaliser == "log Z")


# --- statistics ----------------------------------------------------------------------------------------------------

CONSISTENT: dict[str, Callable[[int], Objective]] = {
    "unique": lambda num: SampledSoftmax(Unigram(COUNTS * 20, unique=True), num),
    "keep": lambda num: SampledSoftmax(Unigram(COUNTS * 20), num),
    "mask": lambda num: SampledSoftmax(Unigram(COUNTS * 20), num, accidental_hits="mask"),
}


@pytest.mark.parametrize("name", CONSISTENT)
def test_sampled_gradients_tend_to_the_exact_one(name: str) -> None:
    """The squared error of one draw's gradient falls as 1/K (faster for unique draws, which run out of words)."""
    torch.manual_seed(8)
    vocab_size = len(COUNTS) * 20
    dense = Dense(D, vocab_size, dtype=F64, sparse_gradients=False)
    hidden, target = torch.randn(4, D, dtype=F64), torch.tensor([0, 7, 13, 200])

    def gradient(objective: Objective, seed: int) -> Tensor:
        loss = objective(dense, hidden, target, generator=torch.Generator().manual_seed(seed)).sum()
        return torch.autograd.grad(loss, dense.weight)[0]

    exact = gradient(CrossEntropy(), 0)
    errors = []
    sizes = (15, 60, 220) if name == "unique" else (60, 240, 960)
    for num in sizes:
        objective = CONSISTENT[name](num)
        squared = [(gradient(objective, seed) - exact).square().sum().item() for seed in range(80)]
        errors.append(np.mean(squared) / exact.square().sum().item())
    ratios = [a / b for a, b in pairwise(errors)]
    if name == "unique":
        assert ratios[0] > 3
        assert ratios[1] > 8
    else:
        assert all(3 < ratio < 5.5 for ratio in ratios)
        assert errors[-1] < 0.05


def test_infrequent_normalisation_is_right_on_average() -> None:
    dense, (hidden, target) = layer(), batch()
    full = SelfNormalised()(dense, hidden, target)
    seen = []
    for fraction, chosen in [(0.5, 3), (0.34, 2), (1e-6, 1)]:
        objective = SelfNormalised(fraction=fraction)
        losses = torch.stack(
            [objective(dense, hidden, target, generator=torch.Generator().manual_seed(i)) for i in range(600)]
        ).detach()
        paid = (losses - (-dense.exact(hidden, target)[0].detach())).ne(0)
        assert paid.sum(dim=1).eq(chosen).all()
        error = losses.mean(1).std() / math.sqrt(600)
        assert abs(losses.mean() - full.mean()) < 4 * error
        seen.append(error)
    assert seen[0] < seen[2]


# --- corners -------------------------------------------------------------------------------------------------------


def test_noise_that_is_all_target() -> None:
    """Nothing but accidental hits: masked, the loss is 0 and so is the gradient; kept, it is not."""
    dense = layer()
    hidden, target = torch.randn(2, D, dtype=F64, requires_grad=True), torch.tensor([3, 3])
    only = SampledSoftmax(Scripted([3, 3, 3], log_counts(3)), 3, accidental_hits="mask")
    loss = only(dense, hidden, target)
    assert loss.eq(0).all()
    (gradient,) = torch.autograd.grad(loss.sum(), hidden)
    assert gradient.eq(0).all()
    kept = SampledSoftmax(Scripted([3, 3, 3], log_counts(3)), 3)(dense, hidden, target)
    torch.testing.assert_close(kept, torch.full((2,), math.log(4), dtype=F64))
    words = NegativeSampling(Scripted([3, 3, 3], log_counts(3)), 3, exclude="target")(dense, hidden, target)
    torch.testing.assert_close(words, nn.functional.softplus(-dense.exact(hidden, target)[0]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_accidental_hits_in_half_precision(dtype: torch.dtype) -> None:
    """Masked by −∞, not by a constant that half precision could not hold."""
    dense = layer().float()
    hidden, target = torch.randn(3, D, requires_grad=True), torch.tensor([0, 0, 2])
    proposal = Scripted(DRAWN, log_counts(10).float())
    objectives = [
        SampledSoftmax(proposal, 10, accidental_hits="mask"),
        NegativeSampling(proposal, 10, exclude="target"),
    ]
    for objective in objectives:
        plain = objective(dense, hidden, target)
        with torch.autocast("cpu", dtype=dtype):
            low = objective(dense, hidden, target)
        assert low.dtype == torch.float32
        torch.testing.assert_close(low, plain, rtol=0.05, atol=0.05)
        (gradient,) = torch.autograd.grad(low.sum(), hidden)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("extreme", [-300.0, 300.0])
def test_scores_far_out_stay_finite(extreme: float) -> None:
    dense = layer()
    with torch.no_grad():
        dense.bias.add_(extreme)
    for name, make in OBJECTIVES.items():
        hidden, target = batch()
        loss = make()(dense, hidden, target)
        (gradient,) = torch.autograd.grad(loss.sum(), hidden)
        assert loss.isfinite().all(), name
        assert gradient.isfinite().all(), name


def test_where_biases_start() -> None:
    for objective, bias in [
        (NCE(Uniform(V), 5), -math.log(V)),
        (NCE(Uniform(V), 5, 2.0), 2 - math.log(V)),
        (NCE(Uniform(V), 5, "scalar"), -math.log(V)),
        (NegativeSampling(Uniform(V), 5), -math.log(5)),
        (SelfNormalised(), -math.log(V)),
    ]:
        assert objective.initial_bias(V) == pytest.approx(bias)
    assert CrossEntropy().initial_bias(V) is None
    assert SampledSoftmax(Uniform(V), 5).initial_bias(V) is None


@pytest.mark.parametrize(
    ("objective", "log_normaliser"),
    [
        (CrossEntropy(), 0.0),
        (SampledSoftmax(Unigram(range(1, V + 1), unique=True), 5), 0.0),
        (NCE(Unigram(range(1, V + 1)), 5), 0.0),
        (NCE(Uniform(V), 5, 2.0), 2.0),
        (NCE(Uniform(V), 5, "scalar"), 0.0),
        (SelfNormalised(), 0.0),
        (NegativeSampling(Unigram(range(1, V + 1), 0.75), 5), 0.0),
        (NegativeSampling(Unigram(range(1, V + 1), 0.75, unique=True), 5), 0.0),
    ],
)
def test_where_biases_start_with_counts(objective: Any, log_normaliser: float) -> None:
    """What is predicted at h = 0 is the law of the counts, and what the objective makes of the scores adds up."""
    counts = torch.arange(V, 0.0, -1.0)
    counts[-1] = 0.0  # counts as the 2 before it
    law = counts.clamp(min=2.0).double()
    head = Head(Dense(D, V, dtype=F64), objective, counts=counts)
    assert isinstance(head.output, Dense)
    hidden = torch.zeros(1, D, dtype=F64)
    torch.testing.assert_close(head.log_prob(hidden)[0].exp(), law / law.sum(), rtol=1e-5, atol=0)
    bias = head.output.get_parameter("bias").detach()
    correction = objective.score_correction(torch.arange(V))
    total = (bias if correction is None else bias + correction).logsumexp(0)
    assert float(total) == pytest.approx(log_normaliser, abs=1e-5)


def test_what_normalises_itself() -> None:
    normalising = [NCE(Uniform(V), 5), SelfNormalised()]
    others = [
        NCE(Uniform(V), 5, 1.0),
        NCE(Uniform(V), 5, "scalar"),
        SelfNormalised(penalty="squared"),
        CrossEntropy(),
        SampledSoftmax(Uniform(V), 5),
        NegativeSampling(Uniform(V), 5),
    ]
    assert all(objective.self_normalising for objective in normalising)
    assert not any(objective.self_normalising for objective in others)


def test_bad_arguments_are_refused() -> None:
    for make in (SampledSoftmax, NCE, NegativeSampling):
        for num in (0, -3):
            with pytest.raises(
                InputError, match=rf"num_samples is {num}; expected a whole number from 1 to \d+ .without noise"
            ):
                make(Uniform(V), num)
    for make in (NCE, NegativeSampling):
        with pytest.raises(InputError, match="unique draws are shared"):
            make(Uniform(V, unique=True), 3, shared=False)
    with pytest.raises(InputError, match="accidental_hits is 'drop'"):
        SampledSoftmax(Uniform(V), 3, accidental_hits="drop")
    with pytest.raises(InputError, match="log_normaliser is 'vector'"):
        NCE(Uniform(V), 3, "vector")
    with pytest.raises(InputError, match="log_normaliser is nan"):
        NCE(Uniform(V), 3, math.nan)
    with pytest.raises(InputError, match='"linear" needs hidden_size'):
        NCE(Uniform(V), 3, "linear")
    with pytest.raises(InputError, match="exclude is 'all'"):
        NegativeSampling(Uniform(V), 3, exclude="all")
    with pytest.raises(InputError, match="alpha is 0"):
        SelfNormalised(0)
    for fraction in (0.0, 1.5, -1.0):
        with pytest.raises(InputError, match=rf"fraction is {fraction}"):
            SelfNormalised(fraction=fraction)
    with pytest.raises(InputError, match="penalty is 'cubed'"):
        SelfNormalised(penalty="cubed")
