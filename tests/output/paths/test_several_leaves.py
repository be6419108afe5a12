"""Words with several leaves: sums over them, against the slow twin, and the best words against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from contract import HeadContract, own_method
from reference_trees import log_probs
from vastmax import tree
from vastmax.head import Head
from vastmax.kernels.machine import available_targets
from vastmax.methods import Method
from vastmax.methods.hierarchical_softmax import hierarchical_softmax
from vastmax.output.hierarchical import Hierarchical
from vastmax.output.paths import several_leaves
from vastmax.tree import Tree


def clustered(vocab_size: int, seed: int = 0, *, copies: int = 2) -> Tree:
    rng = np.random.default_rng(seed)
    return tree.clustered(rng.normal(size=(vocab_size, 4)), overlap=0.4, copies=copies, seed=seed)


TREES = {
    "binary": clustered(300),
    "wide": tree.joined([tree.frequency_classes(np.arange(1, 301), 12), tree.random(300, 1), tree.random(300, 2)]),
}


def layer_of(t: Tree, D: int = 8, *, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> Hierarchical:
    torch.manual_seed(0)
    layer = Hierarchical(D, t, dtype=dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=scale)
    return layer


def reference(layer: Hierarchical, hidden: Tensor) -> np.ndarray:
    t = layer.tree
    arrays = (t.children, t.child_counts, t.leaf_words)
    weight, bias = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
    return np.stack([log_probs(*arrays, weight, bias, h) for h in hidden.detach().double().numpy()])


@settings(max_examples=25, deadline=None)
@given(
    vocab_size=st.integers(1, 30),
    seed=st.integers(0, 10_000),
    copies=st.integers(1, 3),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_sums_over_leaves(vocab_size: int, seed: int, copies: int, dtype: torch.dtype) -> None:
    layer = layer_of(clustered(vocab_size, seed, copies=copies), 3, dtype=dtype)
    hidden = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    expected = reference(layer, hidden)
    np.testing.assert_allclose(np.exp(expected).sum(1), 1, rtol=1e-12)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype is torch.float32 else {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(layer.log_prob(hidden).detach().numpy(), expected, **tolerance)
    words = torch.arange(vocab_size)
    for row in range(2):
        each = layer.exact(hidden[row].expand(vocab_size, -1), words)[0]
        np.testing.assert_allclose(each.detach().numpy(), expected[row], **tolerance)


@pytest.mark.parametrize("kind", TREES)
def test_gradients_of_sums_over_leaves(kind: str) -> None:
    layer, precise = layer_of(TREES[kind]), layer_of(TREES[kind], dtype=torch.float64)
    precise.load_state_dict(layer.state_dict())
    hidden = torch.randn(40, 8, generator=torch.Generator().manual_seed(1))
    word = torch.randint(300, (40,), generator=torch.Generator().manual_seed(2))
    gradients = []
    for each in (layer, precise):
        h = hidden.to(each.weight.dtype, copy=True).requires_grad_()
        each.exact(h, word)[0].sum().backward()
        gradients.append([h.grad, each.weight.grad.to_dense(), each.bias.grad.to_dense()])
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine.double(), theirs, atol=1e-5, rtol=1e-5)


def test_gradients_by_finite_differences() -> None:
    layer = layer_of(clustered(7), 2, dtype=torch.float64)
    layer.sparse_gradients = False
    hidden = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    word = torch.tensor([0, 3, 3, 6, 5])
    layer.forward = lambda h: layer.exact(h, word)[0]  # type: ignore[method-assign]

    def loss(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (h,))

    assert torch.autograd.gradcheck(loss, (hidden, layer.weight, layer.bias))


@pytest.mark.parametrize("scale", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("k", [1, 5, 60])
@pytest.mark.parametrize("kind", TREES)
def test_the_best_words_are_those_of_brute_force(kind: str, k: int, scale: float) -> None:
    layer = layer_of(TREES[kind], scale=scale)
    hidden = torch.randn(50, 8, generator=torch.Generator().manual_seed(3))
    expected, order = layer.double().log_prob(hidden.double()).topk(k, dim=1)
    log_prob, word_id = layer.float().topk(hidden, k)
    torch.testing.assert_close(log_prob.double(), expected, atol=1e-4, rtol=1e-5)
    apart = (expected.diff(dim=1).abs() > 2e-5).all(dim=1)
    assert torch.equal(word_id[apart], order[apart])
    assert apart.sum() > 10


@pytest.mark.parametrize("target", available_targets())
def test_the_search_is_used_and_grows(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VASTMAX_KERNEL", target)
    layer = layer_of(clustered(2000, copies=2), 16)
    hidden = torch.randn(60, 16, generator=torch.Generator().manual_seed(4))
    expected, order = layer._topk_of_all(hidden, 4)
    asked: list[tuple[int, int]] = []
    search, all_words = Hierarchical._best_leaves, Hierarchical._topk_of_all

    def counted(self: Hierarchical, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
        asked.append((rows.shape[0], k))
        return search(self, rows, k)

    def refused(self: Hierarchical, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
        asked.append((rows.shape[0], 0))
        return all_words(self, rows, k)

    monkeypatch.setattr(Hierarchical, "_best_leaves", counted)
    monkeypatch.setattr(Hierarchical, "_topk_of_all", refused)
    monkeypatch.setattr(several_leaves, "_FIRST_ROUND", 1)
    log_prob, word_id = layer.topk(hidden, 4)
    torch.testing.assert_close(log_prob, expected, atol=1e-4, rtol=1e-5)
    assert torch.equal(word_id, order)
    assert asked[0][0] == 60
    assert 0 < asked[1][0] < 60  # only what was unsure is asked again
    assert asked[1][1] == 4 * asked[0][1]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_word_whose_leaves_are_each_behind_is_found(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several_leaves, "_LARGEST_SHARE", share)  # 0: all words are scored; 1: the search answers
    monkeypatch.setattr(several_leaves, "_FIRST_ROUND", 1)
    # The leaf of word 3 is the most probable one, the three of word 0 come to more together.
    t = Tree.from_links(np.array([~3, ~0, ~0, ~0, ~1, ~2]), np.array([6]))
    layer = Hierarchical(1, t)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.25, 0.2, 0.2, 0.2, 0.1, 0.05]).log())
    log_prob, word_id = layer.topk(torch.zeros(1, 1), 2)
    assert word_id.tolist() == [[0, 3]]
    torch.testing.assert_close(log_prob.exp(), torch.tensor([[0.6, 0.25]]))


def test_of_equals_the_lower_id_comes_first() -> None:
    t = tree.joined([tree.balanced(256), tree.random(256, 1)])
    layer = Hierarchical(2, t)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    assert layer.topk(torch.ones(1, 2), 5)[1].tolist() == [[0, 1, 2, 3, 4]]


def test_no_examples() -> None:
    log_prob, word_id = layer_of(TREES["binary"]).topk(torch.zeros(0, 8), 3)
    assert log_prob.shape == word_id.shape == (0, 3)


def overlapping(hidden_size: int, vocabulary: Any) -> Head:
    V = vocabulary.counts.size
    return hierarchical_softmax(hidden_size, vocabulary, tree=clustered(V))


class TestHead(HeadContract):
    """What every head must do, over a tree whose words have several leaves."""

    @pytest.fixture
    def recipe(self) -> Method:
        return own_method("several leaves", overlapping)
