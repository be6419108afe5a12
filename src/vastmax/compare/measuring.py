"""Measurements of a model in a race, which do not affect its training and can be stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vastmax.compare.results import Band
from vastmax.language_model.evaluation import perplexity
from vastmax.language_model.model import LanguageModel
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.language_model.streams import IGNORED, Streams
from vastmax.language_model.text import SENTENCE_END, TrainingText
from vastmax.language_model.train import TrainingFailedError
from vastmax.progress import Silent
from vastmax.proposal.target_partition import PARTITION, Partition

SAMPLE_PIECES = 16
"""Pieces of the sample for the curve, spread evenly over the validation text, whose topics change."""

BATCHES_BEFORE = 4
"""Batches read before the diagnosed one, so that a recurrent encoder has some context."""


class StopAskedError(Exception):
    """A request to stop during work that can be repeated."""


class Measuring:
    """The validation text, whole and as a sample.

    Args:
        text: with validation text.
        curve_words: of the sample.
        training: for the sizes of the diagnosed batch.
        stop: called often.
    """

    def __init__(
        self, text: TrainingText, *, curve_words: int, training: LanguageModelSettings, stop: Callable[[], bool]
    ) -> None:
        assert text.validation is not None  # the race's door checked it
        self._vocabulary = text.vocabulary
        self._whole = text.validation
        self._sample, self._pieces = sample_of(text.validation, curve_words)
        self._end = text.vocabulary.id(SENTENCE_END)
        self._training = training
        self._heed = _Heed(stop)

    @property
    def sample_is_whole(self) -> bool:
        """Whether the curve is measured on the whole text."""
        return self._pieces is None

    def curve_nats(self, model: LanguageModel) -> float:
        """Return the exact mean nats per word of the sample.

        Raises:
            StopAskedError: before the end.
            TrainingFailedError: they are not finite.
        """
        with torch.random.fork_rng(devices=[]):
            found = perplexity(
                model,
                self._sample,
                self._vocabulary,
                first_id=self._end,
                num_streams=self._pieces,
                progress=self._heed,
            )
        return _finite(found.nats)

    def at_the_end(self, model: LanguageModel) -> dict[str, Any]:
        """Return fields of a `MethodResult`: every word of the text measured, and one batch diagnosed.

        Raises:
            StopAskedError: before the end.
            TrainingFailedError: the perplexity is not finite.
        """
        with torch.random.fork_rng(devices=[]):
            began = time.perf_counter()
            found = perplexity(model, self._whole, self._vocabulary, first_id=self._end, progress=self._heed)
            seconds = time.perf_counter() - began
            figures = self._diagnose(model)
        return {
            "evaluation_words": found.words,
            "evaluation_seconds": seconds,
            "nats": _finite(found.nats),
            "unnormalised_nats": found.unnormalised_nats,
            "bits_per_character": found.bits_per_character,
            "bands": tuple(Band(*band) for band in found.bands),
            "diagnostics": {name: figure for name, figure in figures.items() if math.isfinite(figure)},
        }

    def _diagnose(self, model: LanguageModel) -> dict[str, float]:
        training = self._training
        streams = Streams(self._sample, num_streams=training.num_streams, bptt=training.bptt, first_id=self._end)
        device = next(model.parameters()).device
        model.eval()
        state = None
        with torch.no_grad():
            for batch in islice(streams, BATCHES_BEFORE + 1):
                word_ids, target = (part.to(device) for part in batch)
                hidden, state = model.encoder(word_ids, state)
        told = {"previous_word_id": word_ids, PARTITION: Partition.of(target[target != IGNORED])}
        context = {name: told[name] for name in model.head.objective.needs}
        return model.head.diagnose(hidden, target, context=context, ignore_index=IGNORED)


def sample_of(text: NDArray[np.int32], num_words: int) -> tuple[NDArray[np.int32], int | None]:
    """Return about this many words of a text, in pieces spread over it, and their number; the text and None if short.

    Read as this many streams, each piece is a stream.

    Example:
        >>> sample, pieces = sample_of(np.arange(1_000, dtype=np.int32), 32)
        >>> pieces, sample[:4].tolist()
        (16, [0, 1, 66, 67])
    """
    length = max(num_words // SAMPLE_PIECES, 1)
    if text.size <= max(num_words, SAMPLE_PIECES):
        return text, None
    first = np.linspace(0, text.size - length, SAMPLE_PIECES).astype(np.int64)
    return text[(first[:, None] + np.arange(length)).ravel()], SAMPLE_PIECES


class _Heed(Silent):
    """A progress that nobody looks at, and that stops the work when told."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop

    def update(self, done: float, **readings: float | str) -> None:
        """Stop if told."""
        if self._stop():
            raise StopAskedError


def _finite(nats: float) -> float:
    if not math.isfinite(nats):
        raise TrainingFailedError(f"the validation text has {nats} nats per word; try lower rates")
    return nats
