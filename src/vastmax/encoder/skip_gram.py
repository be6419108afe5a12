"""Skip-gram: a word by itself predicts each of the words around it."""

from __future__ import annotations

from torch import Tensor

from vastmax.encoder.word_encoder import WordEncoder


class SkipGram(WordEncoder):
    """h = v_w, the centre word's vector, from which a head predicts a word in its window (Mikolov et al. 2013).

    Args:
        vocab_size: V, words that may be looked up.
        hidden_size: D, of the word vectors.
        sparse_gradients: row-sparse gradients for the word vectors; False for an optimiser that wants dense ones.

    Raises:
        InputError: sizes below 1.

    Cost: the look-up; a gradient of one row a different word.

    Example:
        >>> import torch
        >>> from vastmax import RECIPES
        >>> encoder, head = SkipGram(100, 8), RECIPES["nce"](8, [1] * 100)
        >>> centre, context = torch.tensor([5, 5, 7]), torch.tensor([7, 2, 5])
        >>> head(encoder(centre), context).backward()
        >>> encoder.embedding.weight.grad.is_sparse
        True
    """

    def forward(self, word_ids: Tensor) -> Tensor:
        """Hidden vectors (…, D) of the centre words (…)."""
        hidden: Tensor = self.embedding(word_ids)
        return hidden
