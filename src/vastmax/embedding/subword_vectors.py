"""Word vectors that are made of n-grams, so that words never seen have vectors, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from vastmax.embedding.cosine import Floats, Ids
from vastmax.embedding.formats.table import Table
from vastmax.embedding.subword_rows import SubwordRows
from vastmax.embedding.word_table import listed
from vastmax.embedding.word_vectors import WordVectors
from vastmax.errors import InputError
from vastmax.text.words import word_of

if TYPE_CHECKING:
    from vastmax.files.safetensors import Place


class SubwordVectors(WordVectors):
    """Word vectors with the rows of n-grams that they are means of (Bojanowski et al. 2017).

    The vector of a word in the vocabulary is the mean of its own row and of those of its n-grams. A word that is not in
    the vocabulary has the mean of its n-grams' rows, wherever a word is asked for: ``vectors["unseen"]``,
    `most_similar`, `similarity` and all others. ``word in vectors`` and the words that searches find are those of the
    vocabulary alone. All else is as in `WordVectors`.

    Args:
        words: V different strings.
        vectors: (V, D), their vectors; None: computed from the rows.
        subwords: the rows.
        counts: as for `WordVectors`, as all that follow.
        output_vectors: see there.
        node_vectors: see there.
        training: see there.
        unchecked: see there.

    Raises:
        InputError: shapes that do not fit.

    Example:
        >>> from vastmax.embedding.subwords import Subwords
        >>> rows = SubwordRows(Subwords(3, 3, 10), np.ones((1, 2), np.float32), np.eye(10, 2, dtype=np.float32))
        >>> v = SubwordVectors(["king"], None, subwords=rows)
        >>> "kings" in v, v["kings"].shape
        (False, (2,))
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: ArrayLike | None,
        *,
        subwords: SubwordRows,
        counts: ArrayLike | None = None,
        output_vectors: ArrayLike | None = None,
        node_vectors: ArrayLike | None = None,
        training: Mapping[str, Any] | None = None,
        unchecked: Mapping[str, Place] | None = None,
    ) -> None:
        super().__init__(
            words,
            subwords.compose(list(words)) if vectors is None else vectors,
            counts=counts,
            output_vectors=output_vectors,
            node_vectors=node_vectors,
            training=training,
            unchecked=unchecked,
        )
        self.subwords: SubwordRows = subwords
        if subwords.word_shape != (len(self), self.vector_size):
            raise InputError(
                f"the words' own rows have the shape {subwords.word_shape}; these vectors need "
                f"({len(self)}, {self.vector_size})"
            )

    @property
    def ngrams(self) -> Floats:
        """(U, D), the rows of n-grams that have one; `subwords.buckets` tells which bucket each belongs to."""
        return self.subwords.ngram_rows

    def vector(self, word: str | int) -> Floats:
        """Return the vector of a word, (D,), whether it is in the vocabulary or not.

        Raises:
            UnknownWordError: it is not, and none of its n-grams has a row.
        """
        row = self._known_id(word)
        return self._rows(row) if row >= 0 else self._composed(word)

    def __getitem__(self, words: str | int | Sequence[str]) -> Floats:
        """Return the vector of a word, (D,), or those of several, (n, D), in the vocabulary or not."""
        if isinstance(words, str | int | np.integer):
            return self.vector(words)
        asked = listed(words)
        found = self._known_ids(asked)
        vectors = self._rows(np.maximum(found, 0))
        for at in np.flatnonzero(found < 0).tolist():
            vectors[at] = self._composed(asked[at])
        return vectors

    def similarity(self, first: str, second: str) -> float:
        """Return the cosine of two words' vectors, in [−1, 1]; 0 when one of them is the zero vector."""
        if (self._known_ids([first, second]) >= 0).all():
            return super().similarity(first, second)
        one, other = self[[first, second]].astype(np.float64)
        scale = np.linalg.norm(one) * np.linalg.norm(other)
        return float(np.clip(one @ other / scale, -1.0, 1.0)) if scale else 0.0

    @classmethod
    def _of(cls, table: Table) -> Self:
        if table.subwords is None:
            raise InputError("there are no n-grams with these vectors; load them as WordVectors")
        return cls(
            table.words,
            table.vectors,
            subwords=table.subwords,
            counts=table.counts,
            output_vectors=table.output_vectors,
            node_vectors=table.node_vectors,
            training=table.training,
            unchecked=table.unchecked,
        )

    def _known_id(self, word: object) -> int:
        try:
            return self.key_to_index.get(word_of(word), -1)
        except TypeError:
            raise InputError(f"a word is a string, not {word!r} of type {type(word).__name__}") from None

    def _known_ids(self, words: Sequence[str | int]) -> Ids:
        """Return the rows of words, -1 for one that is made of its n-grams."""
        return np.fromiter((self._known_id(word) for word in words), dtype=np.int64, count=len(words))

    def _units_of(self, words: Sequence[str | int]) -> Floats:
        words = listed(words)
        found = self._known_ids(words)
        units = self.unit_vectors(np.maximum(found, 0))
        for at in np.flatnonzero(found < 0).tolist():
            vector = self._composed(words[at])
            units[at] = vector / (np.linalg.norm(vector) or 1.0)
        return units

    def _composed(self, word: object) -> Floats:
        text = word_of(word)
        vector = self.subwords.vector(text) if isinstance(text, str) and text else None
        if vector is None:
            raise self._unknown(word)
        return vector
