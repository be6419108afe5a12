"""The common base of the encoders for word vectors: a table of vectors, without word order or state."""

from __future__ import annotations

from torch import nn

from vastmax.encoder.base import check_sizes


class WordEncoder(nn.Module):
    """Hidden vectors from the rows of a table, the word vectors that are trained.

    Unlike an `Encoder`, it does not read text from left to right; it is called on the words that predict.

    Attributes:
        vocab_size: V, the number of words that predict.
        hidden_size: D, the size of their vectors and of the hidden vectors.
        embedding: (V, D), with row-sparse gradients by default.
    """

    def __init__(self, vocab_size: int, hidden_size: int, *, sparse_gradients: bool = True) -> None:
        super().__init__()
        check_sizes(vocab_size=vocab_size, hidden_size=hidden_size)
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.embedding = nn.Embedding(vocab_size, hidden_size, sparse=sparse_gradients)
        # As in word2vec: even for rare words, training soon outweighs the initial vectors.
        nn.init.uniform_(self.embedding.weight, -0.5 / hidden_size, 0.5 / hidden_size)
