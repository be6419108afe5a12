"""Reports of a training run to its caller: an epoch is over, or training ran away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vastmax.embedding.settings import CheckedCommonSettings
from vastmax.embedding.word_vectors import WordVectors
from vastmax.errors import InputError, argument


class DivergenceError(InputError):
    """Training ran away; `word_vectors` holds the last good epoch's, or None."""

    def __init__(self, message: str, word_vectors: WordVectors | None) -> None:
        super().__init__(message)
        self.word_vectors = word_vectors


@dataclass(frozen=True)
class EpochReport:
    """The state after an epoch, for callbacks. `word_vectors` are the live matrices: copy what must not change."""

    epoch: int  # 1 … epochs
    epochs: int
    loss: float  # mean nats per prediction over this epoch, its K noise words included
    predictions: int  # (centre, context) pairs in skip-gram, centres with a context in CBOW
    words: int  # tokens in the vocabulary, before subsampling
    elapsed_seconds: float  # since training began, over all sittings of a resumed run
    cpu_seconds: float
    word_vectors: WordVectors


EpochCallback = Callable[[EpochReport], None]


def nothing_learned(settings: CheckedCommonSettings, *, words: int, kept: int) -> InputError:
    """Return the complaint of a run that found nothing to predict, `kept` of its `words` being left by subsampling."""
    if kept < words:
        fix = f"{argument('sample', f'{settings.sample:g}')} left {kept} of {words} words: try {argument('sample', 0)}"
    else:
        fix = f"give sentences of several words that occur at least {argument('min_count', settings.min_count)} times"
    return InputError(f"there was nothing to learn from: no word had another one in its window; {fix}")
