"""Text for language models: one long array of word ids in which ends of sentences are words, too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.arguments import real, whole
from vastmax.errors import InputError
from vastmax.text import Corpus, Vocabulary
from vastmax.text.encoded_view import BLOCK_TOKENS
from vastmax.text.words import Words

SENTENCE_END = "</s>"
"""The word that ends every sentence; it is predicted like any other."""

UNKNOWN = "<unk>"
"""The word for all words that are not in the vocabulary."""


def language_vocabulary(
    corpus: Corpus, *, min_count: int = 1, max_size: int | None = None, num_sentences: int | None = None
) -> Vocabulary:
    """Return the words of a corpus, `UNKNOWN` and `SENTENCE_END`, in count order.

    Words that are left out count as `UNKNOWN`, which is present even with count 0, because held-out text may need it.

    Args:
        corpus: the training text.
        min_count: leave out words that occur less often.
        max_size: the largest V, including the two words above.
        num_sentences: use only this many of the first sentences; None: all.

    Raises:
        InputError: no word is frequent enough, min_count is below 1, max_size is below 3, or the text contains the word
            `SENTENCE_END`.

    Example:
        >>> vocabulary = language_vocabulary(Corpus([["a", "cat"], ["a", "dog"], ["a"]]), min_count=2)
        >>> list(zip(vocabulary.words, vocabulary.counts.tolist()))
        [('a', 3), ('</s>', 3), ('<unk>', 2)]
    """
    if num_sentences is None:
        num_sentences = corpus.num_sentences
    types = corpus.vocabulary if num_sentences == corpus.num_sentences else _types_of(corpus, num_sentences)
    _check_words(min_count, max_size)
    if SENTENCE_END in types:
        raise InputError(f"the text contains {SENTENCE_END!r}, the word that stands for ends of lines; remove it")
    words = types.truncate(min_count=min_count, max_size=None if max_size is None else max_size - 1, unknown=UNKNOWN)
    # After equally frequent words, because it first occurs after them.
    place = int(np.searchsorted(-words.counts, -num_sentences, side="right"))
    with_end = Words.of([*words.words, SENTENCE_END]).take(np.insert(np.arange(len(words)), place, len(words)))
    return Vocabulary.in_order(with_end, np.insert(words.counts, place, num_sentences), UNKNOWN)


def _types_of(corpus: Corpus, num_sentences: int) -> Vocabulary:
    """Return the words of the first sentences, in count order."""
    counts = np.zeros(len(corpus.vocabulary), dtype=np.int64)
    end = int(corpus.read_offsets(num_sentences, num_sentences + 1)[0])
    for start in range(0, end, BLOCK_TOKENS):
        counts += np.bincount(corpus.read_ids(start, min(start + BLOCK_TOKENS, end)), minlength=counts.size)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return Vocabulary.in_order(corpus.vocabulary.words.take(order), counts[order])


def held_out_sentences(corpus: Corpus, share: float) -> int:
    """Return how many sentences at the end of a corpus contain about `share` of its words: at least one, but not all.

    Raises:
        InputError: share is not in (0, 1), or the corpus has one sentence.
    """
    if not 0 < share < 1:
        raise InputError(f"the share held out is {share}; expected above 0 and below 1")
    if corpus.num_sentences < 2:
        raise InputError("the text has one sentence (line), so no part can be held out; give validation text")
    offsets = corpus.sentence_offsets
    first = int(np.searchsorted(offsets, (1 - share) * corpus.num_tokens))
    return corpus.num_sentences - min(max(first, 1), corpus.num_sentences - 1)


@dataclass(frozen=True)
class EncodedText:
    """A text of ids, for recipes that count pairs of words: a single sentence that contains the ends of all.

    Attributes:
        ids: (n,) int32; see `text_of`.
        vocabulary: of the ids.
    """

    ids: NDArray[np.int32]
    vocabulary: Vocabulary

    def blocks(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """Yield the text as `EncodedView.blocks` does."""
        yield self.ids, np.array([0, self.ids.size], dtype=np.int64)


def text_of(corpus: Corpus, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Return the ids of a corpus with an end after each sentence: (num_tokens + num_sentences,) int32, in memory.

    Raises:
        InputError: the vocabulary has no `SENTENCE_END` or no unknown word.
    """
    if SENTENCE_END not in vocabulary or vocabulary.unknown is None:
        raise InputError(f"the vocabulary lacks {SENTENCE_END!r} or an unknown word; use language_vocabulary")
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


def known_text_of(corpus: Corpus, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Return `text_of` for a text to be evaluated.

    Raises:
        InputError: every word of it is unknown.
    """
    if corpus.encode_with(vocabulary).num_outside == corpus.num_tokens:
        raise InputError(
            f"none of the {corpus.num_tokens:,} words of the text is among the {len(vocabulary):,} of the model; is it "
            "in the same language and case?"
        )
    return text_of(corpus, vocabulary)


@dataclass(frozen=True)
class TrainingText:
    """The training text and the validation text of a model.

    Attributes:
        vocabulary: of the training text.
        training: (n,) ids.
        validation: (m,) ids; None: none.
    """

    vocabulary: Vocabulary
    training: NDArray[np.int32]
    validation: NDArray[np.int32] | None

    def digests(self) -> dict[str, str | None]:
        """Return the digests of these texts."""
        validation = None if self.validation is None else hashlib.sha256(self.validation.data).hexdigest()
        return {"sha256": hashlib.sha256(self.training.data).hexdigest(), "validation_sha256": validation}


def check_text_options(*, held_out: float, min_count: int, max_size: int | None) -> None:
    """Raise InputError for invalid options of `training_text`, before the text is read.

    Args:
        held_out: expected from 0 to below 1.
        min_count: expected at least 1.
        max_size: expected at least 3, if not None.
    """
    real("held_out", held_out, 0.0, 1.0, below=True)
    _check_words(min_count, max_size)


def _check_words(min_count: int, max_size: int | None) -> None:
    whole("min_count", min_count, 1, None)
    if max_size is not None:
        whole("max_size", max_size, 3, None, why=f"{SENTENCE_END}, {UNKNOWN} and one word")


def training_text(
    corpus: Corpus,
    validation: Corpus | None = None,
    *,
    held_out: float = 0.05,
    min_count: int = 2,
    max_size: int | None = None,
) -> TrainingText:
    """Return the texts as ids, and the vocabulary of the training text.

    Args:
        corpus: the training text.
        validation: validation text; None: the end of the corpus is held out.
        held_out: the share of the corpus that is held out; 0 for no validation.
        min_count: see `language_vocabulary`; with 2, words seen once stand for unseen ones.
        max_size: see `language_vocabulary`.

    Raises:
        InputError: see `check_text_options`; nothing can be held out, or every word of the validation text is unknown.
    """
    check_text_options(held_out=held_out, min_count=min_count, max_size=max_size)
    if validation is not None or held_out == 0:
        vocabulary = language_vocabulary(corpus, min_count=min_count, max_size=max_size)
        tested = None if validation is None else known_text_of(validation, vocabulary)
        return TrainingText(vocabulary, text_of(corpus, vocabulary), tested)
    num_sentences = corpus.num_sentences - held_out_sentences(corpus, held_out)
    vocabulary = language_vocabulary(corpus, min_count=min_count, max_size=max_size, num_sentences=num_sentences)
    text = text_of(corpus, vocabulary)
    end = int(corpus.read_offsets(num_sentences, num_sentences + 1)[0]) + num_sentences
    return TrainingText(vocabulary, text[:end], text[end:])
