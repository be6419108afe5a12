"""One training run: epochs of pieces on threads, watched for divergence, with the last good vectors kept."""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.chunks import ChunkSpan, chunk_spans
from vastmax.embedding.kernel_choice import kernel_for
from vastmax.embedding.settings import CheckedSettings, default_alpha
from vastmax.embedding.word_vectors import WordVectors
from vastmax.embedding.workers import WorkQueue
from vastmax.errors import InputError
from vastmax.kernels.embedding_kernel import ChunkResult
from vastmax.progress import Progress
from vastmax.text import Corpus, Vocabulary

DIVERGED_FACTOR = 4.0
"""A piece whose mean loss is this many times that of untrained vectors shows that training diverges."""

FEW_PREDICTIONS = 1000
"""Pieces with fewer predictions are too noisy for that judgement; only NaN counts there."""


class DivergenceError(InputError):
    """Training ran away; `word_vectors` holds the last good epoch's, or None."""

    def __init__(self, message: str, word_vectors: WordVectors | None) -> None:
        super().__init__(message)
        self.word_vectors = word_vectors


@dataclass(frozen=True)
class EpochReport:
    """What a callback gets after each epoch. `word_vectors` are the live matrices: copy what must not change."""

    epoch: int  # 1 … epochs
    epochs: int
    loss: float  # mean nats a prediction over this epoch, its K noise words included
    predictions: int  # (centre, context) pairs in skip-gram, centres with a context in CBOW
    words: int  # tokens in the vocabulary, before subsampling
    elapsed_seconds: float  # since training began
    cpu_seconds: float
    word_vectors: WordVectors


EpochCallback = Callable[[EpochReport], None]


class _Tally:
    """Counts of one epoch, added up by the threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.tokens = self.words = self.kept = self.predictions = 0
        self.loss = 0.0
        self.recent_loss = math.nan  # of the last piece that had predictions

    def add(self, tokens: int, result: ChunkResult) -> None:
        with self._lock:
            self.tokens += tokens
            self.words += result.words
            self.kept += result.kept
            self.predictions += result.predictions
            self.loss += result.loss
            if result.predictions:
                self.recent_loss = result.loss / result.predictions


class _RanAwayError(Exception):
    """Raised on a training thread."""


class TrainingRun:
    """Holds the kernel and what is known of its progress."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, settings: CheckedSettings) -> None:
        self._corpus = corpus
        self._vocabulary = vocabulary
        self._settings = settings
        self._new_ids = _ids_in(vocabulary, corpus.vocabulary)
        self._spans: Sequence[ChunkSpan] = chunk_spans(corpus.sentence_offsets, window=settings.window)
        self.kernel = kernel_for(vocabulary.counts, settings)
        self._initialise()
        self.epoch_losses: list[float] = []
        self.predictions = self.words = self.kept = 0
        self._began = time.perf_counter()
        self._cpu_began = time.process_time()

    @property
    def elapsed_seconds(self) -> float:
        """Wall-clock time since the run was set up."""
        return time.perf_counter() - self._began

    @property
    def cpu_seconds(self) -> float:
        """This process's CPU time over all threads since then."""
        return time.process_time() - self._cpu_began

    def train(self, callbacks: Sequence[EpochCallback], progress: Progress) -> None:
        """Run all epochs."""
        settings, last_good = self._settings, _LastGood(self)
        progress.begin("Training", self._corpus.num_tokens * settings.epochs, "words")
        try:
            for epoch in range(settings.epochs):
                tally = _Tally()
                pieces = iter(enumerate(self._spans))
                work = partial(self._train_piece, epoch, tally)
                queue = WorkQueue(pieces, work, min(settings.threads, len(self._spans)))
                try:
                    queue.run(partial(self._show, progress, epoch, tally))
                    self._require_finite()
                except _RanAwayError as cause:
                    raise self._divergence(epoch, tally, last_good) from cause
                self._show(progress, epoch, tally)
                self.predictions += tally.predictions
                self.words += tally.words
                self.kept += tally.kept
                if self.predictions == 0 and epoch + 1 == settings.epochs:
                    raise InputError(self._nothing_learned())
                self.epoch_losses.append(tally.loss / max(tally.predictions, 1))
                if epoch + 1 < settings.epochs:
                    last_good.keep()
                for callback in callbacks:
                    callback(self._report(epoch, tally))
        finally:
            last_good.close()
            progress.end()

    def word_vectors(self) -> WordVectors:
        """Wrap the live matrices, without their padding and without a copy."""
        D = self._settings.vector_size
        training = {
            **self._settings.as_dict(),
            "kernel_target": self.kernel.target,
            "tokens": self._corpus.num_tokens,
            "words": self.words,
            "kept": self.kept,
            "predictions": self.predictions,
            "losses": self.epoch_losses,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
        }
        output = self.kernel.matrices.get("output_vectors")
        return WordVectors(
            self._vocabulary.words,
            self.kernel.matrices["word_vectors"][:, :D],
            counts=self._vocabulary.counts,
            output_vectors=None if output is None else output[:, :D],
            training=training,
        )

    def _initialise(self) -> None:
        """Word vectors uniform in ±1 / (2 D), all else zero, as in word2vec."""
        D, rows = self._settings.vector_size, 16_384
        random = np.random.default_rng(self._settings.seed)
        word_vectors = self.kernel.matrices["word_vectors"]
        for first in range(0, len(self._vocabulary), rows):  # in strips, so that no second matrix is ever held
            strip = word_vectors[first : first + rows, :D]
            strip[:] = (random.random(strip.shape, dtype=np.float32) - 0.5) / D

    def _alpha(self, epoch: int, token: int) -> float:
        done = (epoch + token / self._corpus.num_tokens) / self._settings.epochs
        return self._settings.alpha + (self._settings.min_alpha - self._settings.alpha) * done

    def _train_piece(self, epoch: int, tally: _Tally, numbered: tuple[int, ChunkSpan]) -> None:
        number, span = numbered
        word_ids, offsets = span.read(self._corpus)
        if self._new_ids is not None:
            word_ids = self._new_ids[word_ids]
        # A random stream of its own for each piece of each epoch: which thread takes it makes no difference.
        stream = np.random.SeedSequence([self._settings.seed, epoch, number]).generate_state(1, np.uint64)
        result = self.kernel.train(
            word_ids,
            offsets,
            alpha_begin=self._alpha(epoch, span.start),
            alpha_end=self._alpha(epoch, span.stop),
            seed=int(stream[0]),
        )
        tally.add(span.stop - span.start, result)
        highest = DIVERGED_FACTOR * self.kernel.untrained_loss * result.predictions
        too_high = result.loss > highest and result.predictions >= FEW_PREDICTIONS
        if too_high or not math.isfinite(result.loss):
            raise _RanAwayError

    def _require_finite(self) -> None:
        rows = 16_384
        for matrix in self.kernel.matrices.values():
            for first in range(0, len(matrix), rows):
                if not np.isfinite(matrix[first : first + rows]).all():
                    raise _RanAwayError

    def _nothing_learned(self) -> str:
        settings = self._settings
        if self.kept < self.words:
            fix = f"sample={settings.sample:g} left {self.kept} of {self.words} words: try sample=0"
        else:
            fix = f"give sentences of several words that occur at least min_count={settings.min_count} times"
        return f"there was nothing to learn from: no word had another one in its window; {fix}"

    def _divergence(self, epoch: int, tally: _Tally, last_good: _LastGood) -> DivergenceError:
        settings = self._settings
        if last_good.trouble:
            kept = f"nothing is kept, since {last_good.trouble}"
        else:
            kept = f"the vectors of epoch {epoch} are kept" if epoch else "no epoch was complete, so nothing is kept"
        message = (
            f"training diverged in epoch {epoch + 1} (loss {tally.recent_loss:.4g} nats a prediction); {kept}. "
            f"alpha was {settings.alpha:g}: try alpha={min(settings.alpha / 4, default_alpha(settings.model)):.3g}"
        )
        return DivergenceError(message, last_good.load())

    def _show(self, progress: Progress, epoch: int, tally: _Tally) -> None:
        done = epoch * self._corpus.num_tokens + tally.tokens
        readings: dict[str, float | str] = {"epoch": f"{epoch + 1}/{self._settings.epochs}"}
        if tally.predictions:
            readings["loss"] = tally.loss / tally.predictions
        progress.update(done, **readings, alpha=self._alpha(epoch, tally.tokens))

    def _report(self, epoch: int, tally: _Tally) -> EpochReport:
        return EpochReport(
            epoch=epoch + 1,
            epochs=self._settings.epochs,
            loss=self.epoch_losses[-1],
            predictions=tally.predictions,
            words=tally.words,
            elapsed_seconds=self.elapsed_seconds,
            cpu_seconds=self.cpu_seconds,
            word_vectors=self.word_vectors(),
        )


