from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from reference_trees import log_probs
from vastmax import tree
from vastmax.errors import InputError
from vastmax.kernels.machine import available_targets
from vastmax.output.hierarchical import Hierarchical
from vastmax.output.linear.scan import topk_lowest_id_first
from vastmax.output.paths.native import native_best_first
from vastmax.tree import Tree

ZIPF = 1000 / np.arange(1, 301)


def bushy(vocab_size: int, seed: int) -> Tree:
    """A tree of random shape: uneven depths, any number of children."""
    rng = np.random.default_rng(seed)
    parts: list = [f"w{i}" for i in rng.permutation(vocab_size)]
    while len(parts) > 1:
        count = int(rng.integers(2, min(7, len(parts)) + 1))
        taken = sorted(rng.choice(len(parts), count, replace=False), reverse=True)
        parts.append([parts.pop(i) for i in taken])
    return tree.nested(parts, [f"w{i}" for i in range(vocab_size)])


def two_copies(vocab_size: int) -> Tree:
    """A Huffman tree and a random one under one root: every word has two leaves."""
    first, second = tree.huffman(ZIPF[:vocab_size]), tree.random(vocab_size, seed=4)
    M = vocab_size - 1
    shifted = [np.where(t.children < 0, t.children, t.children + at) for t, at in ((first, 1), (second, 1 + M))]
    return Tree.from_links(np.concatenate([[1, 1 + M], *shifted]), np.full(2 * M + 1, 2))


TREES = {
    "huffman": tree.huffman(ZIPF),
    "balanced": tree.balanced(37),
    "classes": tree.frequency_classes(ZIPF),
    "wide classes": tree.frequency_classes(ZIPF, 3),
    "bushy": bushy(90, seed=2),
    "flat": tree.nested([f"w{i}" for i in range(21)]),
    "two words": tree.balanced(2),
    "one word": tree.balanced(1),
    "copies": two_copies(40),
}


@pytest.fixture(params=TREES)
def any_tree(request: pytest.FixtureRequest) -> Tree:
    return TREES[request.param]


@pytest.fixture(params=available_targets())
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("VASTMAX_KERNEL", request.param)
    return request.param


def layer_of(t: Tree, D: int = 5, seed: int = 0, **options: object) -> Hierarchical:
    torch.manual_seed(seed)
    layer = Hierarchical(D, t, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.7)
    return layer


def twin(layer: Hierarchical) -> Hierarchical:
    """The same layer in float64, which no native kernel takes, with dense gradients."""
    other = copy.deepcopy(layer).double()
    other.sparse_gradients = False
    return other


