"""The head: as PyTorch's own where there is one, clear where a pair makes no sense, and no dearer than promised."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import NCE, CrossEntropy, NegativeSampling, Objective, SampledSoftmax, SelfNormalised
from vastmax.optim import RowAdagrad, parameter_groups
from vastmax.output import Dense, Given, Hierarchical, Output
from vastmax.proposal import LogUniform, Uniform, Unigram
from vastmax.tree import balanced

V, D = 20, 5


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_equals_linear_and_cross_entropy(reduction: Any, smoothing: float, weighted: bool, training: bool) -> None:
    linear = nn.Linear(D, V).double()
    head = Head(Dense.from_linear(linear)).train(training)
    hidden = torch.randn(3, 4, D, dtype=torch.float64, requires_grad=True)
    target = torch.randint(V, (3, 4))
    target[1, 1] = target[2, 0] = -100
    weight = torch.rand(V, dtype=torch.float64) if weighted else None
    mine = head(hidden, target, weight=weight, label_smoothing=smoothing, reduction=reduction)
    theirs = cross_entropy(
        linear(hidden).flatten(0, 1), target.flatten(), weight, reduction=reduction, label_smoothing=smoothing
    )
    torch.testing.assert_close(mine.flatten(), theirs.flatten() if reduction == "none" else theirs[None])
    upstream = torch.randn_like(mine)
    inputs = [hidden, linear.weight, linear.bias]
    for a, b in zip(
        torch.autograd.grad(mine, inputs, upstream),
        torch.autograd.grad(theirs, inputs, upstream.reshape(theirs.shape)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_weighted_mean_over_several_targets() -> None:
    head = Head(Dense(D, V, dtype=torch.float64))
    hidden, target = torch.randn(2, D, dtype=torch.float64), torch.tensor([[1, 2], [3, -100]])
    weight = torch.rand(V, dtype=torch.float64)
    loss = -head.log_prob(hidden)
    total = (loss[0, 1] * weight[1] + loss[0, 2] * weight[2]) / 2 + loss[1, 3] * weight[3]
    expected = total / ((weight[1] + weight[2]) / 2 + weight[3])
    torch.testing.assert_close(head(hidden, target, weight=weight), expected)


def test_weighting_belongs_to_the_exact_loss() -> None:
    head = Head(Dense(D, V), NCE(Uniform(V), 3))
    hidden, target = torch.randn(2, D), torch.tensor([1, 2])
    with pytest.raises(InputError, match="apply to the exact loss, but in training NCE has a different one"):
        head(hidden, target, label_smoothing=0.1)
    exact = cross_entropy(head.output.logits(hidden), target, label_smoothing=0.1)
    torch.testing.assert_close(head.eval()(hidden, target, label_smoothing=0.1), exact)
    with pytest.raises(InputError, match=r"weight has shape \(3,\); expected one per word, \(20,\)"):
        Head(Dense(D, V))(hidden, target, weight=torch.ones(3))


class Factored(Output):
    """A layer without scores."""

    hidden_size, vocab_size = D, V
    exact = log_prob = topk = sample = None


def test_impossible_pairs_are_refused_at_once() -> None:
    sampled = [make(Uniform(V), 3) for make in (SampledSoftmax, NCE, NegativeSampling)]
    for objective in (*sampled, SelfNormalised()):
        name = type(objective).__name__
        with pytest.raises(InputError, match=f"{name} cannot train Factored, which is factored"):
            Head(Factored(), objective)
    assert isinstance(Head(Factored()).objective, CrossEntropy)
    with pytest.raises(InputError, match="proposal Uniform draws from 7 words, but the output layer has 20"):
        Head(Dense(D, V), NCE(Uniform(7), 3))
    with pytest.raises(InputError, match="draws from 7 words"):
        Head(Dense(D, V)).with_objective(NCE(Uniform(7), 3))


def test_missing_context_is_named() -> None:
    head = Head(Dense(D, V), NegativeSampling(Uniform(V), 3, exclude="window"))
    hidden, target = torch.randn(2, D), torch.tensor([1, 2])
    with pytest.raises(InputError, match=r"context contains nothing, but .* needs \['window_word_ids'\]"):
        head(hidden, target)
    with pytest.raises(InputError, match=r"context contains \['window'\], but"):
        head(hidden, target, context={"window": target})
    with pytest.raises(InputError, match="context is a Tensor; expected a dict"):
        head(hidden, target, context=target)
    assert head(hidden, target, context={"window_word_ids": torch.tensor([[1, 2], [3, -1]])}).isfinite()
    head.eval()
    assert head(hidden, target).isfinite()  # exact: no noise, no context


def test_context_is_filtered_like_the_targets() -> None:
    class Listening(Objective):
        def forward(self, output: Output, hidden: Tensor, target: Tensor, *, context: Any, **_: Any) -> Tensor:
            self.heard = context
            return hidden.sum(dim=1)

    head = Head(Dense(D, V), Listening())
    target = torch.tensor([[1, -100, 2], [3, 4, -100]])
    context = {"previous": torch.arange(6).view(2, 3), "partition": torch.tensor(5), "table": torch.zeros(9), "n": 3}
    head(torch.randn(2, 3, D), target, context=context)
    assert head.objective.heard["previous"].tolist() == [0, 2, 3, 4]
    assert head.objective.heard["partition"].item() == 5
    assert head.objective.heard["table"].shape == (9,)
    assert head.objective.heard["n"] == 3


def test_with_objective_keeps_the_parameters() -> None:
    head = Head(Dense(D, V), NCE(Uniform(V), 3))
    bias = head.output.bias.clone()
    assert bias.ne(0).all()
    other = head.with_objective(SelfNormalised())
    assert other.output is head.output
    assert other.output.bias.equal(bias)
    plain = Head(Dense(D, V)).with_objective(NCE(Uniform(V), 3))
    assert plain.output.bias.eq(0).all()
    assert not head.eval().with_objective(CrossEntropy()).training
    assert head.output.state_dict().keys() == {"weight", "bias"}


def test_counts_set_biases_or_are_refused() -> None:
    counts = range(V, 0, -1)
    set_before = Dense(D, V)
    set_before.initialise_bias(-1.0)
    for output, name in (
        (Hierarchical(D, balanced(V)), "Hierarchical"),
        (Dense(D, V, bias=False), "Dense"),
        (set_before, "Dense"),
        (Given(nn.Embedding(V, D), D, V), "Given"),
    ):
        with pytest.raises(InputError, match=f"counts set the biases of a flat layer, but this {name} has no biases"):
            Head(output, counts=counts)
    assert set_before.bias.eq(-1).all()
    with pytest.raises(InputError, match=f"counts has {V + 1} words, but the output layer has {V}"):
        Head(Dense(D, V), counts=range(V + 1))
    assert Head(Dense(D, V), counts=counts).output.bias.diff().lt(0).all()


def test_the_layer_says_which_gradients_it_will_get() -> None:
    """DistributedDataParallel and parameter groups look at it when the model is built."""
    dense = Dense(D, V)
    assert dense.sparse
    head = Head(dense, NCE(Uniform(V), 3))
    assert dense.sparse
    head = head.with_objective(CrossEntropy())
    assert not dense.sparse
    assert not copy.deepcopy(head).output.sparse
    assert not Head(Dense(D, V, sparse_gradients=False), NCE(Uniform(V), 3)).output.sparse


def test_a_second_head_does_not_switch_what_the_first_one_gives() -> None:
    """The row optimisers take dense gradients too, others no sparse ones: one head in use that gives them decides."""
    dense = Dense(D, V)
    sampled = Head(dense, NCE(Uniform(V), 3))
    exact = Head(dense, CrossEntropy())
    hidden, target = torch.randn(4, D), torch.randint(V, (4,))
    groups = parameter_groups(exact)
    assert len(groups.row_sparse) == 2
    assert not groups.dense
    optimiser = RowAdagrad(groups.row_sparse, lr=0.1)
    for head in (sampled, exact, sampled):
        optimiser.zero_grad()
        head(hidden, target).backward()
        assert dense.weight.grad.is_sparse == (head is sampled)
        optimiser.step()
    both = copy.deepcopy(nn.ModuleList([sampled, exact]))
    assert both[1].output.sparse
    assert pickle.loads(pickle.dumps(sampled)).output.sparse
    sampled.objective = CrossEntropy()
    assert not dense.sparse
    sampled.objective = NCE(Uniform(V), 3)
    del sampled, head, optimiser, groups
    assert not dense.sparse
    assert copy.deepcopy(exact).output.sparse is False
    assert len(parameter_groups(exact).dense) == 2


def test_negative_sampling_is_evaluated_as_a_likelihood() -> None:
    counts = torch.arange(1, V + 1)
    proposal = Unigram(counts, 0.75)
    head = Head(Dense(D, V), NegativeSampling(proposal, 5))
    hidden, target = torch.randn(6, D), torch.randint(V, (6,))
    scores = hidden @ head.output.weight.T + head.output.bias + proposal.log_prob(torch.arange(V))
    expected = scores.log_softmax(1)
    torch.testing.assert_close(head.log_prob(hidden), expected)
    torch.testing.assert_close(head.log_prob(hidden, target), expected[torch.arange(6), target])
    torch.testing.assert_close(head.eval()(hidden, target), cross_entropy(scores, target))
    assert head.topk(hidden, 3)[1].equal(expected.topk(3).indices)


def test_diagnosis_of_a_known_layer() -> None:
    head = Head(Dense(D, V), SampledSoftmax(Uniform(V, unique=True), 4))
    with torch.no_grad():
        head.output.weight.zero_()
        head.output.bias.fill_(2.0 - torch.tensor(float(V)).log())
    figures = head.diagnose(torch.randn(3, D), torch.tensor([1, 1, -100]))
    assert figures["log_normaliser_mean"] == pytest.approx(2.0, abs=1e-5)
    assert figures["log_normaliser_std"] == pytest.approx(0, abs=1e-5)
    assert figures["exact_loss"] == pytest.approx(torch.tensor(float(V)).log().item(), abs=1e-5)
    assert figures["touched_share"] in (4 / V, 5 / V)
    with pytest.raises(InputError, match="every target is ignored"):
        head.diagnose(torch.randn(1, D), torch.tensor([-100]))


def test_the_spread_of_log_z_is_that_of_the_examples() -> None:
    head = Head(Dense(D, V), SampledSoftmax(Uniform(V, unique=True), 4))
    with torch.no_grad():  # log Z is the first number of the hidden vector
        head.output.weight.zero_()[:, 0] = 1.0
        head.output.bias.fill_(-torch.tensor(float(V)).log())
    figures = head.diagnose(torch.tensor([-1.0, 3.0])[:, None] * torch.eye(D)[0], torch.tensor([1, 2]))
    found = [figures[f"log_normaliser_{name}"] for name in ("mean", "mean_abs", "std")]
    assert found == pytest.approx([1.0, 2.0, 2.0], abs=1e-5)


# --- what a step costs ---------------------------------------------------------------------------------------------


class LargestTensor(TorchDispatchMode):
    """Records the largest tensor any operation makes, those that are views of given ones aside."""

    def __init__(self, given: list[Tensor]) -> None:
        super().__init__()
        self.given = {tensor.untyped_storage().data_ptr() for tensor in given}
        self.numel, self.operation = 0, ""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if not isinstance(tensor, Tensor):
                continue
            numel = tensor._values().numel() if tensor.is_sparse else tensor.numel()
            known = not tensor.is_sparse and tensor.untyped_storage().data_ptr() in self.given
            if numel > self.numel and not known:
                self.numel, self.operation = numel, str(function)
        return result


LARGE = 200_000
COUNTS = torch.arange(LARGE, 0, -1)
SAMPLED = {
    "sampled-unique": lambda: SampledSoftmax(Unigram(COUNTS, unique=True), 16),
    "sampled": lambda: SampledSoftmax(LogUniform(LARGE), 16),
    "sampled-ranked": lambda: SampledSoftmax(LogUniform(LARGE, COUNTS, unique=True), 16),
    "nce": lambda: NCE(Unigram(COUNTS), 16),
    "nce-per-example": lambda: NCE(Uniform(LARGE), 16, "linear", hidden_size=D, shared=False),
    "negative": lambda: NegativeSampling(Unigram(COUNTS, 0.75), 16, exclude="target"),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sampled_step_makes_nothing_of_the_size_of_the_vocabulary(name: str) -> None:
    head = Head(Dense(D, LARGE), SAMPLED[name]())
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    hidden, target = torch.randn(8, D, requires_grad=True), torch.randint(LARGE, (8,))
    head(hidden, target)  # what is solved once for a number of samples
    with LargestTensor([*head.parameters(), *head.buffers()]) as largest:
        optimiser.zero_grad()
        head(hidden, target).backward()
        optimiser.step()
    assert largest.numel < 10 * 8 * 16 * D, largest.operation


def test_exact_training_holds_no_scores_of_all_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from vastmax.output.linear import tiles

    monkeypatch.setattr(tiles, "_TILE_NUMEL_CPU", 2**14)
    vocab_size = 8000
    head = Head(Dense(D, vocab_size))
    hidden, target = torch.randn(64, D, requires_grad=True), torch.randint(vocab_size, (64,))
    with LargestTensor(list(head.parameters())) as largest:
        head(hidden, target).backward()
    assert largest.numel == vocab_size * D, largest.operation  # the gradient of the weight


def test_deepcopy_of_a_used_head_draws_alike() -> None:
    head = Head(Dense(D, V), SampledSoftmax(Unigram(range(1, V + 1), unique=True), 5))
    hidden, target = torch.randn(6, D), torch.randint(V, (6,))
    head(hidden, target).backward()
    twin = copy.deepcopy(head)
    mine, theirs = (model(hidden, target, generator=torch.Generator().manual_seed(2)) for model in (head, twin))
    torch.testing.assert_close(mine, theirs)


def test_columns_of_a_table_as_target_and_context_cause_no_warning() -> None:
    """A window of words holds both; PyTorch complains of searching for what is not contiguous."""
    from vastmax import RECIPES, Corpus

    corpus = Corpus([["the", "cat", "sat", "on", "the", "mat"], ["the", "dog", "sat"]], cache=False)
    windows = torch.tensor([[0, 2], [1, 3], [2, 0]])
    torch.set_warn_always(True)
    try:
        for name, entry in (("cnn-softmax", corpus.vocabulary), ("adaptive-importance-sampling", corpus)):
            head = RECIPES[name](8, entry)
            head(torch.randn(3, 8), windows[:, 1], context={"previous_word_id": windows[:, 0]}).backward()
    finally:
        torch.set_warn_always(False)
