"""Word vectors by any recipe: the one call that trains them."""

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

    The loss of a pair of skip-gram, or of a window of CBOW, is that of ``RECIPES[objective](vector_size, vocabulary)``
    on the hidden vector of `SkipGram` or `CBOW`: an estimate of −log p(o | c) for a centre c and a context word o, or
    another loss that takes its place. The word vectors are the encoder's table.

    For negative sampling and hierarchical softmax over a Huffman tree use `train_embeddings`: its native kernels are
    far faster. This function takes the same text, words, subsampling and windows, so that vectors
    differ by what they were trained with and by nothing else.

    Args:
        corpus: as in `train_embeddings`, and so are all that are not mentioned.
        objective: a name in `RECIPES`; all but "adaptive-importance-sampling", whose noise follows the word before,
            which a pair of words of a window does not have.
        objective_options: keyword arguments of the recipe, such as ``{"num_samples": 256}``.
        model: "skipgram", or "cbow" with the exact gradient of the mean.
        batch_size: predictions in a step of the optimisers. They are drawn without order from about 65,000 words of
            text.
        alpha: learning rate at the start of row-wise Adagrad, which moves word vectors and rows of the output layer
            (None: 0.1); it falls linearly to `min_alpha` (None: 1e-4 of it).
        dense_lr: learning rate at the start of AdamW, which moves all other parameters, if there are any.
        partition_size: for "target-sampling": different words that consecutive batches may have, over which its
            softmax goes.
        threads: of PyTorch, while training (None: the cores this process may use).
        device: where to compute: "cpu", or "cuda".
        checkpoint: a file to save the run in, every `checkpoint_minutes` and at the ends of epochs.
        resume: go on from that file. On a CPU the result is to the bit what it would have been without a stop.

    Returns:
        The vectors in count order, with counts, with output vectors where the output layer has one of `vector_size` a
        word, and in `.training` the settings, the predictions, the mean loss of each epoch, and the time taken.

    Raises:
        InputError: a setting or the corpus cannot be used, or no word had another in its window.
        DivergenceError: the loss was no finite number; it holds the vectors from before.

    Cost: that of the recipe's step for each pair (skip-gram) or position (CBOW); see the recipe. Memory: the model and
    its optimiser's state, and some tens of MB for the pairs of a piece of text, whatever its length and the window.

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
    """Do what `train_word_model` does, with its arguments in parts; `train_embeddings` comes here, too."""
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
    """Do what `train_word_model` does, with checked settings; `stop`, asked after each step, may cut it short."""
    progress = progress or Silent()
    called = checked_callbacks(callbacks)
    text, vocabulary = text_and_words(corpus, settings, advise=advise, progress=progress)
    run = WordModelRun(text, vocabulary, settings, checkpoints=checkpoints, progress=progress)
    run.train(called, progress, stop or (lambda: False))
    return run
