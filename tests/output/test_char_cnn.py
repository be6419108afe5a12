"""Vectors from spelling: against loops in float64, frozen against live, and as an input encoder."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vastmax import Head, objective, proposal
from vastmax.characters import CharacterCNN
from vastmax.errors import InputError
from vastmax.output import CharCNN, Dense, char_cnn
from vastmax.tensors.plain_memory import kernel_takes

WORDS = ["the", "cat", "cats", "a", "naïve", "<unk>", "antidisestablishmentarianism", "aaaa"]
BEGIN, END, UNKNOWN, NOTHING = 258, 256, 257, 259


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # these are small products: more threads only wait for each other


def reference_vector(network: CharacterCNN, word: str) -> np.ndarray:
    """The equation, one window and one pattern after the other."""
    value = {name: parameter.detach().double().numpy() for name, parameter in network.named_parameters()}
    symbols = [BEGIN, *([UNKNOWN] if word == "<unk>" else word.encode()), END]
    found = []
    for name in sorted((n for n in value if n.startswith("patterns.")), key=lambda n: int(n.split(".")[1])):
        width = int(name.split(".")[1])
        for pattern in value[name]:
            fits = []
            for begin in range(len(symbols)):
                window = (symbols[begin:] + [NOTHING] * width)[:width]
                fits.append(pattern @ value["symbol"][window].reshape(-1))
            found.append(max(fits))
    x = np.maximum(np.array(found) + value["pattern_bias"], 0)
    gate = 1 / (1 + np.exp(-(value["gate.weight"] @ x + value["gate.bias"])))
    transformed = np.maximum(value["transform.weight"] @ x + value["transform.bias"], 0)
    return value["project.weight"] @ (gate * transformed + (1 - gate) * x)


def small(seed: int = 0, **options: object) -> CharCNN:
    torch.manual_seed(seed)
    options = {"filters": {1: 3, 2: 4, 4: 5}, "symbol_size": 3, "dtype": torch.float64, **options}
    layer = CharCNN(6, WORDS, 2, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer


def test_vectors_are_those_of_the_equation() -> None:
    layer = small()
    weight, bias = layer.table()
    for word_id, word in enumerate(WORDS):
        corrected = (
            reference_vector(layer.spelling, word) + (layer.mix.weight @ layer.correction[word_id]).detach().numpy()
        )
        np.testing.assert_allclose(weight[word_id].detach().numpy(), corrected, rtol=1e-10)
    assert bias is layer.bias


def test_only_the_words_in_play_are_worked_out() -> None:
    layer = small()
    worked_out: list[int] = []
    original = layer.spelling.vectors
    layer.spelling.vectors = lambda word_ids: worked_out.extend(word_ids.tolist()) or original(word_ids)
    noise = proposal.Uniform(len(WORDS), unique=True)
    head = Head(layer, objective.SampledSoftmax(noise, num_samples=2))
    head(torch.randn(50, 6, dtype=torch.float64), torch.full((50,), 3)).backward()
    assert len(worked_out) == len(set(worked_out)) <= 3
    assert layer.correction.grad.is_sparse
    assert layer.bias.grad.is_sparse


def test_sampled_and_exact_gradients_agree_when_all_words_are_drawn() -> None:
    layer = small()
    twin = copy.deepcopy(layer)
    hidden, target = torch.randn(5, 6, dtype=torch.float64), torch.tensor([0, 3, 6, 7, 3])
    exact = Head(layer)(hidden, target)
    exact.backward()
    noise = proposal.Uniform(len(WORDS), unique=True)
    sampled = Head(twin, objective.SampledSoftmax(noise, num_samples=len(WORDS)))(hidden, target)
    sampled.backward()
    torch.testing.assert_close(sampled, exact)
    for mine, theirs in zip(layer.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad.to_dense())


def test_the_native_step_is_the_one_of_the_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = small(dtype=torch.float32)
    hidden, target = torch.randn(9, 6, requires_grad=True), torch.randint(len(WORDS), (9,))
    results = []
    for native in (True, False):
        asked: list[int] = []

        def takes(
            *tensors: torch.Tensor | None, native: bool = native, asked: list[int] = asked, **options: Any
        ) -> bool:
            asked.append(1)
            return native and kernel_takes(*tensors, **options)

        monkeypatch.setattr(char_cnn, "kernel_takes", takes)
        for build in (objective.SampledSoftmax, objective.NCE):
            head = Head(layer, build(proposal.Uniform(len(WORDS), unique=True), num_samples=4))
            head.zero_grad()
            hidden.grad = None
            loss = head(hidden, target, generator=torch.Generator().manual_seed(3))
            loss.backward()
            gradients = [hidden.grad, *(parameter.grad.to_dense() for parameter in head.output.parameters())]
            results.append((native, [loss.detach(), *gradients]))
        assert len(asked) == 2
    for (_, with_kernel), (_, without) in zip(results[:2], results[2:], strict=True):
        for mine, theirs in zip(with_kernel, without, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_the_loss() -> None:
    layer = small(sparse_gradients=False)
    hidden, target = torch.randn(3, 6, dtype=torch.float64, requires_grad=True), torch.tensor([1, 5, 7])
    parameters = list(layer.parameters())

    def loss(hidden: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        score, normaliser = layer.exact(hidden, target)
        return (score - normaliser).sum()

    assert torch.autograd.gradcheck(loss, (hidden, *parameters), fast_mode=True)


def test_frozen_equals_live() -> None:
    layer = small()
    hidden, target = torch.randn(9, 6, dtype=torch.float64), torch.randint(len(WORDS), (9,))
    layer.eval()
    live = [layer.log_prob(hidden), layer.log_prob(hidden, target), *layer.topk(hidden, 4)]
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    calls: list[int] = []
    layer.spelling.register_forward_pre_hook(lambda *_: calls.append(1))
    frozen = layer.freeze()
    assert frozen is layer
    original = layer.spelling.vectors
    layer.spelling.vectors = lambda *_: pytest.fail("the table is kept: nothing is to be worked out")
    kept = [layer.log_prob(hidden), layer.log_prob(hidden, target), *layer.topk(hidden, 4)]
    for before, after in zip(live, kept, strict=True):
        torch.testing.assert_close(after, before)
    rows = layer.select(torch.tensor([1, 4]))
    torch.testing.assert_close(rows.score(hidden), (hidden @ layer.table()[0].T + layer.bias)[:, [1, 4]])
    assert layer.state_dict().keys() == state.keys()
    layer.spelling.vectors = original
    with torch.no_grad():
        layer.spelling.project.weight.mul_(2)
    torch.testing.assert_close(layer.log_prob(hidden), live[0])  # as it was when it was frozen
    layer.train()
    assert layer.frozen_table is None
    assert not torch.allclose(layer.log_prob(hidden), live[0])
    layer.freeze().load_state_dict(state)
    torch.testing.assert_close(layer.log_prob(hidden), live[0])


def test_without_correction_words_spelled_alike_cannot_be_told_apart() -> None:
    torch.manual_seed(1)
    layer = CharCNN(8, ["ab", "ba", "ab "], 0, bias=False)
    assert layer.correction is None
    assert sum("correction" in name or "mix" in name for name, _ in layer.named_parameters()) == 0
    assert layer.extra_repr().startswith("8, 3, correction_size=0")
    weight, bias = layer.table()
    assert bias is None
    assert (weight[0] - weight[1]).abs().max() > 1e-6  # another order is another spelling


def test_parameters_are_few_for_many_words() -> None:
    words = [f"word{i}" for i in range(2_000)]
    size = 512
    layer = CharCNN(size, words)
    assert layer.correction.shape == (2_000, 64)
    dense = sum(p.numel() for p in Dense(size, 349_000).parameters())
    grown = sum(p.numel() for p in layer.parameters()) + 347_000 * 65  # a word's own: its correction and its bias
    assert grown < 0.35 * dense


def test_initial_scores_are_as_small_as_those_of_dense() -> None:
    torch.manual_seed(0)
    layer = CharCNN(256, [f"{i:x}word{i * i}" for i in range(2000)])
    scores = torch.randn(100, 256) @ layer.table()[0].T
    dense = torch.randn(100, 256) @ Dense(256, 2000).weight.T
    assert 0.2 < scores.std() / dense.std() < 5


def test_as_an_input_encoder() -> None:
    torch.manual_seed(0)
    encoder = CharacterCNN(WORDS, 6, filters={3: 8}, dtype=torch.float64)
    word_ids = torch.tensor([[1, 2, 1], [6, 0, 2]])
    vectors = encoder(word_ids)
    assert vectors.shape == (2, 3, 6)
    for place, word_id in np.ndenumerate(word_ids.numpy()):
        np.testing.assert_allclose(
            vectors[place].detach().numpy(), reference_vector(encoder, WORDS[word_id]), rtol=1e-9
        )
    vectors.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert encoder(torch.zeros(0, 4, dtype=torch.int64)).shape == (0, 4, 6)


def test_spellings_move_with_the_layer_and_stay_out_of_its_state() -> None:
    layer = small()
    assert not any("symbols" in name or "offsets" in name for name in layer.state_dict())
    assert layer.to(torch.bfloat16).spelling.symbols.dtype == torch.int16
    other = CharCNN(6, [w + "x" for w in WORDS], 2, filters={1: 3, 2: 4, 4: 5}, symbol_size=3, dtype=torch.float64)
    other.load_state_dict(layer.state_dict())  # what was learned of letters serves another vocabulary


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"correction_size": -1}, "correction_size is -1; expected a whole number from 0 to"),
        ({"filters": {}}, "filters is {}; expected widths and numbers of at least 1"),
        ({"filters": {0: 3}}, "filters is {0: 3}"),
        ({"symbol_size": 0}, "symbol_size is 0; expected a whole number from 1 to"),
        ({"hidden_size": 0}, "size is 0"),
        ({"words": ["a", "a"]}, "word 1, 'a', occurs twice"),
    ],
)
def test_bad_input(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CharCNN(**{"hidden_size": 4, "words": WORDS, **options})


def test_learns_words_by_their_form() -> None:
    """A model that saw 'walks' but never 'talks' as an answer prefers it to a word of another form."""
    torch.manual_seed(0)
    stems = ["walk", "jump", "help", "open", "talk", "turn", "play"]
    words = [stem + end for end in ("s", "ed") for stem in stems]
    layer = CharCNN(8, words, 0, bias=False)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
    form = nn.functional.one_hot(torch.tensor([0, 1]), 8).float() * math.sqrt(8)
    seen = torch.tensor([[0, 1, 2, 3], [7, 8, 9, 10]])  # the first four stems
    for _ in range(30):
        optimiser.zero_grad()
        Head(layer)(form[:, None].expand(2, 4, 8), seen).backward()
        optimiser.step()
    log_prob = layer.log_prob(form)
    assert log_prob[0, 4:7].mean() > log_prob[0, 11:].mean() + 1
    assert log_prob[1, 11:].mean() > log_prob[1, 4:7].mean() + 1