def batch(layer: Hierarchical, N: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(N, layer.hidden_size, generator=generator, dtype=layer.weight.dtype, requires_grad=True)
    return hidden, torch.randint(layer.vocab_size, (N,), generator=generator)


# --- the mathematics ---------------------------------------------------------------------------------------------


def test_equals_the_reference(any_tree: Tree) -> None:
    layer = twin(layer_of(any_tree))
    hidden, word = batch(layer, 4)
    expected = np.stack(
        [
            log_probs(
                any_tree.children,
                any_tree.child_counts,
                any_tree.leaf_words,
                layer.weight.detach().numpy(),
                layer.bias.detach().numpy(),
                h,
            )
            for h in hidden.detach().numpy()
        ]
    )
    np.testing.assert_allclose(layer.log_prob(hidden).detach().numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(layer.exact(hidden, word)[0].detach().numpy(), expected[range(4), word], atol=1e-12)
    assert (layer.exact(hidden, word)[1] == 0).all()


@settings(max_examples=25, deadline=None)
@given(vocab_size=st.integers(1, 40), seed=st.integers(0, 10_000), D=st.integers(1, 40))
def test_every_tree_sums_to_one(vocab_size: int, seed: int, D: int) -> None:
    layer = layer_of(bushy(vocab_size, seed), D, seed)
    hidden, _ = batch(layer, 3, seed)
    words = torch.arange(vocab_size)
    each = layer.log_prob(hidden.repeat_interleave(vocab_size, 0), words.repeat(3)).view(3, vocab_size)
    torch.testing.assert_close(each.exp().sum(1), torch.ones(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(layer.log_prob(hidden), each, atol=1e-5, rtol=1e-5)


def test_two_leaves_are_a_sigmoid() -> None:
    layer = layer_of(tree.balanced(2))
    hidden, _ = batch(layer, 6)
    score = hidden @ layer.weight[0] + layer.bias[0]
    for word, sign in ((0, -1), (1, 1)):
        torch.testing.assert_close(layer.log_prob(hidden, torch.full((6,), word)), functional.logsigmoid(sign * score))


def test_depth_one_is_the_plain_softmax() -> None:
    layer = layer_of(TREES["flat"])
    hidden, word = batch(layer, 6)
    scores = functional.linear(hidden, layer.weight, layer.bias)
    torch.testing.assert_close(-layer.exact(hidden, word)[0], functional.cross_entropy(scores, word, reduction="none"))
    torch.testing.assert_close(layer.log_prob(hidden), scores.log_softmax(1))


def test_football_has_the_product_of_its_three_choices() -> None:
    t = tree.nested({"sports": {"ball games": ["Football", "golf"], "other": ["chess"]}, "music": ["piano"]})
    layer = layer_of(t)
    hidden, _ = batch(layer, 1)
    path = t.path("Football")
    product = 1.0
    for node, branch in zip(path.nodes, path.branches, strict=True):
        edges = slice(t.child_offsets[node], t.child_offsets[node + 1])
        product *= functional.linear(hidden, layer.weight[edges], layer.bias[edges]).softmax(1)[0, branch].item()
    assert len(path.nodes) == 3
    assert layer.log_prob(hidden, torch.tensor([t.words.index("Football")])).exp().item() == pytest.approx(product)


def test_scores_far_from_zero_are_exact(target: str) -> None:
    layer = layer_of(tree.balanced(2), D=1)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.zero_()
    hidden = torch.tensor([[-100.0], [-20.0], [20.0], [100.0], [1e30]])
    left, right = (layer.log_prob(hidden, torch.full((5,), word)) for word in (0, 1))
    torch.testing.assert_close(right[:2], torch.tensor([-100.0, -20.0]))
    torch.testing.assert_close(left[2:], torch.tensor([-20.0, -100.0, -1e30]))
    assert right[2].item() == pytest.approx(-2.06e-9, rel=1e-2)  # not rounded to zero
    assert right[4].item() == 0


# --- the native kernels against plain torch in float64 -----------------------------------------------------------


@pytest.mark.parametrize(("D", "threads"), [(1, 1), (67, 2), (256, 1)])
def test_native_equals_torch(any_tree: Tree, target: str, D: int, threads: int) -> None:
    layer = layer_of(any_tree, D)
    with torch.no_grad():
        layer.weight /= D**0.5
    reference = twin(layer)
    hidden, word = batch(layer, 150)
    word = torch.where(torch.arange(150) % 3 == 0, word, word % 7 % layer.vocab_size)  # crowded nodes, and lonely ones
    upstream = torch.randn(150, generator=torch.Generator().manual_seed(5))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        mine = layer.exact(hidden, word)[0]
        mine.backward(upstream)
    finally:
        torch.set_num_threads(before)
    precise = hidden.detach().double().requires_grad_()
    theirs = reference.exact(precise, word)[0]
    theirs.backward(upstream.double())
    for a, b in (
        (mine, theirs),
        (hidden.grad, precise.grad),
        (layer.weight.grad, reference.weight.grad),
        (layer.bias.grad, reference.bias.grad),
    ):
        if b is None:  # no parameters: one word
            assert a.to_dense().numel() == 0
        else:
            torch.testing.assert_close(a.to_dense().double(), b.to_dense(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("t", [tree.random(6000, seed=1), bushy(9000, seed=5)], ids=["binary", "bushy"])
def test_native_equals_torch_on_thousands_of_nodes(t: Tree) -> None:
    assert t.num_nodes > 2048  # more than one digit of the counting sort
    layer = layer_of(t, 3)
    reference = twin(layer)
    hidden, word = batch(layer, 500)
    precise = hidden.detach().double().requires_grad_()
    for each, h in ((layer, hidden), (reference, precise)):
        each.exact(h, word)[0].sum().backward()
    torch.testing.assert_close(hidden.grad.double(), precise.grad, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer.weight.grad.to_dense().double(), reference.weight.grad, atol=1e-5, rtol=1e-5)
    row = layer.weight.grad._indices()[0]
    assert (row[1:] > row[:-1]).all()


@pytest.mark.parametrize("kind", ["huffman", "classes"])
def test_threads_change_nothing(kind: str) -> None:
    layer = layer_of(TREES[kind], 128)
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        layer.zero_grad()
        hidden, word = batch(layer, 2000)
        loss = layer.exact(hidden, word)[0]
        loss.sum().backward()
        results.append([loss.detach(), hidden.grad, layer.weight.grad.to_dense(), layer.bias.grad.to_dense()])
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


SMALL_TREES = {
    "huffman": tree.huffman(ZIPF[:7]),
    "classes": tree.frequency_classes(ZIPF[:30], 4),  # wide enough for products of their own
    "bushy": bushy(8, seed=3),
    "copies": two_copies(4),
    "two words": tree.balanced(2),
}


@pytest.mark.parametrize("kind", SMALL_TREES)
def test_gradients_by_finite_differences(kind: str) -> None:
    layer = twin(layer_of(SMALL_TREES[kind], 2))
    hidden, word = batch(layer, 6)
    layer.forward = lambda h: layer.exact(h, word)[0]  # type: ignore[method-assign]

    def loss(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (h,))

    assert torch.autograd.gradcheck(loss, (hidden, layer.weight, layer.bias))


@pytest.mark.parametrize("kind", SMALL_TREES)
def test_all_words_at_once_by_finite_differences(kind: str) -> None:
    layer = twin(layer_of(SMALL_TREES[kind], 2))
    hidden, _ = batch(layer, 2)
    layer.forward = layer.log_prob  # type: ignore[method-assign]

    def log_prob(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (h,))

    assert torch.autograd.gradcheck(log_prob, (hidden, layer.weight, layer.bias))


def test_sparse_gradients_are_the_dense_ones(any_tree: Tree) -> None:
    layer = layer_of(any_tree, 3).double()
    dense = twin(layer)
    hidden, word = batch(layer, 9)
    for each in (layer, dense):
        each.exact(hidden, word)[0].sum().backward()
    if any_tree.num_nodes:
        assert layer.weight.grad.is_sparse
        assert not dense.weight.grad.is_sparse
        torch.testing.assert_close(layer.weight.grad.to_dense(), dense.weight.grad)
        torch.testing.assert_close(layer.bias.grad.to_dense(), dense.bias.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["huffman", "classes", "bushy"])
def test_only_what_a_batch_touches_gets_a_gradient(kind: str, dtype: torch.dtype) -> None:
    t = TREES[kind]
    layer = layer_of(t, dtype=dtype)
    hidden, _ = batch(layer, 3)
    word = torch.tensor([0, 17, 17])
    layer.exact(hidden, word)[0].sum().backward()
    nodes = sorted({n for w in (0, 17) for n in t.path(w).nodes})
    rows = nodes if t.is_binary else [e for n in nodes for e in range(t.child_offsets[n], t.child_offsets[n + 1])]
    for gradient in (layer.weight.grad, layer.bias.grad):
        assert gradient.is_sparse
        assert gradient._indices().tolist() == [rows]  # ascending, each once: nothing is left to coalesce


def test_gradients_that_are_not_wanted_are_not_made() -> None:
    for kind in ("huffman", "classes"):
        layer = layer_of(TREES[kind])
        hidden, word = batch(layer, 3)
        layer.exact(hidden.detach(), word)[0].sum().backward()
        assert layer.weight.grad is not None
        layer.zero_grad()
        layer.requires_grad_(False)
        layer.exact(hidden, word)[0].sum().backward()
        assert hidden.grad is not None
        assert layer.weight.grad is None
        with torch.no_grad():
            assert not layer.exact(hidden, word)[0].requires_grad


def test_without_bias_and_with_dense_gradients() -> None:
    for kind in ("huffman", "classes"):
        layer = layer_of(TREES[kind], bias=False, sparse_gradients=False)
        reference = twin(layer)
        hidden, word = batch(layer, 5)
        layer.exact(hidden, word)[0].sum().backward()
        reference.exact(hidden.detach().double(), word)[0].sum().backward()
        assert layer.bias is None
        assert not layer.weight.grad.is_sparse
        torch.testing.assert_close(layer.weight.grad.double(), reference.weight.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["huffman", "classes"])
def test_divergence_shows(kind: str, target: str) -> None:
    layer = layer_of(TREES[kind])
    hidden, word = batch(layer, 4)
    with torch.no_grad():
        hidden[2, 1] = torch.nan
    loss = layer.exact(hidden, word)[0]
    assert loss.isnan().tolist() == [False, False, True, False]


def test_words_with_several_leaves_add_them_up() -> None:
    t = TREES["copies"]
    layer = layer_of(t)
    hidden, word = batch(layer, 20)
    single = layer_of(tree.huffman(ZIPF[:40]))
    assert layer.weight.shape[0] == 2 * single.weight.shape[0] + 1
    torch.testing.assert_close(layer.log_prob(hidden).exp().sum(1), torch.ones(20), atol=1e-5, rtol=0)
    torch.testing.assert_close(layer.exact(hidden, word)[0], layer.log_prob(hidden)[range(20), word])
    log_prob, word_id = layer.topk(hidden, 3)
    torch.testing.assert_close(log_prob, layer.log_prob(hidden).topk(3).values)
    assert word_id.max() < 40


# --- queries -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 4, 20])
def test_the_best_words_are_those_of_brute_force(any_tree: Tree, target: str, k: int) -> None:
    k = min(k, any_tree.vocab_size)
    layer = layer_of(any_tree, 19)
    hidden, _ = batch(layer, 30)
    expected, order = twin(layer).log_prob(hidden.detach().double()).topk(k, dim=1)
    log_prob, word_id = layer.topk(hidden, k)
    torch.testing.assert_close(log_prob.double(), expected, atol=1e-5, rtol=1e-5)
    apart = (expected.diff(dim=1).abs() > 1e-4).all(dim=1) if k > 1 else torch.ones(30, dtype=torch.bool)
    assert torch.equal(word_id[apart], order[apart])
    assert apart.sum() > 15


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["balanced", "classes", "flat"])
def test_of_equals_the_lower_id_comes_first(kind: str, dtype: torch.dtype) -> None:
    layer = Hierarchical(4, TREES[kind], dtype=dtype)
    with torch.no_grad():
        layer.weight.zero_()
    hidden = torch.randn(3, 4, dtype=dtype)
    brute_force = layer.log_prob(hidden).sort(dim=1, descending=True, stable=True)
    for k in (1, 5, 20):
        log_prob, word_id = layer.topk(hidden, k)
        assert torch.equal(word_id, brute_force.indices[:, :k])
        torch.testing.assert_close(log_prob, brute_force.values[:, :k])


def test_an_inner_node_as_good_as_a_leaf_is_unfolded_first() -> None:
    # Word 1 is a leaf of the root; word 0 lies under a node of one child, so it is just as probable.
    t = tree.nested(["w1", ["w0"], "w2"], ["w0", "w1", "w2"])
    layer = Hierarchical(2, t)
    with torch.no_grad():
        layer.weight.zero_()
    assert layer.topk(torch.ones(1, 2), 2)[1].tolist() == [[0, 1]]


def test_topk_lowest_id_first() -> None:
    log_prob = torch.tensor([[1.0, 3.0, 2.0, 3.0, 2.0, 2.0], [0.0] * 6])
    value, word_id = topk_lowest_id_first(log_prob, 4)
    assert word_id.tolist() == [[1, 3, 2, 4], [0, 1, 2, 3]]
    assert value.tolist() == [[3, 3, 2, 2], [0, 0, 0, 0]]


def test_best_first_unfolds_little_of_a_sharp_distribution() -> None:
    t = tree.balanced(4096)
    layer = layer_of(t, 32)
    with torch.no_grad():
        layer.weight *= 2
    hidden, _ = batch(layer, 50)
    _, _, unfolded = native_best_first(layer._arrays(), hidden, layer.weight, layer.bias, 1)
    assert unfolded.min() >= t.max_depth
    assert unfolded.float().mean() < 60


def test_samples_follow_the_distribution() -> None:
    for kind in ("huffman", "classes", "bushy", "copies"):
        layer = layer_of(TREES[kind])
        hidden, _ = batch(layer, 1)
        generator = torch.Generator().manual_seed(3)
        draws = 10_000
        word_id = layer.sample(hidden.expand(draws, -1), generator=generator)
        p = layer.log_prob(hidden)[0].exp().double()
        often = p * draws > 8
        expected = torch.cat([p[often], p[~often].sum()[None]]) * draws
        found = torch.bincount(word_id, minlength=p.shape[0])
        observed = torch.cat([found[often], found[~often].sum()[None]])
        keep = expected > 0
        statistic = ((observed - expected) ** 2 / expected)[keep].sum().item()
        freedom = int(keep.sum()) - 1
        assert statistic < freedom + 5 * (2 * freedom) ** 0.5
        assert torch.equal(word_id, layer.sample(hidden.expand(draws, -1), generator=generator.manual_seed(3)))


def test_losses_by_depth_add_up(any_tree: Tree) -> None:
    layer = twin(layer_of(any_tree))
    hidden, word = batch(layer, 12)
    by_depth = layer.loss_by_depth(hidden, word)
    assert by_depth.shape == (any_tree.max_depth,)
    if any_tree.one_leaf_a_word:
        torch.testing.assert_close(by_depth.sum(), -layer.exact(hidden, word)[0].mean().detach())
    else:  # the best leaf alone is worth less than all of them
        assert by_depth.sum() >= -layer.exact(hidden, word)[0].mean()
    first = any_tree.path(int(word[0]))
    if len(set(word.tolist())) > 1 and any_tree.one_leaf_a_word:
        alone = layer.loss_by_depth(hidden[:1], word[:1])
        assert (alone[len(first.nodes) :] == 0).all()


# --- the life of a layer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["huffman", "balanced", "classes", "bushy", "copies"])
def test_biases_from_counts_are_the_unigram_law(kind: str) -> None:
    t = TREES[kind]
    counts = ZIPF[: t.vocab_size]
    layer = Hierarchical(3, t, counts=counts)
    log_prob = layer.log_prob(torch.zeros(1, 3))[0].exp()
    torch.testing.assert_close(log_prob, torch.from_numpy(counts / counts.sum()).float(), atol=1e-5, rtol=1e-4)


def test_weights_of_another_tree_are_refused() -> None:
    state = layer_of(tree.random(30, seed=1)).state_dict()
    with pytest.raises(RuntimeError, match="weight was trained with another tree"):
        layer_of(tree.random(30, seed=2)).load_state_dict(state)
    same = layer_of(tree.random(30, seed=1), seed=5)
    same.load_state_dict(state)
    assert torch.equal(same.weight, state["weight"])
    assert sorted(state) == ["bias", "tree_checksum", "weight"]


def test_copies_and_pickles() -> None:
    layer = layer_of(TREES["huffman"])
    hidden, word = batch(layer, 3)
    expected = layer.log_prob(hidden, word)
    assert copy.deepcopy(layer).tree is layer.tree
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other.log_prob(hidden, word), expected)


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="hidden_size is 0"):
        Hierarchical(0, tree.balanced(3))
    with pytest.raises(InputError, match="found 4 counts for 3 words"):
        Hierarchical(2, tree.balanced(3), counts=[1, 2, 3, 4])
    with pytest.raises(InputError, match="bias=False leaves them out"):
        Hierarchical(2, tree.balanced(3), counts=[1, 2, 3], bias=False)


def test_sparse_gradients_want_a_leaf_parameter() -> None:
    layer = layer_of(tree.balanced(5))
    torch.nn.utils.parametrizations.weight_norm(layer)
    hidden, word = batch(layer, 2)
    with pytest.raises(InputError, match="sparse_gradients=False"):
        layer.exact(hidden, word)
