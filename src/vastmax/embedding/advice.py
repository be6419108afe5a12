"""Advice about settings that are valid but waste time or quality on a text: what, why, and the fix."""

from __future__ import annotations

from collections.abc import Iterator

from vastmax.embedding.settings import CheckedCommonSettings, CheckedSettings
from vastmax.errors import Message, argument
from vastmax.kernels.embedding_tables import keep_thresholds
from vastmax.kernels.machine import usable_cores
from vastmax.text import Corpus, Vocabulary

FEW = 2
"""A word that occurs at most this often stays near its random start."""

MANY_SELDOM_WORDS = 1 / 3
"""Share of the vocabulary above which such words are mentioned."""

LEAST_SHARE_TRAINED = 0.5
"""Least share of the text that min_count and max_final_vocab should leave."""

LEAST_SHARE_SAMPLED = 0.1
"""Least share of that which `sample` should leave; 1e-5 on millions of words of prose leaves three times as much."""

LONG_LINE = 10_000
"""Words; no sentence or paragraph is as long."""


def advice(corpus: Corpus, vocabulary: Vocabulary, settings: CheckedCommonSettings) -> list[Message]:
    """Return advice for training on `corpus` with these settings, one line each; empty if there is none.

    Args:
        corpus: the text.
        vocabulary: its words that get vectors.
        settings: of the run.

    Cost: one pass over the counts; the text is not read.
    """
    lines = (
        *_about_threads(settings),
        *_about_stop_words(corpus, settings),
        *_about_rare_words(corpus, vocabulary, settings),
        *_about_sampling(vocabulary, settings),
        *_about_sizes(vocabulary, settings),
        *_about_lines(corpus, vocabulary, settings),
    )
    return [Message(line) for line in lines]


def _about_threads(settings: CheckedCommonSettings) -> Iterator[str]:
    cores = usable_cores()
    if settings.threads > cores:
        yield (
            f"{argument('threads')} is {settings.threads}, but this process may use {cores} "
            f"{_plural('core', cores)}: more threads than cores slow each other down; use " + argument("threads", cores)
        )


def _about_stop_words(corpus: Corpus, settings: CheckedCommonSettings) -> Iterator[str]:
    if settings.stop_words and not any(word in corpus.vocabulary for word in settings.stop_words):
        yield (
            f"not one of the {len(settings.stop_words):,} {argument('stop_words')} (such as "
            f"{settings.stop_words[0]!r}) is in the text, so nothing is removed; are they in the same language and "
            "case?"
        )


def _about_rare_words(corpus: Corpus, vocabulary: Vocabulary, settings: CheckedCommonSettings) -> Iterator[str]:
    seldom = int((vocabulary.counts <= FEW).sum())
    if seldom > MANY_SELDOM_WORDS * len(vocabulary):
        yield (
            f"{argument('min_count')} is {settings.min_count}: {seldom:,} of the {len(vocabulary):,} words occur only "
            "once or twice, too rarely for a useful vector, and serve as noise for the others; try "
            + argument("min_count", 5)
        )
    types = corpus.vocabulary.without(settings.stop_words)
    share = vocabulary.num_tokens / types.num_tokens
    if share < LEAST_SHARE_TRAINED:
        cut_by_size = len(vocabulary) == settings.max_final_vocab
        name = "max_final_vocab" if cut_by_size else "min_count"
        fix = "allow more words" if cut_by_size else "lower it, or give more text"
        yield (
            f"{argument(name)} is {getattr(settings, name)}: the words that it leaves out are {1 - share:.0%} of the "
            f"text, so windows join words that were far apart; {fix}"
        )


def _about_sampling(vocabulary: Vocabulary, settings: CheckedCommonSettings) -> Iterator[str]:
    keep = (keep_thresholds(vocabulary.counts, settings.sample) + 1.0) / 2.0**32
    share = float((keep * vocabulary.counts).sum() / vocabulary.num_tokens)
    if share < LEAST_SHARE_SAMPLED:
        yield (
            f"{argument('sample')} is {settings.sample:g}: it drops {1 - share:.0%} of the text before windows are "
            f"formed, since most of its words are that frequent; try {argument('sample', _better_sample(vocabulary))}"
        )


def _better_sample(vocabulary: Vocabulary) -> str:
    """Return the first usual value that keeps enough; 0 keeps all."""
    for sample in (1e-4, 1e-3, 1e-2):
        keep = (keep_thresholds(vocabulary.counts, sample) + 1.0) / 2.0**32
        if float((keep * vocabulary.counts).sum()) > 2 * LEAST_SHARE_SAMPLED * vocabulary.num_tokens:
            return f"{sample:g}"
    return "0"


def _about_sizes(vocabulary: Vocabulary, settings: CheckedCommonSettings) -> Iterator[str]:
    V = len(vocabulary)
    if settings.vector_size > V:
        yield (
            f"{argument('vector_size')} is {settings.vector_size}, but the vocabulary has {V:,} words: more "
            f"dimensions than words cost time and add nothing; use {argument('vector_size', V)} or less"
        )
    if isinstance(settings, CheckedSettings) and settings.negative >= V:
        yield (
            f"{argument('negative')} is {settings.negative}, but the vocabulary has {V:,} words: noise that "
            f"contains every word distinguishes none; use {argument('negative', max(1, V // 4))} or less"
        )


def _about_lines(corpus: Corpus, vocabulary: Vocabulary, settings: CheckedCommonSettings) -> Iterator[str]:
    mean = vocabulary.num_tokens / corpus.num_sentences
    if settings.window > mean:
        yield (
            f"{argument('window')} is {settings.window}, but a line of the text has {mean:.1f} words on average, and "
            f"windows end with the line; use {argument('window', max(1, int(mean)))}, or put one paragraph per line"
        )
    if corpus.num_sentences == 1 and corpus.num_tokens > LONG_LINE:
        yield (
            f"the text is one line of {corpus.num_tokens:,} words, so windows reach from each sentence into the "
            "next; put one sentence or paragraph per line"
        )


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else noun + "s"
