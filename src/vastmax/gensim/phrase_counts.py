"""Counts of the words and of the pairs of words in a text, under the names that gensim gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from vastmax.errors import InputError
from vastmax.kernels.phrases import Piece, count_pairs
from vastmax.text import Corpus
from vastmax.text.joined_corpus import marks_of
from vastmax.text.phrases import DEFAULT_MEMORY_BYTES


def count_words_and_pairs(
    sentences: Iterable[Iterable[str]], delimiter: str, connectors: frozenset[str]
) -> tuple[dict[str, int], int]:
    """Return how often each word and each pair occurs, the pair joined by the delimiter, and the number of words.

    Connectors have no count of their own; those between two words belong to the pair.
    """
    corpus = _corpus_of(sentences)
    if corpus is None:
        return {}, 0
    with corpus:
        words = list(corpus.vocabulary.words)
        counts = dict(zip(words, corpus.vocabulary.counts.tolist(), strict=True))
        for word in connectors & counts.keys():
            del counts[word]

        def pieces() -> Iterator[Piece]:
            yield from corpus.token_blocks()

        pairs = count_pairs(
            pieces,
            num_words=len(words),
            num_countable=len(words),
            connectors=marks_of(tuple(connectors), corpus.vocabulary),
            least=1,
            memory_bytes=DEFAULT_MEMORY_BYTES,
        )
        before = {
            int(prefix): [words[i] for i in pairs.words_before(int(prefix))] for prefix in np.unique(pairs.prefixes)
        }
        for prefix, word, count in zip(
            pairs.prefixes.tolist(), pairs.words.tolist(), pairs.counts.tolist(), strict=True
        ):
            pair = delimiter.join([*before[prefix], words[word]])
            counts[pair] = counts.get(pair, 0) + count
        return counts, corpus.num_tokens


def words_of(sentence: Iterable[str] | bytes) -> list[str]:
    """Return the words of a sentence; raise InputError if it is a text that nobody has split."""
    if isinstance(sentence, str | bytes):
        raise InputError(f"the sentence {sentence!r:.60} is one text; expected a list of words: split it first")
    return list(sentence)


def _corpus_of(sentences: Iterable[Iterable[str]]) -> Corpus | None:
    """Return the sentences as a corpus; None if there are no words."""
    filled = (words for words in map(words_of, sentences) if words)
    first = next(filled, None)
    if first is None:
        return None

    def every() -> Iterator[list[str]]:
        yield first
        yield from filled

    return Corpus(every(), cache=False)
