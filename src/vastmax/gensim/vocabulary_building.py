"""The vocabulary of a Word2Vec model, and the matrices that go with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.carried_tree import carry_nodes, huffman_paths
from vastmax.errors import InputError
from vastmax.gensim.models.keyedvectors import KeyedVectors
from vastmax.gensim.problems import NotReadyError
from vastmax.gensim.sentences import Reading
from vastmax.gensim.trimming import TrimRule, is_kept, pruned_counts
from vastmax.kernels.embedding_tables import Floats, TreePaths, keep_thresholds
from vastmax.text.corpus import Corpus

logger = logging.getLogger(__name__)

_GOLDEN = (3 + 5**0.5) / 2
"""A word that occurs so many times `sample` is kept every time, where `sample` is a count."""


class VocabularyBuilding:
    """The methods of Word2Vec that decide on words; the model sets the attributes."""

    wv: KeyedVectors
    vector_size: int
    min_count: int
    sample: float
    hs: int
    negative: int
    ns_exponent: float
    seed: int
    sorted_vocab: int
    max_vocab_size: int | None
    max_final_vocab: int | None
    syn1: Floats
    syn1neg: Floats

    def build_vocab(
        self,
        corpus_iterable: Any = None,
        corpus_file: Any = None,
        update: bool = False,
        progress_per: int = 10_000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        min_count: int | None = None,
        sample: float | None = None,
    ) -> None:
        """Count the words of a text, choose those that get vectors, and make their vectors ready for training.

        Args:
            corpus_iterable: lists of words.
            corpus_file: a text file, one sentence per line.
            update: whether the words are added to those that are there, with their counts.
            progress_per: of no effect.
            keep_raw_vocab: whether `raw_vocab` keeps all counts.
            trim_rule: a function of (word, count, min_count) that returns whether to keep the word (RULE_KEEP), leave
                it out (RULE_DISCARD), or go by its count (RULE_DEFAULT).
            min_count, sample: instead of those of the model.
        """
        self._build(Reading(corpus_iterable, corpus_file), update, keep_raw_vocab, trim_rule, min_count, sample)

    def _build(
        self,
        reading: Reading,
        update: bool,
        keep_raw_vocab: bool,
        trim_rule: TrimRule | None,
        min_count: int | None,
        sample: float | None,
    ) -> None:
        self.corpus_total_words, self.corpus_count = self._scan(reading, trim_rule)
        self.prepare_vocab(update, keep_raw_vocab, trim_rule, min_count, sample)
        self.prepare_weights(update)

    def build_vocab_from_freq(
        self,
        word_freq: Mapping[Any, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule | None = None,
        update: bool = False,
    ) -> None:
        """Do what `build_vocab` does, from the counts of words."""
        self.raw_vocab: dict[Any, int] = dict(word_freq)
        self.corpus_count = corpus_count or 0
        self.prepare_vocab(update, keep_raw_vocab, trim_rule)
        self.prepare_weights(update)

    def scan_vocab(
        self,
        corpus_iterable: Any = None,
        corpus_file: Any = None,
        progress_per: int = 10_000,
        workers: int | None = None,
        trim_rule: TrimRule | None = None,
    ) -> tuple[int, int]:
        """Count the words of a text into `raw_vocab`; return the numbers of words and sentences."""
        return self._scan(Reading(corpus_iterable, corpus_file), trim_rule)

    def _scan(self, reading: Reading, trim_rule: TrimRule | None) -> tuple[int, int]:
        corpus = reading.corpus
        if corpus is None:
            self.raw_vocab = {}
        elif self.max_vocab_size:
            self.raw_vocab = pruned_counts(_words_of(corpus, reading.int_keys), self.max_vocab_size, trim_rule)
        else:
            words: list[Any] = list(corpus.vocabulary.words)
            counts = corpus.vocabulary.counts.tolist()
            if not self.sorted_vocab:  # in the order in which the text has them
                order = np.argsort(np.unique(np.asarray(corpus.ids), return_index=True)[1])
                words, counts = [words[i] for i in order], [counts[i] for i in order]
            if reading.int_keys:
                words = [int(word) for word in words]
            self.raw_vocab = dict(zip(words, counts, strict=True))
        return reading.num_words, reading.num_sentences

    def prepare_vocab(
        self,
        update: bool = False,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        min_count: int | None = None,
        sample: float | None = None,
        dry_run: bool = False,
    ) -> dict[str, int]:
        """Choose words from `raw_vocab`.

        Returns:
            How many words are left out ("drop_unique"), how many are kept ("num_retained_words") and how often they
            occur ("retain_total"), and what subsampling leaves of that ("downsample_unique", "downsample_total").
        """
        least = min_count or self.min_count
        sample = sample or self.sample
        self.effective_min_count = max(self._least_for_size(), least)
        kept = {
            word: count
            for word, count in self.raw_vocab.items()
            if is_kept(word, count, self.effective_min_count, trim_rule)
        }
        counts = np.fromiter(kept.values(), dtype=np.int64, count=len(kept))
        total = int(counts.sum())
        share = (keep_thresholds(counts, self._sample_share(sample, total)) + 1.0) / 2.0**32 if len(counts) else counts
        report = {
            "drop_unique": len(self.raw_vocab) - len(kept),
            "retain_total": total,
            "downsample_unique": int((share < 1).sum()),
            "downsample_total": int((share * counts).sum()),
            "num_retained_words": len(kept),
        }
        if dry_run:
            return report
        if update:
            self._add_words(kept)
        else:
            self.min_count, self.sample = least, sample
            self.wv.index_to_key, self.wv.key_to_index = list(kept), {word: row for row, word in enumerate(kept)}
            self.wv.vectors = np.zeros((0, self.vector_size), dtype=np.float32)
            self.wv.expandos = {"count": counts}
            if self.sorted_vocab:
                self.wv.sort_by_descending_frequency()
        if not keep_raw_vocab:
            self.raw_vocab = {}
        self._describe_words(sample)
        return report

    def _least_for_size(self) -> int:
        """Return the count below which words go so that at most `max_final_vocab` are left, as gensim has it."""
        if self.max_final_vocab is None or self.max_final_vocab >= len(self.raw_vocab):
            return 1
        return sorted(self.raw_vocab.values(), reverse=True)[self.max_final_vocab] + 1

    @staticmethod
    def _sample_share(sample: float, total: int) -> float:
        """Return the share of the text above which words are thinned; a `sample` of 1 or more is a count."""
        return sample if sample < 1 else int(sample * _GOLDEN) / max(total, 1)

    def _add_words(self, kept: dict[Any, int]) -> None:
        wv = self.wv
        if not len(wv.vectors):
            raise NotReadyError("there is no vocabulary to update; first build one with update=False")
        self._counts_before = np.array(wv.expandos["count"], dtype=np.int64)
        for word in kept:
            if word not in wv.key_to_index:
                wv.key_to_index[word] = len(wv.index_to_key)
                wv.index_to_key.append(word)
        wv.allocate_vecattrs(["count"], [int])
        for word, count in kept.items():
            wv.expandos["count"][wv.key_to_index[word]] += count

    def _describe_words(self, sample: float) -> None:
        """Set the attributes that gensim's words have besides their count."""
        wv = self.wv
        counts = wv.expandos["count"]
        if not len(counts):
            return
        wv.expandos["sample_int"] = keep_thresholds(counts, self._sample_share(sample, int(counts.sum())))
        if self.hs:
            self._paths = None
            offsets, edges = self.paths.offsets, self.paths.edges
            for name, values in (("code", (edges % 2).astype(np.uint8)), ("point", (edges // 2).astype(np.uint32))):
                wv.expandos[name] = np.empty(len(counts), dtype=object)
                wv.expandos[name][:] = np.split(values, offsets[1:-1])

    @property
    def paths(self) -> TreePaths:
        """The paths to words in the Huffman tree of their counts."""
        if self._paths is None:
            self._paths = huffman_paths(np.asarray(self.wv.expandos["count"], dtype=np.int64))
        return self._paths

    _paths: TreePaths | None = None

    @property
    def cum_table(self) -> NDArray[np.uint32]:
        """(V,) the cumulative law of noise words, from 0 to 2³¹ − 1, as gensim keeps it."""
        law = np.cumsum(np.maximum(counts_of(self.wv), 1) ** float(self.ns_exponent))
        table: NDArray[np.uint32] = np.round(law / law[-1] * (2**31 - 1)).astype(np.uint32)
        return table

    def prepare_weights(self, update: bool = False) -> None:
        """Make the matrices ready: `update_weights`, or `init_weights`."""
        if update:
            self.update_weights()
        else:
            self.init_weights()

    def init_weights(self) -> None:
        """Draw new vectors for all words."""
        self.wv.vectors = np.zeros((0, self.vector_size), dtype=np.float32)
        self.wv.resize_vectors(seed=self.seed)
        V = len(self.wv)
        if self.hs:
            self.syn1 = np.zeros((V, self.vector_size), dtype=np.float32)
        if self.negative:
            self.syn1neg = np.zeros((V, self.vector_size), dtype=np.float32)

    def update_weights(self) -> None:
        """Add vectors for the words that `prepare_vocab(update=True)` added.

        The tree is rebuilt from the new counts. Its nodes tell the old words apart as those of the old one did.
        """
        before = len(self.wv.vectors)
        self.wv.resize_vectors(seed=self.seed)
        gained = len(self.wv.vectors) - before
        if self.negative:
            self.syn1neg = np.vstack([self.syn1neg, np.zeros((gained, self.vector_size), dtype=np.float32)])
        if self.hs:
            row = np.arange(before + gained, dtype=np.int32)
            row[before:] = -1
            nodes = np.zeros((before + gained, self.vector_size), dtype=np.float32)
            old = huffman_paths(self._counts_before)
            carry_nodes(old, self.syn1[: before - 1], row, self.paths, nodes[:-1])
            self.syn1 = nodes

    def estimate_memory(self, vocab_size: int | None = None, report: dict[str, int] | None = None) -> dict[str, int]:
        """Return the bytes that the parts of a model of so many words take."""
        V = vocab_size or len(self.wv)
        matrix = V * self.vector_size * 4  # float32
        parts = {"vocab": V * (700 if self.hs else 500), "vectors": matrix}
        parts |= {"syn1": matrix} if self.hs else {}
        parts |= {"syn1neg": matrix} if self.negative else {}
        return {**(report or {}), **parts, "total": sum(parts.values())}

    def create_binary_tree(self) -> None:
        """Rebuild the Huffman tree of the counts."""
        self._paths = None
        self._describe_words(self.sample)

    def reset_from(self, other_model: VocabularyBuilding) -> None:
        """Take the words and counts of another model, and draw new vectors."""
        if not isinstance(other_model, VocabularyBuilding):
            raise InputError(f"reset_from takes a Word2Vec of vastmax.gensim, not a {type(other_model).__name__}")
        self.wv = type(self.wv)(self.vector_size)
        other = other_model.wv
        self.wv.index_to_key, self.wv.key_to_index = list(other.index_to_key), dict(other.key_to_index)
        self.wv.expandos = {"count": np.array(other.expandos["count"])}
        self.corpus_count = other_model.corpus_count
        self._describe_words(self.sample)
        self.init_weights()

    corpus_count: int = 0
    corpus_total_words: int | None = 0


def _words_of(corpus: Corpus, as_ints: bool) -> Iterator[list[Any]]:
    words = list(corpus.vocabulary.words)
    kind = int if as_ints else str
    for ids in corpus.sentences():
        yield [kind(words[word_id]) for word_id in ids]


def counts_of(wv: KeyedVectors) -> NDArray[np.int64]:
    """Return the counts of all keys."""
    return np.array(wv.expandos["count"], dtype=np.int64)
