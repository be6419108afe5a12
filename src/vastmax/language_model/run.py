"""One run from its folder: trained, saved, logged, resumed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vastmax.language_model.evaluation import perplexity
from vastmax.language_model.log import Log
from vastmax.language_model.run_folder import LOG, RunFolder
from vastmax.language_model.team import Team
from vastmax.language_model.text import SENTENCE_END
from vastmax.language_model.train import Progressed, Trainer
from vastmax.progress import Progress, Silent
from vastmax.run_lock import locked_folder


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

    Where processes train together only the leading one writes. The best model is that of the lowest validation
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
    with ExitStack() as locks:
        if Team().leads:
            locks.enter_context(locked_folder(folder.path))
        return _train_run(
            folder,
            text,
            validation,
            resume=resume,
            save_minutes=save_minutes,
            device=device,
            tensorboard=tensorboard,
            stop=stop,
            progress=progress or Silent(),
            clock=clock,
        )


def _train_run(
    folder: RunFolder,
    text: NDArray[np.int32],
    validation: NDArray[np.int32] | None,
    *,
    resume: bool,
    save_minutes: float,
    device: str | torch.device,
    tensorboard: bool,
    stop: Callable[[], bool] | None,
    progress: Progress,
    clock: Callable[[], float],
) -> Trainer:
    """Do what `train_run` does, the folder being locked."""
    saved = folder.load_checkpoint() if resume and not folder.is_untrained else None
    team = Team()
    model = folder.model.build(folder.vocabulary, text).to(device)
    if team.leads and not resume:
        folder.create()  # now that nothing is wrong with the options
    end = folder.vocabulary.id(SENTENCE_END)
    log = None
    if team.leads:
        events = folder.path / "tensorboard" if tensorboard else None
        log = Log(folder.path / LOG, resume=None if saved is None else saved["log"], events=events)
    progress = progress if team.leads else Silent()

    def save() -> None:
        state: dict[str, Any] = {"trainer": trainer.state_dict()}  # gathered: all processes come here
        if log is None:
            return
        trainer.check_finite()
        folder.save_checkpoint({**state, "log": log.state})

    last_saved = clock()

    def after_step(progressed: Progressed, loss: float) -> None:
        nonlocal last_saved
        if log is not None:
            log.step(progressed, loss)
        if team.size == 1 and clock() - last_saved >= 60 * save_minutes:
            save()
            last_saved = clock()

    def after_epoch(progressed: Progressed) -> None:
        nonlocal last_saved
        if log is not None:
            log.epoch(progressed)
        if team.leads and progressed.epochs_since_best == 0:
            trainer.check_finite()
            folder.save_model(model)
        save()
        last_saved = clock()

    validate: Callable[[], float] | None = None
    if validation is not None:
        held_out = validation

        def validate() -> float:
            return perplexity(model, held_out, folder.vocabulary, first_id=end, progress=progress).nats

    trainer = Trainer(
        model,
        text,
        folder.settings,
        first_id=end,
        validate=validate,
        after_step=after_step,
        after_epoch=after_epoch,
        stop=stop,
        progress=progress,
    )
    if saved is not None:
        trainer.load_state_dict(saved["trainer"])
    else:
        save()
    try:
        trainer.run()
        if not trainer.finished:
            save()
    finally:
        if log is not None:
            log.close()
    team.wait(next(model.parameters()).device)
    return trainer
