"""Log-probabilities of a few words, entropy, temperature, and the options of cross-entropy: PyTorch's own, in tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from vastmax import Head
from vastmax.errors import InputError
from vastmax.objective import NCE, CrossEntropy, NegativeSampling
from vastmax.output import Adaptive, CharLSTM, Dense, Differentiated, FlatOutput, Given, Hierarchical, Output
from vastmax.output.linear import tiles
from vastmax.proposal import Uniform, Unigram
from vastmax.search import Certified
from vastmax.tree import huffman

V, D, M = 50, 8, 3
F64 = torch.float64
COUNTS = list(range(V, 0, -1))
LAYERS: dict[str, Callable[[], Output]] = {
    "Dense": lambda: Dense(D, V, dtype=F64),
    "Differentiated": lambda: Differentiated(D, COUNTS[::-1], [10, 40], [6, 2], dtype=F64),
    "Given": lambda: Given(nn.Embedding(V, D, dtype=F64), D, V, temperature=0.5, cosine=True),
    "Adaptive": lambda: Adaptive(D, COUNTS, [10], dtype=F64),
    "Hierarchical": lambda: Hierarchical(D, huffman(COUNTS), dtype=F64),
    "CharLSTM": lambda: CharLSTM(D, [f"w{i}" for i in range(V)], renormalise=True, dtype=F64),
}
FLAT = ["Dense", "Differentiated", "Given"]


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that every border is crossed."""
    monkeypatch.setattr(tiles, "_TILE_NUMEL_CPU", 2**10)
    monkeypatch.setattr(tiles, "_MAX_TILE_EXAMPLES_CPU", 4)
    monkeypatch.setattr("vastmax.output.base._SCORES_AT_ONCE", 2 * V)
    torch.manual_seed(0)
    torch.set_num_threads(1)


def drawn(name: str) -> Output:
    layer = LAYERS[name]()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(2, 3, D, dtype=F64, requires_grad=True), torch.randint(V, (2, 3, M))


def assert_same_gradients(mine: Tensor, theirs: Tensor, inputs: list[Tensor]) -> None:
    found, expected = (torch.autograd.grad(x, inputs, allow_unused=True) for x in (mine, theirs))
    for a, b in zip(found, expected, strict=True):
        a = torch.zeros(()) if a is None else a.to_dense() if a.is_sparse else a
        torch.testing.assert_close(a, torch.zeros_like(a) if b is None else b)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("name", LAYERS)
def test_equals_the_softmax_of_the_logits(name: str, temperature: float) -> None:
    layer = drawn(name)
    head = Head(layer).eval()
    hidden, word_ids = batch()
    found = head.log_prob(hidden, word_ids, temperature=temperature, return_entropy=True, return_log_normaliser=True)
    scores = head.logits(hidden, temperature=temperature)
    torch.testing.assert_close(scores, head.logits(hidden) / temperature)
    full = scores.log_softmax(-1)
    entropy = -(full.exp() * full).sum(-1)
    torch.testing.assert_close(found.log_prob, full.gather(-1, word_ids))
    torch.testing.assert_close(found.entropy, entropy)
    torch.testing.assert_close(found.log_normaliser, scores.logsumexp(-1))
    torch.testing.assert_close(head.log_prob(hidden, temperature=temperature), full)
    torch.testing.assert_close(
        head.log_prob(hidden, word_ids[..., 0], temperature=temperature), full.gather(-1, word_ids)[..., 0]
    )
    of_words, of_entropy = torch.randn_like(found.log_prob), torch.randn_like(entropy)
    mine = (found.log_prob * of_words).sum() + (found.entropy * of_entropy).sum()
    theirs = (full.gather(-1, word_ids) * of_words).sum() + (entropy * of_entropy).sum()
    assert_same_gradients(mine, theirs, [hidden, *layer.parameters()])


@pytest.mark.parametrize("name", FLAT)
def test_options_of_cross_entropy_are_those_of_torch(name: str) -> None:
    layer = drawn(name)
    weight = torch.rand(V, dtype=F64)
    options: dict[str, Any] = {"softcap": 2.0, "temperature": 0.8}
    objective = CrossEntropy(weight=weight, label_smoothing=0.1, z_loss=0.01, **options)
    head = Head(layer, objective)
    hidden, target = torch.randn(2, 3, D, dtype=F64, requires_grad=True), torch.randint(V, (2, 3))
    target[0, 1] = -100
    scores = 2 * torch.tanh(layer.logits(hidden.flatten(0, 1)) / 2) / 0.8
    counted = target.flatten() >= 0
    total = weight[target.flatten()[counted]].sum()
    expected = cross_entropy(scores, target.flatten(), weight, label_smoothing=0.1)
    expected = expected + 0.01 * scores.logsumexp(1)[counted].square().sum() / total
    torch.testing.assert_close(head(hidden, target), expected)
    assert_same_gradients(head(hidden, target), expected, [hidden, *layer.parameters()])
    head.eval()
    exact = cross_entropy(scores, target.flatten())
    torch.testing.assert_close(head(hidden, target), exact)
    best = scores.log_softmax(1).topk(4)
    log_prob, word_ids = head.topk(hidden, 4)
    torch.testing.assert_close(log_prob, best.values.view(2, 3, 4))
    assert word_ids.equal(best.indices.view(2, 3, 4))
    torch.testing.assert_close(head.logits(hidden).flatten(0, 1), scores)


