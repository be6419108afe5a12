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
from vastmax.embedding.settings import DEFAULT_ALPHA, CheckedSettings
from vastmax.embedding.word_vectors import WordVectors
from vastmax.embedding.workers import WorkQueue
from vastmax.errors import InputError
from vastmax.kernels.skipgram import ChunkResult, SkipgramKernel
from vastmax.progress import Progress
from vastmax.text import Corpus, Vocabulary

DIVERGED_FACTOR = 4.0
"""A piece whose mean loss is this many times that of untrained vectors, (1 + K) log 2, shows that training diverges."""

FEW_PAIRS = 1000
"""Pieces with fewer pairs are too noisy for that judgement; only NaN counts there."""


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
    loss: float  # mean nats a (centre, context) pair over this epoch, its K noise words included
    pairs: int
    words: int  # tokens in the vocabulary, before subsampling
    elapsed_seconds: float  # since training began
    cpu_seconds: float
    word_vectors: WordVectors


EpochCallback = Callable[[EpochReport], None]


class _Tally:
    """Counts of one epoch, added up by the threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.tokens = self.words = self.kept = self.pairs = 0
        self.loss = 0.0
        self.recent_loss = math.nan  # of the last piece that had pairs

    def add(self, tokens: int, result: ChunkResult) -> None:
        with self._lock:
            self.tokens += tokens
            self.words += result.words
            self.kept += result.kept
            self.pairs += result.pairs
            self.loss += result.loss
            if result.pairs:
                self.recent_loss = result.loss / result.pairs


class _RanAwayError(Exception):
    """Raised on a training thread."""


class TrainingRun:
    """Holds the kernel and what is known of its progress."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, settings: CheckedSettings) -> None:
        self._corpus = corpus
        self._vocabulary = vocabulary
        self._settings = settings
        self._spans: Sequence[ChunkSpan] = chunk_spans(corpus.sentence_offsets, window=settings.window)
        self.kernel = SkipgramKernel(
            vocabulary.counts,
            settings.vector_size,
            window=settings.window,
            negative=settings.negative,
            sample=settings.sample,
            ns_exponent=settings.ns_exponent,
        )
        self._initialise()
        self.epoch_losses: list[float] = []
        self.pairs = self.words = self.kept = 0
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
                self.pairs += tally.pairs
                self.words += tally.words
                self.kept += tally.kept
                if self.pairs == 0 and epoch + 1 == settings.epochs:
                    raise InputError(self._nothing_learned())
                self.epoch_losses.append(tally.loss / max(tally.pairs, 1))
                if epoch + 1 < settings.epochs:
                    last_good.keep()
                for callback in callbacks:
                    callback(self._report(epoch, tally))
        finally:
            last_good.close()
            progress.end()

    def word_vectors(self, centre: NDArray[np.float32], context: NDArray[np.float32]) -> WordVectors:
        """Wrap matrices of this run, without their padding and without a copy."""
        D = self._settings.vector_size
        training = {
            **self._settings.as_dict(),
            "kernel_target": self.kernel.target,
            "tokens": self._corpus.num_tokens,
            "words": self.words,
            "kept": self.kept,
            "pairs": self.pairs,
            "losses": self.epoch_losses,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
        }
        return WordVectors(
            self._vocabulary.words,
            centre[:, :D],
            counts=self._vocabulary.counts,
            output_vectors=context[:, :D],
            training=training,
        )

    def _initialise(self) -> None:
        """Word vectors uniform in ±1 / (2 D), output vectors zero, as in word2vec."""
        D, rows = self._settings.vector_size, 16_384
        random = np.random.default_rng(self._settings.seed)
        for first in range(0, len(self._vocabulary), rows):  # in strips, so that no second matrix is ever held
            strip = self.kernel.centre[first : first + rows, :D]
            strip[:] = (random.random(strip.shape, dtype=np.float32) - 0.5) / D

    def _alpha(self, epoch: int, token: int) -> float:
        done = (epoch + token / self._corpus.num_tokens) / self._settings.epochs
        return self._settings.alpha + (self._settings.min_alpha - self._settings.alpha) * done

    def _train_piece(self, epoch: int, tally: _Tally, numbered: tuple[int, ChunkSpan]) -> None:
        number, span = numbered
        word_ids, offsets = span.read(self._corpus)
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
        untrained = (1 + self._settings.negative) * math.log(2)
        too_high = result.loss > DIVERGED_FACTOR * untrained * result.pairs and result.pairs >= FEW_PAIRS
        if too_high or not math.isfinite(result.loss):
            raise _RanAwayError

    def _require_finite(self) -> None:
        rows = 16_384
        for matrix in (self.kernel.centre, self.kernel.context):
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
            f"training diverged in epoch {epoch + 1} (loss {tally.recent_loss:.4g} nats a pair); {kept}. "
            f"alpha was {settings.alpha:g}: try alpha={min(settings.alpha / 4, DEFAULT_ALPHA):.3g}"
        )
        return DivergenceError(message, last_good.load())

    def _show(self, progress: Progress, epoch: int, tally: _Tally) -> None:
        done = epoch * self._corpus.num_tokens + tally.tokens
        readings: dict[str, float | str] = {"epoch": f"{epoch + 1}/{self._settings.epochs}"}
        if tally.pairs:
            readings["loss"] = tally.loss / tally.pairs
        progress.update(done, **readings, alpha=self._alpha(epoch, tally.tokens))

    def _report(self, epoch: int, tally: _Tally) -> EpochReport:
        return EpochReport(
            epoch=epoch + 1,
            epochs=self._settings.epochs,
            loss=self.epoch_losses[-1],
            pairs=tally.pairs,
            words=tally.words,
            elapsed_seconds=self.elapsed_seconds,
            cpu_seconds=self.cpu_seconds,
            word_vectors=self.word_vectors(self.kernel.centre, self.kernel.context),
        )


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
        return self._run.word_vectors(self._run.kernel.centre, self._run.kernel.context)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _matrices(self) -> list[memoryview]:
        return [matrix.data.cast("B") for matrix in (self._run.kernel.centre, self._run.kernel.context)]
