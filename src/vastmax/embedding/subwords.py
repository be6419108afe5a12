"""The character n-grams of words, by fastText's rule: what subword vectors are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.arguments import MOST_NGRAM, MOST_WORDS, whole
from vastmax.errors import InputError, argument
from vastmax.kernels.subwords import ngram_buckets
from vastmax.text.words import Words


@dataclass(frozen=True)
class Subwords:
    """Hash the n-grams of words as fastText does (Bojanowski et al. 2017).

    The n-grams of a word are the pieces of "<word>" that are `min_n` to `max_n` characters long. "<" and ">" alone are
    none; "<word>" itself is one if its length is in the range. Each is hashed (32-bit FNV-1a over signed bytes of its
    UTF-8) to one of `bucket` buckets. fastText's mark of a sentence's end, "</s>", has no n-grams.

    Args:
        min_n: fewest characters of an n-gram, at least 1.
        max_n: most characters, at least `min_n`.
        bucket: how many buckets there are.

    Raises:
        InputError: a number is out of range.

    Example:
        >>> Subwords(3, 6, 2_000_000).buckets("a")  # "<a>" is the only one
        array([1087600], dtype=int32)
    """

    min_n: int
    max_n: int
    bucket: int

    def __post_init__(self) -> None:
        whole("min_n", self.min_n, 1, MOST_NGRAM)
        whole("max_n", self.max_n, 1, MOST_NGRAM)
        whole("bucket", self.bucket, 1, MOST_WORDS)
        if self.max_n < self.min_n:
            raise InputError(
                f"{argument('max_n')} is {self.max_n} and {argument('min_n')} {self.min_n}; n-grams have from min_n to "
                "max_n characters, so give a larger max_n"
            )

    def buckets(self, word: str) -> NDArray[np.int32]:
        """Return the bucket of each n-gram of a word, repeated ones included, in fastText's order."""
        return self._buckets(Words.of([word]))[1]

    def rows(self, words: Iterable[str]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return the rows that a vocabulary's vectors are the means of: each word's own, then those of its n-grams.

        Those of word w are ``rows[offsets[w] : offsets[w + 1]]``. Row w < V is the word's own; V + b is bucket b.

        Args:
            words: V words that are not empty.

        Returns:
            (offsets, rows): (V + 1,) int64 and int32.

        Raises:
            InputError: V + bucket is 2³¹ or more.

        Cost: about 40 ns per n-gram, a second or two for two million words.
        """
        words = words if isinstance(words, Words) else Words.of(words)
        V = len(words)
        if V + self.bucket > MOST_WORDS:
            raise InputError(
                f"{argument('bucket')} is {self.bucket:,} beside {V:,} words; together they must be below 2³¹"
            )
        ngram_offsets, ngrams = self._buckets(words)
        offsets = ngram_offsets + np.arange(V + 1)
        rows = np.empty(offsets[-1], np.int32)
        is_ngram = np.ones(len(rows), bool)
        is_ngram[offsets[:-1]] = False
        rows[offsets[:-1]] = np.arange(V)
        rows[is_ngram] = ngrams + np.int32(V)
        return offsets, rows

    def _buckets(self, words: Words) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        return ngram_buckets(words.blob, words.offsets, min_n=self.min_n, max_n=self.max_n, buckets=self.bucket)
