"""The Transformer encoder: pre-norm, causal, rotary positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from vastmax.encoder.base import Encoder, State, check_share, check_sizes
from vastmax.errors import InputError, argument

_ROTARY_BASE = 10_000.0  # Su et al. 2021


class Transformer(Encoder):
    """Causal self-attention over the words of a sequence and the `memory_size` words before it (Vaswani et al. 2017).

    Layers are pre-norm (Xiong et al. 2020). Queries and keys have rotary positions (Su et al. 2021), so only distances
    matter.

    Args:
        vocab_size: V, the number of input words.
        hidden_size: D, a multiple of 2·num_heads.
        num_layers: the number of layers.
        num_heads: the number of attention heads per layer.
        memory_size: the number of words before the sequence that are read again with it, so that its first words have
            context, too. Each costs as much as a word of the sequence.
        dropout: the dropout rate, in training.
        sparse_gradients: see `LogBilinear`.

    Raises:
        InputError: sizes below 1, a width that does not divide, dropout not in [0, 1).

    Cost: 12·D² + T·D multiply-adds per word and layer.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        *,
        num_layers: int = 2,
        num_heads: int = 4,
        memory_size: int = 0,
        dropout: float = 0.0,
        sparse_gradients: bool = True,
    ) -> None:
        super().__init__()
        check_sizes(vocab_size=vocab_size, hidden_size=hidden_size, num_layers=num_layers, num_heads=num_heads)
        check_share("dropout", dropout)
        if memory_size < 0:
            raise InputError(f"memory_size is {memory_size}; expected 0 or more")
        if hidden_size % (2 * num_heads):
            raise InputError(
                f"{argument('hidden_size')} is {hidden_size} and num_heads {num_heads}; expected a multiple of "
                f"{2 * num_heads}, "
                "an even width for each head"
            )
        self.vocab_size, self.hidden_size, self.memory_size = vocab_size, hidden_size, memory_size
        self.head_size = hidden_size // num_heads
        self.embedding = nn.Embedding(vocab_size, hidden_size, sparse=sparse_gradients)
        nn.init.normal_(self.embedding.weight, std=0.02)  # as GPT-2
        self.layers = nn.ModuleList(_Layer(hidden_size, num_heads, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)

    def start(self, num_streams: int) -> State:
        """See `Encoder.start`."""
        return (torch.zeros(num_streams, 0, dtype=torch.int64, device=self.embedding.weight.device),)

    def forward(self, word_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See `Encoder.forward`. The state holds word ids, which are read again."""
        (before,) = self.start(len(word_ids)) if state is None else state
        read = torch.cat([before, word_ids], dim=1)
        hidden = self.dropout(self.embedding(read))
        turn = _rotation(read.shape[1], self.head_size, hidden)
        for layer in self.layers:
            hidden = layer(hidden, turn)
        remembered = read[:, max(0, read.shape[1] - self.memory_size) :]
        return self.norm(hidden[:, before.shape[1] :]), (remembered,)


class _Layer(nn.Module):
    """x + attention(norm(x)), then x + network(norm(x))."""

    def __init__(self, hidden_size: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.head_size = num_heads, hidden_size // num_heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size, bias=False)
        self.attention_output = nn.Linear(hidden_size, hidden_size, bias=False)
        self.network_norm = nn.LayerNorm(hidden_size)
        self.network = nn.Sequential(
            nn.Linear(hidden_size, 4 * hidden_size), nn.GELU(), nn.Linear(4 * hidden_size, hidden_size)
        )
        self.residual_dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        B, T, D = hidden.shape
        parts = self.query_key_value(self.attention_norm(hidden)).view(B, T, 3, self.num_heads, self.head_size)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, heads, T, head_size) each
        attended = scaled_dot_product_attention(
            _turned(query, turn),
            _turned(key, turn),
            value,
            is_causal=True,
            dropout_p=self.dropout if self.training else 0.0,
        )
        attended = self.attention_output(attended.transpose(1, 2).reshape(B, T, D))
        hidden = hidden + self.residual_dropout(attended)
        output: Tensor = hidden + self.residual_dropout(self.network(self.network_norm(hidden)))
        return output


def _rotation(length: int, head_size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return (cos, sin) of the angle of each position and pair of dimensions: (T, head_size / 2)."""
    pair = torch.arange(head_size // 2, device=like.device, dtype=torch.float32)
    speed = _ROTARY_BASE ** (-2 * pair / head_size)
    angle = torch.arange(length, device=like.device, dtype=torch.float32)[:, None] * speed
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def _turned(vectors: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = turn
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
