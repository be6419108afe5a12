"""The function that trains word vectors by any recipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vastmax.embedding import WordVectors
from vastmax.embedding.report import EpochCallback
from vastmax.embedding.settings import TrainingSettings
from vastmax.embedding.train import checked_callbacks, text_and_words
from vastmax.options import from_arguments, takes_old_names
from vastmax.progress import Progress, Silent
from vastmax.training.checkpoints import SavedAs
from vastmax.training.loop import DEFAULT_MINUTES
from vastmax.word_model.checkpoint import WordModelCheckpoints
from vastmax.word_model.run import WordModelRun
from vastmax.word_model.settings import CheckedWordModelSettings, WordModelSettings, checked


@takes_old_names
def train_word_model(
    corpus: object,
    *,
    objective: str = "sampled-softmax",
    objective_options: Mapping[str, Any] | None = None,
    model: str = "skipgram",
    vector_size: int = 100,
    window: int = 5,
    min_count: int = 5,
    max_final_vocab: int | None = None,
    stop_words: str | os.PathLike[str] | Iterable[str] | None = None,
    sample: float = 1e-3,
    epochs: int = 5,
    batch_size: int = 1024,
    alpha: float | None = None,
    min_alpha: float | None = None,
    dense_lr: float = 2e-3,
    partition_size: int = 4096,
    threads: int | None = None,
    device: str = "cpu",
    seed: int = 1,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_minutes: float = DEFAULT_MINUTES,
    resume: bool = False,
    callbacks: Iterable[EpochCallback] = (),
    advise: Callable[[str], object] | None = None,
    progress: Progress | None = None,
) -> WordVectors:
    """Train word vectors by a recipe: skip-gram or CBOW with any output layer and objective, through PyTorch.

    The loss of a pair (skip-gram) or window (CBOW) is that of ``RECIPES[objective](vector_size, vocabulary)`` for the
    hidden vector of `SkipGram` or `CBOW`: an estimate of −log p(o | c) for a center c and a context word o, or a
    substitute. The word vectors are the encoder's table.

    For negative sampling and hierarchical softmax with a Huffman tree, use `train_embeddings`: its native kernels are
    far faster. Text, words, subsampling and windows are the same, so vectors differ only by what they were trained
    with.

    Args:
        corpus: as in `train_embeddings`, like all other arguments that are not described here.
        objective: a name in `RECIPES`, except "adaptive-importance-sampling", whose noise depends on the previous word,
            which a pair of words does not have.
        objective_options: keyword arguments of the recipe, such as ``{"num_samples": 256}``.
        model: "skipgram", or "cbow" with the exact gradient of the mean.
        batch_size: predictions per step, in random order within about 65,000 words of text.
        alpha: initial learning rate of row-wise Adagrad, for word vectors and rows of the output layer (None: 0.1); it
            falls linearly to `min_alpha` (None: 1e-4 of it).
        dense_lr: initial learning rate of AdamW, for all other parameters.
        partition_size: for "target-sampling": the number of different words in a part of the text, over which its
            softmax normalizes.
        threads: of PyTorch during training (None: the cores this process may use).
        device: "cpu" or "cuda".
        checkpoint: a file to save the run in every `checkpoint_minutes` and at the ends of epochs.
        resume: continue from that file; on a CPU, the result is bit for bit that of an uninterrupted run.

    Returns:
        The vectors in count order, with counts, with output vectors if the output layer has one row of `vector_size`
        per word, and in `.training` the settings, the predictions, the mean loss of each epoch, and the time taken.

    Raises:
        InputError: a setting or the corpus is invalid, or no word had another in its window.
        DivergenceError: the loss was not finite; it holds the vectors from before.

    Cost: that of the recipe's step for each pair (skip-gram) or position (CBOW); see the recipe. Memory: the model, the
    state of its optimizers, and some tens of MB for the pairs of a piece of text, for any length of text and window.

    Example:
        >>> sentences = [["the", "king", "rules"], ["the", "queen", "rules"]] * 50
        >>> vectors = train_word_model(sentences, objective="two-level", vector_size=16, min_count=1, threads=1)
        >>> len(vectors), vectors.vector_size
        (4, 16)
    """
    settings = from_arguments(WordModelSettings, locals())
    saved = SavedAs(checkpoint, checkpoint_minutes, resume)
    return train_by_recipe(corpus, settings, saved, callbacks=callbacks, advise=advise, progress=progress)


def train_by_recipe(
    corpus: object,
    settings: TrainingSettings,
    saved: SavedAs,
    *,
    callbacks: Iterable[EpochCallback] = (),
    advise: Callable[[str], object] | None = None,
    progress: Progress | None = None,
) -> WordVectors:
    """Do what `train_word_model` does, with its arguments in two objects; `train_embeddings` calls this, too."""
    ready = checked(settings)
    reads = {"corpus": corpus, "stop_words": settings.stop_words}
    with WordModelCheckpoints.asked_for(saved, ready, reads=reads) as checkpoints:
        run = train(corpus, ready, checkpoints=checkpoints, callbacks=callbacks, advise=advise, progress=progress)
    return run.word_vectors()


def train(
    corpus: object,
    settings: CheckedWordModelSettings,
    *,
    checkpoints: WordModelCheckpoints | None = None,
    callbacks: Iterable[EpochCallback] = (),
    advise: Callable[[str], object] | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> WordModelRun:
    """Do what `train_word_model` does, with checked settings; stop if `stop`, called after each step, returns True."""
    progress = progress or Silent()
    called = checked_callbacks(callbacks)
    text, vocabulary = text_and_words(corpus, settings, advise=advise, progress=progress)
    run = WordModelRun(text, vocabulary, settings, checkpoints=checkpoints, progress=progress)
    run.train(called, progress, stop or (lambda: False))
    return run
