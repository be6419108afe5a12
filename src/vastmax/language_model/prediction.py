"""What a trained model says: the words that may come next, how likely sentences are, new sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch

from vastmax.arguments import MOST_SEED, whole
from vastmax.language_model.model import LanguageModel
from vastmax.language_model.text import SENTENCE_END
from vastmax.text import Vocabulary


@torch.no_grad()
def next_words(
    model: LanguageModel, vocabulary: Vocabulary, context: Sequence[str], k: int = 10
) -> list[tuple[str, float]]:
    """The k most probable words after `context`, which begins a sentence, with their probabilities.

    Raises:
        InputError: k not in [1, V].
    """
    hidden, _ = model.encoder(_read(model, vocabulary, [context]))
    log_prob, word_ids = model.head.topk(hidden[0, -1], k)
    words = [vocabulary.word(word_id) for word_id in word_ids.tolist()]
    return list(zip(words, log_prob.exp().tolist(), strict=True))


@torch.no_grad()
def sentence_log_probs(
    model: LanguageModel, vocabulary: Vocabulary, sentences: Sequence[Sequence[str]]
) -> list[list[float]]:
    """log p of each word of each sentence given those before it, and of the sentence's end: len + 1 numbers each.

    Each sentence stands for itself: the model reads nothing before it.
    """
    if not sentences:
        return []
    read = _read(model, vocabulary, sentences)
    end = torch.full((len(sentences), 1), vocabulary.id(SENTENCE_END), device=read.device)
    target = torch.cat([read[:, 1:], end], dim=1)  # behind a sentence everything is its end
    hidden, _ = model.encoder(read)
    lengths = torch.tensor([len(sentence) + 1 for sentence in sentences], device=read.device)
    wanted = torch.arange(read.shape[1], device=read.device) < lengths[:, None]
    log_probs = iter(model.head.log_prob(hidden[wanted], target[wanted]).tolist())
    return [list(islice(log_probs, len(sentence) + 1)) for sentence in sentences]


@torch.no_grad()
def generate(
    model: LanguageModel,
    vocabulary: Vocabulary,
    *,
    context: Sequence[str] = (),
    num_sentences: int = 1,
    max_words: int = 50,
    seed: int = 0,
) -> list[list[str]]:
    """Sentences drawn word by word from the model, each beginning with `context`; the end is not among their words.

    Args:
        model: in eval mode.
        vocabulary: of the model.
        context: how each begins.
        num_sentences: how many.
        max_words: of a sentence, the context not counted.
        seed: the same seed gives the same sentences on the same machine.

    Raises:
        InputError: numbers below 1.

    Cost: the words so far are read again for each next one, which every encoder can do.
    """
    whole("num_sentences", num_sentences, 1, 1_000_000)
    whole("max_words", max_words, 1, 1_000_000)
    whole("seed", seed, 0, MOST_SEED)
    read = _read(model, vocabulary, [context] * num_sentences)
    generator = torch.Generator(device=read.device).manual_seed(seed)
    end, begin = vocabulary.id(SENTENCE_END), read.shape[1]
    ended = torch.zeros(num_sentences, dtype=torch.bool, device=read.device)
    for _ in range(max_words):
        hidden, _ = model.encoder(read)
        drawn = model.head.sample(hidden[:, -1], generator=generator)
        read = torch.cat([read, drawn[:, None]], dim=1)
        ended |= drawn == end
        if bool(ended.all()):
            break
    sentences = []
    for word_ids in read[:, begin:].tolist():
        kept = word_ids[: word_ids.index(end)] if end in word_ids else word_ids
        sentences.append([*context, *(vocabulary.word(word_id) for word_id in kept)])
    return sentences


def _read(model: LanguageModel, vocabulary: Vocabulary, sentences: Sequence[Sequence[str]]) -> torch.Tensor:
    """(B, T) ids: the end of the sentence before, the words, and ends to fill up."""
    end = vocabulary.id(SENTENCE_END)
    longest = max(map(len, sentences))
    rows = [[end, *vocabulary.ids(words).tolist(), *[end] * (longest - len(words))] for words in sentences]
    return torch.tensor(rows, device=next(model.parameters()).device)
