"""One run from its folder: trained, saved, logged, resumed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vastmax.language_model.evaluation import perplexity
from vastmax.language_model.run_folder import CHECKPOINT, LOG, RunFolder
from vastmax.language_model.text import SENTENCE_END
from vastmax.language_model.train import Progressed, Trainer
from vastmax.progress import Progress, Silent
from vastmax.run_lock import locked_folder
from vastmax.training.checkpoints import FolderCheckpoints
from vastmax.training.log import Log
from vastmax.training.pytorch.process_group import ProcessGroup
from vastmax.training.pytorch.state_file import write_state
from vastmax.tree import Tree


def train_run(
    folder: RunFolder,
    text: NDArray[np.int32],
    validation: NDArray[np.int32] | None = None,
    *,
    resume: bool = False,
    save_minutes: float = 10.0,
    device: str | torch.device = "cpu",
    tensorboard: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trainer:
    """Train the model of a run folder; the folder always holds the last checkpoint and the best model so far.

    Where processes train together only the main one writes. The best model is that of the lowest validation
    perplexity; without validation, the last one.

    Args:
        folder: new, or of a run to go on with.
        text: (n,) ids in the folder's vocabulary; see `text_of`.
        validation: held-out text; None: no validation.
        resume: go on from the folder's checkpoint.
        save_minutes: a checkpoint is saved so often, at the ends of epochs, and when training stops. Processes that
            train together save at those only, for then all are at the same step.
        device: such as "cpu" or "cuda".
        tensorboard: write event files, too.
        stop: asked after each step; once it says yes, the state is saved and the trainer returned, not `finished`.
        progress: told how far training has come.
        clock: seconds; for `save_minutes`.

    Raises:
        InputError: the checkpoint is missing, damaged, or of other settings; or another run has the folder.
        TrainingFailedError: a loss, gradient or parameter that is no number; what was saved before is still there.
    """
    with locked_folder(folder.path) if ProcessGroup().is_main else nullcontext():
        run = _Run(folder, text, validation, resume=resume, device=device, tensorboard=tensorboard, progress=progress)
        return run.train(stop, save_minutes=save_minutes, clock=clock)


class _Run:
    """The run of a locked folder: trained, logged, saved."""

    def __init__(
        self,
        folder: RunFolder,
        text: NDArray[np.int32],
        validation: NDArray[np.int32] | None,
        *,
        resume: bool,
        device: str | torch.device,
        tensorboard: bool,
        progress: Progress | None,
    ) -> None:
        self._folder, self._text, self._validation = folder, text, validation
        self._saved = folder.load_checkpoint() if resume and not folder.is_untrained else None
        self._group = ProcessGroup()
        self._progress = (progress if self._group.is_main else None) or Silent()
        tree, self._tree_seconds = self._tree()
        self._model = folder.model.build(folder.vocabulary, text, tree=tree).to(device)
        self._first_id = folder.vocabulary.id(SENTENCE_END)
        self._log: Log | None = None
        if self._group.is_main:
            if not resume:
                folder.create()  # now that nothing is wrong with the options
            if tree is not None and self._saved is None:
                folder.save_tree(tree)
            events = folder.path / "tensorboard" if tensorboard else None
            logged = None if self._saved is None else self._saved["log"]
            self._log = Log(folder.path / LOG, resume=logged, events=events)

    def train(self, stop: Callable[[], bool] | None, *, save_minutes: float, clock: Callable[[], float]) -> Trainer:
        """Train to the end, or until told to stop."""
        self._trainer = trainer = Trainer(
            self._model,
            self._text,
            self._folder.settings,
            first_id=self._first_id,
            validate=None if self._validation is None else self._validate,
            after_step=None if self._log is None else self._log.step,
            after_epoch=self._after_epoch,
            stop=stop,
            progress=self._progress,
        )
        saving = FolderCheckpoints(
            self._folder.path / CHECKPOINT,
            minutes=save_minutes if self._group.size == 1 else None,  # all processes save at the same step
            clock=clock,
        )
        if self._saved is not None:
            trainer.load_state_dict(self._saved["trainer"])
        else:
            trainer.prepared(self._tree_seconds)
            saving.save(self._write)
        try:
            trainer.run(saving, self._write)
        finally:
            if self._log is not None:
                self._log.close()
        self._group.barrier(next(self._model.parameters()).device)
        return trainer

    def _tree(self) -> tuple[Tree | None, float]:
        """Return the tree of the run's method, and the seconds that making it took: 0 where the folder has it.

        One process makes it, for all: trained on several threads, no two sets of vectors are the same. A run that was
        begun before there were such files goes on with the tree that counts alone give.

        Raises:
            InputError: options that the method refuses, or no time is left to train.
        """
        folder, tree = self._folder, self._folder.load_tree()
        if tree is not None:
            return tree, 0.0
        began = time.perf_counter()
        if self._group.is_main:
            text = None if self._saved is not None else self._text
            tree = folder.model.tree_from(folder.vocabulary, text, progress=self._progress)
        tree, seconds = self._group.gather(tree)[0], time.perf_counter() - began
        folder.settings.require_time_after(seconds)
        return tree, seconds

    def _validate(self) -> float:
        assert self._validation is not None
        vocabulary, progress = self._folder.vocabulary, self._progress
        return perplexity(self._model, self._validation, vocabulary, first_id=self._first_id, progress=progress).nats

    def _after_epoch(self, progressed: Progressed) -> None:
        if self._log is not None:
            self._log.epoch(progressed)
            if progressed.epochs_since_best == 0:
                self._trainer.check_finite()
                self._folder.save_model(self._model)

    def _write(self, path: Path) -> None:
        state: dict[str, Any] = {"trainer": self._trainer.state_dict()}  # gathered: all processes come here
        if self._log is not None:
            self._trainer.check_finite()
            write_state(path, {**state, "log": self._log.state})
