"""Reports of a training run to its caller: the end of an epoch, or divergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vastmax.embedding.settings import CheckedCommonSettings
from vastmax.embedding.subword_vectors import SubwordVectors
from vastmax.embedding.word_vectors import WordVectors
from vastmax.errors import InputError, argument


class DivergenceError(InputError):
    """Training diverged; `word_vectors` holds those of the last good epoch, or None."""

    def __init__(self, message: str, word_vectors: WordVectors | None) -> None:
        super().__init__(message)
        self.word_vectors = word_vectors


@dataclass(frozen=True)
class EpochReport:
    """The state after an epoch, for callbacks.

    Attributes:
        live_vectors: the matrices that training changes from the next epoch on: read them within the callback.
    """

    epoch: int  # 1 … epochs
    epochs: int
    loss: float  # mean nats per prediction over this epoch, its K noise words included
    predictions: int  # (center, context) pairs in skip-gram, centers with a context in CBOW
    words: int  # tokens in the vocabulary, before subsampling
    elapsed_seconds: float  # of training, before and after it was resumed
    cpu_seconds: float
    live_vectors: WordVectors

    @property
    def word_vectors(self) -> WordVectors:
        """The vectors of this epoch, to keep: a copy, made when they are first asked for.

        Raises:
            InputError: they are first asked for when training has gone on.
        """
        kept: WordVectors | None = self.__dict__.get("_snapshot")
        if kept is None:
            if self.__dict__.get("_is_over"):
                raise InputError(
                    f"training went on after epoch {self.epoch}; take report.word_vectors within the callback"
                )
            kept = self.__dict__["_snapshot"] = _copied(self.live_vectors)
        return kept

    def close(self) -> None:
        """Note that training goes on, so that no later state passes for this one's."""
        self.__dict__["_is_over"] = True


EpochCallback = Callable[[EpochReport], object]
"""Called after an epoch; a result of True ends training."""


def _copied(v: WordVectors) -> WordVectors:
    outputs = None if v.output_vectors is None else np.array(v.output_vectors)
    nodes = None if v.node_vectors is None else np.array(v.node_vectors)
    if v.subwords is None:
        return WordVectors(
            v.index_to_key,
            v.vectors.copy(),
            counts=v.counts,
            output_vectors=outputs,
            node_vectors=nodes,
            training=v.training,
        )
    return SubwordVectors(
        v.index_to_key,
        v.vectors.copy(),
        subwords=v.subwords.copied(),
        counts=v.counts,
        output_vectors=outputs,
        node_vectors=nodes,
        training=v.training,
    )


def nothing_learned(settings: CheckedCommonSettings, *, words: int, kept: int) -> InputError:
    """Return the error of a run without predictions, in which subsampling kept `kept` of `words` words."""
    if kept < words:
        fix = f"{argument('sample', f'{settings.sample:g}')} left {kept} of {words} words: try {argument('sample', 0)}"
    else:
        fix = f"give sentences of several words that occur at least {argument('min_count', settings.min_count)} times"
    return InputError(f"there was nothing to learn from: no word had another one in its window; {fix}")
