"""The settings of a training run, checked once."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, replace
from typing import Any

from vastmax.errors import InputError

DEFAULT_ALPHA = 0.03
"""Starting learning rate. Noise words shared by a block make each step a little less noisy than drawing them for each
pair does, and bear a slightly higher rate than word2vec's 0.025 (benchmarks/records/embedding_tuning.json)."""

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
    sample: float = 1e-3
    negative: int = 5
    ns_exponent: float = 0.75
    epochs: int = 5
    alpha: float = DEFAULT_ALPHA
    min_alpha: float = DEFAULT_ALPHA * FINAL_SHARE_OF_ALPHA
    threads: int = 1
    seed: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, for a record of the run."""
        return asdict(self)


def usable_cores() -> int:
    """Return the cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system can say
        return os.cpu_count() or 1


def checked(settings: TrainingSettings) -> TrainingSettings:
    """Return `settings` with whole numbers made int; raise InputError on the first that cannot be used."""
    _one_of("model", settings.model, ("skipgram",))
    _one_of("objective", settings.objective, ("negative-sampling",))
    if settings.max_final_vocab is not None:
        _whole("max_final_vocab", settings.max_final_vocab, 1, None)
    settings = replace(
        settings,
        vector_size=_whole("vector_size", settings.vector_size, 1, 65_536),
        window=_whole("window", settings.window, 1, 1_000_000),
        min_count=_whole("min_count", settings.min_count, 1, None),
        epochs=_whole("epochs", settings.epochs, 1, 1_000_000),
        threads=_whole("threads", settings.threads, 1, 4096),
        seed=_whole("seed", settings.seed, 0, 2**64 - 1),
        negative=_whole("negative", settings.negative, 1, 10_000, why=NO_NOISE),
    )
    _real("sample", settings.sample, 0.0, math.inf)
    _real("ns_exponent", settings.ns_exponent, -math.inf, math.inf)
    if not settings.alpha > 0:
        raise InputError(f"alpha is {settings.alpha}; expected a learning rate above 0, such as {DEFAULT_ALPHA}")
    _real("alpha", settings.alpha, 0.0, math.inf)
    _real("min_alpha", settings.min_alpha, 0.0, settings.alpha)
    return settings


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}; expected {' or '.join(map(repr, choices))}")


def _whole(name: str, value: Any, least: int, most: int | None, why: str = "") -> int:
    expected = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"
    reason = f" ({why})" if why else ""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InputError(f"{name} is {value!r}; expected {expected}{reason}")
    number = int(value.__index__())
    if number < least or (most is not None and number > most):
        raise InputError(f"{name} is {number}; expected {expected}{reason}")
    return number


def _real(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        span = f"from {least:g} to {most:g}" if math.isfinite(most) else f"of at least {least:g}"
        raise InputError(f"{name} is {value!r}; expected a finite number{'' if least == -math.inf else ' ' + span}")
