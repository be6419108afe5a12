"""Join chosen adjacent words of a corpus: the result is a new corpus on disk, mapped from id to id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vastmax.kernels.phrases import PhraseJoiner
from vastmax.progress import Progress
from vastmax.text.corpus import Corpus
from vastmax.text.encoded_folder import FolderWriter
from vastmax.text.vocabulary import Vocabulary
from vastmax.text.words import Words


class Joined(Protocol):
    """Words to be joined, and the word they become."""

    @property
    def words(self) -> tuple[str, ...]:
        """The first word, connectors if any, the last word."""

    @property
    def text(self) -> str:
        """The word they become."""


def marks_of(words: Iterable[str], vocabulary: Vocabulary) -> npt.NDArray[np.bool_] | None:
    """Return a mask (V,) of the vocabulary's words that are among `words`; None if there are none."""
    present = [vocabulary.id(word) for word in words if word in vocabulary]
    if not present:
        return None
    marks = np.zeros(len(vocabulary), dtype=np.bool_)
    marks[present] = True
    return marks


def join_corpus(corpus: Corpus, phrases: Sequence[Joined], connectors: Sequence[str], progress: Progress) -> Corpus:
    """Return the corpus that reading the joined text would give: the same ids, order of words, and sentences.

    A phrase that is spelled like a word of the text becomes that word. Phrases with words that are not in the corpus
    cannot occur and are skipped.
    """
    vocabulary = corpus.vocabulary
    num_words = len(vocabulary)
    prefix_ids: dict[tuple[int, int], int] = {}  # (prefix, connector) → prefix
    new_ids: dict[str, int] = {}
    rows = []
    for phrase in phrases:
        if not all(word in vocabulary for word in phrase.words):
            continue
        prefix, *between, last = vocabulary.ids(phrase.words).tolist()
        for connector in between:
            prefix = prefix_ids.setdefault((prefix, connector), num_words + len(prefix_ids))
        if phrase.text in vocabulary:
            rows.append((prefix, last, vocabulary.id(phrase.text)))
        else:
            rows.append((prefix, last, new_ids.setdefault(phrase.text, num_words + len(new_ids))))
    joiner = PhraseJoiner(
        num_words,
        num_words + len(new_ids),
        connectors=marks_of(connectors, vocabulary),
        longer=[(*pair, prefix) for pair, prefix in prefix_ids.items()],
        phrases=rows,
    )

    def write(folder: Path) -> None:
        writer = FolderWriter(folder)
        try:
            progress.begin("Joining phrases", corpus.num_tokens, "words")
            done = 0
            for ids, ends in corpus.token_blocks():
                writer.append(*joiner.feed((ids, ends)))
                done += len(ids)
                progress.update(done)
            seen, counts = joiner.first_seen(), joiner.counts()
            order = seen[np.argsort(-counts[seen], kind="stable")]
            renumbered = np.full(len(counts), -1, dtype=np.int32)  # words that were always joined are gone
            renumbered[order] = np.arange(len(order), dtype=np.int32)
            words = vocabulary.words.followed_by(Words.of(new_ids)).take(order)
            writer.finish(f"{corpus.folder.name}, joined", words, counts[order], renumbered)
            progress.end()
        finally:
            writer.close()

    return corpus.derive(write)
