"""FastText: gensim's model of vectors that are made of character n-grams, over the library's own training."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding import SubwordVectors, WordVectors
from vastmax.embedding.subword_rows import SubwordRows
from vastmax.embedding.subwords import Subwords
from vastmax.errors import EncodingError, InputError
from vastmax.gensim.models.keyedvectors import KeyedVectors
from vastmax.gensim.models.word2vec import Word2Vec
from vastmax.gensim.problems import NotReadyError, NotThereError
from vastmax.gensim.sentences import MAX_WORDS_IN_BATCH
from vastmax.gensim.trimming import TrimRule
from vastmax.kernels.embedding_tables import Floats

__all__ = [
    "FastText",
    "FastTextKeyedVectors",
    "load_facebook_model",
    "load_facebook_vectors",
    "save_facebook_model",
]


logger = logging.getLogger(__name__)


class FastTextKeyedVectors(KeyedVectors):
    """Keys, their vectors, and the rows of n-grams that give words never seen a vector.

    ``word in vectors`` is true for every word of which an n-gram came up, where gensim makes up vectors for the others;
    ``word in vectors.key_to_index`` tells whether it was in the text.

    Args:
        vector_size: numbers of a vector.
        min_n: characters in the shortest n-gram.
        max_n: characters in the longest n-gram.
        bucket: number of buckets that n-grams are hashed to.
        count: rows to make room for.
        dtype: of the vectors.
    """

    compatible_hash = True
    """The hashes are fastText's."""

    def __init__(
        self,
        vector_size: int,
        min_n: int = 3,
        max_n: int = 6,
        bucket: int = 2_000_000,
        count: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(vector_size, count=count, dtype=dtype)
        self.min_n, self.max_n, self.bucket = min_n, max_n, bucket
        self.subwords: SubwordRows | None = None

    @property
    def vectors_vocab(self) -> NDArray[Any]:
        """(V, D), the words' own rows."""
        return self.vectors if self.subwords is None else self.subwords.word_rows

    @property
    def vectors_ngrams(self) -> NDArray[Any]:
        """(bucket, D), a copy made when it is asked for, zero where no n-gram came up; `subwords` has the rows."""
        spread = np.zeros((self.bucket, self.vector_size), dtype=np.float32)
        if self.subwords is not None:
            spread[self.subwords.buckets] = self.subwords.ngram_rows
        return spread

    @property
    def vectors_ngrams_lockf(self) -> NDArray[Any]:
        """(1,), one: n-grams always move by the whole step; `vectors_lockf` holds words back."""
        return np.ones(1, dtype=np.float32)

    @property
    def vectors_vocab_lockf(self) -> NDArray[Any]:
        """(V,), `vectors_lockf`."""
        return self.vectors_lockf

    def take_rows(self, rows: SubwordRows) -> None:
        """Let these be the rows of words and n-grams."""
        self.subwords = rows
        self.min_n, self.max_n, self.bucket = rows.subwords.min_n, rows.subwords.max_n, rows.subwords.bucket

    def __contains__(self, key: object) -> bool:
        return self.has_index_for(key) or self._composed(key) is not None

    def get_vector(self, key: Any, norm: bool = False) -> NDArray[Any]:
        """Return the vector of a key, (D,): of one never seen, the mean of the rows of its n-grams.

        Raises:
            KeyError: it has no n-gram with a row.
        """
        vector = None if self.has_index_for(key) else self._composed(key)
        if vector is None:
            return super().get_vector(key, norm)
        return vector / (np.linalg.norm(vector) or 1.0) if norm else vector

    def __getitem__(self, keys: Any) -> NDArray[Any]:
        """Return the vector of a key, (D,), or those of several, (n, D)."""
        if isinstance(keys, str | int | np.integer):
            return self.get_vector(keys)
        return np.stack([self.get_vector(key) for key in keys])

    def get_sentence_vector(self, sentence: Iterable[Any]) -> NDArray[Any]:
        """Return the mean of the vectors of words at length 1, (D,)."""
        return self.get_mean_vector(list(sentence))

    def vectors_for_all(self, keys: Iterable[Any], allow_inference: bool = True, copy_vecattrs: bool = False) -> Any:
        """Return the vectors of keys, each once, in their order.

        Args:
            keys: any.
            allow_inference: whether keys never seen get the mean of their n-grams' rows; else they are left out.
            copy_vecattrs: whether attributes come along; those of keys never seen are zero.
        """
        known = [key for key in dict.fromkeys(keys) if (key in self if allow_inference else key in self.key_to_index)]
        chosen = KeyedVectors(self.vector_size, dtype=self.vectors.dtype)
        rows = np.array([self.get_index(key, -1) for key in known], dtype=np.int64)
        extras = None
        if copy_vecattrs:
            extras = {name: np.where(rows >= 0, values[rows], 0) for name, values in self.expandos.items()}
        chosen.add_vectors(known, np.stack([self.get_vector(key) for key in known]), extras)
        return chosen

    def adjust_vectors(self) -> None:
        """Compute all vectors again from the rows."""
        if self.subwords is not None:
            self.vectors = self.subwords.compose([str(key) for key in self.index_to_key])

    def take_ngrams_of(self, found: Any) -> None:
        """Copy the rows of gensim's vectors."""
        self.min_n, self.max_n, self.bucket = found.min_n, found.max_n, found.bucket
        if self.bucket and self.max_n:
            rows = np.array(found.vectors_ngrams, dtype=np.float32)
            self.subwords = SubwordRows(
                Subwords(self.min_n, self.max_n, self.bucket), np.array(found.vectors_vocab, dtype=np.float32), rows
            )

    def _composed(self, key: object) -> NDArray[Any] | None:
        return self.subwords.vector(key) if isinstance(key, str) and key and self.subwords is not None else None


class FastText(Word2Vec):
    """A Word2Vec whose vectors are made of character n-grams (Bojanowski et al. 2017).

    The arguments are those of `Word2Vec`, and:

    Args:
        min_n: characters in the shortest n-gram.
        max_n: characters in the longest n-gram; below `min_n` there are none.
        word_ngrams: only 1.
        bucket: number of buckets that n-grams are hashed to; 0: there are none.

    Example:
        >>> sentences = [["the", "king", "rules"], ["the", "queen", "rules"]] * 50
        >>> model = FastText(sentences, vector_size=16, min_count=1, bucket=1000)
        >>> "kings" in model.wv.key_to_index, model.wv["kings"].shape
        (False, (16,))
    """

    KIND = "FastText"
    VECTORS = FastTextKeyedVectors

    def __init__(
        self,
        sentences: Any = None,
        corpus_file: Any = None,
        sg: int = 0,
        hs: int = 0,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        word_ngrams: int = 1,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Callable[..., int] = hash,
        epochs: int = 5,
        null_word: int = 0,
        min_n: int = 3,
        max_n: int = 6,
        sorted_vocab: int = 1,
        bucket: int = 2_000_000,
        trim_rule: TrimRule | None = None,
        batch_words: int = MAX_WORDS_IN_BATCH,
        callbacks: Iterable[Any] = (),
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
    ) -> None:
        if word_ngrams != 1:
            raise InputError(f"word_ngrams is {word_ngrams}; only 1, the words themselves, is possible")
        self.word_ngrams, self.min_n, self.max_n = word_ngrams, min_n, max_n
        self.bucket = bucket if max_n >= min_n else 0
        super().__init__(
            sentences,
            corpus_file,
            vector_size=vector_size,
            alpha=alpha,
            window=window,
            min_count=min_count,
            max_vocab_size=max_vocab_size,
            sample=sample,
            seed=seed,
            workers=workers,
            min_alpha=min_alpha,
            sg=sg,
            hs=hs,
            negative=negative,
            ns_exponent=ns_exponent,
            cbow_mean=cbow_mean,
            hashfxn=hashfxn,
            epochs=epochs,
            null_word=null_word,
            trim_rule=trim_rule,
            sorted_vocab=sorted_vocab,
            batch_words=batch_words,
            callbacks=callbacks,
            max_final_vocab=max_final_vocab,
            shrink_windows=shrink_windows,
        )

    def _new_vectors(self, vector_size: int) -> KeyedVectors:
        return FastTextKeyedVectors(vector_size, self.min_n, self.max_n, self.bucket)

    def _ngrams(self) -> dict[str, Any]:
        """Return the settings of n-grams."""
        return {"min_n": self.min_n, "max_n": self.max_n, "bucket": self.bucket} if self.bucket else {}

    def _start(self, words: list[str], vectors: Floats, **others: Any) -> WordVectors | None:
        """Return what training begins with: the rows of words and n-grams; None the first time."""
        rows = self._vectors.subwords
        if not self.bucket:
            return super()._start(words, vectors, **others)
        if rows is None:
            return None
        own = np.concatenate([rows.word_rows, vectors[len(rows.word_rows) :]])  # words that were added since
        rows = SubwordRows(rows.subwords, own, rows.ngram_rows, rows.buckets)
        return SubwordVectors(words, vectors, subwords=rows, **others)

    def _take(self, v: WordVectors, *, copy: bool = False) -> None:
        super()._take(v, copy=copy)
        if v.subwords is not None:
            self._vectors.subwords = v.subwords.copied() if copy else v.subwords

    @property
    def _vectors(self) -> FastTextKeyedVectors:
        assert isinstance(self.wv, FastTextKeyedVectors)
        return self.wv


def load_facebook_vectors(path: str | os.PathLike[str], encoding: str = "utf-8") -> FastTextKeyedVectors:
    """Return the words and n-grams of a model of fastText (`.bin`, `.ftz`); its labels are left out."""
    return _of_file(path, encoding)[0]


def load_facebook_model(path: str | os.PathLike[str], encoding: str = "utf-8") -> FastText:
    """Return a model of fastText, to be asked or trained further; hierarchical softmax cannot be, its tree is unknown.

    Args:
        path: the file.
        encoding: of the words.
    """
    wv, v = _of_file(path, encoding)
    told = v.training["fasttext"]
    if told["model"] == "supervised":
        raise NotThereError(
            f"{os.fspath(path)} is a classifier, which is not trained here; load_facebook_vectors reads its vectors"
        )
    model = FastText(
        vector_size=wv.vector_size,
        sg=int(told["model"] == "skipgram"),
        window=told["window"],
        min_count=told["min_count"],
        epochs=told["epochs"],
        negative=told["negative"],
        hs=int(told["loss"] == "hierarchical-softmax"),
        sample=told["sample"],
        min_n=wv.min_n,
        max_n=wv.max_n,
        bucket=wv.bucket,
    )
    model.wv = wv
    if model.negative:
        model.syn1neg = np.zeros_like(v.vectors) if v.output_vectors is None else np.array(v.output_vectors)
    model.corpus_total_words = int(wv.expandos["count"].sum())
    return model


def save_facebook_model(model: FastText, path: str | os.PathLike[str], encoding: str = "utf-8") -> None:
    """Write a model as fastText does, for fastText, gensim and others; nodes of hierarchical softmax are left out."""
    wv = model._vectors
    if wv.subwords is None:
        raise NotReadyError("the model has no n-grams yet; train it first")
    settings = {
        "model": "skipgram" if model.sg else "cbow",
        "objective": "hierarchical-softmax" if model.hs else "negative-sampling",
        "window": model.window,
        "epochs": model.epochs,
        "sample": model.sample,
    }
    v = SubwordVectors(
        [str(key) for key in wv.index_to_key],
        np.asarray(wv.vectors, dtype=np.float32),
        subwords=wv.subwords,
        counts=wv.expandos["count"].astype(np.int64),
        output_vectors=model.syn1neg if model.negative else None,
        training={"settings": {**settings, "min_count": model.min_count, "negative": model.negative}},
    )
    v.save(path, "fasttext")


def _loaded(path: str | os.PathLike[str], encoding: str) -> WordVectors:
    """Return the words of a file; bytes that are invalid in the encoding become U+FFFD."""
    try:
        return WordVectors.load(path, "fasttext", encoding=encoding)
    except EncodingError as error:
        logger.warning("%s; they are replaced", error)
        return WordVectors.load(path, "fasttext", encoding=encoding, errors="replace", duplicates="first")


def _of_file(path: str | os.PathLike[str], encoding: str) -> tuple[FastTextKeyedVectors, WordVectors]:
    v = _loaded(path, encoding)
    rows = v.subwords
    sizes = {"min_n": 0, "max_n": 0, "bucket": 0} if rows is None else vars(rows.subwords)
    kv = FastTextKeyedVectors(v.vector_size, **sizes)
    kv.index_to_key, kv.key_to_index, kv.next_index = list(v.index_to_key), dict(v.key_to_index), len(v)
    kv.vectors, kv.subwords = np.array(v.vectors), rows
    kv.expandos["count"] = np.array(v.counts)
    return kv, v
