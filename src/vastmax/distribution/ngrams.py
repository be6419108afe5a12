"""Counts of each word after each context, as sparse rows. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vastmax.arguments import MOST_WORDS, whole
from vastmax.errors import InputError

_LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True)
class NGrams:
    """Counts of (context, word) for contexts of `order` − 1 words: a sparse matrix in rows, words ascending in each.

    A context is one number: the id w₁ of the previous word or, for triples, w₂·V + w₁, where w₂ is the word before it.
    Counts are stored as running sums, so one search draws a word in proportion to its count.

    Attributes:
        order: 2 for pairs, 3 for triples.
        vocab_size: V.
        contexts: (R,) int64, ascending: the observed contexts.
        offsets: (R + 1,) int64: row r is `word_ids[offsets[r]:offsets[r + 1]]`.
        word_ids: (E,) int32, ascending within a row.
        cumulative: (E + 1,) int64: the count of entry e is `cumulative[e + 1] − cumulative[e]`.

    Example:
        >>> table = NGrams.from_ids([0, 1, 0, 1, 0, 2], [0, 6], vocab_size=3)
        >>> table.contexts.tolist(), table.offsets.tolist(), table.word_ids.tolist(), table.counts.tolist()
        ([0, 1], [0, 2, 3], [1, 2, 0], [2, 1, 2])
    """

    order: int
    vocab_size: int
    contexts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    word_ids: NDArray[np.int32]
    cumulative: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check the arrays once; readers trust them."""
        ends, words, sums = self.offsets, self.word_ids, self.cumulative
        if (
            ends.shape != (self.contexts.size + 1,)
            or ends[0] != 0
            or ends[-1] != words.size
            or (np.diff(ends) < 0).any()
        ):
            raise InputError(f"offsets do not run from 0 to the number of entries, {words.size}, row by row")
        if sums.shape != (words.size + 1,) or (np.diff(sums) < 1).any():
            raise InputError(f"cumulative must be running sums of counts ≥ 1, one more than the {words.size} entries")
        if words.size == 0:
            return
        if words.min() < 0 or words.max() >= self.vocab_size:
            raise InputError(f"word_ids hold {words.min()} to {words.max()}; expected 0 to {self.vocab_size - 1}")
        is_first = np.zeros(words.size + 1, dtype=bool)
        is_first[ends] = True
        if ((words[1:] <= words[:-1]) & ~is_first[1:-1]).any():
            raise InputError("word_ids must ascend within each row")

    @property
    def counts(self) -> NDArray[np.int64]:
        """(E,) the count of each entry."""
        counts: NDArray[np.int64] = np.diff(self.cumulative)
        return counts

    @cached_property
    def small_counts(self) -> NDArray[np.uint8]:
        """(E,) the count of each entry, at most 255, in a small array that stays in cache."""
        return np.minimum(self.counts, 255).astype(np.uint8)

    @classmethod
    def from_ids(cls, ids: ArrayLike, sentence_offsets: ArrayLike, vocab_size: int, order: int = 2) -> NGrams:
        """Count the sentences `ids[sentence_offsets[s]:sentence_offsets[s + 1]]`, as in a `Corpus`, at once.

        Equals `from_blocks` with one block, and temporarily uses some 50 bytes per token.
        """
        return cls.from_blocks([(np.asarray(ids), np.asarray(sentence_offsets))], vocab_size, order)

    @classmethod
    def from_blocks(
        cls, blocks: Iterable[tuple[NDArray[Any], NDArray[Any]]], vocab_size: int, order: int = 2
    ) -> NGrams:
        """Count blocks of sentences, such as `corpus.encode_with(vocabulary).blocks()`.

        Args:
            blocks: (ids, sentence_offsets): (T,) integers ≥ 0, of which those at or beyond `vocab_size` are unknown
                words that are in no n-gram; (S + 1,) ascending from 0 to T. No n-gram crosses the end of a sentence.
            vocab_size: V.
            order: 2 or 3.

        Raises:
            InputError: invalid arguments, or V so large that V^order exceeds 64 bits.

        Cost: a sort of each block's n-grams, and a merge of the results.
        """
        if order not in (2, 3):
            raise InputError(f"order is {order}; expected 2 (pairs) or 3 (triples)")
        vocab_size = whole("vocab_size", vocab_size, 1, MOST_WORDS)
        if vocab_size**order > _LARGEST_KEY:
            raise InputError(f"vocab_size is {vocab_size}; expected at most 2^(63/{order})")
        keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
        for ids, offsets in blocks:
            seen, times = np.unique(_keys(ids, offsets, vocab_size, order), return_counts=True)
            keys, counts = _merge(keys, counts, seen, times)
        contexts, first = np.unique(keys // vocab_size, return_index=True)
        return cls(
            order,
            vocab_size,
            contexts,
            np.append(first, keys.size).astype(np.int64),
            (keys % vocab_size).astype(np.int32),
            np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        )


def _keys(tokens: NDArray[Any], offsets: NDArray[Any], vocab_size: int, order: int) -> NDArray[np.int64]:
    """Return context·V + word of every n-gram."""
    if tokens.ndim != 1 or (tokens.size and tokens.dtype.kind not in "iu"):
        raise InputError(f"ids have shape {tokens.shape} and type {tokens.dtype}; expected integers, shape (T,)")
    if offsets.ndim != 1 or offsets.size < 1 or offsets[0] != 0 or offsets[-1] != tokens.size:
        raise InputError(f"sentence_offsets do not run from 0 to the number of ids, {tokens.size}")
    if (np.diff(offsets) < 0).any():
        raise InputError("sentence_offsets do not ascend")
    if tokens.size and tokens.min() < 0:
        raise InputError(f"ids hold {tokens.min()}; expected word ids ≥ 0")
    length = max(tokens.size - order + 1, 0)
    is_start = np.zeros(tokens.size + 1, dtype=bool)
    is_start[offsets] = True
    key, valid = np.zeros(length, np.int64), np.ones(length, dtype=bool)
    for place in range(order):
        word = tokens[place : place + length].astype(np.int64)
        key = key * vocab_size + word
        valid &= word < vocab_size
        if place > 0:
            valid &= ~is_start[place : place + length]
    return key[valid]


def _merge(
    keys: NDArray[np.int64], counts: NDArray[np.int64], more_keys: NDArray[np.int64], more_counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if keys.size == 0:
        return more_keys, more_counts.astype(np.int64)
    both, place = np.unique(np.concatenate([keys, more_keys]), return_inverse=True)
    total = np.bincount(place, weights=np.concatenate([counts, more_counts]), minlength=both.size)
    return both, total.astype(np.int64)
