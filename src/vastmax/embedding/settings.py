"""The settings of a training run, checked once."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from vastmax.arguments import MOST_EPOCHS, MOST_RATE, MOST_SEED, MOST_THREADS, one_of, real, whole
from vastmax.errors import InputError
from vastmax.kernels.cores import usable_cores
from vastmax.kernels.targets import choose_target
from vastmax.machine_memory import require_memory
from vastmax.text import read_word_list

MODELS = ("skipgram", "cbow")
OBJECTIVES = ("negative-sampling", "hierarchical-softmax", "negative-sampling+hierarchical-softmax")
"""What there are kernels for: every model with every objective."""

CBOW_GRADIENTS = ("exact", "word2vec")
"""The gradient of the mean of the contexts, or as word2vec has it, that of their sum."""

EXCLUSIONS = ("none", "target", "window")
"""The noise words that do not count: none; the word that is predicted; every word of the centre's window."""

FINAL_SHARE_OF_ALPHA = 1e-4
"""The learning rate falls to this share of `alpha`, as in word2vec."""


OTHERS = "; for other ones, through PyTorch, there is train_word_model"

NO_NOISE = "without noise words the loss has no minimum: vectors would grow for ever"


@dataclass(frozen=True)
class CommonSettings:
    """What every way of training vectors is told, with gensim's names where the meaning is gensim's."""

    model: str = "skipgram"
    vector_size: int = 100
    window: int = 5
    min_count: int = 5
    max_final_vocab: int | None = None
    stop_words: str | os.PathLike[str] | Iterable[str] | None = None  # a file that lists them, or the words
    sample: float = 1e-3
    epochs: int = 5
    alpha: float | None = None  # by model and objective
    min_alpha: float | None = None  # FINAL_SHARE_OF_ALPHA of alpha
    threads: int | None = None  # the cores this process may use
    seed: int = 1


@dataclass(frozen=True)
class TrainingSettings(CommonSettings):
    """What `train_embeddings` is told beside them."""

    objective: str = "negative-sampling"
    cbow_gradient: str = "exact"
    negative: int = 5
    ns_exponent: float = 0.75
    exclude: str = "target"


def default_alpha(settings: TrainingSettings | CheckedSettings) -> float:
    """Return the learning rate that a model with an objective starts from unless told otherwise.

    Noise words shared by a block make each step a little less noisy than drawing them for each pair does, and bear a
    slightly higher rate than word2vec's 0.025 (quality: benchmarks/records/embedding_speed.json).
    """
    exact = settings.cbow_gradient == "exact"
    return {
        ("skipgram", "negative-sampling"): 0.0275,
        ("skipgram", "hierarchical-softmax"): 0.03,
        ("skipgram", "negative-sampling+hierarchical-softmax"): 0.025,
        ("cbow", "negative-sampling"): 0.1 if exact else 0.05,
        ("cbow", "hierarchical-softmax"): 0.06 if exact else 0.04,
        ("cbow", "negative-sampling+hierarchical-softmax"): 0.06 if exact else 0.04,
    }[settings.model, settings.objective]


def samples_noise(settings: TrainingSettings | CheckedSettings) -> bool:
    """Return whether negative sampling is (part of) the objective; if not, `negative` is 0 once checked."""
    return "negative-sampling" in settings.objective.split("+")


def walks_paths(settings: TrainingSettings | CheckedSettings) -> bool:
    """Return whether hierarchical softmax is (part of) the objective."""
    return "hierarchical-softmax" in settings.objective.split("+")


@dataclass(frozen=True)
class CheckedCommonSettings:
    """`CommonSettings` with nothing left open: every number is there and can be used."""

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
        """Return the learning rate when this share of training is over."""
        return self.alpha + (self.min_alpha - self.alpha) * done


@dataclass(frozen=True)
class CheckedSettings(CheckedCommonSettings):
    """`TrainingSettings` with nothing left open."""

    objective: str
    cbow_gradient: str
    negative: int
    ns_exponent: float
    exclude: str


def checked(settings: TrainingSettings) -> CheckedSettings:
    """Fill in what depends on the machine or on other settings; raise InputError on the first that cannot be used."""
    for name, choices in (
        ("model", MODELS),
        ("objective", OBJECTIVES),
        ("cbow_gradient", CBOW_GRADIENTS),
        ("exclude", EXCLUSIONS),
    ):
        one_of(name, getattr(settings, name), choices, why=OTHERS if name == "objective" else "")
    choose_target()  # a VASTMAX_KERNEL that this machine lacks is refused before the text is read
    return CheckedSettings(
        **vars(checked_common(settings, default_alpha(settings))),
        objective=settings.objective,
        cbow_gradient=settings.cbow_gradient,
        negative=whole("negative", settings.negative, 1, 10_000, why=NO_NOISE) if samples_noise(settings) else 0,
        ns_exponent=real("ns_exponent", settings.ns_exponent, -math.inf, math.inf),
        exclude=settings.exclude,
    )


def checked_common(settings: CommonSettings, usual_alpha: float) -> CheckedCommonSettings:
    """Do so for what every way of training is told; `usual_alpha` is the rate unless it was given."""
    one_of("model", settings.model, MODELS)
    alpha = real(
        "alpha",
        usual_alpha if settings.alpha is None else settings.alpha,
        0.0,
        MOST_RATE,
        above=True,
        why=f"a learning rate, such as {usual_alpha}",
    )
    min_alpha = alpha * FINAL_SHARE_OF_ALPHA if settings.min_alpha is None else settings.min_alpha
    threads = usable_cores() if settings.threads is None else settings.threads
    limit = settings.max_final_vocab
    return CheckedCommonSettings(
        model=settings.model,
        vector_size=whole("vector_size", settings.vector_size, 1, 65_536),
        window=whole("window", settings.window, 1, 1_000_000),
        min_count=whole("min_count", settings.min_count, 1, None),
        max_final_vocab=None if limit is None else whole("max_final_vocab", limit, 1, None),
        stop_words=_word_list("stop_words", settings.stop_words),
        sample=real("sample", settings.sample, 0.0, math.inf),
        epochs=whole("epochs", settings.epochs, 1, MOST_EPOCHS),
        alpha=alpha,
        min_alpha=real("min_alpha", min_alpha, 0.0, alpha, why="at most alpha"),
        threads=whole("threads", threads, 1, MOST_THREADS),
        seed=whole("seed", settings.seed, 0, MOST_SEED),
    )


def require_memory_for_vectors(vocab_size: int, vector_size: int) -> None:
    """Raise InputError unless there is memory for the two (V, D) matrices that are trained."""
    require_memory(
        2 * vocab_size * vector_size * 4,  # float32
        f"vector_size {vector_size:,} for {vocab_size:,} words",
        "lower vector_size, or give a max_final_vocab",
    )


def _word_list(name: str, given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, (str, os.PathLike)):
        return tuple(sorted(set(read_word_list(given))))
    words = list(given) if isinstance(given, Iterable) else [given]
    for word in words:
        if not isinstance(word, str) or not word:
            raise InputError(f"{name} holds {word!r}; expected words, or the name of a file that lists them")
    return tuple(sorted(set(words)))
