"""Words letter by letter: against a loop over letters, over all strings, and against brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from chance import chi_square_p_value
from vastmax import Head
from vastmax.errors import InputError
from vastmax.output import CharLSTM, char_lstm

WORDS = ["to", "too", "tool", "a", "at", "<unk>", "é", "zebra"]
END, UNKNOWN = 256, 257


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # these are small products: more threads only wait for each other


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def reference_log_prob(layer: CharLSTM, hidden: np.ndarray, symbols: list[int]) -> float:
    """log p of a string of symbols, END included, one step after the other."""
    value = {name: parameter.detach().double().numpy() for name, parameter in layer.named_parameters()}
    H = value["state_gates"].shape[1]
    started = value["start.weight"] @ hidden + value["start.bias"]
    state, cell = np.tanh(started[:H]), started[H:]
    total = 0.0
    for symbol in symbols:
        scores = value["next_symbol.weight"] @ state + value["next_symbol.bias"]
        total += scores[symbol] - math.log(math.fsum(np.exp(scores)))
        enter, forget, candidate, leave = np.split(value["symbol_gates"][symbol] + value["state_gates"] @ state, 4)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(candidate)
        state = sigmoid(leave) * np.tanh(cell)
    return total


def spell(word: str) -> list[int]:
    return [*([UNKNOWN] if word == "<unk>" else word.encode()), END]


def layer_of(words: list[str] = WORDS, *, renormalise: bool = False, seed: int = 0) -> CharLSTM:
    torch.manual_seed(seed)
    layer = CharLSTM(5, words, renormalise=renormalise, state_size=4, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        letters = torch.tensor(sorted({symbol for word in words for symbol in spell(word)}))
        layer.next_symbol.bias[letters] += 6  # or else nearly all strings are noise
    return layer


def test_probabilities_are_products_over_letters() -> None:
    layer = layer_of()
    hidden = torch.randn(3, 5, dtype=torch.float64)
    expected = [[reference_log_prob(layer, h, spell(word)) for word in WORDS] for h in hidden.numpy()]
    np.testing.assert_allclose(layer.log_prob(hidden).detach().numpy(), expected, rtol=1e-10)
    target = torch.tensor([2, 5, 7])
    np.testing.assert_allclose(
        layer.log_prob(hidden, target).detach().numpy(), [expected[n][t] for n, t in enumerate(target)], rtol=1e-10
    )


def test_all_strings_together_have_probability_one() -> None:
    """Over an alphabet of three: all strings of up to n letters, and those that go on, sum to one."""
    layer = layer_of(["a", "ba", "cab"])
    with torch.no_grad():
        layer.next_symbol.bias.fill_(-1e9)
        layer.next_symbol.bias[torch.tensor([END, *b"abc"])] = 0
    hidden = np.array([0.3, -1, 0.5, 0.1, 2])
    total = 0.0
    for length in range(6):
        for letters in itertools.product(b"abc", repeat=length):
            total += math.exp(reference_log_prob(layer, hidden, [*letters, END]))
    total += sum(
        math.exp(reference_log_prob(layer, hidden, list(letters))) for letters in itertools.product(b"abc", repeat=6)
    )
    assert total == pytest.approx(1, abs=1e-9)
    mass = sum(math.exp(reference_log_prob(layer, hidden, spell(word))) for word in ("a", "ba", "cab"))
    assert layer.log_mass(torch.from_numpy(hidden)[None]).exp().item() == pytest.approx(mass, rel=1e-9)
    assert mass < 0.9


def test_renormalising_divides_by_the_mass_of_the_words() -> None:
    plain, normalised = layer_of(), layer_of(renormalise=True)
    hidden, target = torch.randn(4, 5, dtype=torch.float64), torch.tensor([0, 3, 5, 6])
    assert normalised.normalised
    assert not plain.normalised
    mass = plain.log_prob(hidden).logsumexp(1)
    assert (mass < -0.01).all()
    torch.testing.assert_close(plain.log_mass(hidden), mass)
    torch.testing.assert_close(normalised.log_prob(hidden), plain.log_prob(hidden) - mass[:, None])
    torch.testing.assert_close(normalised.log_prob(hidden, target), plain.log_prob(hidden, target) - mass)
    head = Head(normalised)
    torch.testing.assert_close(head(hidden, target, reduction="none"), -plain.log_prob(hidden, target))  # training
    torch.testing.assert_close(head.eval()(hidden, target, reduction="none"), -normalised.log_prob(hidden, target))


@pytest.mark.parametrize("at_once", [1, 3, 2**14])
def test_a_walk_in_pieces_is_the_same_walk(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    layer = layer_of()
    hidden = torch.randn(4, 5, dtype=torch.float64)
    expected, best = layer.log_prob(hidden), layer.log_prob(hidden).topk(3)
    monkeypatch.setattr(char_lstm, "_PREFIXES_AT_ONCE", at_once)
    monkeypatch.setattr(char_lstm, "_SCORES_AT_ONCE", at_once)
    torch.testing.assert_close(layer.log_prob(hidden), expected)
    log_prob, word_id = layer.topk(hidden, 3)
    torch.testing.assert_close(log_prob, best.values)
    assert word_id.equal(best.indices)
    torch.testing.assert_close(layer.log_mass(hidden), expected.logsumexp(1))


def test_topk_leaves_out_what_cannot_win(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    words = sorted({"".join(random.choice(list("abcdefgh"), random.integers(1, 7))) for _ in range(600)})
    torch.manual_seed(3)
    layer = CharLSTM(16, words, dtype=torch.float64)
    with torch.no_grad():
        layer.next_symbol.bias[torch.tensor([END, *b"abcdefgh"])] += 6
        layer.next_symbol.weight *= 8
    hidden = torch.randn(3, 16, dtype=torch.float64)
    monkeypatch.setattr(char_lstm, "_PREFIXES_AT_ONCE", 32)
    walked = [0, 0]
    step = layer._step
    for search in (0, 1):

        def counted(symbol: torch.Tensor, state: char_lstm._State, search: int = search) -> char_lstm._State:
            walked[search] += len(symbol)
            return step(symbol, state)

        monkeypatch.setattr(layer, "_step", counted)
        if search == 0:
            expected = layer.log_prob(hidden).topk(5)
        else:
            log_prob, word_id = layer.topk(hidden, 5)
    assert word_id.equal(expected.indices)
    torch.testing.assert_close(log_prob, expected.values)
    assert walked[1] < walked[0] / 4


def test_gradients_are_those_of_the_loss() -> None:
    layer = layer_of()
    hidden = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([2, 5, 7])

    def loss(hidden: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return layer.exact(hidden, target)[0].sum()

    assert torch.autograd.gradcheck(loss, (hidden, *layer.parameters()), fast_mode=True)
    renormalised = layer_of(renormalise=True).eval()
    assert torch.autograd.gradcheck(lambda h: renormalised.log_prob(h, target), (hidden,), fast_mode=True)


def test_strings_are_drawn_with_their_probability() -> None:
    layer = layer_of(["a", "b", "ab", "ba"], seed=2)
    with torch.no_grad():
        layer.next_symbol.bias.fill_(-1e9)
        layer.next_symbol.bias[torch.tensor([END, *b"ab"])] = 0
    hidden = torch.tensor([[0.5, -1, 0.2, 0.1, 1]], dtype=torch.float64)
    draws = 4000
    generator = torch.Generator().manual_seed(5)
    strings = layer.sample_strings(hidden.expand(draws, -1), generator=generator)
    cells = ["", "a", "b", "aa", "ab", "ba", "bb"]
    expected = [math.exp(reference_log_prob(layer, hidden[0].numpy(), [*cell.encode(), END])) for cell in cells]
    observed = [strings.count(cell) for cell in cells]
    observed.append(draws - sum(observed))
    expected.append(1 - math.fsum(expected))
    assert chi_square_p_value(observed, np.array(expected) * draws) > 1e-3


def test_strings_end_at_the_limit_and_spell_the_unknown_word() -> None:
    layer = layer_of()
    hidden = torch.zeros(2, 5, dtype=torch.float64)
    with torch.no_grad():
        layer.next_symbol.bias.fill_(-1e9)
        layer.next_symbol.bias[ord("x")] = 0
    assert layer.sample_strings(hidden, max_length=7) == ["x" * 7] * 2
    with torch.no_grad():
        layer.next_symbol.bias[ord("x")] = -1e9
        layer.next_symbol.bias[UNKNOWN] = 0
    assert layer.sample_strings(hidden, max_length=1) == ["<unk>"] * 2
    with torch.no_grad():
        layer.next_symbol.bias[UNKNOWN] = -1e9
        layer.next_symbol.bias[0xFF] = 0
    assert layer.sample_strings(hidden, max_length=1) == ["�"] * 2
    assert layer.sample_strings(hidden[:0]) == []


def test_learns_to_spell() -> None:
    torch.manual_seed(0)
    layer = CharLSTM(8, WORDS, renormalise=True)
    head = Head(layer)
    hidden = torch.eye(8)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        head(hidden, torch.arange(8)).backward()
        optimiser.step()
    assert head.topk(hidden, 1)[1].flatten().equal(torch.arange(8))
    assert layer.log_mass(hidden).exp().min() > 0.8


def test_bad_input() -> None:
    with pytest.raises(InputError, match="hidden_size is 0; expected a whole number from 1 to"):
        CharLSTM(0, WORDS)
    with pytest.raises(InputError, match="state_size is -1; expected a whole number from 1 to"):
        CharLSTM(4, WORDS, state_size=-1)
    with pytest.raises(InputError, match="word 1, 'a', occurs twice"):
        CharLSTM(4, ["a", "a"])
