"""A corpus as a language model reads it: one long run of word ids in which the ends of sentences are words too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.errors import InputError
from vastmax.text import Corpus, Vocabulary
from vastmax.text.words import Words

SENTENCE_END = "</s>"
"""The word that ends every sentence; it is predicted like any other."""

UNKNOWN = "<unk>"
"""The word that stands for all that the vocabulary lacks."""


def language_vocabulary(corpus: Corpus, *, min_count: int = 1, max_size: int | None = None) -> Vocabulary:
    """The words of a corpus, `UNKNOWN` and `SENTENCE_END`, in count order.

    Words left out count as `UNKNOWN`, which is there even if nothing was left out, with the count 0: held-out text may
    need it.

    Args:
        corpus: what the model is to be trained on.
        min_count: words that occur less often are left out.
        max_size: V at most, the two words above included.

    Raises:
        InputError: no word is frequent enough, max_size below 3, or the text itself holds the word `SENTENCE_END`.

    Example:
        >>> vocabulary = language_vocabulary(Corpus([["a", "cat"], ["a", "dog"], ["a"]]), min_count=2)
        >>> list(zip(vocabulary.words, vocabulary.counts.tolist()))
        [('a', 3), ('</s>', 3), ('<unk>', 2)]
    """
    types = corpus.vocabulary
    if max_size is not None and max_size < 3:
        raise InputError(f"max_size is {max_size}; expected at least 3: {SENTENCE_END}, {UNKNOWN} and one word")
    if SENTENCE_END in types:
        raise InputError(f"the text holds {SENTENCE_END!r}, the word that is put at the ends of its lines; remove it")
    words = types.truncate(min_count=min_count, max_size=None if max_size is None else max_size - 1, unknown=UNKNOWN)
    # Behind the words that are as frequent, where a first-seen order would put it at the latest.
    place = int(np.searchsorted(-words.counts, -corpus.num_sentences, side="right"))
    with_end = Words.of([*words.words, SENTENCE_END]).take(np.insert(np.arange(len(words)), place, len(words)))
    return Vocabulary.in_order(with_end, np.insert(words.counts, place, corpus.num_sentences), UNKNOWN)


@dataclass(frozen=True)
class EncodedText:
    """A text that is ids already, as the recipes read it that count pairs of words: one sentence, ends within.

    Attributes:
        ids: (n,) int32; see `text_of`.
        vocabulary: whose ids they are.
    """

    ids: NDArray[np.int32]
    vocabulary: Vocabulary

    def blocks(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """As `EncodedView.blocks`."""
        yield self.ids, np.array([0, self.ids.size], dtype=np.int64)


def text_of(corpus: Corpus, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """The ids of a corpus, an end after each sentence: (num_tokens + num_sentences,) int32, in memory.

    Raises:
        InputError: the vocabulary has no `SENTENCE_END` or no unknown word.
    """
    if SENTENCE_END not in vocabulary or vocabulary.unknown is None:
        raise InputError(f"the vocabulary lacks {SENTENCE_END!r} or an unknown word; make it with language_vocabulary")
    end = vocabulary.id(SENTENCE_END)
    text = np.empty(corpus.num_tokens + corpus.num_sentences, dtype=np.int32)
    at = 0
    for ids, offsets in corpus.encode_with(vocabulary).blocks():
        sentences = offsets.size - 1
        piece = text[at : at + ids.size + sentences]
        is_end = np.zeros(piece.size, dtype=bool)
        is_end[offsets[1:] + np.arange(sentences)] = True
        piece[is_end] = end
        piece[~is_end] = ids
        at += piece.size
    return text
