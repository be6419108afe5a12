"""One training run: epochs of pieces of text, their predictions in batches, a step for each. It may stop after any."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch

from vastmax.embedding import DivergenceError, EpochReport, WordVectors
from vastmax.embedding.chunks import ChunkSpan, chunk_spans
from vastmax.embedding.report import EpochCallback, nothing_learned
from vastmax.embedding.settings import require_memory_for_vectors
from vastmax.kernels.embedding_kernel import keep_thresholds
from vastmax.language_model.optimizers import optimizers_for
from vastmax.progress import Progress
from vastmax.proposal.target_partition import PARTITION, partitions
from vastmax.text import Corpus, Vocabulary
from vastmax.word_model.checkpoint import Snapshot, WordModelCheckpoints, text_facts
from vastmax.word_model.model import WordModel
from vastmax.word_model.settings import CheckedWordModelSettings
from vastmax.word_model.windows import Batch, Windows, batches, num_predictions, subsampled

_Told = tuple[Batch, dict[str, Any] | None]
"""A batch, and what the objective needs to know beside it."""


@dataclass
class Progressed:
    """How far a run has come. Words are counted when the piece that they are in is complete."""

    epoch: int = 0  # complete ones
    piece: int = 0  # of the epoch under way, complete ones
    batch: int = 0  # of the piece under way, complete ones
    piece_predictions: int = 0  # in them
    words: int = 0
    kept: int = 0
    predictions: int = 0  # of complete epochs
    epoch_loss: float = 0.0  # nats, summed over the predictions of the epoch under way
    epoch_words: int = 0
    epoch_predictions: int = 0
    losses: list[float] = field(default_factory=list)  # mean nats a prediction of each complete epoch


class WordModelRun:
    """Holds the model, its optimisers and what is known of its progress.

    Args:
        corpus: the text.
        vocabulary: the words that get vectors.
        settings: of the run.
        checkpoints: where the run is saved, and what it goes on from; None: nowhere, nothing.
    """

    def __init__(
        self,
        corpus: Corpus,
        vocabulary: Vocabulary,
        settings: CheckedWordModelSettings,
        *,
        checkpoints: WordModelCheckpoints | None = None,
    ) -> None:
        self._corpus = corpus
        self._vocabulary = vocabulary
        self._settings = settings
        self._new_ids = vocabulary.map_words(corpus.vocabulary.words).astype(np.int64)
        self._keep = (keep_thresholds(vocabulary.counts, settings.sample) + 1.0) / 2.0**32
        self._spans: Sequence[ChunkSpan] = chunk_spans(corpus.sentence_offsets, window=settings.window)
        require_memory_for_vectors(len(vocabulary), settings.vector_size)
        self.model = WordModel.build(settings, vocabulary)
        self.optimizers = optimizers_for(self.model, settings)
        self._generator = torch.Generator(device=settings.device)
        self.progressed = Progressed()
        self._seconds_before = self._cpu_seconds_before = 0.0
        self._checkpoints = checkpoints
        if checkpoints is not None and checkpoints.resumed is not None:
            checkpoints.resumed.require_text(self._text_facts)
            self._load(checkpoints.resumed.state)
        self._began, self._cpu_began = time.perf_counter(), time.process_time()

    @property
    def finished(self) -> bool:
        """Whether all epochs are over."""
        return self.progressed.epoch == self._settings.epochs

    @property
    def elapsed_seconds(self) -> float:
        """Wall-clock time since the run was set up, and before it was resumed."""
        return self._seconds_before + time.perf_counter() - self._began

    @property
    def cpu_seconds(self) -> float:
        """This process's CPU time over all threads since then, and before."""
        return self._cpu_seconds_before + time.process_time() - self._cpu_began

    def train(self, callbacks: Sequence[EpochCallback], progress: Progress, stop: Callable[[], bool]) -> None:
        """Run all epochs, or those that are left; once `stop` says so, save and return after the step under way."""
        settings, progressed = self._settings, self.progressed
        progress.begin("Training", self._corpus.num_tokens * settings.epochs, "words", self._tokens_done(0.0))
        self.model.train()
        if self._checkpoints is not None:
            self._checkpoints.begin(2 * sum(p.nbytes for p in self.model.parameters()))
        try:
            with _threads(settings.threads):
                while not self.finished:
                    while progressed.piece < len(self._spans):
                        if self._train_piece(progress, stop):
                            self._save()
                            return
                    self._end_epoch(callbacks)
        except (KeyboardInterrupt, SystemExit):
            if self._checkpoints is not None:
                self._checkpoints.trouble = "it was stopped at once"
            raise
        finally:
            progress.end()

    def word_vectors(self) -> WordVectors:
        """The vectors as they are; on a CPU without a copy."""
        output_vectors = self.model.output_vectors
        return WordVectors(
            self._vocabulary.words,
            self.model.word_vectors.cpu().numpy(),
            counts=self._vocabulary.counts,
            output_vectors=None if output_vectors is None else output_vectors.cpu().numpy(),
            training=self._record(),
        )

    # --- what is saved ------------------------------------------------------------------------------------------------

    @cached_property
    def _text_facts(self) -> dict[str, Any]:
        return text_facts(self._corpus, self._vocabulary)

    def _save(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.save(Snapshot(self._settings, self._text_facts, self._state()).write)

    def _state(self) -> dict[str, Any]:
        return {
            "progressed": vars(self.progressed),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _ in self.optimizers],
            "random_state": self._generator.get_state(),
            "elapsed_seconds": self.elapsed_seconds,
            "cpu_seconds": self.cpu_seconds,
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.progressed = Progressed(**state["progressed"])
        self.model.load_state_dict(state["model"])
        for (optimizer, _), of_optimizer in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(of_optimizer)
        self._generator.set_state(state["random_state"])
        self._seconds_before, self._cpu_seconds_before = state["elapsed_seconds"], state["cpu_seconds"]

    # --- the work -----------------------------------------------------------------------------------------------------

    def _train_piece(self, progress: Progress, stop: Callable[[], bool]) -> bool:
        """Train what is left of the piece under way; whether it was stopped before its end."""
        progressed, model = self.progressed, self._settings.model
        span = self._spans[progressed.piece]
        # Random streams of its own for each piece of each epoch, so that a run can go on from any step.
        seeds = np.random.SeedSequence([self._settings.seed, progressed.epoch, progressed.piece])
        random = np.random.default_rng(seeds)
        if progressed.batch == 0:  # else it goes on from where it was saved
            self._generator.manual_seed(int(seeds.generate_state(1, np.uint64)[0]))
        windows, words = self._windows(span, random)
        total = num_predictions(windows, model)
        told = self._told(batches(windows, model, self._settings.batch_size, random))
        for batch, context in islice(told, progressed.batch, None):
            loss = self._step(batch, context, self._done(progressed.piece_predictions / total))
            progressed.batch += 1
            progressed.piece_predictions += batch.target.size
            progressed.epoch_predictions += batch.target.size
            progressed.epoch_loss += loss * batch.target.size
            self._show(progress, progressed.piece_predictions / total)
            if stop():
                return True
            if self._checkpoints is not None and self._checkpoints.due():
                self._save()
        progressed.piece += 1
        progressed.batch = progressed.piece_predictions = 0
        progressed.epoch_words += words
        progressed.words += words
        progressed.kept += windows.word_ids.size
        return stop()

    def _windows(self, span: ChunkSpan, random: np.random.Generator) -> tuple[Windows, int]:
        """The windows of a piece after subsampling, and how many of its words have vectors."""
        types, offsets = span.read(self._corpus)
        word_ids = self._new_ids[types]
        kept, kept_offsets = subsampled(word_ids, offsets - offsets[0], self._keep, random)
        windows = Windows.draw(kept, kept_offsets, self._settings.window, random)
        return windows, int(np.count_nonzero(word_ids >= 0))

    def _told(self, of_piece: Iterator[Batch]) -> Iterator[_Told]:
        if not self._settings.takes_partitions:
            return ((batch, None) for batch in of_piece)
        parts = partitions(of_piece, self._settings.partition_size, lambda batch: torch.from_numpy(batch.target))
        return ((batch, {PARTITION: part}) for part, batch in parts)

    def _step(self, batch: Batch, context: dict[str, Any] | None, done: float) -> float:
        """Move the parameters by one batch, `done` of training being over; its mean loss."""
        settings = self._settings
        word_ids, target = (torch.from_numpy(part).to(settings.device) for part in batch)
        loss = self.model(word_ids, target, context=context, generator=self._generator)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._divergence(value)
        loss.backward()
        share = settings.alpha_at(done) / settings.alpha
        for optimizer, rate in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * share
            optimizer.step()
            optimizer.zero_grad()
        return value

    def _end_epoch(self, callbacks: Sequence[EpochCallback]) -> None:
        progressed = self.progressed
        predictions, words = progressed.epoch_predictions, progressed.epoch_words
        progressed.predictions += predictions
        progressed.epoch += 1
        if progressed.predictions == 0 and self.finished:
            raise nothing_learned(self._settings, words=progressed.words, kept=progressed.kept)
        progressed.losses.append(progressed.epoch_loss / max(predictions, 1))
        progressed.piece = progressed.epoch_words = progressed.epoch_predictions = 0
        progressed.epoch_loss = 0.0
        if self._checkpoints is not None and self._checkpoints.due_at_epoch_end():
            self._save()
        for callback in callbacks:
            callback(
                EpochReport(
                    epoch=progressed.epoch,
                    epochs=self._settings.epochs,
                    loss=progressed.losses[-1],
                    predictions=predictions,
                    words=words,
                    elapsed_seconds=self.elapsed_seconds,
                    cpu_seconds=self.cpu_seconds,
                    word_vectors=self.word_vectors(),
                )
            )

    # --- reports ------------------------------------------------------------------------------------------------------

    def _tokens_done(self, share_of_piece: float) -> float:
        progressed = self.progressed
        tokens = float(progressed.epoch * self._corpus.num_tokens)
        if progressed.piece < len(self._spans):
            span = self._spans[progressed.piece]
            tokens += span.start + share_of_piece * (span.stop - span.start)
        return tokens

    def _done(self, share_of_piece: float) -> float:
        """The share of training that is over."""
        return self._tokens_done(share_of_piece) / (self._corpus.num_tokens * self._settings.epochs)

    def _show(self, progress: Progress, share_of_piece: float) -> None:
        progressed = self.progressed
        progress.update(
            self._tokens_done(share_of_piece),
            epoch=f"{progressed.epoch + 1}/{self._settings.epochs}",
            loss=progressed.epoch_loss / progressed.epoch_predictions,
            alpha=self._settings.alpha_at(self._done(share_of_piece)),
        )

    def _record(self) -> dict[str, Any]:
        """What finished vectors say of this run."""
        progressed = self.progressed
        return {
            **self._settings.as_dict(),
            "trained_with": f"torch {torch.__version__}",
            "tokens": self._corpus.num_tokens,
            "words": progressed.words,
            "kept": progressed.kept,
            "predictions": progressed.predictions + progressed.epoch_predictions,
            "losses": list(progressed.losses),
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
        }

    def _divergence(self, loss: float) -> DivergenceError:
        settings = self._settings
        message = (
            f"training diverged in epoch {self.progressed.epoch + 1} (loss {loss:.4g} nats a prediction); the vectors "
            f"from before are kept. alpha was {settings.alpha:g} and dense_rate {settings.dense_rate:g}: try "
            f"alpha={settings.alpha / 4:.3g} and dense_rate={settings.dense_rate / 4:.3g}"
        )
        return DivergenceError(message, self.word_vectors())


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """PyTorch works with so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
