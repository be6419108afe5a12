"""Word2Vec: gensim's model over the library's own training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from vastmax.arguments import MOST_RATE, MOST_SEED, real, whole
from vastmax.embedding import EpochReport, WordVectors
from vastmax.embedding.settings import CheckedSettings, TrainingSettings, checked
from vastmax.embedding.train import train_ids
from vastmax.errors import InputError
from vastmax.gensim import model_file
from vastmax.gensim.class_only import class_only
from vastmax.gensim.models.keyedvectors import KeyedVectors
from vastmax.gensim.prediction import SentenceScorer, output_words
from vastmax.gensim.problems import NotReadyError
from vastmax.gensim.sentences import MAX_WORDS_IN_BATCH, LineSentence, PathLineSentences, Reading, Text8Corpus
from vastmax.gensim.trimming import TrimRule
from vastmax.gensim.vocabulary_building import VocabularyBuilding, counts_of
from vastmax.kernels.embedding_tables import Floats
from vastmax.text import Vocabulary
from vastmax.text.words import Words
from vastmax.training.loop import StopTraining

__all__ = ["KeyedVectors", "LineSentence", "PathLineSentences", "Text8Corpus", "Word2Vec"]

logger = logging.getLogger(__name__)


class Word2Vec(VocabularyBuilding):
    """A model that is trained on sentences and holds word vectors as `wv`.

    Args:
        sentences: lists of words; None: the vocabulary is built and the model trained later.
        corpus_file: a text file, one sentence per line, instead of `sentences`.
        vector_size: D, the width of the vectors.
        alpha: the learning rate at the start of `train`.
        window: the largest distance between a word and its contexts.
        min_count: words that occur less often get no vector.
        max_vocab_size: drop rare words while counting, whenever there are more.
        sample: words more frequent than this share are thinned; 1 or more is a count; 0 keeps all.
        seed: of everything random.
        workers: threads.
        min_alpha: the learning rate at the end of `train`.
        sg: 1 for skip-gram, 0 for CBOW, with word2vec's gradient.
        hs: 1 for hierarchical softmax, alone if `negative` is 0.
        negative: noise words per prediction.
        ns_exponent: noise words are drawn by their counts to this power.
        cbow_mean: only 1, the mean of the contexts.
        hashfxn: kept and not asked: vectors begin at random by the seed alone, as gensim 4's do.
        epochs: passes over the text.
        null_word: only 0.
        trim_rule: which words to keep; see `build_vocab`.
        sorted_vocab: whether words are in the order of their counts; else as the text has them.
        batch_words: kept and not asked: it would not change the result.
        compute_loss: kept; the loss is known in any case.
        callbacks: objects such as `CallbackAny2Vec`.
        comment: kept.
        max_final_vocab: raise min_count until at most this many words are left.
        shrink_windows: whether windows are drawn from 1 to `window`; else all have the full width.

    Example:
        >>> model = Word2Vec([["the", "king", "rules"], ["the", "queen", "rules"]] * 50, vector_size=16, min_count=1)
        >>> len(model.wv), model.wv.vector_size
        (4, 16)
    """

    KIND = "Word2Vec"
    VECTORS: type[KeyedVectors] = KeyedVectors

    def __init__(
        self,
        sentences: Any = None,
        corpus_file: Any = None,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Callable[..., int] = hash,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: TrimRule | None = None,
        sorted_vocab: int = 1,
        batch_words: int = MAX_WORDS_IN_BATCH,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
    ) -> None:
        if not cbow_mean and not sg:
            raise InputError("cbow_mean is 0; CBOW here takes the mean of the contexts: leave cbow_mean at 1")
        if null_word:
            raise InputError("null_word is for Doc2Vec, which is not here; leave it at 0")
        self.wv = self._new_vectors(vector_size)
        self.vector_size = self.layer1_size = self.wv.vector_size
        self.alpha, self.min_alpha = alpha, min_alpha
        self.window, self.min_count, self.sample = window, whole("min_count", min_count, 0, None), sample
        self.max_vocab_size, self.max_final_vocab = max_vocab_size, max_final_vocab
        self.seed, self.workers, self.epochs = whole("seed", seed, 0, MOST_SEED), workers, epochs
        self.sg, self.hs, self.negative, self.ns_exponent = int(sg), int(hs), int(negative), ns_exponent
        self.cbow_mean, self.hashfxn, self.null_word, self.trim_rule = int(bool(cbow_mean)), hashfxn, 0, trim_rule
        self.sorted_vocab, self.batch_words, self.comment = sorted_vocab, batch_words, comment
        self.shrink_windows, self.compute_loss = bool(shrink_windows), compute_loss
        self.raw_vocab = {}
        self.effective_min_count = min_count
        self.train_count, self.total_train_time, self.running_training_loss = 0, 0.0, 0.0
        self.min_alpha_yet_reached = float(alpha)
        if self.hs or self.negative:
            self._settings(alpha, min_alpha, epochs)  # refuses what no training could use
        if sentences is not None or corpus_file is not None:
            reading = Reading(sentences, corpus_file, passes=epochs + 1)
            self._build(reading, False, False, trim_rule, None, None)
            self._train(reading, epochs, self.alpha, self.min_alpha, list(callbacks), compute_loss)
        elif trim_rule is not None:
            logger.warning("trim_rule is of no effect without sentences; give it to build_vocab")

    # --- training -----------------------------------------------------------------------------------------------------

    def train(
        self,
        corpus_iterable: Any = None,
        corpus_file: Any = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
    ) -> tuple[int, int]:
        """Train on a text, whose words without vectors are passed over.

        Args:
            corpus_iterable: lists of words.
            corpus_file: a text file, instead.
            total_examples: this or `total_words` is asked for, as in gensim; the text itself is counted.
            total_words: see `total_examples`.
            epochs: passes over the text.
            start_alpha: instead of `alpha`, which it becomes.
            end_alpha: instead of `min_alpha`, which it becomes.
            word_count: only 0; give `start_alpha` to begin within a schedule.
            queue_factor: of no effect.
            report_delay: of no effect.
            compute_loss: see the class.
            callbacks: told of the beginnings and ends of training and epochs.

        Returns:
            The words that were trained, subsampling counted, and all words, over all epochs.
        """
        if word_count:
            raise InputError(f"word_count is {word_count}; give start_alpha, the rate to begin with, instead")
        if total_examples is None and total_words is None:
            raise InputError("give total_examples, such as model.corpus_count, or total_words")
        if not epochs or epochs < 1:
            raise InputError(f"epochs is {epochs}; give the number of passes, such as epochs=model.epochs")
        self._require_trainable()
        reading = Reading(corpus_iterable, corpus_file, passes=epochs)
        alpha, min_alpha = start_alpha or self.alpha, end_alpha or self.min_alpha
        return self._train(reading, epochs, alpha, min_alpha, list(callbacks), compute_loss)

    def _require_trainable(self) -> None:
        if not self.hs and not self.negative:
            raise InputError("hs and negative are both 0, so there is nothing to train; set one of them")
        if self.hs and self.negative:
            logger.warning("Both hierarchical softmax and negative sampling are activated. Their losses are added.")
        if self.alpha > self.min_alpha_yet_reached:
            logger.warning("Effective 'alpha' higher than previous training cycles")
        if not len(self.wv) or not len(self.wv.vectors):
            raise NotReadyError(
                "you must first build vocabulary before training the model: no word has a vector, since there was no "
                f"text or no word in it occurs {self.effective_min_count} times (min_count)"
            )
        if (self.negative and not hasattr(self, "syn1neg")) or (self.hs and not hasattr(self, "syn1")):
            raise NotReadyError(
                "the model has no output vectors to continue with; build the vocabulary, or load a model"
            )

    def _train(
        self, reading: Reading, epochs: int, alpha: float, min_alpha: float, callbacks: list[Any], compute_loss: bool
    ) -> tuple[int, int]:
        self._require_trainable()
        for callback in callbacks:
            if not hasattr(callback, "on_epoch_end"):
                raise InputError(f"callbacks hold {callback!r:.60}; expected objects of a class like CallbackAny2Vec")
        self.alpha, self.min_alpha, self.epochs = alpha, min_alpha, epochs
        self.compute_loss, self.running_training_loss = compute_loss, 0.0
        settings = self._settings(alpha, min_alpha, epochs)
        for callback in callbacks:
            callback.on_train_begin(self)
        trained = None
        if len(self.wv) < 2 or reading.corpus is None:
            logger.warning("there is nothing to train: the text or the vocabulary has too few words")
        else:
            trained = self._run(reading, settings, callbacks)
        self.min_alpha_yet_reached = min(self.min_alpha_yet_reached, min_alpha)
        self.train_count += 1
        for callback in callbacks:
            callback.on_train_end(self)
        return (0, 0) if trained is None else (trained["kept"], trained["tokens"] * len(trained["losses"]))

    def _run(self, reading: Reading, settings: CheckedSettings, callbacks: list[Any]) -> dict[str, Any]:
        assert reading.corpus is not None
        wv = self.wv
        words, counts = [str(key) for key in wv.index_to_key], counts_of(wv)
        start = self._start(
            words,
            wv.vectors,
            counts=counts,
            output_vectors=self.syn1neg if self.negative else None,
            node_vectors=-self.syn1[:-1] if self.hs else None,  # gensim gives +score to branch 0
        )

        def after_epoch(report: EpochReport) -> bool:
            self._take(report.live_vectors)
            self.running_training_loss += report.loss * report.predictions
            ended = _tell(callbacks, "on_epoch_end", self)
            if report.epoch < report.epochs and not ended:
                ended = _tell(callbacks, "on_epoch_begin", self)
            return ended

        if _tell(callbacks, "on_epoch_begin", self):
            return {"kept": 0, "tokens": 0, "losses": []}
        locks = wv.vectors_lockf
        trained = train_ids(
            reading.corpus,
            Vocabulary.in_order(Words.of(words), counts),
            settings,
            start=start,
            held=None if (locks == 1).all() else locks,
            may_find_nothing=True,
            callbacks=[after_epoch],
        )
        self._take(trained, copy=True)
        self.total_train_time += trained.training["elapsed_seconds"]
        return trained.training

    def _new_vectors(self, vector_size: int) -> KeyedVectors:
        return self.VECTORS(vector_size)

    def _start(self, words: list[str], vectors: Floats, **others: Any) -> WordVectors | None:
        """Return what training begins with; None: everything at random."""
        return WordVectors(words, vectors, **others)

    def _ngrams(self) -> dict[str, Any]:
        """Return the settings of n-grams, for models that have some."""
        return {}

    def _take(self, v: WordVectors, *, copy: bool = False) -> None:
        """Let the model have these matrices; copies have no padding between rows."""

        def plain(matrix: Floats) -> Floats:
            return np.ascontiguousarray(matrix) if copy else matrix

        locks = self.wv.vectors_lockf
        self.wv.vectors = plain(v.vectors)
        self.wv.vectors_lockf = locks
        if v.output_vectors is not None:
            self.syn1neg = plain(v.output_vectors)
        if v.node_vectors is not None:
            nodes = -v.node_vectors
            self.syn1 = np.vstack([nodes, np.zeros((1, self.vector_size), dtype=np.float32)])

    def _settings(self, alpha: float, min_alpha: float, epochs: int) -> CheckedSettings:
        """Return the settings of the library's own training."""
        objectives = ("negative-sampling",) * bool(self.negative) + ("hierarchical-softmax",) * bool(self.hs)
        total = int(self.wv.expandos["count"].sum()) if "count" in self.wv.expandos else 0
        ready = checked(
            TrainingSettings(
                model="skipgram" if self.sg else "cbow",
                objective="+".join(objectives),
                cbow_gradient="word2vec",
                vector_size=self.vector_size,
                window=self.window,
                sample=self._sample_share(self.sample, total),
                negative=self.negative or 1,
                ns_exponent=self.ns_exponent,
                fixed_window=not self.shrink_windows,
                **self._ngrams(),
                epochs=epochs,
                threads=self.workers,
                seed=self.seed,
            )
        )
        seed = self.seed
        if self.train_count:  # another call draws other noise
            seed = int(np.random.SeedSequence([self.seed, self.train_count]).generate_state(1, np.uint64)[0])
        rates = [real(name, rate, 0.0, MOST_RATE) for name, rate in (("alpha", alpha), ("min_alpha", min_alpha))]
        return replace(ready, seed=seed, alpha=rates[0], min_alpha=rates[1])

    def get_latest_training_loss(self) -> float:
        """Return the loss of the latest call of `train` so far: nats, summed over predictions and epochs.

        (gensim sums it in float32, which stops growing on long runs, and in another unit.)
        """
        return self.running_training_loss

    def init_sims(self, replace: bool = False) -> None:
        """Compute the norms of the vectors; the older name."""
        self.wv.init_sims(replace)

    # --- predictions --------------------------------------------------------------------------------------------------

    def predict_output_word(self, context_words_list: Iterable[Any], topn: int = 10) -> list[tuple[Any, float]] | None:
        """Return the most probable words between these, with their probabilities; None if none of them is known."""
        if not self.negative or not hasattr(self, "syn1neg"):
            raise NotReadyError("predict_output_word needs output vectors: train a model with negative above 0")
        rows = [self.wv.get_index(word) for word in context_words_list if word in self.wv]
        if not rows:
            logger.warning("none of the context words is in the vocabulary")
            return None
        found = output_words(self.wv.vectors, self.syn1neg, rows, mean=bool(self.cbow_mean), topn=topn)
        return [(self.wv.index_to_key[row], probability) for row, probability in found]

    def score(
        self,
        sentences: Iterable[Any],
        total_sentences: int = 1_000_000,
        chunksize: int = 100,
        queue_factor: int = 2,
        report_delay: float = 1,
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the log-likelihood of each sentence under hierarchical softmax, (sentences,) float32.

        Args:
            sentences: lists of words; unknown ones are passed over.
            total_sentences: score at most this many.
            chunksize: of no effect.
            queue_factor: of no effect.
            report_delay: of no effect.
        """
        if not len(self.wv):
            raise NotReadyError("you must first build vocabulary before scoring new data")
        if not self.hs:
            raise NotReadyError("score needs hierarchical softmax: train a model with hs=1 and negative=0")
        scorer = SentenceScorer(
            self.wv.vectors,
            -self.syn1[:-1],
            self.paths,
            window=self.window,
            skipgram=bool(self.sg),
            mean=bool(self.cbow_mean),
        )
        known = self.wv.key_to_index
        scores = []
        for words, _ in zip(sentences, range(total_sentences), strict=False):
            scores.append(scorer.score([known[word] for word in words if word in known]))
        return np.array(scores, dtype=np.float32)

    # --- files --------------------------------------------------------------------------------------------------------

    def save(
        self,
        fname_or_handle: Any,
        separately: Any = None,
        sep_limit: int = 0,
        ignore: Collection[str] = frozenset(),
        pickle_protocol: int = 0,
    ) -> None:
        """Save the model to one file, which is no pickle; its vectors can be loaded by `vastmax.WordVectors.load`, too.

        Args:
            fname_or_handle: the name of the file.
            separately: of gensim's files; of no effect here.
            sep_limit: the same.
            ignore: the same.
            pickle_protocol: the same.
        """
        model_file.save(fname_or_handle, self)

    @class_only
    def load(cls, fname: Any, mmap: str | None = None, rethrow: bool = False) -> Any:  # noqa: N805 - a class method
        """Load a model that `save` wrote; one that gensim has pickled is read by gensim, if it is installed.

        Args:
            fname: the file.
            mmap: "r" to map the vectors from the file.
            rethrow: of no effect.
        """
        return model_file.load(cls, fname, mmap)

    def __str__(self) -> str:
        return f"{type(self).__name__}<vocab={len(self.wv)}, vector_size={self.vector_size}, alpha={self.alpha}>"

    __repr__ = __str__


def _tell(callbacks: list[Any], event: str, model: Word2Vec) -> bool:
    """Call a method of all callbacks, and return whether one ends training."""
    ended = False
    for callback in callbacks:
        try:
            ended |= getattr(callback, event)(model) is True
        except StopTraining:
            ended = True
    return ended
