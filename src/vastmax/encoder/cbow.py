"""CBOW: the words around a position, regardless of their order, predict the word there."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from vastmax.encoder.word_encoder import WordEncoder

PADDING = -1
"""Fills the positions of a window without a word."""


class CBOW(WordEncoder):
    """h = (1/n) Σ_i v_{w_i}, the mean of the context words' vectors, from which a head predicts the center word.

    The gradient is exact: each of the n words gets 1/n of the gradient of the mean. (word2vec.c and gensim omit the
    1/n; see `train_embeddings(cbow_gradient=…)`.)

    Args:
        vocab_size: V, the number of input words.
        hidden_size: D, the size of the word vectors.
        sparse_gradients: see `SkipGram`.

    Raises:
        InputError: sizes below 1.

    Cost: n·D additions per window; the (…, M, D) vectors of its words are never stored.

    Example:
        >>> import torch
        >>> encoder = CBOW(100, 8)
        >>> hidden = encoder(torch.tensor([[5, 7, 9], [4, -1, -1]]))  # windows of three words and of one
        >>> torch.equal(hidden[1], encoder.embedding.weight[4])
        True
    """

    def forward(self, word_ids: Tensor) -> Tensor:
        """Return hidden vectors (…, D) of windows (…, M), padded with `PADDING`; 0 for a window without words."""
        is_word = word_ids != PADDING
        num_words = is_word.sum(-1)
        ends = num_words.flatten().cumsum(0)
        hidden = functional.embedding_bag(
            word_ids[is_word],
            self.embedding.weight,
            ends - num_words.flatten(),
            mode="mean",
            sparse=self.embedding.sparse,
        )
        return hidden.reshape(*num_words.shape, self.hidden_size)
