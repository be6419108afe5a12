"""Skip-gram: a single word predicts each of the words around it."""

from __future__ import annotations

from torch import Tensor

from vastmax.encoder.word_encoder import WordEncoder


class SkipGram(WordEncoder):
    """h = v_w, the center word's vector, from which a head predicts a word in its window (Mikolov et al. 2013).

    Args:
        vocab_size: V, the number of input words.
        hidden_size: D, the size of the word vectors.
        sparse_gradients: row-sparse gradients for the word vectors; False for an optimizer that needs dense ones.

    Raises:
        InputError: sizes below 1.

    Cost: a lookup; the gradient has one row per distinct word.

    Example:
        >>> import torch
        >>> from vastmax import RECIPES
        >>> encoder, head = SkipGram(100, 8), RECIPES["nce"](8, [1] * 100)
        >>> center, context = torch.tensor([5, 5, 7]), torch.tensor([7, 2, 5])
        >>> head(encoder(center), context).backward()
        >>> encoder.embedding.weight.grad.is_sparse
        True
    """

    def forward(self, word_ids: Tensor) -> Tensor:
        """Return hidden vectors (…, D) of the center words (…)."""
        hidden: Tensor = self.embedding(word_ids)
        return hidden
