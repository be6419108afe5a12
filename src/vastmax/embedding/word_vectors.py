"""Word vectors for users: lookup, nearest words, analogies, files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, Literal, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vastmax.arguments import whole
from vastmax.embedding import formats
from vastmax.embedding.analogies import COSMUL_EPSILON, AnalogyResult, evaluate_analogies
from vastmax.embedding.cosine import Floats, Ids, cosines, tiles, top_ids
from vastmax.embedding.formats import DecodeErrors, Duplicates, Format, OnBadLine
from vastmax.embedding.formats.gensim import read_gensim, to_gensim
from vastmax.embedding.formats.table import Table
from vastmax.embedding.pairs import PairResult, evaluate_pairs
from vastmax.embedding.query import Item, WeightedItem, weighted_items
from vastmax.embedding.word_table import WordTable, listed
from vastmax.errors import InputError, argument
from vastmax.text.decoding import UTF8

Neighbours: TypeAlias = "list[tuple[str, float]]"
Method: TypeAlias = Literal["3cosadd", "3cosmul"]


class VectorSearch(Protocol):
    """An index that finds the vectors with the greatest cosines."""

    def nearest(self, vectors: WordVectors, query: Floats, k: int) -> tuple[Floats, NDArray[np.int64]]:
        """Return (cosine, word id), (k,) each, greatest first, for a query of length 1."""


class WordVectors(WordTable):
    """Words and their vectors, the result of training or of a file.

    Rows are in the order of the words, most frequent first if this library or word2vec wrote them. The matrix is never
    copied, even if it is a read-only memory map or a view of padded rows. Norms are computed at the first search and
    kept, so treat the vectors as read-only, and create another WordVectors for others.

    Args:
        words: V different strings.
        vectors: (V, D), V and D at least 1; float32 is kept as it is, other numbers are converted.
        counts: (V,) occurrences in the corpus, or None if unknown.
        output_vectors: (any, D), the parameters of the objective, such as one row per word for negative sampling, or
            None.
        node_vectors: (V − 1, D), the inner nodes of the Huffman tree, for hierarchical softmax, or None.
        training: a dict of JSON values about the run that trained the vectors; saved in the native format.
        unchecked: the places of the matrices in a file, which are checked at their first use; set by loading a file.

    Raises:
        InputError: shapes that do not match, a repeated word, or a `training` that JSON cannot represent.

    Example:
        >>> v = WordVectors(["king", "queen", "tree"], np.array([[2.0, 1.0], [1.0, 2.0], [-1.0, 0.5]]))
        >>> v.most_similar("king", topn=1)[0][0]
        'queen'
        >>> round(v.similarity("king", "queen"), 2)
        0.8
        >>> v[["king", "tree"]].shape
        (2, 2)
    """

    # --- nearest words ------------------------------------------------------------------------------------------------

    def most_similar(
        self,
        positive: WeightedItem | Sequence[WeightedItem] | None = None,
        negative: WeightedItem | Sequence[WeightedItem] | None = None,
        topn: int = 10,
        restrict_vocab: int | Sequence[str] | None = None,
        *,
        search: VectorSearch | None = None,
    ) -> Neighbours:
        """Return the words whose vectors have the greatest cosine with the query, like gensim's function of this name.

        Equals sorting cos(q, v_w) over all words w, where q = Σ_i weight_i · x_i; x_i is a word's vector at norm 1 or a
        raw vector, not normalized, and weights are 1 for positive and −1 for negative items. The words of the query are
        excluded; equal scores are in word order.

        Args:
            positive: a word, a raw vector (D,), a pair (word or vector, weight), or a list of these.
            negative: likewise. A weight given here keeps its sign, as in gensim.
            topn: the number of words to return; fewer if there are not as many.
            restrict_vocab: search only this many of the first words, or only these words; None: all.
            search: an index of these vectors, such as `vastmax.search.Certified(vectors)`, which scores few words.

        Returns:
            (word, cosine) pairs, greatest first. A zero vector has cosine 0.

        Raises:
            UnknownWordError: a word is not there; the message has the nearest spellings.
            InputError: the query is empty or its items cancel out, or a vector has another size; an index of other
                vectors, or one together with restrict_vocab.

        Cost: one matrix-vector product over the searched words; with an index, that of the index.
        """
        _check_topn(topn)
        query, asked = self._query(weighted_items(positive, 1.0) + weighted_items(negative, -1.0))
        if search is not None:
            if restrict_vocab is not None:
                raise InputError("an index searches all words; leave out restrict_vocab or search")
            cosine, word_ids = search.nearest(self, query, min(topn + len(asked), len(self)))
            near = zip(word_ids.tolist(), cosine.tolist(), strict=True)
            return [(self.index_to_key[word_id], each) for word_id, each in near if word_id not in asked][:topn]
        searched = self._searched(restrict_vocab)
        scores = cosines(query[None], self.vectors[searched], self.inverse_norms[searched])[0]
        return self._named(scores, searched, asked, topn)

    def neighbours(
        self, words: Sequence[str], topn: int = 10, *, restrict_vocab: int | Sequence[str] | None = None
    ) -> list[Neighbours]:
        """Return the nearest words of many words, batched: `[v.most_similar(word, topn=topn) for word in words]`.

        Returns:
            One list per word, in the given order.

        Cost: one matrix product (in parts of up to 64 MB of scores) instead of one pass over the matrix per word.
        """
        _check_topn(topn)
        if isinstance(words, str):
            raise InputError(f"expected a list of words; for the single word {words!r} write [{words!r}]")
        asked = listed(words)
        units, rows = self._units_of(asked), self._known_ids(asked)
        for zero in np.flatnonzero(~units.any(axis=1))[:1]:
            raise InputError(f"the vector of {asked[zero]!r} is zero, so it has no nearest words")
        searched = self._searched(restrict_vocab)
        found: list[Neighbours] = []
        vectors, inverse = self.vectors[searched], self.inverse_norms[searched]
        for part in tiles(len(asked), len(vectors) // 4):
            scores = cosines(units[part], vectors, inverse)
            found += [
                self._named(each, searched, [row], topn) for each, row in zip(scores, rows[part].tolist(), strict=True)
            ]
        return found

    def similarity(self, first: str, second: str) -> float:
        """Return the cosine of two words' vectors, in [−1, 1]; 0 when one of them is the zero vector."""
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
        restrict_vocab: int | Sequence[str] | None = None,
    ) -> Neighbours:
        """Return words that are to `c` as `b` is to `a`: man is to king as woman is to …

        With x = v_w and all vectors at norm 1 (Levy & Goldberg 2014):

        - "3cosadd": the cosine of x with b − a + c, which is `most_similar([b, c], [a])`;
        - "3cosmul": s(x, b)·s(x, c) / (s(x, a) + ε), where s = (1 + cos) / 2 and ε = 1e-6; no single term
          dominates. The scores are positive and may exceed 1.

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
        asked = self._known_ids([a, b, c])
        searched = self._searched(restrict_vocab)
        shifted = cosines(self._units_of([a, b, c]), self.vectors[searched], self.inverse_norms[searched])
        shifted += 1
        shifted *= 0.5
        scores = shifted[1] * shifted[2] / (shifted[0] + np.float32(COSMUL_EPSILON))
        return self._named(scores, searched, asked.tolist(), topn)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """Return the word that matches the others least: the smallest cosine with the mean of all, each at norm 1.

        Raises:
            InputError: fewer than three words.
        """
        words = list(words) if isinstance(words, Iterable) and not isinstance(words, str) else words
        if not isinstance(words, list) or len(words) < 3:
            raise InputError(f"doesnt_match got {words!r}; it needs a list of at least three words")
        units = self._units_of(words)
        odd: str = words[int(np.argmin(units @ units.mean(axis=0)))]
        return odd

    # --- files and other programs -------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], format: Format | None = None) -> None:
        """Write a file; the ending determines the format if it is None. See `vastmax.embedding.formats.save`."""
        formats.save(self, path, format)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        format: Format | None = None,
        *,
        errors: DecodeErrors = "strict",
        encoding: str = UTF8,
        duplicates: Duplicates = "refuse",
        on_bad_line: OnBadLine = "refuse",
        limit: int | None = None,
        verify: bool = True,
    ) -> Self:
        """Load word vectors from a file of any of these formats.

        A native file (safetensors) is memory-mapped: opening reads its words, not its vectors, which processes share.
        Its checksums are checked when vectors are first used: those of the words used, or all of them. Other formats
        are read into memory. They may be compressed (.gz, .bz2, .xz, .zst, recognized by content).

        Args:
            path: the file.
            format: "safetensors", "word2vec" (text with a header line), "word2vec-binary", "glove" (text without),
                "fasttext" (.bin and .ftz; n-grams come along, labels do not), or None: recognized by content (except
                for a GloVe file of one dimension whose first row looks like a header, such as `5 3`).
            errors: for bytes that are invalid in the encoding: "strict" is an error, "replace" gives U+FFFD, "ignore"
                drops them.
            encoding: of the words in a text or binary file, such as "latin-1".
            duplicates: for repeated words: "refuse" the file, or keep the "first", like gensim.
            on_bad_line: for a line of text that is not a word and its numbers (the word is blank or contains one, or is
                not UTF-8; a number is missing, not a number or not finite): "refuse" the file, or "skip" such lines and
                warn with their count. Binary files are always refused.
            limit: load only this many of the first words, usually the most frequent ones; None: all.
            verify: check the checksums of a native file; without it, damage is not detected.

        Raises:
            FileNotFoundError, PermissionError, IsADirectoryError: from the system.
            InputError: the file is damaged, truncated, of another kind, or its size is wrong. Damage to the vectors of
                a native file raises it when they are first used.

        Cost: native, about 0.4 µs per word; binary, about 1.5 µs per word of 100 dimensions; text, about 0.12 µs per
        number.
        """
        name = os.fspath(path)
        table = formats.read(
            name,
            format,
            errors=errors,
            encoding=encoding,
            duplicates=duplicates,
            on_bad_line=on_bad_line,
            limit=limit,
            verify=verify,
        )
        try:
            v: Self = (cls if table.subwords is None else _with_subwords(cls))._of(table)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        v.source = name
        return v

    @classmethod
    def _of(cls, table: Table) -> Self:
        return cls(
            table.words,
            table.vectors,
            counts=table.counts,
            output_vectors=table.output_vectors,
            node_vectors=table.node_vectors,
            training=table.training,
            unchecked=table.unchecked,
        )

    def to_gensim(self) -> Any:
        """Return a copy as a gensim KeyedVectors, with the counts if they are known."""
        return to_gensim(self)

    @classmethod
    def from_gensim(cls, model: Any) -> Self:
        """Return a copy of the vectors of a gensim KeyedVectors, or of a model with one as `.wv` (Word2Vec, FastText).

        It includes counts, if gensim has them, and a Word2Vec's output vectors (`syn1neg`, else `syn1`).

        Raises:
            InputError: it has no vectors, or its keys are not strings.
        """
        return cls._of(read_gensim(model))

    # --- evaluation ---------------------------------------------------------------------------------------------------

    def evaluate_pairs(
        self, path: str | os.PathLike[str], *, restrict_vocab: int | None = 300_000, case_insensitive: bool = True
    ) -> PairResult:
        """Return the correlation with human scores of word pairs. See `vastmax.embedding.pairs.evaluate_pairs`."""
        return evaluate_pairs(self, path, restrict_vocab=restrict_vocab, case_insensitive=case_insensitive)

    def evaluate_analogies(
        self, path: str | os.PathLike[str], *, restrict_vocab: int | None = 300_000, case_insensitive: bool = True
    ) -> AnalogyResult:
        """Return the share of analogy questions solved. See `vastmax.embedding.analogies.evaluate_analogies`."""
        return evaluate_analogies(self, path, restrict_vocab=restrict_vocab, case_insensitive=case_insensitive)

    # --- within -------------------------------------------------------------------------------------------------------

    def _query(self, items: list[tuple[Item, float]]) -> tuple[Floats, list[int]]:
        """Return the query's direction at norm 1, (D,), and the rows of its words."""
        if not items:
            raise InputError("nothing to search for; give at least one positive or negative word or vector")
        total = np.zeros(self.vector_size, dtype=np.float64)
        weights = 0.0  # sum of the norms of all terms
        asked: list[int] = []
        for item, weight in items:
            if isinstance(item, str):
                asked += self._known_ids([item]).tolist()
                vector = self._units_of([item])[0].astype(np.float64)
            else:
                vector = self._raw_vector(item)
            total += weight * vector
            weights += abs(weight) * float(np.linalg.norm(vector))
        length = np.linalg.norm(total)
        # Terms that cancel in exact arithmetic leave float32 rounding errors, which have no meaningful direction.
        if not length > 1e-7 * weights:
            raise InputError("the words and vectors of the query cancel out or are zero, so it has no direction")
        return (total / length).astype(np.float32), [row for row in asked if row >= 0]

    def _raw_vector(self, item: NDArray[Any]) -> NDArray[np.float64]:
        vector = np.asarray(item, dtype=np.float64)
        if vector.shape != (self.vector_size,):
            raise InputError(f"a query vector has the shape {vector.shape}; expected ({self.vector_size},)")
        if not np.isfinite(vector).all():
            raise InputError("a query vector contains a NaN or an infinity; expected finite numbers")
        return vector

    def _searched(self, restrict_vocab: int | Sequence[str] | None) -> slice | Ids:
        """Return the rows that are searched: a slice of the first ones, or those of given words in word order."""
        if restrict_vocab is None:
            return slice(0, len(self))
        if isinstance(restrict_vocab, Iterable) and not isinstance(restrict_vocab, str):
            rows: Ids = np.unique(self.word_ids(list(restrict_vocab)))
            if not len(rows):
                raise InputError(f"{argument('restrict_vocab')} is an empty list; expected at least one word")
            return rows
        return slice(0, min(whole("restrict_vocab", restrict_vocab, 1, None, "or a list of words"), len(self)))

    def _named(self, scores: Floats, searched: slice | Ids, asked: list[int], topn: int) -> Neighbours:
        """Return the best of the searched rows, whose scores these are, without those that were asked with."""
        if isinstance(searched, slice):
            scores[[row for row in asked if 0 <= row < searched.stop]] = -np.inf
        else:
            scores[np.isin(searched, asked)] = -np.inf
        best = top_ids(scores, topn)
        rows = best if isinstance(searched, slice) else searched[best]
        return [(self.index_to_key[row], float(scores[at])) for row, at in zip(rows, best, strict=True)]


def _with_subwords(kind: type[Any]) -> type[Any]:
    """Return the class for vectors with n-grams, itself a kind of WordVectors."""
    subword_vectors: type[Any] = import_module("vastmax.embedding").SubwordVectors  # which is built on this class
    return kind if issubclass(kind, subword_vectors) else subword_vectors


def _check_topn(topn: int) -> None:
    whole("topn", topn, 0, None)
