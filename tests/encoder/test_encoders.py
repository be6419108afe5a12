"""Encoders: no look ahead, a text in parts is the text, sparse gradients, and the equations of the small ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from vastmax.encoder import LSTM, Encoder, FeedForward, LogBilinear, Transformer
from vastmax.encoder.transformer import _rotation
from vastmax.errors import InputError

V, D = 23, 8
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "log-bilinear": lambda: LogBilinear(V, D, context_size=3),
    "log-bilinear, one word": lambda: LogBilinear(V, D, context_size=1),
    "feed-forward": lambda: FeedForward(V, D, embedding_size=5, context_size=4, num_layers=2),
    "lstm": lambda: LSTM(V, D, embedding_size=6, num_layers=2),
    "transformer": lambda: Transformer(V, D, num_heads=2),
    "transformer with memory": lambda: Transformer(V, D, num_heads=2, num_layers=1, memory_size=50),
}


@pytest.fixture(params=sorted(ENCODERS))
def encoder(request: pytest.FixtureRequest) -> Encoder:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return ENCODERS[request.param]().double()


def test_a_hidden_vector_knows_its_word_and_those_before(encoder: Encoder) -> None:
    word_ids = torch.randint(V, (2, 9))
    hidden, _ = encoder(word_ids)
    assert hidden.shape == (2, 9, encoder.hidden_size)
    changed = word_ids.clone()
    changed[0, 5] = (changed[0, 5] + 1) % V
    other, _ = encoder(changed)
    torch.testing.assert_close(other[0, :5], hidden[0, :5])
    torch.testing.assert_close(other[1], hidden[1])
    assert not torch.allclose(other[0, 5], hidden[0, 5])


def test_a_text_in_parts_is_the_text(encoder: Encoder) -> None:
    if isinstance(encoder, Transformer) and encoder.memory_size == 0:
        pytest.skip("it sees the part alone")
    word_ids = torch.randint(V, (3, 11))
    whole, _ = encoder(word_ids)
    state, parts = None, []
    for part in word_ids.split([4, 1, 6], dim=1):
        hidden, state = encoder(part, state)
        parts.append(hidden)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    fresh, _ = encoder(word_ids, encoder.start(3))
    torch.testing.assert_close(fresh, whole)


def test_states_hold_no_gradient(encoder: Encoder) -> None:
    _, state = encoder(torch.randint(V, (2, 4)))
    assert all(not part.requires_grad and len(part) == 2 for part in state)


def test_only_the_words_read_get_a_gradient(encoder: Encoder) -> None:
    word_ids = torch.tensor([[3, 7, 3]])
    hidden, _ = encoder(word_ids)
    hidden.square().sum().backward()
    gradient = encoder.embedding.weight.grad
    assert gradient is not None
    assert gradient.is_sparse
    allowed = {3, 7, getattr(encoder, "padding_id", 3)}
    assert set(gradient.coalesce().indices()[0].tolist()) <= allowed
    for parameter in encoder.parameters():
        assert parameter.grad is not None


def test_log_bilinear_is_its_equation() -> None:
    torch.manual_seed(0)
    encoder = LogBilinear(V, D, context_size=2, padding_id=4)
    torch.nn.init.normal_(encoder.place)
    hidden, _ = encoder(torch.tensor([[5, 7]]))
    r, c = encoder.embedding.weight, encoder.place
    torch.testing.assert_close(hidden[0, 0], c[0] * r[4] + c[1] * r[5])
    torch.testing.assert_close(hidden[0, 1], c[0] * r[5] + c[1] * r[7])


def test_feed_forward_is_its_equation() -> None:
    torch.manual_seed(0)
    encoder = FeedForward(V, D, embedding_size=3, context_size=2)
    hidden, _ = encoder(torch.tensor([[5, 7]]))
    r, linear = encoder.embedding.weight, encoder.layers[0]
    expected = torch.tanh(linear.weight @ torch.cat([r[5], r[7]]) + linear.bias)
    torch.testing.assert_close(hidden[0, 1], expected)


def test_only_distances_matter_to_a_transformer() -> None:
    """A layer computes the same of words at places 0, 1, 2 and of the same words at 5, 6, 7."""
    torch.manual_seed(0)
    encoder = Transformer(V, D, num_heads=2, num_layers=1).double().eval()
    layer = encoder.layers[0]
    words = encoder.embedding(torch.tensor([[1, 2, 3]]))
    cos, sin = _rotation(8, layer.head_size, words)
    here = layer(words, (cos[:3], sin[:3]))
    later = layer(words, (cos[5:], sin[5:]))
    torch.testing.assert_close(here, later)


def test_a_transformer_is_its_equations() -> None:
    """One layer written out: pairs of numbers as complex ones, turned by place · 10000^(−2i/d)."""
    torch.manual_seed(0)
    encoder = Transformer(V, D, num_heads=2, num_layers=1).double()
    torch.nn.init.normal_(encoder.embedding.weight)
    word_ids = torch.tensor([[1, 2, 3, 2, 9, 4, 4]])
    layer, x = encoder.layers[0], encoder.embedding(word_ids)[0]
    head_size = D // 2
    query, key, value = layer.query_key_value(layer.attention_norm(x)).view(-1, 3, 2, head_size).unbind(1)
    speed = 10_000.0 ** (-2 * torch.arange(head_size // 2, dtype=torch.float64) / head_size)

    def turned(vector: torch.Tensor, place: int) -> torch.Tensor:
        return torch.complex(*vector.chunk(2)) * torch.exp(1j * place * speed)

    heads = torch.zeros(len(x), 2, head_size, dtype=torch.float64)
    for t in range(len(x)):
        for h in range(2):
            own = turned(query[t, h], t)
            scores = [(own * turned(key[s, h], s).conj()).real.sum() / head_size**0.5 for s in range(t + 1)]
            heads[t, h] = torch.stack(scores).softmax(0) @ value[: t + 1, h]
    x = x + layer.attention_output(heads.flatten(1))
    x = x + layer.network(layer.network_norm(x))
    torch.testing.assert_close(encoder(word_ids)[0][0], encoder.norm(x), rtol=1e-6, atol=1e-6)


def test_an_lstm_drops_between_its_layers_too() -> None:
    word_ids = torch.randint(V, (1, 5))
    for num_layers in (1, 2):
        encoder = LSTM(V, D, num_layers=num_layers, dropout=0.5)
        encoder.dropout.p = 0.0
        assert torch.equal(encoder(word_ids)[0], encoder(word_ids)[0]) == (num_layers == 1)


def test_dropout_is_for_training_only() -> None:
    for encoder in (kind(V, D, dropout=0.5) for kind in (LSTM, Transformer, FeedForward, LogBilinear)):
        word_ids = torch.randint(V, (1, 5))
        assert not torch.equal(encoder(word_ids)[0], encoder(word_ids)[0])
        encoder.eval()
        torch.testing.assert_close(encoder(word_ids)[0], encoder(word_ids)[0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LogBilinear(0, D), "vocab_size is 0; expected a whole number from 1 to"),
        (lambda: LogBilinear(V, D, context_size=0), "context_size is 0"),
        (lambda: FeedForward(V, D, dropout=1.0), "dropout is 1.0; expected a number of at least 0 and below 1"),
        (lambda: LSTM(V, D, num_layers=0), "num_layers is 0"),
        (lambda: Transformer(V, 12, num_heads=4), "hidden_size is 12 and num_heads 4; expected a multiple of 8"),
        (lambda: Transformer(V, D, memory_size=-1), "memory_size is -1"),
    ],
)
def test_bad_sizes(build: Callable[[], Encoder], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
