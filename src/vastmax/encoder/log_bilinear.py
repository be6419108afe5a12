"""The log-bilinear model: the simplest encoder that uses word order."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vastmax.encoder.base import WindowEncoder, check_share, check_sizes


class LogBilinear(WindowEncoder):
    """h = Σ_i c_i ⊙ r_{w_i}: the context words, weighted elementwise by position (Mnih & Teh 2012).

    Args:
        vocab_size: V, the number of input words.
        hidden_size: D, the size of word vectors and hidden vectors.
        context_size: the number of context words.
        dropout: the dropout rate of h, in training.
        padding_id: the word at positions before the beginning of the text, such as the end of a sentence.
        sparse_gradients: row-sparse gradients for the word vectors; False if they are tied to a layer with dense
            gradients.

    Raises:
        InputError: sizes below 1, dropout not in [0, 1).

    Cost: context_size·D multiply-adds per word.

    Example:
        >>> encoder = LogBilinear(100, 8, context_size=2)
        >>> encoder(torch.tensor([[5, 7, 9]]))[0].shape
        torch.Size([1, 3, 8])
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        *,
        context_size: int = 2,
        dropout: float = 0.0,
        padding_id: int = 0,
        sparse_gradients: bool = True,
    ) -> None:
        super().__init__()
        check_sizes(vocab_size=vocab_size, hidden_size=hidden_size, context_size=context_size)
        check_share("dropout", dropout)
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.context_size, self.padding_id = context_size, padding_id
        self.embedding = nn.Embedding(vocab_size, hidden_size, sparse=sparse_gradients)
        nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(hidden_size))
        self.place = nn.Parameter(torch.full((context_size, hidden_size), 1 / context_size))
        self.dropout = nn.Dropout(dropout)

    def encode(self, windows: Tensor) -> Tensor:
        """See `WindowEncoder.encode`."""
        summed = (windows * self.place).sum(dim=2)  # as an einsum it would be D products of tiny matrices
        hidden: Tensor = self.dropout(summed)
        return hidden
