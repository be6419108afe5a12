"""One training run: epochs of pieces on threads, watched for divergence, saved on the way, resumed where it stopped."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.checkpoint_file import CheckpointFile, Snapshot
from vastmax.embedding.checkpoints import Checkpoints
from vastmax.embedding.chunks import ChunkSpan, chunk_spans, most_tokens
from vastmax.embedding.fingerprint import fingerprint
from vastmax.embedding.kernel_choice import kernel_for
from vastmax.embedding.last_good import LastGood
from vastmax.embedding.report import DivergenceError, EpochCallback, EpochReport, nothing_learned
from vastmax.embedding.run_state import RunState
from vastmax.embedding.settings import CheckedSettings, default_alpha, require_memory_for_vectors
from vastmax.embedding.start import carry_over
from vastmax.embedding.word_vectors import WordVectors
from vastmax.embedding.workers import WorkQueue
from vastmax.kernels.embedding_kernel import Floats
from vastmax.progress import Progress
from vastmax.text import Corpus, Vocabulary

DIVERGED_FACTOR = 4.0
"""A piece whose mean loss is this many times that of untrained vectors shows that training diverges."""

FEW_PREDICTIONS = 1000
"""Pieces with fewer predictions are too noisy for that judgement; only NaN counts there."""

_STRIP_ROWS = 16_384


class _RanAwayError(Exception):
    """Raised on a training thread."""


class TrainingRun:
    """Holds the kernel and what is known of its progress.

    Args:
        corpus: the text.
        vocabulary: the words that get vectors.
        settings: of the run.
        checkpoints: where the run is saved, and what it goes on from; None: nowhere, nothing.
        start: the vectors that its words begin with; None: random ones.
    """

    def __init__(
        self,
        corpus: Corpus,
        vocabulary: Vocabulary,
        settings: CheckedSettings,
        *,
        checkpoints: Checkpoints | None = None,
        start: WordVectors | None = None,
    ) -> None:
        self._corpus = corpus
        self._vocabulary = vocabulary
        self._settings = settings
        self._checkpoints = checkpoints
        self._new_ids = _ids_in(vocabulary, corpus.vocabulary)
        self._spans: Sequence[ChunkSpan] = chunk_spans(
            corpus.sentence_offsets,
            most_tokens(settings.vector_size, settings.window, settings.negative),
            window=settings.window,
        )
        require_memory_for_vectors(len(vocabulary), settings.vector_size)
        self.kernel = kernel_for(vocabulary.counts, settings)
        self._state = RunState()
        self._queue: WorkQueue[int] | None = None
        self._seconds_before = self._cpu_seconds_before = 0.0
        if checkpoints is not None and checkpoints.resumed is not None:
            self._resume(checkpoints.resumed)
        else:
            self._initialise()
            if start is not None:
                carry_over(start, vocabulary, self.kernel)
        self._began = time.perf_counter()
        self._cpu_began = time.process_time()

    @property
    def elapsed_seconds(self) -> float:
        """Wall-clock time since the run was set up, and before it was resumed."""
        return self._seconds_before + time.perf_counter() - self._began

    @property
    def cpu_seconds(self) -> float:
        """This process's CPU time over all threads since then, and before."""
        return self._cpu_seconds_before + time.process_time() - self._cpu_began

    def train(self, callbacks: Sequence[EpochCallback], progress: Progress) -> None:
        """Run all epochs, or those that are left. On Ctrl-C, and when the process is told to leave, save first."""
        last_good = LastGood(self.kernel.matrices)
        self._begin(progress)
        try:
            while self._state.epoch < self._settings.epochs:
                self._train_epoch(progress, last_good)
                tally = self._state.tally
                state = self._state.after_epoch()
                if state.predictions == 0 and state.epoch == self._settings.epochs:
                    raise nothing_learned(self._settings, words=state.words, kept=state.kept)
                self._state = state
                if state.epoch < self._settings.epochs:
                    last_good.keep(state.epoch)
                if self._checkpoints is not None and self._checkpoints.due_at_epoch_end():
                    self._save()
                for callback in callbacks:
                    callback(self._report(tally.predictions, tally.words))
        except (KeyboardInterrupt, SystemExit):
            # Not if it is the second one, which did not wait for the pieces in hand.
            at_rest = self._queue is None or self._queue.at_rest
            if at_rest and self._is_finite():
                self._save()
            elif self._checkpoints is not None:
                self._checkpoints.trouble = "training has diverged" if at_rest else "it was stopped at once"
            raise
        finally:
            last_good.close()
            progress.end()

    def word_vectors(self) -> WordVectors:
        """Wrap the live matrices, without their padding and without a copy."""
        matrices = self._unpadded
        return WordVectors(
            self._vocabulary.words,
            matrices["word_vectors"],
            counts=self._vocabulary.counts,
            output_vectors=matrices.get("output_vectors"),
            training=self._record(),
        )

    @cached_property
    def _unpadded(self) -> dict[str, Floats]:
        return {name: matrix[:, : self._settings.vector_size] for name, matrix in self.kernel.matrices.items()}

    @cached_property
    def _fingerprint(self) -> dict[str, Any]:
        return fingerprint(self._corpus)

    def _record(self) -> dict[str, Any]:
        """What finished vectors say of this run."""
        state, tally = self._state, self._state.tally
        return {
            **self._settings.as_dict(),
            "kernel_target": self.kernel.target,
            "tokens": self._corpus.num_tokens,
            "words": state.words + tally.words,
            "kept": state.kept + tally.kept,
            "predictions": state.predictions + tally.predictions,
            "losses": list(state.losses),
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
        }

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def _initialise(self) -> None:
        """Word vectors uniform in ±1 / (2 D), all else zero, as in word2vec."""
        D = self._settings.vector_size
        random = np.random.default_rng(self._settings.seed)
        word_vectors = self._unpadded["word_vectors"]
        for first in range(0, len(self._vocabulary), _STRIP_ROWS):  # so that no second matrix is ever held
            strip = word_vectors[first : first + _STRIP_ROWS]
            strip[:] = (random.random(strip.shape, dtype=np.float32) - 0.5) / D

    def _resume(self, file: CheckpointFile) -> None:
        file.require_text(self._fingerprint, self._vocabulary)
        file.load(self._unpadded)
        self._state = file.state
        self._seconds_before, self._cpu_seconds_before = file.elapsed_seconds, file.cpu_seconds
        differences = []
        if file.threads != self._settings.threads and 1 in (file.threads, self._settings.threads):
            differences.append(f"threads={self._settings.threads} and not {file.threads}")
        if file.kernel_target != self.kernel.target:
            differences.append(f"{self.kernel.target} instructions and not {file.kernel_target}")
        if differences:
            warnings.warn(
                f"resumed with {' and '.join(differences)}: the vectors will be as good, but not the same to the bit",
                stacklevel=2,
            )

    def _begin(self, progress: Progress) -> None:
        total = self._corpus.num_tokens * self._settings.epochs
        progress.begin("Training", total, "words", self._tokens_done)
        if self._checkpoints is not None:
            self._checkpoints.begin(sum(matrix.nbytes for matrix in self._unpadded.values()))

    # --- the work -----------------------------------------------------------------------------------------------------

    def _train_epoch(self, progress: Progress, last_good: LastGood) -> None:
        """Train what is left of the epoch under way, stopping now and then to save."""
        tally, num_pieces = self._state.tally, len(self._spans)
        try:
            while tally.pieces < num_pieces:
                pieces = iter(range(tally.pieces, num_pieces))
                self._queue = WorkQueue(pieces, self._train_piece, min(self._settings.threads, num_pieces))
                self._queue.run(partial(self._look_up, progress))
                if not self._is_finite():
                    raise _RanAwayError
                if tally.pieces < num_pieces:
                    self._save()
        except _RanAwayError as cause:
            raise self._divergence(last_good) from cause
        self._show(progress)

    def _look_up(self, progress: Progress) -> bool:
        """Show progress; is it time to save?"""
        self._show(progress)
        return self._checkpoints is not None and self._checkpoints.due()

    def _train_piece(self, number: int) -> None:
        span, epoch = self._spans[number], self._state.epoch
        word_ids, offsets = span.read(self._corpus)
        if self._new_ids is not None:
            word_ids = self._new_ids[word_ids]
        # A random stream of its own for each piece of each epoch: which thread takes it, and when, makes no difference.
        stream = np.random.SeedSequence([self._settings.seed, epoch, number]).generate_state(1, np.uint64)
        result = self.kernel.train(
            word_ids,
            offsets,
            alpha_begin=self._alpha(epoch, span.start),
            alpha_end=self._alpha(epoch, span.stop),
            seed=int(stream[0]),
        )
        self._state.tally.add(span.stop - span.start, result)
        highest = DIVERGED_FACTOR * self.kernel.untrained_loss * result.predictions
        too_high = result.loss > highest and result.predictions >= FEW_PREDICTIONS
        if too_high or not math.isfinite(result.loss):
            raise _RanAwayError

    def _alpha(self, epoch: int, token: int) -> float:
        return self._settings.alpha_at((epoch + token / self._corpus.num_tokens) / self._settings.epochs)

    def _save(self) -> None:
        if self._checkpoints is None:
            return
        snapshot = Snapshot(
            matrices=self._unpadded,
            vocabulary=self._vocabulary,
            settings=self._settings,
            kernel_target=self.kernel.target,
            corpus=self._fingerprint,
            state=self._state,
            elapsed_seconds=self.elapsed_seconds,
            cpu_seconds=self.cpu_seconds,
            training=self._record(),
        )
        self._checkpoints.save(snapshot.write)

    # --- judgement and reports ----------------------------------------------------------------------------------------

    def _is_finite(self) -> bool:
        return all(
            np.isfinite(matrix[first : first + _STRIP_ROWS]).all()
            for matrix in self.kernel.matrices.values()
            for first in range(0, len(matrix), _STRIP_ROWS)
        )

    def _divergence(self, last_good: LastGood) -> DivergenceError:
        settings, epoch = self._settings, self._state.epoch
        if last_good.trouble:
            kept = f"nothing is kept, since {last_good.trouble}"
        elif last_good.epoch is not None:
            kept = f"the vectors of epoch {last_good.epoch} are kept"
        else:
            kept = "no epoch was complete" + " since the run was resumed" * (epoch > 0) + ", so nothing is kept"
        loss = self._state.tally.recent_loss
        restored = last_good.restore()
        message = (
            f"training diverged in epoch {epoch + 1} (loss {loss:.4g} nats a prediction); {kept}. "
            f"alpha was {settings.alpha:g}: try alpha={min(settings.alpha / 4, default_alpha(settings)):.3g}"
        )
        return DivergenceError(message, self.word_vectors() if restored else None)

    @property
    def _tokens_done(self) -> int:
        return self._state.epoch * self._corpus.num_tokens + self._state.tally.tokens

    def _show(self, progress: Progress) -> None:
        epoch, tally = self._state.epoch, self._state.tally
        readings: dict[str, float | str] = {"epoch": f"{epoch + 1}/{self._settings.epochs}"}
        if tally.predictions:
            readings["loss"] = tally.loss / tally.predictions
        progress.update(self._tokens_done, **readings, alpha=self._alpha(epoch, tally.tokens))

    def _report(self, predictions: int, words: int) -> EpochReport:
        return EpochReport(
            epoch=self._state.epoch,
            epochs=self._settings.epochs,
            loss=self._state.losses[-1],
            predictions=predictions,
            words=words,
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
