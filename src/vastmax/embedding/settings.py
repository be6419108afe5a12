"""The settings of a training run, checked once."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from vastmax.arguments import (
    MOST_EPOCHS,
    MOST_NGRAM,
    MOST_RATE,
    MOST_SEED,
    MOST_SIZE,
    MOST_THREADS,
    MOST_WORDS,
    Number,
    Whole,
    one_of,
    real,
)
from vastmax.errors import InputError, argument
from vastmax.kernels.machine import choose_target, usable_cores
from vastmax.machine_memory import require_memory
from vastmax.options import DATA, TRAINING, check_options, option, takes_old_names
from vastmax.training.schedule import linear

if TYPE_CHECKING:
    from vastmax.embedding.subwords import Subwords

MODELS = ("skipgram", "cbow")
OBJECTIVES = ("negative-sampling", "hierarchical-softmax", "negative-sampling+hierarchical-softmax")
"""The objectives that have kernels, for each model."""

CBOW_GRADIENTS = ("exact", "word2vec")
"""The gradient of the mean of the contexts, or that of their sum, as in word2vec."""

EXCLUSIONS = ("none", "target", "window")
"""The noise words that do not count: none; the word that is predicted; every word in the window."""

FINAL_SHARE_OF_ALPHA = 1e-4
"""The learning rate falls to this share of `alpha`, as in word2vec."""


NATIVE_ONLY = (
    "cbow_gradient",
    "negative",
    "ns_exponent",
    "exclude",
    "fixed_window",
    "max_n",
    "min_n",
    "bucket",
)
RECIPE_ONLY = ("objective_options", "batch_size", "dense_lr", "partition_size", "device")
"""Settings that only the native kernels use, and those that only training through PyTorch uses."""

_NO_NOISE = "without noise words the loss has no minimum and vectors would grow without end"


NGRAM_RATES = {"skipgram": 1.8, "cbow": 2.0}
"""With n-grams, the initial learning rate is this many times that of whole words."""


@takes_old_names
@dataclass(frozen=True)
class TrainingSettings:
    """The settings of training word vectors, named as in gensim if they mean the same; see `train_embeddings`."""

    model: str = option("skipgram", "skipgram: a word predicts those around it; cbow: they predict it.", choices=MODELS)
    objective: str = option(
        "negative-sampling",
        "negative-sampling: tell words from noise words. hierarchical-softmax: find words in a Huffman tree. "
        "negative-sampling+hierarchical-softmax: both. These have native kernels. nce, sampled-softmax, softmax and "
        "the other methods of vastmax lm train go through PyTorch, far more slowly.",
        metavar="NAME",
        suggested=OBJECTIVES,
    )
    objective_options: Mapping[str, Any] | None = None
    vector_size: int = option(100, "Dimensions of the vectors.", bound=Whole(1, 65_536))
    window: int = option(5, "Most words on each side in a context window.", bound=Whole(1, 1_000_000))
    epochs: int = option(5, "Passes over the text.", bound=Whole(1, MOST_EPOCHS))
    threads: int | None = option(
        None,
        "Threads; 1 gives the same vectors every time.",
        bound=Whole(1, MOST_THREADS, optional=True),
        default_text="one per core",
    )
    seed: int = option(1, "Start of the random numbers.", bound=Whole(0, MOST_SEED))
    alpha: float | None = option(
        None,
        "Learning rate at the start.",
        bound=Number(0.0, MOST_RATE, above=True, optional=True, why="a learning rate, such as 0.025"),
        default_text="by model and objective",
        group=TRAINING,
    )
    min_alpha: float | None = option(
        None,
        "Learning rate at the end.",
        bound=Number(0.0, MOST_RATE, optional=True, why="at most alpha"),
        default_text="alpha / 10000",
        group=TRAINING,
    )
    sample: float = option(
        1e-3,
        "Drop some occurrences of words more frequent than this; 0 keeps all.",
        bound=Number(0.0),
        group=TRAINING,
    )
    negative: int = option(5, "Noise words per pair of words.", bound=Whole(1, 10_000, why=_NO_NOISE), group=TRAINING)
    ns_exponent: float = option(
        0.75, "Power of the counts by which noise words are drawn.", bound=Number(-math.inf), group=TRAINING
    )
    exclude: str = option(
        "target",
        "Noise words that do not count: target (the word predicted), window, none.",
        choices=EXCLUSIONS,
        group=TRAINING,
    )
    fixed_window: bool = option(
        False, "All windows have the full width; else each is drawn from 1 to it.", group=TRAINING
    )
    cbow_gradient: str = option(
        "exact",
        "CBOW: the gradient of the mean of the contexts, or word2vec's, that of the sum.",
        choices=CBOW_GRADIENTS,
        group=TRAINING,
    )
    max_n: int = option(
        0,
        "Characters in the longest n-gram that words share, such as 6, so that words never seen have vectors, too; 0: "
        "words share nothing.",
        bound=Whole(0, MOST_NGRAM),
        group=TRAINING,
    )
    min_n: int = option(3, "Characters in the shortest n-gram.", bound=Whole(1, MOST_NGRAM), group=TRAINING)
    bucket: int = option(2_000_000, "Buckets that n-grams are hashed to.", bound=Whole(1, MOST_WORDS), group=TRAINING)
    batch_size: int = option(1024, "PyTorch: predictions per step.", bound=Whole(1, MOST_SIZE), group=TRAINING)
    dense_lr: float = option(
        2e-3,
        "PyTorch: learning rate of all parameters except tables of vectors.",
        bound=Number(0.0, MOST_RATE),
        group=TRAINING,
    )
    partition_size: int = option(
        4096, "For target-sampling: different words in a part of the text.", bound=Whole(1), group=TRAINING
    )
    device: str = option(
        "cpu", "PyTorch: where to compute.", metavar="cpu|cuda", suggested=("cpu", "cuda"), group=TRAINING
    )
    min_count: int = option(5, "Leave out words with fewer occurrences.", bound=Whole(1), group=DATA)
    max_final_vocab: int | None = option(
        None, "Keep at most this many words, the most frequent ones.", bound=Whole(1, optional=True), group=DATA
    )
    stop_words: str | os.PathLike[str] | Iterable[str] | None = None  # a file that lists them, or the words

    @property
    def is_native(self) -> bool:
        """Whether the objective has kernels; otherwise it is trained through PyTorch."""
        return self.objective in OBJECTIVES

    def refuse_unused(self, given: Callable[[str], bool] | None = None) -> None:
        """Raise InputError for the first setting that was given and that the objective does not use.

        Args:
            given: whether a setting was given; None: if it is not the default.
        """
        usual = TrainingSettings()
        meaningless = RECIPE_ONLY if self.is_native else NATIVE_ONLY
        for name in (*NATIVE_ONLY, *RECIPE_ONLY):
            value, default = getattr(self, name), getattr(usual, name)
            is_default = isinstance(value, int | float | str | None) and value == default
            is_given = given(name) if given is not None else not is_default
            if is_given and name in meaningless:
                raise InputError(
                    f"{argument('objective', self.objective)} does not use {argument(name)}; leave it out"
                    + _INSTEAD.get(name, "")
                )
            if name in ("min_n", "bucket") and is_given and isinstance(self.max_n, int) and self.max_n == 0:
                raise InputError(
                    f"{argument(name)} means nothing without n-grams; set {argument('max_n', 6)}, too, or leave it out"
                )


_INSTEAD = {
    "max_n": f": only {', '.join(OBJECTIVES)} train n-grams",
    "negative": ", or set num_samples in the options of the objective",
    "ns_exponent": ", or set power in the options of the objective",
    "objective_options": f", or set {argument('negative')} and {argument('ns_exponent')}",
}


def default_alpha(settings: TrainingSettings | CheckedSettings) -> float:
    """Return the default initial learning rate of a model with an objective.

    Noise words that a block shares make steps a little less noisy than word2vec's, so the rate can be slightly higher
    than its 0.025 (quality: benchmarks/records/embedding_speed.json). With n-grams it is higher
    (benchmarks/records/subword_speed.json).
    """
    exact = settings.cbow_gradient == "exact"
    usual = {
        ("skipgram", "negative-sampling"): 0.0275,
        ("skipgram", "hierarchical-softmax"): 0.03,
        ("skipgram", "negative-sampling+hierarchical-softmax"): 0.025,
        ("cbow", "negative-sampling"): 0.1 if exact else 0.05,
        ("cbow", "hierarchical-softmax"): 0.06 if exact else 0.04,
        ("cbow", "negative-sampling+hierarchical-softmax"): 0.06 if exact else 0.04,
    }[settings.model, settings.objective]
    return usual * NGRAM_RATES[settings.model] if settings.max_n else usual


def samples_noise(settings: TrainingSettings | CheckedSettings) -> bool:
    """Return whether negative sampling is (part of) the objective; if not, `negative` is 0 once checked."""
    return "negative-sampling" in settings.objective.split("+")


def walks_paths(settings: TrainingSettings | CheckedSettings) -> bool:
    """Return whether hierarchical softmax is (part of) the objective."""
    return "hierarchical-softmax" in settings.objective.split("+")


@dataclass(frozen=True)
class CheckedCommonSettings:
    """The checked settings of both ways of training, without None for defaults."""

    model: str
    vector_size: int
    window: int
    min_count: int
    max_final_vocab: int | None
    stop_words: tuple[str, ...]  # sorted
    sample: float
    epochs: int
    alpha: float
    min_alpha: float
    threads: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, for a record of the run."""
        return {**asdict(self), "stop_words": list(self.stop_words)}  # as JSON gives it back

    def alpha_at(self, done: float) -> float:
        """Return the learning rate after this share of the training."""
        return linear(self.alpha, self.min_alpha, done)


