"""Word vectors as a user holds them: look-up, nearest words, analogies, files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vastmax.arguments import whole
from vastmax.embedding.cosine import Floats, Ids, cosines, inverse_norms, row_norms, tiles, top_ids
from vastmax.embedding.query import Item, WeightedItem, weighted_items
from vastmax.errors import InputError, UnknownWordError
from vastmax.strict_json import as_read_back
from vastmax.text.spelling import nearest_spellings

if TYPE_CHECKING:
    from vastmax.embedding.analogies import AnalogyResult
    from vastmax.embedding.formats import DecodeErrors, Duplicates, Format, OnBadLine
    from vastmax.embedding.pairs import PairResult
    from vastmax.files.safetensors import Place

Neighbours: TypeAlias = "list[tuple[str, float]]"
Method: TypeAlias = Literal["3cosadd", "3cosmul"]

# Keeps 3CosMul's quotient finite; word2vec's successors use it (gensim too), Levy & Goldberg 2014 wrote 0.001.
COSMUL_EPSILON = 1e-6
# So many rows of a mapped file lie in most of its blocks: all are checked together.
_MANY_ROWS = 10_000


class WordVectors:
    """Words and their vectors, the result of training or of a file.

    Rows are in the order of the words, most frequent first when this library or word2vec made them. The matrix is never
    copied: a read-only memory map, or a view of padded rows, stays what it is. Norms are computed at the first search
    and kept, so treat the vectors as read-only; for others make another WordVectors.

    Args:
        words: V different strings.
        vectors: (V, D), V and D at least 1; float32 is kept as it is, other numbers are converted.
        counts: (V,) occurrences in the corpus, or None when they are not known.
        output_vectors: (any, D), what the training objective held on its output side (one row a word for negative
            sampling, one an inner node for hierarchical softmax), or None.
        training: a JSON-able dict about the run that made the vectors; kept in the native file.
        unchecked: where `vectors` and `output_vectors` lie in a file that is to be checked at their first use; what
            loading a file gives.

    Raises:
        InputError: shapes that do not fit, a repeated word, a `training` that JSON cannot hold.

    Example:
        >>> v = WordVectors(["king", "queen", "tree"], np.array([[2.0, 1.0], [1.0, 2.0], [-1.0, 0.5]]))
        >>> v.most_similar("king", topn=1)[0][0]
        'queen'
        >>> round(v.similarity("king", "queen"), 2)
        0.8
        >>> v[["king", "tree"]].shape
        (2, 2)
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: ArrayLike,
        *,
        counts: ArrayLike | None = None,
        output_vectors: ArrayLike | None = None,
        training: Mapping[str, Any] | None = None,
        unchecked: Mapping[str, Place] | None = None,
    ) -> None:
        self.index_to_key = list(words)
        self._vectors = _matrix(vectors, "vectors")
        V, D = self._vectors.shape
        if V == 0 or D == 0:
            raise InputError(f"vectors have the shape ({V}, {D}); at least one word and one dimension are needed")
        if len(self.index_to_key) != V:
            raise InputError(f"{len(self.index_to_key)} words for {V} vectors; one word a row is needed")
        self.key_to_index = {word: word_id for word_id, word in enumerate(self.index_to_key)}
        if len(self.key_to_index) != V:
            _refuse_repeated(self.index_to_key)
        self.counts = None if counts is None else _count_array(counts, V)
        self._output_vectors = None if output_vectors is None else _matrix(output_vectors, "output_vectors")
        if self._output_vectors is not None and self._output_vectors.shape[1] != D:
            raise InputError(
                f"output_vectors are {self._output_vectors.shape[1]} wide and vectors {D}; the two widths must be equal"
            )
        self.training = _plain_json(training)
        self.source: str | None = None  # the file these came from, for messages
        self._unchecked = dict(unchecked or {})

    @property
    def vectors(self) -> Floats:
        """(V, D), read-only if it is mapped from a file, whose checksums are then checked at the first use.

        Raises:
            DamagedFileError: the file is not what was written.
        """
        self._check("vectors")
        return self._vectors

    @property
    def output_vectors(self) -> Floats | None:
        """(any, D), or None if they are not known; else as `vectors`."""
        self._check("output_vectors")
        return self._output_vectors

    def _check(self, name: str) -> None:
        """Check a matrix that is mapped from a file, the first time that all of it is asked for."""
        place = self._unchecked.get(name)
        if place is not None:
            place.require()
            self._unchecked.pop(name, None)  # unless another thread was faster

    def _rows(self, word_ids: int | Ids) -> Floats:
        """The vectors of a word or of several, of a mapped file after a check of no more than these."""
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
        """What pickling keeps: all of it in memory, and checked."""
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
        return word in self.key_to_index

    def __repr__(self) -> str:
        return f"WordVectors({len(self):,} words × {self.vector_size})"

    def __getitem__(self, words: str | Sequence[str]) -> Floats:
        """The vector of a word, (D,), a view; or those of several, (n, D), a copy."""
        if isinstance(words, str):
            return self._rows(self.word_id(words))
        return self._rows(self.word_ids(words))

    def word_id(self, word: str) -> int:
        """The row of a word; UnknownWordError, with the nearest spellings, when there is none."""
        try:
            return self.key_to_index[word]
        except KeyError:
            raise self._unknown(word) from None
        except TypeError:
            raise InputError(f"a word is a string, not {word!r} of type {type(word).__name__}") from None

    def word_ids(self, words: Sequence[str]) -> Ids:
        """The rows of several words, (n,) int64."""
        if not isinstance(words, Iterable):
            raise InputError(f"expected a word or a list of words, not {words!r} of type {type(words).__name__}")
        words = list(words)
        return np.fromiter((self.word_id(word) for word in words), dtype=np.int64, count=len(words))

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """The norm of each vector, (V,), computed once.

        Raises:
            InputError: a vector holds a NaN or an infinity (a memory-mapped file is first looked through here).
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
        """1 / norm of each vector, (V,), 0 for a zero vector; what turns inner products into cosines."""
        return inverse_norms(self.norms)

    def unit_vectors(self, word_ids: Ids) -> Floats:
        """The vectors of these rows scaled to norm 1, (n, D), a copy; a zero vector stays zero."""
        norms = self.norms[word_ids]
        scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=self.inverse_norms[word_ids] > 0)
        return (self.vectors[word_ids] * scale[:, None]).astype(np.float32)

    # --- nearest words ------------------------------------------------------------------------------------------------

    def most_similar(
        self,
        positive: WeightedItem | Sequence[WeightedItem] | None = None,
        negative: WeightedItem | Sequence[WeightedItem] | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> Neighbours:
        """The words whose vectors point most nearly the way the query points; arguments mean what they do in gensim.

        Equals sorting cos(q, v_w) over all words w, where q = Σ_i weight_i · x_i; x_i is a word's vector at norm 1 or a
        raw vector as it is, and weights are 1 for positive and −1 for negative items. The query's own words are left
        out; equal scores go by word order.

        Args:
            positive: a word, a raw vector (D,), a pair (word or vector, weight), or a list of these.
            negative: the same. A weight given here is used as it is, sign included, as in gensim.
            topn: how many to return; there are never more than there are words.
            restrict_vocab: search only the first so many words, None: all.

        Returns:
            (word, cosine) pairs, greatest first. A zero vector has cosine 0.

        Raises:
            UnknownWordError: a word is not there; the message has the nearest spellings.
            InputError: nothing is asked, the items cancel out, or a vector has another width.

        Cost: one matrix-vector product over the searched words.
        """
        _check_topn(topn)
        query, asked = self._query(weighted_items(positive, 1.0) + weighted_items(negative, -1.0))
        searched = self._searched(restrict_vocab)
        scores = cosines(query[None], self.vectors[:searched], self.inverse_norms[:searched])[0]
        scores[[word_id for word_id in asked if word_id < searched]] = -np.inf
        return self._named(scores, topn)

    def neighbours(
        self, words: Sequence[str], topn: int = 10, *, restrict_vocab: int | None = None
    ) -> list[Neighbours]:
        """The nearest words of each of many words: `[v.most_similar(word, topn=topn) for word in words]`, but batched.

        Returns:
            One list a word, in the order asked; an empty list when no word is asked.

        Cost: one matrix product (in as few parts as 64 MB of scores allow) in place of one pass over the matrix a word.
        """
        _check_topn(topn)
        if isinstance(words, str):
            raise InputError(f"neighbours takes a list of words; for the one word {words!r} write [{words!r}]")
        word_ids = self.word_ids(words)
        for word_id in word_ids[self.inverse_norms[word_ids] == 0][:1]:
            raise InputError(f"the vector of {self.index_to_key[word_id]!r} is zero, so it points nowhere near a word")
        searched = self._searched(restrict_vocab)
        found: list[Neighbours] = []
        for part in tiles(len(word_ids), searched // 4):
            asked = word_ids[part]
            scores = cosines(self.unit_vectors(asked), self.vectors[:searched], self.inverse_norms[:searched])
            for row, word_id in zip(scores, asked, strict=True):
                row[word_id : word_id + 1] = -np.inf  # a slice: the word may lie outside the searched ones
                found.append(self._named(row, topn))
        return found

    def similarity(self, first: str, second: str) -> float:
        """The cosine of two words' vectors, in [−1, 1]; 0 when one of them is the zero vector."""
        word_ids = self.word_ids([first, second])
        scale = self.norms[word_ids].prod()
        if scale == 0:
            return 0.0
        one, other = self._rows(word_ids).astype(np.float64)
        return float(np.clip(one @ other / scale, -1.0, 1.0))

    def analogy(
        self,
        a: str,
        b: str,
        c: str,
        topn: int = 10,
        method: Method = "3cosadd",
        restrict_vocab: int | None = None,
    ) -> Neighbours:
        """Words that are to `c` as `b` is to `a`: man is to king as woman is to …

        With x = v_w and all vectors at norm 1 (Levy & Goldberg 2014):

        - "3cosadd": the cosine of x with b − a + c, which is `most_similar([b, c], [a])`;
        - "3cosmul": s(x, b)·s(x, c) / (s(x, a) + ε), where s = (1 + cos) / 2 and ε = 1e-6; no one term can outweigh
          the others. The scores are positive and not bounded by 1.

        Returns:
            (word, score) pairs, greatest first, without a, b and c.

        Example:
            >>> v = WordVectors(["man", "king", "woman", "queen"], [[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]])
            >>> v.analogy("man", "king", "woman", topn=1)[0][0]
            'queen'
        """
        _check_topn(topn)
        if method == "3cosadd":
            return self.most_similar([b, c], [a], topn=topn, restrict_vocab=restrict_vocab)
        if method != "3cosmul":
            raise InputError(f"method is {method!r}; expected '3cosadd' or '3cosmul'")
        asked = self.word_ids([a, b, c])
        searched = self._searched(restrict_vocab)
        shifted = cosines(self.unit_vectors(asked), self.vectors[:searched], self.inverse_norms[:searched])
        shifted += 1
        shifted *= 0.5
        scores = shifted[1] * shifted[2] / (shifted[0] + np.float32(COSMUL_EPSILON))
        scores[asked[asked < searched]] = -np.inf
        return self._named(scores, topn)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """The word least like the others: the one with the smallest cosine with the mean of all, each at norm 1.

        Raises:
            InputError: fewer than three words; of two, neither is the odd one.
        """
        words = list(words) if isinstance(words, Iterable) and not isinstance(words, str) else words
        if not isinstance(words, list) or len(words) < 3:
            raise InputError(f"doesnt_match got {words!r}; it needs a list of at least three words")
        units = self.unit_vectors(self.word_ids(words))
        odd: str = words[int(np.argmin(units @ units.mean(axis=0)))]
        return odd

    # --- files and other programs -------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], format: Format | None = None) -> None:
        """Write a file; `format` None goes by the name's ending. See `vastmax.embedding.formats.save`."""
        from vastmax.embedding import formats

        formats.save(self, path, format)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        format: Format | None = None,
        *,
        errors: DecodeErrors = "strict",
        duplicates: Duplicates = "refuse",
        on_bad_line: OnBadLine = "refuse",
        verify: bool = True,
    ) -> WordVectors:
        """Read a file of any known format; `format` None goes by content. See `vastmax.embedding.formats.load`."""
        from vastmax.embedding import formats

        return formats.load(path, format, errors=errors, duplicates=duplicates, on_bad_line=on_bad_line, verify=verify)

    def to_gensim(self) -> Any:
        """These vectors, copied, as a gensim KeyedVectors, with the counts where they are known (wants gensim)."""
        from vastmax.embedding.formats.gensim import to_gensim

        return to_gensim(self)

    @classmethod
    def from_gensim(cls, model: Any) -> WordVectors:
        """The vectors, copied, of a gensim KeyedVectors or of a model that has one as `.wv`."""
        from vastmax.embedding.formats.gensim import from_gensim

        return from_gensim(model)

    # --- evaluation ---------------------------------------------------------------------------------------------------

    def evaluate_pairs(
        self, path: str | os.PathLike[str], *, restrict_vocab: int | None = 300_000, case_insensitive: bool = True
    ) -> PairResult:
        """Correlation with people's scores of word pairs. See `vastmax.embedding.pairs.evaluate_pairs`."""
        from vastmax.embedding.pairs import evaluate_pairs

        return evaluate_pairs(self, path, restrict_vocab=restrict_vocab, case_insensitive=case_insensitive)

    def evaluate_analogies(
        self, path: str | os.PathLike[str], *, restrict_vocab: int | None = 300_000, case_insensitive: bool = True
    ) -> AnalogyResult:
        """Share of analogy questions solved. See `vastmax.embedding.analogies.evaluate_analogies`."""
        from vastmax.embedding.analogies import evaluate_analogies

        return evaluate_analogies(self, path, restrict_vocab=restrict_vocab, case_insensitive=case_insensitive)

    # --- within -------------------------------------------------------------------------------------------------------

    def _query(self, items: list[tuple[Item, float]]) -> tuple[Floats, list[int]]:
        """The query's direction at norm 1, (D,), and the rows of the words it is made of."""
        if not items:
            raise InputError("nothing to search for; give at least one positive or negative word or vector")
        total = np.zeros(self.vector_size, dtype=np.float64)
        weights = 0.0  # of all that is summed, at the length at which it is summed
        asked: list[int] = []
        for item, weight in items:
            if isinstance(item, str):
                word_id = self.word_id(item)
                asked.append(word_id)
                vector = self.unit_vectors(np.array([word_id]))[0].astype(np.float64)
            else:
                vector = self._raw_vector(item)
            total += weight * vector
            weights += abs(weight) * float(np.linalg.norm(vector))
        length = np.linalg.norm(total)
        # What cancels in exact arithmetic leaves rounding errors of float32 vectors behind, and no direction.
        if not length > 1e-7 * weights:
            raise InputError("the words and vectors of the query cancel out or are zero, so there is no direction left")
        return (total / length).astype(np.float32), asked

    def _raw_vector(self, item: NDArray[Any]) -> NDArray[np.float64]:
        vector = np.asarray(item, dtype=np.float64)
        if vector.shape != (self.vector_size,):
            raise InputError(f"a query vector has the shape {vector.shape}; these vectors need ({self.vector_size},)")
        if not np.isfinite(vector).all():
            raise InputError("a query vector holds a NaN or an infinity; it needs finite numbers")
        return vector

    def _searched(self, restrict_vocab: int | None) -> int:
        if restrict_vocab is None:
            return len(self)
        return min(whole("restrict_vocab", restrict_vocab, 1, None), len(self))

    def _named(self, scores: Floats, topn: int) -> Neighbours:
        best = top_ids(scores, topn)
        return [(self.index_to_key[word_id], float(scores[word_id])) for word_id in best if scores[word_id] > -np.inf]

    def _unknown(self, word: str) -> UnknownWordError:
        message = f"{word!r} is not among the {len(self):,} words"
        if not isinstance(word, str):
            return UnknownWordError(f"{message}; a word is a string")
        if word != word.lower() and word.lower() in self:
            return UnknownWordError(f"{message}, but {word.lower()!r} is; the words may have been lower-cased")
        near = nearest_spellings(word, self.index_to_key)
        hint = f"nearest spellings: {', '.join(near)}" if near else "no word is spelled like it"
        return UnknownWordError(f"{message}; {hint}")


def _matrix(given: ArrayLike, name: str) -> Floats:
    matrix = np.asarray(given)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise InputError(
            f"{name} have the shape {matrix.shape} and type {matrix.dtype}; expected numbers in 2 dimensions"
        )
    return matrix.astype(np.float32, copy=False)


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


def _check_topn(topn: int) -> None:
    whole("topn", topn, 0, None)
