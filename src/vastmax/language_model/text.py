"""A corpus as a language model reads it: one long run of word ids in which the ends of sentences are words too."""

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
"""The word that stands for all that the vocabulary lacks."""


def language_vocabulary(
    corpus: Corpus, *, min_count: int = 1, max_size: int | None = None, num_sentences: int | None = None
) -> Vocabulary:
    """The words of a corpus, `UNKNOWN` and `SENTENCE_END`, in count order.

    Words left out count as `UNKNOWN`, which is there even if nothing was left out, with the count 0: held-out text may
    need it.

    Args:
        corpus: what the model is to be trained on.
        min_count: words that occur less often are left out.
        max_size: V at most, the two words above included.
        num_sentences: of the corpus, from its beginning, that the model is to be trained on; all if None.

    Raises:
        InputError: no word is frequent enough, min_count below 1, max_size below 3, or the text itself holds the word
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
        raise InputError(f"the text holds {SENTENCE_END!r}, the word that is put at the ends of its lines; remove it")
    words = types.truncate(min_count=min_count, max_size=None if max_size is None else max_size - 1, unknown=UNKNOWN)
    # Behind the words that are as frequent, where a first-seen order would put it at the latest.
    place = int(np.searchsorted(-words.counts, -num_sentences, side="right"))
    with_end = Words.of([*words.words, SENTENCE_END]).take(np.insert(np.arange(len(words)), place, len(words)))
    return Vocabulary.in_order(with_end, np.insert(words.counts, place, num_sentences), UNKNOWN)


def _types_of(corpus: Corpus, num_sentences: int) -> Vocabulary:
    """The words of the first sentences, in count order."""
    counts = np.zeros(len(corpus.vocabulary), dtype=np.int64)
    end = int(corpus.read_offsets(num_sentences, num_sentences + 1)[0])
    for start in range(0, end, BLOCK_TOKENS):
        counts += np.bincount(corpus.read_ids(start, min(start + BLOCK_TOKENS, end)), minlength=counts.size)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return Vocabulary.in_order(corpus.vocabulary.words.take(order), counts[order])


def held_out_sentences(corpus: Corpus, share: float) -> int:
    """How many sentences at the end of a corpus hold about `share` of its words: one at least, and not all.

    Raises:
        InputError: share not in (0, 1), or a corpus of one sentence.
    """
    if not 0 < share < 1:
        raise InputError(f"the share held out is {share}; expected above 0 and below 1")
    if corpus.num_sentences < 2:
        raise InputError("the text has one sentence (line), of which no end can be held out; give validation text")
    offsets = corpus.sentence_offsets
    first = int(np.searchsorted(offsets, (1 - share) * corpus.num_tokens))
    return corpus.num_sentences - min(max(first, 1), corpus.num_sentences - 1)


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
        """Yield the text as `EncodedView.blocks` does."""
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


def known_text_of(corpus: Corpus, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """`text_of`, for a text that something is to be said about.

    Raises:
        InputError: every word of it is unknown.
    """
    if corpus.encode_with(vocabulary).num_outside == corpus.num_tokens:
        raise InputError(
            f"none of the {corpus.num_tokens:,} words of the text is among the {len(vocabulary):,} of the model; is it "
            "of the same language, and in the same case?"
        )
    return text_of(corpus, vocabulary)


@dataclass(frozen=True)
class TrainingText:
    """The text that a model is trained on, and the one it is tested on meanwhile.

    Attributes:
        vocabulary: of the training text alone.
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
    """Raise InputError for what `training_text` cannot use, before there is a text.

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
    """Texts as ids, and the vocabulary of the training text.

    Args:
        corpus: to train on.
        validation: held-out text; None: the end of the corpus is held out.
        held_out: the share of the corpus; 0 for no validation.
        min_count: see `language_vocabulary`; with 2 the words seen once stand in for those never seen.
        max_size: see `language_vocabulary`.

    Raises:
        InputError: see `check_text_options`; no end can be held out, or every word of the validation text is unknown.
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
