"""The interface of encoders: word ids in, hidden vectors that predict the following words out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vastmax.arguments import MOST_WORDS, real, whole

State = tuple[Tensor, ...]
"""The state that an encoder carries from one sequence to the next: tensors whose first dimension is the stream, B."""


class Encoder(nn.Module, ABC):
    """Reads B streams of text, T words at a time; the hidden vector at a word depends on it and the words before it.

    `hidden, state = encoder(word_ids, state)`: a text split into sequences gives the same result as the whole text,
    within the encoder's context.

    Attributes:
        vocab_size: V, the number of input words.
        hidden_size: D, the size of the hidden vectors.
        embedding: the vectors of the input words, (V, embedding_size), with row-sparse gradients by default: dense ones
            would cost O(V) per step.
    """

    vocab_size: int
    hidden_size: int
    embedding: nn.Embedding

    @abstractmethod
    def start(self, num_streams: int) -> State:
        """Return the state before any word has been read."""

    @abstractmethod
    def forward(self, word_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return (hidden (B, T, D), state) for word_ids (B, T); the state is detached."""


class WindowEncoder(Encoder):
    """An encoder whose context is the last `context_size` words.

    Positions before the beginning of a text contain `padding_id`.
    """

    context_size: int
    padding_id: int

    def start(self, num_streams: int) -> State:
        """See `Encoder.start`."""
        shape = (num_streams, self.context_size - 1)
        return (torch.full(shape, self.padding_id, dtype=torch.int64, device=self.embedding.weight.device),)

    def forward(self, word_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See `Encoder.forward`."""
        (before,) = self.start(len(word_ids)) if state is None else state
        read = torch.cat([before, word_ids], dim=1)
        vectors = self.embedding(read)  # each word once, even if it is in many windows
        windows = vectors.unfold(1, self.context_size, 1).transpose(2, 3)  # (B, T, context, embedding), a view
        return self.encode(windows), (read[:, read.shape[1] - self.context_size + 1 :],)

    @abstractmethod
    def encode(self, windows: Tensor) -> Tensor:
        """Return hidden vectors (B, T, D) of windows (B, T, context_size, embedding_size), latest word last."""


def check_sizes(**sizes: int) -> None:
    """Raise InputError for the first size that is not a whole number in range."""
    for name, size in sizes.items():
        whole(name, size, 1, MOST_WORDS)


def check_share(name: str, value: float) -> None:
    """Raise InputError unless 0 ≤ value < 1."""
    real(name, value, 0.0, 1.0, below=True)
