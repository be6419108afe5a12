"""The common base of the encoders for word vectors: a table of vectors, without word order or state."""

from __future__ import annotations

from torch import nn

from vastmax.encoder.base import check_sizes


class WordEncoder(nn.Module):
    """Hidden vectors from the rows of one table, which are the word vectors that training is for.

    Unlike an `Encoder` it reads no text from left to right: it is called on the words that predict, wherever they are.

    Attributes:
        vocab_size: V, of the words that predict.
        hidden_size: D, of their vectors and of the hidden ones.
        embedding: (V, D), with row-sparse gradients unless told otherwise.
    """

    def __init__(self, vocab_size: int, hidden_size: int, *, sparse_gradients: bool = True) -> None:
        super().__init__()
        check_sizes(vocab_size=vocab_size, hidden_size=hidden_size)
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.embedding = nn.Embedding(vocab_size, hidden_size, sparse=sparse_gradients)
        # As word2vec has it: what a rare word starts from soon counts for little beside what it is taught.
        nn.init.uniform_(self.embedding.weight, -0.5 / hidden_size, 0.5 / hidden_size)