@pytest.mark.parametrize("name", LAYERS)
def test_temperature_changes_what_is_drawn(name: str) -> None:
    head = Head(drawn(name)).eval()
    hidden = torch.randn(1, D, dtype=F64).expand(400, D)
    cold = head.sample(hidden, temperature=1e-3, generator=torch.Generator().manual_seed(1))
    assert cold.eq(head.topk(hidden[:1], 1)[1]).all()
    hot = head.sample(hidden, temperature=1e3, generator=torch.Generator().manual_seed(1))
    assert len(hot.unique()) > V * 0.9


def test_a_temperature_of_the_objective_and_one_of_the_call_multiply() -> None:
    head = Head(drawn("Dense"), CrossEntropy(softcap=3.0, temperature=2.0))
    hidden, _ = batch()
    plain = 3 * torch.tanh(head.output.logits(hidden.flatten(0, 1)) / 3)
    torch.testing.assert_close(head.logits(hidden, temperature=0.25).flatten(0, 1), plain / 0.5)


def test_after_negative_sampling_they_are_corrected() -> None:
    head = Head(drawn("Dense"), NegativeSampling(Unigram(COUNTS), 5))
    hidden, word_ids = batch()
    torch.testing.assert_close(head.log_prob(hidden, word_ids), head.log_prob(hidden).gather(-1, word_ids))
    torch.testing.assert_close(head.logits(hidden).log_softmax(-1), head.log_prob(hidden))


@pytest.mark.parametrize("training", [True, False])
def test_examples_are_weighted_under_any_objective(training: bool) -> None:
    head = Head(drawn("Dense"), NCE(Uniform(V), 5)).train(training)
    hidden, target = torch.randn(2, 3, D, dtype=F64), torch.randint(V, (2, 3))
    target[1, 0] = -100
    weight = torch.rand(2, 3, dtype=F64)
    generator = torch.Generator()
    each = head(hidden, target, reduction="none", generator=generator.manual_seed(1))
    loss = head(hidden, target, example_weight=weight, generator=generator.manual_seed(1))
    torch.testing.assert_close(loss, (each * weight).sum() / weight[target >= 0].sum())


def test_wrong_options_are_refused_in_words() -> None:
    head = Head(Dense(D, V))
    hidden, word_ids = torch.randn(2, D), torch.tensor([1, 2])
    for temperature in (0, -1.0, float("nan"), "hot"):
        with pytest.raises(InputError, match="temperature is"):
            head.log_prob(hidden, word_ids, temperature=temperature)
    with pytest.raises(InputError, match=r"target\[1, 0\] is 50; expected a word id in \[0, 50\)"):
        head.log_prob(hidden, torch.tensor([[1, 2], [V, 3]]))
    with pytest.raises(InputError, match="no words; pass at least one per example"):
        head.log_prob(hidden, torch.zeros(2, 0, dtype=torch.int64))
    with pytest.raises(InputError, match=r"example_weight has shape \(3,\); expected one number per example"):
        head(hidden, word_ids, example_weight=torch.ones(3))
    for option in ("z_loss", "softcap"):
        with pytest.raises(InputError, match=f"{option} is for scores with a normalizer"):
            Head(Hierarchical(D, huffman(COUNTS)), CrossEntropy(**{option: 1.0}))
    with pytest.raises(InputError, match=r"weight has shape \(3,\); expected one per word, \(50,\)"):
        Head(Dense(D, V), CrossEntropy(weight=torch.ones(3)))
    with pytest.raises(InputError, match=r"weight is list; expected a tensor"):
        CrossEntropy(weight=[1.0])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"label_smoothing is 1\.5"):
        CrossEntropy(label_smoothing=1.5)
    capped = Head(Dense(D, V), CrossEntropy(softcap=2.0)).eval()
    with pytest.raises(InputError, match="an index finds words by plain scores, but these are capped"):
        capped.topk(hidden, 2, search=Certified(Head(Dense(D, V)).eval()))


def test_flat_layers_never_hold_all_scores() -> None:
    """The largest tensor of forward and backward is the gradient of the table."""
    from torch.utils._python_dispatch import TorchDispatchMode

    vocab_size, largest = 4_000, []

    class Largest(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            largest.extend(
                x.numel() for x in (result if isinstance(result, tuple) else (result,)) if isinstance(x, Tensor)
            )
            return result

    head = Head(Dense(D, vocab_size), CrossEntropy(softcap=5.0))
    hidden, word_ids = torch.randn(64, D, requires_grad=True), torch.randint(vocab_size, (64, 2))
    with Largest():
        found = head.log_prob(hidden, word_ids, return_entropy=True)
        (found.log_prob.sum() + found.entropy.sum()).backward()
    assert max(largest) == vocab_size * D
    assert isinstance(head.output, FlatOutput)
