"""The run of a folder: trained, saved, logged, resumed."""

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
    """Train the model of a run folder, which always holds the last checkpoint and the best model so far.

    In a process group, only the main process writes. The best model is that with the lowest validation perplexity;
    without validation, the last one.

    Args:
        folder: a new one, or that of a run to resume.
        text: (n,) ids in the folder's vocabulary; see `text_of`.
        validation: held-out text; None: no validation.
        resume: continue from the folder's checkpoint.
        save_minutes: between checkpoints, which are also saved at the ends of epochs and when training stops. A process
            group saves only then, when all processes are at the same step.
        device: such as "cpu" or "cuda".
        tensorboard: also write event files.
        stop: called after each step; if it returns True, the state is saved and the trainer returned, not `finished`.
        progress: shows the progress of training.
        clock: seconds; for `save_minutes`.

    Raises:
        InputError: the checkpoint is missing, damaged, or of other settings; or another run uses the folder.
        TrainingFailedError: a loss, gradient or parameter is not finite; what was saved before is kept.
    """
    with locked_folder(folder.path) if ProcessGroup().is_main else nullcontext():
        run = _Run(folder, text, validation, resume=resume, device=device, tensorboard=tensorboard, progress=progress)
        return run.train(stop, save_minutes=save_minutes, clock=clock)


class _Run:
    """The run of a locked folder."""

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
                folder.create()  # after the options are checked
            if tree is not None and self._saved is None:
                folder.save_tree(tree)
            events = folder.path / "tensorboard" if tensorboard else None
            logged = None if self._saved is None else self._saved["log"]
            self._log = Log(folder.path / LOG, resume=logged, events=events)

    def train(self, stop: Callable[[], bool] | None, *, save_minutes: float, clock: Callable[[], float]) -> Trainer:
        """Train to the end, or until `stop` returns True."""
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
        """Return the tree of the run's method and the seconds spent on making it; 0 if the folder has it.

        One process makes it for all, because vectors trained on several threads are never the same twice. A run that
        was started before there were tree files resumes with the tree of the counts alone.

        Raises:
            InputError: invalid options of the method, or no time is left to train.
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
        state: dict[str, Any] = {"trainer": self._trainer.state_dict()}  # gathered from all processes
        if self._log is not None:
            self._trainer.check_finite()
            write_state(path, {**state, "log": self._log.state})