@dataclass(frozen=True)
class CheckedSettings(CheckedCommonSettings):
    """The checked settings of the native kernels."""

    objective: str
    cbow_gradient: str
    negative: int
    ns_exponent: float
    exclude: str
    fixed_window: bool = False
    min_n: int = 3
    max_n: int = 0
    bucket: int = 2_000_000

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, for a record of the run; those of n-grams where there are any."""
        without = () if self.max_n else ("min_n", "max_n", "bucket")
        return {name: value for name, value in super().as_dict().items() if name not in without}

    @property
    def subwords(self) -> Subwords | None:
        """The n-grams that words share, or None."""
        from vastmax.embedding.subwords import Subwords  # loads NumPy, which the options of a command do not need

        return Subwords(self.min_n, self.max_n, self.bucket) if self.max_n else None


def checked(settings: TrainingSettings) -> CheckedSettings:
    """Fill in defaults that depend on the machine or other settings; raise InputError for the first invalid one."""
    one_of("objective", settings.objective, OBJECTIVES)
    if not samples_noise(settings):
        settings = replace(settings, negative=1)  # it is not used
    check_options(settings)
    choose_target()  # an unsupported VASTMAX_KERNEL is an error before the text is read
    ready = CheckedSettings(
        **vars(checked_common(settings, default_alpha(settings))),
        objective=settings.objective,
        cbow_gradient=settings.cbow_gradient,
        negative=settings.negative if samples_noise(settings) else 0,
        ns_exponent=settings.ns_exponent,
        exclude=settings.exclude,
        fixed_window=settings.fixed_window,
        min_n=settings.min_n,
        max_n=settings.max_n,
        bucket=settings.bucket,
    )
    _ = ready.subwords  # refuses what are no n-grams
    return ready


def checked_common(settings: TrainingSettings, usual_alpha: float) -> CheckedCommonSettings:
    """Fill in the settings of both ways of training; `usual_alpha` is the default rate."""
    alpha = usual_alpha if settings.alpha is None else settings.alpha
    min_alpha = alpha * FINAL_SHARE_OF_ALPHA if settings.min_alpha is None else settings.min_alpha
    return CheckedCommonSettings(
        model=settings.model,
        vector_size=settings.vector_size,
        window=settings.window,
        min_count=settings.min_count,
        max_final_vocab=settings.max_final_vocab,
        stop_words=_word_list("stop_words", settings.stop_words),
        sample=settings.sample,
        epochs=settings.epochs,
        alpha=alpha,
        min_alpha=real("min_alpha", min_alpha, 0.0, alpha, why="at most alpha"),
        threads=usable_cores() if settings.threads is None else settings.threads,
        seed=settings.seed,
    )


def require_memory_for_vectors(vocab_size: int, vector_size: int, *, ngrams: int = 0) -> None:
    """Raise InputError unless there is memory for the two (V, D) matrices.

    With rows for n-grams there must be memory for these, too, and for the vectors that are made of them.
    """
    rows = 2 * vocab_size + (ngrams + vocab_size if ngrams else 0)
    words = f"{vocab_size:,} words" + f" and {ngrams:,} n-grams" * (ngrams > 0)
    require_memory(
        rows * vector_size * 4,  # float32
        f"{argument('vector_size')} {vector_size:,} for {words}",
        f"lower {argument('vector_size')} or set {argument('max_final_vocab')}",
    )


def _word_list(name: str, given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, (str, os.PathLike)):
        from vastmax.text import read_word_list

        return tuple(sorted(set(read_word_list(given))))
    words = list(given) if isinstance(given, Iterable) else [given]
    for word in words:
        if not isinstance(word, str) or not word:
            raise InputError(f"{argument(name)} holds {word!r}; expected words, or the name of a file that lists them")
    return tuple(sorted(set(words)))
