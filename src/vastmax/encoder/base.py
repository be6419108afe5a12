"""What an encoder is: word ids in, the hidden vectors that predict the words after them out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vastmax.arguments import MOST_WORDS, real, whole

State = tuple[Tensor, ...]
"""What an encoder carries from one stretch of text to the next: tensors whose first dimension is the stream, B."""


class Encoder(nn.Module, ABC):
    """Reads B streams of text, T words at a time; the hidden vector at a word knows it and the words before.

    `hidden, state = encoder(word_ids, state)`: texts cut into stretches give what the whole would give, for as many
    words back as the encoder looks.

    Attributes:
        vocab_size: V, of the words read.
        hidden_size: D, of the hidden vectors.
        embedding: the vectors of the words read, (V, embedding_size), with row-sparse gradients unless told otherwise:
            dense ones would cost O(V) a step.
    """

    vocab_size: int
    hidden_size: int
    embedding: nn.Embedding

    @abstractmethod
    def start(self, num_streams: int) -> State:
        """The state before any word has been read."""

    @abstractmethod
    def forward(self, word_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(hidden (B, T, D), state) for word_ids (B, T); the state is cut off from the gradient."""


class WindowEncoder(Encoder):
    """An encoder that looks at the last `context_size` words and remembers nothing else.

    Before a text begins it sees `padding_id`.
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
        vectors = self.embedding(read)  # each word once, however many windows it is in
        windows = vectors.unfold(1, self.context_size, 1).transpose(2, 3)  # (B, T, context, embedding), a view
        return self.encode(windows), (read[:, read.shape[1] - self.context_size + 1 :],)

    @abstractmethod
    def encode(self, windows: Tensor) -> Tensor:
        """Hidden vectors (B, T, D) of windows (B, T, context_size, embedding_size), the latest word last."""


def check_sizes(**sizes: int) -> None:
    """Raise InputError for the first size that is no whole number in range."""
    for name, size in sizes.items():
        whole(name, size, 1, MOST_WORDS)


def check_share(name: str, value: float) -> None:
    """Raise InputError unless 0 ≤ value < 1."""
    real(name, value, 0.0, 1.0, below=True)
