"""Where the native kernel stands in for torch's convolution: it is used, and the answer is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from vastmax.characters import CharacterCNN, convolution
from vastmax.kernels import pattern_fit

WORDS = ["the", "cat", "cats", "a", "naïve", "<unk>", "antidisestablishmentarianism", "aaaa", "tat", "act"]


class Calls:
    """Counts the calls of the kernel's door, and how many of them kept places for a gradient."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.forward = self.backward = self.with_place = 0
        forward, backward = pattern_fit.forward, pattern_fit.backward

        def counted_forward(*args: Any, **kwargs: Any) -> None:
            self.forward += 1
            self.with_place += kwargs["place"] is not None
            forward(*args, **kwargs)

        def counted_backward(*args: Any, **kwargs: Any) -> None:
            self.backward += 1
            backward(*args, **kwargs)

        monkeypatch.setattr(pattern_fit, "forward", counted_forward)
        monkeypatch.setattr(pattern_fit, "backward", counted_backward)


def network(**options: Any) -> CharacterCNN:
    torch.manual_seed(0)
    found = CharacterCNN(WORDS, 6, **{"filters": {1: 3, 2: 20, 4: 37}, "symbol_size": 5, **options})
    torch.nn.init.normal_(found.pattern_bias)
    return found


def results(encoder: CharacterCNN, word_ids: Tensor) -> list[Tensor]:
    encoder.zero_grad()
    vectors = encoder(word_ids)
    vectors.backward(torch.randn(vectors.shape, generator=torch.Generator().manual_seed(1)))
    gradients = [parameter.grad for parameter in encoder.parameters()]
    return [vectors.detach(), *(gradient.clone() for gradient in gradients if gradient is not None)]


@pytest.mark.parametrize("options", [{}, {"filters": {3: 16}}, {"filters": {1: 1, 30: 2}, "symbol_size": 1}])
def test_the_kernel_gives_what_torch_gives(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch)
    encoder, word_ids = network(**options), torch.tensor([[1, 2, 1, 9], [6, 0, 5, 7]])
    native = results(encoder, word_ids)
    assert (calls.forward, calls.backward, calls.with_place) == (1, 1, 1)
    monkeypatch.setattr(convolution, "native_fit_takes", lambda *_: False)
    for ours, torchs in zip(native, results(encoder, word_ids), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=2e-5, atol=2e-6 * max(1.0, float(torchs.abs().max())))
    assert calls.forward == 1
    assert len(native) == 1 + len(list(encoder.parameters()))


def test_frozen_parameters_and_no_gradient_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch)
    encoder, word_ids = network(), torch.arange(len(WORDS))
    whole = results(encoder, word_ids)
    names = ["vectors", *(name for name, _ in encoder.named_parameters())]
    for frozen, learned in (("symbol", "patterns.2"), ("patterns", "symbol")):
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(not name.startswith(frozen))
        encoder.zero_grad()
        results(encoder, word_ids)
        gradient = encoder.get_parameter(learned).grad
        torch.testing.assert_close(gradient, whole[names.index(learned)])
        assert all(p.grad is None for name, p in encoder.named_parameters() if name.startswith(frozen))
    before = calls.with_place
    with torch.no_grad():
        torch.testing.assert_close(encoder(word_ids), whole[0])
    encoder.requires_grad_(False)
    torch.testing.assert_close(encoder(word_ids), whole[0])
    assert calls.with_place == before


def test_a_second_backward_pass_adds_the_same_again() -> None:
    encoder = network()
    total = encoder(torch.tensor([0, 3, 4])).sum()
    total.backward(retain_graph=True)
    once = encoder.symbol.grad
    assert once is not None
    once = once.clone()
    total.backward()
    torch.testing.assert_close(encoder.symbol.grad, 2 * once)


@pytest.mark.parametrize("convert", [lambda encoder: encoder.double(), lambda encoder: encoder.bfloat16()])
def test_other_dtypes_are_left_to_torch(
    convert: Callable[[CharacterCNN], CharacterCNN], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(monkeypatch)
    assert convert(network())(torch.tensor([1, 2])).isfinite().all()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network()(torch.tensor([1, 2])).isfinite().all()
    assert calls.forward == 0


def test_no_words_at_all() -> None:
    encoder = network()
    vectors = encoder(torch.zeros(0, dtype=torch.int64))
    vectors.sum().backward()
    assert vectors.shape == (0, 6)
    assert not encoder.symbol.grad.any()
