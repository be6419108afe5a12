"""Words and their vectors: lookup, norms, and what files contain; search is in `word_vectors`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vastmax.embedding.cosine import Floats, Ids, inverse_norms, row_norms
from vastmax.embedding.gensim_names import attribute_error
from vastmax.errors import InputError, UnknownWordError
from vastmax.strict_json import as_read_back
from vastmax.text.spelling import nearest_spellings
from vastmax.text.words import word_of

if TYPE_CHECKING:
    from vastmax.embedding.subword_rows import SubwordRows
    from vastmax.files.safetensors import Place

# This many rows lie in most blocks of a mapped file, so all blocks are checked together.
_MANY_ROWS = 10_000


class WordTable:
    """V words with a vector (D,) each, and what else a file contains: the base of `WordVectors`.

    It is what file formats and evaluations use. `WordVectors` adds search, files and evaluation, and documents the
    arguments.
    """

    subwords: SubwordRows | None = None
    """What the vectors are made of, where they are made of n-grams."""

    def __init__(
        self,
        words: Sequence[str],
        vectors: ArrayLike,
        *,
        counts: ArrayLike | None = None,
        output_vectors: ArrayLike | None = None,
        node_vectors: ArrayLike | None = None,
        training: Mapping[str, Any] | None = None,
        unchecked: Mapping[str, Place] | None = None,
    ) -> None:
        self.index_to_key = list(words)
        if set(map(type, self.index_to_key)) != {str}:
            self.index_to_key = [word_of(word) for word in self.index_to_key]
        self._vectors = _matrix(vectors, "vectors")
        V, D = self._vectors.shape
        if V == 0 or D == 0:
            raise InputError(f"vectors have the shape ({V}, {D}); at least one word and one dimension are needed")
        if len(self.index_to_key) != V:
            raise InputError(f"{len(self.index_to_key)} words for {V} vectors; expected one word per row")
        self.key_to_index = {word: word_id for word_id, word in enumerate(self.index_to_key)}
        if len(self.key_to_index) != V:
            _refuse_repeated(self.index_to_key)
        self.counts = None if counts is None else _count_array(counts, V)
        self._output_vectors = _of_width(output_vectors, "output_vectors", D)
        self._node_vectors = _of_width(node_vectors, "node_vectors", D)
        self.training = _plain_json(training)
        self.source: str | None = None  # the file they were loaded from, for messages
        self._unchecked = dict(unchecked or {})

    @property
    def vectors(self) -> Floats:
        """(V, D), read-only if mapped from a file, whose checksums are then checked at the first use.

        Raises:
            DamagedFileError: the file was changed or damaged.
        """
        self._check("vectors")
        return self._vectors

    @property
    def output_vectors(self) -> Floats | None:
        """(any, D), or None if unknown; read-only and checked like `vectors`."""
        self._check("output_vectors")
        return self._output_vectors

    @property
    def node_vectors(self) -> Floats | None:
        """(V − 1, D), the inner nodes of the Huffman tree of the counts, or None if there is no tree."""
        self._check("node_vectors")
        return self._node_vectors

    def _check(self, name: str) -> None:
        """Check a matrix that is mapped from a file, the first time that all of it is used."""
        place = self._unchecked.get(name)
        if place is not None:
            place.require()
            self._unchecked.pop(name, None)  # unless another thread was faster

    def _rows(self, word_ids: int | Ids) -> Floats:
        """Return the vectors of one or several words; of a mapped file, check only these."""
        place = self._unchecked.get("vectors")
        if place is not None:
            asked = np.atleast_1d(word_ids)
            if len(asked) > _MANY_ROWS:
                self._check("vectors")
            else:
                for word_id in asked.tolist():
                    place.require(slice(word_id, word_id + 1))
        rows: Floats = self._vectors[word_ids]
        return rows

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickling, all of it checked and in memory."""
        for name in tuple(self._unchecked):
            self._check(name)
        return self.__dict__.copy()

    @property
    def vector_size(self) -> int:
        """D, the width of a vector."""
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return word_of(word) in self.key_to_index

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} words × {self.vector_size})"

    def __getattr__(self, name: str) -> Any:
        """Answer gensim's names with what to write; no other name that is missing is looked for."""
        raise attribute_error(type(self).__name__, name)

    def __getitem__(self, words: str | int | Sequence[str]) -> Floats:
        """Return the vector of a word, (D,), a view; or those of several, (n, D), a copy.

        A whole number stands for the word that it is in decimal digits, as for items that are numbers in the text; it
        is never a row.
        """
        if isinstance(words, str | int | np.integer):
            return self._rows(self.word_id(words))
        return self._rows(self.word_ids(words))

    def word_id(self, word: str | int) -> int:
        """Return the row of a word; raise UnknownWordError, with the nearest spellings, when there is none."""
        try:
            return self.key_to_index[word_of(word)]
        except KeyError:
            raise self._unknown(word) from None
        except TypeError:
            raise InputError(f"a word is a string, not {word!r} of type {type(word).__name__}") from None

    def word_ids(self, words: Sequence[str | int]) -> Ids:
        """Return the rows of several words, (n,) int64."""
        words = listed(words)
        return np.fromiter((self.word_id(word) for word in words), dtype=np.int64, count=len(words))

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """The norm of each vector, (V,), computed once.

        Raises:
            InputError: a vector holds a NaN or an infinity (a memory-mapped file is first read as a whole here).
        """
        norms = row_norms(self.vectors)
        broken = np.flatnonzero(~np.isfinite(norms))
        if len(broken):
            place = f"{self.source}: " if self.source else ""
            raise InputError(
                f"{place}the vector of {self.index_to_key[broken[0]]!r} (row {broken[0]}) holds a NaN or "
                f"an infinity, as do {len(broken) - 1} others; cosines need finite numbers: train or convert them again"
            )
        return norms

    @cached_property
    def inverse_norms(self) -> Floats:
        """1 / norm of each vector, (V,), 0 for a zero vector."""
        return inverse_norms(self.norms)

    def unit_vectors(self, word_ids: Ids) -> Floats:
        """Return the vectors of these rows scaled to norm 1, (n, D), a copy; a zero vector stays zero."""
        norms = self.norms[word_ids]
        scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=self.inverse_norms[word_ids] > 0)
        return (self.vectors[word_ids] * scale[:, None]).astype(np.float32)

    def _known_ids(self, words: Sequence[str | int]) -> Ids:
        """Return the rows of words; of a word that has a vector without having a row, -1."""
        return self.word_ids(words)

    def _units_of(self, words: Sequence[str | int]) -> Floats:
        """Return the vectors of words scaled to norm 1, (n, D), also of those that have no row."""
        return self.unit_vectors(self.word_ids(words))

    def _unknown(self, word: object) -> UnknownWordError:
        message = f"{word!r} is not among the {len(self):,} words"
        if isinstance(word, int | np.integer) and not isinstance(word, bool):
            return UnknownWordError(
                f"{message}; a number stands for the word {word_of(word)!r}, and not for a row: that is "
                "vectors.vectors[row]"
            )
        if not isinstance(word, str):
            return UnknownWordError(f"{message}; a word is a string")
        if word != word.lower() and word.lower() in self:
            return UnknownWordError(f"{message}, but {word.lower()!r} is; the words may have been lower-cased")
        near = nearest_spellings(word, self.index_to_key)
        hint = f"nearest spellings: {', '.join(near)}" if near else "no word is spelled like it"
        return UnknownWordError(f"{message}; {hint}")


