"""Adaptive softmax against a float64 twin written out here, torch's own layer, and brute force for its queries."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from vastmax.errors import InputError
from vastmax.output.adaptive import Adaptive
from vastmax.output.dense import Dense


def reference_log_prob(output: Adaptive, hidden: Tensor, counts: list[float]) -> Tensor:
    """(N, V) in id order, by the equations of the class, word by word, in float64."""
    state = {name: x.double() for name, x in output.state_dict().items()}
    by_count = sorted(range(len(counts)), key=lambda w: (-counts[w], w))
    edges = [*output.cutoffs, len(counts)]
    entries = hidden.double() @ state["head.weight"].T + state.get("head.bias", 0.0)
    entries = entries - entries.logsumexp(1, keepdim=True)
    columns: list[Any] = [None] * len(counts)
    for rank, word in enumerate(by_count):
        if rank < edges[0]:
            columns[word] = entries[:, rank]
            continue
        i = next(i for i in range(len(edges) - 1) if rank < edges[i + 1])
        projected = hidden.double() @ state[f"clusters.{i}.projection.weight"].T
        scores = projected @ state[f"clusters.{i}.weight"].T + state.get(f"clusters.{i}.bias", 0.0)
        columns[word] = entries[:, edges[0] + i] + (scores - scores.logsumexp(1, keepdim=True))[:, rank - edges[i]]
    return torch.stack(columns, 1)


def randomise(output: nn.Module, seed: int = 0, scale: float = 1.0) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in output.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


class Loss(nn.Module):
    def __init__(self, output: Adaptive) -> None:
        super().__init__()
        self.output = output

    def forward(self, hidden: Tensor, target: Tensor) -> Tensor:
        return self.output.exact(hidden, target)[0]


@st.composite
def layers(draw: st.DrawFn) -> tuple[Adaptive, list[float], int]:
    V = draw(st.integers(1, 17))
    counts = draw(st.lists(st.integers(0, 6), min_size=V, max_size=V).filter(any))
    cutoffs = draw(st.lists(st.integers(1, max(V - 1, 1)), max_size=3 if V > 1 else 0, unique=True))
    D = draw(st.sampled_from([8, 9, 13]))
    output = Adaptive(D, counts, sorted(cutoffs), div_value=2.0, bias=draw(st.booleans()), dtype=torch.float64)
    seed = draw(st.integers(0, 999))
    randomise(output, seed)
    return output, [float(c) for c in counts], seed


@settings(max_examples=30, deadline=None)
@given(layer=layers(), N=st.integers(0, 5), data=st.data())
def test_every_query_agrees_with_the_twin(
    layer: tuple[Adaptive, list[float], int], N: int, data: st.DataObject
) -> None:
    output, counts, seed = layer
    generator = torch.Generator().manual_seed(seed)
    V = output.vocab_size
    hidden = torch.randn(N, output.hidden_size, generator=generator, dtype=torch.float64)
    expected = reference_log_prob(output, hidden, counts)
    torch.testing.assert_close(expected.exp().sum(1), torch.ones(N, dtype=torch.float64))
    torch.testing.assert_close(output.log_prob(hidden), expected)
    for word in range(V):
        target = torch.full((N,), word)
        log_prob, zero = output.exact(hidden, target)
        torch.testing.assert_close(log_prob, expected[:, word])
        assert torch.equal(zero, torch.zeros(N, dtype=torch.float64))
    k = data.draw(st.integers(1, V))
    found, word_ids = output.topk(hidden, k)
    torch.testing.assert_close(found, expected.topk(k, 1).values)
    torch.testing.assert_close(expected.gather(1, word_ids), found)
    assert all(len(set(row)) == k for row in word_ids.tolist())
    sampled = output.sample(hidden, generator=generator)
    assert sampled.shape == (N,)
    assert ((sampled >= 0) & (sampled < V)).all()


def test_gradients_are_those_of_the_twin() -> None:
    counts = [3.0, 9.0, 1.0, 4.0, 4.0, 0.0, 2.0, 8.0, 1.0, 1.0, 1.0]
    output = Adaptive(6, counts, [3, 6], div_value=2.0, dtype=torch.float64)
    randomise(output)
    hidden = torch.randn(9, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    target = torch.tensor([1, 7, 3, 4, 0, 6, 5, 10, 8])
    parameters = [hidden, *output.parameters()]
    found = torch.autograd.grad(output.exact(hidden, target)[0].square().sum(), parameters)
    full = torch.autograd.grad(output.log_prob(hidden).gather(1, target[:, None]).square().sum(), parameters)
    for ours, theirs in zip(found, full, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_gradcheck_through_parameters_and_hidden() -> None:
    output = Adaptive(4, [5, 4, 3, 2, 1, 1], [2, 4], div_value=2.0, dtype=torch.float64)
    randomise(output)
    names, values = zip(*output.named_parameters(), strict=True)
    hidden = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 5, 2, 3, 1])

    def run(hidden: Tensor, *parameters: Tensor) -> Tensor:
        named = {f"output.{name}": p for name, p in zip(names, parameters, strict=True)}
        return torch.func.functional_call(Loss(output), named, (hidden, target))

    assert torch.autograd.gradcheck(run, (hidden, *values))


@pytest.mark.parametrize("head_bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_layer_of_torch(head_bias: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    theirs = nn.AdaptiveLogSoftmaxWithLoss(32, 5_000, [100, 700, 2_500], div_value=2.0, head_bias=head_bias).to(dtype)
    ours = Adaptive.from_torch(theirs)
    hidden = torch.randn(200, 32, dtype=dtype)
    target = (5_000 ** torch.rand(200)).long().clamp(max=4_999)
    expected, found = theirs(hidden, target).output, ours.log_prob(hidden, target)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.log_prob(hidden), theirs.log_prob(hidden), rtol=1e-5, atol=1e-5)
    assert torch.equal(ours.topk(hidden, 1)[1][:, 0], theirs.predict(hidden))
    expected.mean().backward()
    found.mean().backward()
    for our_name, their_name in (
        ("head.weight", "head.weight"),
        ("clusters.0.projection.weight", "tail.0.0.weight"),
        ("clusters.2.weight", "tail.2.1.weight"),
    ):
        ours_gradient = ours.get_parameter(our_name).grad
        theirs_gradient = theirs.get_parameter(their_name).grad
        assert ours_gradient is not None
        torch.testing.assert_close(ours_gradient, theirs_gradient, rtol=1e-5, atol=1e-6)


def test_one_cluster_is_dense() -> None:
    counts = [2, 9, 4, 4, 1]
    output = Adaptive(7, counts, [], dtype=torch.float64)
    randomise(output)
    dense = Dense(7, 5, dtype=torch.float64)
    order = [1, 2, 3, 0, 4]
    with torch.no_grad():
        dense.weight[order] = output.head.weight
        assert dense.bias is not None
        assert output.head.bias is not None
        dense.bias[order] = output.head.bias
    hidden, target = torch.randn(6, 7, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 4])
    torch.testing.assert_close(output.log_prob(hidden), dense.log_prob(hidden))
    torch.testing.assert_close(output.log_prob(hidden, target), dense.log_prob(hidden, target))


def zipf_layer(V: int = 3_000, D: int = 32, scale: float = 0.3) -> Adaptive:
    output = Adaptive(D, 1e6 / np.arange(1, V + 1), [50, 400], dtype=torch.float64)
    randomise(output, scale=scale)
    return output


def test_topk_opens_only_clusters_that_can_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    output = zipf_layer()
    with torch.no_grad():
        assert output.head.bias is not None
        output.head.bias[:50] = 8.0  # the tail together is nearly impossible
    hidden = 0.01 * torch.randn(20, 32, dtype=torch.float64)
    opened = []
    for cluster in output.clusters:
        inner = cluster.topk
        monkeypatch.setattr(cluster, "topk", lambda h, k, inner=inner: opened.append(len(h)) or inner(h, k))
    output.topk(hidden, 10)
    assert opened == []
    found, word_ids = output.topk(hidden, 60)  # more than the head has
    assert opened == [20, 20] or opened == [20]
    expected = output.log_prob(hidden).topk(60, 1)
    torch.testing.assert_close(found, expected.values)
    assert torch.equal(word_ids, expected.indices)


def test_topk_finds_a_word_of_the_tail_that_is_hardly_better() -> None:
    """Nearly all of its cluster, and a little likelier than the k-th word of the head."""
    output = Adaptive(4, [9, 8, 7, 2, 1, 1], [3], dtype=torch.float64)
    with torch.no_grad():
        for parameter in output.parameters():
            parameter.zero_()
        output.head.get_parameter("bias").copy_(torch.tensor([2.0, 1.0, 0.0, 1.1]))  # the last one: the cluster
        output.clusters[0].get_parameter("bias").copy_(torch.tensor([-9.0, 9.0, -9.0]))
    assert output.topk(torch.zeros(1, 4, dtype=torch.float64), 2)[1].tolist() == [[0, 4]]


@pytest.mark.parametrize("k", [1, 10, 100])
def test_topk_equals_brute_force(k: int) -> None:
    output = zipf_layer()
    hidden = torch.randn(64, 32, dtype=torch.float64)
    found, word_ids = output.topk(hidden, k)
    expected = output.log_prob(hidden).topk(k, 1)
    torch.testing.assert_close(found, expected.values)
    assert torch.equal(word_ids, expected.indices)


def test_samples_follow_the_distribution() -> None:
    V, draws = 12, 40_000
    output = Adaptive(4, [5, 1, 4, 4, 2, 2, 2, 1, 1, 1, 1, 1], [3, 7], div_value=2.0, dtype=torch.float64)
    randomise(output, scale=0.7)
    hidden = torch.randn(1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(0)
    word_ids = output.sample(hidden.expand(draws, -1), generator=generator)
    expected = output.log_prob(hidden)[0].exp() * draws
    chi2 = ((torch.bincount(word_ids, minlength=V) - expected).square() / expected).sum()
    assert chi2 < 31.26  # the 0.1 % level with 11 degrees of freedom
    again = output.sample(hidden.expand(draws, -1), generator=torch.Generator().manual_seed(0))
    assert torch.equal(word_ids, again)


def test_only_clusters_in_play_get_gradients() -> None:
    output = zipf_layer()
    target = torch.tensor([3, 60, 7])  # the head and the first cluster
    output.exact(torch.randn(3, 32, dtype=torch.float64), target)[0].sum().backward()
    assert output.get_parameter("clusters.0.weight").grad is not None
    assert output.get_parameter("clusters.1.weight").grad is None
    assert output.get_parameter("clusters.1.bias").grad is None


def test_state_dict_round_trip_carries_the_order_of_the_words() -> None:
    counts = [1, 5, 3, 3, 9, 2, 2, 8]
    output = Adaptive(8, counts, [2, 5], div_value=2.0)
    randomise(output)
    other = Adaptive(8, [1] * 8, [2, 5], div_value=2.0)
    other.load_state_dict(output.state_dict())
    hidden = torch.randn(3, 8)
    assert torch.equal(other.log_prob(hidden), output.log_prob(hidden))
    assert torch.equal(other.topk(hidden, 4)[1], output.topk(hidden, 4)[1])
    twin = copy.deepcopy(output)
    assert torch.equal(twin.log_prob(hidden), output.log_prob(hidden))


def test_chosen_cutoffs_are_those_of_the_cost_model_and_keep_widths_positive() -> None:
    counts = 1e6 / np.arange(1, 60_001)
    output = Adaptive(64, counts)
    assert output.cutoffs
    assert output.cutoffs == sorted(output.cutoffs)
    narrow = Adaptive(6, counts)  # 6, 1: a second cluster would have no width
    assert len(narrow.cutoffs) <= 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_dtypes(dtype: torch.dtype) -> None:
    exact = zipf_layer()
    output = copy.deepcopy(exact).to(dtype)
    hidden = torch.randn(8, 32).to(dtype)
    target = torch.tensor([0, 5, 60, 399, 401, 2_999, 49, 50])
    found = output.log_prob(hidden, target)
    assert found.dtype == torch.float32
    tolerance = {torch.bfloat16: 0.05, torch.float16: 0.01, torch.float32: 1e-4}[dtype]
    torch.testing.assert_close(found.double(), exact.log_prob(hidden.double(), target), rtol=tolerance, atol=tolerance)
    found.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == dtype for p in output.parameters())
    assert output.topk(hidden, 3)[0].dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        found = zipf_layer().float().log_prob(hidden.float(), target)
    torch.testing.assert_close(found.double(), exact.log_prob(hidden.double(), target), rtol=0.1, atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((8, [3, 2, 1]), {"cutoffs": [0]}), r"cutoffs \[0\] do not divide 3 words"),
        (((8, [3, 2, 1]), {"cutoffs": [3]}), r"do not divide 3 words; expected .* from 1 to 2"),
        (((8, [3, 2, 1]), {"cutoffs": [2, 1]}), "strictly ascending"),
        (((0, [3, 2, 1]), {}), "hidden_size is 0"),
        (((8, [3, -2, 1]), {}), r"counts\[1\] is -2"),
        (((8, [0, 0]), {}), "zero for all 2 words"),
        (((8, [1, float("nan")]), {}), r"counts\[1\] is nan"),
        (((8, [3, 2, 1]), {"div_value": 0.5}), "div_value is 0.5"),
        (((3, [3, 2, 1]), {"cutoffs": [1]}), r"cluster 1 of 1 would be 3 / 4\^1 < 1 wide: pass fewer cutoffs"),
    ],
)
def test_bad_arguments(arguments: tuple[tuple[Any, ...], dict[str, Any]], message: str) -> None:
    positional, named = arguments
    with pytest.raises(InputError, match=message):
        Adaptive(*positional, **named)


def test_examples_do_not_influence_each_other() -> None:
    output = zipf_layer()
    hidden = torch.randn(40, 32, dtype=torch.float64)
    target = torch.randint(0, 3_000, (40,))
    together = output.log_prob(hidden, target)
    for a, b in itertools.pairwise([0, 1, 17, 40]):
        torch.testing.assert_close(output.log_prob(hidden[a:b], target[a:b]), together[a:b])


def test_distributed_training_sees_parameters_of_clusters_out_of_play(tmp_path: Path) -> None:
    """A parameter whose gradient never arrives makes DistributedDataParallel raise in the step after."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        output = zipf_layer()
        model = nn.parallel.DistributedDataParallel(Loss(output))
        hidden = torch.randn(3, 32, dtype=torch.float64)
        for target in ([0, 1, 60], [2, 2, 2], [2_000, 0, 100]):
            model.zero_grad()
            model(hidden, torch.tensor(target)).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    alone = copy.deepcopy(output)
    alone.zero_grad()
    alone.log_prob(hidden, torch.tensor(target)).sum().backward()
    for ours, theirs in zip(output.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
