"""The settings of a training run, checked once."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any

from vastmax.errors import InputError
from vastmax.text import read_word_list

DEFAULT_ALPHA = 0.0275
"""Starting learning rate. Noise words shared by a block make each step a little less noisy than drawing them for each
pair does, and bear a slightly higher rate than word2vec's 0.025 (quality: benchmarks/records/embedding_speed.json)."""

FINAL_SHARE_OF_ALPHA = 1e-4
"""The learning rate falls to this share of `alpha`, as in word2vec."""


NO_NOISE = "without noise words the loss has no minimum: vectors would grow for ever"


@dataclass(frozen=True)
class TrainingSettings:
    """What `train_embeddings` is told, with gensim's names where the meaning is gensim's."""

    model: str = "skipgram"
    objective: str = "negative-sampling"
    vector_size: int = 100
    window: int = 5
    min_count: int = 5
    max_final_vocab: int | None = None
    stop_words: str | os.PathLike[str] | Iterable[str] | None = None  # a file that lists them, or the words
    sample: float = 1e-3
    negative: int = 5
    ns_exponent: float = 0.75
    epochs: int = 5
    alpha: float | None = None  # default_alpha(model)
    min_alpha: float | None = None  # FINAL_SHARE_OF_ALPHA of alpha
    threads: int | None = None  # the cores this process may use
    seed: int = 1


def default_alpha(model: str) -> float:
    """Return the learning rate that a model starts from unless told otherwise."""
    return {"skipgram": DEFAULT_ALPHA}[model]


def usable_cores() -> int:
    """Return the cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system can say
        return os.cpu_count() or 1


@dataclass(frozen=True)
class CheckedSettings:
    """The same with nothing left open: every number is there and can be used."""

    model: str
    objective: str
    vector_size: int
    window: int
    min_count: int
    max_final_vocab: int | None
    stop_words: tuple[str, ...]  # sorted
    sample: float
    negative: int
    ns_exponent: float
    epochs: int
    alpha: float
    min_alpha: float
    threads: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, for a record of the run."""
        return {**asdict(self), "stop_words": list(self.stop_words)}  # as JSON gives it back


def checked(settings: TrainingSettings) -> CheckedSettings:
    """Fill in what depends on the machine or on other settings; raise InputError on the first that cannot be used."""
    model = _one_of("model", settings.model, ("skipgram",))
    alpha = default_alpha(model) if settings.alpha is None else _number("alpha", settings.alpha)
    if not alpha > 0:
        raise InputError(f"alpha is {alpha:g}; expected a learning rate above 0, such as {default_alpha(model)}")
    _real("alpha", alpha, 0.0, math.inf)
    min_alpha = alpha * FINAL_SHARE_OF_ALPHA if settings.min_alpha is None else _number("min_alpha", settings.min_alpha)
    if not 0 <= min_alpha <= alpha:
        raise InputError(f"min_alpha is {min_alpha}; expected a number from 0 to alpha, which is {alpha:g}")
    threads = usable_cores() if settings.threads is None else settings.threads
    limit = settings.max_final_vocab
    return CheckedSettings(
        model=model,
        objective=_one_of("objective", settings.objective, ("negative-sampling",)),
        vector_size=_whole("vector_size", settings.vector_size, 1, 65_536),
        window=_whole("window", settings.window, 1, 1_000_000),
        min_count=_whole("min_count", settings.min_count, 1, None),
        max_final_vocab=None if limit is None else _whole("max_final_vocab", limit, 1, None),
        stop_words=_word_list("stop_words", settings.stop_words),
        sample=_real("sample", settings.sample, 0.0, math.inf),
        negative=_whole("negative", settings.negative, 1, 10_000, why=NO_NOISE),
        ns_exponent=_real("ns_exponent", settings.ns_exponent, -math.inf, math.inf),
        epochs=_whole("epochs", settings.epochs, 1, 1_000_000),
        alpha=alpha,
        min_alpha=min_alpha,
        threads=_whole("threads", threads, 1, 4096),
        seed=_whole("seed", settings.seed, 0, 2**64 - 1),
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


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InputError(f"{name} is {value!r}; expected {' or '.join(map(repr, choices))}")
    return value


def _whole(name: str, value: Any, least: int, most: int | None, why: str = "") -> int:
    expected = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"
    reason = f" ({why})" if why else ""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InputError(f"{name} is {value!r}; expected {expected}{reason}")
    number = int(value.__index__())
    if number < least or (most is not None and number > most):
        raise InputError(f"{name} is {number}; expected {expected}{reason}")
    return number


def _number(name: str, value: Any) -> float:
    """Return it as a float of Python's: a record of the run in JSON takes no others."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{name} is {value!r}; expected a number")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{name} is too large; expected a finite number") from None


def _real(name: str, value: Any, least: float, most: float) -> float:
    number = _number(name, value)
    if not (math.isfinite(number) and least <= number <= most):
        span = "" if least == -math.inf else f" of at least {least:g}"
        raise InputError(f"{name} is {number!r}; expected a finite number{span}")
    return number
