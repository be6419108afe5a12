"""One training run: pieces of text on threads, epoch by epoch; it is saved, resumed, and stopped if it diverges."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.best_epoch import BestEpoch, Score
from vastmax.embedding.checkpoint_file import CheckpointFile, Checkpoints, Snapshot
from vastmax.embedding.chunks import ChunkSpan, chunk_spans, most_tokens
from vastmax.embedding.held_rows import HeldRows
from vastmax.embedding.kernel_choice import kernel_for
from vastmax.embedding.last_good import LastGood
from vastmax.embedding.report import DivergenceError, EpochCallback, EpochReport, nothing_learned
from vastmax.embedding.run_state import RunState
from vastmax.embedding.settings import CheckedSettings, default_alpha, require_memory_for_vectors
from vastmax.embedding.start import carry_over, numbering_for
from vastmax.embedding.subword_rows import Numbering, SubwordRows
from vastmax.embedding.subword_vectors import SubwordVectors
from vastmax.embedding.word_vectors import WordVectors
from vastmax.embedding.workers import WorkQueue
from vastmax.errors import argument
from vastmax.kernels.embedding_tables import Floats
from vastmax.progress import Progress
from vastmax.text import Vocabulary
from vastmax.text.encoded_view import TokenStream
from vastmax.training.checkpoints import fingerprint
from vastmax.training.loop import Phase, RunClock, run_training

DIVERGED_FACTOR = 4.0
"""Training diverges if the mean loss of a piece is this many times that of untrained vectors."""

FEW_PREDICTIONS = 1000
"""Pieces with fewer predictions are too noisy to judge; only NaN counts there."""

_STRIP_ROWS = 16_384


class _RanAwayError(Exception):
    """Raised on a training thread."""


class TrainingRun:
    """A run with the native kernels.

    Args:
        corpus: the text.
        vocabulary: the words that get vectors.
        settings: of the run.
        checkpoints: where the run is saved and resumes from; None: it is not saved.
        start: the initial vectors of its words; None: random ones.
        held: (V,) the share of each step that a word's vector takes, 0 to keep it; None: all of it.
        may_find_nothing: whether a text without predictions is no error.
    """

    def __init__(
        self,
        corpus: TokenStream,
        vocabulary: Vocabulary,
        settings: CheckedSettings,
        *,
        checkpoints: Checkpoints | None = None,
        start: WordVectors | None = None,
        held: Floats | None = None,
        may_find_nothing: bool = False,
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
        self._numbering = numbering_for(vocabulary, settings, start)
        inputs = None if self._numbering is None else self._numbering.inputs
        num_ngrams = 0 if self._numbering is None else len(self._numbering.buckets)
        require_memory_for_vectors(len(vocabulary), settings.vector_size, ngrams=num_ngrams)
        self.kernel = kernel_for(vocabulary.counts, settings, inputs)
        self._last_good = LastGood(self.kernel.matrices)
        self._state = RunState()
        self._queue: WorkQueue[int] | None = None
        resumed = None if checkpoints is None else checkpoints.resumed
        if resumed is not None:
            self._resume(resumed)
        else:
            self._initialise()
            if start is not None:
                carry_over(start, vocabulary, self.kernel, self._numbering)
        before = (0.0, 0.0) if resumed is None else (resumed.elapsed_seconds, resumed.cpu_seconds)
        self._clock = RunClock(*before)
        self._held = None if held is None else HeldRows(self.kernel.words, held)
        self._may_find_nothing = may_find_nothing
        self._reported: EpochReport | None = None
        self._facts: dict[str, Any] = {}

    one_phase = True

    @property
    def finished(self) -> bool:
        """Whether all epochs are over."""
        return self._state.epoch == self._settings.epochs

    def train(self, callbacks: Sequence[EpochCallback], progress: Progress, *, best_by: Score | None = None) -> None:
        """Train the remaining epochs. On Ctrl-C or SIGTERM, save first.

        With `best_by`, the matrices are in the end those of the epoch with the highest score.
        """
        best = None if best_by is None else BestEpoch(self.kernel.matrices, best_by)
        if best is not None:
            callbacks = (best, *callbacks)
        if self._checkpoints is not None:
            self._checkpoints.begin(sum(matrix.nbytes for matrix in self._unpadded.values()))
        try:
            run_training(self, saving=self._checkpoints, write=self._write, callbacks=callbacks, progress=progress)
            if best is not None and best.scores:
                self._facts["scores"] = best.scores
                self._facts["best_epoch"] = best.restore()
        finally:
            self._last_good.close()
            if best is not None:
                best.close()

    def word_vectors(self) -> WordVectors:
        """Return views of the live matrices without their padding; vectors made of n-grams are computed."""
        matrices, words = self._unpadded, self._vocabulary.words
        outputs, nodes = matrices.get("output_vectors"), matrices.get("node_vectors")
        if self._numbering is None:
            return WordVectors(
                words,
                matrices["word_vectors"],
                counts=self._vocabulary.counts,
                output_vectors=outputs,
                node_vectors=nodes,
                training=self._record(),
            )
        rows = self._subword_rows(self._numbering)
        return SubwordVectors(
            words,
            rows.means(self._numbering.inputs),
            subwords=rows,
            counts=self._vocabulary.counts,
            output_vectors=outputs,
            node_vectors=nodes,
            training=self._record(),
        )

    def _subword_rows(self, numbering: Numbering) -> SubwordRows:
        """Return the live rows that words' vectors are means of."""
        word_rows, ngram_rows = self._unpadded["word_rows"], self._unpadded["ngram_rows"]
        return SubwordRows(numbering.subwords, word_rows, ngram_rows, numbering.buckets)

    @cached_property
    def _unpadded(self) -> dict[str, Floats]:
        return {name: matrix[:, : self._settings.vector_size] for name, matrix in self.kernel.matrices.items()}

    @cached_property
    def _fingerprint(self) -> dict[str, Any]:
        return fingerprint(self._corpus)

    def _record(self) -> dict[str, Any]:
        """Return the facts of this run that finished vectors carry."""
        state, tally = self._state, self._state.tally
        return {
            **self._settings.as_dict(),
            "kernel_target": self.kernel.target,
            "tokens": self._corpus.num_tokens,
            "words": state.words + tally.words,
            "kept": state.kept + tally.kept,
            "predictions": state.predictions + tally.predictions,
            "losses": list(state.losses),
            "elapsed_seconds": round(self._clock.elapsed_seconds, 3),
            "cpu_seconds": round(self._clock.cpu_seconds, 3),
            **self._facts,
        }

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def _initialise(self) -> None:
        """Set word vectors, or the rows they are made of, uniform in ±1 / (2 D), the rest to zero, as in word2vec."""
        D = self._settings.vector_size
        random = np.random.default_rng(self._settings.seed)
        rows = self.kernel.words[:, :D]
        for first in range(0, len(rows), _STRIP_ROWS):  # so a second matrix is never held
            strip = rows[first : first + _STRIP_ROWS]
            strip[:] = (random.random(strip.shape, dtype=np.float32) - 0.5) / D

    def _resume(self, file: CheckpointFile) -> None:
        file.require_text(self._fingerprint, self._vocabulary)
        file.load(self._unpadded)
        self._state = file.state
        differences = []
        if file.threads != self._settings.threads and 1 in (file.threads, self._settings.threads):
            differences.append(f"threads={self._settings.threads} and not {file.threads}")
        if file.kernel_target != self.kernel.target:
            differences.append(f"{self.kernel.target} instructions and not {file.kernel_target}")
        if differences:
            warnings.warn(
                f"resumed with {' and '.join(differences)}: the vectors will be as good, but not identical",
                stacklevel=2,
            )

    # --- the work -----------------------------------------------------------------------------------------------------

    def steps(self, look_up: Callable[[], bool]) -> Iterator[None]:
        """Train the rest of the current epoch; a step ends when the pieces are done or `look_up` returns True."""
        tally, num_pieces = self._state.tally, len(self._spans)
        if self._reported is not None:
            self._reported.close()
        try:
            while tally.pieces < num_pieces:
                pieces = iter(range(tally.pieces, num_pieces))
                self._queue = WorkQueue(pieces, self._train_piece, min(self._settings.threads, num_pieces))
                self._queue.run(look_up)
                if not self._is_finite():
                    raise _RanAwayError
                if tally.pieces < num_pieces:
                    yield
        except _RanAwayError as cause:
            raise self._divergence() from cause
        look_up()

    def end_epoch(self) -> EpochReport:
        """Close the current epoch.

        Raises:
            InputError: it was the last one, and there was nothing to predict.
        """
        tally, state = self._state.tally, self._state.after_epoch()
        if state.predictions == 0 and state.epoch == self._settings.epochs and not self._may_find_nothing:
            raise nothing_learned(self._settings, words=state.words, kept=state.kept)
        self._state = state
        if not self.finished:
            self._last_good.keep(state.epoch)
        self._reported = self._report(tally.predictions, tally.words)
        return self._reported

    def at_rest(self) -> str:
        """Return why the state cannot be saved: threads are running, or it has diverged; "" if it can."""
        if self._queue is not None and not self._queue.at_rest:
            return "it was stopped at once"  # a second interrupt does not wait for current pieces
        return "" if self._is_finite() else "training has diverged"

    def _train_piece(self, number: int) -> None:
        span, epoch = self._spans[number], self._state.epoch
        word_ids, offsets = span.read(self._corpus)
        if self._new_ids is not None:
            word_ids = self._new_ids[word_ids]
        # Each piece of each epoch has its own random stream, whichever thread takes it and whenever.
        stream = np.random.SeedSequence([self._settings.seed, epoch, number]).generate_state(1, np.uint64)
        result = self.kernel.train(
            word_ids,
            offsets,
            alpha_begin=self._alpha(epoch, span.start),
            alpha_end=self._alpha(epoch, span.stop),
            seed=int(stream[0]),
        )
        if self._held is not None:
            self._held.hold()
        self._state.tally.add(span.stop - span.start, result)
        highest = DIVERGED_FACTOR * self.kernel.untrained_loss * result.predictions
        too_high = result.loss > highest and result.predictions >= FEW_PREDICTIONS
        if too_high or not math.isfinite(result.loss):
            raise _RanAwayError

    def _alpha(self, epoch: int, token: int) -> float:
        return self._settings.alpha_at((epoch + token / self._corpus.num_tokens) / self._settings.epochs)

    def _write(self, path: Path) -> None:
        numbering = self._numbering
        rows = None if numbering is None else self._subword_rows(numbering)
        snapshot = Snapshot(
            matrices=self._unpadded,
            subwords=rows,
            composed=None if rows is None or numbering is None else rows.means(numbering.inputs),
            vocabulary=self._vocabulary,
            settings=self._settings,
            kernel_target=self.kernel.target,
            corpus=self._fingerprint,
            state=self._state,
            elapsed_seconds=self._clock.elapsed_seconds,
            cpu_seconds=self._clock.cpu_seconds,
            training=self._record(),
        )
        snapshot.write(path)

    # --- divergence and reports ---------------------------------------------------------------------------------------

    def _is_finite(self) -> bool:
        return all(
            np.isfinite(matrix[first : first + _STRIP_ROWS]).all()
            for matrix in self.kernel.matrices.values()
            for first in range(0, len(matrix), _STRIP_ROWS)
        )

    def _divergence(self) -> DivergenceError:
        settings, epoch, last_good = self._settings, self._state.epoch, self._last_good
        if last_good.trouble:
            kept = f"nothing is kept, since {last_good.trouble}"
        elif last_good.epoch is not None:
            kept = f"the vectors of epoch {last_good.epoch} are kept"
        else:
            kept = "no epoch was complete" + " since the run was resumed" * (epoch > 0) + ", so nothing is kept"
        loss, lower = self._state.tally.recent_loss, min(settings.alpha / 4, default_alpha(settings))
        restored = last_good.restore()
        message = (
            f"training diverged in epoch {epoch + 1} (loss {loss:.4g} nats per prediction); {kept}. "
            f"{argument('alpha')} was {settings.alpha:g}: try {argument('alpha', f'{lower:.3g}')}"
        )
        return DivergenceError(message, self.word_vectors() if restored else None)

    def begin_phase(self) -> Phase:
        """Return the phase of progress that begins: all epochs."""
        return Phase("Training", self._corpus.num_tokens * self._settings.epochs, "words", self._tokens_done)

    @property
    def _tokens_done(self) -> int:
        return self._state.epoch * self._corpus.num_tokens + self._state.tally.tokens

    def standing(self) -> tuple[float, dict[str, float | str]]:
        """Return the number of words done, the epoch, its loss so far and the learning rate."""
        epoch, tally = self._state.epoch, self._state.tally
        readings: dict[str, float | str] = {"epoch": f"{epoch + 1}/{self._settings.epochs}"}
        if tally.predictions:
            readings["loss"] = tally.loss / tally.predictions
        return self._tokens_done, {**readings, "alpha": self._alpha(epoch, tally.tokens)}

    def _report(self, predictions: int, words: int) -> EpochReport:
        return EpochReport(
            epoch=self._state.epoch,
            epochs=self._settings.epochs,
            loss=self._state.losses[-1],
            predictions=predictions,
            words=words,
            elapsed_seconds=self._clock.elapsed_seconds,
            cpu_seconds=self._clock.cpu_seconds,
            live_vectors=self.word_vectors(),
        )


def _ids_in(vocabulary: Vocabulary, types: Vocabulary) -> NDArray[np.int32] | None:
    """Return the id in the vocabulary of each type of a text; for others V, which kernels skip.

    None if the ids are the same: the vocabulary is a prefix of the types.
    """
    if types.words.starts_with(vocabulary.words):
        return None
    ids = vocabulary.map_words(types.words)
    ids[ids < 0] = len(vocabulary)
    return ids
