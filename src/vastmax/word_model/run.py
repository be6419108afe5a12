"""One training run through PyTorch: a step per batch of predictions, piece by piece; it can stop after any step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vastmax.embedding import DivergenceError, EpochReport, WordVectors
from vastmax.embedding.chunks import ChunkSpan, chunk_spans
from vastmax.embedding.report import EpochCallback, nothing_learned
from vastmax.embedding.settings import require_memory_for_vectors
from vastmax.errors import argument
from vastmax.kernels.embedding_tables import keep_thresholds
from vastmax.methods import RECIPES
from vastmax.progress import Progress, Silent
from vastmax.proposal.target_partition import PARTITION, partitions
from vastmax.text import Corpus, Vocabulary
from vastmax.training.loop import Phase, Progressed, RunClock, run_training
from vastmax.training.pytorch.optimizers import load_states, optimizers_for, set_rates
from vastmax.tree import Tree
from vastmax.word_model.checkpoint import WordModelCheckpoints, text_digests, write_checkpoint
from vastmax.word_model.model import WordModel
from vastmax.word_model.settings import CheckedWordModelSettings
from vastmax.word_model.windows import Batch, Windows, batches, num_predictions, subsampled

_Told = tuple[Batch, dict[str, Any] | None]
"""A batch, and other data that the objective needs."""


@dataclass
class WordModelProgressed(Progressed):
    """The progress of a run. Words are counted when their piece is complete."""

    piece: int = 0  # complete ones of the current epoch
    batch: int = 0  # complete ones of the current piece
    piece_predictions: int = 0  # in them
    kept: int = 0
    predictions: int = 0  # of complete epochs
    epoch_loss: float = 0.0  # nats, summed over the predictions of the current epoch
    epoch_words: int = 0
    epoch_predictions: int = 0


class WordModelRun:
    """A run through PyTorch.

    Args:
        corpus: the text.
        vocabulary: the words that get vectors.
        settings: of the run.
        checkpoints: where the run is saved and resumes from; None: it is not saved.
        progress: shows the progress of making the recipe's tree.
    """

    def __init__(
        self,
        corpus: Corpus,
        vocabulary: Vocabulary,
        settings: CheckedWordModelSettings,
        *,
        checkpoints: WordModelCheckpoints | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._clock = RunClock()
        self._corpus = corpus
        self._vocabulary = vocabulary
        self._settings = settings
        self._new_ids = vocabulary.map_words(corpus.vocabulary.words).astype(np.int64)
        self._keep = (keep_thresholds(vocabulary.counts, settings.sample) + 1.0) / 2.0**32
        self._spans: Sequence[ChunkSpan] = chunk_spans(corpus.sentence_offsets, window=settings.window)
        require_memory_for_vectors(len(vocabulary), settings.vector_size)
        resumed = None if checkpoints is None else checkpoints.resumed
        if resumed is not None:
            resumed.require_same_text(self._text_facts)
        self._tree = self._made_tree(progress or Silent()) if resumed is None else _unpacked(resumed.state.get("tree"))
        self.model = WordModel.build(settings, vocabulary, tree=self._tree)
        self.optimizers = optimizers_for(self.model, settings)
        self._generator = torch.Generator(device=settings.device)
        self.progressed = WordModelProgressed()
        self._share_of_piece = 0.0  # the part of the current piece that is done
        self._checkpoints = checkpoints
        if resumed is not None:
            self._load(resumed.state)

    @property
    def finished(self) -> bool:
        """Whether all epochs are over."""
        return self.progressed.epoch == self._settings.epochs

    def train(self, callbacks: Sequence[EpochCallback], progress: Progress, stop: Callable[[], bool]) -> None:
        """Train the remaining epochs; if `stop` returns True after a step, save and return."""
        self.model.train()
        if self._checkpoints is not None:
            self._checkpoints.begin(2 * sum(p.nbytes for p in self.model.parameters()))
        with _threads(self._settings.threads):
            run_training(
                self, saving=self._checkpoints, write=self._write, callbacks=callbacks, stop=stop, progress=progress
            )

    def word_vectors(self) -> WordVectors:
        """Return the current vectors; on a CPU, without a copy."""
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
        return text_digests(self._corpus, self._vocabulary)

    def _write(self, path: Path) -> None:
        write_checkpoint(path, self._settings, self._text_facts, self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "progressed": vars(self.progressed),
            "tree": None if self._tree is None else _packed(self._tree),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _ in self.optimizers],
            "random_state": self._generator.get_state(),
            "elapsed_seconds": self._clock.elapsed_seconds,
            "cpu_seconds": self._clock.cpu_seconds,
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.progressed = WordModelProgressed(**state["progressed"])
        self.model.load_state_dict(state["model"])
        load_states(self.optimizers, state["optimizers"])
        self._generator.set_state(state["random_state"])
        self._clock = RunClock(state["elapsed_seconds"], state["cpu_seconds"])

    def _made_tree(self, progress: Progress) -> Tree | None:
        """Return the tree that the recipe makes from the text, or None if it uses none."""
        settings = self._settings
        make = RECIPES[settings.objective].tree_from
        if make is None or isinstance(settings.objective_options.get("tree"), Tree):
            return None
        source = self._corpus.encode_with(self._vocabulary)
        with _threads(settings.threads):
            return make(source, settings.objective_options, progress)

    # --- the work -----------------------------------------------------------------------------------------------------

    one_phase = True

    def steps(self, look_up: Callable[[], bool]) -> Iterator[None]:
        """Train the rest of the current epoch: each batch is a step, and so is the end of a piece."""
        while self.progressed.piece < len(self._spans):
            yield from self._piece()
            yield

    def _piece(self) -> Iterator[None]:
        """Train the rest of the current piece, one batch at a time."""
        progressed, model = self.progressed, self._settings.model
        # Each piece of each epoch has its own random streams, so a run can resume from any step.
        seeds = np.random.SeedSequence([self._settings.seed, progressed.epoch, progressed.piece])
        random = np.random.default_rng(seeds)
        if progressed.batch == 0:  # otherwise it continues from the saved state
            self._generator.manual_seed(int(seeds.generate_state(1, np.uint64)[0]))
        windows, words = self._windows(self._spans[progressed.piece], random)
        total = num_predictions(windows, model)
        told = self._told(batches(windows, model, self._settings.batch_size, random))
        for batch, context in islice(told, progressed.batch, None):
            self._share_of_piece = progressed.piece_predictions / total
            loss = self._step(batch, context, self._done)
            progressed.batch += 1
            progressed.piece_predictions += batch.target.size
            progressed.epoch_predictions += batch.target.size
            progressed.epoch_loss += loss * batch.target.size
            self._share_of_piece = progressed.piece_predictions / total
            yield
        progressed.piece += 1
        progressed.batch = progressed.piece_predictions = 0
        self._share_of_piece = 0.0
        progressed.epoch_words += words
        progressed.words += words
        progressed.kept += windows.word_ids.size

    def _windows(self, span: ChunkSpan, random: np.random.Generator) -> tuple[Windows, int]:
        """Return the windows of a piece after subsampling, and how many of its words have vectors."""
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
        """Update the parameters for one batch, after a share `done` of the training; return the mean loss."""
        settings = self._settings
        word_ids, target = (torch.from_numpy(part).to(settings.device) for part in batch)
        loss = self.model(word_ids, target, context=context, generator=self._generator)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._divergence(value)
        loss.backward()
        set_rates(self.optimizers, settings.alpha_at(done) / settings.alpha)
        for optimizer, _ in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return value

    def end_epoch(self) -> EpochReport:
        """Close the current epoch.

        Raises:
            InputError: it was the last one, and there was nothing to predict.
        """
        progressed = self.progressed
        predictions, words = progressed.epoch_predictions, progressed.epoch_words
        progressed.predictions += predictions
        progressed.epoch += 1
        if progressed.predictions == 0 and self.finished:
            raise nothing_learned(self._settings, words=progressed.words, kept=progressed.kept)
        progressed.losses.append(progressed.epoch_loss / max(predictions, 1))
        progressed.piece = progressed.epoch_words = progressed.epoch_predictions = 0
        progressed.epoch_loss = 0.0
        self._reported = EpochReport(
            epoch=progressed.epoch,
            epochs=self._settings.epochs,
            loss=progressed.losses[-1],
            predictions=predictions,
            words=words,
            elapsed_seconds=self._clock.elapsed_seconds,
            cpu_seconds=self._clock.cpu_seconds,
            live_vectors=self.word_vectors(),
        )
        return self._reported

    def at_rest(self) -> str:
        """Return why nothing is saved after an interrupt: it may have occurred within a step."""
        return "it was stopped at once"

    # --- reports ------------------------------------------------------------------------------------------------------

    def begin_phase(self) -> Phase:
        """Return the phase of progress that begins: all epochs."""
        return Phase("Training", self._corpus.num_tokens * self._settings.epochs, "words", self._tokens_done)

    def standing(self) -> tuple[float, dict[str, float | str]]:
        """Return the number of words done, the epoch, its loss so far and the learning rate."""
        progressed = self.progressed
        readings: dict[str, float | str] = {"epoch": f"{progressed.epoch + 1}/{self._settings.epochs}"}
        if progressed.epoch_predictions:
            readings["loss"] = progressed.epoch_loss / progressed.epoch_predictions
        return self._tokens_done, {**readings, "alpha": self._settings.alpha_at(self._done)}

    @property
    def _tokens_done(self) -> float:
        progressed = self.progressed
        tokens = float(progressed.epoch * self._corpus.num_tokens)
        if progressed.piece < len(self._spans):
            span = self._spans[progressed.piece]
            tokens += span.start + self._share_of_piece * (span.stop - span.start)
        else:
            tokens += self._corpus.num_tokens
        return tokens

    @property
    def _done(self) -> float:
        """The share of the training that is done."""
        return self._tokens_done / (self._corpus.num_tokens * self._settings.epochs)

    def _record(self) -> dict[str, Any]:
        """Return the facts of this run that finished vectors carry."""
        progressed = self.progressed
        return {
            **self._settings.as_dict(),
            "trained_with": f"torch {torch.__version__}",
            "tokens": self._corpus.num_tokens,
            "words": progressed.words,
            "kept": progressed.kept,
            "predictions": progressed.predictions + progressed.epoch_predictions,
            "losses": list(progressed.losses),
            "elapsed_seconds": round(self._clock.elapsed_seconds, 3),
            "cpu_seconds": round(self._clock.cpu_seconds, 3),
        }

    def _divergence(self, loss: float) -> DivergenceError:
        settings = self._settings
        message = (
            f"training diverged in epoch {self.progressed.epoch + 1} (loss {loss:.4g} nats per prediction); the "
            f"vectors from before are kept. {argument('alpha')} was {settings.alpha:g} and {argument('dense_lr')} "
            f"{settings.dense_lr:g}: try "
            f"{argument('alpha', f'{settings.alpha / 4:.3g}')} and "
            f"{argument('dense_lr', f'{settings.dense_lr / 4:.3g}')}"
        )
        return DivergenceError(message, self.word_vectors())


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Let PyTorch use this many threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _packed(tree: Tree) -> dict[str, torch.Tensor]:
    """Return a tree as a checkpoint stores it."""
    arrays = {"children": tree.children, "child_counts": tree.child_counts, "leaf_words": tree.leaf_words}
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _unpacked(saved: dict[str, torch.Tensor] | None) -> Tree | None:
    if saved is None:
        return None
    return Tree(*(saved[name].numpy() for name in ("children", "child_counts", "leaf_words")))
