"""Queries among some words only, such as a draft vocabulary, or among all words except some."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.head.examples import checked_words
from vastmax.output.base import FlatOutput, Output


def checked_candidates(hidden: Tensor, word_ids: Tensor, *, vocab_size: int, name: str) -> Tensor:
    """Return candidates for all examples, (C,), or for each, (…, C), as (N, C).

    Raises:
        InputError: not int64 ids in range, no words, or a word that occurs twice.
    """
    if not isinstance(word_ids, Tensor) or word_ids.ndim not in (1, hidden.ndim):
        found = tuple(word_ids.shape) if isinstance(word_ids, Tensor) else type(word_ids).__name__
        raise InputError(
            f"{name} is {found}; expected a tensor of word ids, (C,) for all examples or "
            f"({', '.join(map(str, hidden.shape[:-1]))}, C) for each"
        )
    if word_ids.shape[-1] == 0:
        raise InputError(f"{name} contains no words: pass at least one, or leave it out")
    shape = (*hidden.shape[:-1], word_ids.shape[-1])
    flat = checked_words(hidden, word_ids.expand(shape), vocab_size=vocab_size)
    ordered = flat.sort(dim=1).values
    again = (ordered[:, 1:] == ordered[:, :-1]).nonzero()
    if len(again):
        row, place = again[0].tolist()
        raise InputError(f"{name} contains word {int(ordered[row, place])} twice for example {row}: pass each once")
    return flat


def scores_among(layer: Output, hidden: Tensor, word_ids: Tensor) -> Tensor:
    """Return scores of given words, (N, C), whose softmax is the distribution among them: log p in a factored layer.

    Cost: D multiply-adds per word in a flat layer; other words are not read.
    """
    if not isinstance(layer, FlatOutput):
        return layer.exact_of(hidden, word_ids)[0]
    distinct, position = torch.unique(word_ids, return_inverse=True)
    scores = layer.select(distinct).score_at(hidden, position)
    return scores if layer.score_map is None else layer.score_map(scores)


@torch.no_grad()
def topk_among(layer: Output, hidden: Tensor, word_ids: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return (log p given these words, word id), (N, k) each, best first."""
    best, place = scores_among(layer, hidden, word_ids).log_softmax(dim=1).topk(k, dim=1)
    return best, word_ids.gather(1, place)


def without(log_prob: Tensor, found: Tensor, excluded: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the first k of the words `found`, (N, k + E), that are not in `excluded`, (N, E)."""
    left = ~(found[:, :, None] == excluded[:, None, :]).any(dim=2)
    place = torch.argsort((~left).to(torch.uint8), dim=1, stable=True)[:, :k]
    return log_prob.gather(1, place), found.gather(1, place)
