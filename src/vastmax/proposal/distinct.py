"""Find the distinct words of a batch, by the cheaper of two methods."""

from __future__ import annotations

import torch
from torch import Tensor

_WORDS_PER_ID = 4
"""Up to this many words of the vocabulary per id, a mask over the vocabulary is cheaper than sorting the ids."""


def distinct(word_ids: Tensor, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Return `torch.unique(word_ids, sorted=True, return_inverse=True)` for ids in [0, V).

    Returns:
        (U,) the ids that occur, ascending, and the position of each of `word_ids` among them, in its shape.

    Cost: O(V) if V is of the order of the number of ids n, else a sort of them: never more than O(n·log n).

    Example:
        >>> distinct(torch.tensor([5, 2, 5]), 6)
        (tensor([2, 5]), tensor([1, 0, 1]))
    """
    if vocab_size > _WORDS_PER_ID * word_ids.numel():
        found, position = torch.unique(word_ids, sorted=True, return_inverse=True)
        return found, position
    seen = torch.zeros(vocab_size, dtype=torch.bool, device=word_ids.device)
    flat = word_ids.reshape(-1)
    seen.index_fill_(0, flat, True)
    place = seen.cumsum(0).sub_(1)
    return seen.nonzero().squeeze(1), place.index_select(0, flat).view(word_ids.shape)
