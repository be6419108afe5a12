"""Reports of a training run to its caller: the end of an epoch, or divergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vastmax.embedding.settings import CheckedCommonSettings
from vastmax.embedding.word_vectors import WordVectors
from vastmax.errors import InputError, argument


class DivergenceError(InputError):
    """Training diverged; `word_vectors` holds those of the last good epoch, or None."""

    def __init__(self, message: str, word_vectors: WordVectors | None) -> None:
        super().__init__(message)
        self.word_vectors = word_vectors


@dataclass(frozen=True)
class EpochReport:
    """The state after an epoch, for callbacks. `word_vectors` are the live matrices: copy them to keep their values."""

    epoch: int  # 1 … epochs
    epochs: int
    loss: float  # mean nats per prediction over this epoch, its K noise words included
    predictions: int  # (center, context) pairs in skip-gram, centers with a context in CBOW
    words: int  # tokens in the vocabulary, before subsampling
    elapsed_seconds: float  # of training, before and after it was resumed
    cpu_seconds: float
    word_vectors: WordVectors


EpochCallback = Callable[[EpochReport], None]


def nothing_learned(settings: CheckedCommonSettings, *, words: int, kept: int) -> InputError:
    """Return the error of a run without predictions, in which subsampling kept `kept` of `words` words."""
    if kept < words:
        fix = f"{argument('sample', f'{settings.sample:g}')} left {kept} of {words} words: try {argument('sample', 0)}"
    else:
        fix = f"give sentences of several words that occur at least {argument('min_count', settings.min_count)} times"
    return InputError(f"there was nothing to learn from: no word had another one in its window; {fix}")