def _ids_in(vocabulary: Vocabulary, types: Vocabulary) -> NDArray[np.int32] | None:
    """For each type of a text its id in the vocabulary, or the id after its last, which kernels pass over.

    None where ids agree as they are: the vocabulary is the first part of the types.
    """
    if types.words.starts_with(vocabulary.words):
        return None
    ids = vocabulary.map_words(types.words)
    ids[ids < 0] = len(vocabulary)
    return ids


class _LastGood:
    """The matrices after the last complete epoch, in a file without a name rather than in memory.

    A temporary folder that cannot hold them is no reason to stop a run that may never need them: `trouble` then
    says why nothing is held.
    """

    def __init__(self, run: TrainingRun) -> None:
        self._run = run
        self._file: IO[bytes] | None = None
        self._holds = False
        self.trouble = ""

    def keep(self) -> None:
        self._holds, self.trouble = False, ""
        try:
            if self._file is None:
                # Unbuffered: nothing is left to be written when it is closed.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this object
            self._file.seek(0)
            for data in self._matrices():
                while data:
                    data = data[self._file.write(data) :]
        except OSError as error:
            self.close()  # gives back what room it took
            self.trouble = f"the temporary folder could not hold it ({error.strerror or error}); TMPDIR names another"
        else:
            self._holds = True

    def load(self) -> WordVectors | None:
        """Put the kept matrices back in place of the spoilt ones."""
        if not self._holds or self._file is None:
            return None
        self._file.seek(0)
        for data in self._matrices():
            while data:
                got = self._file.readinto(data)  # type: ignore[attr-defined]
                if not got:
                    raise OSError("the temporary file of the last good vectors is cut short")
                data = data[got:]
        return self._run.word_vectors()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _matrices(self) -> list[memoryview]:
        return [matrix.data.cast("B") for matrix in self._run.kernel.matrices.values()]
