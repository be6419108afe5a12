"""A view of a corpus in the ids of another vocabulary: ids are mapped as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vastmax.text.vocabulary import Vocabulary

BLOCK_TOKENS = 1 << 20
"""Tokens mapped at a time; a longer sentence is read whole."""

_BLOCK_SENTENCES = 1 << 16


class TokenStream(Protocol):
    """Sentences of ids that can be read in pieces: a `Corpus`, or a text in memory."""

    vocabulary: Vocabulary

    @property
    def num_sentences(self) -> int:
        """Return how many there are."""

    @property
    def num_tokens(self) -> int:
        """Return how many words they have."""

    @property
    def sentence_offsets(self) -> npt.NDArray[np.int64]:
        """Return (sentences + 1,) where each begins, and the end."""

    def read_ids(self, start: int, stop: int) -> npt.NDArray[np.int32]:
        """Return the ids of tokens start … stop."""

    def read_offsets(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return the first tokens of sentences start … stop."""


class EncodedView:
    """The sentences of `corpus` in the ids of `vocabulary`.

    Words outside the vocabulary become its unknown word. If it has none, they are dropped, and so are sentences that
    become empty.
    """

    def __init__(self, corpus: TokenStream, vocabulary: Vocabulary) -> None:
        self.corpus = corpus
        self.vocabulary = vocabulary
        self.id_map: npt.NDArray[np.int32] = vocabulary.map_words(corpus.vocabulary.words)
        """(types of the corpus,) the id in the vocabulary of each id in the corpus; −1: dropped."""

    @cached_property
    def num_tokens(self) -> int:
        """The number of tokens that remain, computed from the counts without reading."""
        return int(self.corpus.vocabulary.counts[self.id_map >= 0].sum())

    @cached_property
    def num_outside(self) -> int:
        """The number of tokens whose word is not in the vocabulary, dropped or made unknown."""
        outside = self.id_map < 0
        if self.vocabulary.unknown is not None:
            unknown = self.vocabulary.id(self.vocabulary.unknown)
            own = np.fromiter(
                (word == self.vocabulary.unknown for word in self.corpus.vocabulary.words),
                dtype=bool,
                count=len(self.id_map),
            )
            outside = (self.id_map == unknown) & ~own
        return int(self.corpus.vocabulary.counts[outside].sum())

    def blocks(self) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]]:
        """Yield whole sentences, about `BLOCK_TOKENS` tokens at a time: their ids, and their offsets, from 0."""
        num_sentences = self.corpus.num_sentences
        start = 0
        while start < num_sentences:
            offsets = self.corpus.read_offsets(start, min(start + _BLOCK_SENTENCES, num_sentences) + 1)
            fits = int(np.searchsorted(offsets, offsets[0] + BLOCK_TOKENS, side="right")) - 1
            offsets = offsets[: max(fits, 1) + 1]
            ids = self.id_map[self.corpus.read_ids(int(offsets[0]), int(offsets[-1]))]
            start += len(offsets) - 1
            offsets -= offsets[0]
            if self.vocabulary.unknown is None:
                kept = ids >= 0
                offsets = np.concatenate([[0], np.cumsum(kept)])[offsets]
                offsets = np.unique(offsets)  # sentences that became empty go
                ids = ids[kept]
            yield ids, offsets

    def sentences(self) -> Iterator[npt.NDArray[np.int32]]:
        """Yield the ids of each sentence, as views into the arrays of its block."""
        for ids, offsets in self.blocks():
            ends = offsets.tolist()
            for begin, end in pairwise(ends):
                yield ids[begin:end]
