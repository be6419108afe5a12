"""Settings that can be used but waste time or hurt on the text at hand: what, why, and the fix, one line each."""

from __future__ import annotations

from collections.abc import Iterator

from vastmax.embedding.settings import CheckedCommonSettings, CheckedSettings
from vastmax.errors import Message, argument
from vastmax.kernels.embedding_tables import keep_thresholds
from vastmax.kernels.machine import usable_cores
from vastmax.text import Corpus, Vocabulary

FEW = 2
"""A word seen this often or less has been moved a few times from where chance put it."""

MANY_SELDOM_WORDS = 1 / 3
"""Share of the vocabulary from which such words are worth a line."""

LEAST_SHARE_TRAINED = 0.5
"""Share of the text that min_count and max_final_vocab should leave."""

LEAST_SHARE_SAMPLED = 0.1
"""Share of that which `sample` should leave. 1e-5 on millions of words of prose leaves three times as much."""

LONG_LINE = 10_000
"""Words; no sentence or paragraph has as many."""


def advice(corpus: Corpus, vocabulary: Vocabulary, settings: CheckedCommonSettings) -> list[Message]:
    """Return what a person should know before training on `corpus` with these settings; empty where all is well.

    Args:
        corpus: the text.
        vocabulary: the words of it that get vectors.
        settings: of the run.

    Cost: a look at the counts; the text is not read.
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
            f"{_plural('core', cores)}: threads that take turns only get in each other's way; use "
            + argument("threads", cores)
        )


def _about_stop_words(corpus: Corpus, settings: CheckedCommonSettings) -> Iterator[str]:
    if settings.stop_words and not any(word in corpus.vocabulary for word in settings.stop_words):
        yield (
            f"not one of the {len(settings.stop_words):,} {argument('stop_words')} (such as "
            f"{settings.stop_words[0]!r}) is in the text: nothing is taken out; are they of the same language, and of "
            "the same case?"
        )


def _about_rare_words(corpus: Corpus, vocabulary: Vocabulary, settings: CheckedCommonSettings) -> Iterator[str]:
    seldom = int((vocabulary.counts <= FEW).sum())
    if seldom > MANY_SELDOM_WORDS * len(vocabulary):
        yield (
            f"{argument('min_count')} is {settings.min_count}: {seldom:,} of the {len(vocabulary):,} words occur only "
            "once or twice, too seldom for a vector that means anything, and the others get them for noise; try "
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
            f"text, and windows reach across them to words that were far apart; {fix}"
        )


def _about_sampling(vocabulary: Vocabulary, settings: CheckedCommonSettings) -> Iterator[str]:
    keep = (keep_thresholds(vocabulary.counts, settings.sample) + 1.0) / 2.0**32
    share = float((keep * vocabulary.counts).sum() / vocabulary.num_tokens)
    if share < LEAST_SHARE_SAMPLED:
        yield (
            f"{argument('sample')} is {settings.sample:g}: it drops {1 - share:.0%} of the text before windows are "
            "formed, since "
            f"by that measure most of its words are too frequent; try {argument('sample', _better_sample(vocabulary))}"
        )


def _better_sample(vocabulary: Vocabulary) -> str:
    """The first usual value that keeps enough; 0 keeps all."""
    for sample in (1e-4, 1e-3, 1e-2):
        keep = (keep_thresholds(vocabulary.counts, sample) + 1.0) / 2.0**32
        if float((keep * vocabulary.counts).sum()) > 2 * LEAST_SHARE_SAMPLED * vocabulary.num_tokens:
            return f"{sample:g}"
    return "0"


def _about_sizes(vocabulary: Vocabulary, settings: CheckedCommonSettings) -> Iterator[str]:
    V = len(vocabulary)
    if settings.vector_size > V:
        yield (
            f"{argument('vector_size')} is {settings.vector_size}, but the vocabulary has {V:,} words: numbers beyond "
            f"that tell nothing more about them and cost time; use {argument('vector_size', V)} or less"
        )
    if isinstance(settings, CheckedSettings) and settings.negative >= V:
        yield (
            f"{argument('negative')} is {settings.negative}, but the vocabulary has {V:,} words: noise that is every "
            "word at once "
            f"tells no word from another; use {argument('negative', max(1, V // 4))} or less"
        )


def _about_lines(corpus: Corpus, vocabulary: Vocabulary, settings: CheckedCommonSettings) -> Iterator[str]:
    mean = vocabulary.num_tokens / corpus.num_sentences
    if settings.window > mean:
        yield (
            f"{argument('window')} is {settings.window}, but a line of the text has {mean:.1f} words on average: no "
            "window reaches "
            f"across lines, so much of it stays empty; use {argument('window', max(1, int(mean)))}, or put a "
            "paragraph on "
            "a line"
        )
    if corpus.num_sentences == 1 and corpus.num_tokens > LONG_LINE:
        yield (
            f"the text is one line of {corpus.num_tokens:,} words: windows reach from the end of each sentence into "
            "the next, whatever that is about; put a sentence or a paragraph on a line"
        )


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else noun + "s"
