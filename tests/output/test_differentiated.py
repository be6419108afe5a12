"""Differentiated softmax against the padded block-diagonal matrix that it never stores."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from vastmax.errors import InputError
from vastmax.optim import RowSGD
from vastmax.output.dense import Dense
from vastmax.output.differentiated import Differentiated, default_blocks


def padded(output: Differentiated, counts: list[float]) -> tuple[Tensor, Tensor]:
    """The (V, D) block-diagonal matrix and the (V,) bias, rows in id order; differentiable."""
    by_count = sorted(range(len(counts)), key=lambda w: (-counts[w], w))
    rows, biases = [], []
    for k, width in enumerate(output.block_widths):
        weight = output.get_parameter(f"weight_{k}")
        before = sum(output.block_widths[:k])
        after = output.hidden_size - before - width
        rows.append(nn.functional.pad(weight, (before, after)))
        bias = output._parameters[f"bias_{k}"]
        biases.append(weight.new_zeros(len(weight)) if bias is None else bias)
    place = torch.tensor([by_count.index(w) for w in range(len(counts))])
    return torch.cat(rows)[place], torch.cat(biases)[place]


def randomise(output: nn.Module, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in output.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


@st.composite
def layers(draw: st.DrawFn) -> tuple[Differentiated, list[float]]:
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    widths = [draw(st.integers(1, 5)) for _ in sizes]
    V = sum(sizes)
    counts = draw(st.lists(st.integers(0, 6), min_size=V, max_size=V).filter(any))
    if draw(st.booleans()):
        counts = sorted(counts, reverse=True)
    output = Differentiated(
        sum(widths),
        counts,
        sizes,
        widths,
        bias=draw(st.booleans()),
        sparse_gradients=draw(st.booleans()),
        dtype=torch.float64,
    )
    randomise(output, draw(st.integers(0, 999)))
    return output, [float(c) for c in counts]


@settings(max_examples=30, deadline=None)
@given(layer=layers(), N=st.integers(0, 4), data=st.data())
def test_every_query_agrees_with_the_padded_matrix(
    layer: tuple[Differentiated, list[float]], N: int, data: st.DataObject
) -> None:
    output, counts = layer
    V = output.vocab_size
    weight, bias = padded(output, counts)
    hidden = torch.randn(N, output.hidden_size, dtype=torch.float64)
    scores = hidden @ weight.T + bias
    expected = scores.log_softmax(1)
    torch.testing.assert_close(output.log_prob(hidden), expected)
    target = torch.tensor(data.draw(st.lists(st.integers(0, V - 1), min_size=N, max_size=N)), dtype=torch.int64)
    target_score, log_normaliser = output.exact(hidden, target)
    torch.testing.assert_close(target_score, scores.gather(1, target[:, None])[:, 0])
    torch.testing.assert_close(log_normaliser, scores.logsumexp(1))
    some = torch.arange(N)[::2]
    torch.testing.assert_close(output.exact(hidden, target, normaliser_rows=some)[1], scores.logsumexp(1)[::2])
    k = data.draw(st.integers(1, V))
    found, found_ids = output.topk(hidden, k)
    torch.testing.assert_close(found, expected.topk(k, 1).values)
    torch.testing.assert_close(expected.gather(1, found_ids), found)
    sampled = output.sample(hidden, generator=torch.Generator().manual_seed(0))
    assert ((sampled >= 0) & (sampled < V)).all()
    word_weight = torch.rand(V, dtype=torch.float64)
    torch.testing.assert_close(output.weighted_score(hidden), scores.sum(1))
    torch.testing.assert_close(output.weighted_score(hidden, word_weight), scores @ word_weight)

    word_ids = torch.tensor(sorted(data.draw(st.sets(st.integers(0, V - 1), min_size=1))))
    rows = output.select(word_ids)
    torch.testing.assert_close(rows.score(hidden), scores[:, word_ids])
    position = torch.tensor(data.draw(st.permutations(range(len(word_ids)))))[: 1 + len(word_ids) // 2]
    torch.testing.assert_close(rows.score(hidden, position), scores[:, word_ids[position]])
    own = torch.randint(0, len(word_ids), (N, 3))
    torch.testing.assert_close(rows.score_at(hidden, own), scores.gather(1, word_ids[own]))
    torch.testing.assert_close(rows.score_at(hidden, own[:, 0]), scores.gather(1, word_ids[own[:, :1]])[:, 0])


COUNTS = [3.0, 9.0, 1.0, 4.0, 4.0, 0.0, 2.0, 8.0]


def layer_of_three(sparse_gradients: bool = True, counts: list[float] | None = None) -> Differentiated:
    output = Differentiated(
        7, counts or COUNTS, [2, 3, 3], [4, 2, 1], sparse_gradients=sparse_gradients, dtype=torch.float64
    )
    randomise(output)
    return output


def dense_gradients(loss: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    return [g.to_dense() for g in torch.autograd.grad(loss, parameters)]


@pytest.mark.parametrize("sparse_gradients", [True, False])
def test_gradients_are_those_of_the_padded_matrix(sparse_gradients: bool) -> None:
    output = layer_of_three(sparse_gradients)
    hidden = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([1, 0, 5, 5, 3])
    parameters = [hidden, *output.parameters()]
    weight, bias = padded(output, COUNTS)
    scores = hidden @ weight.T + bias

    found_score, found_normaliser = output.exact(hidden, target)
    found = dense_gradients((found_score * 2 - found_normaliser.square()).sum(), parameters)
    loss = scores.gather(1, target[:, None])[:, 0] * 2 - scores.logsumexp(1).square()
    for ours, theirs in zip(found, dense_gradients(loss.sum(), parameters), strict=True):
        torch.testing.assert_close(ours, theirs)

    word_ids = torch.tensor([0, 2, 5, 7])
    own = torch.tensor([[0, 3], [1, 1], [2, 0], [3, 3], [0, 1]])
    rows = output.select(word_ids)
    position = torch.tensor([3, 0, 1])
    in_play = rows.score(hidden).square().sum() + rows.score(hidden, position).pow(3).sum()
    found = dense_gradients(in_play + rows.score_at(hidden, own).square().sum(), parameters)
    weight, bias = padded(output, COUNTS)
    scores = hidden @ weight.T + bias
    loss = scores[:, word_ids].square().sum() + scores[:, word_ids[position]].pow(3).sum()
    loss = loss + scores.gather(1, word_ids[own]).square().sum()
    for ours, theirs in zip(found, dense_gradients(loss, parameters), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_gradcheck_of_the_exact_loss() -> None:
    output = layer_of_three()
    names, values = zip(*output.named_parameters(), strict=True)
    hidden = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([1, 5, 3])

    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = output

        def forward(self, hidden: Tensor) -> Tensor:
            score, normaliser = self.output.exact(hidden, target)
            return normaliser - score

    def run(hidden: Tensor, *parameters: Tensor) -> Tensor:
        named = {f"output.{name}": p for name, p in zip(names, parameters, strict=True)}
        return torch.func.functional_call(Loss(), named, (hidden,))

    assert torch.autograd.gradcheck(run, (hidden, *values))


def test_sampled_gradients_are_sparse_and_touch_only_rows_in_play() -> None:
    output = layer_of_three()
    rows = output.select(torch.tensor([1, 3, 5]))
    hidden = torch.randn(2, 7, dtype=torch.float64)
    (rows.score(hidden).sum() + rows.score_at(hidden, torch.tensor([0, 2])).sum()).backward()
    touched = []
    for k in range(3):
        for kind in ("weight", "bias"):
            gradient = output.get_parameter(f"{kind}_{k}").grad
            assert gradient is not None
            assert gradient.is_sparse
            assert gradient.is_coalesced()
        touched.append(gradient.indices()[0].tolist())
    # Ranks: word 1 is first, word 3 third, the first of its block, word 5 last of all.
    assert touched == [[0], [0], [2]]
    before = copy.deepcopy(output)
    RowSGD(output.parameters(), lr=0.1).step()
    moved = (padded(output, COUNTS)[0] != padded(before, COUNTS)[0]).any(1).nonzero().flatten()
    assert moved.tolist() == [1, 3, 5]


def test_one_block_is_dense() -> None:
    output = Differentiated(6, COUNTS, [8], [6], dtype=torch.float64)
    randomise(output)
    weight, bias = padded(output, COUNTS)
    dense = Dense(6, 8, dtype=torch.float64)
    dense.load_state_dict({"weight": weight, "bias": bias})
    hidden, target = torch.randn(4, 6, dtype=torch.float64), torch.tensor([0, 7, 3, 3])
    torch.testing.assert_close(output.log_prob(hidden), dense.log_prob(hidden))
    for ours, theirs in zip(output.exact(hidden, target), dense.exact(hidden, target), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(output.topk(hidden, 8)[1], dense.topk(hidden, 8)[1])


@pytest.mark.parametrize("bias", [True, False])
def test_a_shift_of_the_scores_reaches_every_query(bias: bool) -> None:
    output = Differentiated(7, COUNTS, [2, 3, 3], [4, 2, 1], bias=bias, dtype=torch.float64)
    randomise(output)
    weight, own_bias = padded(output, COUNTS)
    shift = torch.randn(8, dtype=torch.float64)
    hidden, target = torch.randn(3, 7, dtype=torch.float64), torch.tensor([1, 5, 3])
    scores = hidden @ weight.T + own_bias + shift
    view = output.shifted(shift)
    torch.testing.assert_close(view.log_prob(hidden), scores.log_softmax(1))
    torch.testing.assert_close(view.exact(hidden, target)[0], scores.gather(1, target[:, None])[:, 0])
    torch.testing.assert_close(view.topk(hidden, 2)[0], scores.log_softmax(1).topk(2, 1).values)
    torch.testing.assert_close(view.weighted_score(hidden), scores.sum(1))
    torch.testing.assert_close(view.select(torch.tensor([0, 4])).score(hidden), scores[:, [0, 4]])
    torch.testing.assert_close(output.log_prob(hidden), (scores - shift).log_softmax(1))
    assert view.get_parameter("weight_0") is output.get_parameter("weight_0")


def test_parameters_are_the_sum_of_the_blocks() -> None:
    output = Differentiated(256, range(1, 101), [10, 30, 60], [128, 80, 48])
    assert sum(p.numel() for p in output.parameters()) == 10 * 128 + 30 * 80 + 60 * 48 + 100
    # The rows in play are as narrow as their blocks: nothing is padded.
    rows = output.select(torch.tensor([0, 75, 99]))
    assert sum(block.weight.numel() for block in rows.blocks) == 128 + 80 + 48  # type: ignore[attr-defined]


def test_bias_is_initialised_once() -> None:
    output = Differentiated(5, [3, 2, 1], [1, 2], [3, 2])
    output.initialise_bias(-1.5)
    assert torch.equal(output.get_parameter("bias_1"), torch.full((2,), -1.5))
    output.initialise_bias(7.0)
    assert torch.equal(output.get_parameter("bias_0"), torch.full((1,), -1.5))
    assert not Differentiated(5, [3, 2, 1], [1, 2], [3, 2], bias=False).initialise_bias(1.0)


def test_biases_of_words_go_to_their_ranks() -> None:
    output = Differentiated(5, [1, 3, 2], [1, 2], [3, 2])
    assert output.initialise_bias(torch.tensor([-1.0, -3.0, -2.0], dtype=torch.float64))
    assert output.get_parameter("bias_0").tolist() == [-3]
    assert output.get_parameter("bias_1").tolist() == [-2, -1]


def test_state_dict_round_trip_and_deepcopy() -> None:
    output = layer_of_three()
    other = Differentiated(7, [1] * 8, [2, 3, 3], [4, 2, 1], dtype=torch.float64)
    other.load_state_dict(output.state_dict())
    hidden = torch.randn(3, 7, dtype=torch.float64)
    assert torch.equal(other.log_prob(hidden), output.log_prob(hidden))
    assert torch.equal(other.topk(hidden, 3)[1], output.topk(hidden, 3)[1])
    assert torch.equal(copy.deepcopy(output).log_prob(hidden), output.log_prob(hidden))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_dtypes(dtype: torch.dtype) -> None:
    exact = layer_of_three()
    output = copy.deepcopy(exact).to(dtype)
    hidden, target = torch.randn(4, 7).to(dtype), torch.tensor([1, 7, 5, 0])
    found = output.log_prob(hidden, target)
    assert found.dtype == torch.float32
    tolerance = {torch.bfloat16: 0.08, torch.float16: 0.02, torch.float32: 1e-5}[dtype]
    torch.testing.assert_close(found.double(), exact.log_prob(hidden.double(), target), rtol=tolerance, atol=tolerance)
    found.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == dtype for p in output.parameters())
    rows = output.select(torch.tensor([1, 2]))
    assert rows.score(hidden).dtype == torch.float32
    assert rows.score_at(hidden, torch.tensor([0, 1, 1, 0])).dtype == torch.float32


def test_samples_follow_the_distribution() -> None:
    draws = 40_000
    output = layer_of_three()
    hidden = 0.3 * torch.randn(1, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    word_ids = output.sample(hidden.expand(draws, -1), generator=torch.Generator().manual_seed(0))
    expected = output.log_prob(hidden)[0].exp() * draws
    chi2 = ((torch.bincount(word_ids, minlength=8) - expected).square() / expected).sum()
    assert chi2 < 24.32  # the 0.1 % level with 7 degrees of freedom


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any), D=st.integers(1, 40))
def test_default_blocks_fit_any_vocabulary(counts: list[int], D: int) -> None:
    sizes, widths = default_blocks(counts, D)
    assert min(sizes) >= 1
    assert min(widths) >= 1
    assert widths == sorted(widths, reverse=True)
    output = Differentiated(D, counts)  # checks the sums
    assert (output.block_sizes, output.block_widths) == (sizes, widths)


def test_default_blocks_have_equal_mass() -> None:
    counts = [1e6 / (rank + 1) for rank in range(50_000)]
    sizes, widths = default_blocks(counts, 256)
    assert widths == [128, 80, 48]
    masses = [sum(counts[sum(sizes[:k]) : sum(sizes[: k + 1])]) / sum(counts) for k in range(3)]
    assert masses == pytest.approx([1 / 3] * 3, abs=0.02)


def test_one_of_sizes_and_widths_alone_is_refused() -> None:
    with pytest.raises(InputError, match="expected both or neither"):
        Differentiated(5, [3, 2, 1], block_sizes=[1, 2])


def test_a_shift_in_low_precision() -> None:
    output = layer_of_three().bfloat16().shifted(torch.zeros(8))
    hidden = torch.randn(3, 7).bfloat16()
    rows = output.select(torch.tensor([0, 4]))
    assert rows.score(hidden).dtype == rows.score_at(hidden, torch.tensor([0, 1, 1])).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, [3, 2, 1], [1, 1], [3, 2]), r"block_sizes \[1, 1\] sum to 2; expected .* the 3 words"),
        ((5, [3, 2, 1], [3, 0], [3, 2]), "expected positive sizes"),
        ((5, [3, 2, 1], [1, 2], [3, 3]), r"block_widths \[3, 3\] sum to 6; expected .* hidden_size 5"),
        ((5, [3, 2, 1], [1, 2], [5, 0]), "expected positive widths"),
        ((5, [3, 2, 1], [1, 2], [5]), "2 block_sizes and 1 block_widths"),
        ((5, [3, 2, 1], [], []), "at least one block"),
        ((5, [3, -2, 1], [1, 2], [3, 2]), r"counts\[1\] is -2"),
    ],
)
def test_bad_arguments(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Differentiated(*arguments)


def test_the_native_search_finds_what_pytorch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 in plain memory; with more words asked for than the first block has, and a NaN among the queries."""
    torch.manual_seed(0)
    output = Differentiated(12, range(90, 0, -1), block_sizes=[5, 25, 60], block_widths=[6, 4, 2])
    hidden = torch.randn(7, 12)
    for k in (1, 9, 90):
        found, word_ids = output.topk(hidden, k)
        expected = output.log_prob(hidden).detach().topk(k, dim=1)
        torch.testing.assert_close(found, expected.values, rtol=1e-5, atol=1e-5)
        assert word_ids.equal(expected.indices)
    found, word_ids = output.topk(hidden, 9)
    monkeypatch.setenv("VASTMAX_KERNEL", "baseline")
    assert word_ids.equal(output.topk(hidden, 9)[1])
    monkeypatch.undo()
    hidden[2, 0] = torch.nan
    assert output.topk(hidden, 3)[0][2].isnan().all()
    assert output.topk(hidden, 3)[0][:2].equal(found[:2, :3])
