"""Predictions of a trained model: the next words, and probabilities of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch

from vastmax.language_model.model import LanguageModel
from vastmax.language_model.text import SENTENCE_END
from vastmax.output.base import Search
from vastmax.text import Vocabulary


@torch.no_grad()
def next_words(
    model: LanguageModel,
    vocabulary: Vocabulary,
    context: Sequence[str],
    k: int = 10,
    *,
    search: Search | None = None,
) -> list[tuple[str, float]]:
    """Return the k most probable words after `context`, which begins a sentence, with their probabilities.

    Args:
        model: in eval mode.
        vocabulary: of the model.
        context: the words so far.
        k: the number of words.
        search: an index of the model's head.

    Raises:
        InputError: k not in [1, V]; an index of another head.
    """
    hidden, _ = model.encoder(_read(model, vocabulary, [context]))
    log_prob, word_ids = model.head.topk(hidden[0, -1], k, search=search)
    words = [vocabulary.word(word_id) for word_id in word_ids.tolist()]
    return list(zip(words, log_prob.exp().tolist(), strict=True))


@torch.no_grad()
def sentence_log_probs(
    model: LanguageModel, vocabulary: Vocabulary, sentences: Sequence[Sequence[str]]
) -> list[list[float]]:
    """Return log p of each word of each sentence given those before it, and of its end: len + 1 numbers each.

    Sentences are independent: the model reads nothing before them.
    """
    if not sentences:
        return []
    read = _read(model, vocabulary, sentences)
    end = torch.full((len(sentences), 1), vocabulary.id(SENTENCE_END), device=read.device)
    target = torch.cat([read[:, 1:], end], dim=1)  # after a sentence, everything is its end
    hidden, _ = model.encoder(read)
    lengths = torch.tensor([len(sentence) + 1 for sentence in sentences], device=read.device)
    wanted = torch.arange(read.shape[1], device=read.device) < lengths[:, None]
    log_probs = iter(model.head.log_prob(hidden[wanted], target[wanted]).tolist())
    return [list(islice(log_probs, len(sentence) + 1)) for sentence in sentences]


def _read(model: LanguageModel, vocabulary: Vocabulary, sentences: Sequence[Sequence[str]]) -> torch.Tensor:
    """Return (B, T) ids: the end of the previous sentence, the words, and padding with ends."""
    end = vocabulary.id(SENTENCE_END)
    longest = max(map(len, sentences))
    rows = [[end, *vocabulary.ids(words).tolist(), *[end] * (longest - len(words))] for words in sentences]
    return torch.tensor(rows, device=next(model.parameters()).device)
