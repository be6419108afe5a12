"""The function that trains word vectors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from vastmax.embedding.advice import advice
from vastmax.embedding.best_epoch import Score
from vastmax.embedding.checkpoint_file import Checkpoints
from vastmax.embedding.gensim_names import answers_gensim_names
from vastmax.embedding.report import EpochCallback
from vastmax.embedding.run import TrainingRun
from vastmax.embedding.settings import CheckedCommonSettings, CheckedSettings, TrainingSettings, checked
from vastmax.embedding.start import merged_vocabulary, require_startable
from vastmax.embedding.word_vectors import WordVectors
from vastmax.errors import InputError, argument
from vastmax.kernels.embedding_tables import Floats
from vastmax.options import from_arguments, takes_old_names
from vastmax.progress import Progress, Silent
from vastmax.text import Corpus, Vocabulary
from vastmax.text.encoded_view import TokenStream
from vastmax.training.checkpoints import SavedAs
from vastmax.training.loop import DEFAULT_MINUTES


@answers_gensim_names
@takes_old_names
def train_embeddings(
    corpus: object,
    *,
    model: str = "skipgram",
    objective: str = "negative-sampling",
    objective_options: Mapping[str, Any] | None = None,
    cbow_gradient: str = "exact",
    vector_size: int = 100,
    window: int = 5,
    min_count: int = 5,
    max_final_vocab: int | None = None,
    stop_words: str | os.PathLike[str] | Iterable[str] | None = None,
    sample: float = 1e-3,
    negative: int = 5,
    ns_exponent: float = 0.75,
    exclude: str = "target",
    fixed_window: bool = False,
    max_n: int = 0,
    min_n: int = 3,
    bucket: int = 2_000_000,
    epochs: int = 5,
    alpha: float | None = None,
    min_alpha: float | None = None,
    batch_size: int = 1024,
    dense_lr: float = 2e-3,
    partition_size: int = 4096,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 1,
    start: WordVectors | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_minutes: float = DEFAULT_MINUTES,
    resume: bool = False,
    callbacks: Iterable[EpochCallback] = (),
    best_by: Score | None = None,
    advise: Callable[[str], object] | None = None,
    progress: Progress | None = None,
) -> WordVectors:
    """Train word vectors: skip-gram or CBOW, with any objective.

    Negative sampling, hierarchical softmax and both together have native kernels. Every other name in `RECIPES` is
    trained through PyTorch, far more slowly: this function then calls `train_word_model`.

    For each center word c and each context word o within a window drawn uniformly from 1 … `window` (Mikolov et al.
    2013), skip-gram with negative sampling is stochastic gradient descent on

        −log σ(v_c · u_o) − Σ_{k ≤ K} log σ(−v_c · u_{w_k}),   w_k ~ Q ∝ count^ns_exponent.

    CBOW uses this loss once per center word, with the mean h of the contexts' vectors in place of v_c, and c in place
    of o.

    Noise words are drawn once for each block of up to 32 center words, which share them, weighted so that every
    prediction has K of them in expectation. σ and the loss are computed to float precision, without a table or
    clipping. Windows do not cross sentences.

    With hierarchical softmax, the loss of a pair is −Σ log σ(±v_o · u_n) over the nodes n on the path to c in the
    Huffman tree of the counts, + for branch 1 (word2vec: for branch 0); in CBOW, the mean of the contexts replaces
    v_o. With both objectives, the losses are added.

    Args:
        corpus: a path, a glob, several paths, "-" for standard input, lists of words, or a `Corpus`.
        model: "skipgram", or "cbow".
        objective: "negative-sampling", "hierarchical-softmax", "negative-sampling+hierarchical-softmax", or a name in
            `RECIPES`.
        objective_options: keyword arguments of a recipe, such as ``{"num_samples": 256}``. Like `batch_size`,
            `dense_lr`, `partition_size` and `device`, they are for objectives that are trained through PyTorch.
        cbow_gradient: "exact": each context moves by 1/n of the gradient of the mean; "word2vec": by all of it.
        vector_size: D, the dimension of the vectors.
        window: the largest distance between center and context, after subsampling.
        min_count: leave out words that occur less often.
        max_final_vocab: keep at most this many of the most frequent words (None: all).
        stop_words: words, or a file with one word per line, that are first removed from the text: they have no vector
            and are not contexts or noise, and windows reach across them.
        sample: t of subsampling; a word of relative frequency f is kept with probability min(1, √(t/f) + t/f).
            0 keeps every word.
        negative: K, noise words per prediction.
        ns_exponent: power of the counts in Q: 1 for the unigram distribution, 0 for the uniform one; negative values
            favor rare words.
        exclude: noise words that do not count for a prediction: "none"; "target", the predicted word; "window", every
            word in the window, the center included.
        fixed_window: every window has the full width, as for sets of items whose order says nothing.
        max_n: characters in the longest n-gram that words share (Bojanowski et al. 2017): a word's vector is the mean
            of a row of its own and those of the n-grams of "<word>", so that words that are rare, or not in the text
            at all, have good vectors. fastText's usual value is 6. 0: words share nothing.
        min_n: characters in the shortest n-gram.
        bucket: number of buckets that n-grams are hashed to; those that come up get a row.
        epochs: passes over the corpus.
        alpha: learning rate at the start (None: 0.0275 for skip-gram, 0.03 with hierarchical softmax, 0.025 with both
            objectives; 0.1 for CBOW, 0.06 with hierarchical softmax; with word2vec's gradient 0.05 and 0.04; with
            n-grams 1.8 times as much for skip-gram, twice as much for CBOW). It falls linearly to `min_alpha` (None:
            1e-4 of it).
        threads: lock-free threads on the shared matrices (None: the cores this process may use). With 1 thread, the
            result depends only on corpus, settings, seed and the kind of processor, bit for bit.
        seed: of all random numbers.
        start: vectors to start from, with counts and output vectors, as returned by training. All their words except
            `stop_words` are kept with their vectors, and new words of the corpus are added. Counts, which determine the
            order of words, noise and subsampling, are those of the old and the new text together. (None: random ones.)
        checkpoint: a file to save the run in every `checkpoint_minutes`, at the ends of epochs, and on Ctrl-C before
            KeyboardInterrupt is raised. It remains after training until you remove it. (None: nothing is saved.)
        checkpoint_minutes: between checkpoints within an epoch.
        resume: continue from the file `checkpoint`. Corpus, settings and `start` must be the same, except for the
            number of threads; with 1 thread, the result is bit for bit that of an uninterrupted run.
        callbacks: called with an `EpochReport` after every epoch. One that returns True, or raises `StopTraining`, ends
            training: the vectors so far are returned.
        best_by: a function of an `EpochReport` whose result says how good the epoch is, higher for better: the vectors
            of the best epoch are returned, and `.training` has its number and all scores.
        advise: called before training with one line for each setting that wastes time or quality on this text: what,
            why, and the fix. ``advise=print`` shows them; None: no advice.
        progress: shows words trained, loss and learning rate.

    Returns:
        The vectors in count order, `SubwordVectors` where `max_n` is not 0; with counts, output vectors (None without
        negative sampling), and in `.training` the settings, the predictions trained, the mean loss of each epoch in
        nats per prediction, and the time taken.

    Raises:
        InputError: a setting or the corpus is invalid, or no word had another in its window; there is a checkpoint
            without `resume`, or `resume` without one; it is of other settings or text, not a checkpoint, or in use by
            another run.
        DivergenceError: the loss diverged; it holds the vectors of the last good epoch.

    Cost: in skip-gram, with n ≈ window + 1 contexts per center and P ≈ 0.5·n·K noise words per block, 3·D·(n + P)
    multiply-adds per center; in CBOW 3·D·(1 + P) with P ≈ 3·K, and about 8·D additions, for any window. Hierarchical
    softmax: 3·D·L per pair in skip-gram and per center in CBOW; L is the mean path length, about the entropy. With
    n-grams, the rows of each different word in a segment of some hundred centers are read twice and written once.
    Memory: two float32 matrices (V, D), three with both objectives, D rounded up to a multiple of 16, for any length of
    text; with n-grams a row more for each that occurs, and the (V, D) vectors that are returned.

    Example:
        >>> sentences = [["the", "king", "rules"], ["the", "queen", "rules"]] * 50
        >>> vectors = train_embeddings(sentences, vector_size=16, min_count=1, epochs=2, threads=1)
        >>> len(vectors), vectors.vector_size
        (4, 16)
    """
    settings = from_arguments(TrainingSettings, locals())
    saved = SavedAs(checkpoint, checkpoint_minutes, resume)
    settings.refuse_unused()
    if best_by is not None and (resume or not settings.is_native):
        raise InputError(
            "best_by needs every epoch of a run with a native objective; leave it out here, or choose in a callback"
        )
    if not settings.is_native:
        if start is not None:
            raise InputError(f"{argument('start')} is for negative sampling, not {objective!r}; leave it out")
        by_recipe = import_module("vastmax").word_model.train_by_recipe  # only the public map may import both rooms
        trained: WordVectors = by_recipe(corpus, settings, saved, callbacks=callbacks, advise=advise, progress=progress)
        return trained
    ready = checked(settings)
    reads = {"corpus": corpus, "stop_words": stop_words}
    with Checkpoints.asked_for(saved, ready, reads=reads) as checkpoints:
        return train(
            corpus,
            ready,
            start=start,
            checkpoints=checkpoints,
            callbacks=callbacks,
            best_by=best_by,
            advise=advise,
            progress=progress,
        )


def train(
    corpus: object,
    settings: CheckedSettings,
    *,
    start: WordVectors | None = None,
    checkpoints: Checkpoints | None = None,
    callbacks: Iterable[EpochCallback] = (),
    best_by: Score | None = None,
    advise: Callable[[str], object] | None = None,
    progress: Progress | None = None,
) -> WordVectors:
    """Do what `train_embeddings` does, with checked settings."""
    progress = progress or Silent()
    callbacks = checked_callbacks(callbacks)
    if start is not None:
        require_startable(start, settings)
    text, vocabulary = text_and_words(corpus, settings, start=start, advise=advise, progress=progress)
    run = TrainingRun(text, vocabulary, settings, checkpoints=checkpoints, start=start)
    run.train(callbacks, progress, best_by=best_by)
    return run.word_vectors()


def train_ids(
    text: TokenStream,
    vocabulary: Vocabulary,
    settings: CheckedSettings,
    *,
    start: WordVectors | None = None,
    held: Floats | None = None,
    may_find_nothing: bool = False,
    callbacks: Iterable[EpochCallback] = (),
    progress: Progress | None = None,
) -> WordVectors:
    """Train vectors for every word of a vocabulary on a text of ids; words that do not occur keep their initial
    vectors.

    The settings that leave out words have no effect here.

    Args:
        text: in the ids of its own vocabulary.
        vocabulary: the words that get vectors; their order is free.
        settings: of the run.
        start, held, may_find_nothing: see `TrainingRun`.
        callbacks, progress: see `train_embeddings`.

    Raises:
        InputError: no word had another in its window.
        DivergenceError: as in `train_embeddings`.
    """
    run = TrainingRun(text, vocabulary, settings, start=start, held=held, may_find_nothing=may_find_nothing)
    run.train(checked_callbacks(callbacks), progress or Silent())
    return run.word_vectors()


def checked_callbacks(callbacks: object) -> tuple[EpochCallback, ...]:
    """Return the callbacks; raise InputError if they are not functions."""
    given = tuple(callbacks) if isinstance(callbacks, Iterable) else (callbacks,)
    if not isinstance(callbacks, Iterable) or not all(map(callable, given)):
        raise InputError(f"callbacks is {callbacks!r}; expected a list of functions that take an EpochReport")
    return given


def text_and_words(
    corpus: object,
    settings: CheckedCommonSettings,
    *,
    start: WordVectors | None = None,
    advise: Callable[[str], object] | None,
    progress: Progress,
) -> tuple[Corpus, Vocabulary]:
    """Return the text, read if necessary, and its words that get vectors; pass advice about settings to `advise`."""
    text = corpus if isinstance(corpus, Corpus) else Corpus(corpus, progress=progress)
    vocabulary = _trained_vocabulary(text.vocabulary, settings, start)
    if advise is not None:
        for line in advice(text, vocabulary, settings):
            advise(line)
    return text, vocabulary


def _trained_vocabulary(types: Vocabulary, settings: CheckedCommonSettings, start: WordVectors | None) -> Vocabulary:
    """Return the words that get vectors, at least two."""
    if start is None:
        types = types.without(settings.stop_words)
        vocabulary = types.truncate(min_count=settings.min_count, max_size=settings.max_final_vocab)
    else:
        vocabulary = merged_vocabulary(types, start, settings).without(settings.stop_words)
    if len(vocabulary) < 2:
        if settings.max_final_vocab == 1:
            fix = f"{argument('max_final_vocab')} above 1"
        elif len(types) > 1:
            fix = f"more text, or {argument('min_count')} below {settings.min_count}"
        else:
            fix = "more text"
        raise InputError(f"the vocabulary has one word ({vocabulary.word(0)!r}); at least two are needed. Give {fix}")
    return vocabulary
