"""Similarities and nearest keys."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.analogies import COSMUL_EPSILON
from vastmax.embedding.cosine import Floats, cosines, top_ids
from vastmax.errors import InputError
from vastmax.gensim.key_table import KEYS, KeyTable
from vastmax.gensim.problems import NothingGivenError, UnknownKeyError

logger = logging.getLogger(__name__)


class Searches(KeyTable):
    """The methods of KeyedVectors that compare vectors."""

    # --- nearest keys -------------------------------------------------------------------------------------------------

    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Any:
        """Return the keys whose vectors point most nearly where the weighted mean of the given ones does.

        Args:
            positive: a key, a vector, (key or vector, weight), or a list of these.
            negative: the same, with the weight −1 where none is given.
            topn: how many to return; None: the cosines of all keys as an array.
            clip_start, clip_end: search only these rows.
            restrict_vocab: search only this many of the first keys; goes before the clips.
            indexer: an index with a method ``most_similar(vector, topn)``.

        Returns:
            (key, cosine) pairs, greatest first, without the given keys.
        """
        if isinstance(topn, Integral) and topn < 1:
            return []
        items, weights = _weighted(positive, negative)
        query = self.get_mean_vector(items, weights, pre_normalize=True, post_normalize=True, ignore_missing=False)
        if indexer is not None and isinstance(topn, int):
            return indexer.most_similar(query, topn)
        rows = slice(0, restrict_vocab) if restrict_vocab else slice(clip_start, clip_end or len(self))
        scores = cosines(np.asarray(query, np.float32)[None], *self._searchable(rows))[0]
        asked = [self.get_index(item, -1) for item in items if isinstance(item, KEYS)]
        return self._named(scores, asked, topn, first=rows.start)

    def similar_by_key(self, key: Any, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Return `most_similar` of one key."""
        return self.most_similar(positive=[key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_word(self, word: Any, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Return `most_similar` of one word."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_vector(self, vector: Any, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Return `most_similar` of one vector."""
        return self.most_similar(positive=[vector], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(
        self, positive: Any = None, negative: Any = None, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """Return the keys x with the greatest Π s(x, positive) / (Π s(x, negative) + ε), s = (1 + cos) / 2.

        That is 3CosMul of Levy & Goldberg (2014), for any number of keys. Weights have no meaning here.
        """
        if isinstance(topn, Integral) and topn < 1:
            return []
        wanted, unwanted = _listed(positive), _listed(negative)
        if not wanted:
            raise InputError("cannot compute similarity with no input; give at least one positive key or vector")
        matrix, inverse = self._searchable(slice(0, restrict_vocab))
        queries = np.stack([_unit(self._vector_of(item)) for item in (*wanted, *unwanted)]).astype(np.float32)
        shifted = (1 + cosines(queries, matrix, inverse)) / 2
        scores = shifted[: len(wanted)].prod(axis=0) / (
            shifted[len(wanted) :].prod(axis=0) + np.float32(COSMUL_EPSILON)
        )
        asked = [self.get_index(item, -1) for item in (*wanted, *unwanted) if isinstance(item, KEYS)]
        return self._named(scores, asked, topn)

    def most_similar_to_given(self, key1: Any, keys_list: Sequence[Any]) -> Any:
        """Return the one of some keys that is most similar to `key1`."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def closer_than(self, key1: Any, key2: Any) -> list[Any]:
        """Return all keys that are closer to `key1` than `key2` is."""
        distances = self.distances(key1)
        own, other = self.get_index(key1), self.get_index(key2)
        return [self.index_to_key[row] for row in np.flatnonzero(distances < distances[other]) if row != own]

    def words_closer_than(self, word1: Any, word2: Any) -> list[Any]:
        """Return `closer_than`; the older name."""
        return self.closer_than(word1, word2)

    def rank(self, key1: Any, key2: Any) -> int:
        """Return the place of `key2` among all keys by their distance from `key1`; 1 is the closest."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(self, words: Sequence[Any], use_norm: bool = True) -> list[tuple[float, Any]]:
        """Return (cosine with the mean of all, key), the most central first; unknown keys are left out."""
        known = [word for word in words if word in self]
        if len(known) != len(words):
            logger.warning(
                "vectors for words %s are not present in the model, ignoring these words", set(words) - set(known)
            )
        if not known:
            raise InputError("cannot select a word from an empty list; none of them is known")
        vectors = np.stack([self.get_vector(word, norm=use_norm) for word in known]).astype(np.float32)
        central = _unit(vectors.mean(axis=0))
        return sorted(zip((vectors @ central).tolist(), known, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[Any]) -> Any:
        """Return the key that is furthest from the mean of all."""
        return self.rank_by_centrality(words)[-1][1]

    # --- similarities -------------------------------------------------------------------------------------------------

    @staticmethod
    def cosine_similarities(vector_1: Any, vectors_all: Any) -> NDArray[Any]:
        """Return the cosines of a vector (D,) with several (n, D): (n,)."""
        one, others = np.asarray(vector_1), np.asarray(vectors_all)
        cosine: NDArray[Any] = others @ one / (np.linalg.norm(one) * np.linalg.norm(others, axis=1))
        return cosine

    def distances(self, word_or_vector: Any, other_words: Iterable[Any] = ()) -> NDArray[Any]:
        """Return 1 − cosine of a key or vector with some keys, or with all if none are given."""
        vector = self.get_vector(word_or_vector) if isinstance(word_or_vector, KEYS) else word_or_vector
        others = list(other_words)
        matrix = self._vectors[self._rows_of(others)] if others else self._vectors
        distances: NDArray[Any] = 1 - self.cosine_similarities(vector, matrix)
        return distances

    def distance(self, w1: Any, w2: Any) -> float:
        """Return 1 − `similarity`."""
        return 1 - float(self.similarity(w1, w2))

    def similarity(self, w1: Any, w2: Any) -> Any:
        """Return the cosine of two keys' vectors, a float32."""
        return _cosine(self.get_vector(w1), self.get_vector(w2))

    def n_similarity(self, ws1: Sequence[Any], ws2: Sequence[Any]) -> Any:
        """Return the cosine of the mean vectors of two lists of keys."""
        if not (len(ws1) and len(ws2)):
            raise NothingGivenError("one of the two lists is empty, and has no mean")
        one, other = (self.get_mean_vector(words, pre_normalize=False) for words in (ws1, ws2))
        return _cosine(one, other)

    def relative_cosine_similarity(self, wa: Any, wb: Any, topn: int = 10) -> float:
        """Return the similarity of two keys over the sum of those of the `topn` nearest to `wa`."""
        near = self.similar_by_word(wa, topn)
        if not near:
            raise InputError("topn is below 1, so there are no words to relate to")
        return float(self.similarity(wa, wb)) / float(sum(cosine for _, cosine in near))

    def get_mean_vector(
        self,
        keys: Sequence[Any],
        weights: Any = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> NDArray[Any]:
        """Return Σ weight · vector / Σ |weight| over keys or vectors, (D,).

        Args:
            keys: keys, or vectors that are taken as they are.
            weights: one for each; None: 1.
            pre_normalize: whether the vectors of keys are first scaled to length 1.
            post_normalize: whether the result is.
            ignore_missing: whether unknown keys are left out; else they are an error.
        """
        if len(keys) == 0:
            raise InputError("cannot compute mean with no input; give at least one key or vector")
        factors = np.ones(len(keys)) if weights is None else np.asarray(weights, dtype=np.float64)
        if len(factors) != len(keys):
            raise InputError(f"{len(factors)} weights for {len(keys)} keys; one for each is needed")
        total, weight = np.zeros(self.vector_size, dtype=np.float64), 0.0
        for key, factor in zip(keys, factors, strict=True):
            if isinstance(key, np.ndarray):
                vector = key
            elif key in self:
                vector = self.get_vector(key, norm=pre_normalize)
            elif ignore_missing:
                continue
            else:
                self.get_index(key)  # raises with the nearest spellings
                raise UnknownKeyError(f"Key '{key}' not present")
            total += factor * vector
            weight += abs(factor)
        mean = (total / weight if weight > 0 else total).astype(self._vectors.dtype)
        return _unit(mean) if post_normalize else mean

    def wmdistance(self, document1: Iterable[Any], document2: Iterable[Any], norm: bool = True) -> float:
        """Return the Word Mover's Distance of two lists of words (Kusner et al. 2015); infinite if no word is known.

        The transport problem is solved by POT if it is installed, else by SciPy's linear programs: the same result.
        """
        from vastmax.gensim.word_mover import transport_cost

        one, other = ([word for word in document if word in self] for document in (document1, document2))
        if not one or not other:
            logger.warning("at least one of the documents has no words that are in the vocabulary")
            return float("inf")
        words, share = zip(*(np.unique(each, return_counts=True) for each in (one, other)), strict=True)
        vectors = [np.stack([self.get_vector(word, norm=norm) for word in each.tolist()]) for each in words]
        return transport_cost(share[0] / len(one), share[1] / len(other), *vectors)

    # --- within -------------------------------------------------------------------------------------------------------

    def _vector_of(self, item: Any) -> NDArray[Any]:
        return self.get_vector(item, norm=True) if isinstance(item, KEYS) else np.asarray(item)

    def _named(self, scores: Floats, asked: list[int], topn: int | None, first: int = 0) -> Any:
        if not topn:
            return scores
        scores[[row - first for row in asked if 0 <= row - first < len(scores)]] = -np.inf
        best = top_ids(scores, int(topn))
        return [(self.index_to_key[row + first], float(scores[row])) for row in best]


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, KEYS) or (isinstance(given, np.ndarray) and given.ndim == 1):
        return [given]
    return list(given)


def _weighted(positive: Any, negative: Any) -> tuple[list[Any], list[float]]:
    """Return the items of a query without their weights, and these."""
    items, weights = [], []
    for given, usual in ((positive, 1.0), (negative, -1.0)):
        for item in _listed(given):
            plain = isinstance(item, (*KEYS, np.ndarray))
            items.append(item if plain else item[0])
            weights.append(usual if plain else float(item[1]))
    return items, weights


def _unit(vector: NDArray[Any]) -> NDArray[Any]:
    """Return the vector at length 1, in float32; a zero vector as it is."""
    exact = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(exact))
    return (exact / length if length > 0 else exact).astype(np.float32)


def _cosine(one: NDArray[Any], other: NDArray[Any]) -> Any:
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return np.float32(np.clip(a @ b / scale, -1, 1) if scale > 0 else 0.0)
