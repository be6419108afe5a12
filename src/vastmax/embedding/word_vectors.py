"""Word vectors as a user holds them: look-up, nearest words, analogies, files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
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
from vastmax.embedding.word_table import WordTable
from vastmax.errors import InputError, argument
from vastmax.text.decoding import UTF8

Neighbours: TypeAlias = "list[tuple[str, float]]"
Method: TypeAlias = Literal["3cosadd", "3cosmul"]


class VectorSearch(Protocol):
    """An index that finds the vectors that point most nearly where a query points."""

    def nearest(self, vectors: WordVectors, query: Floats, k: int) -> tuple[Floats, NDArray[np.int64]]:
        """Return (cosine, word id), (k,) each, greatest first, for a query of length 1."""


class WordVectors(WordTable):
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
        """Return the words whose vectors point most nearly where the query points, as gensim's function of this name.

        Equals sorting cos(q, v_w) over all words w, where q = Σ_i weight_i · x_i; x_i is a word's vector at norm 1 or a
        raw vector as it is, and weights are 1 for positive and −1 for negative items. The query's own words are left
        out; equal scores go by word order.

        Args:
            positive: a word, a raw vector (D,), a pair (word or vector, weight), or a list of these.
            negative: the same. A weight given here is used as it is, sign included, as in gensim.
            topn: how many to return; there are never more than there are words.
            restrict_vocab: search only the first so many words, or only these words; None: all.
            search: an index of these vectors, such as `vastmax.search.Certified(vectors)`: it looks at few words.

        Returns:
            (word, cosine) pairs, greatest first. A zero vector has cosine 0.

        Raises:
            UnknownWordError: a word is not there; the message has the nearest spellings.
            InputError: nothing is asked, the items cancel out, or a vector has another width; an index of other
                vectors, or one together with restrict_vocab.

        Cost: one matrix-vector product over the searched words; with an index, what the index says.
        """
        _check_topn(topn)
        query, asked = self._query(weighted_items(positive, 1.0) + weighted_items(negative, -1.0))
        if search is not None:
            if restrict_vocab is not None:
                raise InputError("an index searches all words: leave restrict_vocab or search out")
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
        vectors, inverse = self.vectors[searched], self.inverse_norms[searched]
        for part in tiles(len(word_ids), len(vectors) // 4):
            asked = word_ids[part]
            scores = cosines(self.unit_vectors(asked), vectors, inverse)
            found += [
                self._named(row, searched, [word_id], topn) for row, word_id in zip(scores, asked.tolist(), strict=True)
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
        shifted = cosines(self.unit_vectors(asked), self.vectors[searched], self.inverse_norms[searched])
        shifted += 1
        shifted *= 0.5
        scores = shifted[1] * shifted[2] / (shifted[0] + np.float32(COSMUL_EPSILON))
        return self._named(scores, searched, asked.tolist(), topn)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """Return the word least like the others: the one with the smallest cosine with the mean of all, each at norm 1.

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
        """Load word vectors from a file of any of the four formats.

        A native file (safetensors) is memory-mapped: opening costs its words, not its vectors, and processes share
        them. Its checksums are checked when the vectors are first used: those of the words asked for, or all of them.
        The others are read into memory, once. They may be compressed (.gz, .bz2, .xz, .zst, told by content).

        Args:
            path: the file.
            format: "safetensors", "word2vec" (text with a header line), "word2vec-binary", "glove" (text without), or
                None: told by content. (One thing content cannot tell: a GloVe file of one dimension whose first row
                reads like a header, such as `5 3`.)
            errors: words that are not of the encoding: "strict" refuses them, "replace" puts U+FFFD, "ignore" drops the
                bytes.
            encoding: of the words in a text or binary file, such as "latin-1".
            duplicates: a word that comes twice: "refuse" the file, or keep the "first", as gensim does.
            on_bad_line: a line of text that is no word and its numbers (the word is blank or holds a blank, a number is
                missing, is no number or not finite, the word is not UTF-8): "refuse" the file, or "skip" such lines and
                warn of how many there were. Binary forms have no lines: there the file is refused.
            limit: load only the first so many words, which are usually the most frequent ones; None: all.
            verify: check the checksums of a native file; False for the hurried, who then have no word of damage.

        Raises:
            FileNotFoundError, PermissionError, IsADirectoryError: from the system.
            InputError: the file is damaged, cut off, lies about its size, or is something else; one line that names the
                file, what was found and what was expected. Damage to the vectors of a native file is told by the first
                use of what it hit.

        Cost: native, about 0.4 µs a word; binary, about 1.5 µs a word of 100 dimensions; text, about 0.25 µs a number.
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
            v = cls._of(table)
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
            training=table.training,
            unchecked=table.unchecked,
        )

    def to_gensim(self) -> Any:
        """Return these vectors, copied, as a gensim KeyedVectors, with the counts where they are known."""
        return to_gensim(self)

    @classmethod
    def from_gensim(cls, model: Any) -> Self:
        """Return a copy of the vectors of a gensim KeyedVectors, or of a model with one as `.wv` (Word2Vec, FastText).

        Counts come along where gensim has them; so do a Word2Vec's output vectors (`syn1neg`, else `syn1`).

        Raises:
            InputError: it has no vectors, or keys that are not strings.
        """
        return cls._of(read_gensim(model))

    # --- evaluation ---------------------------------------------------------------------------------------------------

    def evaluate_pairs(
        self, path: str | os.PathLike[str], *, restrict_vocab: int | None = 300_000, case_insensitive: bool = True
    ) -> PairResult:
        """Return the correlation with people's scores of word pairs. See `vastmax.embedding.pairs.evaluate_pairs`."""
        return evaluate_pairs(self, path, restrict_vocab=restrict_vocab, case_insensitive=case_insensitive)

    def evaluate_analogies(
        self, path: str | os.PathLike[str], *, restrict_vocab: int | None = 300_000, case_insensitive: bool = True
    ) -> AnalogyResult:
        """Return the share of analogy questions solved. See `vastmax.embedding.analogies.evaluate_analogies`."""
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

    def _searched(self, restrict_vocab: int | Sequence[str] | None) -> slice | Ids:
        """Return the rows that are searched: a slice of the first ones, or those of given words in word order."""
        if restrict_vocab is None:
            return slice(0, len(self))
        if isinstance(restrict_vocab, Iterable) and not isinstance(restrict_vocab, str):
            rows: Ids = np.unique(self.word_ids(list(restrict_vocab)))
            if not len(rows):
                raise InputError(f"{argument('restrict_vocab')} is an empty list of words; give one word at least")
            return rows
        return slice(0, min(whole("restrict_vocab", restrict_vocab, 1, None, "or a list of words"), len(self)))

    def _named(self, scores: Floats, searched: slice | Ids, asked: list[int], topn: int) -> Neighbours:
        """Return the best of the searched rows, whose scores these are, without those that were asked with."""
        if isinstance(searched, slice):
            scores[[word_id for word_id in asked if word_id < searched.stop]] = -np.inf
        else:
            scores[np.isin(searched, asked)] = -np.inf
        best = top_ids(scores, topn)
        rows = best if isinstance(searched, slice) else searched[best]
        return [(self.index_to_key[row], float(scores[at])) for row, at in zip(rows, best, strict=True)]


def _check_topn(topn: int) -> None:
    whole("topn", topn, 0, None)
