"""The rows that subword vectors are means of: a word's own, and those of its n-grams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import Floats, Ids
from vastmax.embedding.subwords import Subwords
from vastmax.errors import InputError, argument
from vastmax.kernels.embedding_tables import InputRows
from vastmax.kernels.subwords import mean_rows
from vastmax.text.words import Words

if TYPE_CHECKING:
    from vastmax.files.safetensors import Place


class SubwordRows:
    """Rows of words and n-grams, and which n-grams they belong to.

    Args:
        subwords: the n-grams of words.
        word_rows: (V, D) float32, the words' own rows.
        ngram_rows: (U, D) float32, the rows of n-grams, by ascending bucket.
        buckets: (U,) int32, ascending: the bucket of each of these rows; None: all of them, U = `subwords.bucket`.
        unchecked: where matrices lie in a file that is to be checked at their first use.

    Raises:
        InputError: shapes that do not fit, buckets that do not ascend or are out of range.
    """

    def __init__(
        self,
        subwords: Subwords,
        word_rows: Floats,
        ngram_rows: Floats,
        buckets: NDArray[np.int32] | None = None,
        *,
        unchecked: Mapping[str, Place] | None = None,
    ) -> None:
        self.subwords = subwords
        if buckets is None:
            buckets = np.arange(subwords.bucket, dtype=np.int32)
        if word_rows.ndim != 2 or ngram_rows.ndim != 2 or word_rows.shape[1] != ngram_rows.shape[1]:
            raise InputError(
                f"rows of shapes {word_rows.shape} and {ngram_rows.shape}; (V, D) and (U, D) were expected"
            )
        if buckets.shape != (len(ngram_rows),):
            raise InputError(f"{len(ngram_rows):,} rows of n-grams for {len(buckets):,} buckets; one each is needed")
        if len(buckets) and not (buckets[0] >= 0 and buckets[-1] < subwords.bucket and (np.diff(buckets) > 0).all()):
            raise InputError(f"the buckets of n-grams do not ascend within 0 … {subwords.bucket - 1:,}")
        self._word_rows, self._ngram_rows, self.buckets = word_rows, ngram_rows, buckets
        self._unchecked = dict(unchecked or {})

    @property
    def word_rows(self) -> Floats:
        """(V, D), the words' own rows."""
        self._check("word_rows")
        return self._word_rows

    @property
    def word_shape(self) -> tuple[int, int]:
        """V and D."""
        return self._word_rows.shape[0], self._word_rows.shape[1]

    @property
    def ngram_rows(self) -> Floats:
        """(U, D), the rows of n-grams."""
        self._check("ngram_rows")
        return self._ngram_rows

    def vector(self, word: str) -> Floats | None:
        """Return the mean of the rows of a word's n-grams, (D,); None if there is a row for none of them.

        Cost: a row for each n-gram; of a mapped file no more than these are read and checked.
        """
        found = self._places(self.subwords.buckets(word))
        found = found[found >= 0]
        if not len(found):
            return None
        if (place := self._unchecked.get("ngram_rows")) is not None:
            for row in found.tolist():
                place.require(slice(row, row + 1))
        mean: Floats = self._ngram_rows[found].mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean

    def compose(self, words: Words | list[str]) -> Floats:
        """Return the vectors of the words whose own rows these are, (V, D): the mean of each one's rows.

        Cost: one pass over the rows of every word.
        """
        inputs = number_rows(self.subwords, words, self.buckets).inputs
        return self.means(inputs)

    def means(self, inputs: InputRows) -> Floats:
        """Return the same for words whose rows were numbered before."""
        return mean_rows(self.word_rows, self.ngram_rows, inputs.offsets, inputs.rows)

    def take(self, word_ids: slice | Ids) -> SubwordRows:
        """Return the rows of some words and of all n-grams."""
        unchecked = {name: place for name, place in self._unchecked.items() if name == "ngram_rows"}
        rows = self._word_rows if isinstance(word_ids, slice) else self.word_rows
        return SubwordRows(self.subwords, rows[word_ids], self._ngram_rows, self.buckets, unchecked=unchecked)

    def copied(self) -> SubwordRows:
        """Return the same with matrices of its own."""
        return SubwordRows(self.subwords, self.word_rows.copy(), self.ngram_rows.copy(), self.buckets)

    def _places(self, buckets: NDArray[np.int32]) -> Ids:
        """The row of each bucket, -1 for one that has none."""
        if not len(self.buckets):
            return np.full(len(buckets), -1)
        found = np.minimum(np.searchsorted(self.buckets, buckets), len(self.buckets) - 1)
        return np.where(self.buckets[found] == buckets, found, -1)

    def _check(self, name: str) -> None:
        if (place := self._unchecked.get(name)) is not None:
            place.require()
            self._unchecked.pop(name, None)

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickling keeps: all of it in memory, and checked."""
        for name in tuple(self._unchecked):
            self._check(name)
        return self.__dict__.copy()


@dataclass(frozen=True)
class Numbering:
    """The rows of a matrix that a vocabulary needs: one for each word, then one for each n-gram that occurs in one."""

    subwords: Subwords
    inputs: InputRows
    buckets: NDArray[np.int32]
    """(U,) ascending: the bucket of each n-gram's row."""


def number_rows(subwords: Subwords, words: Words | list[str], buckets: NDArray[np.int32] | None = None) -> Numbering:
    """Number the rows of words and of their n-grams; a bucket that nothing is hashed to gets none.

    Args:
        subwords: the n-grams of words.
        words: V of them.
        buckets: ascending; these get rows in any case.

    Raises:
        InputError: no word has an n-gram.

    Cost: sorts the n-grams of all words.
    """
    offsets, rows = subwords.rows(words)
    V = len(offsets) - 1
    is_ngram = rows >= V
    of_words = rows[is_ngram] - np.int32(V)
    used = np.unique(of_words)
    if buckets is not None:
        used = np.union1d(used, buckets).astype(np.int32)
    if not len(used):
        raise InputError(
            f"no word has an n-gram of {subwords.min_n} characters or more, < and > included; lower {argument('min_n')}"
        )
    rows[is_ngram] = (V + np.searchsorted(used, of_words)).astype(np.int32)
    return Numbering(subwords, InputRows(offsets, rows, V + len(used)), used)