def listed(words: Sequence[str | int]) -> list[str | int]:
    """Return several words as a list; raise InputError if they are not several."""
    if not isinstance(words, Iterable):
        raise InputError(f"expected a word or a list of words, not {words!r} of type {type(words).__name__}")
    return list(words)


def _matrix(given: ArrayLike, name: str) -> Floats:
    matrix = np.asarray(_plain_tensor(given, name))
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise InputError(
            f"{name} have the shape {matrix.shape} and type {matrix.dtype}; expected numbers in 2 dimensions"
        )
    return matrix.astype(np.float32, copy=False)


def _of_width(given: ArrayLike | None, name: str, D: int) -> Floats | None:
    matrix = None if given is None else _matrix(given, name)
    if matrix is not None and matrix.shape[1] != D:
        raise InputError(f"{name} are {matrix.shape[1]} wide and vectors {D}; the two widths must be equal")
    return matrix


def _plain_tensor(given: Any, name: str) -> Any:
    """Return a PyTorch tensor, such as ``nn.Embedding.weight``, as what NumPy takes; anything else as it is.

    Its memory is shared if it is float32 on the CPU. torch itself is not imported.
    """
    if not type(given).__module__.startswith("torch") or not hasattr(given, "detach"):
        return given
    if given.is_meta:
        raise InputError(f"{name} are a tensor on the meta device, which has no numbers; give it memory first")
    plain = given.detach().cpu()
    return plain.float() if plain.is_floating_point() else plain


def _count_array(given: ArrayLike, V: int) -> Ids:
    counts = np.asarray(given)
    if counts.shape != (V,) or counts.dtype.kind not in "iu" or counts.min() < 0:
        raise InputError(
            f"counts have the shape {counts.shape} and type {counts.dtype}; expected ({V},) whole numbers ≥ 0"
        )
    return counts.astype(np.int64, copy=False)


def _plain_json(training: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = as_read_back(dict(training or {}))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"training cannot be written as JSON ({error}); use numbers, strings, lists and dicts"
        ) from error
    return plain


def _refuse_repeated(words: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for word_id, word in enumerate(words):
        if seen.setdefault(word, word_id) != word_id:
            raise InputError(f"the word {word!r} is given for row {seen[word]} and row {word_id}; words must differ")
